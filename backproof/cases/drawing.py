"""The definition of a random case: one function from a source of integers to a case.

A float64 forward pass runs along. Only powers of two and coarsely rounded numbers are taken from it, so
that the last bits of exp and of matrix products, which differ between platforms, leave no trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from refimpl import (
    ACTIVATIONS,
    DTYPES,
    Activation,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    Loss,
    LossSpec,
    Network,
)
from refimpl.functions import REDUCTIONS

from .numbers import Array, Numbers, power_above
from .options import Choices, DrawOptions, choices
from .regimes import LargestSizes, Regime
from .source import SeedSource, Source, one_in, pick, pick_weighted
from .targets import takes_labels

_EVERYTHING = DrawOptions()
_LARGEST_ENLARGEMENT = 16  # A may be as small as softplus(-100): weights would overflow float32


@dataclass(frozen=True)
class DrawnCase:
    """A random case and where it came from: `draw_case(seed, index, …)` draws it again."""

    case: Case
    regime: str
    index: int
    seed: int


def draw_case(seed: int, index: int, dtype: str, options: DrawOptions = _EVERYTHING) -> DrawnCase:
    """Case `index` of `seed`: a function of the arguments alone, whatever was drawn before.

    Raises ValueError for a seed or an index outside 0 … 2^64 - 1 and for an unknown dtype.
    """
    case, regime = build_case(SeedSource(seed, index), dtype, options)
    return DrawnCase(case, regime, index, seed)


def build_case(source: Source, dtype: str, options: DrawOptions) -> tuple[Case, str]:
    """A case made of the integers of `source`, and the name of its regime. Raises ValueError as above."""
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
    allowed = choices(options)
    numbers = Numbers(source, dtype)
    regime = pick_weighted(source, allowed.regimes, [regime.weight for regime in allowed.regimes])
    sizes = regime.sizes(source, LargestSizes(options.max_depth, options.max_width, options.max_batch))
    loss, output = _draw_pair(numbers, regime, allowed)
    depth = len(sizes.widths) - 1
    X = regime.inputs(numbers, sizes.widths[0], sizes.samples)
    A, layers = X, []
    for l in range(1, depth + 1):
        spec = _draw_spec(numbers, output if l == depth else _draw_hidden(source, regime, allowed))
        W = regime.weights(numbers, sizes.widths[l], sizes.widths[l - 1], depth)
        probabilities = l == depth and np.isfinite(loss.entry.prediction_domain.high)
        W, WA = _scaled(W, A, regime.powers(probabilities=probabilities))
        b = regime.bias(numbers, W, WA, spec)
        A = Backprop().activation(WA + b, spec)
        layers.append(Layer(W.astype(dtype), b.astype(dtype), spec))
    Y = regime.targets(numbers, loss, A)
    case = Case(Network(tuple(layers), loss), X.astype(dtype), Y.astype(dtype), numbers.learning_rate())
    return case, regime.name


def _scaled(W: Array, A: Array, powers: tuple[int | None, int]) -> tuple[Array, Array]:
    """W times a power of two, and W A, so that 2^low ≤ max|W A| < 2^high to within 2^-12; low may be None.

    W is left as it is where W A is 0 throughout, and is not multiplied by more than 2^16.
    """
    low, high = powers
    WA = W @ A
    above = power_above(WA)
    if above is None:
        return W, WA
    shift = min(0, high - above)
    if low is not None:
        shift = max(shift, min(low + 1 - above, _LARGEST_ENLARGEMENT))
    return W * 2.0**shift, WA * 2.0**shift


def _draw_pair(numbers: Numbers, regime: Regime, allowed: Choices) -> tuple[LossSpec, Activation]:
    """A loss and a last activation that fits it; every second time one that is customary."""
    source, losses = numbers.source, allowed.losses
    if regime.prefers_labels:
        losses = tuple(loss for loss in losses if takes_labels(loss)) or losses
    entry = pick(source, losses)
    reduction = pick(source, REDUCTIONS)
    fitting = allowed.outputs if one_in(source, 2) else allowed.customary
    output = pick(source, fitting[entry.name])
    return LossSpec(entry.name, reduction, _parameters(numbers, entry)), output


def _draw_hidden(source: Source, regime: Regime, allowed: Choices) -> Activation:
    weights = allowed.kink_weights if regime.prefers_kinks else allowed.weights
    return pick_weighted(source, allowed.hidden, weights)


def _draw_spec(numbers: Numbers, activation: Activation) -> ActivationSpec:
    drawn = _parameters(numbers, activation)
    if not drawn:
        return _default_spec(activation.name, numbers.dtype)
    return ActivationSpec(activation.name, activation.complete(drawn, numbers.dtype))


@cache
def _default_spec(name: str, dtype: np.dtype[Any]) -> ActivationSpec:
    return ActivationSpec(name, ACTIVATIONS[name].complete({}, dtype))


def _parameters(numbers: Numbers, entry: Activation | Loss) -> dict[str, float]:
    """Every second parameter, from the interval that its entry says to draw from; the others are defaults."""
    return {p.name: numbers.within(p.drawn) for p in entry.parameters if one_in(numbers.source, 2)}
