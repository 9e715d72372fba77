"""The sizes of many cases as arrays, and where their matrices stand in flat arrays.

A *block* is one matrix in a flat array: where it begins, its rows and columns, how far its rows are apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from refimpl import Case


class Shapes:
    """Depths (cases,), widths (cases, largest depth + 1) and samples (cases,); absent layers have width 0."""

    def __init__(self, cases: Sequence[Case]) -> None:
        layers = [case.network.layers for case in cases]
        self.samples = np.array([case.X.shape[1] for case in cases], dtype=np.int64)
        self.depths = np.array([len(each) for each in layers], dtype=np.int64)
        self.depth = int(self.depths.max(initial=0))
        widths = np.zeros((len(layers), self.depth + 1), dtype=np.int64)
        widths[:, 0] = [each[0].W.shape[1] for each in layers]
        present = np.arange(1, self.depth + 1) <= self.depths[:, None]
        widths[:, 1:][present] = [layer.b.shape[0] for each in layers for layer in each]
        self.widths = widths

    def of(self, chosen: Sequence[int]) -> Shapes:
        """Of some of the cases."""
        part = object.__new__(Shapes)
        part.samples, part.depths = self.samples[chosen], self.depths[chosen]
        part.depth = int(part.depths.max(initial=0))
        part.widths = self.widths[chosen, : part.depth + 1]
        return part

    def layers(self) -> tuple[Any, Any]:
        """All layers, case by case: whose it is, and its number, from 1."""
        owners, numbers = np.nonzero(np.arange(1, self.depth + 1) <= self.depths[:, None])
        return owners, numbers + 1

    def members(self, l: int) -> Any:
        """Which cases have a layer l."""
        return np.flatnonzero(self.depths >= l)

    def matrix(self, quantity: str, l: Any, cases: Any) -> tuple[Any, Any]:
        """The rows and the columns of a quantity of layer l, of these cases; l of X and dX is 0."""
        rows = self.widths[cases, l]
        if quantity in ("dW", "W_updated"):
            return rows, self.widths[cases, l - 1]
        if quantity in ("db", "b_updated"):
            return rows, np.ones_like(rows)
        return rows, self.samples[cases]


class Blocks(NamedTuple):
    """Matrices in a flat array; arrays of one number a matrix."""

    start: Any
    rows: Any
    columns: Any
    stride: Any
    """From one row to the next."""

    @property
    def positions(self) -> Any:
        """Where their entries are, block after block, row after row."""
        rows, first = self.rows, np.cumsum(self.rows) - self.rows
        within = np.arange(int(rows.sum())) - np.repeat(first, rows)
        starts = np.repeat(self.start, rows) + within * np.repeat(self.stride, rows)
        return segments(starts, np.repeat(self.columns, rows))

    def grouped(self, groups: Any, beside: Any) -> Any:
        """Where their entries are, group after group: `groups` has each block's number.

        Within a group, block after block; where `beside` says so, row after row of all blocks of the group.
        """
        first = np.cumsum(self.rows) - self.rows
        owner = np.repeat(np.arange(len(self.rows)), self.rows)
        row = np.arange(len(owner)) - first[owner]
        order = np.argsort(groups[owner] * (1 << 32) + row * beside[owner], kind="stable")
        owner, row = owner[order], row[order]
        return segments(self.start[owner] + row * self.stride[owner], self.columns[owner])

    @property
    def size(self) -> int:
        """How many entries they have."""
        return int((self.rows * self.columns).sum())

    def columns_of(self, units: int) -> tuple[Any, Any]:
        """Where the entries of all their columns are, side by side as (units, columns), and which there are.

        Each block has at most so many rows; where there is none, the position is 0.
        """
        owner = np.repeat(np.arange(len(self.rows)), self.columns)
        first = self.start[owner] + segments(np.zeros_like(self.columns), self.columns)
        rows = np.arange(units)[:, None]
        present = rows < self.rows[owner]
        return np.where(present, first + rows * self.stride[owner], 0), present

    def of(self, chosen: Any) -> Blocks:
        """Some of them."""
        return Blocks(*(each[chosen] for each in self))


def segments(starts: Any, lengths: Any) -> Any:
    """start, start + 1, …, start + length - 1 of each, end to end."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total)


def compact(rows: Any, columns: Any) -> Blocks:
    """Matrices end to end without gaps."""
    sizes = rows * columns
    return Blocks(np.cumsum(sizes) - sizes, rows, columns, columns)
