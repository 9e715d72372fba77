"""The command compare: two reports, campaigns or atlases. It loads no framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import console
from .cli_report import check_out, read
from .errors import UsageError

if TYPE_CHECKING:
    from .comparing.model import Comparison
    from .reporting.model import Report

_GIVEN = "A report.json, the folder that holds one, or that of a campaign or of an atlas."
_ATLAS = "atlas.json"


def compare(
    old: Annotated[str, typer.Argument(help=_GIVEN, metavar="OLD", show_default=False)],
    new: Annotated[
        str, typer.Argument(help="The one to hold against it.", metavar="NEW", show_default=False)
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder for comparison.md and comparison.html; by default neither is written.", metavar="DIR"
        ),
    ] = None,
) -> int:
    """Say what got worse, better, new or gone from one report to another.

    Two campaigns of the same cases are compared over the chunks that both have, two atlases by each
    function's errors. The exit status is 1 if something got worse: newly wrong, newly unstable or no longer
    judged in what both runs asked for, or more of it wrong in the same cases; of an atlas, an error that is
    newly beyond its threshold or not finite, or doubled there. Otherwise it is 0, also where both are wrong.
    """
    from .comparing.text import print_comparison

    check_out(out, "leave it out for no files")
    atlases = _atlas(old), _atlas(new)
    if atlases[0] is not None and atlases[1] is not None:
        return _compared_atlases(atlases[0], atlases[1], out)
    if atlases != (None, None):
        raise UsageError("one of the two is an atlas, and the other is not; give two atlases or two reports")
    comparison, names = _compared(old, new)
    if out is not None:
        from .comparing.markdown import comparison_markdown
        from .comparing.page import comparison_html
        from .reporting.files import write_texts

        write_texts(
            out,
            {
                "comparison.html": comparison_html(comparison, names),
                "comparison.md": comparison_markdown(comparison),
            },
        )
    print_comparison(comparison, console(), names)
    return 1 if comparison.regressed else 0


def _compared(old: str, new: str) -> tuple[Comparison, tuple[str, str]]:
    """The comparison, and what the two are called."""
    from .comparing.compare import compare as compared

    campaigns = _campaign(old), _campaign(new)
    if campaigns[0] is not None and campaigns[1] is not None:
        from .campaign.pairing import pair_of

        pair = pair_of(campaigns[0], campaigns[1])
        (old_path, before), (new_path, after) = pair.old, pair.new
        return compared(before, after, pair.unlike, pair.note), (str(old_path), str(new_path))
    (old_path, before), (new_path, after) = (
        _read(given, what, campaign)
        for given, what, campaign in zip((old, new), ("OLD", "NEW"), campaigns, strict=True)
    )
    return compared(before, after), (str(old_path), str(new_path))


def _atlas(given: str) -> Path | None:
    """The file of an atlas, which may be given by its folder; None for anything else."""
    if not given:
        return None
    try:
        path = Path(given) / _ATLAS if Path(given).is_dir() else Path(given)
        is_one = path.name == _ATLAS and path.is_file() and not path.with_name("report.json").is_file()
    except (OSError, ValueError):  # what is wrong with it, reading says
        return None
    return path if is_one else None


def _compared_atlases(old: Path, new: Path, out: str | None) -> int:
    from .atlas.files import read_atlas
    from .atlas_changes import compare_atlases, print_atlas_comparison

    if out is not None:
        raise UsageError("--out is for reports and campaigns; leave it out for atlases")
    comparison = compare_atlases(read_atlas(old), read_atlas(new))
    print_atlas_comparison(comparison, console(), (str(old), str(new)))
    return 1 if comparison.of("worse") else 0


def _campaign(given: str) -> Path | None:
    """The folder of a campaign; None for anything else."""
    from .campaign.options import is_campaign

    return Path(given) if given and is_campaign(Path(given)) else None


def _read(given: str, what: str, campaign: Path | None) -> tuple[Path, Report]:
    if campaign is None:
        return read(given, what)
    from .campaign.pairing import campaign_report

    return campaign_report(campaign)
