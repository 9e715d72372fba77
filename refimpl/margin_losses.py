"""Losses of scores: hinges for the labels -1 and 1, and sums of binary cross-entropies of logits.

Appendix to `losses.py`, with its conventions. A score says by its sign which label is predicted, and by its
size how surely; y ŷ, the *margin*, is positive where the prediction is right. A *hinge* is flat beyond some
margin and rises in a straight line before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .activations import sigmoid, softplus
from .domains import NON_NEGATIVE, POSITIVE, SIGNS, UNIT, Interval
from .functions import Kink, Loss, LossArray, Parameter, Units
from .losses import WEIGHTS, logistic_slope, logistic_terms

_SIGNS = "Labels are -1 and 1; for 0 and 1, take 2y - 1."


def _margin(A: Units, Y: Units) -> Units:
    """1 - y a: of the sign of the exact one, however small."""
    return 1 - Y * A


def _falling(Y: Any, at: Any) -> Kink:
    """The kink of max(0, c - y a): falling before it for y = 1, rising after it for y = -1; 0 at it."""
    return Kink(at, left=np.where(Y > 0, -1.0, 0.0), right=np.where(Y > 0, 0.0, 1.0), chosen=0 * Y)


def _hinge_kinks(Y: Any, _arguments: Mapping[str, Any]) -> tuple[Kink, ...]:
    return (_falling(Y, Y),)  # y a = 1 at 1/y, which is y


def _perceptron_kinks(Y: Any, _arguments: Mapping[str, Any]) -> tuple[Kink, ...]:
    return (_falling(Y, 0 * Y),)


def _squared_hinge(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        return np.square(np.maximum(_margin(A, Y), 0))


def _squared_hinge_gradient(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore"):  # as above
        return -Y * (2 * np.maximum(_margin(A, Y), 0))


def _hinge_embedding(A: Units, Y: Units, margin: float) -> Units:
    with np.errstate(over="ignore"):  # as above
        return np.where(Y > 0, A, np.maximum(margin - A, 0))


def _hinge_embedding_gradient(A: Units, Y: Units, margin: float) -> Units:
    return np.where(Y > 0, Y, np.where(margin < A, 0, Y))


def _hinge_embedding_kinks(Y: Any, arguments: Mapping[str, Any]) -> tuple[Kink, ...]:
    return (Kink(np.where(Y > 0, np.inf, arguments["margin"]), 0 * Y - 1, 0 * Y, chosen=0 * Y - 1),)


def _mistaken(Z: Units, Y: Units) -> Units:
    """1 - p_t, the probability given to what is not the label, without subtracting from 1.

    p_t = y σ(z) + (1 - y) σ(-z) is what is given to the label ("t" for target).
    """
    return sigmoid(Z) * (1 - Y) + sigmoid(-Z) * Y


def _balance(Y: Units, alpha: float) -> Units:
    return alpha * Y + (1 - alpha) * (1 - Y)


def _powered(Z: Units, Y: Units, gamma: float) -> Units:
    """(1 - p_t)^γ."""
    # A power has γ times the relative error of what is raised. Near 1 that is avoided: e^(γ log(1 - p_t)) has
    # a small exponent, which p_t gives with all digits. (p_t may be 1 elsewhere, and log 0 is not taken.)
    p_t = sigmoid(Z) * Y + sigmoid(-Z) * (1 - Y)
    return np.where(p_t < 0.125, np.exp(gamma * np.log1p(-np.minimum(p_t, 0.125))), _mistaken(Z, Y) ** gamma)


def _focal(Z: Units, Y: Units, alpha: float, gamma: float) -> Units:
    return _balance(Y, alpha) * (_powered(Z, Y, gamma) * logistic_terms(Z, Y, 1 - Y))


def _focal_gradient(Z: Units, Y: Units, alpha: float, gamma: float) -> Units:
    # The derivative of (1 - p_t)^γ is (1 - p_t)^γ γ q with q = (1 - p_t)'/(1 - p_t): no negative power of a
    # number that may be 0. q is (1 - 2y)/((1 - y)/σ(-z) + y/σ(z)), where a label that is 0 or 1 leaves out
    # one of the two, also where its σ has underflowed to 0.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # an infinite one: q is 0
        denominator = np.where(Y < 1, (1 - Y) / sigmoid(-Z), 0) + np.where(Y > 0, Y / sigmoid(Z), 0)
        q = (1 - 2 * Y) / denominator
    slope = logistic_slope(Z, Y, 1 - Y) + gamma * q * logistic_terms(Z, Y, 1 - Y)
    return _balance(Y, alpha) * (_powered(Z, Y, gamma) * slope)


ENTRIES = (
    Loss(
        "hinge",
        r"\sum \max(0, 1 - y \hat y)",
        r"\begin{cases} -y & y \hat y < 1 \\ 0 & \text{else} \end{cases}",
        terms=lambda A, Y: np.maximum(_margin(A, Y), 0),
        gradient=lambda A, Y: np.where(_margin(A, Y) > 0, -Y, 0),
        target_domain=SIGNS,
        kinks=_hinge_kinks,
        aliases={"optax": "losses.hinge_loss", "keras": "Hinge", "scikit-learn": "hinge_loss"},
        conventions=f"{_SIGNS} Where y ŷ = 1 the derivative is 0 here, as torch's relu has it; jax's maximum "
        "of two equal numbers, which optax uses, has half the slope: -y/2.",
        source="Cortes and Vapnik 1995, Support-vector networks",
    ),
    Loss(
        "squared_hinge",
        r"\sum \max(0, 1 - y \hat y)^2",
        r"-2 y \max(0, 1 - y \hat y)",
        terms=_squared_hinge,
        gradient=_squared_hinge_gradient,
        target_domain=SIGNS,
        aliases={"keras": "SquaredHinge", "scikit-learn": "LinearSVC (squared_hinge)"},
        conventions=f"{_SIGNS} No factor ½.",
        source="Cortes and Vapnik 1995, Support-vector networks; Tang 2013, arXiv:1306.0239",
    ),
    Loss(
        "hinge_embedding",
        r"\sum \begin{cases} \hat y & y = 1 \\ \max(0, \Delta - \hat y) & y = -1 \end{cases}",
        r"\begin{cases} 1 & y = 1 \\ -1 & y = -1, \hat y \le \Delta \\ 0 & \text{else} \end{cases}",
        parameters=(
            Parameter(
                "margin", 1.0, POSITIVE, Interval(0.25, 4.0), "Δ, how far unlike pairs are to be apart"
            ),
        ),
        terms=_hinge_embedding,
        gradient=_hinge_embedding_gradient,
        target_domain=SIGNS,
        kinks=_hinge_embedding_kinks,
        aliases={"torch": "nn.functional.hinge_embedding_loss"},
        conventions="Predictions are distances, not scores: this is no hinge of y ŷ. At ŷ = Δ the derivative "
        "is -1, as torch has it, whose clamp keeps the gradient at its bound; jax's maximum has -½.",
    ),
    Loss(
        "soft_margin",
        r"\sum \log\left(1 + e^{-y \hat y}\right)",
        r"-\frac{y}{1 + e^{y \hat y}}",
        terms=lambda A, Y: softplus(-Y * A, 1.0),
        gradient=lambda A, Y: -Y * sigmoid(-Y * A),
        target_domain=SIGNS,
        aliases={"torch": "nn.functional.soft_margin_loss", "scikit-learn": "log_loss (of scores)"},
        conventions=f"{_SIGNS} bce_with_logits of those. torch overflows where -y ŷ exceeds 88 in float32 "
        "and 709 in float64: it computes log(1 + e^(-y ŷ)) as it is written.",
    ),
    Loss(
        "multilabel_soft_margin",
        r"-\frac{1}{n} \sum w \left( y \log \sigma(\hat y) + (1 - y) \log \sigma(-\hat y) \right)",
        r"\frac{w}{n} \left( \sigma(\hat y) - y \right)",
        terms=lambda A, Y, weight=1.0: logistic_terms(A, weight * Y, weight * (1 - Y)),
        gradient=lambda A, Y, weight=1.0: logistic_slope(A, weight * Y, weight * (1 - Y)),
        target_domain=UNIT,
        mean_over="outputs first",
        arrays=(LossArray("weight", False, NON_NEGATIVE, WEIGHTS, "w, of each output"),),
        aliases={"torch": "nn.functional.multilabel_soft_margin_loss"},
        conventions="Labels are 0 and 1, unlike soft_margin's. Each sample's loss is a mean over its n "
        "outputs, whatever the reduction; weights do not change what it is divided by.",
    ),
    Loss(
        "sigmoid_focal",
        r"\sum (\alpha y + (1 - \alpha)(1 - y)) \, q^\gamma \, \ell, \quad "
        r"q = y \sigma(-z) + (1 - y) \sigma(z), \; \ell = -y \log \sigma(z) - (1 - y) \log \sigma(-z)",
        r"(\alpha y + (1 - \alpha)(1 - y)) \, q^\gamma \left( \sigma(z) - y + "
        r"\gamma \frac{(1 - 2y) \sigma(z) \sigma(-z)}{q} \ell \right)",
        parameters=(
            Parameter(
                "alpha", 0.25, UNIT, Interval(0.125, 0.875), "weight of the label 1 against 1 - α of 0"
            ),
            Parameter("gamma", 2.0, NON_NEGATIVE, Interval(0.0, 5.0), "how much what is right counts less"),
        ),
        terms=_focal,
        gradient=_focal_gradient,
        target_domain=UNIT,
        aliases={
            "optax": "losses.sigmoid_focal_loss",
            "torchvision": "ops.sigmoid_focal_loss",
            "keras": "BinaryFocalCrossentropy (of probabilities, α off by default)",
        },
        conventions="Of logits. α = ¼ as in torchvision; optax leaves α out by default. torchvision computes "
        "1 - p_t by a subtraction that loses all digits for what is classified well.",
        source="Lin et al. 2017, arXiv:1708.02002",
    ),
    Loss(
        "perceptron",
        r"\sum \max(0, -y \hat y)",
        r"\begin{cases} -y & y \hat y < 0 \\ 0 & \text{else} \end{cases}",
        terms=lambda A, Y: np.maximum(-Y * A, 0),
        gradient=lambda A, Y: np.where(Y * A < 0, -Y, 0),
        target_domain=SIGNS,
        kinks=_perceptron_kinks,
        aliases={"optax": "losses.perceptron_loss", "scikit-learn": "Perceptron"},
        conventions=f"{_SIGNS} At ŷ = 0 the derivative is 0 here; optax's, a maximum, has -y/2, and "
        "Rosenblatt's rule counts ŷ = 0 as a mistake: -y.",
        source="Rosenblatt 1958, The perceptron",
    ),
)
