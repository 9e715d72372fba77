"""Activations, losses and elementary functions in mpmath, written down from their definitions.

This is what the tests of refimpl hold it against where a framework is not accurate enough. The formulas are
the textbook's, evaluated with thousands of bits, so that nothing in them overflows, cancels or rounds
visibly; their derivatives are differences with a step that is as small. A table entry without a line here
is still tested against torch.

A column is the list of one sample's numbers; a formula maps columns to a column.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

Number = Any
Column = list[Number]

# A step is 2^-100 of its number, so that what a difference quotient leaves out is 2^-200 of what it gives.
# The smallest subnormal is 2^-149 or 2^-1074; second differences at it keep a hundred bits.
_STEP = 100
_BITS = {"float32": 800, "float64": 2500}
# A function is accurate to this many units roundoff u: the design's limit between accuracy and deviation.
ACCURACY = 8


@contextmanager
def working(dtype: str) -> Iterator[None]:
    """The precision in which everything here is to be called, for numbers of `dtype`."""
    with mp.workprec(_BITS[dtype]):
        yield


def _log(x: Number) -> Number:
    return mp.ninf if x == 0 else mpmath.log(x)


def _times_log(factor: Number, x: Number) -> Number:
    """factor · log x, and 0 where the factor is: a class that does not occur costs nothing."""
    return mp.zero if factor == 0 else factor * _log(x)


def _sigmoid(z: Number) -> Number:
    return 1 / (1 + mpmath.exp(-z))


def _normal_distribution(z: Number) -> Number:
    """Φ(z), from ±1000 on as it is to all digits: mpmath's erfc takes no huge numbers."""
    if abs(z) > 1000:
        return mp.one if z > 0 else mp.zero
    return mpmath.erfc(-z / mpmath.sqrt(2)) / 2


def cross_entropy_of_logit(z: Number, y: Number) -> Number:
    """-y log σ(z) - (1 - y) log σ(-z)."""
    return y * mpmath.log(1 + mpmath.exp(-z)) + (1 - y) * mpmath.log(1 + mpmath.exp(z))


def _focal(z: Number, y: Number, alpha: float, gamma: float) -> Number:
    mistaken = 1 - (_sigmoid(z) * y + _sigmoid(-z) * (1 - y))
    return (alpha * y + (mp.one - alpha) * (1 - y)) * mistaken**gamma * cross_entropy_of_logit(z, y)


def _softmax(z: Column) -> Column:
    e = [mpmath.exp(entry) for entry in z]
    return [entry / mpmath.fsum(e) for entry in e]


def _each(function: Callable[..., Number]) -> Callable[..., Column]:
    """A function of numbers, applied in each place."""

    def of_columns(*columns: Column, **parameters: float) -> Column:
        return [function(*entries, **parameters) for entries in zip(*columns, strict=True)]

    return of_columns


# λ and α of selu.
_SELU = (mpmath.mpf(1.0507009873554804934), mpmath.mpf(1.6732632423543772848))

# Name → σ(z, **parameters).
ACTIVATIONS: Mapping[str, Callable[..., Column]] = {
    "identity": _each(lambda z: z),
    "sigmoid": _each(_sigmoid),
    "tanh": _each(mpmath.tanh),
    "relu": _each(lambda z: z if z > 0 else mp.zero),
    "leaky_relu": _each(lambda z, negative_slope: z if z > 0 else negative_slope * z),
    "softplus": _each(lambda z, beta: mpmath.log(1 + mpmath.exp(beta * z)) / beta),
    "softmax": _softmax,
    "elu": _each(lambda z, alpha: z if z > 0 else alpha * mpmath.expm1(z)),
    "celu": _each(lambda z, alpha: z if z > 0 else alpha * mpmath.expm1(z / alpha)),
    "selu": _each(lambda z: _SELU[0] * (z if z > 0 else _SELU[1] * mpmath.expm1(z))),
    "gelu": _each(lambda z: z * _normal_distribution(z)),
    "gelu_tanh": _each(
        lambda z: z * _sigmoid(mpmath.sqrt(8 / mp.pi) * (z + mpmath.fdiv(44715, 10**6) * z**3))
    ),
    "silu": _each(lambda z: z * _sigmoid(z)),
    "mish": _each(lambda z: z * mpmath.tanh(mpmath.log1p(mpmath.exp(z)))),
    "softsign": _each(lambda z: z / (1 + abs(z))),
    "logsigmoid": _each(lambda z: -mpmath.log1p(mpmath.exp(-z))),
    "tanhshrink": _each(lambda z: z - mpmath.tanh(z)),
    "squareplus": _each(lambda z, b: (z + mpmath.sqrt(z**2 + b)) / 2),
    "softmin": lambda z: _softmax([-entry for entry in z]),
    "log_softmax": lambda z: [entry - mpmath.log(mpmath.fsum(map(mpmath.exp, z))) for entry in z],
    "relu6": _each(lambda z: min(max(z, mp.zero), mpmath.mpf(6))),
    "hardtanh": _each(lambda z, min_val, max_val: min(max(z, mpmath.mpf(min_val)), mpmath.mpf(max_val))),
    "hardsigmoid": _each(lambda z: min(max(z + 3, mp.zero), mpmath.mpf(6)) / 6),
    "hardswish": _each(lambda z: z * min(max(z + 3, mp.zero), mpmath.mpf(6)) / 6),
    "softshrink": _each(lambda z, lambd: mpmath.sign(z) * max(abs(z) - lambd, mp.zero)),
    "hardshrink": _each(lambda z, lambd: z if abs(z) > lambd else mp.zero),
    "threshold": _each(lambda z, threshold, value: z if z > threshold else mpmath.mpf(value)),
    "sparse_plus": _each(lambda z: z if z > 1 else max(z + 1, mp.zero) ** 2 / 4),
    "sparse_sigmoid": _each(lambda z: min(max(z + 1, mp.zero), mpmath.mpf(2)) / 2),
}

# Name → terms(a, y, **parameters).
LOSSES: Mapping[str, Callable[..., Column]] = {
    "mse": _each(lambda a, y: (a - y) ** 2),
    "half_squared_error": _each(lambda a, y: (a - y) ** 2 / 2),
    "bce": _each(lambda a, y: -_times_log(y, a) - _times_log(1 - y, 1 - a)),
    "cross_entropy": _each(lambda a, y: -_times_log(y, a)),
    # -y log σ(z) - (1 - y) log σ(-z), where log σ(z) = z - log(1 + e^z) and log σ(-z) = -log(1 + e^z)
    "bce_with_logits": _each(lambda z, y: mpmath.log(1 + mpmath.exp(z)) - y * z),
    "l1": _each(lambda a, y: abs(y - a)),
    "huber": _each(
        lambda a, y, delta: (
            (a - y) ** 2 / 2 if abs(a - y) <= delta else delta * (abs(a - y) - mpmath.mpf(delta) / 2)
        )
    ),
    "smooth_l1": _each(
        lambda a, y, beta: (
            (a - y) ** 2 / (2 * beta) if abs(a - y) < beta else abs(a - y) - mpmath.mpf(beta) / 2
        )
    ),
    "log_cosh": _each(lambda a, y: mpmath.log(mpmath.cosh(y - a))),
    "poisson_nll": _each(lambda a, y: mpmath.exp(a) - y * a),
    "gaussian_nll": _each(lambda a, y: (a - y) ** 2 / 2),  # with the variance 1
    "nll": _each(lambda a, y: -y * a),
    "kl_div": _each(lambda a, y: _times_log(y, y) - y * a),
    "hinge": _each(lambda a, y: max(mp.zero, 1 - a * y)),
    "hinge_embedding": _each(lambda a, y, margin: a if y > 0 else max(mp.zero, margin - a)),
    "perceptron": _each(lambda a, y: max(mp.zero, -a * y)),
    "squared_hinge": _each(lambda a, y: max(mp.zero, 1 - y * a) ** 2),
    "soft_margin": _each(lambda a, y: mpmath.log(1 + mpmath.exp(-y * a))),
    "multilabel_soft_margin": _each(lambda z, y: mpmath.log(1 + mpmath.exp(z)) - y * z),
    "sigmoid_focal": _each(_focal),
    "cross_entropy_with_logits": lambda z, y: [
        -_times_log(label, p) for label, p in zip(y, _softmax(z), strict=True)
    ],
}

# Name → f(u) or f(u, v).
ELEMENTARY: Mapping[str, Callable[..., Number]] = {
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "exp": mpmath.exp,
    "expm1": lambda u: mpmath.exp(u) - 1,
    "log": mpmath.log,
    "log1p": lambda u: mpmath.log(1 + u),
    "sqrt": mpmath.sqrt,
    "square": lambda u: u**2,
    "cube": lambda u: u**3,
    "reciprocal": lambda u: 1 / u,
    "negate": operator.neg,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "sigmoid": _sigmoid,
    "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": lambda u, v: mpmath.exp(v * mpmath.log(u)),
    "logaddexp": lambda u, v: mpmath.log(mpmath.exp(u) + mpmath.exp(v)),
}


Function = Callable[..., Number]


def column(values: Any) -> Column:
    """The numbers of an array, exactly."""
    return [mpmath.mpf(float(value)) for value in np.ravel(values)]


def differentiated(function: Function, place: int) -> Function:
    """∂f/∂x of a function of numbers by its argument at `place`."""

    def derivative(*arguments: Number) -> Number:
        x = arguments[place]
        # At 0 there is no size to go by: a step whose square is beyond the smallest number.
        step = mpmath.ldexp(min(abs(x), mp.one), -_STEP) if x != 0 else mpmath.ldexp(1, -mp.prec // 3)
        before, after = list(arguments), list(arguments)
        before[place], after[place] = x - step, x + step
        return (function(*after) - function(*before)) / (2 * step)

    return derivative


def assert_accurate(
    function: Function, arguments: Sequence[Number], answer: Any, dtype: str, free: int | None = None
) -> None:
    """Assert that `answer` is what an accurate evaluation in `dtype` gives, if that has a finite value.

    It may be off by ACCURACY units of the value and of what that moves by when each argument (or each of the
    first `free`) moves by a unit of its own: it is then nearly the exact answer to nearly the given question.
    1 - tanh² near saturation, and log(1 + e^z) far below 0, are not. Subnormal numbers are off by a few of
    the smallest.
    """
    expected = function(*arguments)
    if not representable(expected, dtype):
        return
    info = np.finfo(dtype)
    error = abs(mpmath.mpf(float(answer)) - expected) - 4 * float(info.smallest_subnormal)
    unit = ACCURACY * float(info.eps) / 2
    if error <= unit * abs(expected):
        return
    moves = (x * differentiated(function, i)(*arguments) for i, x in enumerate(arguments[:free]) if x != 0)
    allowed = unit * (abs(expected) + sum(map(abs, moves)))
    assert error <= allowed, (
        f"at {[float(x) for x in arguments]}: {answer!r} is {mpmath.nstr(error / allowed, 3)} times as far "
        f"from {float(expected)} as an accurate evaluation in {dtype} may be"
    )


def representable(value: Number, dtype: Any) -> bool:
    """Whether the exact value is finite and rounds to a finite number of `dtype`, with a little to spare."""
    return bool(mpmath.isfinite(value)) and abs(value) < float(np.finfo(dtype).max) * (1 - 2.0**-20)


def entry_of(formula: Callable[..., Column], i: int, columns: int, **parameters: float) -> Function:
    """Entry i of a formula as a function of all numbers of its columns, one after the other."""

    def entry(*numbers: Number) -> Number:
        length = len(numbers) // columns
        parts = [list(numbers[k * length : (k + 1) * length]) for k in range(columns)]
        return formula(*parts, **parameters)[i]

    return entry


def activation(name: str, i: int = 0, **parameters: float) -> Function:
    """σ(z)_i as a function of all of z."""
    return entry_of(ACTIVATIONS[name], i, 1, **parameters)


def loss_term(name: str, i: int = 0, **parameters: float) -> Function:
    """Term i as a function of all of a, then all of y."""
    return entry_of(LOSSES[name], i, 2, **parameters)


def loss_sum(name: str, **parameters: float) -> Function:
    """The sum of a sample's terms as a function of all of a, then all of y."""
    return entry_of(lambda a, y, **p: [mpmath.fsum(LOSSES[name](a, y, **p))], 0, 2, **parameters)
