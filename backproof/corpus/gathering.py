"""What is to be kept, read from what people have: saved cases, reports, entries of another corpus."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from backproof.errors import ReportError, UsageError
from backproof.reporting.files import read_report, read_text
from backproof.reporting.model import FORMAT as REPORT_FORMAT
from backproof.reporting.model import Finding, Report
from backproof.reporting.safe_text import safe_text
from refimpl import Case, InvalidCaseError, case_from_dict, case_to_dict
from refimpl.serialization import CASE_FORMAT, parse_json

from .files import Kept, entry_of
from .model import EQUATION_IDS, FORMAT, LONGEST_LINE, VERSION, Entry, Found

_WANTED = "a case as reports save them under cases/, a report.json, or an entry of a corpus"


def gathered(path: str | os.PathLike[str], note: str | None = None) -> tuple[Kept, ...]:
    """What a file holds to be kept, each case once; `note` takes the place of what the file says.

    Of a report that is the smallest known case of each finding against its implementation: mismatches, faults
    and what is unstable, the gravest first. Raises ReportError for a file that holds nothing of the kind,
    and UsageError for a note that is too long.
    """
    if note is not None and len(safe_text(note)) > LONGEST_LINE:
        raise UsageError(f"--note has {len(safe_text(note))} characters; the most is {LONGEST_LINE}")
    place = safe_text(str(path))
    text = read_text(Path(path), _WANTED)
    try:
        values = parse_json(text)
        kind = values.get("format") if isinstance(values, dict) else None
        if kind == REPORT_FORMAT:
            return _of_report(Path(path), note)
        if kind == FORMAT:
            kept = entry_of(text, place)
            entry = kept.entry if note is None else kept.entry.model_copy(update={"note": safe_text(note)})
            return (Kept(entry, kept.case),)
        if kind != CASE_FORMAT:
            raise ReportError(f"{place} holds no case: its 'format' is not {CASE_FORMAT!r}; give {_WANTED}")
        return (_kept(case_from_dict(values), note or ""),)
    except InvalidCaseError as error:
        raise ReportError(f"{place}: {safe_text(str(error))}; give {_WANTED}") from None


def _kept(case: Case, note: str, **more: object) -> Kept:
    values = {"format": FORMAT, "version": VERSION, "note": note, "case": case_to_dict(case), **more}
    return Kept(Entry.model_validate(values), case)


def _of_report(path: Path, note: str | None) -> tuple[Kept, ...]:
    """One for each cause of which the smallest case is known; else each finding's own case."""
    report = read_report(path)
    smallest = {number: cause for cause in report.causes if cause.smallest_id for number in cause.findings}
    found: dict[str, Kept] = {}
    for finding in report.findings:
        cause = smallest.get(finding.number)
        case_id = finding.case_id if cause is None else cause.smallest_id
        if case_id is not None and _is_against(report, finding) and case_id not in found:
            case_json = finding.case if cause is None else cause.smallest_case
            case = _case_of(case_json, case_id, finding.number, path)
            found[case_id] = _of_finding(report, finding, case, note)
    return tuple(found.values())


def _is_against(report: Report, finding: Finding) -> bool:
    """Whether it counts against the implementation; what frameworks err by is no reason to keep a case."""
    return finding.wrong or (finding.verdict == "unstable" and finding.left == report.run.implementation)


def _of_finding(report: Report, finding: Finding, case: Case, note: str | None) -> Kept:
    implementation = _shortened(report.run.implementation)
    return _kept(
        case,
        _shortened(finding.message) if note is None else note,
        equation=finding.equation if finding.equation in EQUATION_IDS else None,
        cause=_shortened(finding.cause or ""),
        found=Found(implementation=implementation, mistake=report.run.mistake).model_dump(),
    )


def _case_of(case_json: dict[str, Any] | None, case_id: str, number: int, path: Path) -> Case:
    """A case of a report, which is in its own file only if it is long."""
    file = path if case_json is not None else path.parent / "cases" / f"{case_id}.json"
    place = safe_text(str(file))
    try:
        if case_json is None:
            case_json = parse_json(read_text(file, "the folder of a report with its cases"))
        case = case_from_dict(case_json)
    except InvalidCaseError as error:
        raise ReportError(f"{place}: the case of finding {number} is none: {safe_text(str(error))}") from None
    if case.content_hash[:16] != case_id:
        raise ReportError(f"{place}: the case of finding {number} is not {case_id}; was it edited?")
    return case


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
