"""Sets of numbers and of label columns: where predictions, targets and parameters come from.

Appendix: what an entry of `activations.py` or `losses.py` means by a domain or a range. Each set can say
whether it holds all of an array (`contains`) and which entry is the first that it does not (`outside`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


def _first(wrong: Any) -> tuple[int, int] | None:
    if not np.count_nonzero(wrong):
        return None
    row, column = np.argwhere(wrong)[0]
    return int(row), int(column)


def _among(values: Any, few: tuple[float, ...]) -> Any:
    # np.isin sorts both, which for a small matrix takes ten times as long.
    values = np.asarray(values)
    found = values == few[0]
    for value in few[1:]:
        found = found | (values == value)
    return found


@dataclass(frozen=True)
class Interval:
    """A set of real numbers between two ends, each end either inside or outside the set.

    >>> str(Interval(0.0, 1.0)), str(Interval(0.0, math.inf, low_inside=False, high_inside=False))
    ('[0, 1]', '(0, inf)')
    """

    low: float
    high: float
    low_inside: bool = True
    high_inside: bool = True

    def contains(self, values: Any) -> bool:
        """Whether every entry of `values` (a number or an array) lies in the interval; NaN never does.

        >>> UNIT.contains(1.0), POSITIVE.contains(0.0), REALS.contains(math.nan)
        (True, False, False)
        """
        if isinstance(values, float):
            return bool(self._inside(values))
        return bool(np.all(self._inside(np.asarray(values))))

    def outside(self, values: Any) -> tuple[int, int] | None:
        """Row and column of the first entry of a matrix that does not lie in the interval; None if all do.

        >>> UNIT.outside(np.array([[0.0, 0.5], [1.0, 1.5]]))
        (1, 1)
        """
        return _first(~self._inside(np.asarray(values)))

    def _inside(self, values: Any) -> Any:
        above = values >= self.low if self.low_inside else values > self.low
        below = values <= self.high if self.high_inside else values < self.high
        return above & below

    def covers(self, other: Interval) -> bool:
        """Whether every number of `other` lies in this interval.

        A sigmoid's range, [0, 1], is covered by what bce takes; tanh's is not.

        >>> UNIT.covers(UNIT), UNIT.covers(SYMMETRIC_UNIT), NON_NEGATIVE.covers(POSITIVE)
        (True, False, True)
        """
        low = self.low < other.low or (self.low == other.low and (self.low_inside or not other.low_inside))
        high = self.high > other.high or (
            self.high == other.high and (self.high_inside or not other.high_inside)
        )
        return low and high

    def __str__(self) -> str:
        left, right = "[" if self.low_inside else "(", "]" if self.high_inside else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"


@dataclass(frozen=True)
class OneOf:
    """Some numbers, such as the labels -1 and 1.

    >>> str(SIGNS)
    '{-1, 1}'
    """

    values: tuple[float, ...]

    def contains(self, values: Any) -> bool:
        """Whether every entry of `values` is one of the numbers.

        >>> SIGNS.contains(np.array([[1.0, -1.0]])), SIGNS.contains(0.0)
        (True, False)
        """
        return bool(np.all(_among(values, self.values)))

    def outside(self, values: Any) -> tuple[int, int] | None:
        """Row and column of the first entry of a matrix that is none of the numbers; None if all are.

        >>> SIGNS.outside(np.array([[1.0, -1.0, 0.0]]))
        (0, 2)
        """
        return _first(~_among(values, self.values))

    def __str__(self) -> str:
        return "{" + ", ".join(f"{value:g}" for value in self.values) + "}"


@dataclass(frozen=True)
class OneHot:
    """Columns with a single 1 and else 0: each sample has one class.

    >>> str(OneHot())
    'one-hot columns'
    """

    def contains(self, values: Any) -> bool:
        """Whether each column of the matrix `values` has a single 1 and else 0.

        >>> OneHot().contains(np.eye(3)), OneHot().contains(np.ones((3, 3)))
        (True, False)
        """
        return self.outside(values) is None

    def outside(self, values: Any) -> tuple[int, int] | None:
        """Row and column of the first entry that is neither 0 nor 1, or a second 1, or the last of no 1.

        >>> OneHot().outside(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))  # the second column has two
        (1, 1)
        """
        values = np.asarray(values)
        wrong = ~_among(values, (0.0, 1.0))
        ones = np.cumsum(values == 1, axis=0)
        wrong |= (ones > 1) & (values == 1)
        wrong[-1] |= ones[-1] == 0
        return _first(wrong)

    def __str__(self) -> str:
        return "one-hot columns"


# What the targets of a loss lie in.
TargetDomain = Interval | OneOf | OneHot

REALS = Interval(-math.inf, math.inf, low_inside=False, high_inside=False)
POSITIVE = Interval(0.0, math.inf, low_inside=False, high_inside=False)
NON_NEGATIVE = Interval(0.0, math.inf, high_inside=False)
NON_POSITIVE = Interval(-math.inf, 0.0, low_inside=False)
UNIT = Interval(0.0, 1.0)
SYMMETRIC_UNIT = Interval(-1.0, 1.0)
SIGNS = OneOf((-1.0, 1.0))
