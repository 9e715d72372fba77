"""Cases of one dtype that are judged together, and the traces of several implementations of them.

Cases are sorted by depth, the deepest first, so that those which have a layer l are the first so many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from oracles import StepBatch, StepInputs
from oracles.layout import Layout, Matrices
from oracles.trace_batch import GivenTraces, TraceBatch, as_batch
from refimpl import QUANTITIES, Case, Trace

from .pieces import Activations, Losses
from .sums import Sums, summed


class Batch:
    """The cases' own numbers, layer by layer, in float64. `cases` must be sorted: the deepest first."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = tuple(cases)
        depths = [case.network.depth for case in self.cases]
        if depths != sorted(depths, reverse=True) or len({case.dtype for case in self.cases}) != 1:
            raise ValueError("cases of a batch have one dtype and are sorted by depth, the deepest first")
        self.dtype = self.cases[0].dtype
        self.depth = depths[0]
        self.counts = tuple(sum(depth >= max(l, 1) for depth in depths) for l in range(self.depth + 2))
        """How many cases have a layer l, for l = 0 (the inputs) … depth + 1."""
        widths = [case.network.widths for case in self.cases]
        samples = [case.samples for case in self.cases]
        self.layouts = tuple(
            Layout([(widths[k][l], samples[k]) for k in range(self.counts[l])]) for l in range(self.depth + 1)
        )
        """The layouts of A[0] … A[depth]; Z and δ have those of their A."""
        self.weight_layouts = tuple(
            Layout([(widths[k][l], widths[k][l - 1]) for k in range(self.counts[l])])
            for l in range(1, self.depth + 1)
        )
        self.bias_layouts = tuple(
            Layout([(widths[k][l], 1) for k in range(self.counts[l])]) for l in range(1, self.depth + 1)
        )

    @cached_property
    def W(self) -> tuple[Matrices, ...]:
        """W[l] of each case, as float64."""
        return tuple(
            Matrices(layout, layout.flat(self._layer(l, "W"))) for l, layout in enumerate(self.weight_layouts)
        )

    @cached_property
    def b(self) -> tuple[Any, ...]:
        """b[l] of each case, flat, as float64."""
        return tuple(layout.flat(self._layer(l, "b")) for l, layout in enumerate(self.bias_layouts))

    @cached_property
    def X(self) -> Any:
        """The inputs, flat."""
        return self.layouts[0].flat(case.X for case in self.cases)

    @cached_property
    def outputs(self) -> Layout:
        """The layout of the last A of every case, in the order of the cases."""
        return Layout([case.Y.shape for case in self.cases])

    @cached_property
    def everywhere(self) -> Activations:
        """The activations of all layers, for data end to end: layer 1 of every case, layer 2, …"""
        shapes = [shape for layout in self.layouts[1:] for shape in layout.shapes]
        return Activations([spec for layer in self.activations for spec in layer], Layout(shapes))

    def cut(self, data: Any) -> list[Any]:
        """Such data of all layers, layer by layer."""
        ends = np.cumsum([layout.total for layout in self.layouts[1:]]).tolist()
        return [
            data[..., end - layout.total : end] for end, layout in zip(ends, self.layouts[1:], strict=True)
        ]

    @cached_property
    def losses(self) -> Losses:
        """The losses of the cases, with their targets."""
        specs, targets = zip(*((case.network.loss, case.Y) for case in self.cases), strict=True)
        return Losses(specs, targets, self.outputs)

    def last(self, per_layer: Sequence[Any]) -> Any:
        """The data of every case's last layer, in the order of the cases, from data of all layers."""
        parts = []
        for l in range(self.depth, 0, -1):
            layout, before = self.layouts[l], self.counts[l + 1]
            if before < len(layout):
                parts.append(per_layer[l - 1][..., layout.starts[before] :])
        return np.concatenate(parts, axis=-1)

    def with_last(self, l: int, inner: Any, last: Any) -> Any:
        """Data of layer l: `inner` for the cases that have a layer l + 1, for the others of `last`."""
        first, end = self.counts[l + 1], self.counts[l]
        if first == end:
            return inner
        outputs = self.outputs
        start, stop = outputs.starts[first], outputs.starts[end - 1] + outputs.sizes[end - 1]
        own = last[..., start:stop]
        return own if inner is None else np.concatenate([inner, own], axis=-1)

    def layout(self, quantity: str, l: int) -> Layout:
        """The layout of a quantity of layer l; of dX, l is 0; of the loss, one number a case."""
        if quantity == "loss":
            return self._of_losses
        if quantity in ("dW", "W_updated"):
            return self.weight_layouts[l - 1]
        if quantity in ("db", "b_updated"):
            return self.bias_layouts[l - 1]
        return self.layouts[l]

    @cached_property
    def _of_losses(self) -> Layout:
        return Layout([(1, 1)] * len(self.cases))

    @cached_property
    def activations(self) -> tuple[Activations, ...]:
        """The activations of the layers 1 … depth, each of the cases that have it."""
        return tuple(
            Activations(
                [case.network.layers[l - 1].activation for case in self.cases[: self.counts[l]]],
                self.layouts[l],
            )
            for l in range(1, self.depth + 1)
        )

    def rates(self, layout: Layout) -> Any:
        """Each case's learning rate, for each entry of a layout."""
        return layout.each(self._learning_rates[: len(layout)])

    @cached_property
    def _learning_rates(self) -> Any:
        return np.array([case.learning_rate for case in self.cases])

    def _layer(self, l: int, name: str) -> list[Any]:
        return [getattr(case.network.layers[l], name) for case in self.cases[: self.counts[l + 1]]]


def offered(trace: Trace | Sequence[Trace]) -> tuple[str, ...]:
    """The quantities that a trace has, or traces that have the same; an oracle's batch has all."""
    if isinstance(trace, TraceBatch) and not isinstance(trace, GivenTraces):
        return tuple(QUANTITIES)
    trace = trace if isinstance(trace, Trace) else trace[0]
    return tuple(quantity for quantity in QUANTITIES if getattr(trace, quantity) is not None)


def taken(traces: Sequence[Trace], places: Sequence[int]) -> TraceBatch:
    """The traces of some cases of a batch, as a batch."""
    assert isinstance(traces, TraceBatch)
    if list(places) == list(range(len(traces))):
        return traces
    return GivenTraces([traces.cases[k] for k in places], [traces[k] for k in places])


class Sides:
    """Sound traces of the cases of a batch, by implementation; all offer the same quantities.

    Arrays are (sides, total) in the layout of their quantity; per-layer quantities are tuples.
    """

    def __init__(self, batch: Batch, traces: Mapping[str, Sequence[Trace]]) -> None:
        """`traces[name][k]` is the trace of case k; all of one name may be a `TraceBatch`."""
        self.batch, self.names, self.traces = batch, tuple(traces), traces
        self._parts: dict[tuple[int, ...], Sides] = {}
        self.offered = offered(next(iter(traces.values())))
        self.has = Trace(**{quantity: self._gathered(quantity) for quantity in self.offered})
        hidden = self.has.A or (None,) * batch.depth
        X = np.broadcast_to(batch.X, (len(self.names), batch.X.size))
        self.inputs = (X, *hidden[:-1])
        """A[0 … depth - 1], None where not offered."""

    @property
    def nonlinear(self) -> bool:
        """Whether Z, A and δ are all there."""
        return self.has.Z is not None and self.has.A is not None and self.has.delta is not None

    @cached_property
    def dA(self) -> tuple[Sums, ...]:
        """W[l+1]^T δ[l+1] for the layers l = 1 … depth - 1, for the cases that have l + 1."""
        assert self.has.delta is not None
        batch, found = self.batch, []
        with np.errstate(all="ignore"):
            for l in range(1, batch.depth):
                layout, above = batch.layouts[l].first(batch.counts[l + 1]), batch.layouts[l + 1]
                W, deltas = batch.W[l], Matrices(above, self.has.delta[l])
                found.append(summed(W, deltas, layout, batch.dtype, left_turned=True))
        return tuple(found)

    def step_batch(self, asked: Sequence[int]) -> StepBatch:
        """What to ask an oracle's `step_batch` for these sides."""
        assert self.has.Z is not None
        assert self.has.A is not None
        rows = list(asked)
        return StepBatch(
            self.batch.cases,
            tuple(Z[rows] for Z in self.has.Z),
            self.batch.last(self.has.A)[rows],
            tuple(sums.value[rows] for sums in self.dA),
        )

    def step_inputs(self, side: int, k: int) -> StepInputs:
        """What to ask an oracle's `steps` for one of the sides of case k."""
        assert self.has.Z is not None
        assert self.has.A is not None
        case, layouts = self.batch.cases[k], self.batch.layouts
        L = case.network.depth
        return StepInputs(
            case,
            tuple(layouts[l].view(self.has.Z[l - 1], k)[side] for l in range(1, L + 1)),
            layouts[L].view(self.has.A[L - 1], k)[side],
            tuple(layouts[l].view(self.dA[l - 1].value, k)[side] for l in range(1, L)),
        )

    def part(self, places: Sequence[int]) -> Sides:
        """Some of the cases as a batch of their own, made once: for steps and whole traces alike."""
        key = tuple(places)
        if key not in self._parts:
            traces = {name: [self.traces[name][k] for k in places] for name in self.names}
            self._parts[key] = Sides(Batch([self.batch.cases[k] for k in places]), traces)
        return self._parts[key]

    def alone(self, k: int) -> Sides:
        """Case k as a batch of its own."""
        return self.part((k,))

    def _gathered(self, quantity: str) -> Any:
        return gathered(self.batch, quantity, [self.traces[name] for name in self.names])


def gathered(batch: Batch, quantity: str, sides: Sequence[Sequence[Trace]]) -> Any:
    """One quantity of each case and side: (sides, total), for each layer if there is one for each."""
    flat = [as_batch(batch.cases, traces).flat(quantity) for traces in sides]
    if QUANTITIES[quantity]:
        return tuple(_rows([each[l] for each in flat]) for l in range(batch.depth))
    return _rows(flat)


def _rows(data: Sequence[Any]) -> Any:
    """The arrays as the rows of one, as float64."""
    found = np.empty((len(data), data[0].size))
    for row, each in zip(found, data, strict=True):
        row[...] = each
    return found
