"""An implementation and its oracles around one table: runs them on a chunk of cases and has each judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from oracles import Oracle, StepValues
from refimpl import Case, Trace

from .judge import Table
from .verdicts import Check, Judgement


class Implementation(Protocol):
    """What is under test: takes a case, returns a trace."""

    def run(self, case: Case) -> Trace:
        """The trace of one forward, backward and update pass."""
        ...


class Panel:
    """Judges an implementation against oracles, and the oracles against each other."""

    def __init__(
        self, implementation: Implementation, oracles: Sequence[Oracle], name: str = "reference"
    ) -> None:
        if not oracles:
            raise ValueError("a panel needs at least one oracle")
        self.implementation, self.oracles, self.name = implementation, tuple(oracles), name

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement a case, in order. The cases may have different dtypes."""
        traces: list[dict[str, Trace]] = []
        crashes: list[tuple[Check, ...]] = []
        for case in cases:
            trace, crash = self._run(case)
            traces.append({self.name: trace})
            crashes.append(crash)
        centres: list[dict[str, Trace]] = [{} for _ in cases]
        for oracle in self.oracles:
            own = oracle.traces(cases)
            single = [i for i, case in enumerate(cases) if case.dtype != np.float64]
            double = dict(zip(single, oracle.traces([cases[i] for i in single], "float64"), strict=True))
            for i, trace in enumerate(own):
                traces[i][oracle.name] = trace
                centres[i][oracle.name] = double.get(i, trace)
        tables = [Table(*known) for known in zip(cases, traces, crashes, strict=True)]
        steps = self._steps(tables)
        return [
            table.judge(centre, values, self.oracles[0])
            for table, centre, values in zip(tables, centres, steps, strict=True)
        ]

    def _run(self, case: Case) -> tuple[Trace, tuple[Check, ...]]:
        """The implementation's trace; an empty one and a fault if it raises."""
        try:
            return self.implementation.run(case), ()
        except Exception as error:  # noqa: BLE001 - whatever code under test raises is a finding
            reason = f"raised {type(error).__name__}: {error}"
            return Trace(), (Check("trace", None, "local", self.name, "a trace", "", "fault", reason),)

    def _steps(self, tables: Sequence[Table]) -> list[dict[str, dict[str, StepValues]]]:
        """For each case: name → oracle → that oracle's values of the nonlinear steps on its own numbers."""
        requests = [(i, *request) for i, table in enumerate(tables) for request in table.step_requests()]
        answers: list[dict[str, dict[str, StepValues]]] = [{} for _ in tables]
        for oracle in self.oracles:
            asked = [request for request in requests if request[1] != oracle.name]
            values = oracle.steps([inputs for _, _, inputs in asked])
            for (i, name, _), value in zip(asked, values, strict=True):
                answers[i].setdefault(name, {})[oracle.name] = value
        return answers
