"""An implementation and its oracles around one table: runs them on a chunk of cases and has each judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from oracles import Oracle
from oracles.ball_oracle import BallOracle
from oracles.trace_batch import GivenTraces, TraceBatch, as_batch
from refimpl import Case, Trace

from .adjudication import Truth, ruled
from .batch import taken
from .faults import without_faults
from .judge import Table, Tables
from .verdicts import FAILING, Check, Judgement


class Implementation(Protocol):
    """What is under test: takes a case, returns a trace."""

    def run(self, case: Case) -> Trace:
        """The trace of one forward, backward and update pass."""
        ...


class Answered:
    """Stands in the place of an implementation that has answered already: see `Panel.judge_runs`."""

    def run(self, case: Case) -> Trace:
        """Is never asked."""
        raise AssertionError(f"asked again about case {case.content_hash}")


# A trace, and checks that were decided before anything is compared, such as a crash.
Run = tuple[Trace, tuple[Check, ...]]
CONFIRMED_AT_MOST = 10
"""How many findings a panel confirms on an oracle's plain path, which may take seconds for each."""


class Panel:
    """Judges an implementation against oracles, and the oracles against each other."""

    def __init__(
        self,
        implementation: Implementation,
        oracles: Sequence[Oracle],
        name: str = "reference",
        truth: Truth | None = None,
        watch: Callable[[Tables, Sequence[Judgement]], None] | None = None,
    ) -> None:
        """With `truth`, it is asked about the cases that it says, and its rulings are in the judgements.

        `watch` is called with all cases that were judged together, for who wants to see the comparisons.
        """
        if not oracles:
            raise ValueError("a panel needs at least one oracle")
        self.implementation, self.oracles, self.name = implementation, tuple(oracles), name
        self.truth, self.watch = truth, watch
        self._confirmations_left = CONFIRMED_AT_MOST

    @property
    def left(self) -> Mapping[str, Any]:
        """What is done so many times a run only, and how often it still may be; set to go on from there."""
        return {"confirmations": self._confirmations_left}

    @left.setter
    def left(self, left: Mapping[str, Any]) -> None:
        self._confirmations_left = left["confirmations"]

    def with_oracles(self, oracles: Sequence[Oracle], *, probes: bool = False) -> Panel:
        """The same implementation at a table of its own with these oracles, without the truth.

        With `probes`, all is asked of every case that is asked of some, such as the same once more.
        """
        del probes  # of a class of equations, nothing more is asked
        return Panel(self.implementation, oracles, self.name)

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement a case, in order. The cases may have different dtypes."""
        return self.judge_runs(cases, [self._run(case) for case in cases])

    def judge_runs(self, cases: Sequence[Case], runs: Sequence[Run]) -> list[Judgement]:
        """As `judge`, of what the implementation answered before, one run a case."""
        judgements = self._judged(cases, runs, self.oracles)
        return [self._confirmed(*each) for each in zip(judgements, runs, strict=True)]

    def _judged(
        self,
        cases: Sequence[Case],
        runs: Sequence[Run],
        oracles: Sequence[Oracle],
    ) -> list[Judgement]:
        found: dict[int, Judgement] = {}
        for dtype in dict.fromkeys(case.dtype for case in cases):
            places = [i for i, case in enumerate(cases) if case.dtype == dtype]
            places.sort(key=lambda i: -cases[i].network.depth)
            given = ([cases[i] for i in places], [runs[i] for i in places])
            found |= zip(places, self._of_one_dtype(*given, oracles), strict=True)
        return [found[i] for i in range(len(cases))]

    def _of_one_dtype(
        self, cases: Sequence[Case], runs: Sequence[Run], oracles: Sequence[Oracle]
    ) -> list[Judgement]:
        """One judgement a case; the cases are sorted by depth, the deepest first."""
        traces: list[dict[str, Trace]] = [{self.name: trace} for trace, _ in runs]
        sound: dict[str, TraceBatch] = {}
        centres: dict[str, TraceBatch] = {}
        for oracle in oracles:
            own = as_batch(cases, oracle.traces(cases))
            double = cases[0].dtype == np.float64
            centres[oracle.name] = own if double else as_batch(cases, oracle.traces(cases, "float64"))
            if isinstance(oracle, BallOracle):  # exact values rounded one by one are no evaluation
                continue
            if isinstance(own, GivenTraces):  # case by case, and not known to be sound
                for each, trace in zip(traces, own, strict=True):
                    each[oracle.name] = trace
            else:
                sound[oracle.name] = own
        tables = [
            Table(case, each, crash) for case, each, (_, crash) in zip(cases, traces, runs, strict=True)
        ]
        kinds: dict[Any, list[int]] = {}
        for k, table in enumerate(tables):
            kinds.setdefault(table.kind, []).append(k)
        judgements: dict[int, Judgement] = {}
        for places in kinds.values():
            batches = {name: taken(batch, places) for name, batch in sound.items()}
            together = Tables([tables[k] for k in places], batches)
            about = {name: taken(batch, places) for name, batch in centres.items()}
            found = together.judge(about, together.steps(oracles), oracles[0], self.name)
            if self.truth is not None:
                marks = together.remarkable()
                whys = [self.truth.why(j, remarkable=mark) for j, mark in zip(found, marks, strict=True)]
                found = ruled(found, together, self.truth, whys, oracles[0])
            if self.watch is not None:
                self.watch(together, found)
            told = (self._with_trace(j, table) for j, table in zip(found, together.tables, strict=True))
            judgements |= zip(places, told, strict=True)
        return [judgements[k] for k in range(len(cases))]

    def _with_trace(self, judgement: Judgement, table: Table) -> Judgement:
        """The judgement, with what there is to diagnose."""
        if not judgement.is_to_be_diagnosed:
            return judgement
        return replace(judgement, trace=table.sound.get(self.name))

    def answers(self, cases: Sequence[Case]) -> list[tuple[Case, Trace]]:
        """Each case as it would be judged, with the answer, not judged; what is malformed is left out."""
        return [(case, without_faults(case, self.name, self._run(case)[0])[0]) for case in cases]

    def _confirmed(self, judgement: Judgement, run: Run) -> Judgement:
        """The judgement; or where it hangs on one framework, the one by that framework's plain path.

        A mismatch that the plain path does not confirm is a defect of the oracle, and a fault.
        """
        if judgement.is_plain:
            return judgement
        wrong = [check for check in judgement.checks if check.verdict == "mismatch"]
        if not wrong or not self._confirmations_left:
            return judgement
        for oracle in self.oracles:
            if not all(oracle.name in (check.left, check.right) for check in wrong):
                continue
            plain = oracle.plain()
            if plain is None:
                continue
            self._confirmations_left -= 1
            others = [plain if each is oracle else each for each in self.oracles]
            again = self._judged([judgement.case], [run], others)[0]
            if again.verdict in FAILING:
                return again
            reason = f"{oracle.name}'s fast path answers otherwise than its plain path: a defect of backproof"
            fault = Check("trace", None, "end to end", oracle.name, "its plain path", "", "fault", reason)
            return Judgement(judgement.case, (*again.checks, fault), self.name, again.ruling)
        return judgement

    def _run(self, case: Case) -> Run:
        """The implementation's trace; an empty one and a fault if it raises."""
        try:
            trace: Any = self.implementation.run(case)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever code under test raises is a finding
            reason = f"raised {type(error).__name__}: {error}"
        else:
            if isinstance(trace, Trace):
                return trace, ()
            reason = f"returned {type(trace).__name__}, not a Trace"
        return Trace(), (Check("trace", None, "local", self.name, "a trace", "", "fault", reason),)
