"""Bounds for activations that mix the units of a sample: softmax, softmin and log-softmax.

Arrays have shape (…, n, m): the units are axis -2. z, y, g are centres, E_… their errors; p = softmax(z).

V1. softmax: p_i e^(dz_i) / Σ_j p_j e^(dz_j) - p_i = p_i Σ_{j≠i} p_j (e^(dz_i) - e^(dz_j)) / Σ_j p_j e^(dz_j),
    largest for dz_i = E_i, dz_j = -E_j, smallest for the opposite. `expm1` keeps the digits of small E.
V2. softmax's vjp y ⊙ (g - s), s = Σ_j y_j g_j: with errors E_y, E_g,
    E_s = Σ (E_y|g| + y E_g + E_y E_g) + γ_{n+1} Σ (y + E_y)(|g| + E_g), and
    E_δ = E_y (|g - s| + E_g + E_s) + y (E_g + E_s) + 3 u (y + E_y)(|g| + |s| + E_g + E_s).
V4. log-softmax z_i - log Σ e^z: the logarithm moves by at most log Σ p_j e^(E_j), so y_i by E_i more. Its vjp
    is g - p s, s = Σ_j g_j, where p = e^y is off by p (e^(E_y) - 1) and 8 roundings:
    E_δ = E_g + E_p (|s| + E_s) + p E_s + 3 u (|g| + E_g + (p + E_p)(|s| + E_s)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .error_facts import ACCURACY


class ActivationRule(NamedTuple):
    """How an activation that is not elementwise is bounded; the centres are never expected values."""

    centre: Callable[[Any], Any]
    """z → y."""
    spread: Callable[[Any, Any], Any]
    """(y, E) → sup |σ(z') - y| over |z' - z| ≤ E."""
    pulled_back: Callable[[Any, Any], Any]
    """(y, g) → (∂y/∂z)^T g."""
    vjp_error: Callable[..., Any]
    """(y, E_y, g, E_g, u, γ_{n+1}, η₀) → the error of that."""


def units_sum(array: Any) -> Any:
    """The sum over the units of each sample, kept as a row."""
    return np.sum(array, axis=-2, keepdims=True)


def softmax(z: Any) -> Any:
    """Softmax of each column."""
    e = np.exp(z - np.max(z, axis=-2, keepdims=True))
    return e / units_sum(e)


def log_softmax(z: Any) -> Any:
    """Its logarithm."""
    below = z - np.max(z, axis=-2, keepdims=True)
    return below - np.log(units_sum(np.exp(below)))


def softmax_spread(y: Any, E: Any) -> Any:
    """V1: sup |softmax(z') - y| over |z' - z| ≤ E, where y = softmax(z)."""
    rise, fall = np.expm1(np.minimum(E, 600.0)), -np.expm1(-E)
    all_fall, all_rise = units_sum(y * fall), units_sum(y * rise)
    others_fall = np.maximum(all_fall - y * fall, 0)
    others_rise = np.maximum(all_rise - y * rise, 0)
    rest = np.maximum(1 - y, 0)
    # Both denominators are Σ_j y_j e^(dz_j), a mean of factors: not below the smallest of them.
    least = np.exp(-np.max(E, axis=-2, keepdims=True))
    up = y * (rest * rise + others_fall) / np.maximum(1 + y * rise - others_fall, least)
    down = y * (rest * fall + others_rise) / np.maximum(1 - y * fall + others_rise, np.exp(-E))
    return np.minimum(np.maximum(up, down), 1.0)


def softmax_vjp_error(y: Any, E_y: Any, g: Any, E_g: Any, u: Any, gamma: Any, tiny: Any) -> Any:
    """V2; `gamma` is γ_{n+1} for n units."""
    s = units_sum(y * g)
    E_s = units_sum(E_y * np.abs(g) + y * E_g + E_y * E_g) + gamma * units_sum((y + E_y) * (np.abs(g) + E_g))
    n = y.shape[-2]
    rounding = 3 * u * (y + E_y) * (np.abs(g) + np.abs(s) + E_g + E_s) + 2 * (n + 1) * tiny
    return E_y * (np.abs(g - s) + E_g + E_s) + y * (E_g + E_s) + rounding


def log_softmax_spread(y: Any, E: Any) -> Any:
    """V4: sup |log softmax(z') - y| over |z' - z| ≤ E, where y = log softmax(z)."""
    largest = np.max(E, axis=-2, keepdims=True)
    moved = np.log1p(units_sum(np.exp(y) * np.expm1(np.minimum(E, 600.0))))
    return E + np.where(largest < 600.0, np.minimum(moved * (1 + 2.0**-40), largest), largest)


def log_softmax_vjp_error(y: Any, E_y: Any, g: Any, E_g: Any, u: Any, gamma: Any, tiny: Any) -> Any:
    """V4; `gamma` is γ_{n+1} for n units."""
    p, s = np.exp(y), units_sum(g)
    E_p = p * (np.expm1(np.minimum(E_y, 600.0)) + ACCURACY * u) + tiny
    E_s = units_sum(E_g) + gamma * units_sum(np.abs(g) + E_g)
    S = np.abs(s) + E_s
    return E_g + E_p * S + p * E_s + 3 * u * (np.abs(g) + E_g + (p + E_p) * S) + 2 * tiny


def _softmax_pulled_back(y: Any, g: Any) -> Any:
    return y * (g - units_sum(y * g))


SOFTMAX = ActivationRule(softmax, softmax_spread, _softmax_pulled_back, softmax_vjp_error)
# Softmax of -z: its vjp has the other sign, its errors are the same.
SOFTMIN = ActivationRule(
    lambda z: softmax(-z),
    softmax_spread,
    lambda y, g: -_softmax_pulled_back(y, g),
    softmax_vjp_error,
)
LOG_SOFTMAX = ActivationRule(
    log_softmax,
    log_softmax_spread,
    lambda y, g: g - np.exp(y) * units_sum(g),
    log_softmax_vjp_error,
)
