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

from flint import arb_series

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


def split(z: Number, point: Any, above: Callable[[], Number], below: Callable[[], Number]) -> Number:
    """`above()` where z > point, else `below()`."""
    value = z[0]
    if value > point:
        return above()
    if value < point:
        return below()
    branches = _branches.get()
    if value.is_exact():
        branches.exactly += 1
    else:
        branches.unsure += 1
    if branches.hull:
        return _hull(above(), below())
    return above() if value.mid() > point else below()


def _hull(one: Number, other: Number) -> Number:
    if isinstance(one, arb_series):
        return arb_series([one[0].union(other[0]), one[1].union(other[1])], prec=2)
    return one.hull(other)
