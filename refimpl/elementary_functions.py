"""The elementary functions that expressions are built of: one entry each, with its derivative in one line.

Appendix to `chain_rule.py`. The derivatives are those of any handbook (Abramowitz and Stegun, Handbook of
Mathematical Functions, 3.3 and 4), written so that nothing cancels that need not: a comment says where that
makes a difference.

Conventions: u, v and y are numbers or arrays of one shape and dtype; every function returns that dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .domains import POSITIVE, REALS, Interval
from .functions import UnknownFunctionError

# A union of intervals.
Domain = tuple[Interval, ...]
EVERYWHERE: Domain = (REALS,)
ABOVE_ZERO: Domain = (POSITIVE,)
NOT_ZERO: Domain = (Interval(-math.inf, 0.0, low_inside=False, high_inside=False), POSITIVE)


@dataclass(frozen=True)
class UnaryFunction:
    """y = f(u). In `latex`, #1 stands for u, and (#1) for u in parentheses where it needs them.

    >>> sqrt = UNARY_FUNCTIONS["sqrt"]
    >>> sqrt.value(np.float64(4.0)), sqrt.derivative(np.float64(4.0))  # √u and 1/(2√u)
    (np.float64(2.0), np.float64(0.25))
    >>> str(sqrt.domain[0])  # √0 is 0, but its slope is infinite
    '(0, inf)'
    """

    name: str
    latex: str
    value: Callable[[Any], Any]
    """f(u), any shape, in the dtype of u."""
    derivative: Callable[[Any], Any]
    """dy/du at u, likewise."""
    domain: Domain = EVERYWHERE
    """Where f is differentiable."""
    closed: bool = True
    """Whether the formula can be an operand of another without parentheses."""


@dataclass(frozen=True)
class BinaryFunction:
    """y = f(u, v). In `latex`, #1 and #2 stand for u and v, as for unary functions.

    >>> divide = BINARY_FUNCTIONS["divide"]
    >>> u, v = np.float64(3.0), np.float64(2.0)
    >>> divide.value(u, v), divide.by_first(u, v), divide.by_second(u, v)  # u/v, 1/v and -u/v²
    (np.float64(1.5), np.float64(0.5), np.float64(-0.75))
    """

    name: str
    latex: str
    value: Callable[[Any, Any], Any]
    by_first: Callable[[Any, Any], Any]
    """∂y/∂u at (u, v)."""
    by_second: Callable[[Any, Any], Any]
    """∂y/∂v at (u, v)."""
    domains: tuple[Domain, Domain] = (EVERYWHERE, EVERYWHERE)
    """Where u and where v may lie."""
    closed: bool = True


_UNARY = (
    UnaryFunction("sin", r"\sin\left(#1\right)", np.sin, np.cos),
    UnaryFunction("cos", r"\cos\left(#1\right)", np.cos, lambda u: -np.sin(u)),
    UnaryFunction(
        "tan",
        r"\tan\left(#1\right)",
        np.tan,
        lambda u: 1 / np.square(np.cos(u)),
        # The branch around 0: the function has poles at its ends, and repeats beyond them.
        (Interval(-math.pi / 2, math.pi / 2, low_inside=False, high_inside=False),),
    ),
    UnaryFunction("exp", r"e^{#1}", np.exp, np.exp, closed=False),
    UnaryFunction("expm1", r"\operatorname{expm1}\left(#1\right)", np.expm1, np.exp),
    UnaryFunction("log", r"\log\left(#1\right)", np.log, lambda u: 1 / u, ABOVE_ZERO),
    UnaryFunction(
        "log1p",
        r"\log\left(1 + (#1)\right)",
        np.log1p,
        lambda u: 1 / (1 + u),
        (Interval(-1.0, math.inf, low_inside=False, high_inside=False),),
    ),
    UnaryFunction("sqrt", r"\sqrt{#1}", np.sqrt, lambda u: 1 / (2 * np.sqrt(u)), ABOVE_ZERO),
    UnaryFunction("square", r"(#1)^2", np.square, lambda u: 2 * u, closed=False),
    UnaryFunction("cube", r"(#1)^3", lambda u: u * u * u, lambda u: 3 * u * u, closed=False),
    UnaryFunction("reciprocal", r"\frac{1}{#1}", lambda u: 1 / u, lambda u: -1 / (u * u), NOT_ZERO),
    UnaryFunction("negate", r"-(#1)", np.negative, lambda u: -np.ones_like(u), closed=False),
    UnaryFunction("sinh", r"\sinh\left(#1\right)", np.sinh, np.cosh),
    UnaryFunction("cosh", r"\cosh\left(#1\right)", np.cosh, np.sinh),
    # 1 - tanh² u loses every digit once tanh u rounds to 1; 1/cosh² u, the same number, does not.
    UnaryFunction("tanh", r"\tanh\left(#1\right)", np.tanh, lambda u: 1 / np.square(np.cosh(u))),
    UnaryFunction(
        "sigmoid",
        r"\sigma\left(#1\right)",
        lambda u: 1 / (1 + np.exp(-u)),
        # σ(u)(1 - σ(u)) = 1/((1 + e^-u)(1 + e^u)), multiplied out: 1 - σ(u) would cancel for large u.
        lambda u: 1 / (2 + 2 * np.cosh(u)),
    ),
    UnaryFunction("arctan", r"\arctan\left(#1\right)", np.arctan, lambda u: 1 / (1 + u * u)),
    UnaryFunction(
        "arcsinh", r"\operatorname{arsinh}\left(#1\right)", np.arcsinh, lambda u: 1 / np.hypot(1, u)
    ),
)

_BINARY = (
    BinaryFunction(
        "add", "#1 + (#2)", np.add, lambda u, _: np.ones_like(u), lambda _, v: np.ones_like(v), closed=False
    ),
    BinaryFunction(
        "subtract",
        "#1 - (#2)",
        np.subtract,
        by_first=lambda u, _: np.ones_like(u),
        by_second=lambda _, v: -np.ones_like(v),
        closed=False,
    ),
    BinaryFunction("multiply", r"(#1) \cdot (#2)", np.multiply, lambda _, v: v, lambda u, _: u, closed=False),
    BinaryFunction(
        "divide",
        r"\frac{#1}{#2}",
        np.divide,
        by_first=lambda _, v: 1 / v,
        by_second=lambda u, v: -u / (v * v),
        domains=(EVERYWHERE, NOT_ZERO),
    ),
    BinaryFunction(
        "power",
        "(#1)^{#2}",
        np.power,
        by_first=lambda u, v: v * np.power(u, v - 1),
        by_second=lambda u, v: np.power(u, v) * np.log(u),
        domains=(ABOVE_ZERO, EVERYWHERE),
        closed=False,
    ),
    BinaryFunction(
        "logaddexp",
        r"\log\left(e^{#1} + e^{#2}\right)",
        np.logaddexp,
        # e^u/(e^u + e^v), divided by e^u: the quotient of two exponentials could be ∞/∞.
        by_first=lambda u, v: 1 / (1 + np.exp(v - u)),
        by_second=lambda u, v: 1 / (1 + np.exp(u - v)),
    ),
)

UNARY_FUNCTIONS: dict[str, UnaryFunction] = {function.name: function for function in _UNARY}
BINARY_FUNCTIONS: dict[str, BinaryFunction] = {function.name: function for function in _BINARY}

FunctionT = TypeVar("FunctionT")


def find_function(table: Mapping[str, FunctionT], kind: str, name: Any) -> FunctionT:
    """The entry called `name`. Raises UnknownFunctionError that lists the names there are.

    >>> find_function(UNARY_FUNCTIONS, "unary", "sin").derivative is np.cos
    True
    >>> find_function(BINARY_FUNCTIONS, "binary", "minus")
    Traceback (most recent call last):
        ...
    refimpl.functions.UnknownFunctionError: unknown binary function 'minus';
        known: add, divide, logaddexp, multiply, power, subtract
    """
    if not isinstance(name, str) or name not in table:
        raise UnknownFunctionError(f"unknown {kind} function {name!r:.60}; known: {', '.join(sorted(table))}")
    return table[name]
