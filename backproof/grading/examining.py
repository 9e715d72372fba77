"""One submission at the panel's table: asked every case, each answer judged on its own values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backproof.errors import UsageError
from backproof.judging.batch import offered
from backproof.judging.judge import Tables
from backproof.judging.panel import Run
from backproof.judging.verdicts import Check, Judgement
from backproof.plugging.declaration import Declaration
from backproof.plugging.links import Hello, Link, Reply, Request
from backproof.plugging.plugged import ITSELF, Plugged, PluggedPanel
from backproof.subject import PluggedSubject
from oracles import Oracle
from refimpl import Case, Trace

from .exercise import Exercise, stand_ins
from .functions import FUNCTIONS, STANDS_IN
from .rubric import LAYOUT, Rubric, equations_of_function

NAME = "the submission"
_CHUNK = 64
_STOOD_IN = re.compile(rf"{STANDS_IN}\w+ (\w+) (\d+)$")
_OF_FUNCTION = re.compile(rf"({'|'.join(FUNCTIONS)}) ")
_LOST = re.compile(r"gave no answer within|its process|ended its process|ran out of memory")
Place = tuple[str, int | None]


class Declared:
    """A link whose implementation declares what the rubric says."""

    def __init__(self, link: Link, rubric: Rubric) -> None:
        self.link, self.rubric = link, rubric
        self.interface: Any = ""
        self.functions: tuple[str, ...] = ()

    @property
    def lost(self) -> tuple[Any, ...]:
        return self.link.lost

    @lost.setter
    def lost(self, lost: tuple[Any, ...]) -> None:
        self.link.lost = lost

    def afresh(self) -> bool:
        return self.link.afresh()

    def start(self) -> Hello:
        hello = self.link.start()
        said: Any = hello.declaration
        self.interface, self.functions = said["interface"], tuple(said.get("functions", ()))
        declared = self.rubric.declared
        own = said["declared"]
        if self.rubric.submission.own_layout and isinstance(own, Mapping):
            declared |= {key: value for key, value in own.items() if key in LAYOUT}
            if "loss_scale" in declared:
                declared.pop("reductions", None)
        return replace(hello, declaration=declared)

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        return self.link.ask(requests)

    def close(self) -> None:
        self.link.close()


class OfFunctions(Plugged):
    """Single functions: each case comes with stand-ins, and what they stand for is not the submission's."""

    def __init__(self, link: Link, declaration: Declaration, name: str) -> None:
        super().__init__(link, declaration, name)
        self.stood_in: dict[str, frozenset[Place]] = {}
        """Case → what was not the submission's own."""
        self.skip: list[str] = []
        """Functions that are not called any more, since they never came back."""

    def request(self, case: Case, **more: Any) -> Request:
        request = super().request(case, **more)
        request.fields["stand_ins"] = stand_ins(case, self.declaration)
        request.fields["skip"] = self.skip  # as it is when the request is sent
        return request

    def run(self, case: Case, reply: Reply) -> Run:
        places, faults, checks = set[Place](), list[str](), list[Check]()
        for told in reply.faults:
            of, at = _OF_FUNCTION.match(told), _STOOD_IN.match(told)
            if at:
                places.add((at[1], int(at[2])))
            elif of:
                checks += [self._fault(equation, told) for equation in equations_of_function(of[1])]
                if _LOST.search(told) and of[1] not in self.skip:
                    self.skip.append(of[1])
            else:
                faults.append(told)
        self.stood_in[case.content_hash] = frozenset(places)
        trace, more = super().run(case, replace(reply, faults=tuple(faults)))
        return trace, (*more, *checks)

    def runs(self, cases: Sequence[Case], requests: Sequence[Request]) -> list[Run]:
        """As Plugged.runs; where a function did not come back, the case is asked again without it."""
        found = super().runs(cases, requests)
        for _ in FUNCTIONS:
            lost = [
                k
                for k, (trace, checks) in enumerate(found)
                if not offered(trace) and any(c.equation and _LOST.search(c.reason) for c in checks)
            ]
            if not lost:
                break
            again = super().runs([cases[k] for k in lost], [requests[k] for k in lost])
            for k, (trace, checks) in zip(lost, again, strict=True):
                found[k] = (trace, (*found[k][1], *checks))
            if not any(offered(trace) for trace, _ in again):
                break
        return found

    def _fault(self, equation: str, reason: str) -> Check:
        return Check("trace", None, "local", self.name, ITSELF, equation, "fault", reason)


class GradingPanel(PluggedPanel):
    """Judges a submission, and keeps what it answered."""

    def __init__(self, plugged: Plugged, oracles: Sequence[Oracle], truth: Any = None) -> None:
        super().__init__(plugged, oracles, truth)
        self.traces: dict[str, Trace] = {}
        """Case → the sound parts of the answer, of every case that was judged."""
        self.watch = self._keep
        # A mark is for the documented gradient, and not for that of the loss as it is implemented.
        self.losses = _NoQuestions()  # type: ignore[assignment]
        if isinstance(plugged, OfFunctions):  # related cases come with other stand-ins
            self.prober = _NoQuestions()  # type: ignore[assignment]

    def with_oracles(self, oracles: Sequence[Oracle], *, probes: bool = False) -> GradingPanel:
        panel = GradingPanel(self.plugged, oracles)
        if not isinstance(self.plugged, OfFunctions):
            panel.prober.ask_first(float("inf") if probes else 0)
        return panel

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        judgements = super().judge(cases)
        if not isinstance(self.plugged, OfFunctions):
            return judgements
        return [replace(judgement, checks=self._own(judgement)) for judgement in judgements]

    def _own(self, judgement: Judgement) -> tuple[Check, ...]:
        """The checks of what single functions gave: not those of stand-ins, and none of the whole."""
        assert isinstance(self.plugged, OfFunctions)
        places = self.plugged.stood_in.get(judgement.case.content_hash, frozenset())
        return tuple(
            check
            for check in judgement.checks
            if check.left != self.name
            or (check.scope == "local" and (check.quantity, check.layer) not in places)
        )

    def _keep(self, tables: Tables, judgements: Sequence[Judgement]) -> None:
        del judgements
        for table in tables.tables:
            if self.name in table.sound:
                self.traces[table.case.content_hash] = table.sound[self.name]


class _NoQuestions:
    """In the place of further questions."""

    def probed(self, exams: Any, judgements: Sequence[Judgement]) -> list[Judgement]:
        del exams
        return list(judgements)

    def held(self, case: Case, trace: Trace, judgement: Judgement) -> Judgement:
        del case, trace
        return judgement


class GradedSubject(PluggedSubject):
    """A submission, started."""

    def __init__(self, link: Declared, place: str) -> None:
        super().__init__(link, place, name=NAME)
        if self.most_cases is not None:  # loading it crashed or did not end: there is nothing to ask
            raise UsageError(getattr(self.plugged.link, "reason", "it cannot be loaded"))
        self.functions = link.functions
        """The kinds of single functions that it has; empty if it is a whole."""
        if link.interface == "functions":
            self.plugged = OfFunctions(self.plugged.link, self.plugged.declaration, self.name)

    def panel(self, oracles: Sequence[Oracle], truth: Any) -> GradingPanel:
        return GradingPanel(self.plugged, oracles, truth)


@dataclass(frozen=True)
class Examination:
    """What one submission answered to an exercise, judged."""

    exercise: Exercise
    subject: GradedSubject
    panel: GradingPanel
    judgements: tuple[Judgement, ...]
    """One a case, in the order of the exercise."""
    traces: tuple[Trace | None, ...]
    """The answers of the same cases; None where there is none."""


def examined(exercise: Exercise, subject: GradedSubject) -> Examination:
    """Asks all cases, in the order of the exercise."""
    panel = subject.panel(exercise.oracles, exercise.truth)
    judgements: list[Judgement] = []
    for first in range(0, len(exercise.cases), _CHUNK):
        judgements += panel.judge(exercise.cases[first : first + _CHUNK])
    traces = tuple(panel.traces.get(judgement.case.content_hash) for judgement in judgements)
    return Examination(exercise, subject, panel, tuple(judgements), traces)
