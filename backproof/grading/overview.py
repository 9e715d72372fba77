"""What a lecturer sees of all results at once, as plain data: how marks are spread, what is wrong how often,
who has the same wrong numbers. `overview_page` shows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median

from .model import Finding, Result
from .rubric import LATEX, TITLES, Rubric

BINS = 10
"""Bars of the histogram, besides one for all points."""
MISTAKES = ("mistake", "pair", "convention")
"""Kinds of findings that have a name in the catalogue."""
EXPLAINED = (*MISTAKES, "relation")
"""Kinds of findings whose numbers are explained, such as by twice the right ones."""


@dataclass(frozen=True)
class Bar:
    """How many submissions have from `least` to under `end` points; all of them, if both are the same."""

    least: float
    end: float
    count: int


@dataclass(frozen=True)
class EquationRow:
    """One equation in all submissions that were graded."""

    equation: str
    title: str
    points: float
    mean: float
    verdicts: dict[str, int]
    """Verdict → in how many."""


@dataclass
class Shared:
    """One thing that was found in some submissions: the first of its findings, and who has it."""

    finding: Finding
    who: list[Result] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Whether it has a name in the catalogue."""
        return self.finding.kind in MISTAKES and bool(self.finding.name)


@dataclass(frozen=True)
class Alike:
    """Submissions with the same wrong numbers."""

    equations: tuple[str, ...]
    who: tuple[Result, ...]
    what: str
    """What explains the numbers; empty where nothing known does."""


@dataclass(frozen=True)
class Overview:
    """All of it."""

    results: tuple[Result, ...]
    graded: tuple[Result, ...]
    not_graded: tuple[Result, ...]
    right: int
    mean: float | None
    median: float | None
    bars: tuple[Bar, ...]
    equations: tuple[EquationRow, ...]
    mistakes: tuple[Shared, ...]
    unnamed: tuple[Shared, ...]
    alike: tuple[Alike, ...]
    alike_known: tuple[Alike, ...]
    same_bytes: tuple[tuple[Result, ...], ...]
    noted: tuple[Result, ...]
    faulty: tuple[Result, ...]


def overview(results: Sequence[Result], rubric: Rubric) -> Overview:
    """The same results give the same, in whatever order they come."""
    ordered = tuple(sorted(results, key=lambda result: (result.name, result.key)))
    graded = tuple(result for result in ordered if result.status == "graded")
    totals = [result.total for result in graded]
    shared = _shared(graded)
    unknown, known = _alike(graded)
    return Overview(
        results=ordered,
        graded=graded,
        not_graded=tuple(result for result in ordered if result.status != "graded"),
        right=sum(result.is_right for result in graded),
        mean=mean(totals) if totals else None,
        median=median(totals) if totals else None,
        bars=_bars(totals, rubric.out_of),
        equations=tuple(_row(equation, points, graded) for equation, points in rubric.asked.items()),
        mistakes=tuple(each for each in shared if each.known),
        unnamed=tuple(each for each in shared if not each.known),
        alike=unknown,
        alike_known=known,
        same_bytes=_same_bytes(graded),
        noted=tuple(result for result in ordered if result.integrity),
        faulty=tuple(result for result in graded if result.faults),
    )


# ---------------------------------------------------------------- marks


def _bars(totals: Sequence[float], out_of: float) -> tuple[Bar, ...]:
    counts = [0] * (BINS + 1)
    for total in totals:
        # Sums of points are not exact: what is all but a millionth is all.
        part = total / out_of if out_of else 0.0
        counts[BINS if part >= 1 - 1e-6 else int(part * BINS + 1e-9)] += 1
    ends = [out_of * number / BINS for number in range(BINS + 1)]
    bars = [Bar(least, end, count) for least, end, count in zip(ends, ends[1:], counts, strict=False)]
    return (*bars, Bar(out_of, out_of, counts[BINS]))


def _row(equation: str, points: float, graded: Sequence[Result]) -> EquationRow:
    marks = [mark for result in graded for mark in result.marks if mark.equation == equation]
    verdicts: dict[str, int] = {}
    for mark in marks:
        verdicts[mark.verdict] = verdicts.get(mark.verdict, 0) + 1
    average = mean(mark.earned for mark in marks) if marks else 0.0
    return EquationRow(equation, TITLES.get(equation, ""), points, average, verdicts)


# ---------------------------------------------------------------- what is wrong


def _shared(graded: Sequence[Result]) -> list[Shared]:
    """What was found, the commonest first; then in the order of a pass."""
    found: dict[tuple[str, ...], Shared] = {}
    for result in graded:
        for finding in result.findings:
            key = (finding.equation, finding.kind, finding.name, "" if finding.name else _kind(finding.what))
            entry = found.setdefault(key, Shared(finding))
            if result not in entry.who:
                entry.who.append(result)
    order = list(LATEX)
    return sorted(
        found.values(),
        key=lambda each: (
            -len(each.who),
            order.index(each.finding.equation) if each.finding.equation in order else len(order),
            each.finding.name,
            each.finding.what,
        ),
    )


def _kind(what: str) -> str:
    """What is told without its numbers and asides, which differ from network to network."""
    return re.sub(r"[\d.]+", "#", re.sub(r"\([^()]*\)", "()", what))


def _alike(graded: Sequence[Result]) -> tuple[tuple[Alike, ...], tuple[Alike, ...]]:
    """Submissions with equal fingerprints: those that nothing known explains, then the others.

    Those that are alike in several equations are one entry.
    """
    having: dict[tuple[str, str], dict[str, tuple[Result, list[Finding]]]] = {}
    for result in graded:
        for finding in result.findings:
            if finding.fingerprint and finding.verdict == "mismatch":
                here = having.setdefault((finding.equation, finding.fingerprint), {})
                here.setdefault(result.key, (result, []))[1].append(finding)
    together: dict[tuple[bool, tuple[str, ...]], tuple[list[Result], list[str], list[str]]] = {}
    for (equation, _), people in having.items():
        if len(people) < 2:
            continue
        findings = [finding for _, found in people.values() for finding in found]
        known = all(finding.kind in EXPLAINED and finding.name for finding in findings)
        entry = together.setdefault(
            (known, tuple(sorted(people))), ([result for result, _ in people.values()], [], [])
        )
        entry[1].append(equation)
        entry[2].extend(dict.fromkeys(finding.name for finding in findings if finding.name))
    rows: dict[bool, list[Alike]] = {False: [], True: []}
    for (known, _), (people_alike, equations, names) in together.items():
        what = ", ".join(dict.fromkeys(names)) if known else ""
        rows[known].append(Alike(tuple(dict.fromkeys(equations)), tuple(people_alike), what))
    for each in rows.values():
        each.sort(key=lambda row: (-len(row.who), row.equations, row.who[0].name))
    return tuple(rows[False]), tuple(rows[True])


def _same_bytes(graded: Sequence[Result]) -> tuple[tuple[Result, ...], ...]:
    """Submissions that are the same files, byte for byte."""
    found: dict[str, list[Result]] = {}
    for result in graded:
        found.setdefault(result.source_hash, []).append(result)
    return tuple(tuple(each) for each in found.values() if len(each) > 1)
