"""How far answers are from the exact ones, and what class each is of.

Ulps are those of the exact result: the distance to the next larger number of the dtype in its binade, and
between subnormal numbers the smallest one. The other measure is in ulps of max(1, |exact|).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from .exact import Exact

THRESHOLD = 100.0
"""Ulps beyond which an answer is a finding."""
_ARGUMENT_ULPS = 8.0
_BRIDGED = 3
"""So few good points do not part a region."""


class Class(IntEnum):
    """What an answer is, in ascending order of how bad."""

    ACCURATE = 0
    """Within `THRESHOLD`."""
    UNDEFINED = 1
    """There is no finite exact answer, nor one that overflows: such as the logarithm of 0."""
    FLUSHED = 2
    """Off because a subnormal number, argument or result, was taken for 0."""
    UNDERFLOW = 3
    """Further off, but by less than the smallest normal number: something on the way was subnormal."""
    ILL_CONDITIONED = 4
    """Further off, but by no more than a change of the argument by eight ulps would bring."""
    INACCURATE = 5
    NON_FINITE = 6
    """NaN, or infinite where a finite number is right."""


@dataclass(frozen=True)
class Errors:
    """Of every entry of a sweep; arrays of one shape, (n, m)."""

    answer: Any
    exact: Any
    """Of the right answers the nearest one."""
    ulps: Any
    """Infinite where the answer is not finite and should be; NaN where there is nothing to measure."""
    scaled: Any
    """|answer - exact| in ulps of max(1, |exact|)."""
    classes: Any


def errors_of(answer: Any, exact: Exact, at: Any, dtype: np.dtype[Any]) -> Errors:
    """The errors of answers (n, m) at arguments (m,), ascending, all numbers of `dtype` held in float64."""
    right = exact.nearest(answer)
    with np.errstate(all="ignore"):
        k = _ulp_exponent(right, dtype)
        off = np.abs(_in_units(answer, k, dtype) - _in_units(right, k, dtype))
        scaled = np.ldexp(off, k - _ulp_exponent(np.maximum(1.0, np.abs(right)), dtype))
    undefined = np.isnan(right)
    # An infinite answer stands for the first number beyond the largest, and may be next to the right one.
    broken = ~undefined & (np.isnan(answer) | (np.isinf(answer) & ~(off <= THRESHOLD)))
    classes = np.zeros(answer.shape, np.int8)
    classes[off > THRESHOLD] = Class.INACCURATE
    with np.errstate(all="ignore"):
        condition = _condition(right, at)
    classes[(off > THRESHOLD) & (off <= _ARGUMENT_ULPS * condition)] = Class.ILL_CONDITIONED
    underflown = off < np.ldexp(1.0, np.finfo(dtype).minexp - k)
    classes[(off > THRESHOLD) & underflown] = Class.UNDERFLOW
    classes[broken] = Class.NON_FINITE
    classes[_flushed(answer, right, at, dtype) & (off > 1)] = Class.FLUSHED
    classes[_flushed(answer, right, at, dtype) & broken] = Class.FLUSHED
    classes[undefined] = Class.UNDEFINED
    off = np.where(broken, np.inf, off)
    unmeasured = (classes == Class.FLUSHED) | undefined
    return Errors(
        answer, right, np.where(unmeasured, np.nan, off), np.where(unmeasured, np.nan, scaled), classes
    )


def _ulp_exponent(x: Any, dtype: np.dtype[Any]) -> Any:
    """log2 of an ulp of x."""
    info = np.finfo(dtype)
    size = np.minimum(np.abs(np.where(np.isnan(x), 0.0, x)), float(info.max))
    exponent = np.where(size == 0, info.minexp, np.frexp(size)[1] - 1)
    return np.maximum(exponent, info.minexp) - info.nmant


def _in_units(x: Any, k: Any, dtype: np.dtype[Any]) -> Any:
    """x / 2^k exactly, where what is beyond the largest number counts as the next one after it."""
    info = np.finfo(dtype)
    beyond = np.ldexp(np.sign(x), info.maxexp - k)
    return np.where(np.abs(x) > float(info.max), beyond, np.ldexp(x, -k))


def _flushed(answer: Any, right: Any, at: Any, dtype: np.dtype[Any]) -> Any:
    tiny = float(np.finfo(dtype).tiny)
    of_result = (answer == 0) & (right != 0) & (np.abs(right) < tiny)
    zero = np.flatnonzero(at == 0)
    if not zero.size:
        return of_result
    at_zero = answer[:, zero[0]][:, None]
    same = (answer == at_zero) | (np.isnan(answer) & np.isnan(at_zero))
    return of_result | (same & (at != 0) & (np.abs(at) < tiny))


def _condition(right: Any, at: Any) -> Any:
    """|t f'(t) / f(t)| from the differences to the neighbours, of which the one that changes less counts.

    Near a zero the plain difference tells it, and of exponentials, which change much between two points,
    that of the logarithms.
    """
    if at.size < 3:
        return np.zeros(right.shape)
    plain = _lesser(np.abs(np.diff(right, axis=1) / np.diff(at))) / np.abs(right)
    logarithmic = _lesser(np.abs(np.diff(np.log(np.abs(right)), axis=1) / np.diff(at)))
    logarithmic[np.isinf(logarithmic)] = 0.0  # beside a value that is 0
    found = np.nan_to_num(np.abs(at) * np.fmax(plain, logarithmic), nan=0.0, posinf=np.inf)
    return np.where(np.isfinite(right), found, 0.0)


def _lesser(slopes: Any) -> Any:
    """Of the slopes between neighbours (n, m - 1), the lesser one at each of the m points."""
    left, right = (np.pad(slopes, ((0, 0), side), mode="edge") for side in ((1, 0), (0, 1)))
    return np.fmin(left, right)


@dataclass(frozen=True)
class Region:
    """Neighbouring points of a sweep at which answers are INACCURATE or NON_FINITE; places are columns."""

    kind: Class
    first: int
    last: int
    points: int
    worst: tuple[int, int]
    """Row and column of the worst answer; of those not finite, of the one at the most ordinary argument."""


def worst_of_columns(errors: Errors) -> Any:
    """The row of the worst entry of each column, (m,): by class, then by ulps."""
    rank = errors.classes.astype(float) * 4 + np.nan_to_num(np.arctan(errors.ulps), nan=0.0)
    return np.argmax(rank, axis=0)


def ordinary(at: Any) -> Any:
    """How ordinary arguments are: the larger the closer to 1 their sizes are; 0 is the least ordinary."""
    with np.errstate(divide="ignore"):
        return -np.abs(np.log2(np.abs(at)))


def regions_of(errors: Errors, at: Any) -> Iterator[Region]:
    """Every region of a sweep at arguments `at`, (m,), by kind and then from left to right."""
    rows = worst_of_columns(errors)
    columns = np.arange(rows.size)
    classes, ulps = errors.classes[rows, columns], errors.ulps[rows, columns]
    badness = {Class.INACCURATE: ulps, Class.NON_FINITE: ordinary(at)}
    for kind, bad in badness.items():
        places = np.flatnonzero(classes == kind)
        if not places.size:
            continue
        for run in np.split(places, np.flatnonzero(np.diff(places) > _BRIDGED + 1) + 1):
            worst = int(run[np.argmax(bad[run])])
            yield Region(kind, int(run[0]), int(run[-1]), int(run.size), (int(rows[worst]), worst))
