"""Questions that an answer gives rise to: a training step at another rate, a wrong gradient's own loss.

See M4 to M7 in docs/bounds-of-several-answers.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backproof.judging.direction import in_words, scale_and_cosine
from backproof.judging.inferred import judge_inferred, proportional_to_rate
from backproof.judging.own_loss import judge_own_loss, own_loss_cases
from backproof.judging.panel import Run
from backproof.judging.verdicts import FAILING, Check, Judgement
from oracles import Oracle
from refimpl import Case, Trace

Exam = tuple[int, Case, Run]
ASKED_AT_MOST = 8
"""How many wrong gradients a run holds against their own losses."""
_RATIO = 16.0
_REALISTIC = 2.0**-6
_GRADIENTS = ("dW", "db")


def is_step_only(trace: Trace) -> bool:
    """Whether updated parameters are all that there is of gradients."""
    updated = trace.W_updated is not None or trace.b_updated is not None
    return updated and trace.dW is None and trace.db is None and trace.delta is None


def at_another_rate(case: Case) -> Case:
    """The same case with a learning rate 16 times as small, or as large where it is small already."""
    rate = case.learning_rate
    if abs(rate) >= _REALISTIC:
        return replace(case, learning_rate=rate / _RATIO)
    return replace(case, learning_rate=rate * _RATIO if rate else 1 / _RATIO)


class TrainingSteps:
    """Infers the gradients of training steps, each taken at two rates."""

    def __init__(self, plugged: Any, oracles: Sequence[Oracle]) -> None:
        """`plugged` is a `plugged.Plugged`."""
        self.plugged, self.oracles = plugged, oracles

    def exams(self, exams: Sequence[Exam]) -> list[Exam]:
        """The same cases at another rate, for those that answered with a step only."""
        steps = [(place, at_another_rate(case)) for place, case, (trace, _) in exams if is_step_only(trace)]
        cases = [case for _, case in steps]
        runs = self.plugged.runs(cases, [self.plugged.request(case) for case in cases])
        return [(place, case, run) for (place, case), run in zip(steps, runs, strict=True)]

    def checks(self, exams: Sequence[Exam]) -> Mapping[int, list[Check]]:
        """Place → what the gradients inferred from its steps are."""
        steps: dict[int, list[tuple[Case, Trace]]] = {}
        for place, case, (trace, _) in exams:
            if is_step_only(trace):
                steps.setdefault(place, []).append((case, trace))
        if not steps:
            return {}
        first = [taken[0][0] for taken in steps.values()]  # gradients do not depend on the rate
        centres = [oracle.traces(first, "float64") for oracle in self.oracles]
        found = {}
        for k, (place, taken) in enumerate(steps.items()):
            exact = {oracle.name: each[k] for oracle, each in zip(self.oracles, centres, strict=True)}
            found[place] = self._inferred(taken, exact)
        return found

    def _inferred(self, taken: Sequence[tuple[Case, Trace]], exact: Mapping[str, Trace]) -> list[Check]:
        bounding, name = self.oracles[0], self.plugged.name
        checks = [
            check for case, trace in taken for check in judge_inferred(case, trace, exact, bounding, name)
        ]
        if len(taken) < 2 or not any(check.verdict in FAILING for check in checks):
            return checks
        (first, one), (second, other) = taken[:2]
        centre = next(iter(exact.values()))
        law = proportional_to_rate((first, second), (one, other), centre, bounding)
        if not law:
            return checks
        return [
            check._replace(reason=f"{check.reason}; {law}") if check.verdict in FAILING else check
            for check in checks
        ]


class OwnLosses:
    """Holds gradients against the losses that the same implementation reports."""

    def __init__(self, plugged: Any, oracles: Sequence[Oracle]) -> None:
        """`plugged` is a `plugged.Plugged`."""
        self.plugged, self.oracles = plugged, oracles
        self.left = ASKED_AT_MOST
        """How many more are held against them."""

    def held(self, case: Case, trace: Trace, judgement: Judgement) -> Judgement:
        """The judgement with what the own loss says of a gradient that is wrong, or out of step.

        `trace` has the loss in the scale of `case`, and the gradients in theirs.
        """
        wrong = [check for check in judgement.checks if self._is_gradient(check) and check.verdict in FAILING]
        apart = self.plugged.declaration.is_out_of_step
        if not (wrong or apart):
            return judgement
        oracle = self.oracles[0]
        checks = list(judgement.checks)
        if wrong:
            (documented,) = oracle.traces([judgement.case], "float64")
            words = in_words(*scale_and_cosine(trace, documented))
            if words:
                checks = [
                    check._replace(reason=f"{check.reason}; {words}") if check in wrong else check
                    for check in checks
                ]
        if self.left > 0:
            self.left -= 1
            checks += self._against_own_loss(case, trace, as_declared=apart and not wrong)
        return replace(judgement, checks=tuple(checks))

    def _against_own_loss(self, case: Case, trace: Trace, *, as_declared: bool) -> list[Check]:
        oracle, name = self.oracles[0], self.plugged.name
        points = own_loss_cases(case, trace, oracle)
        if not points:
            return []
        runs = self.plugged.runs(points, [self.plugged.request(point) for point in points])
        losses = [run[0].loss for run in runs]
        check = judge_own_loss(case, trace, points, losses, oracle, oracle, name).check
        if check is None:
            return []
        if as_declared and check.verdict == "mismatch":
            return [check._replace(verdict="convention", reason=f"as declared, {check.reason}")]
        return [check]

    def _is_gradient(self, check: Check) -> bool:
        is_own = check.left == self.plugged.name and check.right != "itself"
        return is_own and check.scope == "end to end" and check.quantity in (*_GRADIENTS, "loss")
