"""A result in lines for the terminal: what `backproof check` prints."""

from __future__ import annotations

from collections.abc import Iterator

from backproof.reporting.safe_text import safe_text

from .model import Finding, Mark, Result

_WORDS = {
    "conforms": "right",
    "convention": "right",
    "unstable": "unstable",
    "mismatch": "wrong",
    "fault": "fault",
    "not judged": "not judged",
    "not shown": "not shown",
}


def lines_of(result: Result, feedback: str) -> Iterator[str]:
    """A line an equation, with what is known of it as far as `feedback` allows."""
    if result.status != "graded":
        yield safe_text(f"{result.status}: {result.reason}")
    else:
        told: set[int] = set()
        for mark in result.marks:
            yield safe_text(_line(mark))
            for finding in result.findings_of(mark):
                if feedback != "verdict" and finding.number not in told:
                    told.add(finding.number)
                    yield from map(safe_text, _details(finding, feedback))
        for line in result.unstable:
            yield safe_text(f"unstable    {line.equation}: {line.what}, in {_cases(line.cases)}")
        for line in result.conventions:
            yield safe_text(
                f"convention  {line.equation}: {line.what}, in {_cases(line.cases)}; costs nothing"
            )
        for line in result.faults:
            yield safe_text(f"besides     {line.what}, in {_cases(line.cases)}")
    for note in result.integrity:
        yield safe_text(f"noted       {note.what} ({note.kind}); a solution need not")
    yield f"{result.total:g} of {result.out_of:g} points"


def _line(mark: Mark) -> str:
    points = f"{mark.earned:g}/{mark.points:g}"
    return f"{mark.equation:<4} {_WORDS[mark.verdict]:<10} {points:>7}  {mark.title}. {mark.reason}"


def _details(finding: Finding, feedback: str) -> Iterator[str]:
    where = f", layer {' and '.join(map(str, finding.layers))}" if finding.layers else ""
    yield f"       {finding.equation}{where}: {finding.what}"
    if finding.evidence:
        yield f"       evidence {finding.evidence}"
    if finding.smallest:
        yield f"       smallest {finding.smallest}"
    if feedback == "solution":
        if finding.remedy:
            yield f"       mend     {finding.remedy}"
        if finding.values is not None:
            for entry in finding.values.entries:
                expected = ", ".join(f"{each.side} {each.value!r}" for each in entry.expected)
                place = f"[{', '.join(map(str, entry.entry))}]" if entry.entry else ""
                layer = f"[{finding.values.layer}]" if finding.values.layer else ""
                yield f"       {finding.values.quantity}{layer}{place} is {entry.observed!r}; {expected}"


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"
