"""The error facts of each activation (E1, E2), one line each.

Scales take (z, value or derivative, parameters), turns take (parameters).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation_rules import LOG_SOFTMAX, SOFTMAX, SOFTMIN
from .error_facts import ACCURACY, ActivationFacts, exact, of_softplus, relative


def _softplus(z: Any, value: Any, p: Any) -> Any:
    # e^(βz) turns the rounding of βz into a relative error |βz| u where softplus is about e^(βz)/β.
    return np.abs(value) * (1 + np.maximum(-p["beta"] * z, 0) / 4)


def _softmax_value(z: Any, value: Any, _p: Any) -> Any:
    # e^(z - max) turns the rounding of z - max into a relative error; the sum over n units rounds n times.
    below = np.max(z, axis=-2, keepdims=True) - z
    mean_below = np.sum(np.abs(value) * np.nan_to_num(below), axis=-2, keepdims=True)
    return np.abs(value) * (1 + (z.shape[-2] + below + mean_below) / ACCURACY)


def _cancelled(x: Any) -> Any:
    # What is left of 1 + erf, 1 + tanh or 1 - tanh², about x or 4x, is off by roundings of 1, or by all of
    # itself once the function answers ±1. XLA's tanh does so from 20 on, the last. So 1, and from there as x.
    return np.minimum(1.0, 2.0**58 * x)


def _bounded(z: Any) -> Any:
    # Beyond ±800 every e^-|z| is 0 in float64; bounded, an infinite z does not multiply it to NaN.
    return np.clip(z, -800.0, 800.0)


def _times_z(z: Any, *_: Any) -> Any:
    return np.abs(_bounded(z))


def _twice_z(z: Any, *_: Any) -> Any:
    return 2 * np.abs(z)


def _times_z_cubed(z: Any, *_: Any) -> Any:
    # Autograd multiplies what is left of 1 - tanh² by z (1 + 3 · 0.045 z²); beyond 20 nothing is left.
    z = np.minimum(np.abs(z), 20.0)
    return z + z * z * z


def _shifted(by: float, kinks: tuple[float, ...]) -> Any:
    """The scale of the rounding of z + by."""
    return lambda z, _p: np.where(np.isin(z, kinks), 0.0, np.abs(z + by))


def _elu_slope(z: Any, slope: Any, p: Any) -> Any:
    # From the value, σ + α, which cancels; jax has e^z as (e^z - 1) + 1.
    return np.where(z > 0, np.abs(slope), p["alpha"])


def _density(z: Any) -> Any:
    z = _bounded(z)
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def _gelu(z: Any, value: Any, _p: Any) -> Any:
    return np.where(z > 0, np.abs(value), _times_z(z) * _cancelled(_density(z)))


def _gelu_slope(z: Any, _slope: Any, _p: Any) -> Any:
    # The rounding of z²/2 is a relative error of the density. Φ(z) is less than the density left of -1.
    # Left of 0 too Φ is off by roundings of 1, not of ½: torch's by 4.6 u at -0.02 in float32.
    density = _density(z)
    Phi = np.where(z > 0, 1.0, _cancelled(density))
    return Phi + _times_z(z) * density * (1 + np.square(_bounded(z)) / 8)


def _gelu_argument(z: Any) -> tuple[Any, Any, Any]:
    """2u, du/dz and e^(-2|u|) of gelu_tanh."""
    z = _bounded(z)
    square = z * z
    x = np.sqrt(8 / np.pi) * z * (1 + 0.044715 * square)
    return x, np.sqrt(2 / np.pi) * (1 + 0.134145 * square), np.exp(-np.abs(x))


def _gelu_tanh(z: Any, value: Any, _p: Any) -> Any:
    return np.where(z > 0, np.abs(value), _times_z(z) / 2 * _cancelled(_gelu_argument(z)[2]))


def _gelu_tanh_slope(z: Any, _slope: Any, _p: Any) -> Any:
    # ½(1 + tanh u) + ½ z u' (1 - tanh² u): both differences cancel, the second by twice tanh's error, and
    # u's own error moves them.
    x, slope, e = _gelu_argument(z)
    left = np.where(z > 0, 1.0, _cancelled(e) / 2)
    return left + _times_z(z) * slope * (_cancelled(e) + 2 * e * (1 + np.abs(x) / 4))


def _silu_slope(z: Any, _slope: Any, _p: Any) -> Any:
    # σ(1 + z(1 - σ)): left of 0 the sum cancels, right of it 1 - σ, which z multiplies.
    z = _bounded(z)
    e = np.exp(-np.abs(z))
    sigma = np.where(z > 0, 1.0, e) / (1 + e)
    return sigma * (1 + np.abs(z) * (1 - sigma) + np.where(z > 0, z * _cancelled(e) / 4, 0.0))


def _mish_slope(z: Any, _slope: Any, _p: Any) -> Any:
    # t + z σ(1 - t²) with t = tanh softplus, about 1 - 2 e^-2z right of 0: 1 - t² is off by twice t's error.
    # The slope of softplus is e^(z - softplus z), whose exponent rounds.
    z = _bounded(z)
    e = np.exp(-np.abs(z))
    right = 1 + 2 * z * _cancelled(e * e)
    return np.where(z > 0, right, e * (1 + np.abs(z)) * (1 + np.abs(z) / 4))


def _hardswish_slope(z: Any, slope: Any, _p: Any) -> Any:
    # min(max(z + 3, 0), 6)/6 + z/6 between the kinks.
    return np.where(np.abs(z) < 3, (3 + z) / 6 + np.abs(z) / 6, np.abs(slope))


def _squareplus(z: Any, value: Any, p: Any) -> Any:
    # z + √(z² + b) cancels left of 0.
    return np.where(z > 0, np.abs(value), np.hypot(z, np.sqrt(p["b"])) / 2)


def _squareplus_slope(z: Any, slope: Any, _p: Any) -> Any:
    return np.where(z > 0, np.abs(slope), 0.5)


def _log_softmax_value(z: Any, value: Any, _p: Any) -> Any:
    # (z - max) - log Σ, z - (max + log Σ) and z - log Σ e^z, whose terms and whose sum round.
    largest = np.max(z, axis=-2, keepdims=True)
    log_sum = np.log(np.sum(np.exp(z - largest), axis=-2, keepdims=True))
    rounded_by = z.shape[-2] + (largest - z) + 2 * log_sum + 2 * np.abs(largest)
    return np.abs(value) + rounded_by / ACCURACY


ACTIVATION_FACTS: dict[str, ActivationFacts] = {
    "identity": ActivationFacts(exact, exact),
    # a(1 - a) with a accurate: 1 - a is off by a's error. 1 - a² likewise, by twice a's error.
    "sigmoid": ActivationFacts(
        relative,
        lambda z, d, p: 1.25 / (1 + np.exp(-z)),
        lambda p: (0.0,),
        exponent=lambda z, p: np.abs(z),
        squared=True,
    ),
    # By exponentials it is off by roundings of 1.
    "tanh": ActivationFacts(
        relative,
        lambda z, d, p: np.abs(d) + 2 * (1 - d),
        lambda p: (0.0,),
        naive_value=lambda z, v, p: np.ones_like(v),
        exponent=_twice_z,
    ),
    "relu": ActivationFacts(exact, exact),
    "leaky_relu": ActivationFacts(relative, exact),
    "softplus": ActivationFacts(
        _softplus,
        lambda z, d, p: of_softplus(p["beta"] * z, d),
        naive_value=lambda z, v, p: np.ones_like(v) / p["beta"] + np.abs(v),
        exponent=lambda z, p: p["beta"] * z,
    ),
    "softmax": ActivationFacts(_softmax_value, rule=SOFTMAX),
    # e^z - 1 instead of expm1 is right but for cancelling near 0.
    "elu": ActivationFacts(
        relative, _elu_slope, lambda p: (0.0,), naive_value=_elu_slope, exponent=lambda z, p: z
    ),
    "celu": ActivationFacts(
        relative,
        lambda z, d, p: np.ones_like(d),
        lambda p: (0.0,),
        naive_value=_elu_slope,
        exponent=lambda z, p: z / p["alpha"],
    ),
    "selu": ActivationFacts(
        relative,
        lambda z, d, p: np.where(z > 0, d, 1.76),
        lambda p: (0.0,),
        naive_value=lambda z, v, p: np.where(z > 0, np.abs(v), 1.76),
        exponent=lambda z, p: z,
    ),
    # The minimum, and where the slope is least and greatest: for gelu ±√2.
    "gelu": ActivationFacts(
        _gelu, _gelu_slope, lambda p: (-0.7517915246935645, -(2**0.5), 2**0.5), underflow=_times_z
    ),
    "gelu_tanh": ActivationFacts(
        _gelu_tanh,
        _gelu_tanh_slope,
        lambda p: (-0.7524614220710163, -1.4185040087908284, 1.4185040087908284),
        underflow=_times_z_cubed,
    ),
    "silu": ActivationFacts(
        relative,
        _silu_slope,
        lambda p: (-1.2784645427610738, -2.3993572805154677, 2.3993572805154677),
        underflow=_times_z,
        exponent=lambda z, p: np.abs(z),
    ),
    "mish": ActivationFacts(
        relative,
        _mish_slope,
        lambda p: (-1.1924312145154952, -2.2563763963607931, 1.4905711794854285),
        underflow=_times_z,
        exponent=_twice_z,
    ),
    # By the quotient rule 1/(1 + |z|) - |z|/(1 + |z|)², which cancels far from 0; the square may underflow.
    "softsign": ActivationFacts(
        relative, lambda z, d, p: 1 / (1 + np.abs(z)), lambda p: (0.0,), underflow=lambda z, p: np.abs(z)
    ),
    "logsigmoid": ActivationFacts(
        relative,
        lambda z, d, p: of_softplus(z, d),
        naive_value=lambda z, v, p: np.ones_like(v) + np.abs(v),
        naive_derivative=lambda z, d, p: np.ones_like(d),  # 1 - σ(z)
        exponent=lambda z, p: np.abs(z),
    ),
    # z - tanh z and 1 - (1 - tanh² z) cancel near 0; tanh² is off by twice tanh's error.
    "tanhshrink": ActivationFacts(
        lambda z, v, p: np.abs(z), lambda z, d, p: 2 * np.ones_like(d), lambda p: (0.0,)
    ),
    "squareplus": ActivationFacts(_squareplus, _squareplus_slope, underflow=_twice_z),
    "softmin": ActivationFacts(lambda z, value, p: _softmax_value(-z, value, p), rule=SOFTMIN),
    "log_softmax": ActivationFacts(_log_softmax_value, rule=LOG_SOFTMAX),
    "relu6": ActivationFacts(exact, exact),
    "hardtanh": ActivationFacts(exact, exact),
    "hardsigmoid": ActivationFacts(relative, relative, argument=_shifted(3.0, (-3.0, 3.0))),
    "hardswish": ActivationFacts(
        relative, _hardswish_slope, lambda p: (-1.5,), argument=_shifted(3.0, (-3.0, 3.0))
    ),
    "softshrink": ActivationFacts(relative, exact),
    "hardshrink": ActivationFacts(exact, exact),
    "threshold": ActivationFacts(exact, exact),
    # The slope bends at ±1.
    "sparse_plus": ActivationFacts(relative, relative, lambda p: (-1.0, 1.0)),
    "sparse_sigmoid": ActivationFacts(relative, exact, argument=_shifted(1.0, (-1.0, 1.0))),
}
