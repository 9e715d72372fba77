"""Matrices of many cases end to end in one flat array, so that one NumPy call does for all of them.

A `Layout` says which part of the last axis belongs to which case. Leading axes are shared by all cases:
precisions, implementations. Nothing is padded, so that what is computed for a case depends on no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

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
        self._parts = list(zip(self.starts.tolist(), ends.tolist(), self.shapes, strict=True))

    def __len__(self) -> int:
        return len(self.shapes)

    def first(self, count: int) -> Layout:
        """The layout of the first cases only; their part of the data is its beginning."""
        return self if count == len(self) else Layout(self.shapes[:count])

    def empty(self, leading: tuple[int, ...] = ()) -> Any:
        """Room for the data."""
        return np.empty((*leading, self.total))

    def flat(self, matrices: Iterable[Any]) -> Any:
        """The matrices end to end, as float64."""
        parts = [matrix.reshape(-1) for matrix in matrices]
        return np.concatenate(parts, dtype=_FLOAT64) if parts else np.empty(0)

    def views(self, data: Any) -> list[Any]:
        """Each case's part of the data, (…, rows, columns)."""
        leading = data.shape[:-1]
        return [data[..., start:end].reshape(*leading, *shape) for start, end, shape in self._parts]

    def view(self, data: Any, case: int) -> Any:
        """One case's part of the data, (…, rows, columns)."""
        start, end, shape = self._parts[case]
        return data[..., start:end].reshape(*data.shape[:-1], *shape)

    def entries(self, cases: Sequence[int]) -> Any:
        """The places of these cases' entries in the data, case after case."""
        if list(cases) == list(range(len(self))):
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

    def products(self, left: Sequence[Any], right: Sequence[Any], leading: tuple[int, ...]) -> Any:
        """left @ right of each case, as data of this layout."""
        data = self.empty(leading)
        for a, b, out in zip(left, right, self.views(data), strict=True):
            np.matmul(a, b, out=out)
        return data

    def columns(self, bias: Sequence[Any]) -> Any:
        """Columns (rows, 1), broadcast to the matrices of this layout, as data."""
        data = self.empty()
        for column, out in zip(bias, self.views(data), strict=True):
            out[...] = column
        return data
