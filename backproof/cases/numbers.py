"""Random numbers made of integers by exact operations, so that cases are the same on every platform.

Every number is dyadic, k · 2^e with |k| < 2^24 in float32 and 2^53 in float64, and hence exactly a number of
its dtype. Arrays are float64 here in either case; they hold numbers of the dtype.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refimpl.domains import Interval, OneOf

from .source import Source, one_in, pick

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

SIGNIFICANDS = {"float32": 24, "float64": 53}
_DTYPES = {name: np.dtype(name) for name in SIGNIFICANDS}
_SCALE_BITS = 4  # the significand of a scale factor; the numbers it multiplies have that many bits less

# Most arrays are so small that the conversion of a Python number takes as long as the loop over the array.
_INT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)
_PLACES = tuple(np.array(places) for places in range(64))
_HALF_A_WORD = np.array(32, dtype=np.uint64)


class Numbers:
    """Draws numbers of one dtype from a source of integers."""

    def __init__(self, source: Source, dtype: str) -> None:
        self.source = source
        self.dtype = _DTYPES[dtype]
        self.significand = SIGNIFICANDS[dtype]

    def normal(self, rows: int, columns: int, scale: float = 1.0) -> Array:
        """Roughly normal numbers of standard deviation 1.04 `scale`, a number of at most 4 significant bits.

        Each is 3/2 of one uniform number of [-1, 1) plus another: 2.5 in magnitude at most, before scaling.
        """
        bits = self.significand - _SCALE_BITS - 3  # 3 k + 2 k' needs up to three bits more than k and k'
        pairs = _signed(self.source.word_pairs(rows * columns), bits)
        return _three_and_two(scale * 2.0 ** -(bits + 1)).dot(pairs).reshape(rows, columns)

    def uniform(self, rows: int, columns: int, largest: float) -> Array:
        """Uniform numbers of [-largest, largest), where `largest` has at most 4 significant bits."""
        bits = self.significand - _SCALE_BITS
        k = _signed(self.source.words(rows * columns), bits)
        return (k * (largest * 2.0**-bits)).reshape(rows, columns)

    def small_integers(self, rows: int, columns: int, largest: int) -> Array:
        """Integers from -largest to largest."""
        return _small_integers(largest)[self.below(rows * columns, 2 * largest + 1)].reshape(rows, columns)

    def below(self, count: int, limit: int) -> Integers:
        """Shape (count,): integers with 0 ≤ integer < limit, uniform to within limit/2^32."""
        words = self.source.words(count) >> _HALF_A_WORD
        return (words * _unsigned(limit) >> _HALF_A_WORD).view(_INT64)

    def grid(self, rows: int, columns: int) -> tuple[Integers, int]:
        """Uniform integers k with 0 ≤ k < 2^bits, and bits, so that k/2^bits is a number of the dtype."""
        bits = self.significand - 1
        words = self.source.words(rows * columns) >> (64 - bits)
        return words.view(_INT64).reshape(rows, columns), bits

    def mask(self, rows: int, columns: int, n: int) -> NDArray[np.bool_]:
        """True in one entry of n: where `below` n would give n - 1."""
        return (self.source.words(rows * columns) >= _last_of(n)).reshape(rows, columns)

    def rounded(self, values: Array) -> Array:
        """The nearest numbers of the dtype."""
        return values.astype(self.dtype, copy=False).astype(np.float64, copy=False)

    def frozen(self, values: Array) -> NDArray[Any]:
        """A read-only copy of numbers of the dtype, in the dtype."""
        copy = np.array(values, self.dtype, order="C")
        copy.setflags(write=False)
        return copy

    def learning_rate(self) -> float:
        """A number of [2^-10, 1): half of them with few bits, half with all that the dtype has."""
        exponent = self.source.integer(1, 10)
        bits = self.significand - 1 if one_in(self.source, 2) else 3
        return math.ldexp((1 << bits) + self.source.integer(0, (1 << bits) - 1), -bits - exponent)

    def within(self, domain: Interval | OneOf) -> float:
        """One of the numbers; or a short dyadic one of an interval, of about 16 to 32 evenly spaced."""
        if isinstance(domain, OneOf):
            return pick(self.source, domain.values)
        first, last, step = _steps(domain)
        return self.source.integer(first, last) * step

    def each_within(self, interval: Interval, rows: int, columns: int) -> Array:
        """Such numbers of a bounded interval, each drawn by itself."""
        first, last, step = _steps(interval)
        multiples = (first + self.below(rows * columns, last - first + 1)).astype(np.float64)
        return multiples.reshape(rows, columns) * step

    def initial_scale(self, inputs: int, outputs: int) -> float:
        """The standard deviation of a layer's weights: He's, Xavier's or 1."""
        variance = pick(self.source, ((2, inputs), (2, inputs + outputs), (1, 1)))
        return short_root(*variance)


def _signed(words: NDArray[np.uint64], bits: int) -> Array:
    """Of the same shape: uniform integers from -2^bits to 2^bits - 1."""
    return (words.view(_INT64) >> _PLACES[63 - bits]).astype(_FLOAT64)


@lru_cache(maxsize=256)
def _unsigned(number: int) -> NDArray[np.uint64]:
    return np.array(number, dtype=np.uint64)


@lru_cache(maxsize=256)
def _last_of(n: int) -> NDArray[np.uint64]:
    """The least word of whose leading 32 bits h the product n h is (n - 1) 2^32 or more."""
    return _unsigned(-(-(n - 1 << 32) // n) << 32)


@lru_cache(maxsize=256)
def _three_and_two(unit: float) -> Array:
    return np.array([3 * unit, 2 * unit])


@cache
def _small_integers(largest: int) -> Array:
    """0, 1, -1, 2, -2 … up to ±largest: the simplest first."""
    return np.array([0.0] + [sign * k for k in range(1, largest + 1) for sign in (1.0, -1.0)])


@cache
def _steps(interval: Interval) -> tuple[int, int, float]:
    """First and last multiple of a power of two in a bounded interval, and that power."""
    low, high = Fraction(interval.low), Fraction(interval.high)
    if low == high:
        return 1, 1, interval.low
    step = Fraction(2) ** (math.frexp(interval.high - interval.low)[1] - 5)
    first, last = math.ceil(low / step), math.floor(high / step)
    first += first * step == low and not interval.low_inside
    last -= last * step == high and not interval.high_inside
    return first, last, float(step)


@cache
def short_root(numerator: int, denominator: int) -> float:
    """√(numerator/denominator) rounded down to four significant bits, found in integers."""
    exponent = 0
    while (root := math.isqrt((numerator << 2 * exponent) // denominator)) < 1 << (_SCALE_BITS - 1):
        exponent += 1
    return math.ldexp(root, -exponent)


_BEFORE_A_POWER = 1 + 2.0**-12


def power_above(values: Array) -> int | None:
    """e with |value| < 2^e for all values, where 2^(e-1) is about too small; None if all are 0.

    Values come from a forward pass and differ between platforms in the last bits. Where e changes, at
    2^e · (1 - 2^-12), small integers and simple fractions do not lie, so that those bits do not decide it.
    """
    magnitudes = np.abs(values)
    largest = magnitudes.item(magnitudes.argmax())  # max() takes five times as long where there are few
    return math.frexp(largest * _BEFORE_A_POWER)[1] if largest else None


def powers_above(magnitudes: Array) -> Integers:
    """That power for each of some magnitudes by itself; 0 for 0."""
    return np.frexp(magnitudes * _BEFORE_A_POWER)[1].astype(_INT64)


def times_power(values: Array | Integers, powers: NDArray[Any] | int) -> Array:
    """values · 2^powers, exactly."""
    return np.ldexp(values, powers if isinstance(powers, int) else powers.astype(np.intc))
