"""What the judgements of one submission say of each equation: case by case, one verdict.

Only checks of a step on the submission's own values count for the equation that the step is; where several
oracles were asked, an answer is wrong if all of them say so, or the truth does. The end-to-end checks are
kept beside them, by what they are made of, for what a submission does not show.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.diagnosis.agreement import Observation
from backproof.judging.adjudication import TRUTH
from backproof.judging.verdicts import FAILING, SEVERITY, Check, Judgement, equation_of
from backproof.plugging.plugged import ITSELF
from refimpl import QUANTITIES, Trace
from refimpl.backprop import Backprop, SpecialFormBackprop

from .examining import Examination
from .exercise import is_silent

AGAIN = "itself, asked again"
_QUANTITY = re.compile(rf"({'|'.join(QUANTITIES)})(?:\[(\d+)\])?\s")
_FIRST = 5
"""Of so many cases the wrong numbers make the fingerprint."""
Part = tuple[str, str]
"""A quantity, and "last" or "hidden" if it is one of each layer."""

_FORWARD = frozenset({"F2", "F3", "F4"})
_ERROR = _FORWARD | {"B4"}
_ERRORS = _ERROR | {"B5", "B1a"}
MADE_OF: dict[Part, frozenset[str]] = {
    ("loss", ""): _FORWARD | {"F5"},
    ("Z", "last"): frozenset({"F2", "F3"}),
    ("Z", "hidden"): frozenset({"F2", "F3"}),
    ("A", "last"): _FORWARD,
    ("A", "hidden"): frozenset({"F2", "F3"}),
    ("delta", "last"): _ERROR,
    ("delta", "hidden"): _ERRORS,
    ("dX", ""): _ERRORS,
    ("dW", "last"): _ERROR | {"B1"},
    ("dW", "hidden"): _ERRORS | {"B1"},
    ("db", "last"): _ERROR | {"B3"},
    ("db", "hidden"): _ERRORS | {"B3"},
    ("W_updated", "last"): _ERROR | {"B1", "U1"},
    ("W_updated", "hidden"): _ERRORS | {"B1", "U1"},
    ("b_updated", "last"): _ERROR | {"B3", "U2"},
    ("b_updated", "hidden"): _ERRORS | {"B3", "U2"},
}
"""What an answer of the whole network is made of: if it is right in all cases, so are these."""


@dataclass
class Record:
    """One equation, or one part of an end-to-end answer: case by case, the gravest check."""

    worst: dict[int, Check] = field(default_factory=dict)
    """Number of the case → the check that decides it; cases that were judged only."""

    def add(self, number: int, check: Check) -> None:
        """One more check of a case."""
        known = self.worst.get(number)
        if known is None or SEVERITY.index(check.verdict) < SEVERITY.index(known.verdict):
            self.worst[number] = check

    def with_verdict(self, *verdicts: str) -> dict[int, Check]:
        """The cases with one of these verdicts."""
        return {number: check for number, check in self.worst.items() if check.verdict in verdicts}

    @property
    def wrong(self) -> dict[int, Check]:
        """The cases in which it is wrong."""
        return self.with_verdict(*FAILING)


class Evidence:
    """All that an examination shows, by equation."""

    def __init__(self, examination: Examination) -> None:
        self.examination = examination
        self.name = examination.panel.name
        self.equations: dict[str, Record] = {}
        self.parts: dict[Part, Record] = {}
        self.faults: list[Check] = []
        """Of no equation, and what was said not to be supported; one a case and reason."""
        self.not_finite: set[int] = set()
        """Cases with an answer that is not finite: what comes after it cannot be judged."""
        self.silent: dict[str, set[int]] = {}
        """Equation → cases in which its own inputs were all the same number, and a right answer's are not."""
        self.offered: set[str] = set()
        """Quantities of a trace that it gave in some case."""
        for number, judgement in enumerate(examination.judgements):
            self._gather(number, judgement)

    def of(self, equation: str) -> Record:
        """What is known of an equation, judged step by step."""
        return self.equations.get(equation, Record())

    # ------------------------------------------------------------ gathering

    def _gather(self, number: int, judgement: Judgement) -> None:
        trace = self.examination.traces[number]
        depth = judgement.case.network.depth
        if trace is not None:
            given = {name: getattr(trace, name) for name in QUANTITIES}
            self.offered |= {name for name, value in given.items() if value is not None}
            if not all(_is_finite(value) for value in given.values() if value is not None):
                self.not_finite.add(number)
        local: dict[tuple[str, int | None], list[Check]] = {}
        for check in judgement.checks:
            if check.left != self.name:
                continue
            if check.quantity == "trace" or check.right == AGAIN:
                self._fault(number, check, depth)
            elif check.right.startswith(ITSELF):
                continue  # related cases and the own loss: a wrong equation shows in them by way of others
            elif check.scope == "local":
                local.setdefault((check.quantity, check.layer), []).append(check)
            else:
                part = (check.quantity, _place(check, depth))
                if check.verdict != "not judged" and part in MADE_OF:
                    self.parts.setdefault(part, Record()).add(number, check)
        decided = {place: decided_by(checks) for place, checks in local.items()}
        right = self._right(judgement) if trace is not None else None
        for (quantity, layer), found in decided.items():
            if found is None:
                continue
            if found.verdict in FAILING:
                activation = decided.get(("A", layer))
                spoilt = activation is not None and activation.verdict in (*FAILING, "unstable")
                if quantity == "delta" and spoilt and trace is not None:
                    self._add(number, self._carried(judgement, trace, found))
                    continue
            elif trace is not None and right is not None and is_silent(quantity, layer, trace, right, depth):
                self.silent.setdefault(found.equation, set()).add(number)
                continue
            self._add(number, found)

    def _add(self, number: int, check: Check) -> None:
        self.equations.setdefault(check.equation, Record()).add(number, check)

    def _right(self, judgement: Judgement) -> Trace:
        return self.examination.exercise.trace(judgement.case)

    def _fault(self, number: int, check: Check, depth: int) -> None:
        """A fault of the equations that it is about; of none, if that is not known."""
        if check.verdict != "fault":
            self.faults.append(check)
            return
        equations = [check.equation] if check.equation else list(_equations_in(check.reason, depth))
        for equation in equations:
            self.equations.setdefault(equation, Record()).add(number, check)
        if not equations:
            self.faults.append(check)

    @staticmethod
    def _carried(judgement: Judgement, trace: Trace, check: Check) -> Check:
        """A wrong δ behind a wrong A: right, if it is what a derivative written in terms of A gives.

        σ'(Z) may be written a(1 - a), and δ[L] for some losses as Ŷ - Y. With a wrong A that is another
        number than σ' at Z is; it is no second mistake.
        """
        observed = Observation(judgement.case, trace)
        place = ("delta", check.layer or 0)
        for implementation in (Backprop, SpecialFormBackprop):
            predicted = observed.predict(implementation)
            if predicted and place in predicted and predicted[place].agrees(observed.answers[place]):
                return check._replace(verdict="conforms", reason="on its own A")
        return check

    # ------------------------------------------------------------ wrong numbers

    def fingerprint(self, equation: str) -> str:
        """Of the wrong numbers of an equation, to five digits: who has the same ones has the same mistake."""
        digest = hashlib.sha256(equation.encode())
        for number in sorted(self.of(equation).wrong)[:_FIRST]:
            check, trace = self.of(equation).worst[number], self.examination.traces[number]
            value = None if trace is None else getattr(trace, check.quantity, None)
            if value is None:
                digest.update(f"{number} {check.reason}".encode("utf-8", "surrogatepass"))
                continue
            array = np.asarray(value[check.layer - 1] if check.layer else value, np.float64)
            text = " ".join(f"{x:.4e}" for x in array.ravel() + 0.0)
            digest.update(f"{number} {check.quantity} {check.layer} {text}".encode())
        return digest.hexdigest()[:16]


def decided_by(checks: Sequence[Check]) -> Check | None:
    """The check that decides where several oracles were asked; None if none of them could judge."""
    of_truth = [check for check in checks if check.right == TRUTH and check.verdict in FAILING]
    if of_truth:
        return of_truth[0]
    judged = [check for check in checks if check.verdict != "not judged"]
    mild = [check for check in judged if check.verdict not in FAILING]
    return min(mild or judged, key=lambda check: SEVERITY.index(check.verdict), default=None)


def _is_finite(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(bool(np.isfinite(part).all()) for part in parts)


def _place(check: Check, depth: int) -> str:
    if check.layer is None:
        return ""
    return "last" if check.layer == depth else "hidden"


def _equations_in(reason: str, depth: int) -> Iterable[str]:
    """The equations of the quantity that a fault is about: "dW[2] has shape …" is B1's."""
    found = _QUANTITY.match(reason)
    if found is None:
        return
    quantity, layer = found[1], found[2]
    if layer is not None or not QUANTITIES[quantity]:
        yield equation_of(quantity, int(layer) if layer else None, depth)
        return
    layers: Any = range(1, depth + 1)
    yield from dict.fromkeys(equation_of(quantity, l, depth) for l in layers)
