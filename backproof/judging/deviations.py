"""Where a framework errs more than accuracy allows: declared, with evidence, as extra local error terms.

D1. A deviation adds its size to that oracle's own error of the function, inside its region, and is carried
    through the bounds like any other error. An answer is a "known deviation" only if it lies outside the
    bound without this term and inside with it, so a mistake in the same case is still caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Deviation:
    """An extra error of one oracle's function: `value` and `derivative` are exact minus answered.

    Both are 0 outside the region. For an activation they are called with (z, parameters), for a loss with
    (a, y, parameters). Where the difference is no formula, they are how large it may be (`size_only`).
    """

    id: str
    oracle: str
    function: str
    region: str
    size: str
    value: Callable[..., Any]
    derivative: Callable[..., Any]
    evidence: str
    reproduction: str
    versions: str
    size_only: bool = False


def _softplus_value(z: Any, p: Any) -> Any:
    x = p["beta"] * z
    return np.where(x > 20, np.log1p(np.exp(-np.abs(x))), 0.0) / p["beta"]


def _softplus_slope(z: Any, p: Any) -> Any:
    x = p["beta"] * z
    return np.where(x > 20, -1 / (1 + np.exp(np.abs(x))), 0.0)


def _bce_value(a: Any, y: Any, _p: Any) -> Any:
    low = np.where(y > 0, y * np.maximum(-np.log(a) - 100, 0), 0.0)
    high = np.where(y < 1, (1 - y) * np.maximum(-np.log1p(-a) - 100, 0), 0.0)
    return low + high


_TORCH_EPSILON = float(np.float32(1e-12))  # the constant is a float in torch's source, in both dtypes


def _bce_slope(a: Any, y: Any, _p: Any) -> Any:
    product = a * (1 - a)
    exact = np.where(y == 0, 1 / (1 - a), np.where(y == 1, -1 / a, (a - y) / product))
    return np.where(product < _TORCH_EPSILON, exact - (a - y) / _TORCH_EPSILON, 0.0)


def _jax_log1p_value(a: Any, y: Any, _p: Any) -> Any:
    return np.where((a > 0.28) & (a < 0.53), 260 * 2.0**-53 * (1 - y) * np.abs(np.log1p(-a)), 0.0)


def _celu_slope(z: Any, p: Any) -> Any:
    alpha = p["alpha"]
    single = float(np.float32(alpha))
    left = np.minimum(z, 0.0)
    return np.where(z > 0, 0.0, np.exp(left / alpha) - alpha / single * np.exp(left / single))


def _hardsigmoid_slope(z: Any, _p: Any) -> Any:
    return np.where(np.abs(z) < 3, 1 / 6 - float(np.float32(1 / 6)), 0.0)


def _nothing(a: Any, *_: Any) -> Any:
    return np.zeros_like(a)


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "torch-softplus-threshold",
        "torch",
        "softplus",
        "βz > 20",
        "value e^(-βz)/β, derivative e^(-βz): up to 2.1e-9",
        _softplus_value,
        _softplus_slope,
        "torch.nn.functional.softplus returns z itself where βz exceeds its argument threshold, 20.",
        "torch.nn.functional.softplus(torch.tensor(20.5, dtype=torch.float64)) - 20.5  # 0; exact 1.25e-9",
        "torch 2.4 to 2.13",
    ),
    Deviation(
        "torch-celu-alpha",
        "torch",
        "celu",
        "z ≤ 0 and α no number of float32",
        "derivative e^(z/α) - (α/α₃₂) e^(z/α₃₂), with α₃₂ = α rounded to float32: up to 6e-8 (1 + |z|/α)",
        _nothing,
        _celu_slope,
        "The backward pass of torch.nn.functional.celu divides by alpha.toFloat() "
        "(tools/autograd/derivatives.yaml), which rounds α to float32 in float64 too; the value is accurate.",
        "z = torch.tensor(-1e-9, dtype=torch.float64, requires_grad=True); "
        "torch.nn.functional.celu(z, 2 / 3).backward(); (z.grad - 1) * 1e8  # -3.1302; exact -0.15",
        "torch 2.13",
    ),
    Deviation(
        "torch-hardsigmoid-sixth",
        "torch",
        "hardsigmoid",
        "|z| < 3, float64",
        "derivative 1/6 - 1/6 rounded to float32: -5.0e-9",
        _nothing,
        _hardsigmoid_slope,
        "The backward pass of torch.nn.functional.hardsigmoid has the constant 1.0f / 6.0f in float64 too.",
        "z = torch.zeros((), dtype=torch.float64, requires_grad=True); "
        "torch.nn.functional.hardsigmoid(z).backward(); z.grad * 3 - 0.5  # 1.4901e-8; exact 0",
        "torch 2.13",
    ),
    Deviation(
        "torch-bce-clamp",
        "torch",
        "bce",
        "ŷ or 1 - ŷ below e^-100 (value), ŷ(1 - ŷ) < 1e-12 (derivative)",
        "value y(-log ŷ - 100), derivative |ŷ - y|(1/(ŷ(1 - ŷ)) - 1e12)",
        _bce_value,
        _bce_slope,
        "torch.nn.functional.binary_cross_entropy cuts its logarithms off at -100 and the denominator of "
        "its gradient at 1e-12, as its documentation and source say.",
        "p = torch.tensor(1e-14, dtype=torch.float64, requires_grad=True); "
        "torch.nn.functional.binary_cross_entropy(p, p.detach() * 0 + 1).backward(); p.grad  "
        "# -1e12; exact -1e14",
        "torch 2.4 to 2.13",
    ),
    Deviation(
        "jax-log1p",
        "jax",
        "bce",
        "0.28 < ŷ < 0.53, float64",
        "value (1 - y) |log(1 - ŷ)| · 260 u",
        _jax_log1p_value,
        _nothing,
        "log1p(-ŷ) errs by up to 129 ulp on the CPU around 1 - ŷ = 2 - √2, where XLA's two branches meet: "
        "https://github.com/jax-ml/jax/issues/39707",
        "(jax.numpy.log1p(-0.4141892) + 0.5347584084320597) * 1e14  # 1.432; exact 0",
        "jax 0.10.2",
        size_only=True,
    ),
)


def deviations_of(*oracles: str) -> tuple[Deviation, ...]:
    """The declared deviations of these oracles."""
    return tuple(d for d in DEVIATIONS if d.oracle in oracles)


def corrected(oracle: str, function: str, value: Any, slope: Any, *arguments: Any) -> tuple[Any, Any]:
    """An oracle's value and derivative with its declared deviations taken out.

    For the bounds only: they need the size of the exact values, not the expected values themselves.
    """
    for deviation in deviations_of(oracle):
        if deviation.function == function and not deviation.size_only:
            value = value + deviation.value(*arguments)
            slope = slope + deviation.derivative(*arguments)
    return value, slope
