"""junit.xml: a run in JUnit's XML, which CI services read: a test case an equation or a cell of functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from . import wording
from .model import CauseRow, Counts, EquationRow, Finding, MatrixCell, Report
from .safe_text import safe_text

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""Attribute of a suite → the element in its test cases that it counts."""
_FINDINGS = 5
"""At most so many are told in one test case: the page has them all."""

# What one side of an equation's checks is counted under: see the tally's rows.
_COUNTED_WITH = {"F1": ("F2",), "B2": ("B3",), "B1a": ("B5",)}


def report_junit(report: Report) -> str:
    """The XML as text. The same report gives the same bytes.

    A mismatch is a failure; a fault, an interruption and a missed floor are errors; what could not be judged
    is skipped. All time is that of the run: one check has none of its own.
    """
    root = ET.Element("testsuites", {"name": "backproof"})
    suites = {
        "run": _run(report),
        "equations": [_equation(row, report) for row in report.equations],
        "functions": [_function(cell, report) for cell in report.matrix],
    }
    for name, cases in suites.items():
        suite = ET.SubElement(root, "testsuite", {"name": name})
        suite.extend(cases)
        _count(suite, cases)
        if report.times.started is not None:
            suite.set("timestamp", _text(report.times.started))
    _count(root, [case for cases in suites.values() for case in cases])
    ET.indent(root)
    return _DECLARATION + ET.tostring(root, encoding="unicode") + "\n"


def _count(element: ET.Element, cases: Sequence[ET.Element]) -> None:
    element.set("tests", str(len(cases)))
    for attribute, tag in _COUNTED.items():
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", _seconds(sum(float(case.get("time", "0")) for case in cases)))


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _text(*lines: str) -> str:
    """Lines without a character that XML 1.0 cannot have: each of those is none that one can print."""
    return "\n".join(safe_text(line) for line in lines if line)


def _case(classname: str, name: str, seconds: float = 0.0) -> ET.Element:
    attributes = {"classname": _text(classname), "name": _text(name), "time": _seconds(seconds)}
    return ET.Element("testcase", attributes)


def _mark(case: ET.Element, tag: str, kind: str, message: str, lines: Iterable[str] = ()) -> ET.Element:
    """Puts a failure, an error or the like into a test case."""
    attributes = {"message": _text(message)} | ({"type": _text(kind)} if kind else {})
    mark = ET.SubElement(case, tag, attributes)
    mark.text = _text(*lines) or None
    return case


# ---------------------------------------------------------------- the run


def _run(report: Report) -> list[ET.Element]:
    """Whether it came to its end, judged enough and found nothing wrong."""
    classname, counts = "backproof.run", report.counts
    completed = _case(classname, "completed", report.times.seconds or 0.0)
    if report.status == "interrupted":
        asked = wording.plural(report.run.cases_requested, "case")
        _mark(completed, "error", "interrupted", f"interrupted after {counts.total:,} of {asked}")
    floor = _case(classname, "judged enough")
    if not report.floor_met:
        judged = wording.plural(counts.judged, "judged case")
        _mark(floor, "error", "floor", f"{judged}, fewer than the floor of {report.floor:,}")
    verdict = _case(classname, "nothing wrong")
    if counts.wrong:
        _wrong(verdict, counts, wording.verdict_sentence(report), _told(report, report.findings))
    elif not counts.judged:
        _mark(verdict, "skipped", "", "nothing was judged")
    return [completed, floor, verdict]


def _wrong(case: ET.Element, counts: Counts, message: str, lines: Iterable[str]) -> ET.Element:
    """A failure, or an error if anything is a fault."""
    tag, kind = ("error", "fault") if counts.fault else ("failure", "mismatch")
    return _mark(case, tag, kind, message, lines)


# ---------------------------------------------------------------- equations and functions


def _equation(row: EquationRow, report: Report) -> ET.Element:
    case, checks = _case("backproof.equations", f"{row.id} {row.title}"), row.checks
    ids = {row.id, *_COUNTED_WITH.get(row.id, ())}
    own = [
        finding
        for finding in report.findings
        if finding.equation in ids and finding.scope == "local" and finding.left == report.run.implementation
    ]
    if checks.wrong:
        message = f"{row.verdict}: {checks.wrong:,} of {wording.plural(checks.judged, 'judged check')}"
        return _wrong(case, checks, f"{message} wrong", _told(report, own))
    if not checks.judged:
        unjudged = wording.plural(checks.not_judged, "check")
        return _mark(
            case, "skipped", "", f"nothing judged; {unjudged} not judged" if checks.total else "no check"
        )
    if checks.unstable:
        output = ET.SubElement(case, "system-out")
        unstable = [finding for finding in own if finding.verdict == "unstable"]
        output.text = _text(f"unstable in {wording.plural(checks.unstable, 'check')}", *map(_line, unstable))
    return case


def _function(cell: MatrixCell, report: Report) -> ET.Element:
    case, counts = _case(f"backproof.functions.{cell.dtype}", f"{cell.activation} × {cell.loss}"), cell.counts
    if counts.wrong:
        message = f"{counts.wrong:,} of {wording.plural(counts.judged, 'judged case')} wrong"
        here = [finding for finding in report.findings if _in_cell(finding, cell)]
        return _wrong(case, counts, f"{counts.worst()}: {message}", _told(report, here))
    if not counts.judged:
        return _mark(case, "skipped", "", f"{wording.plural(counts.total, 'case')}, none judged")
    return case


def _in_cell(finding: Finding, cell: MatrixCell) -> bool:
    """Whether its case counts there; a long case stands in a file of its own, and may."""
    activations, loss = wording.functions_in(finding.case)
    may = not activations or (cell.activation in activations and cell.loss == loss)
    return may and finding.dtype == cell.dtype


def _told(report: Report, findings: Iterable[Finding]) -> list[str]:
    """The causes of those that are wrong, and the findings themselves."""
    wrong = [finding for finding in findings if finding.wrong]
    numbers = {finding.number for finding in wrong}
    lines = [line for cause in report.causes if numbers & set(cause.findings) for line in _cause(cause)]
    lines += [_line(finding) for finding in wrong[:_FINDINGS]]
    rest = len(wrong) - _FINDINGS
    return [*lines, f"and {wording.plural(rest, 'further finding')}"] if rest > 0 else lines


def _cause(cause: CauseRow) -> list[str]:
    told: dict[str, Any] = {
        "mend": cause.remedy,
        "evidence": cause.evidence,
        "smallest": cause.smallest,
        "replay": cause.replay,
        "script": cause.script_file,
    }
    head = f"cause: {wording.cause_place(cause)}: {cause.what}"
    return [head, *(f"   {label}: {text}" for label, text in told.items() if text)]


def _line(finding: Finding) -> str:
    return f"finding {finding.number}, {finding.dtype}: {finding.message}; {finding.replay}"
