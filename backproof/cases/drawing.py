"""The definition of a random case: one function from a source of integers to a case.

A float64 forward pass runs along. Only powers of two and coarsely rounded numbers are taken from it, so
that the last bits of exp and of matrix products, which differ between platforms, leave no trace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
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
from refimpl.domains import Interval, OneOf, TargetDomain

from .numbers import Array, Numbers, power_above
from .options import Choices, DrawOptions, choices
from .regimes import Regime, Sizes
from .source import SeedSource, Source, one_in, pick, pick_weighted
from .targets import draw_hard_labels, takes_labels

_EVERYTHING = DrawOptions()
_STEEPEST = 6  # predictions of a loss that grows like e^a are below 2^6 before biases
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
    regime = pick_weighted(source, allowed.regimes, allowed.regime_weights)
    sizes = regime.sizes(source, allowed.sizes)
    loss, output = _draw_pair(numbers, regime, allowed)
    learning_rate = numbers.learning_rate()
    draw = _LayerDraw(numbers, regime, allowed, sizes, loss, output)
    A = X = regime.inputs(numbers, sizes.inputs.draw(source), sizes.samples)
    layers = []
    for l in range(1, sizes.depth + 1):
        layer, A = source.group(partial(draw.layer, A, last=l == sizes.depth))
        layers.append(layer)
    if options.arrays:
        loss = _with_arrays(numbers, loss, A.shape)
    if options.labels != "any" and takes_labels(loss.entry):
        Y = draw_hard_labels(numbers, loss.entry, A.shape, one_hot_columns=options.labels != "hard")
    else:
        Y = regime.targets(numbers, loss, A)
    if regime.turns_dead_layers and _is_flat(loss, A, Y):
        Y = _other_labels(loss.entry.target_domain, Y)
    case = Case(Network(tuple(layers), loss), X.astype(dtype), Y.astype(dtype), learning_rate)
    return case, regime.name


@dataclass(frozen=True)
class _LayerDraw:
    """Draws the layers of one network, one after the other."""

    numbers: Numbers
    regime: Regime
    allowed: Choices
    sizes: Sizes
    loss: LossSpec
    output: ActivationSpec

    def layer(self, A: Array, *, last: bool) -> tuple[Layer, Array]:
        """A layer after one whose activations are A, (inputs, m), and its own activations."""
        numbers, regime, dtype = self.numbers, self.regime, self.numbers.dtype
        spec = self.output if last else _draw_hidden(numbers, regime, self.allowed)
        entry, loss = spec.entry, self.loss.entry
        mixes = not (entry.elementwise and (loss.elementwise or not last))
        span = self.sizes.outputs if last else self.sizes.hidden
        units = span.draw(numbers.source, 2 if mixes and not regime.mixes_one_unit else 1)
        W = regime.weights(numbers, units, len(A), self.sizes.depth)
        delicate = last and (loss.steep or math.isfinite(loss.prediction_domain.high))
        low, high = regime.powers(entry, delicate=delicate)
        if last and loss.steep:  # saturated too: e^64 is far, but in the range of float32
            low, high = low and min(low, _STEEPEST - 1), min(high, _STEEPEST)
        W, WA = _scaled(W, A, (low, high))
        b = regime.bias(numbers, W, WA, spec)
        Z = WA + b
        if regime.turns_dead_layers:
            factor = _reviving_factor(Z, spec)
            if factor != 1:
                W, b, Z = 0.0 + factor * W, 0.0 + factor * b, factor * Z  # 0.0 + turns -0.0 into 0.0
        return Layer(W.astype(dtype), b.astype(dtype), spec), Backprop().activation(Z, spec)


# Simple numbers do not lie so close to a kink without lying on it: the last bits of Z decide nothing.
_BESIDE = (1.0, 1 - 2.0**-12, 1 + 2.0**-12)


def _is_dead(Z: Array, spec: ActivationSpec) -> bool:
    """Whether σ' is 0 for every Z, as it may be on one side of a kink, so that no gradient passes."""
    entry = spec.entry
    if entry.derivative is None or not entry.kinks(spec.parameters):
        return False
    return not any(entry.derivative(Z * near, **spec.parameters).any() for near in _BESIDE)


def _reviving_factor(Z: Array, spec: ActivationSpec) -> float:
    """What to multiply a layer by so that some gradient passes: 1 where one does, or where nothing helps.

    -1 where σ is flat on one side; or a power of two that puts the largest |Z| where shrinkages let it
    pass, or where clips do not hold it.
    """
    if not _is_dead(Z, spec):
        return 1.0
    above = power_above(Z) or 0
    shifts = (0, min(2 - above, _LARGEST_ENLARGEMENT), min(-above, _LARGEST_ENLARGEMENT))
    factors = [sign * 2.0**shift for shift in shifts for sign in (-1.0, 1.0)]
    return next((factor for factor in factors if not _is_dead(factor * Z, spec)), 1.0)


def _is_flat(loss: LossSpec, A: Array, Y: Array) -> bool:
    """Whether the loss has no slope at any of the predictions, as a hinge has none where all is well."""
    if isinstance(loss.entry.target_domain, Interval):
        return False
    gradient, arguments = loss.entry.gradient, loss.arguments
    with np.errstate(all="ignore"):
        return not any(np.any(gradient(A * near, Y, **arguments)) for near in _BESIDE)


def _other_labels(domain: TargetDomain, Y: Array) -> Array:
    """For each sample or entry another label than it has."""
    if isinstance(domain, OneOf):
        return np.array(domain.values)[::-1][np.searchsorted(domain.values, Y)]
    return np.roll(Y, 1, axis=0)


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
    return (W * 2.0**shift, WA * 2.0**shift) if shift else (W, WA)


def _draw_pair(numbers: Numbers, regime: Regime, allowed: Choices) -> tuple[LossSpec, ActivationSpec]:
    """A loss and a last activation that fits it; every second time one that is customary."""
    source, losses = numbers.source, allowed.losses
    if regime.prefers_labels:
        losses = tuple(loss for loss in losses if takes_labels(loss)) or losses
    entry = pick(source, losses)
    reduction = pick(source, allowed.reductions)
    fitting = allowed.outputs if one_in(source, 2) else allowed.customary
    output = pick(source, fitting[entry.name])
    parameters = _parameters(numbers, entry, allowed)
    loss = LossSpec(entry.name, reduction, parameters) if parameters else _default_loss(entry.name, reduction)
    return loss, _draw_spec(numbers, output, allowed)


def _with_arrays(numbers: Numbers, loss: LossSpec, shape: tuple[int, int]) -> LossSpec:
    """The loss with every second of the arrays that it may have, for predictions of that shape."""
    given = {}
    for array in loss.entry.arrays:
        if one_in(numbers.source, 2):
            rows, columns = array.shape(*shape)
            drawn = numbers.each_within(array.drawn, rows, columns)
            given[array.name] = drawn.astype(numbers.dtype)
    return LossSpec(loss.name, loss.reduction, loss.parameters, given) if given else loss


def _draw_hidden(numbers: Numbers, regime: Regime, allowed: Choices) -> ActivationSpec:
    weights = allowed.kink_weights if regime.prefers_kinks else allowed.weights
    return _draw_spec(numbers, pick_weighted(numbers.source, allowed.hidden, weights), allowed)


def _draw_spec(numbers: Numbers, activation: Activation, allowed: Choices) -> ActivationSpec:
    drawn = _parameters(numbers, activation, allowed)
    if not drawn:
        return _default_spec(activation.name, numbers.dtype)
    return ActivationSpec(activation.name, activation.complete(drawn, numbers.dtype))


@cache
def _default_loss(name: str, reduction: str) -> LossSpec:
    return LossSpec(name, reduction)


@cache
def _default_spec(name: str, dtype: np.dtype[Any]) -> ActivationSpec:
    return ActivationSpec(name, ACTIVATIONS[name].complete({}, dtype))


def _parameters(numbers: Numbers, entry: Activation | Loss, allowed: Choices) -> dict[str, float]:
    """Every second parameter, from the interval that its entry says to draw from; the others are defaults."""
    if not allowed.parameters:
        return {}
    return {p.name: numbers.within(p.drawn) for p in entry.parameters if one_in(numbers.source, 2)}
