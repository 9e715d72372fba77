"""What is to be kept, read from what people have: saved cases, reports, entries of another corpus."""

from __future__ import annotations

import os
from pathlib import Path

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

    Of a report that is each finding against its implementation: mismatches, faults and what is unstable,
    the gravest first. Raises ReportError for a file that holds nothing of the kind, and UsageError for a note
    that is too long.
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
    report = read_report(path)
    found: dict[str, Kept] = {}
    for finding in report.findings:
        if _is_against(report, finding) and finding.case_id not in found:
            found[finding.case_id] = _of_finding(report, finding, path, note)
    return tuple(found.values())


def _is_against(report: Report, finding: Finding) -> bool:
    """Whether it counts against the implementation; what frameworks err by is no reason to keep a case."""
    return finding.wrong or (finding.verdict == "unstable" and finding.left == report.run.implementation)


def _of_finding(report: Report, finding: Finding, path: Path, note: str | None) -> Kept:
    case = _case_of(finding, path)
    if case.content_hash[:16] != finding.case_id:
        raise ReportError(
            f"{safe_text(str(path))}: the case of finding {finding.number} is not {finding.case_id}; "
            "was it edited?"
        )
    return _kept(
        case,
        _shortened(finding.message) if note is None else note,
        equation=finding.equation if finding.equation in EQUATION_IDS else None,
        cause=_shortened(finding.cause or ""),
        found=Found(
            implementation=_shortened(report.run.implementation), mistake=report.run.mistake
        ).model_dump(),
    )


def _case_of(finding: Finding, path: Path) -> Case:
    """The finding's case, from its own file if it is long and stands only there."""
    file = path.parent / finding.case_file
    try:
        if finding.case is not None:
            return case_from_dict(finding.case)
        return case_from_dict(parse_json(read_text(file, "the folder of a report with its cases")))
    except InvalidCaseError as error:
        place = path if finding.case is not None else file
        raise ReportError(
            f"{safe_text(str(place))}: the case of finding {finding.number} is none: {safe_text(str(error))}"
        ) from None


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
