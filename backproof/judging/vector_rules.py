"""How errors go through functions that mix the units of a sample: softmax and its cross-entropy.

Everything here is per column: arrays are (…, n, m) and the units are axis -2. With |dz_i| ≤ E_i:

V1. softmax: y_i e^(dz_i) / Σ_j y_j e^(dz_j) - y_i = y_i Σ_{j≠i} y_j (e^(dz_i) - e^(dz_j)) / Σ_j y_j e^(dz_j),
    largest for dz_i = E_i, dz_j = -E_j, smallest for the opposite. `expm1` keeps the digits of small E.
V2. softmax's vjp y ⊙ (g - s), s = Σ_j y_j g_j: with errors E_y, E_g,
    E_s = Σ (E_y|g| + y E_g + E_y E_g) + γ_{n+1} Σ (y + E_y)(|g| + E_g), and
    E_δ = E_y (|g - s| + E_g + E_s) + y (E_g + E_s) + 3 u (y + E_y)(|g| + |s| + E_g + E_s).
V3. -Σ y_i log softmax(z)_i = Σ_i y_i (lse z - z_i): each bracket moves by at most E_i + max_j E_j.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .error_facts import ACCURACY


def units_sum(array: Any) -> Any:
    """The sum over the units of each sample, kept as a row."""
    return np.sum(array, axis=-2, keepdims=True)


def softmax(z: Any) -> Any:
    """Softmax of each column: the centre of the bounds only, never an expected value."""
    e = np.exp(z - np.max(z, axis=-2, keepdims=True))
    return e / units_sum(e)


def softmax_spread(y: Any, E: Any) -> Any:
    """V1: sup |softmax(z') - y| over |z' - z| ≤ E, where y = softmax(z)."""
    rise, fall = np.expm1(np.minimum(E, 600.0)), -np.expm1(-E)
    all_fall, all_rise = units_sum(y * fall), units_sum(y * rise)
    others_fall = np.maximum(all_fall - y * fall, 0)
    others_rise = np.maximum(all_rise - y * rise, 0)
    rest = np.maximum(1 - y, 0)
    # Both denominators are Σ_j y_j e^(dz_j); a sum of probabilities cannot be below the smallest factor.
    up = y * (rest * rise + others_fall) / np.maximum(1 + y * rise - others_fall, np.exp(-E))
    down = y * (rest * fall + others_rise) / np.maximum(1 - y * fall + others_rise, np.exp(-E))
    return np.minimum(np.maximum(up, down), 1.0)


def softmax_vjp_error(y: Any, E_y: Any, g: Any, E_g: Any, u: Any, gamma: Any, tiny: Any) -> Any:
    """V2; `gamma` is γ_{n+1} for n units."""
    s = units_sum(y * g)
    E_s = units_sum(E_y * np.abs(g) + y * E_g + E_y * E_g) + gamma * units_sum((y + E_y) * (np.abs(g) + E_g))
    n = y.shape[-2]
    rounding = 3 * u * (y + E_y) * (np.abs(g) + np.abs(s) + E_g + E_s) + 2 * (n + 1) * tiny
    return E_y * (np.abs(g - s) + E_g + E_s) + y * (E_g + E_s) + rounding


def cross_entropy_with_logits_error(z: Any, E: Any, y: Any, u: Any, tiny: Any) -> tuple[Any, Any, Any, Any]:
    """Terms and gradient (before reduction) of softmax cross-entropy at logits z, with their errors.

    Families: log-sum-exp with the maximum subtracted; y·log_softmax; gradient softmax(z) Σy - y.
    """
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
