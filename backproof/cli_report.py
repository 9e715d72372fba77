"""The commands that work from reports alone: report and compare. They load no framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import console
from .errors import UsageError

if TYPE_CHECKING:
    from .reporting.model import Report

_REPORT = "A report.json, or the folder that holds one."


def report(
    file: Annotated[str, typer.Argument(help=_REPORT, metavar="FILE", show_default=False)],
    out: Annotated[
        str | None,
        typer.Option(help="Folder for the files; by default that of FILE.", metavar="DIR"),
    ] = None,
) -> int:
    """Print a report's summary, and write its page, summary.md and junit.xml again.

    With --out the report itself is written there, too, in the format of this version, with the cases that are
    in it. Rendering is no verdict: the exit status is 0 whatever the report says.
    """
    from .reporting.files import write_renderings, write_report
    from .reporting.text import print_summary

    path, read = _read(file, "FILE")
    _check_out(out, "leave it out for the folder of FILE")
    here = out is None or (Path(out).is_dir() and Path(out).samefile(path.parent))
    written = path if here else write_report(read, Path(out or ""))
    if here:
        write_renderings(read, path.parent)
    print_summary(read, console(), written)
    return 0


def compare(
    old: Annotated[str, typer.Argument(help=_REPORT, metavar="OLD", show_default=False)],
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

    The exit status is 1 if something got worse: newly wrong, newly unstable or no longer judged in what both
    runs asked for, or more of it wrong in the same cases. Otherwise it is 0, also where both runs are wrong.
    """
    from .comparing.compare import compare as compared
    from .comparing.text import print_comparison

    (old_path, before), (new_path, after) = _read(old, "OLD"), _read(new, "NEW")
    _check_out(out, "leave it out for no files")
    comparison = compared(before, after)
    if out is not None:
        from .comparing.markdown import comparison_markdown
        from .comparing.page import comparison_html
        from .reporting.files import write_texts

        names = (str(old_path), str(new_path))
        write_texts(
            out,
            {
                "comparison.html": comparison_html(comparison, names),
                "comparison.md": comparison_markdown(comparison),
            },
        )
    print_comparison(comparison, console(), (str(old_path), str(new_path)))
    return 1 if comparison.regressed else 0


def _read(given: str, what: str) -> tuple[Path, Report]:
    """The file of a report and what it holds; a folder stands for the report.json in it."""
    from .reporting.files import JSON_NAME, read_report

    if given == "":
        raise UsageError(f"{what} is empty; give a {JSON_NAME} or the folder that holds one")
    try:
        path = Path(given) / JSON_NAME if Path(given).is_dir() else Path(given)
    except (OSError, ValueError):  # what is wrong with it, reading says
        path = Path(given)
    return path, read_report(path)


def _check_out(out: str | None, otherwise: str) -> None:
    if out == "":
        raise UsageError(f"--out is empty; give a folder, or {otherwise}")
