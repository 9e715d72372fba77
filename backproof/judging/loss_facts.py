"""The error facts of each loss (E1, E2), one line each.

Scales take (a, term or derivative, y, arguments), turns take (y, arguments); arguments are parameters and
arrays by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .error_facts import LossFacts, relative
from .loss_rules import cosine_distance, cross_entropy_with_logits, multi_margin, poly_loss


def _bce_with_logits_slope(z: Any, slope: Any, y: Any, _p: Any) -> Any:
    # σ(z) - y, or (1 - y) σ(z) - y σ(-z) with each σ as the slope of a softplus (above).
    sigmoid = slope + y
    return np.abs(slope) + 2 * y + (y * (1 - sigmoid) + (1 - y) * sigmoid) * np.abs(z) / 4


def _logit(y: Any) -> Any:
    return np.log(y) - np.log1p(-y)


LOSS_FACTS: dict[str, LossFacts] = {
    "mse": LossFacts(relative, relative, lambda y, p: (y,)),
    "half_squared_error": LossFacts(relative, relative, lambda y, p: (y,)),
    "bce": LossFacts(
        lambda a, v, y, p: np.abs(v) + (1 - y),
        lambda a, d, y, p: np.where(y > 0, y / a, 0) + np.where(y < 1, (1 - y) / (1 - a), 0),
        lambda y, p: (y,),
        lambda y: ((0.0, y > 0), (1.0, y < 1)),
    ),
    "cross_entropy": LossFacts(relative, relative, singular=lambda y: ((0.0, y > 0),)),
    "bce_with_logits": LossFacts(
        # (1 - y) z - log σ(z) cancels left of 0, where log σ(z) is nearly z: torch computes it like this.
        lambda a, v, y, p: np.abs(v) + np.abs(a),
        _bce_with_logits_slope,
        lambda y, p: (_logit(y),),
        naive_value=lambda a, v, y, p: 1 + np.abs(a),
    ),
    "cross_entropy_with_logits": LossFacts(rule=cross_entropy_with_logits),
    "cosine_distance": LossFacts(rule=cosine_distance),
    "multi_margin": LossFacts(rule=multi_margin),
    "poly_loss": LossFacts(rule=poly_loss),
}
