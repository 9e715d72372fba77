"""A case whose numbers can be read: short, round, away from every kink, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Backprop, Case, Layer, Loss, LossSpec, Network
from refimpl.domains import Interval, OneHot, OneOf

WEIGHTS = (-1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0)
"""No zero, which would hide what it multiplies."""
BIASES = (-0.5, -0.4, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4, 0.5)
INPUTS = (-1.0, -0.5, 0.5, 1.0, 1.5, 2.0)
TARGETS = (-1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 0.0, -1.5, -2.0)
"""In the order in which they are tried where a loss takes only some of them."""
CLEARANCE = 0.04
"""How far from a kink every number stays, where there is a choice of bias or target for it."""
_FIRST_CHOICES = ("identity", "sigmoid", "tanh", "softplus", "logsigmoid")
_FOR_CLASSES = ("softmax", "log_softmax")


@dataclass(frozen=True)
class Blueprint:
    """What network to draw."""

    widths: tuple[int, ...]
    activations: tuple[str, ...]
    """One for each layer."""
    loss: str
    reduction: str = "mean"
    samples: int = 1
    seed: int = 0
    learning_rate: float = 0.1
    dtype: str = "float64"


def output_activation(loss: str) -> str:
    """The last layer's activation if nobody says: the one that gives what the loss takes."""
    entry = LOSSES[loss]
    takes = entry.prediction_domain
    names = _FIRST_CHOICES if not entry.classes else (_FIRST_CHOICES[0], *_FOR_CLASSES)
    for name in (*names, *ACTIVATIONS):
        if takes.covers(ACTIVATIONS[name].range):
            return name
    raise AssertionError(f"no activation gives what loss {loss} takes")


def suitable_outputs(loss: str) -> tuple[str, ...]:
    """All activations whose values the loss takes."""
    takes = LOSSES[loss].prediction_domain
    return tuple(name for name, entry in ACTIVATIONS.items() if takes.covers(entry.range))


def draw_example(blueprint: Blueprint) -> Case:
    """The case of a blueprint; InvalidCaseError if its parts do not fit together."""
    choose = np.random.Philox(key=np.array([blueprint.seed, 0], dtype=np.uint64))
    dtype, right = np.dtype(blueprint.dtype), Backprop()

    def drawn(values: Sequence[float], rows: int, columns: int) -> Any:
        # Of 64 random bits the upper 32 choose: as good as uniform, and the same on every platform.
        words = choose.random_raw(rows * columns) >> np.uint64(32)
        places = (words * np.uint64(len(values)) >> np.uint64(32)).astype(np.intp)
        return np.array(values, dtype)[places].reshape(rows, columns)

    X = A = drawn(INPUTS, blueprint.widths[0], blueprint.samples)
    layers = []
    for inputs, outputs, name in zip(
        blueprint.widths, blueprint.widths[1:], blueprint.activations, strict=False
    ):
        spec = ActivationSpec(name)
        W, b = _distinct(drawn(WEIGHTS, outputs, inputs)), drawn(BIASES, outputs, 1)
        W *= dtype.type(_scale(inputs))
        kinks = [float(kink.at) for kink in spec.entry.kinks(spec.parameters)]
        for unit in range(outputs if kinks else 0):
            b[unit, 0] = _clear_bias((W @ A)[unit], float(b[unit, 0]), kinks, dtype)
        layers.append(Layer(W, b, spec))
        A = right.activation(right.pre_activation(W, A, b), spec)
    loss = LossSpec(blueprint.loss, blueprint.reduction)
    network = Network(tuple(layers), loss)
    Y = _targets(loss.entry, A, drawn)
    Y = _clear_targets(loss, A, Y)
    return Case(network, X, Y, blueprint.learning_rate)


def _scale(inputs: int) -> float:
    """A power of two, so that sums of many inputs stay about as large as those of four."""
    return 2.0 ** -math.ceil(math.log2(max(inputs, 4) / 4) / 2)


def _distinct(W: Any) -> Any:
    """W without a column of equal weights: errors that sum to 0, as softmax has them, would cancel there."""
    for column in np.flatnonzero(np.all(W[0] == W, axis=0)) if len(W) > 1 else ():
        W[-1, column] = WEIGHTS[(WEIGHTS.index(float(W[0, column])) + 3) % len(WEIGHTS)]
    return W


def _clear_bias(sums: Any, drawn: float, kinks: Sequence[float], dtype: Any) -> float:
    """The drawn bias, or the first that keeps a unit away from all kinks in every sample, or the best."""

    def clearance(bias: float) -> float:
        return min(float(np.min(np.abs(sums + dtype.type(bias) - kink))) for kink in kinks)

    tried = (drawn, *(bias for bias in BIASES if bias != drawn))
    return next((bias for bias in tried if clearance(bias) >= CLEARANCE), max(tried, key=clearance))


def _targets(loss: Loss, A: Any, drawn: Any) -> Any:
    rows, columns = A.shape
    domain = loss.target_domain
    if loss.classes or isinstance(domain, OneHot):
        Y = np.zeros_like(A)
        Y[drawn(range(rows), 1, columns)[0].astype(int), np.arange(columns)] = 1
        return Y
    return drawn(_choices(loss), rows, columns)


def _choices(loss: Loss) -> tuple[float, ...]:
    """Round targets that the loss takes; labels where it takes labels."""
    domain = loss.target_domain
    if isinstance(domain, OneOf):
        return domain.values
    assert isinstance(domain, Interval)
    if np.isfinite(domain.low) and np.isfinite(domain.high):
        return (domain.low, domain.high)
    return tuple(target for target in TARGETS if domain.contains(target) and target != 0)


def _clear_targets(spec: LossSpec, A: Any, Y: Any) -> Any:
    """Y with other targets where the prediction would lie on a kink of the loss."""
    if spec.entry.classes or not spec.entry.kinks(Y, spec.arguments):
        return Y
    best, most = Y, _clearances(spec, A, Y)
    for target in _choices(spec.entry):
        tried = np.full_like(Y, target)
        clearances = _clearances(spec, A, tried)
        better = (most < CLEARANCE) & (clearances > most)
        best, most = np.where(better, tried, best), np.where(better, clearances, most)
    return best


def _clearances(spec: LossSpec, A: Any, Y: Any) -> Any:
    distances = [np.abs(A - kink.at) for kink in spec.entry.kinks(Y, spec.arguments)]
    return np.broadcast_to(np.min(distances, axis=0), A.shape)
