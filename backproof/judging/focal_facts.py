"""The error facts of focal loss: scales, and turns that no formula gives.

ℓ = α_t L m^γ with L = -y log σ(z) - (1 - y) log σ(-z), m = 1 - p_t = (1 - y) σ(z) + y σ(-z); and q = m'/m.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Beyond ±_FAR no label that is a number has its least loss; beyond ±_FLAT ∂ℓ/∂z no longer moves visibly.
_FAR, _FLAT, _HALVINGS = 800.0, 50.0, 64


def _parts(z: Any, y: Any) -> tuple[Any, Any, Any, Any, Any]:
    """(σ(z), σ(-z), L, m, q)."""
    e = np.exp(-np.abs(z))
    right, left = np.where(z > 0, 1.0, e) / (1 + e), np.where(z > 0, e, 1.0) / (1 + e)
    loss = (1 - y) * np.maximum(z, 0) + y * np.maximum(-z, 0) + np.log1p(e)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        q = (1 - 2 * y) / (np.where(y < 1, (1 - y) / left, 0.0) + np.where(y > 0, y / right, 0.0))
    return right, left, loss, (1 - y) * right + y * left, q


def _balance(y: Any, p: Any) -> Any:
    return p["alpha"] * y + (1 - p["alpha"]) * (1 - y)


def _of_power(z: Any, y: Any, p: Any) -> Any:
    """By how much more than u m^γ errs relatively: as e^(γ log m), by roundings of γ log m."""
    # m itself underflows where its logarithm, about -|z| for a hard label, does not.
    log_m = np.minimum(-np.log(_parts(z, y)[3]), np.abs(z) + np.log(2))
    return 1 + p["gamma"] * (1 + log_m) / 2


def focal_value(z: Any, value: Any, y: Any, p: Any) -> Any:
    """|ℓ|, as far as m^γ is accurate relatively."""
    return np.abs(value) * _of_power(z, y, p)


def focal_slope(z: Any, _slope: Any, y: Any, p: Any) -> Any:
    """α_t m^γ ((1 - y) σ(z) - y σ(-z) + γ q L), where all three may cancel."""
    _, _, loss, m, q = _parts(z, y)
    parts = (m + p["gamma"] * np.abs(q) * loss) * (1 + np.abs(z) / 4)  # as slopes of softplus
    return _balance(y, p) * m ** p["gamma"] * parts * _of_power(z, y, p)


def focal_naive_value(z: Any, _value: Any, y: Any, p: Any) -> Any:
    """1 - p_t by a subtraction, as torchvision has it, errs by roundings of 1."""
    _, _, loss, m, _ = _parts(z, y)
    return _balance(y, p) * loss * (m ** p["gamma"] + p["gamma"] * (m + 2.0**-23) ** (p["gamma"] - 1))


def _slopes(z: Any, y: Any, gamma: float) -> tuple[Any, Any]:
    """∂ℓ/∂z and ∂²ℓ/∂z², each divided by α_t m^γ, so that they have their signs."""
    right, left, loss, _, q = _parts(z, y)
    of_loss = (1 - y) * right - y * left
    first = of_loss + gamma * loss * q
    second = gamma * q * first + right * left + gamma * of_loss * q + gamma * loss * q * (left - right - q)
    return first, second


def _bisected(low: Any, high: Any, below: Any) -> Any:
    """Where `below` turns from true to false between the two, point by point."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        left_of_it = below(middle)
        low, high = np.where(left_of_it, middle, low), np.where(left_of_it, high, middle)
    return low


def focal_turns(y: Any, p: Any) -> tuple[Any, Any]:
    """Where ℓ is least and where ∂ℓ/∂z is steepest: one of each, found by halving.

    Both lie on either side of 0, for labels below ½ the first left and the second right of it; other labels
    are their mirror images. Hard labels have no least loss, and the end of the range stands for it.
    """
    small = np.minimum(y, 1 - y)
    ends = np.zeros_like(small) + np.array([-_FAR, 0.0, _FLAT]).reshape(-1, *(1,) * np.ndim(small))
    least = _bisected(ends[0], ends[1], lambda z: _slopes(z, small, p["gamma"])[0] < 0)
    steepest = _bisected(ends[1], ends[2], lambda z: _slopes(z, small, p["gamma"])[1] > 0)
    side = np.where(y > 0.5, -1.0, 1.0)
    return side * least, side * steepest
