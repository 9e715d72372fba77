"""The numbers at which activations, losses and layers are asked: where implementations differ.

All are exact numbers of the dtype, in its normal range, made of raw integers. Fixed groups: ordinary values
of both signs and zero; saturation and magnitudes from tiny to large; beside kinks; exactly on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.cases.numbers import Array, Numbers
from backproof.cases.source import SeedSource
from backproof.cases.targets import Predictions, draw_targets
from refimpl import ActivationSpec, Layer, Loss, LossSpec
from refimpl.domains import UNIT, Interval

_ORDINARY = (-4, -2, -1, 0, 0, 1, 1, 2)
_SATURATED = (2, 3, 3, 4, 4, 5, 6, 7)
# Powers of two, and their share of the dtype's range of exponents.
_SMALL = (-8, -12, -20)
_LARGE = (10, 14, 20)
_SHARES = (-0.9, -0.5, 0.2)
UNITS, SAMPLES = 3, 4
"""The shape of what is drawn for a loss, and for an activation that mixes units: all different from 1."""


def index_of(name: str) -> int:
    """A case number that belongs to the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def numbers_of(seed: int, name: str, dtype: str) -> Numbers:
    """The numbers of the vector of that id, whatever else is made."""
    return Numbers(SeedSource(seed, index_of(name)), dtype)


def magnitudes(numbers: Numbers, exponents: Sequence[int]) -> Array:
    """One random number of [2^e, 2^(e+1)) for each e, with all digits: (1, number of exponents)."""
    k, bits = numbers.grid(1, len(exponents))
    return np.asarray(np.ldexp(1 + np.ldexp(k.astype(np.float64), -bits), np.array(exponents)))


def _shares(dtype: str) -> tuple[int, ...]:
    return tuple(int(share * np.finfo(dtype).maxexp) for share in _SHARES)


def _both_signs(values: Array) -> Array:
    return np.concatenate([values, -values], axis=1)


def _beside(at: float, numbers: Numbers) -> list[float]:
    """Numbers of the dtype next to `at` and a little further; next to 0, normal ones."""
    one, size = numbers.dtype.type, max(abs(at), 2.0**-20)
    tiny = float(np.finfo(numbers.dtype).tiny)
    near = [tiny, -tiny] if at == 0 else [float(np.nextafter(one(at), one(s * np.inf))) for s in (1, -1)]
    return [*near, *(float(one(at + s * size * 2.0**-e)) for e in (6, 12) for s in (1, -1))]


# ---------------------------------------------------------------- activations


def activation_groups(spec: ActivationSpec, numbers: Numbers) -> Iterator[tuple[str, Array]]:
    """Name and Z of each fixed group, columns being points; (1, m), or (3, m) where σ mixes units."""
    if not spec.entry.elementwise:
        yield "ordinary", numbers.normal(UNITS, SAMPLES, 2.0)
        yield "wide", _wide_columns(numbers)
        return
    kinks = sorted({float(kink.at) for kink in spec.entry.kinks(spec.parameters)})
    ordinary = _both_signs(magnitudes(numbers, _ORDINARY))
    exact = [x for x in (0.0, 1.0, -1.0, 0.5, -2.0) if x not in kinks]
    yield "ordinary", np.concatenate([[exact], ordinary], axis=1)
    exponents = (*_SATURATED, *_SMALL, *_LARGE, *_shares(numbers.dtype.name))
    yield "wide", _both_signs(magnitudes(numbers, exponents))
    if kinks:
        beside = [x for kink in kinks for x in _beside(kink, numbers) if x not in kinks]
        yield "beside-kinks", np.array([beside])
        yield "kinks", np.array([kinks])


def _wide_columns(numbers: Numbers) -> Array:
    """Equal entries, entries far apart, saturated ones, nearly equal ones, tiny ones, one ahead of ties."""
    far = 2.0**6 if numbers.dtype == np.float32 else 2.0**9
    near = 1 + 2.0 ** -np.arange(numbers.significand - 2, numbers.significand + 1)
    tiny = 2.0 ** _shares(numbers.dtype.name)[1]
    columns = [
        [0.0, 0.0, 0.0], [3.0, 3.0, 3.0], [far, -far, 0.0], [far, far - 1, far - 3], near,
        [tiny, -tiny, 3 * tiny], [5.0, 1.0, 1.0], [-20.0, 0.25, -19.0],
    ]  # fmt: skip
    return np.array(columns).T


def cotangents(numbers: Numbers, shape: tuple[int, int]) -> Array:
    """Ordinary ones of both signs: never all 1, which softmax's derivative turns into 0."""
    return numbers.normal(*shape)


# ---------------------------------------------------------------- losses


@dataclass(frozen=True)
class LossPoint:
    """Predictions and targets, (n, m), in the loss's domains, and what other arguments it has."""

    spec: LossSpec
    A: Array
    Y: Array

    def part(self, samples: Any) -> LossPoint:
        """These samples only."""
        arrays = {
            name: array[:, samples] if array.shape[1] == len(samples) and per_sample else array
            for name, array in self.spec.arrays.items()
            for per_sample in [next(a.per_sample for a in self.spec.entry.arrays if a.name == name)]
        }
        spec = LossSpec(self.spec.name, self.spec.reduction, self.spec.parameters, arrays)
        return LossPoint(spec, self.A[:, samples], self.Y[:, samples])


def loss_groups(spec: LossSpec, numbers: Numbers) -> Iterator[tuple[str, LossPoint]]:
    """Each fixed group, for one loss with one reduction."""
    entry, shape = spec.entry, (UNITS, SAMPLES)
    A = _inside(entry, numbers, numbers.normal(*shape, 2.0))
    Y = numbers.rounded(draw_targets(numbers, entry, Predictions.of(A)))
    yield "ordinary", LossPoint(spec, A, Y)
    # What is close to its target: differences cancel, and slopes are small.
    steps = magnitudes(numbers, [-3, -6, -9, -12] * UNITS).reshape(shape) * _signs(numbers, shape)
    near = numbers.rounded(Y + steps)
    if entry.prediction_domain == UNIT:
        near = np.where(near > 1, 1 - np.abs(steps), np.where(near < 0, np.abs(steps), near))
    yield "near", LossPoint(spec, _domain_only(entry, numbers.rounded(near)), Y)
    name = numbers.dtype.name
    small = (*_SMALL, *_shares(name)[:2])
    tiny = magnitudes(numbers, [small[i % len(small)] for i in range(UNITS * SAMPLES)]).reshape(shape)
    if entry.prediction_domain == UNIT:  # near either end
        ends = 1 - 2.0 ** -np.arange(1, numbers.significand, (numbers.significand - 1) // 3)[:SAMPLES]
        tiny[0, : len(ends)] = ends
    else:
        tiny = tiny * _signs(numbers, shape)
    yield "tiny", LossPoint(spec, _domain_only(entry, tiny), Y)
    if entry.prediction_domain != UNIT:
        exponents = (2, 3, 4, 5) if entry.steep else (3, 4, 5, 6, 10, 14, 20)
        large = magnitudes(numbers, [exponents[i % len(exponents)] for i in range(UNITS * SAMPLES)])
        yield "large", LossPoint(spec, _domain_only(entry, large.reshape(shape) * _signs(numbers, shape)), Y)
    for k, kink in enumerate(entry.kinks(Y, spec.arguments), start=1):
        at, side = numbers.rounded(np.broadcast_to(kink.at, shape)), _signs(numbers, shape)
        beside = np.nextafter(at.astype(name), (np.inf * side).astype(name)).astype(np.float64)
        least = float(np.finfo(name).tiny) * 2.0**24  # so that the loss itself is above underflow
        beside = np.where(np.abs(beside) < least, least * side, beside)
        yield f"beside-kinks-{k}", LossPoint(spec, np.where(np.isfinite(at), beside, A), Y)
        yield f"kinks-{k}", LossPoint(spec, np.where(np.isfinite(at), at, A), Y)


def drawn_loss(entry: Loss, reduction: str, numbers: Numbers) -> LossPoint:
    """Ordinary predictions of drawn size; all parameters and arrays drawn."""
    parameters = {p.name: numbers.within(p.drawn) for p in entry.parameters}
    arrays = {
        array.name: numbers.each_within(array.drawn, *array.shape(UNITS, SAMPLES)).astype(numbers.dtype)
        for array in entry.arrays
    }
    spec = LossSpec(entry.name, reduction, entry.complete(parameters, numbers.dtype), arrays)
    A = _inside(entry, numbers, numbers.normal(UNITS, SAMPLES, 2.0 ** numbers.source.integer(-2, 2)))
    return LossPoint(spec, A, numbers.rounded(draw_targets(numbers, entry, Predictions.of(A))))


def _signs(numbers: Numbers, shape: tuple[int, int]) -> Array:
    return np.where(numbers.mask(*shape, 2), -1.0, 1.0)


def _inside(entry: Loss, numbers: Numbers, values: Array) -> Array:
    """Real numbers made into predictions of the loss."""
    if entry.prediction_domain == UNIT:
        k, bits = numbers.grid(*values.shape)
        return np.asarray(np.ldexp(np.maximum(k, 1).astype(np.float64), -bits))
    return _domain_only(entry, values)


def _domain_only(entry: Loss, values: Array) -> Array:
    domain: Interval = entry.prediction_domain
    return values if domain.low < 0 < domain.high or domain == UNIT else -np.abs(values)


# ---------------------------------------------------------------- layers


def drawn_layer(spec: ActivationSpec, numbers: Numbers) -> tuple[Layer, Array, Array, Array]:
    """A layer, its inputs X, and a basis and signs that make the cotangent: see `layer_answers`."""
    source, dtype = numbers.source, numbers.dtype
    outputs = source.integer(2, 4)
    inputs, samples = source.integer(1, 4), source.integer(1, 4)
    W = numbers.normal(outputs, inputs, numbers.initial_scale(inputs, outputs))
    b = numbers.uniform(outputs, 1, 0.25)
    X = numbers.normal(inputs, samples, 2.0 ** source.integer(-1, 2))
    basis = numbers.uniform(3, outputs, 1.0)
    layer = Layer(W.astype(dtype), b.astype(dtype), spec)
    return layer, X.astype(dtype), basis.astype(dtype), _signs(numbers, (3, samples))


def drawn_activation(spec: ActivationSpec, numbers: Numbers) -> ActivationSpec:
    """The same activation with drawn parameters."""
    given = {p.name: numbers.within(p.drawn) for p in spec.entry.parameters}
    return ActivationSpec(spec.name, spec.entry.complete(given, numbers.dtype))
