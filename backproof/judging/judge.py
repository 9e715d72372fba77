"""The judge: traces of one or many cases in, judgements out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oracles import Oracle, StepInputs, StepValues
from oracles.trace_batch import TraceBatch
from refimpl import Case, Trace

from .batch import Batch, Sides, offered, taken
from .blocks import Block
from .decide import decide_blocks
from .end_to_end import EndToEnd
from .error_facts import rest_vanishes
from .faults import without_faults
from .local import LocalSteps, Steps
from .loss_facts import LOSS_FACTS
from .rounding import precision
from .step_answers import GivenSteps, RowOfSteps, StepAnswers
from .verdicts import Check, Judgement


class Table:
    """One case with the sound traces of all sides, ready to be judged; faults are decided when it is made."""

    def __init__(self, case: Case, traces: Mapping[str, Trace], faults: Sequence[Check] = ()) -> None:
        """`faults` are checks that were decided before, such as a crash."""
        self.case = case
        self.faults = list(faults)
        self.sound: dict[str, Trace] = {}
        for name, given in traces.items():
            sound, malformed = without_faults(case, name, given)
            self.faults += malformed
            if offered(sound):
                self.sound[name] = sound

    @property
    def kind(self) -> tuple[Any, ...]:
        """Tables of one kind can be judged together: the same dtype, sides, and quantities of each side."""
        return (self.case.dtype, *((name, offered(trace)) for name, trace in self.sound.items()))

    def step_requests(self) -> list[tuple[str, StepInputs]]:
        """What to ask the oracles' `steps`: (name, inputs) for each side that offers Z, A and δ."""
        return [
            (name, sides.step_inputs(side, 0))
            for sides in Tables([self]).sides
            if sides.nonlinear
            for side, name in enumerate(sides.names)
        ]

    def judge(
        self,
        centres: Mapping[str, Trace],
        steps: Mapping[str, Mapping[str, StepValues]],
        bounding: Oracle,
        subject: str = "",
    ) -> Judgement:
        """Judge every trace against every oracle but itself; `subject` names the implementation under test.

        `centres` holds each oracle's float64 trace; `steps[name][oracle]` the oracle's values of the
        nonlinear steps on that trace's own numbers; `bounding` evaluates functions for the bounds.
        """
        about = {name: [each] for name, each in centres.items()}
        given = {
            name: {oracle: GivenSteps([values]) for oracle, values in own.items()}
            for name, own in steps.items()
        }
        return Tables([self]).judge(about, given, bounding, subject)[0]


class Tables:
    """Tables of one kind, sorted by depth, the deepest first: judged together."""

    def __init__(self, tables: Sequence[Table], batches: Mapping[str, TraceBatch] | None = None) -> None:
        """`batches` are traces of further sides, by name, which are known to be sound."""
        self.tables, self.batches = tuple(tables), dict(batches or {})
        self.batch = Batch([table.case for table in tables])
        names = [*tables[0].sound]
        traces: dict[str, Sequence[Trace]] = {n: [table.sound[n] for table in tables] for n in names}
        groups: dict[tuple[str, ...], dict[str, Sequence[Trace]]] = {}
        for name, each in (traces | self.batches).items():
            groups.setdefault(offered(each), {})[name] = each
        self.sides = [Sides(self.batch, group) for group in groups.values()]
        self._end_to_end: list[tuple[EndToEnd, list[Block]]] = []
        self.blocks: list[Block] = []
        """All comparisons, once they are judged."""

    def part(self, places: Sequence[int]) -> Tables:
        """Some of them."""
        batches = {name: taken(batch, places) for name, batch in self.batches.items()}
        return Tables([self.tables[k] for k in places], batches)

    def steps(self, oracles: Sequence[Oracle]) -> dict[str, dict[str, StepAnswers]]:
        """Name → each other oracle → its values of the steps; only of sides that offer Z, A and δ."""
        found: dict[str, dict[str, StepAnswers]] = {}
        for sides in self.sides:
            for oracle in oracles if sides.nonlinear else ():
                asked = [side for side, name in enumerate(sides.names) if name != oracle.name]
                if not asked:
                    continue
                values = oracle.step_batch(sides.step_batch(asked))
                for row, side in enumerate(asked):
                    answers = RowOfSteps(sides.batch, values, row)
                    found.setdefault(sides.names[side], {})[oracle.name] = answers
        return found

    def judge(
        self,
        centres: Mapping[str, Sequence[Trace]],
        steps: Mapping[str, Steps],
        bounding: Oracle,
        subject: str = "",
    ) -> list[Judgement]:
        """One judgement a table; arguments as in `Table.judge`, with one trace a table."""
        blocks = self.blocks = []
        parts: list[LocalSteps | EndToEnd] = []
        for sides in self.sides:
            local, whole = LocalSteps(sides, bounding, steps), EndToEnd(sides, bounding, centres)
            self._end_to_end.append((whole, list(whole.blocks())))
            blocks += [*local.blocks(), *self._end_to_end[-1][1]]
            parts += [local, whole]
        cases = [table.case for table in self.tables]

        def is_extreme(k: int) -> bool:
            return extreme(cases[k], next(iter(centres.values()))[k])

        def doubtful(places: Sequence[int]) -> None:
            for part in parts:
                part.doubtful.tell(places)

        decided = decide_blocks(cases, blocks, is_extreme, doubtful)
        return [
            Judgement(table.case, (*table.faults, *checks) if table.faults else checks, subject)
            for table, checks in zip(self.tables, decided, strict=True)
        ]

    def remarkable(self) -> list[bool]:
        """For each table, once judged: whether some answer differs by more than roundings usually come to."""
        found = np.zeros(len(self.tables), dtype=bool)
        for whole, blocks in self._end_to_end:
            found |= whole.remarkable(blocks)
        return found.tolist()


def extreme(case: Case, centre: Trace) -> bool:
    """Whether textbook formulas can overflow on this case: e^|z| squared, or the square of some value.

    Or meet the logarithm of 1 - σ(z) that has rounded to 0 (E6).
    """
    largest = precision(case.dtype).largest
    assert centre.Z is not None
    assert centre.delta is not None
    arrays = [case.X, *centre.Z, *centre.delta]
    with np.errstate(all="ignore"):
        z = max(float(np.max(np.abs(array))) for array in centre.Z)
        top = max(float(np.max(np.abs(array))) for array in arrays)
    if LOSS_FACTS[case.network.loss.name].of_rest is not None:
        assert centre.A is not None
        if np.any(rest_vanishes(precision(case.dtype).u, np.abs(centre.A[-1]))):
            return True
    return not (z < np.log(largest) / 2 and top < np.sqrt(largest))
