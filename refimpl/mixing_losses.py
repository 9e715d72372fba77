"""Losses whose terms depend on all outputs of a sample, besides cross-entropy with logits.

Appendix to `losses.py`. Conventions as there: predictions A and targets Y have shape (n outputs, m
samples). A sample's loss that is no sum over its outputs has shape (1, m).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from .activations import softmax
from .domains import NON_NEGATIVE, Interval, OneHot, OneOf
from .functions import Loss, LossArray, Parameter, PerSample, Units
from .more_activations import log_softmax


def _direction(A: Units) -> tuple[Units, PerSample, PerSample]:
    """Each column divided by its length, and the length as the product of two factors, each (1, m).

    The squares of very large or small numbers are not representable, but their ratios to the largest are.
    A column of zeros has no direction: it stays zero, with length 1.
    """
    largest = np.max(np.abs(A), axis=0, keepdims=True)
    largest = np.where(largest > 0, largest, 1)
    ratios = A / largest
    length = np.sqrt(np.sum(np.square(ratios), axis=0, keepdims=True))
    length = np.where(length > 0, length, 1)
    return ratios / length, largest, length


def _undefined(a: Units, y: Units) -> Bool[np.ndarray, "1 m"]:
    """Whether either direction is none, so that there is no angle between them."""
    return ~np.any(a, axis=0, keepdims=True) | ~np.any(y, axis=0, keepdims=True)


def _cosine_distance(A: Units, Y: Units) -> PerSample:
    a, y = _direction(A)[0], _direction(Y)[0]
    # 1 - cos θ cancels for a small angle θ; half the squared distance of the directions does not, and is the
    # same: |a - y|² = |a|² - 2 a·y + |y|² = 2 - 2 cos θ for two vectors of length 1.
    distance = np.sum(np.square(a - y), axis=0, keepdims=True) / 2
    return np.where(_undefined(a, y), A.dtype.type(1), distance)


def _cosine_distance_gradient(A: Units, Y: Units) -> Units:
    a, largest, length = _direction(A)
    y = _direction(Y)[0]
    # The derivative of -A·y/|A| by A is -(y - cos θ a)/|A|: of y, only the part across a counts, since a
    # longer A has the same direction. With cos θ = 1 - distance, that is ((a - y) - a · distance)/|A|.
    across = (a - y) - a * _cosine_distance(A, Y)
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        return np.where(_undefined(a, y), A.dtype.type(0), across / length / largest)


def _excess(A: Units, Y: Units, margin: float) -> Units:
    """By how much each wrong class comes within `margin` of the right one; 0 where it does not."""
    right = np.sum(np.where(Y == 1, A, 0), axis=0, keepdims=True)
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        return np.where(Y == 1, A.dtype.type(0), np.maximum(A - right + margin, 0))


def _times_weight(weight: Any, Y: Units, values: Units) -> Units:
    """The values times the weight of their sample's class; 0 where that is 0, also if a value is infinite."""
    own = np.sum(weight * Y, axis=0, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):  # 0 · inf is not taken
        return np.where(own == 0, values.dtype.type(0), own * values)


def _multi_margin(A: Units, Y: Units, p: float, margin: float, weight: Any = 1.0) -> Units:
    excess = _excess(A, Y, margin)
    weighed = _times_weight(weight, Y, excess)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite where the exact answer is; 0 · inf as above
        return weighed if p == 1 else np.where(weighed == 0, weighed, weighed * excess)


def _multi_margin_gradient(A: Units, Y: Units, p: float, margin: float, weight: Any = 1.0) -> Units:
    excess = _excess(A, Y, margin)
    with np.errstate(over="ignore"):  # likewise
        slopes = _times_weight(weight, Y, np.sign(excess) if p == 1 else 2 * excess)
        return np.where(Y == 1, -np.sum(slopes, axis=0, keepdims=True), slopes)


def _poly(Z: Units, Y: Units, epsilon: float) -> Units:
    with np.errstate(over="ignore", invalid="ignore"):  # 0 · inf is not taken
        return np.where(Y == 0, Y.dtype.type(0), Y * (epsilon * (1 - softmax(Z)) - log_softmax(Z)))


def _poly_gradient(Z: Units, Y: Units, epsilon: float) -> Units:
    # By z_j, -Σ y_i log p_i has p_j Σy - y_j, and -Σ y_i p_i has -p_j (y_j - Σ y_i p_i): softmax's vjp of -y.
    p = softmax(Z)
    expected = np.sum(Y * p, axis=0, keepdims=True)
    return p * np.sum(Y, axis=0, keepdims=True) - Y - epsilon * (p * (Y - expected))


ENTRIES = (
    Loss(
        "cosine_distance",
        r"1 - \frac{\sum_i \hat y_i y_i}{\lVert \hat y \rVert \lVert y \rVert}",
        r"\frac{1}{\lVert \hat y \rVert} \left( \cos\theta \, \frac{\hat y_i}{\lVert \hat y \rVert} "
        r"- \frac{y_i}{\lVert y \rVert} \right)",
        terms=_cosine_distance,
        gradient=_cosine_distance_gradient,
        mean_over="samples",
        elementwise=False,
        aliases={
            "torch": "nn.functional.cosine_similarity",
            "optax": "losses.cosine_distance",
            "keras": "CosineSimilarity (the negative cosine)",
        },
        conventions="1 - the cosine of torch's cosine_similarity, between each sample's prediction and "
        "target. At a column of zeros it is 1 here, with gradient 0; torch keeps the lengths above 1e-8, "
        "optax divides 0 by 0. 'mean' divides by m.",
    ),
    Loss(
        "multi_margin",
        r"\frac{w_k}{n} \sum_{i \ne k} \max(0, \gamma - \hat y_k + \hat y_i)^p, \quad y_k = 1",
        r"\frac{w_k p}{n} \max(0, \gamma - \hat y_k + \hat y_i)^{p-1}, \quad i \ne k",
        terms=_multi_margin,
        gradient=_multi_margin_gradient,
        target_domain=OneHot(),
        classes=True,
        parameters=(
            Parameter("p", 1.0, OneOf((1.0, 2.0)), OneOf((1.0, 2.0)), "power of the excess"),
            Parameter("margin", 1.0, NON_NEGATIVE, Interval(0.25, 2.0), "how far the right class must lead"),
        ),
        arrays=(LossArray("weight", False, NON_NEGATIVE, Interval(0.25, 2.0), "what each class counts"),),
        mean_over="outputs first",
        elementwise=False,
        aliases={"torch": "nn.functional.multi_margin_loss", "keras": "CategoricalHinge (the worst class)"},
        conventions="Crammer and Singer's hinge counts the worst class only; this one all, divided by their "
        "number n, the right one included. The derivative where an excess is exactly 0 is 0.",
        source="Weston and Watkins 1999, Support vector machines for multi-class pattern recognition",
    ),
    Loss(
        "poly_loss",
        r"-\sum_i y_i \log p_i + \epsilon \sum_i y_i (1 - p_i), \quad p = \operatorname{softmax}(z)",
        r"p_i \sum_j y_j - y_i - \epsilon p_i \left( y_i - \sum_j y_j p_j \right)",
        terms=_poly,
        gradient=_poly_gradient,
        target_domain=NON_NEGATIVE,
        classes=True,
        parameters=(
            Parameter(
                "epsilon",
                2.0,
                Interval(-1.0, np.inf, high_inside=False),
                Interval(0.25, 4.0),
                "weight of the first polynomial term",
            ),
        ),
        mean_over="samples",
        elementwise=False,
        aliases={"optax": "losses.poly_loss_cross_entropy"},
        conventions="Poly-1 of Leng et al. 2022 (https://arxiv.org/abs/2204.12511), of logits; optax's ε is "
        "2 by default. 'mean' divides by m.",
        source="Leng et al. 2022, arXiv:2204.12511",
    ),
)
