"""Two campaigns beside each other: their reports about the chunks that both have, and what is unlike.

Case i of a seed is the same in both, so campaigns of the same options are held against each other over what
both have judged, however far each of them is. Nothing is judged for that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from backproof.errors import CampaignError, ReportError
from backproof.reporting.files import JSON_NAME, read_report
from backproof.reporting.model import Report

from . import store
from .options import CampaignFile, read_options
from .plan import place_of
from .report import command_of, report_on


class Pair(NamedTuple):
    """Two campaigns, ready to be compared."""

    old: tuple[Path, Report]
    """The file of its report, or its folder where that was made now; and the report."""
    new: tuple[Path, Report]
    unlike: tuple[tuple[str, str, str], ...]
    """What else than options is unlike: its name, as it was in the old campaign, as it is in the new one."""
    note: str
    """How much both have, and how much of that came to the same, in one sentence."""


class _Side(NamedTuple):
    folder: Path
    campaign: CampaignFile
    records: dict[int, tuple[store.Record, int]]


def campaign_report(folder: Path) -> tuple[Path, Report]:
    """The report of all that is there: the one written last, if nothing came since, or one made now.

    One made now has neither cases nor causes, and stands for the folder itself. Raises CampaignError if there
    is no campaign, nothing in it yet, or what is there is damaged.
    """
    side = _side(folder)
    return _report(side, list(side.records))


def pair_of(old: Path, new: Path) -> Pair:
    """Two campaigns, about the chunks of both if they have the same cases; else about all of each.

    Raises CampaignError as `campaign_report` does, and if they have the same cases and no chunk in common.
    """
    sides = _side(old), _side(new)
    before, after = sides[0].campaign, sides[1].campaign
    changes = [row for row in before.changes(after) if not row[0].startswith("--")]
    unlike = tuple(row for row in changes if row[0] not in _TOLD_BY_REPORTS)
    if _cases(before) != _cases(after):
        note = "these campaigns have other cases; each is compared as a whole"
        return _paired(sides, [list(side.records) for side in sides], unlike, note)
    common = sorted(sides[0].records.keys() & sides[1].records.keys())
    if not common:
        raise CampaignError(
            f"{old} and {new} have no chunk in common yet; go on with either: 'backproof campaign resume'"
        )
    return _paired(sides, [common, common], unlike, _note(sides, common))


_TOLD_BY_REPORTS = {"the implementation", "what the implementation declares"}


def _cases(campaign: CampaignFile) -> tuple[object, ...]:
    """All that says which cases a chunk has."""
    asked = campaign.asked
    return asked.seed, asked.dtypes, asked.chunk, campaign.activations, campaign.losses, campaign.strata


def _side(folder: Path) -> _Side:
    campaign = read_options(folder)
    path = folder / store.RESULTS_NAME
    found = store.scan(path, campaign.digest, contents=True)
    if found.damage:
        raise store.damaged(path, found.damage)
    return _Side(folder, campaign, found.records)


def _paired(
    sides: tuple[_Side, _Side], numbers: list[list[int]], unlike: tuple[tuple[str, str, str], ...], note: str
) -> Pair:
    old, new = (_report(side, chunks) for side, chunks in zip(sides, numbers, strict=True))
    path, report = new
    if path == sides[1].folder and report.counts.wrong:
        note += f"; 'backproof campaign report {path}' looks for causes"
    return Pair(old, new, unlike, note)


def _report(side: _Side, numbers: list[int]) -> tuple[Path, Report]:
    """The report that was written, if it is about these very chunks: it has causes, which take long."""
    written = side.folder / "report" / JSON_NAME
    try:
        report = read_report(written)
    except ReportError:
        pass
    else:
        records = {number: side.records[number] for number in numbers}
        if report.run.command == command_of(side.campaign, records):
            return written, report
    report, _ = report_on(side.folder, diagnose=False, cases=False, only=set(numbers))
    # No case is written, so there is none that could be replayed.
    findings = tuple(finding.model_copy(update={"replay": ""}) for finding in report.findings)
    return side.folder, report.model_copy(update={"findings": findings})


def _note(sides: tuple[_Side, _Side], common: list[int]) -> str:
    cases = sum(sides[1].records[number][0].cases for number in common)
    unlike = [number for number in common if _told(sides[0], number) != _told(sides[1], number)]
    said = f"both have {len(common):,} chunks with {cases:,} cases"
    if not unlike:
        return f"{said}, and all counts of each are the same"
    asked = sides[1].campaign.asked
    place = place_of(unlike[0], asked.dtypes, asked.chunk)
    return (
        f"{said}; counts are unlike in {len(unlike):,} of them, first in chunk {unlike[0]:,}, {place.dtype} "
        f"cases {place.first:,} to {place.first + asked.chunk - 1:,}"
    )


def _told(side: _Side, number: int) -> object:
    """What a chunk came to, but where it was judged."""
    text = store.content_of(side.folder / store.RESULTS_NAME, *side.records[number])
    if b'"environment"' not in text:
        return text
    values = json.loads(text)
    return json.dumps([values["tally"], values["offered"]], sort_keys=True).encode()
