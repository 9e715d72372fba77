"""Blocks: comparisons of one quantity of one layer, for all cases of a batch and several pairs at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from oracles.layout import Layout

from .verdicts import Alternative, Comparison, Scope, no_alternatives

# (row, case) → the other readings of an answer outside its bound.
Readings = Callable[[int, int], tuple[Alternative, ...]]


def no_readings(_row: int, _case: int) -> tuple[Alternative, ...]:
    """An answer outside its bound is a mismatch."""
    return no_alternatives()


class Block(NamedTuple):
    """Rows of comparisons: row r holds `left[r]`'s answers against `right[r]`'s, case after case."""

    quantity: str
    layer: int | None
    scope: Scope
    left: Sequence[str]
    right: Sequence[str]
    observed: Any
    """(rows, total), as are the next two."""
    expected: Any
    bound: Any
    layout: Layout
    """Of the first cases of the batch: those that have such a layer."""
    readings: Readings = no_readings
    """Asked only when some entry lies outside its bound."""

    def comparison(self, row: int, case: int) -> Comparison:
        """One row of one case as a comparison of matrices; of the loss, as one of scalars."""
        observed, expected, bound = (
            self.layout.view(data[row], case) for data in (self.observed, self.expected, self.bound)
        )
        if self.quantity == "loss":
            observed, expected, bound = (data[0, 0] for data in (observed, expected, bound))
        readings = partial(self.readings, row, case)
        names = (self.left[row], self.right[row])
        return Comparison(self.quantity, self.layer, self.scope, *names, observed, expected, bound, readings)


def rows_of(data: Any, rows: int) -> Any:
    """One row repeated."""
    return np.broadcast_to(data, (rows, data.shape[-1]))


def once(data: Any) -> Any:
    """One row of data that `rows_of` repeats; other data as they are."""
    return data[:1] if data.ndim > 1 and data.strides[0] == 0 else data
