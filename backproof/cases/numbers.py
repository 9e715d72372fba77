"""Random numbers made of integers by exact operations, so that cases are the same on every platform.

Every number is dyadic, k · 2^e with |k| < 2^24 in float32 and 2^53 in float64, and hence exactly a number of
its dtype. Arrays are float64 here in either case; they hold numbers of the dtype.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refimpl.functions import Interval

from .source import Source, one_in, pick

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

SIGNIFICANDS = {"float32": 24, "float64": 53}
_SCALE_BITS = 4  # the significand of a scale factor; the numbers it multiplies have that many bits less


class Numbers:
    """Draws numbers of one dtype from a source of integers."""

    def __init__(self, source: Source, dtype: str) -> None:
        self.source = source
        self.dtype = np.dtype(dtype)
        self.significand = SIGNIFICANDS[dtype]

    def normal(self, rows: int, columns: int, scale: float = 1.0) -> Array:
        """Roughly normal numbers of standard deviation `scale`, a number of at most 4 significant bits.

        Each is the sum of three uniform numbers of (-1, 1), whose variances are ⅓: at most 3 in magnitude.
        """
        bits = self.significand - _SCALE_BITS - 2  # three terms need up to two bits more than one
        words = self.source.integers(3 * rows * columns, bits + 1)
        total = _signed(words).reshape(3, rows, columns).sum(axis=0)
        scaled: Array = total * (scale * 2.0**-bits)
        return scaled

    def small_integers(self, rows: int, columns: int, largest: int) -> Array:
        """Integers from -largest to largest."""
        return _signed(self.below(rows * columns, 2 * largest + 1) + 1).reshape(rows, columns) * np.float64(1)

    def below(self, count: int, limit: int) -> Integers:
        """Shape (count,): integers with 0 ≤ integer < limit, where limit is at most 2^16."""
        return (self.source.integers(count, 32) % np.uint64(limit)).astype(np.int64)

    def grid(self, rows: int, columns: int) -> tuple[Integers, int]:
        """Uniform integers k with 0 ≤ k < 2^bits, and bits, so that k/2^bits is a number of the dtype."""
        bits = self.significand - 1
        words = self.source.integers(rows * columns, bits)
        return words.astype(np.int64).reshape(rows, columns), bits

    def mask(self, rows: int, columns: int, n: int) -> NDArray[np.bool_]:
        """True in one entry of n."""
        return (self.below(rows * columns, n) == n - 1).reshape(rows, columns)

    def rounded(self, values: Array) -> Array:
        """The nearest numbers of the dtype."""
        return values.astype(self.dtype).astype(np.float64)

    def learning_rate(self) -> float:
        """A number of [2^-10, 1): half of them with few bits, half with all that the dtype has."""
        exponent = self.source.integer(1, 10)
        bits = self.significand - 1 if one_in(self.source, 2) else 3
        return math.ldexp((1 << bits) + self.source.integer(0, (1 << bits) - 1), -bits - exponent)

    def within(self, interval: Interval) -> float:
        """A short dyadic number of a bounded interval: one of about 16 to 32 evenly spaced ones."""
        low, high = Fraction(interval.low), Fraction(interval.high)
        if low == high:
            return interval.low
        step = Fraction(2) ** (math.frexp(interval.high - interval.low)[1] - 5)
        first, last = math.ceil(low / step), math.floor(high / step)
        first += first * step == low and not interval.low_inside
        last -= last * step == high and not interval.high_inside
        return float(self.source.integer(first, last) * step)

    def initial_scale(self, inputs: int, outputs: int) -> float:
        """The standard deviation of a layer's weights: He's, Xavier's or 1."""
        variance = pick(self.source, ((2, inputs), (2, inputs + outputs), (1, 1)))
        return short_root(*variance)


def _signed(words: NDArray[np.uint64] | Integers) -> Integers:
    """0, 1, 2, 3, 4 … → 0, 0, 1, -1, 2 …: uniform in both signs, and simple where the word is."""
    words = words.astype(np.int64)
    return (words >> 1) * (1 - 2 * (words & 1))


@cache
def short_root(numerator: int, denominator: int) -> float:
    """√(numerator/denominator) rounded down to four significant bits, found in integers."""
    exponent = 0
    while (root := math.isqrt((numerator << 2 * exponent) // denominator)) < 1 << (_SCALE_BITS - 1):
        exponent += 1
    return math.ldexp(root, -exponent)


def power_above(values: Array) -> int | None:
    """e with |value| < 2^e for all values, where 2^(e-1) is about too small; None if all are 0.

    Values come from a forward pass and differ between platforms in the last bits. Where e changes, at
    2^e · (1 - 2^-12), small integers and simple fractions do not lie, so that those bits do not decide it.
    """
    largest = float(np.abs(values).max())
    return math.frexp(largest * (1 + 2.0**-12))[1] if largest else None


def times_power(values: Array | Integers, powers: NDArray[Any] | int) -> Array:
    """values · 2^powers, exactly."""
    return np.ldexp(values, np.asarray(powers).astype(np.intc))
