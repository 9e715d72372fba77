"""Bounds for activations that mix the units of a sample: softmax, softmin and log-softmax.

Arrays have shape (…, n, m): the units are axis -2. z, y, g are centres, E_… their errors; p = softmax(z), and
O_i(x) = Σ_{j≠i} x_j. Proofs: docs/bounds-of-vector-functions.md.

V1. softmax moves by at most p_i (O_i(p) r_i + O_i(p f)) / (p_i e^(E_i) + O_i(p e^(-E))) upwards and by
    p_i (O_i(p) f_i + O_i(p r)) / (p_i e^(-E_i) + O_i(p e^E)) downwards; r = e^E - 1, f = 1 - e^(-E). Reached.
V2. softmax's vjp y ⊙ (g - s), s = Σ_j y_j g_j, taken off once or twice, with E_s = Σ y E_g + E_s^y:
    E_δ = E_y (|g - s| + E_g + E_s) + y (|1 - y| E_g + O(y E_g) + E_s^y)
          + 3 u (y + E_y)(|g| + |s| + E_g + E_s) + 2 (n+1) η₀,
    E_s^y = min(Σ E_y|g|, Σ E_y|g - s| + |s| ζ) + Σ E_y E_g + γ_{n+1} Σ (y + E_y)(|g| + E_g),
    where ζ = (8 + n + 2 log n) u + n η₀ is what Σ_j y_j itself can be off by.
V4. log-softmax moves by at most log(1 + Σ_{j≠i} p_j (e^(E_i + E_j) - 1)). Reached. Its vjp is g - p s,
    s = Σ_j g_j, where p = e^y is off by E_p = e^(y + E_y) (1 - e^(-E_y) + 8 u) + η₀:
    E_δ = E_g + E_p (|s| + E_s) + p E_s + 3 u (|g| + E_g + (p + E_p)(|s| + E_s)).
V8. Over |z' - z| ≤ E the scale of E1 is at most that at z with |y| + spread for |y|, plus `farther`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .error_facts import ACCURACY

_LONGEST = 300.0
"""Errors from here on are not worked out: e^(2E) raises what has underflowed to what has not."""


class ActivationRule(NamedTuple):
    """How an activation that is not elementwise is bounded; the centres are never expected values."""

    centre: Callable[[Any], Any]
    """z → y."""
    spread: Callable[[Any, Any], Any]
    """(y, E) → sup |σ(z') - y| over |z' - z| ≤ E."""
    farther: Callable[[Any, Any], Any]
    """(|y| + spread, max E) → by how much the scale of E1 grows over these z' (V8)."""
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


def others_sum(array: Any) -> Any:
    """Σ_{j≠i} x_j for each i. No difference is taken: that would leave nothing beside one large x_i."""
    sums = np.zeros_like(array)
    sums[..., 1:, :] = np.cumsum(array[..., :-1, :], axis=-2)
    sums[..., :-1, :] += np.cumsum(array[..., :0:-1, :], axis=-2)[..., ::-1, :]
    return sums


def softmax_spread(y: Any, E: Any) -> Any:
    """V1: sup |softmax(z') - y| over |z' - z| ≤ E, where y = softmax(z)."""
    rise, fall, least = np.expm1(np.minimum(E, _LONGEST)), -np.expm1(-E), np.exp(-E)
    rest, others_rise = others_sum(y + 0 * E), others_sum(y * rise)
    # y may have underflowed, to 0 at worst: by less than the smallest normal number.
    y_i = y + np.finfo(np.float64).tiny
    up = y_i * (rest * rise + others_sum(y * fall)) / (y * (1 + rise) + others_sum(y * least))
    down = y_i * (rest * fall + others_rise) / (y * least + rest + others_rise)
    farthest = np.max(E, axis=-2, keepdims=True)
    return np.where(farthest >= _LONGEST, 1.0, np.minimum(np.maximum(up, down), 1.0))


def softmax_vjp_error(y: Any, E_y: Any, g: Any, E_g: Any, u: Any, gamma: Any, tiny: Any) -> Any:
    """V2; `gamma` is γ_{n+1} for n units."""
    n, s = y.shape[-2], units_sum(y * g)
    distance = np.abs(g - s)
    of_sum = u * (ACCURACY + n + 2 * np.log(n)) + n * tiny
    of_y = np.minimum(units_sum(E_y * np.abs(g)), units_sum(E_y * distance) + np.abs(s) * of_sum)
    E_s_of_y = of_y + units_sum(E_y * E_g) + gamma * units_sum((y + E_y) * (np.abs(g) + E_g))
    E_s = units_sum(y * E_g) + E_s_of_y
    of_g = np.abs(1 - y) * E_g + others_sum(y * E_g)
    rounding = 3 * u * (y + E_y) * (np.abs(g) + np.abs(s) + E_g + E_s) + 2 * (n + 1) * tiny
    return E_y * (distance + E_g + E_s) + y * (of_g + E_s_of_y) + rounding


def log_softmax_spread(y: Any, E: Any) -> Any:
    """V4: sup |log softmax(z') - y| over |z' - z| ≤ E, where y = log softmax(z)."""
    farthest = np.max(E, axis=-2, keepdims=True)
    short, p = np.minimum(E, _LONGEST), np.exp(y)
    # e^(E_i + E_j) - 1 = (e^(E_i) - 1) e^(E_j) + (e^(E_j) - 1)
    moved = np.expm1(short) * others_sum(p * np.exp(short)) + others_sum(p * np.expm1(short))
    return np.where(farthest >= _LONGEST, E + farthest, np.log1p(moved))


def log_softmax_vjp_error(y: Any, E_y: Any, g: Any, E_g: Any, u: Any, gamma: Any, tiny: Any) -> Any:
    """V4; `gamma` is γ_{n+1} for n units."""
    n, p, s = y.shape[-2], np.exp(y), units_sum(g)
    E_p = np.exp(y + E_y) * (ACCURACY * u - np.expm1(-E_y)) + tiny
    E_s = units_sum(E_g) + gamma * units_sum(np.abs(g) + E_g) + n * tiny
    S = np.abs(s) + E_s
    return E_g + E_p * S + p * E_s + 3 * u * (np.abs(g) + E_g + (p + E_p) * S) + 2 * tiny


def _softmax_pulled_back(y: Any, g: Any) -> Any:
    return y * (g - units_sum(y * g))


def _softmax_farther(reach: Any, farthest: Any) -> Any:
    return reach * farthest / 2


SOFTMAX = ActivationRule(softmax, softmax_spread, _softmax_farther, _softmax_pulled_back, softmax_vjp_error)
# Softmax of -z: its vjp has the other sign, its errors are the same.
SOFTMIN = ActivationRule(
    lambda z: softmax(-z),
    softmax_spread,
    _softmax_farther,
    lambda y, g: -_softmax_pulled_back(y, g),
    softmax_vjp_error,
)
LOG_SOFTMAX = ActivationRule(
    log_softmax,
    log_softmax_spread,
    lambda _reach, farthest: farthest,
    lambda y, g: g - np.exp(y) * units_sum(g),
    log_softmax_vjp_error,
)
