"""The error facts of each loss (E1, E2), one line each.

Scales take (a, term or derivative, y, arguments), turns take (y, arguments); arguments are parameters and
arrays by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .error_facts import LossFacts, exact, of_softplus, relative
from .focal_facts import focal_naive_value, focal_slope, focal_turns, focal_value
from .loss_rules import cosine_distance, cross_entropy_with_logits, multi_margin, poly_loss


def _sigmoid(z: Any) -> Any:
    return np.where(z > 0, 1.0, np.exp(-np.abs(z))) / (1 + np.exp(-np.abs(z)))


def _softplus(z: Any) -> Any:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _bce_with_logits(a: Any, v: Any, y: Any, p: Any) -> Any:
    # (1 - y) z - log σ(z) cancels left of 0, where log σ(z) is nearly z: torch computes it like this, with
    # the factor (w₁ - 1) y + 1 of log σ(z), which rounds as its parts do, not as w₁ does.
    w, positive = p["weight"], p["pos_weight"]
    return np.abs(v) + w * (np.maximum(positive, 1) * np.abs(a) + y * np.abs(positive - 1) * _softplus(-a))


def _bce_with_logits_slope(z: Any, slope: Any, y: Any, p: Any) -> Any:
    # (w₁ y + 1 - y) σ(z) - w₁ y, or (1 - y) σ(z) - w₁ y σ(-z) with each σ as the slope of a softplus.
    w, positive, right = p["weight"], p["pos_weight"], _sigmoid(z)
    parts = positive * y * _sigmoid(-z) + (1 - y) * right
    return np.abs(slope) + w * (2 * y * np.maximum(positive, right) + parts * np.abs(z) / 4)


def _multilabel_slope(z: Any, slope: Any, y: Any, p: Any) -> Any:
    # (1 - y) σ(z) - y σ(-z) cancels, with each σ as above; σ(z) - y where y is of that size.
    parts = y * _sigmoid(-z) + (1 - y) * _sigmoid(z)
    return np.abs(slope) + p["weight"] * parts * (1 + np.abs(z) / 4)


def _log_cosh_slope(a: Any, _slope: Any, y: Any, _p: Any) -> Any:
    # e^(r - s) - e^(-r - s) with s = log(e^r + e^-r) rounded: of the size of |r| until that is |r| itself.
    return 1 + np.minimum(np.abs(a - y), 20) / 4


def _logit(y: Any) -> Any:
    return np.log(y) - np.log1p(-y)


LOSS_FACTS: dict[str, LossFacts] = {
    "mse": LossFacts(relative, relative, lambda y, p: (y,)),
    "half_squared_error": LossFacts(relative, relative, lambda y, p: (y,)),
    "bce": LossFacts(
        lambda a, v, y, p: np.abs(v) + p["weight"] * (1 - y),
        lambda a, d, y, p: p["weight"] * (np.where(y > 0, y / a, 0) + np.where(y < 1, (1 - y) / (1 - a), 0)),
        lambda y, p: (y,),
        lambda y: ((0.0, y > 0), (1.0, y < 1)),
    ),
    "cross_entropy": LossFacts(relative, relative, singular=lambda y: ((0.0, y > 0),)),
    "bce_with_logits": LossFacts(
        _bce_with_logits,
        _bce_with_logits_slope,
        lambda y, p: (_logit(y) - np.log(p["pos_weight"]),),
        naive_value=lambda a, v, y, p: p["weight"] * np.maximum(p["pos_weight"], 1) * (1 + np.abs(a)),
        of_rest=lambda y, p: p["weight"] * (1 - y),
    ),
    "cross_entropy_with_logits": LossFacts(rule=cross_entropy_with_logits),
    "cosine_distance": LossFacts(rule=cosine_distance),
    "multi_margin": LossFacts(rule=multi_margin),
    "poly_loss": LossFacts(rule=poly_loss),
    "l1": LossFacts(relative, exact, lambda y, p: (y,)),
    # min(|r|, δ) + (δ - δ): autograd of optax's formula adds and subtracts δ on the way to the slope.
    "huber": LossFacts(
        relative, lambda a, d, y, p: p["delta"], lambda y, p: (y, y - p["delta"], y + p["delta"])
    ),
    "smooth_l1": LossFacts(relative, relative, lambda y, p: (y, y - p["beta"], y + p["beta"])),
    # |r| + log(1 + e^(-2|r|)) - log 2 cancels near r = 0.
    "log_cosh": LossFacts(lambda a, v, y, p: 1 + np.abs(v), _log_cosh_slope, lambda y, p: (y,)),
    "poisson_nll": LossFacts(
        lambda a, v, y, p: np.exp(a) + np.abs(y * a),
        lambda a, d, y, p: np.exp(a) + y,
        lambda y, p: (np.log(y),),
    ),
    "gaussian_nll": LossFacts(
        lambda a, v, y, p: (np.abs(np.log(p["variance"])) + np.square(a - y) / p["variance"]) / 2,
        relative,
        lambda y, p: (y,),
    ),
    "nll": LossFacts(exact, exact),
    "kl_div": LossFacts(lambda a, v, y, p: np.where(y > 0, y * (np.abs(np.log(y)) - a), 0.0), exact),
    "hinge": LossFacts(relative, exact),
    "squared_hinge": LossFacts(relative, relative, lambda y, p: (y,)),
    "hinge_embedding": LossFacts(relative, exact),
    "soft_margin": LossFacts(
        relative,
        lambda a, d, y, p: of_softplus(y * a, d),
        naive_value=lambda a, v, y, p: 1 + np.abs(a),
    ),
    "multilabel_soft_margin": LossFacts(
        relative,
        _multilabel_slope,
        lambda y, p: (_logit(y),),
        naive_value=lambda a, v, y, p: p["weight"] * (1 + np.abs(a)),
        naive_derivative=lambda a, d, y, p: np.broadcast_to(p["weight"], np.shape(d)),  # σ(z) - y
        of_rest=lambda y, p: p["weight"] * (1 - y),
    ),
    "sigmoid_focal": LossFacts(focal_value, focal_slope, focal_turns, naive_value=focal_naive_value),
    "perceptron": LossFacts(exact, exact),
}
