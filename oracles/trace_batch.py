"""The traces of many cases at once: what `Oracle.traces` gives.

What compares whole chunks reads `flat`, the numbers of all cases end to end; a case's own `Trace` is cut out
when somebody asks for it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np

from refimpl import QUANTITIES, Case, Trace, quantity_shape

from .shapes import Blocks, Shapes, compact, segments


class TraceBatch(Sequence[Trace]):
    """One trace a case, in the order of `cases`."""

    def __init__(self, cases: Sequence[Case], shapes: Shapes | None = None) -> None:
        self.cases, self._shapes = tuple(cases), shapes

    @cached_property
    def shapes(self) -> Shapes:
        """The sizes of the cases."""
        return Shapes(self.cases) if self._shapes is None else self._shapes

    @abstractmethod
    def flat(self, quantity: str) -> Any:
        """A quantity of all cases end to end, in the dtype computed in (of several dtypes, the widest).

        Of a quantity of each layer a tuple, one array for l = 1 … largest depth, of the cases that have that
        layer. Of dX one array; of the loss one number a case. None where the traces do not have it.
        """

    @abstractmethod
    def trace(self, case: int) -> Trace:
        """One case's trace, with arrays of its own."""

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Trace]:
        # Sequence's own takes an IndexError out of `trace` for the end.
        return (self.trace(k) for k in range(len(self)))

    @overload
    def __getitem__(self, case: int) -> Trace: ...

    @overload
    def __getitem__(self, case: slice) -> list[Trace]: ...

    def __getitem__(self, case: int | slice) -> Trace | list[Trace]:
        """The trace of one case, or of some."""
        if isinstance(case, slice):
            return [self.trace(k) for k in range(*case.indices(len(self)))]
        return self.trace(range(len(self))[case])


class GivenTraces(TraceBatch):
    """Traces that are there one by one."""

    def __init__(self, cases: Sequence[Case], traces: Sequence[Trace]) -> None:
        super().__init__(cases)
        self._traces = list(traces)

    def trace(self, case: int) -> Trace:
        """One case's trace, as it was given."""
        return self._traces[case]

    def flat(self, quantity: str) -> Any:
        """See `TraceBatch.flat`."""
        values = [getattr(trace, quantity) for trace in self._traces]
        if not values or values[0] is None:
            return () if QUANTITIES[quantity] and not values else None if values else np.empty(0)
        if not QUANTITIES[quantity]:
            return np.concatenate([np.reshape(value, -1) for value in values])
        return tuple(
            np.concatenate([value[l].reshape(-1) for value in values if len(value) > l])
            for l in range(max(map(len, values)))
        )


class FlatTraces(TraceBatch):
    """Traces cut out of what `flat` gives."""

    def __init__(
        self, cases: Sequence[Case], flat: Callable[[str], Any], shapes: Shapes | None = None
    ) -> None:
        super().__init__(cases, shapes)
        self._compute = flat
        self._known: dict[str, Any] = {}
        self._starts: dict[tuple[str, int], Any] = {}

    def flat(self, quantity: str) -> Any:
        """See `TraceBatch.flat`."""
        if quantity not in self._known:
            self._known[quantity] = self._compute(quantity)
        return self._known[quantity]

    def trace(self, case: int) -> Trace:
        """One case's trace, with arrays of its own."""
        values: dict[str, Any] = {}
        for quantity, per_layer in QUANTITIES.items():
            found = self.flat(quantity)
            if quantity == "loss":
                values[quantity] = found[case]
            elif per_layer:
                layers = range(1, self.cases[case].network.depth + 1)
                values[quantity] = tuple(self._cut(quantity, l, found[l - 1], case) for l in layers)
            else:
                values[quantity] = self._cut(quantity, 0, found, case)
        return Trace(**values)

    def _cut(self, quantity: str, l: int, data: Any, case: int) -> Any:
        if (quantity, l) not in self._starts:
            members = self.shapes.members(l)
            starts = np.zeros(len(self.cases), dtype=np.int64)
            starts[members] = compact(*self.shapes.matrix(quantity, l, members)).start
            self._starts[quantity, l] = starts
        start = self._starts[quantity, l][case]
        shape = quantity_shape(self.cases[case], quantity, l or None)
        return data[start : start + shape[0] * shape[1]].reshape(shape).copy()


Where = Callable[[str, int, Any], Blocks]
"""(quantity, layer, cases) → where their matrices are."""


def padded_traces(
    cases: Sequence[Case], shapes: Shapes, padded: Mapping[str, Any], where: Where
) -> TraceBatch:
    """Traces out of one flat array a quantity, in which the matrices are blocks; the loss has its numbers."""
    kinds = {"A": "Z", "delta": "Z"}  # these are where Z is
    known: dict[tuple[str, int], Any] = {}

    def layer(quantity: str, l: int) -> Any:
        kind = kinds.get(quantity, quantity)
        if (kind, l) not in known:
            known[kind, l] = where(quantity, l, shapes.members(l)).positions
        return padded[quantity][known[kind, l]]

    def flat(quantity: str) -> Any:
        if quantity == "loss":
            return padded["loss"]
        if quantity == "dX":
            return layer(quantity, 0)
        return tuple(layer(quantity, l) for l in range(1, shapes.depth + 1))

    return FlatTraces(cases, flat, shapes)


def joined(
    cases: Sequence[Case], parts: Sequence[TraceBatch], positions: Sequence[Sequence[int]]
) -> TraceBatch:
    """The traces of all cases; `parts[i]` has those of the cases at `positions[i]`."""
    if len(parts) == 1 and list(positions[0]) == list(range(len(cases))):
        return parts[0]
    return _Joined(cases, parts, positions)


class _Joined(TraceBatch):
    def __init__(
        self, cases: Sequence[Case], parts: Sequence[TraceBatch], positions: Sequence[Sequence[int]]
    ) -> None:
        super().__init__(cases)
        self._parts = tuple(parts)
        self._order = np.array([k for each in positions for k in each], dtype=np.int64)
        self._places = {
            k: (part, i) for part, each in zip(parts, positions, strict=True) for i, k in enumerate(each)
        }

    def trace(self, case: int) -> Trace:
        """One case's trace, in the dtype that it was computed in."""
        part, place = self._places[case]
        return part.trace(place)

    def flat(self, quantity: str) -> Any:
        """See `TraceBatch.flat`."""
        found = [part.flat(quantity) for part in self._parts]
        if any(each is None for each in found):
            return None
        if not found:
            return () if QUANTITIES[quantity] else np.empty(0)
        if quantity == "loss":
            data = np.concatenate(found)
            losses = np.empty_like(data)
            losses[self._order] = data
            return losses
        if not QUANTITIES[quantity]:
            return self._sorted(quantity, 0, found)
        return tuple(
            self._sorted(quantity, l, [each[l - 1] for each in found if len(each) >= l])
            for l in range(1, self.shapes.depth + 1)
        )

    def _sorted(self, quantity: str, l: int, data: Sequence[Any]) -> Any:
        there = self._order[self.shapes.depths[self._order] >= l]
        blocks = compact(*self.shapes.matrix(quantity, l, there))
        sizes = blocks.rows * blocks.columns
        turned = np.argsort(there)
        return np.concatenate(data)[segments(blocks.start[turned], sizes[turned])]


def as_batch(cases: Sequence[Case], traces: Sequence[Trace]) -> TraceBatch:
    """What an oracle's `traces` gave, as a batch even if it was a list."""
    return traces if isinstance(traces, TraceBatch) else GivenTraces(cases, traces)
