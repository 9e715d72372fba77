"""Bounds for losses whose terms depend on all outputs of a sample.

Arrays have shape (…, n, m): the outputs are axis -2. A rule gives the terms and their gradient before
reduction, with their errors where predictions are off by at most E.

V3. -Σ y_i log softmax(z)_i = Σ_i y_i (lse z - z_i): each bracket moves by at most E_i + max_j E_j.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .activation_rules import softmax, softmax_spread, units_sum
from .error_facts import ACCURACY

Arguments = Mapping[str, Any]
# (predictions, E, y, arguments, u, η₀) → (terms, E_terms, gradient, E_gradient)
LossRule = Callable[[Any, Any, Any, Arguments, Any, Any], tuple[Any, Any, Any, Any]]


def cross_entropy_with_logits(
    z: Any, E: Any, y: Any, _arguments: Arguments, u: Any, tiny: Any
) -> tuple[Any, Any, Any, Any]:
    """V3. Families: log-sum-exp with the maximum subtracted; y·log_softmax; gradient softmax(z) Σy - y."""
    n = z.shape[-2]
    shifted = z - np.max(z, axis=-2, keepdims=True)
    log_sum = np.log(units_sum(np.exp(shifted)))
    terms = np.where(y > 0, y * (log_sum - shifted), 0)
    moved = E + np.max(E, axis=-2, keepdims=True)
    # The maximum may be added back before z is subtracted (lse z - z): an absolute error of u |z|.
    largest = np.max(np.abs(z), axis=-2, keepdims=True)
    scale = np.abs(log_sum) + np.abs(shifted) + largest + (n + 1) / ACCURACY
    E_terms = y * (moved + ACCURACY * u * scale) + tiny
    p, total = softmax(z), units_sum(y)
    # p = e^(log p) with log p = (z - max) - log Σ: both differences round, to |z - max| u and |log p| u.
    relative_p = 1 + (n - 2 * shifted + log_sum + units_sum(-p * shifted)) / ACCURACY
    E_p = softmax_spread(p, E) + ACCURACY * u * p * relative_p + tiny
    E_gradient = E_p * total + ACCURACY * u * (p * total * (1 + n / ACCURACY) + y) + (n + 1) * tiny
    return terms, E_terms, p * total - y, E_gradient
