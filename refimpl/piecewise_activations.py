"""Activations made of pieces of polynomials, as PyTorch and JAX have them: clipped, shrunk, cut off.

Appendix to `activations.py`, with its conventions. A kink states the slopes on both sides of it and the one
that is taken at it.
"""

from __future__ import annotations

import numpy as np

from .domains import NON_NEGATIVE, POSITIVE, REALS, UNIT, Interval
from .functions import Activation, Kink, Parameter, Parameters, Units


def _between(Z: Units, min_val: float, max_val: float) -> Units:
    """[m < z < M]."""
    return ((min_val < Z) & (max_val > Z)).astype(Z.dtype)


def _clip_kinks(low: float, high: float, slope: float) -> tuple[Kink, Kink]:
    """Where a clipped line starts and stops to rise; flat at both ends."""
    return Kink(at=low, left=0.0, right=slope, chosen=0.0), Kink(at=high, left=slope, right=0.0, chosen=0.0)


def _relu6_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    del parameters
    return _clip_kinks(0.0, 6.0, 1.0)


def _hardtanh_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    return _clip_kinks(parameters["min_val"], parameters["max_val"], 1.0)


def _hardsigmoid(Z: Units) -> Units:
    return np.clip(Z + 3, 0, 6) / 6  # z/6 + ½ would cancel just above -3


def _hardsigmoid_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    del parameters
    return _clip_kinks(-3.0, 3.0, 1 / 6)


def _hardswish_derivative(Z: Units) -> Units:
    # z/3 + ½ cancels around its zero at -3/2, where 2z + 3 is exact.
    inner = (2 * np.clip(Z, -3, 3) + 3) / 6
    return np.where(Z <= -3, Z.dtype.type(0), np.where(Z >= 3, Z.dtype.type(1), inner))


def _hardswish_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    del parameters
    return Kink(at=-3.0, left=0.0, right=-0.5, chosen=0.0), Kink(at=3.0, left=1.5, right=1.0, chosen=1.0)


def _softshrink(Z: Units, lambd: float) -> Units:
    # z - λ, 0 or z + λ: what is left of z once the part of it within ±λ is taken off.
    return Z - np.clip(Z, -lambd, lambd)


def _beyond(Z: Units, lambd: float) -> Units:
    """[|z| > λ]."""
    return (np.abs(Z) > lambd).astype(Z.dtype)


def _softshrink_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    at = parameters["lambd"]
    return Kink(at=-at, left=1.0, right=0.0, chosen=0.0), Kink(at=at, left=0.0, right=1.0, chosen=0.0)


def _hardshrink_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    at = parameters["lambd"]
    return (
        Kink(at=-at, left=1.0, right=0.0, chosen=0.0, jump=(-at, 0.0)),
        Kink(at=at, left=0.0, right=1.0, chosen=0.0, jump=(0.0, at)),
    )


def _threshold(Z: Units, threshold: float, value: float) -> Units:
    return np.where(threshold < Z, Z, Z.dtype.type(value))


def _threshold_derivative(Z: Units, threshold: float, value: float) -> Units:
    del value
    return (threshold < Z).astype(Z.dtype)


def _threshold_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    at, value = parameters["threshold"], parameters["value"]
    return (Kink(at=at, left=0.0, right=1.0, chosen=0.0, jump=(value, at) if value != at else None),)


def _sparse_sigmoid(Z: Units) -> Units:
    return np.clip(Z + 1, 0, 2) / 2  # z/2 + ½ would cancel just above -1


def _sparse_plus(Z: Units) -> Units:
    # The parabola is asked only where it holds, since it overflows for large z.
    return np.where(Z >= 1, Z, np.square(np.clip(Z + 1, 0, 2)) / 4)


def _sparse_sigmoid_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    del parameters
    return _clip_kinks(-1.0, 1.0, 0.5)


# At λ = 0 both shrinkages are the identity but for a convention at 0, hence no such λ.
_LAMBD = Parameter("lambd", 0.5, POSITIVE, Interval(0.125, 1.0), "half the width of what becomes 0")

ENTRIES = (
    Activation(
        "relu6",
        r"\sigma(z) = \min(\max(z, 0), 6)",
        r"\sigma'(z) = [0 < z < 6]",
        value=lambda Z: np.clip(Z, 0, 6),
        derivative=lambda Z: _between(Z, 0.0, 6.0),
        range=Interval(0.0, 6.0),
        kinks=_relu6_kinks,
        aliases={"torch": "nn.functional.relu6", "jax": "nn.relu6"},
        conventions="The derivative at 0 and at 6 is 0 here, in torch and in jax.",
        source="Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10",
    ),
    Activation(
        "hardtanh",
        r"\sigma(z) = \min(\max(z, m), M)",
        r"\sigma'(z) = [m < z < M]",
        value=lambda Z, min_val, max_val: np.clip(Z, Z.dtype.type(min_val), Z.dtype.type(max_val)),
        derivative=_between,
        range=REALS,  # [m, M], but a range is declared for all parameters at once
        parameters=(
            Parameter("min_val", -1.0, REALS, Interval(-3.0, -0.5), "lower end m"),
            Parameter("max_val", 1.0, REALS, Interval(0.5, 3.0), "upper end M"),
        ),
        increasing=("min_val", "max_val"),
        kinks=_hardtanh_kinks,
        aliases={"torch": "nn.functional.hardtanh", "jax": "nn.hard_tanh"},
        conventions="The derivative at both ends is 0 here and in torch; jax's is 1, and its ends are ±1.",
        source="Collobert 2004, Large scale machine learning",
    ),
    Activation(
        "hardsigmoid",
        r"\sigma(z) = \tfrac{1}{6} \min(\max(z + 3, 0), 6)",
        r"\sigma'(z) = \tfrac{1}{6} [-3 < z < 3]",
        value=_hardsigmoid,
        derivative=lambda Z: _between(Z, -3.0, 3.0) / 6,
        range=UNIT,
        kinks=_hardsigmoid_kinks,
        aliases={"torch": "nn.functional.hardsigmoid", "jax": "nn.hard_sigmoid"},
        conventions="Keras 2 has slope 1/5 between ±5/2, BinaryConnect 1/2 between ±1. The derivative at ±3 "
        "is 0 here, in torch and in jax; in jax just below 3 too, where z + 3 rounds to 6.",
        source="Courbariaux, Bengio and David 2015, arXiv:1511.00363, with another slope",
    ),
    Activation(
        "hardswish",
        r"\sigma(z) = \tfrac{z}{6} \min(\max(z + 3, 0), 6)",
        r"\sigma'(z) = \begin{cases} 0 & z \le -3 \\ \tfrac{1}{6} (2z + 3) & -3 < z < 3 \\"
        r" 1 & z \ge 3 \end{cases}",
        value=lambda Z: Z * _hardsigmoid(Z),
        derivative=_hardswish_derivative,
        range=Interval(-0.375, np.inf, high_inside=False),
        kinks=_hardswish_kinks,
        aliases={"torch": "nn.functional.hardswish", "jax": "nn.hard_swish, nn.hard_silu"},
        conventions="The derivative is 0 at -3 and 1 at 3 here, in torch and in jax.",
        source="Howard et al. 2019, arXiv:1905.02244",
    ),
    Activation(
        "softshrink",
        r"\sigma(z) = \mathrm{sign}(z) \max(|z| - \lambda, 0)",
        r"\sigma'(z) = [|z| > \lambda]",
        value=_softshrink,
        derivative=_beyond,
        parameters=(_LAMBD,),
        kinks=_softshrink_kinks,
        aliases={"torch": "nn.functional.softshrink"},
        conventions="The derivative at ±λ is 0 here and in torch.",
        source="Donoho and Johnstone 1994, Ideal spatial adaptation by wavelet shrinkage",
    ),
    Activation(
        "hardshrink",
        r"\sigma(z) = z [|z| > \lambda]",
        r"\sigma'(z) = [|z| > \lambda]",
        value=lambda Z, lambd: np.where(np.abs(Z) > lambd, Z, Z.dtype.type(0)),
        derivative=_beyond,
        parameters=(_LAMBD,),
        kinks=_hardshrink_kinks,
        aliases={"torch": "nn.functional.hardshrink"},
        conventions="It jumps at ±λ; there value and derivative are 0 here and in torch.",
        source="Donoho and Johnstone 1994, Ideal spatial adaptation by wavelet shrinkage",
    ),
    Activation(
        "threshold",
        r"\sigma(z) = \begin{cases} z & z > \theta \\ v & z \le \theta \end{cases}",
        r"\sigma'(z) = [z > \theta]",
        value=_threshold,
        derivative=_threshold_derivative,
        range=REALS,  # its lower end is min(v, θ), and a range is declared for all parameters at once
        parameters=(
            Parameter("threshold", 0.0, REALS, Interval(-1.0, 1.0), "θ, up to which v is the value"),
            Parameter("value", 0.0, REALS, Interval(-2.0, 2.0), "v, the value up to θ"),
        ),
        kinks=_threshold_kinks,
        aliases={"torch": "nn.functional.threshold"},
        conventions="torch has no defaults; at θ the value is v and the derivative 0, here and in torch.",
    ),
    Activation(
        "sparse_plus",
        r"\sigma(z) = \begin{cases} 0 & z \le -1 \\ \tfrac{1}{4} (z + 1)^2 & -1 < z < 1 \\"
        r" z & z \ge 1 \end{cases}",
        r"\sigma'(z) = \tfrac{1}{2} \min(\max(z + 1, 0), 2)",
        value=_sparse_plus,
        derivative=_sparse_sigmoid,
        range=NON_NEGATIVE,
        aliases={"jax": "nn.sparse_plus"},
    ),
    Activation(
        "sparse_sigmoid",
        r"\sigma(z) = \tfrac{1}{2} \min(\max(z + 1, 0), 2)",
        r"\sigma'(z) = \tfrac{1}{2} [-1 < z < 1]",
        value=_sparse_sigmoid,
        derivative=lambda Z: _between(Z, -1.0, 1.0) / 2,
        range=UNIT,
        kinks=_sparse_sigmoid_kinks,
        aliases={"jax": "nn.sparse_sigmoid"},
        conventions="The derivative at ±1 is 0 here, 1/4 in jax, halfway between the slopes of both sides.",
        source="Blondel, Martins and Niculae 2020, arXiv:1901.02324",
    ),
)
