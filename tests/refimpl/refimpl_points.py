"""Arguments for the tests of refimpl's tables: taken from what an entry declares, whatever the entry is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from refimpl import Activation, Loss
from refimpl.domains import Interval, OneHot, OneOf, TargetDomain

Parameters = dict[str, float]


def sweep(dtype: str) -> Any:
    """0 and ± magnitudes from the smallest subnormal to the largest finite number, shape (points,).

    Between them lie those at which exponentials, squares and what depends on them round off, underflow and
    overflow in one of the dtypes.
    """
    info = np.finfo(dtype)
    small = [float(info.smallest_subnormal), 3 * float(info.smallest_subnormal), float(info.tiny)]
    middle = [1e-30, float(info.eps) / 8, float(info.eps), 1e-4, 0.1, 0.5, 1, 1.5, 3, 8, 15, 17, 25, 37, 45]
    exponents = [87.5, 88.5, 100, 103.5, 200, 350, 709, 709.9, 744, 746]
    root = math.sqrt(float(info.max))
    large = [1e10, root / 2, root, 1.2 * root, float(info.max) / 3, float(info.max)]
    magnitudes = np.array(small + middle + exponents + large, dtype=dtype)
    return np.concatenate([-magnitudes[::-1], np.zeros(1, dtype), magnitudes])


def inside(points: Any, interval: TargetDomain) -> Any:
    """The points that lie in the set, and the ends that belong to it; 0 and 1 for one-hot columns."""
    if not isinstance(interval, Interval):
        return np.array((0, 1) if isinstance(interval, OneHot) else interval.values, dtype=points.dtype)
    ends = [end for end in (interval.low, interval.high) if interval.contains(end)]
    kept = [point for point in points if interval.contains(point)]
    return np.unique(np.array(kept + ends, dtype=points.dtype))


def drawn(interval: TargetDomain, shape: tuple[int, ...], seed: int) -> Any:
    """Random float64 numbers of ordinary size inside the set, none near an end that is finite."""
    rng = np.random.default_rng(seed)
    if isinstance(interval, OneHot):
        return np.eye(shape[0])[:, rng.integers(shape[0], size=shape[1])]
    if isinstance(interval, OneOf):
        return rng.choice(interval.values, size=shape)
    low, high = max(interval.low, -4.0), min(interval.high, 4.0)
    return rng.uniform(low + (high - low) / 20, high - (high - low) / 20, shape)


def ends_of(drawn: Interval | OneOf) -> tuple[float, ...]:
    """Both ends of an interval, or all of the numbers."""
    return drawn.values if isinstance(drawn, OneOf) else (drawn.low, drawn.high)


def parameter_sets(entry: Activation | Loss, dtype: str) -> Sequence[Parameters]:
    """The defaults, and each parameter at both ends of where it is drawn; all numbers of `dtype`."""
    ends = [{p.name: end} for p in entry.parameters for end in ends_of(p.drawn)]
    return [entry.complete(given, np.dtype(dtype)) for given in ({}, *ends)]


def with_parameters(table: dict[str, Any]) -> list[tuple[str, Parameters]]:
    """Every entry by name, with each of its parameter sets in numbers of float32, which both dtypes hold."""
    return [(name, given) for name, entry in table.items() for given in parameter_sets(entry, "float32")]


def label(value: Any) -> str | None:
    """How a parameter set reads in a test's name."""
    if isinstance(value, dict):
        return ",".join(f"{name}={number:g}" for name, number in value.items()) or "-"
    return None
