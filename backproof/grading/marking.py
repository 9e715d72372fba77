"""From evidence to points: what each equation earns, and why.

An equation that was judged on the submission's own values in enough cases has its points if it was never
wrong. What a submission does not show is judged by what it is part of; see docs/grading.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from backproof.judging.verdicts import Check
from refimpl import QUANTITIES

from .diagnosing import Diagnosing
from .evidence import MADE_OF, Evidence, Part, Record
from .functions import FUNCTIONS
from .model import Line, Mark
from .rubric import TITLES, Rubric, equations_of_function

_SHOWN_BY = {
    "F2": "Z",
    "F3": "A",
    "F4": "A",
    "F5": "loss",
    "B4": "delta",
    "B5": "delta",
    "B1a": "dX",
    "B1": "dW",
    "B3": "db",
    "U1": "W_updated",
    "U2": "b_updated",
}
_STEPS = ("Z", "A", "delta")
_NEEDS = {
    "F2": ("Z", "A"),
    "F3": _STEPS,
    "F4": _STEPS,
    "F5": (*_STEPS, "loss"),
    "B4": _STEPS,
    "B1a": ("delta", "dX"),
    "B5": _STEPS,
    "B1": ("A", "delta", "dW"),
    "B3": ("delta", "db"),
    "U1": ("dW", "W_updated"),
    "U2": ("db", "b_updated"),
}
"""What must be given for an equation to be judged by itself."""
_IN_WORDS = {"delta": "δ", "W_updated": "updated W", "b_updated": "updated b"}


LEAST = 0.25
"""The share of all cases in which an equation must have been judged, however many gave no finite numbers."""
_WITH_FUNCTIONS = ("F3", "F4", "F5", "B4", "B5")
"""Equations in which something can overflow or cancel that another formula saves; the others are sums."""


class Marking:
    """The marks of one submission."""

    def __init__(self, rubric: Rubric, evidence: Evidence, diagnosing: Diagnosing) -> None:
        self.rubric, self.evidence, self.diagnosing = rubric, evidence, diagnosing
        self.judgeable = evidence.examination.exercise.judgeable
        self.is_of_functions = bool(evidence.examination.subject.functions)

    def marks(self) -> tuple[Mark, ...]:
        """One an equation, in the order of a pass."""
        return tuple(self._mark(equation) for equation in self.rubric.asked)

    def _mark(self, equation: str) -> Mark:
        record = self.evidence.of(equation)
        if record.wrong:
            return self._wrong(equation, record)
        if self._is_enough(equation, record.worst):
            return self._right(equation, record)
        if equation == "B1a" and self.evidence.of("B5").worst:
            return self._through_b5()
        if not self.is_of_functions and not self.evidence.offered.issuperset(_NEEDS[equation]):
            found = self._by_the_whole(equation)
            if found is not None:
                return found
        return self._little(equation, record)

    # ------------------------------------------------------------ judged step by step

    def _floor(self, equation: str, cases: Iterable[int] = ()) -> int:
        """The fewest cases in which it must have been judged, having been judged in these.

        A number that is not finite, or the same everywhere, is a matter of the equation that made it. Cases
        in which no more could be judged for that do not count, but for `LEAST` of them.
        """
        judgeable = self.judgeable[equation]
        silent = self.evidence.silent.get(equation, set())
        spoilt = (judgeable & (self.evidence.not_finite | silent)) - set(cases)
        floor = self.rubric.marking.floor * (len(judgeable) - len(spoilt))
        return max(1, math.ceil(floor), math.ceil(LEAST * len(judgeable)))

    def _is_enough(self, equation: str, cases: Iterable[int]) -> bool:
        judged = self.judgeable[equation].intersection(cases)
        return len(judged) >= self._floor(equation, judged)

    def _told(self, equation: str, cases: Iterable[int] = (), of: str = "", **fields: Any) -> Mark:
        """A mark without points, unless told otherwise; `of` is the equation whose cases count."""
        judgeable, judged = self.judgeable[of or equation], set(cases)
        points = self.rubric.points[equation]
        told: dict[str, Any] = {"earned": 0.0, "how": "", **fields}
        return Mark(
            equation=equation,
            title=TITLES[equation],
            points=points,
            cases=len(judgeable | judged),
            judged=len(judged),
            **told,
        )

    def _wrong(self, equation: str, record: Record) -> Mark:
        wrong = record.wrong
        first = min(wrong.values(), key=lambda check: check.verdict != "fault")
        count = f"{len(wrong)} of {len(record.worst)} cases"
        reason = f"A fault in {count}: {first.reason}." if first.verdict == "fault" else f"Wrong in {count}."
        findings = self.diagnosing.of_equation(equation, wrong)
        return self._told(
            equation,
            record.worst,
            verdict=first.verdict,
            how="step by step",
            reason=reason,
            wrong=len(wrong),
            findings=findings,
        )

    def _right(self, equation: str, record: Record, **fields: Any) -> Mark:
        """With full points, less the share that instability costs."""
        points, share = self.rubric.points[equation], self.rubric.marking.unstable
        verdicts = {check.verdict for check in record.worst.values()}
        unstable = record.with_verdict("unstable")
        if unstable:
            found = self.diagnosing.of_equation(equation, unstable)
            reason = f"Right, but unstable in {len(unstable)} of {len(record.worst)} cases."
            told = {"verdict": "unstable", "earned": round(points * (1 - share), 6), "findings": found}
        else:
            # A known deviation is a framework's, and no matter of who is graded.
            mild = "convention" if "convention" in verdicts else "conforms"
            reason = f"Right in {_all(len(record.worst))}."
            told = {"verdict": mild, "earned": points}
        return self._told(
            equation, record.worst, **{"how": "step by step", "reason": reason, **told, **fields}
        )

    def _through_b5(self) -> Mark:
        """B1a where no ∂L/∂X is given: W^T δ is a part of each hidden error."""
        record, points = self.evidence.of("B5"), self.rubric.points["B1a"]
        if not record.wrong:
            if self._is_enough("B5", record.worst):
                told = {"verdict": "conforms", "earned": points, "how": "step by step"}
                return self._told("B1a", record.worst, "B5", reason="Right as part of B5.", **told)
            return self._little("B1a", record)
        findings = self.diagnosing.of_equation("B5", record.wrong)
        blamed = self.diagnosing.blamed(findings)
        if blamed is None or "B1a" in blamed:
            reason = (
                "It is a part of B5, and what is wrong there is not known well enough to clear it."
                if blamed is None
                else "It is a part of B5, and what is wrong there is this part."
            )
            told = {"verdict": "mismatch", "wrong": len(record.wrong), "findings": findings}
            return self._told("B1a", record.worst, "B5", how="by the diagnosis", reason=reason, **told)
        told = {"verdict": "conforms", "earned": points, "how": "by the diagnosis"}
        reason = "It is a part of B5, and what is wrong there is another part."
        return self._told("B1a", record.worst, "B5", reason=reason, **told)

    # ------------------------------------------------------------ judged by the whole

    def _by_the_whole(self, equation: str) -> Mark | None:
        """Where its step is not shown: by the end-to-end answers that it is part of; None without such."""
        parts = {part: r for part, r in self.evidence.parts.items() if equation in MADE_OF[part]}
        clearing = self._cleared_by(equation)
        if clearing is not None:
            part, record = clearing
            unstable = record.with_verdict("unstable")
            unstable = unstable if equation in _WITH_FUNCTIONS else {}
            share = self.rubric.marking.unstable if unstable else 0.0
            return self._told(
                equation,
                self.judgeable[equation].intersection(record.worst),
                verdict="unstable" if unstable else "conforms",
                how="end to end",
                earned=round(self.rubric.points[equation] * (1 - share), 6),
                reason=f"Not shown by itself; {_of_part(part)}, made of it, is right in "
                f"{_all(len(record.worst))}.",
            )
        failing = {part: record.wrong for part, record in parts.items() if record.wrong}
        if not failing:
            return None
        wrong: dict[int, Check] = {}
        for cases in failing.values():
            for number, check in cases.items():
                wrong.setdefault(number, check)
        judged = {number for record in parts.values() for number in record.worst} & self.judgeable[equation]
        named = ", ".join(dict.fromkeys(_IN_WORDS.get(quantity, quantity) for quantity, _ in failing))
        suspects = [
            each
            for each in self.rubric.asked
            if not self._is_known(each) and any(each in MADE_OF[part] for part in failing)
        ]
        findings = self.diagnosing.of_whole(wrong)
        blamed = {equation} if suspects == [equation] else self.diagnosing.blamed(findings)
        told: dict[str, Any] = {"how": "by the diagnosis", "findings": findings}
        if blamed is not None and equation not in blamed:
            told = {**told, "findings": (), "verdict": "conforms", "earned": self.rubric.points[equation]}
            reason = (
                f"Not shown by itself; what is wrong with {named} comes from {' and '.join(sorted(blamed))}."
            )
        elif blamed is not None:
            told = {**told, "verdict": "mismatch", "wrong": len(judged.intersection(wrong))}
            reason = f"Not shown by itself; of what is made of it, wrong: {named}; and this is where."
        else:
            told = {**told, "verdict": "mismatch", "wrong": len(judged.intersection(wrong))}
            reason = (
                f"Not shown by itself; of what is made of it, wrong: {named}; it could be any of "
                f"{', '.join(suspects)}. Give Z, A and δ, and each is judged by itself."
            )
        return self._told(equation, judged, reason=reason, **told)

    def _is_known(self, equation: str) -> bool:
        """Whether it is judged already, by itself or by an answer of the whole that is right."""
        record = self.evidence.of(equation)
        known = bool(record.wrong) or self._is_enough(equation, record.worst)
        return known or self._cleared_by(equation) is not None

    def _cleared_by(self, equation: str) -> tuple[Part, Record] | None:
        for part, record in self.evidence.parts.items():
            made_of = equation in MADE_OF[part]
            if made_of and not record.wrong and self._is_enough(equation, record.worst):
                return part, record
        return None

    # ------------------------------------------------------------ too little

    def _little(self, equation: str, record: Record) -> Mark:
        """No points: it was not shown, or in too few cases."""
        quantity = _SHOWN_BY[equation]
        functions = self.evidence.examination.subject.functions
        if self.is_of_functions:
            kind = next(kind for kind in FUNCTIONS if equation in equations_of_function(kind))
            shown, what = kind in functions, f"There is no function {self.rubric.submission.functions[kind]}."
        else:
            shown, what = (
                quantity in self.evidence.offered,
                f"No {_IN_WORDS.get(quantity, quantity)} is given.",
            )
        if not shown:
            reason = what if self.evidence.offered else "No case has an answer to judge."
            if not self.evidence.offered and self.evidence.faults:
                reason = f"No case has an answer to judge: {self.evidence.faults[0].reason}."
            return self._told(equation, verdict="not shown", reason=reason)
        judged = self.judgeable[equation].intersection(record.worst)
        floor = self._floor(equation, judged)
        reason = f"Judged in {len(judged)} cases, and {floor} are needed"
        reason += f": {self.evidence.faults[0].reason}." if self.evidence.faults else (
            "; its step needs Z, A and δ, of numbers that are not all the same."
        )  # fmt: skip
        return self._told(equation, judged, verdict="not judged", reason=reason)

    # ------------------------------------------------------------ lines of their own

    def lines(self, *verdicts: str) -> tuple[Line, ...]:
        """What was seen with these verdicts, by equation and reason."""
        found: dict[tuple[str, str], tuple[set[int], set[int]]] = {}
        for equation in self.rubric.asked:
            for number, check in self.evidence.of(equation).with_verdict(*verdicts).items():
                layers, cases = found.setdefault((equation, check.reason), (set(), set()))
                layers |= {check.layer} if check.layer else set()
                cases.add(number)
        return tuple(
            Line(equation=equation, layers=tuple(sorted(layers)), what=what, cases=len(cases))
            for (equation, what), (layers, cases) in found.items()
        )

    def faults(self) -> tuple[Line, ...]:
        """What is no equation's; reasons that differ in numbers only are one line, the first."""
        found: dict[str, tuple[str, int]] = {}
        for check in self.evidence.faults:
            key = re.sub(r"[\d.]+", "#", check.reason)
            first, count = found.get(key, (check.reason, 0))
            found[key] = (first, count + 1)
        return tuple(Line(what=what, cases=count) for what, count in found.values())


def offered_and_lacking(marking: Marking) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of what it gives, and of what it does not."""
    subject = marking.evidence.examination.subject
    if marking.is_of_functions:
        names: Mapping[str, str] = marking.rubric.submission.functions
        given = tuple(name for kind, name in names.items() if kind in subject.functions)
        return given, tuple(name for name in names.values() if name not in given)
    given = tuple(name for name in QUANTITIES if name in marking.evidence.offered)
    return given, tuple(name for name in QUANTITIES if name not in given)


def _all(count: int) -> str:
    return "the one case" if count == 1 else f"all {count} cases"


def _of_part(part: Part) -> str:
    quantity, place = part
    name = _IN_WORDS.get(quantity, quantity)
    if not place:
        return f"the {name}" if quantity == "loss" else name
    return f"{name} of the last layer" if place == "last" else f"{name} of hidden layers"
