"""The nonlinear steps of many cases and several sides at once, on numbers of their own.

`StepByStep` gives an oracle that knows single cases the steps of many, and `one_by_one` the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refimpl import Case

from .shapes import Blocks, Shapes, compact
from .steps import StepInputs, StepValues


@dataclass(frozen=True, eq=False)
class StepBatch:
    """Inputs of the steps of cases that are sorted by depth, the deepest first; float64, a row a side.

    Matrices are flat, case after case, as in `TraceBatch.flat`. ValueError for what does not fit.
    """

    cases: tuple[Case, ...]
    Z: tuple[Any, ...]
    """For l = 1 … depth, (rows, total of layer l)."""
    A_last: Any
    """(rows, total of the outputs) of all cases in their order."""
    dA: tuple[Any, ...]
    """For l = 1 … depth - 1, (rows, total of layer l of the cases that have a layer l + 1)."""

    def __post_init__(self) -> None:
        depths = self.shapes.depths
        if np.any(np.diff(depths) > 0):
            raise ValueError("cases of steps must be sorted by depth, the deepest first")
        rows = self.A_last.shape[0]
        expected: list[tuple[int, ...]] = [(rows, self.outputs.size)]
        expected += [(rows, int(end)) for end in self._totals]
        expected += [(rows, int(self._sizes(l)[: self.count(l + 1)].sum())) for l in range(1, self.depth)]
        given = [each.shape for each in (self.A_last, *self.Z, *self.dA)]
        if given != expected:
            raise ValueError(f"A_last, Z and dA of steps have shapes {given}; they must be {expected}")

    @cached_property
    def shapes(self) -> Shapes:
        """The sizes of the cases."""
        return Shapes(self.cases)

    @property
    def depth(self) -> int:
        """The largest depth."""
        return self.shapes.depth

    @property
    def rows(self) -> int:
        """How many sides there are."""
        return int(self.A_last.shape[0])

    def count(self, l: int) -> int:
        """How many cases have a layer l: the first so many."""
        return int(np.count_nonzero(self.shapes.depths >= l))

    @cached_property
    def outputs(self) -> Blocks:
        """The predictions of each case in a row of A_last."""
        return compact(*self.shapes.matrix("A", self.shapes.depths, np.arange(len(self.cases))))

    @cached_property
    def layers(self) -> Blocks:
        """Z of every layer in a row of all layers end to end: layer after layer, case after case."""
        found = [self.shapes.matrix("Z", l, np.arange(self.count(l))) for l in range(1, self.depth + 1)]
        rows, columns = (np.concatenate([each[i] for each in found]) for i in (0, 1))
        return compact(rows, columns)

    def in_rows(self, blocks: Blocks) -> Blocks:
        """The blocks of one row, in every row: row after row."""
        start = np.arange(self.rows)[:, None] * blocks.size + blocks.start
        return Blocks(start.reshape(-1), *(np.tile(each, self.rows) for each in blocks[1:]))

    def activations(self) -> list[Any]:
        """The activation of each block of `layers`."""
        return [
            case.network.layers[l - 1].activation
            for l in range(1, self.depth + 1)
            for case in self.cases[: self.count(l)]
        ]

    def by_layer(self, data: Any) -> tuple[Any, ...]:
        """Data of all layers end to end, flat, as (rows, total) for each layer."""
        ends = np.cumsum(self._totals)
        return tuple(np.split(data.reshape(self.rows, -1), ends[:-1], axis=1))

    def all_dA(self, dA_last: Any) -> Any:
        """∂L/∂A of every layer, as Z of every layer end to end: (rows, total of all layers)."""
        parts = []
        for l in range(1, self.depth + 1):
            if l < self.depth:
                parts.append(self.dA[l - 1])
            first, end = self.count(l + 1), self.count(l)
            if first < end:  # whose last layer this is
                stop = self.outputs.start[end] if end < len(self.cases) else self.outputs.size
                parts.append(dA_last[:, self.outputs.start[first] : stop])
        return np.concatenate(parts, axis=1)

    @cached_property
    def _totals(self) -> list[int]:
        return [int(self._sizes(l).sum()) for l in range(1, self.depth + 1)]

    def _sizes(self, l: int) -> Any:
        rows, columns = self.shapes.matrix("Z", l, np.arange(self.count(l)))
        return rows * columns


@dataclass(frozen=True, eq=False)
class StepBatchValues:
    """What each nonlinear step gives on those inputs, in float64; arrays are laid out as the inputs are."""

    A: tuple[Any, ...]
    """σ(Z[l]) for l = 1 … depth."""
    loss: Any
    """(rows, cases): the loss of A_last against each case's Y."""
    dA_last: Any
    """∂L/∂A[L] at A_last."""
    delta: tuple[Any, ...]
    """(∂A[l]/∂Z[l])^T dA[l] at Z[l], of a case's last layer with its dA_last."""


class StepByStep:
    """`step_batch` of an oracle that answers for one case at a time."""

    steps: Callable[[Sequence[StepInputs]], list[StepValues]]

    def step_batch(self, batch: StepBatch) -> StepBatchValues:
        """See `Oracle.step_batch`."""
        values = [self.steps(_inputs(batch, row)) for row in range(batch.rows)]

        def flat(matrices: Callable[[StepValues], Any]) -> Any:
            return np.array([np.concatenate([matrices(v).reshape(-1) for v in each]) for each in values])

        def per_layer(name: str) -> tuple[Any, ...]:
            return tuple(
                np.array(
                    [
                        np.concatenate([getattr(v, name)[l].reshape(-1) for v in each[: batch.count(l + 1)]])
                        for each in values
                    ]
                )
                for l in range(batch.depth)
            )

        return StepBatchValues(
            A=per_layer("A"),
            loss=np.array([[value.loss for value in each] for each in values]),
            dA_last=flat(lambda value: value.dA_last),
            delta=per_layer("delta"),
        )


def _inputs(batch: StepBatch, row: int) -> list[StepInputs]:
    """What one row says, case by case."""
    Z = [_cut(Z_l[row], batch, l) for l, Z_l in enumerate(batch.Z, start=1)]
    dA = [_cut(dA_l[row], batch, l) for l, dA_l in enumerate(batch.dA, start=1)]
    outputs = [
        batch.A_last[row, start : start + case.Y.size].reshape(case.Y.shape)
        for start, case in zip(batch.outputs.start.tolist(), batch.cases, strict=True)
    ]
    return [
        StepInputs(
            case,
            tuple(Z[l][k] for l in range(case.network.depth)),
            outputs[k],
            tuple(dA[l][k] for l in range(case.network.depth - 1)),
        )
        for k, case in enumerate(batch.cases)
    ]


def _cut(data: Any, batch: StepBatch, l: int) -> list[Any]:
    """The matrices of layer l out of flat data of the first cases."""
    found, start = [], 0
    rows, columns = batch.shapes.matrix("Z", l, np.arange(batch.count(l)))
    for shape in zip(rows.tolist(), columns.tolist(), strict=True):
        end = start + shape[0] * shape[1]
        if end > data.size:
            break
        found.append(data[start:end].reshape(shape))
        start = end
    return found


def one_by_one(
    step_batch: Callable[[StepBatch], StepBatchValues], inputs: Sequence[StepInputs]
) -> list[StepValues]:
    """The steps of single cases, in any order, by a function for many. ValueError for what does not fit."""
    if not inputs:
        return []
    for step in inputs:
        _check(step)
    order = sorted(range(len(inputs)), key=lambda k: -inputs[k].case.network.depth)
    chosen = [inputs[k] for k in order]
    depth = chosen[0].case.network.depth
    batch = StepBatch(
        tuple(step.case for step in chosen),
        tuple(_row([step.Z[l] for step in chosen if len(step.Z) > l]) for l in range(depth)),
        _row([step.A_last for step in chosen]),
        tuple(_row([step.dA[l] for step in chosen if len(step.dA) > l]) for l in range(depth - 1)),
    )
    found = step_batch(batch)
    A, delta = (
        [_cut(data[0], batch, l + 1) for l, data in enumerate(part)] for part in (found.A, found.delta)
    )
    values: dict[int, StepValues] = {}
    for place, k in enumerate(order):
        case, start = inputs[k].case, int(batch.outputs.start[place])
        layers = range(case.network.depth)
        values[k] = StepValues(
            tuple(A[l][place].copy() for l in layers),
            float(found.loss[0, place]),
            found.dA_last[0, start : start + case.Y.size].reshape(case.Y.shape).copy(),
            tuple(delta[l][place].copy() for l in layers),
        )
    return [values[k] for k in range(len(inputs))]


def _row(matrices: Sequence[Any]) -> Any:
    return np.concatenate(list(matrices), axis=None, dtype=np.float64)[None]


def _check(step: StepInputs) -> None:
    m = step.case.samples
    expected = [(n, m) for n in step.case.network.widths[1:]]
    given = [[np.shape(a) for a in each] for each in (step.Z, [step.A_last], step.dA)]
    if given != [expected, expected[-1:], expected[:-1]]:
        raise ValueError(f"steps were given Z, A_last and dA of shapes {given}; Z must be {expected}")
