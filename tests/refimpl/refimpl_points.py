"""Arguments for the tests of refimpl's tables: taken from what an entry declares, whatever the entry is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refimpl import Activation, Loss
from refimpl.domains import OneHot, OneOf, TargetDomain

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


def inside(points: Any, domain: TargetDomain) -> Any:
    """The points that lie in the domain, and the ends that belong to it; 0 and 1 of one-hot columns."""
    if isinstance(domain, OneOf | OneHot):
        return np.array(domain.values if isinstance(domain, OneOf) else (0, 1), points.dtype)
    ends = [end for end in (domain.low, domain.high) if domain.contains(end)]
    kept = [point for point in points if domain.contains(point)]
    return np.unique(np.array(kept + ends, dtype=points.dtype))


def drawn(domain: TargetDomain, shape: tuple[int, ...], seed: int) -> Any:
    """Random float64 numbers of ordinary size inside the domain, none near an end that is finite."""
    rng = np.random.default_rng(seed)
    if isinstance(domain, OneHot):  # each class in its turn
        return np.eye(shape[0])[:, np.arange(shape[1]) % shape[0]]
    if isinstance(domain, OneOf):
        return rng.choice(domain.values, shape)
    low, high = max(domain.low, -4.0), min(domain.high, 4.0)
    return rng.uniform(low + (high - low) / 20, high - (high - low) / 20, shape)


@dataclass(frozen=True)
class Given:
    """What a loss is given besides predictions and targets: parameters, and its arrays or none of them."""

    loss: Loss
    parameters: Parameters
    arrays: bool = False

    def arguments(self, shape: tuple[int, int], dtype: str = "float64") -> dict[str, Any]:
        """The keywords of its functions, for predictions of that shape."""
        return {**self.parameters, **(self.arrays_for(shape, dtype) if self.arrays else {})}

    def arrays_for(self, shape: tuple[int, int], dtype: str = "float64") -> dict[str, Any]:
        """An array of random numbers from where random cases take theirs, for each that the loss has."""
        rng = np.random.default_rng(11)
        return {
            array.name: rng.uniform(array.drawn.low, array.drawn.high, array.shape(*shape)).astype(dtype)
            for array in self.loss.arrays
        }


def parameter_sets(entry: Activation | Loss, dtype: str) -> Sequence[Parameters]:
    """The defaults, and each parameter at both ends of where it is drawn; all numbers of `dtype`."""
    ends = [{p.name: end} for p in entry.parameters for end in ends_of(p.drawn)]
    return [entry.complete(given, np.dtype(dtype)) for given in ({}, *ends)]


def ends_of(domain: Any) -> tuple[float, ...]:
    """The ends of an interval, or all of some numbers."""
    return domain.values if isinstance(domain, OneOf) else (domain.low, domain.high)


def with_parameters(table: dict[str, Any]) -> list[tuple[str, Parameters]]:
    """Every entry by name, with each of its parameter sets in numbers of float32, which both dtypes hold."""
    return [(name, given) for name, entry in table.items() for given in parameter_sets(entry, "float32")]


def losses_given(table: dict[str, Loss]) -> list[Given]:
    """Every loss with each of its parameter sets, and once with arrays if it has any."""
    plain = [
        Given(entry, parameters)
        for entry in table.values()
        for parameters in parameter_sets(entry, "float32")
    ]
    with_arrays = [Given(e, parameter_sets(e, "float32")[0], arrays=True) for e in table.values() if e.arrays]
    return plain + with_arrays


def label(value: Any) -> str | None:
    """How a parameter set reads in a test's name."""
    if isinstance(value, Given):
        return f"{value.loss.name}-{label(value.parameters)}{'-arrays' if value.arrays else ''}"
    if isinstance(value, dict):
        return ",".join(f"{name}={number:g}" for name, number in value.items()) or "-"
    return None
