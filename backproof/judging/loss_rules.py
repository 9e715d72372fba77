"""Bounds for losses whose terms depend on all outputs of a sample.

Arrays have shape (…, n, m): the outputs are axis -2. A rule gives the terms and their gradient before
reduction, with their errors where predictions are off by at most E.

V3. -Σ y_i log softmax(z)_i = Σ_i y_i (lse z - z_i): each bracket moves as log-softmax does (V4).
V5 to V7 stand at the functions. Proofs: docs/bounds-of-vector-functions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .activation_rules import log_softmax_spread, softmax, softmax_spread, units_sum
from .error_facts import ACCURACY

Arguments = Mapping[str, Any]
# (predictions, E, y, arguments, u, η₀) → (terms, E_terms, gradient, E_gradient)
LossRule = Callable[[Any, Any, Any, Arguments, Any, Any], tuple[Any, Any, Any, Any]]


def cross_entropy_with_logits(
    z: Any, E: Any, y: Any, arguments: Arguments, u: Any, tiny: Any
) -> tuple[Any, Any, Any, Any]:
    """V3. Families: log-sum-exp with the maximum subtracted; y·log_softmax; gradient softmax(z) Σy - y.

    Of a p_i above ½ the gradient may be p_i O_i(y) - y_i O_i(p), O being the sum of the others.
    Smoothed and weighted labels t = w (y (1 - ε) + ε/n) take the place of y, with an error of 5 u t; where
    nothing is smoothed and the weight is 1, t is y.
    """
    smoothing, weight = arguments["label_smoothing"], arguments["weight"]
    t = weight * (y * (1 - smoothing) + smoothing / y.shape[-2])
    E_t = 5 * u * t * ((weight != 1.0) | (smoothing != 0.0))
    return _of_labels(z, E, t, E_t, u, tiny, softmax_error(z, E, u, tiny))


def _of_labels(z: Any, E: Any, y: Any, E_y: Any, u: Any, tiny: Any, E_p: Any) -> tuple[Any, Any, Any, Any]:
    """V3 for the labels y, which are off by E_y; softmax of the predictions is off by E_p."""
    n, farthest = z.shape[-2], np.max(E, axis=-2, keepdims=True)
    shifted = z - np.max(z, axis=-2, keepdims=True)
    log_sum = np.log(units_sum(np.exp(shifted)))
    terms = np.where(y > 0, y * (log_sum - shifted), 0)
    moved = log_softmax_spread(shifted - log_sum, E)
    # The maximum may be added back before z is subtracted (lse z - z): an absolute error of u |z|.
    largest = np.max(np.abs(z), axis=-2, keepdims=True)
    scale = np.abs(log_sum) + np.abs(shifted) + largest + 5 * farthest + (n + 1) / ACCURACY
    E_terms = (y + E_y) * (moved + ACCURACY * u * scale) + E_y * (log_sum - shifted) + tiny
    p, total = softmax(z), units_sum(y)
    E_total = units_sum(E_y)
    size = (p + E_p) * (total + E_total)
    E_gradient = E_p * (total + E_total) + p * E_total + E_y
    E_gradient += ACCURACY * u * (size * (1 + n / ACCURACY) + y + E_y) + (n + 1) * tiny
    return terms, E_terms, p * total - y, E_gradient


def softmax_error(z: Any, E: Any, u: Any, tiny: Any) -> Any:
    """V3: how far softmax of predictions off by at most E, evaluated in floats, is off softmax(z)."""
    n, p = z.shape[-2], softmax(z)
    below, farthest = np.max(z, axis=-2, keepdims=True) - z, np.max(E, axis=-2, keepdims=True)
    # p = e^(log p) with log p = (z - max) - log Σ: both differences round, to |z - max| u and |log p| u.
    relative = 1 + (n + np.log(n) + 2 * below + 4 * farthest) / ACCURACY
    spread = softmax_spread(p, E)
    return spread + ACCURACY * u * (p + spread) * relative + tiny


def poly_loss(z: Any, E: Any, y: Any, arguments: Arguments, u: Any, tiny: Any) -> tuple[Any, Any, Any, Any]:
    """V5. Cross-entropy plus ε Σ y (1 - p); of that, the gradient is -ε p (y - s) with s = Σ y p."""
    n, epsilon = z.shape[-2], np.abs(arguments["epsilon"])
    p, E_p = softmax(z), softmax_error(z, E, u, tiny)
    terms, E_terms, gradient, E_gradient = _of_labels(z, E, y, 0.0 * E, u, tiny, E_p)
    missed = y * (1 - p)
    s, E_s = units_sum(y * p), units_sum(y * E_p) + (n + 2) * u * units_sum(y * (p + E_p))
    across = y + s + E_s
    E_terms = E_terms + epsilon * (y * E_p + 4 * u * y)
    E_across = E_p * (np.abs(y - s) + E_s) + p * E_s + 8 * u * (p + E_p) * across
    E_gradient = E_gradient + epsilon * (E_across + (n + 2) * tiny)
    return (
        terms + arguments["epsilon"] * missed,
        E_terms + 4 * u * (np.abs(terms) + epsilon * missed + E_terms),
        gradient - arguments["epsilon"] * p * (y - s),
        E_gradient + 4 * u * (np.abs(gradient) + epsilon * across * p + E_gradient),
    )


def multi_margin(
    a: Any, E: Any, y: Any, arguments: Arguments, u: Any, tiny: Any
) -> tuple[Any, Any, Any, Any]:
    """V6. The excess e_i = γ - a_k + a_i is off by E_i + E_k and two roundings of what it consists of.

    max(0, e) moves no more than e, and [e > 0] by 1 where 0 is reached.
    """
    p, margin = arguments["p"], arguments["margin"]
    right, E_right = units_sum(y * a), units_sum(y * E)
    weight = units_sum(arguments["weight"] * y)
    wrong = y != 1
    e = np.where(wrong, margin - right + a, 0.0)
    E_e = np.where(
        wrong, E + E_right + 3 * u * (margin + np.abs(right) + np.abs(a) + E + E_right) + tiny, 0.0
    )
    h, n = np.maximum(e, 0), a.shape[-2]
    reached = wrong & (np.abs(e) <= E_e)
    if p == 1:
        terms, E_terms = h, np.where((e > 0) | reached, E_e, 0)
        slope, E_slope = (e > 0) & wrong, np.where(reached, 1.0, 0.0)
    else:
        E_h = np.where((e > 0) | reached, E_e, 0)
        terms, E_terms = h * h, E_h * (2 * h + E_h)
        slope, E_slope = 2 * h, 2 * E_h
    sums = units_sum(slope + E_slope)
    gradient = weight * np.where(wrong, slope, -units_sum(slope * wrong))
    E_gradient = np.where(wrong, E_slope, units_sum(E_slope) + (n + 2) * u * sums)
    return (
        weight * terms,
        weight * (E_terms + 4 * u * (terms + E_terms) + tiny) + 2 * tiny,
        gradient,
        weight * (E_gradient + 4 * u * (np.abs(slope) + E_slope + (y == 1) * sums)) + 2 * (n + 1) * tiny,
    )


_SHORTEST = 2.0**-26
"""Lengths below this are where torch and optax put their own numbers in place of a cosine: not judged."""


def cosine_distance(
    a: Any, E: Any, y: Any, _arguments: Arguments, u: Any, tiny: Any
) -> tuple[Any, Any, Any, Any]:
    """V7. A direction d = a/|a| moves by r = |E|/(|a| - |E|), its entry i by (E_i + |d_i||E|)/(|a| - |E|).

    With t that of y and c = Σ d_i t_i: c moves by r, the gradient (c d_i - t_i)/|a| by
    (E_c |d_i| + (|c| + E_c) E_d,i)/(|a| - |E|) + |c d_i - t_i| r/|a|. Families: 1 - c through squares, roots
    and quotients, ½|d - t|², and sin²/(1 + c) with Σ_ij (d_i t_j - d_j t_i)² = 2 sin²; the gradient by
    autograd, or as (c d - t)/|a|, where c d - t may be Σ_j d_j (d_i t_j - d_j t_i): absolute errors of
    2n + 18 roundings of 1, and of (|d_i| + |t_i|)/|a|. Infinite where a vector may be as short as 2^-26.
    """
    n = a.shape[-2]
    length, moved = np.sqrt(units_sum(a * a)), np.sqrt(units_sum(E * E))
    target = np.sqrt(units_sum(y * y))
    rest = length - moved
    ill = (rest <= _SHORTEST) | (target <= _SHORTEST)
    d, t = a / length, y / target
    c = units_sum(d * t)
    rounding = (2 * n + 18) * u
    E_d = (E + np.abs(d) * moved) / rest
    E_c = moved / rest + rounding
    across = c * d - t
    E_across = E_c * np.abs(d) + (np.abs(c) + E_c) * E_d + 2 * rounding * (np.abs(d) + E_d + np.abs(t))
    E_gradient = E_across / rest + np.abs(across) * moved / (rest * length)
    return (
        1 - c,
        np.where(ill, np.inf, E_c + rounding),
        across / length,
        np.where(ill, np.inf, E_gradient + 4 * tiny * (1 + 1 / rest)),
    )
