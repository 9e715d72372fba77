"""How simple a case is: the measure that every step of a reduction decreases, and what simpler means.

S1. measure(case) = (L, n_0 + … + n_L, m, Σ rank of activations, rank of the loss, rank of the reduction,
    parameters that are no defaults, arrays, Σ complexity of all numbers), compared lexicographically.
    All of them are natural numbers, so that no reduction goes on for ever.
S2. complexity(x) of a number: its place among the short ones; else more, and growing with its significant
    bits and with the distance of its exponent from 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Case, LossSpec
from refimpl.functions import ALL_REDUCTIONS

SHORT = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 4.0, -4.0, 0.25, -0.25, 1.5, -1.5)
"""The short numbers, the simplest first."""
SHORT_RATES = (1.0, 0.5, 2.0, 0.25, 0.125, 0.0)
"""Likewise for η: at 0 nothing is updated, which shows less than a step of 1."""
_KEPT_BITS = (1, 2, 3, 4, 6, 8, 12, 16, 24)


def _ranks(first: tuple[str, ...], names: Any) -> Mapping[str, int]:
    return {name: rank for rank, name in enumerate(dict.fromkeys((*first, *names)))}


# What a reader works out by hand comes first, then the order of the tables.
ACTIVATION_RANKS = _ranks(("identity", "relu"), ACTIVATIONS)
LOSS_RANKS = _ranks(("half_squared_error", "mse", "l1"), LOSSES)
REDUCTION_RANKS = _ranks(("sum", "mean"), ALL_REDUCTIONS)

Measure = tuple[int, ...]


def measure(case: Case) -> Measure:
    """S1."""
    network, loss = case.network, case.network.loss
    activations = [layer.activation for layer in network.layers]
    specs: list[ActivationSpec | LossSpec] = [*activations, loss]
    numbers: list[Any] = [
        *(layer.W for layer in network.layers),
        *(layer.b for layer in network.layers),
        case.X,
        case.Y,
    ]
    numbers += loss.arrays.values()
    parameters = [x for spec in specs if not has_defaults(spec) for x in spec.parameters.values()]
    return (
        network.depth,
        sum(network.widths),
        case.samples,
        sum(ACTIVATION_RANKS[spec.name] for spec in activations),
        LOSS_RANKS[loss.name],
        REDUCTION_RANKS[loss.reduction],
        sum(not has_defaults(spec) for spec in specs),
        len(loss.arrays),
        int(complexity(np.concatenate([np.ravel(array) for array in (*numbers, parameters)])).sum())
        + int(complexity(case.learning_rate, SHORT_RATES)),
    )


def has_defaults(spec: ActivationSpec | LossSpec) -> bool:
    """Whether every parameter is the default of its entry, as a number of float32 or of float64."""
    return all(
        spec.parameters[parameter.name] in (parameter.default, float(np.float32(parameter.default)))
        for parameter in spec.entry.parameters
    )


def complexity(numbers: Any, short: tuple[float, ...] = SHORT) -> Any:
    """S2, entry by entry: natural numbers, 0 for the simplest. -0.0 is less simple than 0.0."""
    numbers = np.asarray(numbers, dtype=np.float64)
    mantissa, exponent = np.frexp(np.abs(numbers))
    found = len(short) + 2 * _significant_bits(mantissa) + np.abs(exponent) + (numbers < 0)
    order = np.argsort(short)
    known = np.array(short)[order]
    near = np.minimum(np.searchsorted(known, numbers), len(short) - 1)
    is_short = (known[near] == numbers) & ~((numbers == 0) & np.signbit(numbers))
    return np.where(is_short, order[near], found)


def _significant_bits(mantissa: Any) -> Any:
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    odd = whole // np.maximum(whole & -whole, 1)
    return np.frexp(odd.astype(np.float64))[1]


def simpler_numbers(number: float, short: tuple[float, ...] = SHORT) -> list[float]:
    """Numbers of less complexity, the simplest first: short ones, then those near it of fewer bits."""
    mantissa, exponent = math.frexp(number)
    found = [*short, -float(number)]
    for bits in _KEPT_BITS:
        kept = math.ldexp(round(math.ldexp(mantissa, bits)), -bits)
        nearer = (exponent, exponent - (exponent > 0) + (exponent < 0), 3 * exponent // 4, exponent // 2, 0)
        found += [math.ldexp(kept, power) for power in nearer if abs(power) < 1024]
    candidates = np.array(list(dict.fromkeys(found)))
    rank = complexity(candidates, short)
    order = np.argsort(rank, kind="stable")
    return [float(x) for x in candidates[order[: int(np.sum(rank < complexity(number, short)))]]]


def rounded_to(array: Any, bits: int) -> Any:
    """The array with so many significant bits in each number; 0.0 for -0.0."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits) + array.dtype.type(0)
