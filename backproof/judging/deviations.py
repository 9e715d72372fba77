"""Where a framework errs more than accuracy allows: declared, with evidence, as extra local error terms.

D1. A deviation adds its size to that oracle's own error of the function, inside its region, and is carried
    through the bounds like any other error. An answer is a "known deviation" only if it lies outside the
    bound without this term and inside with it, so a mistake in the same case is still caught. See
    docs/bounds.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refimpl import Case, Trace


@dataclass(frozen=True, eq=False)  # each is one of its kind, and hashed often
class Deviation:
    """An extra error of one oracle's function: `value` and `derivative` are exact minus answered.

    Both are 0 outside the region, but for those that overflow. For an activation they are called with
    (z, parameters), for a loss with (a, y, arguments). Where the difference is no formula, they are how large
    it may be (`size_only`).
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
    overflow: Callable[..., Any] | None = None
    """For a function that overflows on the way: of the same arguments, the logarithm of what does so. Where
    that exceeds the logarithm of the largest number of a dtype, the answer is infinite or NaN and has no
    distance from the exact one; `value` and `derivative` are then the exact ones themselves. Nothing is
    excused by it: the verdict on such an answer is "unstable".
    """


def _softplus_value(z: Any, p: Any) -> Any:
    x = p["beta"] * z
    return np.where(x > 20, np.log1p(np.exp(-np.abs(x))), 0.0) / p["beta"]


def _softplus_slope(z: Any, p: Any) -> Any:
    x = p["beta"] * z
    return np.where(x > 20, -1 / (1 + np.exp(np.abs(x))), 0.0)


def _bce_value(a: Any, y: Any, p: Any) -> Any:
    low = np.where(y > 0, y * np.maximum(-np.log(a) - 100, 0), 0.0)
    high = np.where(y < 1, (1 - y) * np.maximum(-np.log1p(-a) - 100, 0), 0.0)
    return p["weight"] * (low + high)


_TORCH_EPSILON = float(np.float32(1e-12))  # the constant is a float in torch's source, in both dtypes


def _bce_slope(a: Any, y: Any, p: Any) -> Any:
    product = a * (1 - a)
    exact = np.where(y == 0, 1 / (1 - a), np.where(y == 1, -1 / a, (a - y) / product))
    return p["weight"] * np.where(product < _TORCH_EPSILON, exact - (a - y) / _TORCH_EPSILON, 0.0)


def _jax_log1p_value(a: Any, y: Any, p: Any) -> Any:
    return p["weight"] * np.where(
        (a > 0.28) & (a < 0.53), 260 * 2.0**-53 * (1 - y) * np.abs(np.log1p(-a)), 0.0
    )


_LOG_LARGEST = float(np.log(np.finfo(np.float64).max))
_TORCH_VARIANCE = 1e-6


def _gaussian_value(a: Any, y: Any, p: Any) -> Any:
    v = p["variance"]
    of_variance = np.log(v) - np.log(_TORCH_VARIANCE)
    return np.where(v < _TORCH_VARIANCE, (of_variance + np.square(a - y) * _fewer(v)) / 2, 0.0)


def _gaussian_slope(a: Any, y: Any, p: Any) -> Any:
    v = p["variance"]
    return np.where(v < _TORCH_VARIANCE, (a - y) * _fewer(v), 0.0)


def _fewer(v: Any) -> Any:
    return 1 / v - 1 / _TORCH_VARIANCE


def _celu_slope(z: Any, p: Any) -> Any:
    alpha = p["alpha"]
    single = np.float64(np.float32(alpha))
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
    Deviation(
        "torch-gaussian-nll-clamp",
        "torch",
        "gaussian_nll",
        "variance v < 1e-6",
        "value ½(log(v/ε) + (ŷ - y)²(1/v - 1/ε)), derivative (ŷ - y)(1/v - 1/ε), with ε = 1e-6",
        _gaussian_value,
        _gaussian_slope,
        "torch.nn.functional.gaussian_nll_loss takes variances below its argument eps, 1e-6, for that.",
        "a = torch.ones(1, dtype=torch.float64); "
        "torch.nn.functional.gaussian_nll_loss(a, 0 * a, 1e-8 * a)  # 499993.09; exact 49999990.79",
        "torch 2.4 to 2.13",
    ),
    Deviation(
        "torch-soft-margin-overflow",
        "torch",
        "soft_margin",
        "-y ŷ > 88.7 in float32, > 709.7 in float64",
        "the value is infinite and the derivative NaN; exactly they are -y ŷ and -y",
        lambda a, y, p: -y * a,
        lambda a, y, p: -y,
        "torch.nn.functional.soft_margin_loss computes log(1 + exp(-y ŷ)) and z/(1 + z) with z = exp(-y ŷ): "
        "https://github.com/pytorch/pytorch/issues/77529",
        "torch.nn.functional.soft_margin_loss(torch.tensor(-100.0), torch.tensor(1.0))  # inf; exact 100.0",
        "torch 2.4 to 2.13",
        overflow=lambda a, y, p: -y * a,
    ),
)


def deviations_of(*oracles: str) -> tuple[Deviation, ...]:
    """The declared deviations of these oracles."""
    return tuple(d for d in DEVIATIONS if d.oracle in oracles)


def concerned(declared: tuple[Deviation, ...], case: Case) -> tuple[Deviation, ...]:
    """Those declared deviations that concern functions of this case."""
    used = {layer.activation.name for layer in case.network.layers} | {case.network.loss.name}
    return tuple(deviation for deviation in declared if deviation.function in used)


def ids(declared: tuple[Deviation, ...]) -> str:
    """Their ids in one text."""
    return ", ".join(deviation.id for deviation in declared)


def shown(declared: tuple[Deviation, ...], case: Case, trace: Trace) -> tuple[Deviation, ...]:
    """Those whose region is reached by the numbers of a full trace of the case."""
    assert trace.Z is not None
    assert trace.A is not None
    calls: dict[str, list[tuple[Any, ...]]] = {}
    for layer, Z in zip(case.network.layers, trace.Z, strict=True):
        calls.setdefault(layer.activation.name, []).append((np.float64(Z), layer.activation.parameters))
    loss = case.network.loss
    calls.setdefault(loss.name, []).append((np.float64(trace.A[-1]), np.float64(case.Y), loss.arguments))
    largest = float(np.log(np.finfo(case.dtype).max))
    return tuple(
        deviation
        for deviation in declared
        if any(reached(deviation, largest, *arguments) for arguments in calls.get(deviation.function, ()))
    )


def reached(deviation: Deviation, log_largest: float, *arguments: Any) -> bool:
    """Whether some of the arguments lie in its region, where exponentials overflow beyond `log_largest`."""
    with np.errstate(all="ignore"):
        if deviation.overflow is not None:
            return bool(np.any(deviation.overflow(*arguments) > log_largest))
        sizes = (deviation.value, deviation.derivative)
        return any(bool(np.any(size(*arguments) != 0)) for size in sizes)


def corrected(oracle: str, function: str, value: Any, slope: Any, *arguments: Any) -> tuple[Any, Any]:
    """An oracle's value and derivative with its declared deviations taken out.

    For the bounds only: they need the size of the exact values, not the expected values themselves.
    """
    for deviation in deviations_of(oracle):
        if deviation.function != function or deviation.size_only:
            continue
        if deviation.overflow is not None:
            overflown = deviation.overflow(*arguments) > _LOG_LARGEST
            value = np.where(overflown, deviation.value(*arguments), value)
            slope = np.where(overflown, deviation.derivative(*arguments), slope)
        else:
            value = value + deviation.value(*arguments)
            slope = slope + deviation.derivative(*arguments)
    return value, slope
