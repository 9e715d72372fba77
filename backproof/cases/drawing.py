"""The definition of a random case: one function from a source of integers to a case.

A float64 forward pass runs along. Only powers of two and coarsely rounded numbers are taken from it, so
that the last bits of exp and of matrix products, which differ between platforms, leave no trace.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refimpl import DTYPES, Activation, ActivationSpec, Backprop, Case, Layer, Loss, LossSpec, Network
from refimpl.functions import REDUCTIONS

from .numbers import Array, Numbers, powers_above, times_power
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
        spec = _with_parameters(numbers, output if l == depth else _draw_hidden(source, regime, allowed))
        W = regime.weights(numbers, sizes.widths[l], sizes.widths[l - 1], depth)
        probabilities = l == depth and np.isfinite(loss.entry.prediction_domain.high)
        W, WA = _scaled(W, A, regime.powers(probabilities=probabilities))
        b = regime.bias(numbers, WA, spec)
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
    if not WA.any():
        return W, WA
    above = int(powers_above(WA)[0, 0])
    shift = min(0, high - above)
    if low is not None:
        shift = max(shift, min(low + 1 - above, _LARGEST_ENLARGEMENT))
    return times_power(W, shift), times_power(WA, shift)


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


def _with_parameters(numbers: Numbers, activation: Activation) -> ActivationSpec:
    return ActivationSpec(activation.name, _parameters(numbers, activation))


def _parameters(numbers: Numbers, entry: Activation | Loss) -> dict[str, float]:
    """Each parameter: its default, or every second time a number of the interval it is drawn from."""
    drawn = {p.name: numbers.within(p.drawn) for p in entry.parameters if one_in(numbers.source, 2)}
    return entry.complete(drawn, numbers.dtype)
