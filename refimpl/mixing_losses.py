"""Losses whose terms depend on all outputs of a sample, besides cross-entropy with logits.

Appendix to `losses.py`. Conventions as there: predictions A and targets Y have shape (n outputs, m
samples). A sample's loss that is no sum over its outputs has shape (1, m).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import softmax, softmax_vjp
from .domains import NON_NEGATIVE, Interval, OneHot, OneOf
from .functions import Loss, LossArray, Parameter, PerSample, Units
from .losses import cross_entropy_slope, half_surprise


def _scaled(A: Units) -> tuple[Units, PerSample, PerSample]:
    """Each column divided by a power of two of its size, that power, and the length of the quotient, (1, m).

    The squares of very large or small numbers are not representable, those of the quotients are; and dividing
    by a power of two rounds nothing. A column of zeros has no direction: it stays zero, with length 1.
    """
    exponent = np.frexp(np.max(np.abs(A), axis=0, keepdims=True))[1]
    power = np.ldexp(A.dtype.type(1), exponent - 1)
    quotient = A / power
    length = np.sqrt(np.sum(np.square(quotient), axis=0, keepdims=True))
    return quotient, power, np.where(length > 0, length, 1)


def _cosine_distance(A: Units, Y: Units) -> PerSample:
    (a, _, length), (y, _, length_y) = _scaled(A), _scaled(Y)
    cosine = np.sum(a * y, axis=0, keepdims=True) / (length * length_y)
    # 1 - cos θ cancels for a small angle θ. It is sin² θ/(1 + cos θ), and (|a||y| sin θ)² = |a|²|y|² - (a·y)²
    # is the sum of all (a_i y_j - y_i a_j)² with i < j (Lagrange's identity), half of that over all i and j.
    squares: Any = sum(np.square(a * y_j - y * a_j) for a_j, y_j in zip(a, y, strict=True))
    sine_squared = np.sum(squares / 2, axis=0, keepdims=True) / np.square(length * length_y)
    return np.where(cosine > 0, sine_squared / (1 + np.abs(cosine)), 1 - cosine)


def _cosine_distance_gradient(A: Units, Y: Units) -> Units:
    (a, power, length), (y, _, length_y) = _scaled(A), _scaled(Y)
    # The derivative of -a·y/(|a||y|) by a is -(y Σ_j a_j² - a Σ_j a_j y_j)/(|a|³|y|): of y, only the part
    # across a counts, as a longer a has the same direction. In Σ_j a_j (a y_j - y a_j) the part along a goes
    # out of each bracket, product for product; two sums would leave their roundings.
    across: Any = sum(a_j * (a * y_j - y * a_j) for a_j, y_j in zip(a, y, strict=True))
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        return across / (length**3 * length_y) / power


def _half_excess(A: Units, Y: Units, margin: float) -> Units:
    """Half of how much each wrong class comes within `margin` of the right one; 0 where it does not.

    The whole may be beyond the largest number where its share in the mean over the classes is not.
    """
    right = np.sum(np.where(Y == 1, A, 0), axis=0, keepdims=True)
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        return np.where(Y == 1, A.dtype.type(0), np.maximum(A / 2 - right / 2 + margin / 2, 0))


def _times_weight(weight: Any, Y: Units, values: Units) -> Units:
    """The values times the weight of their sample's class; 0 where that is 0, also if a value is infinite."""
    own = np.sum(weight * Y, axis=0, keepdims=True)
    with np.errstate(invalid="ignore"):  # 0 · inf is not taken
        return np.where(own == 0, values.dtype.type(0), own * values)


def _multi_margin(A: Units, Y: Units, p: float, margin: float, weight: Any = 1.0) -> Units:
    half = _half_excess(A, Y, margin)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite where the exact answer is; 0 · inf as above
        weighed = _times_weight(2 * weight, Y, half)
        return weighed if p == 1 else np.where(weighed == 0, weighed, weighed * (2 * half))


def _multi_margin_gradient(A: Units, Y: Units, p: float, margin: float, weight: Any = 1.0) -> Units:
    half = _half_excess(A, Y, margin)
    with np.errstate(over="ignore"):  # likewise
        slopes = _times_weight(weight, Y, np.sign(half)) if p == 1 else _times_weight(4 * weight, Y, half)
        return np.where(Y == 1, -np.sum(slopes, axis=0, keepdims=True), slopes)


def _poly(Z: Units, Y: Units, epsilon: float) -> Units:
    half = half_surprise(Z)
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        # Half of ε (1 - p) - log p. With s = -log p, 1 - p = 1 - e^-s, which expm1 gives for a sure class.
        cost = half - epsilon / 2 * np.expm1(-2 * half)
        return 2 * (Y * np.where(Y == 0, 0, cost))


def _poly_gradient(Z: Units, Y: Units, epsilon: float) -> Units:
    # By z_j, -Σ y_i log p_i has p_j Σy - y_j, and -Σ y_i p_i has -p_j (y_j - Σ y_i p_i): softmax's vjp of -y.
    p = softmax(Z)
    return cross_entropy_slope(p, Y) - epsilon * softmax_vjp(Z, p, Y)


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
