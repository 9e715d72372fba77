"""Matrices of many cases end to end in one flat array, so that one NumPy call does for all of them.

A `Layout` says which part of the last axis belongs to which case. Leading axes are shared by all cases:
precisions, implementations. Nothing is padded, so that what is computed for a case depends on no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np

_FLOAT64 = np.dtype("float64")


class Layout:
    """The shapes (rows, columns) of one matrix a case."""

    def __init__(self, shapes: Sequence[tuple[int, int]]) -> None:
        self.shapes = tuple(shapes)
        self.sizes = np.array([rows * columns for rows, columns in shapes], dtype=np.int64)
        ends = np.cumsum(self.sizes)
        self.starts = ends - self.sizes
        self.total = int(ends[-1]) if len(shapes) else 0
        self._firsts: dict[int, Layout] = {}
        bounds = zip(self.starts.tolist(), ends.tolist(), strict=True)
        self._parts = [(slice(*each), tuple(shape)) for each, shape in zip(bounds, self.shapes, strict=True)]

    def __len__(self) -> int:
        return len(self.shapes)

    def first(self, count: int) -> Layout:
        """The layout of the first cases only; their part of the data is its beginning."""
        if count == len(self):
            return self
        if count not in self._firsts:
            self._firsts[count] = Layout(self.shapes[:count])
        return self._firsts[count]

    def part(self, cases: Sequence[int]) -> Layout:
        """The layout of these cases, in this order."""
        return self if self._are_all(cases) else Layout([self.shapes[k] for k in cases])

    def _are_all(self, cases: Sequence[int]) -> bool:
        every = range(len(self))
        return cases == every or list(cases) == list(every)

    def empty(self, leading: tuple[int, ...] = ()) -> Any:
        """Room for the data."""
        return np.empty((*leading, self.total))

    def flat(self, matrices: Iterable[Any]) -> Any:
        """The matrices end to end, as float64."""
        parts = [matrix.reshape(-1) for matrix in matrices]
        return np.concatenate(parts, dtype=_FLOAT64) if parts else np.empty(0)

    def views(self, data: Any) -> list[Any]:
        """Each case's part of the data, (…, rows, columns)."""
        if data.ndim == 1:
            return [data[at].reshape(shape) for at, shape in self._parts]
        leading = data.shape[:-1]
        return [data[..., at].reshape(leading + shape) for at, shape in self._parts]

    def view(self, data: Any, case: int) -> Any:
        """One case's part of the data, (…, rows, columns)."""
        at, shape = self._parts[case]
        return data[..., at].reshape(data.shape[:-1] + shape)

    def entries(self, cases: Sequence[int]) -> Any:
        """The places of these cases' entries in the data, case after case."""
        if self._are_all(cases):
            return slice(None)
        chosen = np.asarray(cases)
        starts, sizes = self.starts[chosen], self.sizes[chosen]
        if len(chosen) == 1:
            return slice(int(starts[0]), int(starts[0] + sizes[0]))
        ends = np.cumsum(sizes)
        return np.arange(ends[-1]) + np.repeat(starts - ends + sizes, sizes)

    def columns_at(self, cases: Sequence[int]) -> Any:
        """The places of the entries of cases of as many rows each, side by side: (rows, all columns)."""
        rows = self.shapes[cases[0]][0]
        columns = np.array([self.shapes[k][1] for k in cases])
        ends = np.cumsum(columns)
        first = np.arange(ends[-1]) + np.repeat(self.starts[list(cases)] - ends + columns, columns)
        return first + np.arange(rows)[:, None] * np.repeat(columns, columns)

    def each(self, numbers: Any) -> Any:
        """One number a case, repeated for each of its entries."""
        return np.repeat(numbers, self.sizes)

    def sums(self, data: Any) -> Any:
        """The sum of each case's entries: (…, cases)."""
        return np.add.reduceat(data, self.starts, axis=-1)

    def largest(self, data: Any) -> Any:
        """The largest of each case's entries: (…, cases)."""
        return np.maximum.reduceat(data, self.starts, axis=-1)

    def products(
        self, left: Sequence[Any], right: Sequence[Any], leading: tuple[int, ...], dtype: Any = _FLOAT64
    ) -> Any:
        """left @ right of each case, as data of this layout."""
        data = np.empty((*leading, self.total), dtype)
        for a, b, out in zip(left, right, self.views(data), strict=True):
            np.matmul(a, b, out=out)
        return data

    @cached_property
    def row_lengths(self) -> Any:
        """The number of columns of each row of each matrix."""
        rows, columns = np.array(self.shapes, dtype=np.int64).reshape(-1, 2).T
        return np.repeat(columns, rows)

    @cached_property
    def row_starts(self) -> Any:
        """Where each row of each matrix begins."""
        return np.cumsum(self.row_lengths) - self.row_lengths

    def columns(self, bias: Any) -> Any:
        """One number for each row of each matrix, broadcast along it, as data."""
        return np.repeat(bias, self.row_lengths)

    def row_sums(self, data: Any) -> Any:
        """The sum of each row of each matrix."""
        return np.add.reduceat(data, self.row_starts, axis=-1)


def turned(matrices: Iterable[Any]) -> list[Any]:
    """Each matrix, transposed; leading axes stay."""
    return [matrix.swapaxes(-1, -2) for matrix in matrices]


class Matrices(Sequence[Any]):
    """Matrices as the data of a layout, with leading axes or none, and what is often made of them."""

    def __init__(self, layout: Layout, data: Any) -> None:
        self.layout, self.data = layout, data

    @classmethod
    def of(cls, matrices: Sequence[Any]) -> Matrices:
        """The same of single matrices, as float64."""
        if isinstance(matrices, Matrices):
            return matrices
        layout = Layout([matrix.shape for matrix in matrices])
        return cls(layout, layout.flat(matrices))

    def __len__(self) -> int:
        return len(self.layout)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...
    def __getitem__(self, place: Any) -> Any:
        return self.views[place]

    @cached_property
    def views(self) -> list[Any]:
        """Each matrix."""
        return self.layout.views(self.data)

    @cached_property
    def turned(self) -> list[Any]:
        """Each matrix, transposed."""
        return turned(self.views)

    @cached_property
    def rows(self) -> Any:
        """The number of rows of each."""
        return np.array([rows for rows, _ in self.layout.shapes])

    @cached_property
    def columns(self) -> Any:
        """The number of columns of each."""
        return np.array([columns for _, columns in self.layout.shapes])

    @cached_property
    def magnitudes(self) -> Matrices:
        """Their absolute values."""
        return Matrices(self.layout, np.abs(self.data))

    @cached_property
    def squares(self) -> Matrices:
        """The squares of their entries."""
        return Matrices(self.layout, np.square(self.data))
