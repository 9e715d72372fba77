"""One line for each loss in ball arithmetic: its definition, as the textbook has it.

Predictions are power series over FLINT's balls (`arb_series`), or numbers of `ball_tape`, so a value carries
its derivative and none is written down. Targets and the numbers of a loss's arrays are floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flint import arb

from .ball_activations import Series
from .ball_branches import split


def _weighted_log(weight: Any, a: Series) -> Series:
    return weight * a.log() if weight != 0 else 0 * a


def _cross_entropy(column: Any, y: Any, label_smoothing: float, weight: Any) -> Series:
    log_sum, part = sum(z.exp() for z in column).log(), arb(label_smoothing)
    labels = [w * ((1 - part) * arb(t) + part / len(y)) for w, t in zip(weight, y, strict=True)]
    return sum(label * (log_sum - z) for label, z in zip(labels, column, strict=True))


def _cosine_distance(column: Any, y: Any) -> Series:
    squares = sum(a * a for a in column)
    product = sum(a * arb(t) for a, t in zip(column, y, strict=True))
    return 1 - product / (squares * sum(arb(t) ** 2 for t in y)).sqrt()


def _multi_margin(column: Any, y: Any, p: float, margin: float, weight: Any) -> Series:
    right = y.index(1.0)
    excess = [a - column[right] + margin for i, a in enumerate(column) if i != right]
    parts = [_positive_part(e) for e in excess]
    return weight[right] * sum(part if p == 1 else part * part for part in parts) + 0 * column[0]


def _poly(column: Any, y: Any, epsilon: float) -> Series:
    e = [z.exp() for z in column]
    p = [each / sum(e) for each in e]
    return sum(arb(t) * (epsilon * (1 - q) - q.log()) for t, q in zip(y, p, strict=True) if t) + 0 * p[0]


def _positive_part(x: Series) -> Series:
    return split(x, 0, lambda x: x, lambda x: 0 * x)


def _absolute(x: Series) -> Series:
    return split(x, 0, lambda x: x, lambda x: -x)


def _smooth_l1(error: Series, beta: Any) -> Series:
    size = _absolute(error)
    return split(size, beta, lambda size: size - beta / 2, lambda _: error * error / (2 * beta))


def _logistic(z: Series, positive: Any, negative: Any) -> Series:
    return positive * (1 + (-z).exp()).log() + negative * (1 + z.exp()).log()


def _focal(z: Series, y: Any, alpha: Any, gamma: Any) -> Series:
    mistaken = y / (1 + z.exp()) + (1 - y) / (1 + (-z).exp())
    # The logarithm only of what is raised: x^γ = e^(γ log x).
    factor = (gamma * mistaken.log()).exp()
    return (alpha * y + (1 - alpha) * (1 - y)) * factor * _logistic(z, y, 1 - y)


# Name → ℓ(a, y, **arguments) of one entry.
TERMS: Mapping[str, Callable[..., Series]] = {
    "mse": lambda a, y: (a - y) * (a - y),
    "half_squared_error": lambda a, y: (a - y) * (a - y) / 2,
    "bce": lambda a, y, weight: -weight * (_weighted_log(y, a) + _weighted_log(1 - arb(y), 1 - a)),
    "cross_entropy": lambda a, y: -_weighted_log(y, a),
    "bce_with_logits": lambda a, y, weight, pos_weight: _logistic(
        a, weight * arb(y) * pos_weight, weight * (1 - arb(y))
    ),
    "l1": lambda a, y: _absolute(a - y),
    "huber": lambda a, y, delta: delta * _smooth_l1(a - y, arb(delta)),
    "smooth_l1": lambda a, y, beta: _smooth_l1(a - y, arb(beta)),
    "log_cosh": lambda a, y: (((a - y).exp() + (y - a).exp()) / 2).log(),
    "poisson_nll": lambda a, y: a.exp() - y * a,
    "gaussian_nll": lambda a, y, variance: (arb(variance).log() + (a - y) * (a - y) / variance) / 2,
    "nll": lambda a, y: -y * a,
    "kl_div": lambda a, y: y * (arb(y).log() - a) if y != 0 else 0 * a,
    "hinge": lambda a, y: _positive_part(1 - y * a),
    "squared_hinge": lambda a, y: _positive_part(1 - y * a) * _positive_part(1 - y * a),
    "hinge_embedding": lambda a, y, margin: a if y == 1 else _positive_part(margin - a),
    "soft_margin": lambda a, y: (1 + (-y * a).exp()).log(),
    "multilabel_soft_margin": lambda a, y, weight: _logistic(a, weight * arb(y), weight * (1 - arb(y))),
    "sigmoid_focal": lambda a, y, alpha, gamma: _focal(a, arb(y), arb(alpha), gamma),
    "perceptron": lambda a, y: _positive_part(-y * a),
}

# Name → ℓ(predictions, targets, **arguments) of all outputs of one sample; an array's numbers are a list.
TERMS_OF_COLUMNS: Mapping[str, Callable[..., Series]] = {
    "cross_entropy_with_logits": _cross_entropy,
    "cosine_distance": _cosine_distance,
    "multi_margin": _multi_margin,
    "poly_loss": _poly,
}

# What reduction "mean" divides by is the number of samples for these; of entries for the others.
MEAN_OVER_SAMPLES = frozenset(
    {"cross_entropy", "cross_entropy_with_logits", "cosine_distance", "nll", "poly_loss"}
)
# Each sample's loss is a mean over its outputs, whatever the reduction.
MEAN_OVER_OUTPUTS_FIRST = frozenset({"multi_margin", "multilabel_soft_margin"})


def divisor(name: str, reduction: str, outputs: int, samples: int) -> int:
    """What the sum of all terms of a loss is divided by."""
    inner = outputs if name in MEAN_OVER_OUTPUTS_FIRST else 1
    if reduction == "sum":
        return inner
    if reduction == "entrymean":
        return inner * outputs * samples
    if reduction == "batchmean" or name in MEAN_OVER_SAMPLES or name in MEAN_OVER_OUTPUTS_FIRST:
        return inner * samples
    return outputs * samples
