"""The definition of a random case: one function from a source of integers to a case.

A float64 forward pass runs along. Only powers of two and coarsely rounded numbers are taken from it, so
that the last bits of exp and of matrix products, which differ between platforms, leave no trace.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

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
from refimpl.functions import no_kinks
from refimpl.specs import rounded_spec

from .numbers import Array, Numbers, power_above
from .options import Choices, DrawOptions, choices
from .regimes import Regime, Sizes
from .source import SeedSource, Source, T, one_in, pick, pick_weighted
from .targets import Predictions, draw_hard_labels, takes_labels

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
    return build_of(source, dtype, options, choices(options))


def build_of(
    source: Source, dtype: str, options: DrawOptions, allowed: Choices, hidden: Activation | None = None
) -> tuple[Case, str]:
    """A case of what `allowed` leaves of `options`; `hidden` is to be in one of its hidden layers, if any.

    Raises ValueError as above.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
    numbers = Numbers(source, dtype)
    regime = pick_weighted(source, allowed.regimes)
    sizes = regime.sizes(source, allowed.sizes)
    loss, output = _draw_pair(numbers, regime, allowed)
    learning_rate = numbers.learning_rate()
    draw = _LayerDraw(numbers, regime, allowed, sizes, loss, output)
    A = X = regime.inputs(numbers, sizes.inputs.draw(source), sizes.samples)
    layers: list[Layer] = []
    chosen = source.integer(1, sizes.depth - 1) if hidden is not None and sizes.depth > 1 else None
    for l in range(1, sizes.depth + 1):
        has = hidden if l == chosen else None
        layer, Z = source.group(partial(draw.layer, A, last=l == sizes.depth, hidden=has))
        layers.append(layer)
        activation = partial(Backprop().activation, Z, layer.activation)
        if l < sizes.depth:
            A = activation()
    predictions = Predictions((layers[-1].outputs, sizes.samples), activation)
    if options.arrays and loss.entry.arrays:
        loss = _with_arrays(numbers, loss, predictions.shape)
    if options.labels != "any" and takes_labels(loss.entry):
        Y = draw_hard_labels(numbers, loss.entry, predictions.shape, one_hot_columns=options.labels != "hard")
    else:
        Y = regime.targets(numbers, loss, predictions)
    domain = loss.entry.target_domain
    if regime.turns_dead_layers and not isinstance(domain, Interval) and _is_flat(loss, predictions.A(), Y):
        Y = _other_labels(domain, Y)
    network = _unchecked(Network, layers=tuple(layers), loss=rounded_spec(loss, numbers.dtype))
    X, Y = numbers.frozen(X), numbers.frozen(Y)
    return _unchecked(Case, network=network, X=X, Y=Y, learning_rate=learning_rate), regime.name


def _unchecked(kind: type[T], **fields: Any) -> T:
    """A value of refimpl from all of its fields, which fit together because they were drawn so.

    Nothing is checked, completed or copied: the tests hold that all of it passes its own checks as it is.
    """
    made = object.__new__(kind)
    vars(made).update(fields)
    return made


class _LayerDraw(NamedTuple):
    """Draws the layers of one network, one after the other."""

    numbers: Numbers
    regime: Regime
    allowed: Choices
    sizes: Sizes
    loss: LossSpec
    output: _Activation

    def layer(self, A: Array, *, last: bool, hidden: Activation | None = None) -> tuple[Layer, Array]:
        """A layer after one whose activations are A, (inputs, m), and its own pre-activations Z.

        `hidden` is the activation of one that is not the last; None if it is to be drawn.
        """
        numbers, regime = self.numbers, self.regime
        if last:
            spec, entry = self.output
        elif hidden is not None:
            spec, entry = _draw_parameters(numbers, hidden, self.allowed)
        else:
            spec, entry = _draw_hidden(numbers, regime, self.allowed)
        mixes = not (entry.elementwise and (not last or self.loss.entry.elementwise))
        span = self.sizes.outputs if last else self.sizes.hidden
        units = span.draw(numbers.source, 2 if mixes and not regime.mixes_one_unit else 1)
        W = regime.weights(numbers, units, len(A), self.sizes.depth)
        W, WA = _scaled(W, A, self._last_powers(entry) if last else regime.powers(entry, delicate=False))
        b = regime.bias(numbers, W, WA, spec)
        Z = WA + b
        if regime.turns_dead_layers:
            factor = _reviving_factor(Z, spec, entry)
            if factor != 1:
                W, b, Z = 0.0 + factor * W, 0.0 + factor * b, factor * Z  # 0.0 + turns -0.0 into 0.0
        return _unchecked(Layer, W=numbers.frozen(W), b=numbers.frozen(b), activation=spec), Z

    def _last_powers(self, activation: Activation) -> tuple[int | None, int]:
        loss = self.loss.entry
        delicate = loss.steep or math.isfinite(loss.prediction_domain.high)
        low, high = self.regime.powers(activation, delicate=delicate)
        if loss.steep:  # saturated too: e^64 is far, but in the range of float32
            low, high = low and min(low, _STEEPEST - 1), min(high, _STEEPEST)
        return low, high


def _beside(values: Array) -> Iterator[Array]:
    """The values, and those next to them: simple numbers do not lie so close to a kink without lying on it,
    so that the last bits decide nothing.
    """
    yield values
    yield values * (1 - 2.0**-12)
    yield values * (1 + 2.0**-12)


def _is_dead(Z: Array, spec: ActivationSpec, entry: Activation) -> bool:
    """Whether σ' is 0 for every Z, as it may be on one side of a kink, so that no gradient passes."""
    derivative, parameters = entry.derivative, spec.parameters
    if derivative is None or entry.kinks is no_kinks:
        return False
    for near in _beside(Z):
        if np.count_nonzero(derivative(near, **parameters)):
            return False
    return bool(entry.kinks(parameters))


def _reviving_factor(Z: Array, spec: ActivationSpec, entry: Activation) -> float:
    """What to multiply a layer by so that some gradient passes: 1 where one does, or where nothing helps.

    -1 where σ is flat on one side; or a power of two that puts the largest |Z| where shrinkages let it
    pass, or where clips do not hold it.
    """
    if not _is_dead(Z, spec, entry):
        return 1.0
    above = power_above(Z) or 0
    shifts = (0, min(2 - above, _LARGEST_ENLARGEMENT), min(-above, _LARGEST_ENLARGEMENT))
    factors = [sign * 2.0**shift for shift in shifts for sign in (-1.0, 1.0)]
    return next((factor for factor in factors if not _is_dead(factor * Z, spec, entry)), 1.0)


def _is_flat(loss: LossSpec, A: Array, Y: Array) -> bool:
    """Whether the loss has no slope at any of the predictions, as a hinge has none where all is well."""
    gradient, arguments = loss.entry.gradient, loss.arguments
    with np.errstate(all="ignore"):
        return not any(np.count_nonzero(gradient(near, Y, **arguments)) for near in _beside(A))


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


class _Activation(NamedTuple):
    """A drawn activation, and the entry of its name."""

    spec: ActivationSpec
    entry: Activation


def _draw_pair(numbers: Numbers, regime: Regime, allowed: Choices) -> tuple[LossSpec, _Activation]:
    """A loss and a last activation that fits it; every second time one that is customary."""
    source, losses = numbers.source, allowed.losses
    if regime.prefers_labels:
        losses = tuple(loss for loss in losses if takes_labels(loss)) or losses
    entry = pick(source, losses)
    reduction = pick(source, allowed.reductions)
    fitting = allowed.outputs if one_in(source, 2) else allowed.customary
    output = pick(source, fitting[entry.name])
    parameters = _parameters(numbers, entry, allowed)
    loss = _loss_spec(entry.name, reduction, tuple(parameters.items()))
    return loss, _draw_parameters(numbers, output, allowed)


def _with_arrays(numbers: Numbers, loss: LossSpec, shape: tuple[int, int]) -> LossSpec:
    """The loss with every second of the arrays that it may have, for predictions of that shape."""
    given = {}
    for array in loss.entry.arrays:
        if one_in(numbers.source, 2):
            rows, columns = array.shape(*shape)
            given[array.name] = numbers.frozen(numbers.each_within(array.drawn, rows, columns))
    if not given:
        return loss
    name, reduction, parameters = loss.name, loss.reduction, loss.parameters
    arrays = MappingProxyType(given)
    return _unchecked(LossSpec, name=name, reduction=reduction, parameters=parameters, arrays=arrays)


def _draw_hidden(numbers: Numbers, regime: Regime, allowed: Choices) -> _Activation:
    activations = allowed.hidden_kinked if regime.prefers_kinks else allowed.hidden_weighted
    return _draw_parameters(numbers, pick_weighted(numbers.source, activations), allowed)


def _draw_parameters(numbers: Numbers, entry: Activation, allowed: Choices) -> _Activation:
    drawn = _parameters(numbers, entry, allowed)
    return _Activation(_activation_spec(entry.name, tuple(drawn.items()), numbers.dtype), entry)


# Drawn parameters come from few numbers, and most have their defaults: the same specs come again and again.
@lru_cache(maxsize=1024)
def _loss_spec(name: str, reduction: str, parameters: tuple[tuple[str, float], ...]) -> LossSpec:
    return LossSpec(name, reduction, dict(parameters))


@lru_cache(maxsize=1024)
def _activation_spec(
    name: str, parameters: tuple[tuple[str, float], ...], dtype: np.dtype[Any]
) -> ActivationSpec:
    return ActivationSpec(name, ACTIVATIONS[name].complete(dict(parameters), dtype))


def _parameters(numbers: Numbers, entry: Activation | Loss, allowed: Choices) -> dict[str, float]:
    """Every second parameter, from the interval that its entry says to draw from; the others are defaults."""
    if not allowed.parameters or not entry.parameters:
        return {}
    return {p.name: numbers.within(p.drawn) for p in entry.parameters if one_in(numbers.source, 2)}
