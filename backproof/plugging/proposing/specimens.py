"""Cases drawn to tell candidates apart: sizes that all differ, numbers that no coincidence fits.

Pre-activations reach beyond every kink of the activations (up to 16, above relu6's 6), except where a loss of
probabilities would then take the logarithm of 0. A specimen is a value: the same one is the same case.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Backprop, Case, Layer, Loss, LossSpec, Network
from refimpl.domains import Interval, OneHot, OneOf

SIZES = (5, 4, 3)
SAMPLES = 7
OTHER_SIZES = (6, 5, 4)
OTHER_SAMPLES = 3
"""n_0, n_1, n_2 and m all differ, and so do m, m n_2, 2 m and 2 m n_2, within each and between the two."""
RATE = 0.25
_LAST_VARIANT = 500


@dataclass(frozen=True)
class Specimen:
    """What a case is to be like; `hidden` is repeated for as many hidden layers as there are."""

    hidden: tuple[str, ...] = ("tanh",)
    output: str = "identity"
    loss: str = "mse"
    widths: tuple[int, ...] = SIZES
    samples: int = SAMPLES
    reduction: str = "mean"
    dtype: str = "float64"
    labels: str = "one-hot"
    """Of losses that take labels: "one-hot" columns, "hard" ones at the ends, "soft" or "weights"."""
    parameters: bool = False
    """Whether activations and the loss have other parameters than their defaults."""
    array: str = ""
    """An array that the loss is given."""
    silent: bool = False
    """Whether W[L] is 0, so that the hidden layers make no difference to the loss."""
    near: bool = False
    """Whether pre-activations are small."""
    variant: int = 0
    """Which numbers."""

    @property
    def depth(self) -> int:
        """L."""
        return len(self.widths) - 1

    def but(self, **changes: Any) -> Specimen:
        """The same with some changes."""
        return replace(self, **changes)

    def of_depth(self, depth: int) -> Specimen:
        """The same with so many layers, and with sizes that still differ."""
        between = tuple(4 + k % 3 for k in range(depth - 1))
        return replace(self, widths=(self.widths[0], *between, self.widths[-1]))

    @property
    def case(self) -> Case:
        """The case. Raises InvalidCaseError if the loss does not take what the output gives."""
        return _case(self)


@lru_cache(maxsize=20_000)
def _case(specimen: Specimen) -> Case:
    m, widths, loss = specimen.samples, specimen.widths, LOSSES[specimen.loss]
    rng = _generator(f"{widths} {m} {specimen.variant}")
    A = X = _grid(rng.standard_normal((widths[0], m)))
    layers = []
    for l, units in enumerate(widths[1:], start=1):
        last = l == specimen.depth
        spec = _activation(_name(specimen, l), specimen)
        W, b = rng.standard_normal((units, len(A))), rng.standard_normal((units, 1))
        largest = _largest(spec, loss, last=last, dtype=specimen.dtype)
        largest = min(largest, 2.0) if specimen.near else largest
        if last and specimen.silent:  # the same for all depths, so that one exact answer serves for all
            W, b = np.zeros_like(W), _generator(f"silent {units} {m}").standard_normal((units, 1))
            largest = 1.0
        factor = largest / 2.0 ** np.ceil(np.log2(np.max(np.abs(W @ A + b))))
        W, b = _grid(W * factor, 20), _grid(b * factor, 20)
        layers.append(Layer(W.astype(specimen.dtype), b.astype(specimen.dtype), spec))
        A = Backprop().activation(W @ A + b, spec)
    if (
        not loss.elementwise
        and not loss.classes
        and specimen.variant < _LAST_VARIANT
        and not A.any(axis=0).all()
    ):
        return _case(specimen.but(variant=specimen.variant + 10))  # an angle to 0 is none
    Y = _targets(_generator(f"Y {A.shape} {specimen.variant}"), loss, specimen.labels, A.shape)
    network = Network(tuple(layers), _loss(specimen, loss, A.shape))
    return Case(network, X.astype(specimen.dtype), Y.astype(specimen.dtype), RATE)


def _generator(text: str) -> np.random.Generator:
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.Philox(key))


def _grid(values: Any, bits: int = 10) -> Any:
    """Numbers with few bits, which both dtypes hold."""
    return np.rint(values * 2.0**bits) / 2.0**bits


def _name(specimen: Specimen, layer: int) -> str:
    if layer == specimen.depth:
        return specimen.output
    return specimen.hidden[(layer - 1) % len(specimen.hidden)]


def _largest(spec: ActivationSpec, loss: Loss, *, last: bool, dtype: str) -> float:
    """The power of two that no pre-activation exceeds, and the largest exceeds the half of."""
    if not spec.entry.elementwise:
        return 4.0  # beyond, all but one of the values are too small to be seen
    if last and np.isfinite(loss.prediction_domain.high) and loss.prediction_domain.low == 0:
        return 1.0  # hard sigmoids are 0 or 1 beyond
    if last and (loss.steep or not loss.elementwise or np.isfinite(loss.prediction_domain.high)):
        return 4.0
    kinks = [abs(kink.at) for kink in spec.entry.kinks(spec.parameters) if kink.at]
    reach = 4 * max(kinks) if kinks else 16.0  # some entries beyond the last kink, and some within
    return float(min(2.0 ** np.ceil(np.log2(reach)), 16.0 if dtype == "float64" else 8.0))


def _activation(name: str, specimen: Specimen) -> ActivationSpec:
    entry = ACTIVATIONS[name]
    given = {p.name: _other(p) for p in entry.parameters} if specimen.parameters else {}
    return ActivationSpec(name, entry.complete(given, np.dtype(specimen.dtype)))


def _loss(specimen: Specimen, loss: Loss, shape: tuple[int, int]) -> LossSpec:
    given = {p.name: _other(p) for p in loss.parameters} if specimen.parameters else {}
    arrays = {}
    for array in loss.arrays:
        if array.name == specimen.array:
            rng = _generator(f"{array.name} {shape}")
            low, high = array.drawn.low, min(array.drawn.high, array.drawn.low + 4)
            arrays[array.name] = _grid(
                low + (high - low) * (0.25 + 0.5 * rng.random(array.shape(*shape)))
            ).astype(specimen.dtype)
    return LossSpec(loss.name, specimen.reduction, given, arrays)


def _other(parameter: Any) -> float:
    """A usual value that is not the default."""
    drawn = parameter.drawn
    if isinstance(drawn, OneOf):
        return next(value for value in drawn.values if value != parameter.default)
    return next(
        value
        for value in (drawn.low + (drawn.high - drawn.low) * share for share in (0.375, 0.625))
        if value != parameter.default
    )


def _targets(rng: np.random.Generator, loss: Loss, labels: str, shape: tuple[int, int]) -> Any:
    n, m = shape
    domain = loss.target_domain
    if isinstance(domain, OneOf):
        return rng.choice(domain.values, shape)
    one_hot = np.eye(n)[:, rng.permutation(np.arange(m) % n)]
    if isinstance(domain, OneHot):
        return one_hot
    bounded = isinstance(domain, Interval) and np.isfinite([domain.low, domain.high]).all()
    if loss.classes or bounded:
        if labels == "one-hot" and (n > 1 or loss.classes):
            return one_hot
        if labels in {"one-hot", "hard"}:
            return one_hot if loss.classes else _hard(rng, shape)
        soft = _grid(0.125 + 0.75 * rng.random(shape))
        if labels == "soft" and loss.classes:
            soft = _grid(soft / soft.sum(axis=0) / 2)
            soft[0] += 1 - soft.sum(axis=0)  # on the grid, so that the sum is exactly 1
        return soft
    Y = _grid(1.5 * rng.standard_normal(shape))
    return np.abs(Y) if domain.low == 0 else Y


def _hard(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    """0 and 1, not as one-hot columns: the first column has no 1 or nothing but 1."""
    Y = rng.integers(0, 2, shape).astype(float)
    Y[:, 0] = 1
    if shape[1] > 1:
        Y[:, 1] = 0
    return Y


def takes_labels(loss: str) -> bool:
    """Whether the targets of a loss are labels that can be softer or harder."""
    entry = LOSSES[loss]
    domain = entry.target_domain
    bounded = isinstance(domain, Interval) and bool(np.isfinite([domain.low, domain.high]).all())
    return (entry.classes or bounded) and not isinstance(domain, (OneOf, OneHot))


def fits(output: str, loss: str) -> bool:
    """Whether the loss takes what the last activation gives."""
    return LOSSES[loss].prediction_domain.covers(ACTIVATIONS[output].range)
