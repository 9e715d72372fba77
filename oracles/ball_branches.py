"""Branches of functions in ball arithmetic: a ball may straddle the point at which the branch changes.

An `if` would silently pick one side, since for such a ball both `x > 0` and `x <= 0` are false. `split`
decides where it can, and notes where it cannot. There it takes the hull of both branches, or, where a single
number is asked for, the branch in which the midpoint lies; exactly on the point, the one below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from flint import arb, arb_series

Number = Any


@dataclass
class Branches:
    """How to decide, and what was met while deciding."""

    hull: bool = False
    """Whether both branches are wanted where either may be right."""
    exactly: int = 0
    """How often an argument lay exactly on the point."""
    unsure: int = 0
    """How often it straddled it: more precision may decide."""

    @property
    def any(self) -> bool:
        """Whether anything was left to choose."""
        return bool(self.exactly or self.unsure)


_branches: ContextVar[Branches] = ContextVar("branches", default=Branches())  # noqa: B039 - only counts


@contextmanager
def deciding(branches: Branches) -> Iterator[Branches]:
    """`split` decides as these say, and counts in them."""
    token = _branches.set(branches)
    try:
        yield branches
    finally:
        _branches.reset(token)


Branch = Callable[[Number], Number]


def split(z: Number, point: Any, above: Branch, below: Branch) -> Number:
    """`above(z)` where z > point, else `below(z)`."""
    value = z[0]
    if value > point:
        return above(z)
    if value < point:
        return below(z)
    branches = _branches.get()
    if value.is_exact():
        branches.exactly += 1
    else:
        branches.unsure += 1
    if branches.hull:
        # Each branch on its own side only: beyond it, e^z may be as large as you like.
        point = arb(point)
        sides = (point.union(value.upper()), point.union(value.lower()))
        return _hull(above(_restricted(z, sides[0])), below(_restricted(z, sides[1])))
    return above(z) if value.mid() > point else below(z)


def _restricted(z: Number, value: Any) -> Number:
    """z where it lies in the ball `value`."""
    return arb_series([value, z[1]], prec=2) if isinstance(z, arb_series) else z.restricted(value)


def _hull(one: Number, other: Number) -> Number:
    if isinstance(one, arb_series):
        return arb_series([one[0].union(other[0]), one[1].union(other[1])], prec=2)
    return one.hull(other)
