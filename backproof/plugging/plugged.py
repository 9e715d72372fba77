"""Somebody's implementation at the panel's table: asked in its own layout, judged in ours.

An answer to one case is judged as any trace is. Beside that, some cases are asked again, changed or after
others, and the answers held against each other: `probes`. What is not offered is not judged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backproof.judging.adjudication import Truth
from backproof.judging.batch import offered
from backproof.judging.faults import without_faults
from backproof.judging.judge import extreme
from backproof.judging.panel import Panel, Run
from backproof.judging.verdicts import Check, Judgement
from oracles import Oracle
from refimpl import Case, Trace

from .declaration import Declaration, Judged
from .layouts import in_layout, trace_of
from .links import Arrays, Link, Reply, Request
from .probes import Prober
from .sampling import ARRANGED, arrangement
from .second_questions import OwnLosses, TrainingSteps

ITSELF = "itself"
_LONGEST_REASON = 100
_OVERFLOWED = ("raised OverflowError", "raised FloatingPointError", "raised ZeroDivisionError")


def fault(name: str, reason: str, verdict: Any = "fault") -> Check:
    """A check that is about the implementation and not about one of its formulas."""
    return Check("trace", None, "local", name, ITSELF, "", verdict, reason)


class Plugged:
    """Asks an implementation: cases in, traces out, in our layout."""

    def __init__(self, link: Link, declaration: Declaration, name: str, *, stateful: bool = False) -> None:
        self.link, self.declaration, self.name, self.stateful = link, declaration, name, stateful
        self.offered: Counter[str] = Counter()
        """Quantity → how often it was offered."""

    def request(self, case: Case, **more: Any) -> Request:
        """The case in the implementation's layout; `before` and `predict` are cases, too."""
        for key in ("before", "predict"):
            if key in more:
                more[key] = tuple(in_layout(each, self.declaration) for each in more[key])
        return Request(in_layout(case, self.declaration), **more)

    def run(self, case: Case, reply: Reply) -> Run:
        """A reply as a trace, and the faults that came with it."""
        if reply.unsupported:
            why = reply.unsupported[:_LONGEST_REASON]
            why = why if why.startswith("not asked") else f"not supported: {why}"
            return Trace(), (fault(self.name, why, "not judged"),)
        trace, malformed = Trace(), list[str]()
        if reply.values is not None:
            trace, malformed = trace_of(case, self.declaration, reply.values)
            self.offered.update(offered(trace))
            if not reply.values and not reply.faults:
                malformed.append("returned an empty dict: there is nothing to judge")
        return trace, tuple(fault(self.name, reason) for reason in (*reply.faults, *malformed))

    def runs(self, cases: Sequence[Case], requests: Sequence[Request]) -> list[Run]:
        """The runs of these requests, one a case."""
        replies = self.link.ask(requests)
        return [self.run(case, reply) for case, reply in zip(cases, replies, strict=True)]


class PluggedPanel(Panel):
    """Judges somebody's implementation against oracles, and its answers against each other."""

    def __init__(self, plugged: Plugged, oracles: Sequence[Oracle], truth: Truth | None = None) -> None:
        super().__init__(_Nobody(), oracles, plugged.name, truth)
        self.plugged = plugged
        self.prober = Prober(plugged, self.oracles)
        self.steps = TrainingSteps(plugged, self.oracles)
        self.losses = OwnLosses(plugged, self.oracles)

    @property
    def left(self) -> Mapping[str, Any]:
        own = {
            "first": self.prober.first_left,
            "own losses": self.losses.left,
            "lost": self.plugged.link.lost,
        }
        return {"confirmations": self._confirmations_left, **own}

    @left.setter
    def left(self, left: Mapping[str, Any]) -> None:
        self._confirmations_left = left["confirmations"]
        self.prober.ask_first(left["first"])
        self.losses.left = left["own losses"]
        self.plugged.link.lost = left["lost"]

    def with_oracles(self, oracles: Sequence[Oracle], *, probes: bool = False) -> PluggedPanel:
        panel = PluggedPanel(self.plugged, oracles)
        panel.prober.ask_first(math.inf if probes else 0)
        return panel

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement a case, in order, under the scales that the implementation declares."""
        asked = self._asked(cases)
        exams: list[tuple[int, Case, Run]] = []
        for k, (each, (trace, given)) in enumerate(asked):
            faults = tuple(_told(check, arrangement(each.gradients)) for check in given)
            if each.loss is each.gradients or trace.loss is None:
                exams.append((k, each.gradients, (trace, faults)))
                continue
            exams.append((k, each.gradients, (replace(trace, loss=None), faults)))
            exams.append((k, each.loss, (Trace(loss=trace.loss, Z=trace.Z, A=trace.A), ())))
        exams += self.steps.exams(exams)
        judgements = self.judge_runs([case for _, case, _ in exams], [run for _, _, run in exams])
        found = _merged(len(cases), exams, judgements, self.name)
        found = [self._unstable(judgement) for judgement in found]
        for place, checks in self.steps.checks(exams).items():
            found[place] = replace(found[place], checks=(*found[place].checks, *checks))
        for place, (each, (trace, _)) in enumerate(asked):
            found[place] = self.losses.held(each.loss, trace, found[place])
        return self.prober.probed(exams, found)

    def answers(self, cases: Sequence[Case]) -> list[tuple[Case, Trace]]:
        """As Panel.answers; without the loss where that is declared to be of another scale."""
        found = []
        for each, (trace, _) in self._asked(cases):
            sound = without_faults(each.gradients, self.name, trace)[0]
            found.append(
                (each.gradients, sound if each.loss is each.gradients else replace(sound, loss=None))
            )
        return found

    def _asked(self, cases: Sequence[Case]) -> list[tuple[Judged, Run]]:
        """Each case as it is judged under the declared scales, and what was answered."""
        scaled = [self.plugged.declaration.judged_cases(case) for case in cases]
        # Asked as the loss is: its reduction may be honoured where the gradients have a scale of their own.
        requests = [self.plugged.request(each.loss, arrays=arrangement(each.gradients)) for each in scaled]
        runs = self.plugged.runs([each.gradients for each in scaled], requests)
        return list(zip(scaled, runs, strict=True))

    def _unstable(self, judgement: Judgement) -> Judgement:
        """Where numbers are extreme, that an exponential overflowed is no crash."""
        raised = [check for check in judgement.checks if check.reason.startswith(_OVERFLOWED)]
        if not raised:
            return judgement
        (centre,) = self.oracles[0].traces([judgement.case], "float64")
        if not extreme(judgement.case, centre):
            return judgement
        checks = tuple(
            check._replace(verdict="unstable") if check in raised else check for check in judgement.checks
        )
        return replace(judgement, checks=checks)


class _Nobody:
    """In the place of an implementation that is asked otherwise."""

    def run(self, case: Case) -> Trace:
        raise NotImplementedError(case.content_hash)


def _told(check: Check, arrays: Arrays) -> Check:
    """The fault, with what is special about the arrays that were given."""
    if arrays == "plain" or not check.reason.startswith("raised"):
        return check
    return check._replace(reason=f"{check.reason}, given {ARRANGED[arrays]}")


def _merged(
    count: int, exams: Sequence[tuple[int, Case, Run]], judgements: Sequence[Judgement], name: str
) -> list[Judgement]:
    """One judgement a case: the first exam's, with what the others found of the implementation."""
    found: list[Judgement | None] = [None] * count
    for (k, _, _), judgement in zip(exams, judgements, strict=True):
        known = found[k]
        if known is None:
            found[k] = judgement
            continue
        more = tuple(check for check in judgement.checks if name in (check.left, check.right))
        found[k] = replace(known, checks=(*known.checks, *more))
    return [judgement for judgement in found if judgement is not None]
