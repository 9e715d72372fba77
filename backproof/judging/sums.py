"""Products of the matrices of many cases in more precision than theirs, and what those are off by (R6)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from oracles.layout import Layout, Matrices

from .rounding import extended, lost_in_extended_sum


class Sums(NamedTuple):
    """left @ right of each case, as flat data."""

    value: Any
    """In more precision than the case's, as float64."""
    sizes: Any
    """Σ|l_ik r_kj|."""
    error: Any
    """Of `value`."""


def summed(
    left: Matrices,
    right: Matrices,
    layout: Layout,
    dtype: Any,
    *,
    left_turned: bool = False,
    right_turned: bool = False,
) -> Sums:
    """left @ right, each transposed if so asked, as data of `layout`; leading axes broadcast.

    Products of float32 numbers are exact in float64. Float64 numbers are multiplied in the platform's
    extended precision, where it has one; where it has none, the error is that of float64.
    """

    def views(of: Matrices, turned: bool) -> list[Any]:
        return of.turned if turned else of.views

    def product(left: Matrices, right: Matrices, dtype: Any = np.float64) -> Any:
        pairs = (views(left, left_turned), views(right, right_turned))
        return layout.products(*pairs, leading, dtype)

    leading = np.broadcast_shapes(left.data.shape[:-1], right.data.shape[:-1])
    terms = (left.rows if left_turned else left.columns) + 1
    sizes = product(left.magnitudes, right.magnitudes)
    if dtype == np.float32:
        value, lost = product(left, right), terms * np.finfo(np.float64).eps
    else:
        longer = [Matrices(each.layout, extended(each.data)) for each in (left, right)]
        value = product(longer[0], longer[1], longer[0].data.dtype).astype(np.float64)
        lost = lost_in_extended_sum(terms)
    return Sums(value, sizes, layout.each(lost) * sizes + np.finfo(np.float64).eps * np.abs(value))
