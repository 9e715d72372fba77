"""One line for each activation in ball arithmetic: its definition, as the textbook has it.

The argument is a power series over FLINT's balls (`arb_series`), so a value carries its derivative and none
is written down; of functions that mix units, it is a number that remembers where it came from (`ball_tape`).
Nothing here cancels or overflows visibly: whoever calls sets the precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .ball_branches import split

Series = Any


def _softmax(column: Sequence[Series]) -> list[Series]:
    e = [z.exp() for z in column]
    total = sum(e)
    return [x / total for x in e]


def _softmin(column: Sequence[Series]) -> list[Series]:
    return _softmax([-z for z in column])


def _log_softmax(column: Sequence[Series]) -> list[Series]:
    log_sum = sum(z.exp() for z in column).log()
    return [z - log_sum for z in column]


def _of(z: Series, number: int) -> Series:
    """The integer as a constant of the kind of z, to take roots of."""
    return 0 * z + number


def _itself(z: Series) -> Series:
    return z


def _square(z: Series) -> Series:
    return z * z


def _elu(z: Series, alpha: Any = 1.0) -> Series:
    return split(z, 0, _itself, lambda z: alpha * (z.exp() - 1))


def _selu(z: Series) -> Series:
    """With the constants of the paper, to 32 digits."""
    scale = _of(z, 10507009873554804934193349852946) / 10**31
    alpha = _of(z, 16732632423543772848170429916717) / 10**31
    return scale * _elu(z, alpha)


def _tanh(z: Series) -> Series:
    return 1 - 2 / ((2 * z).exp() + 1)


def _gelu_tanh(z: Series) -> Series:
    pi = 4 * _of(z, 1).atan()
    return z / 2 * (1 + _tanh((2 / pi).sqrt() * (z + z * z * z * 44715 / 10**6)))


def _clipped(z: Series, min_val: Any, max_val: Any) -> Series:
    """The point of an interval that is nearest to z."""
    return split(
        z,
        min_val,
        lambda z: split(z, max_val, lambda z: 0 * z + max_val, _itself),
        lambda z: 0 * z + min_val,
    )


def _shrunk(z: Series, lambd: float, offset: float) -> Series:
    """0 for |z| ≤ λ, else z moved towards 0 by the offset."""
    return split(
        z, lambd, lambda z: z - offset, lambda z: split(-z, lambd, lambda w: offset - w, lambda w: 0 * w)
    )


# Name → σ(z, **parameters) of one number.
ELEMENTWISE: Mapping[str, Callable[..., Series]] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + (-z).exp()),
    "tanh": _tanh,
    "relu": lambda z: split(z, 0, _itself, lambda z: 0 * z),
    "leaky_relu": lambda z, negative_slope: split(z, 0, _itself, lambda z: negative_slope * z),
    "softplus": lambda z, beta: (1 + (beta * z).exp()).log() / beta,
    "elu": _elu,
    "celu": lambda z, alpha: alpha * _elu(z / alpha),
    "selu": _selu,
    "gelu": lambda z: z / 2 * (1 + (z / _of(z, 2).sqrt()).erf()),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda z: z / (1 + (-z).exp()),
    "mish": lambda z: z * _tanh((1 + z.exp()).log()),
    "softsign": lambda z: split(z, 0, lambda z: z / (1 + z), lambda z: z / (1 - z)),
    "logsigmoid": lambda z: -(1 + (-z).exp()).log(),
    "tanhshrink": lambda z: z - _tanh(z),
    "squareplus": lambda z, b: (z + (z * z + b).sqrt()) / 2,
    "relu6": lambda z: _clipped(z, 0, 6),
    "hardtanh": _clipped,
    "hardsigmoid": lambda z: _clipped(z + 3, 0, 6) / 6,
    "hardswish": lambda z: z * _clipped(z + 3, 0, 6) / 6,
    "softshrink": lambda z, lambd: _shrunk(z, lambd, lambd),
    "hardshrink": lambda z, lambd: _shrunk(z, lambd, 0),
    "threshold": lambda z, threshold, value: split(z, threshold, _itself, lambda z: 0 * z + value),
    # Not by clipping z + 1 at 2: at z = 1 that has two slopes, of which sparse_plus has one.
    "sparse_plus": lambda z: split(
        z, 1, _itself, lambda z: split(z, -1, lambda z: _square(z + 1) / 4, lambda z: 0 * z)
    ),
    "sparse_sigmoid": lambda z: _clipped(z + 1, 0, 2) / 2,
}

# Name → σ(column, **parameters) of all units of one sample.
OF_COLUMNS: Mapping[str, Callable[..., list[Series]]] = {
    "softmax": _softmax,
    "softmin": _softmin,
    "log_softmax": _log_softmax,
}
