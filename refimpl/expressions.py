"""Expressions: functions of one variable x, as trees of named functions.

Appendix to `chain_rule.py`, which differentiates them. sin(2x) is the tree

    Unary("sin", Binary("multiply", Constant(2.0), Variable()))

A tree can be drawn at random, written to a file, turned into a formula and given to a framework to compute,
none of which a Python function can. The names are those of `elementary_functions.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .elementary_functions import (
    BINARY_FUNCTIONS,
    UNARY_FUNCTIONS,
    BinaryFunction,
    UnaryFunction,
    find_function,
)
from .specs import InvalidCaseError

LARGEST_DEPTH = 64
LARGEST_SIZE = 4096


class InvalidExpressionError(InvalidCaseError):
    """Something that is not an expression, a point or a file of both; the message names it and the remedy.

    >>> Unary("sin", 2.0)
    Traceback (most recent call last):
        ...
    refimpl.expressions.InvalidExpressionError: sin: 2.0 is not an expression; use Variable() or Constant(…)
    """


def finite(value: Any, place: str) -> float:
    """The number as a Python float; `place` is what an error calls it.

    Raises InvalidExpressionError for what is no number, NaN, infinite, or beyond every float.

    >>> finite(2, "a constant")
    2.0
    >>> finite(float("inf"), "a constant")
    Traceback (most recent call last):
        ...
    refimpl.expressions.InvalidExpressionError: a constant must be a finite number, not inf
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
        raise InvalidExpressionError(f"{place} must be a number, not {value!r:.60}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidExpressionError(f"{place} must be a finite number, not {value!r:.60}")
    return number


@dataclass(frozen=True)
class Variable:
    """x, the one variable: a leaf of the tree.

    >>> Variable().latex(), Variable().depth
    ('x', 0)
    """

    arguments: ClassVar[tuple[Expression, ...]] = ()
    depth: ClassVar[int] = 0
    size: ClassVar[int] = 1

    def latex(self) -> str:
        """The formula, x.

        >>> Variable().latex()
        'x'
        """
        return "x"


@dataclass(frozen=True)
class Constant:
    """A finite number, rounded to the dtype of x when the expression is evaluated: a leaf of the tree.

    Raises InvalidExpressionError for what is no finite number.

    >>> Constant(2)
    Constant(value=2.0)
    """

    value: float
    arguments: ClassVar[tuple[Expression, ...]] = ()
    depth: ClassVar[int] = 0
    size: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", finite(self.value, "a constant"))

    def latex(self) -> str:
        """The formula: the shortest decimal that reads back as the number.

        >>> Constant(0.5).latex(), Constant(2.0).latex()
        ('0.5', '2')
        """
        return np.format_float_positional(self.value, trim="-")


@dataclass(frozen=True)
class Unary:
    r"""f(u), where u is an expression and f one of UNARY_FUNCTIONS.

    Raises UnknownFunctionError for a name that is not there, and InvalidExpressionError where u is no
    expression, or the tree would be deeper than LARGEST_DEPTH or larger than LARGEST_SIZE.

    >>> y = Unary("sin", Unary("square", Variable()))  # sin x²
    >>> y.depth, y.size
    (2, 3)
    >>> y.function.latex, y.arguments
    ('\\sin\\left(#1\\right)', (Unary(name='square', argument=Variable()),))
    """

    name: str
    argument: Expression
    depth: int = field(init=False, repr=False, compare=False)
    """The longest chain of functions: 0 for x itself."""
    size: int = field(init=False, repr=False, compare=False)
    """How many functions, variables and constants there are."""

    def __post_init__(self) -> None:
        find_function(UNARY_FUNCTIONS, "unary", self.name)
        _measure(self)

    @property
    def function(self) -> UnaryFunction:
        """The table entry."""
        return UNARY_FUNCTIONS[self.name]

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """(u,)."""
        return (self.argument,)

    def latex(self) -> str:
        r"""The formula, with u in parentheses where f needs them.

        >>> Unary("square", Unary("sin", Variable())).latex()
        '\\sin\\left(x\\right)^2'
        >>> Unary("square", Unary("negate", Variable())).latex()
        '\\left(-x\\right)^2'
        """
        return _filled(self)


@dataclass(frozen=True)
class Binary:
    """f(u, v), where u and v are expressions and f is one of BINARY_FUNCTIONS.

    Raises UnknownFunctionError for a name that is not there, and InvalidExpressionError where u or v is no
    expression, or the tree would be deeper than LARGEST_DEPTH or larger than LARGEST_SIZE.

    >>> y = Binary("multiply", Constant(2.0), Variable())  # 2x
    >>> y.depth, y.size
    (1, 3)
    >>> y.function.name, y.arguments
    ('multiply', (Constant(value=2.0), Variable()))
    """

    name: str
    left: Expression
    right: Expression
    depth: int = field(init=False, repr=False, compare=False)
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        find_function(BINARY_FUNCTIONS, "binary", self.name)
        _measure(self)

    @property
    def function(self) -> BinaryFunction:
        """The table entry."""
        return BINARY_FUNCTIONS[self.name]

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """(u, v)."""
        return (self.left, self.right)

    def latex(self) -> str:
        r"""The formula, with u and v in parentheses where f needs them.

        >>> total = Binary("add", Constant(1.0), Variable())
        >>> Binary("divide", total, Variable()).latex()
        '\\frac{1 + x}{x}'
        >>> Binary("multiply", total, Variable()).latex()
        '\\left(1 + x\\right) \\cdot x'
        """
        return _filled(self)


Expression = Variable | Constant | Unary | Binary


# `depth` and `size` are found once, when a node is made: from the leaves up, so that none of it recurses.
def _measure(expression: Unary | Binary) -> None:
    for argument in expression.arguments:
        if not isinstance(argument, Expression):
            raise InvalidExpressionError(
                f"{expression.name}: {argument!r:.60} is not an expression; use Variable() or Constant(…)"
            )
    depth = 1 + max(argument.depth for argument in expression.arguments)
    size = 1 + sum(argument.size for argument in expression.arguments)
    for measure, most, what in ((depth, LARGEST_DEPTH, "deep"), (size, LARGEST_SIZE, "nodes large")):
        if measure > most:
            raise InvalidExpressionError(f"the expression is {measure} {what}; the most is {most}")
    object.__setattr__(expression, "depth", depth)
    object.__setattr__(expression, "size", size)


def _filled(expression: Unary | Binary) -> str:
    # Where a table's formula has "(#1)", an operand such as a sum keeps its parentheses; where it has "#1"
    # alone, as under a root, none are needed.
    formula = expression.function.latex
    for place, argument in zip(("#1", "#2"), expression.arguments, strict=False):
        formula = formula.replace(f"({place})", _operand(argument)).replace(place, argument.latex())
    return formula


def _operand(expression: Expression) -> str:
    formula = expression.latex()
    if isinstance(expression, Unary | Binary):
        closed = expression.function.closed
    else:
        closed = not formula.startswith("-")
    return formula if closed else rf"\left({formula}\right)"


def evaluate(
    expression: Expression, functions: Mapping[str, Callable[..., Any]], x: Any, constant: Any
) -> Any:
    """The expression with other functions of the same names, e.g. a framework's; `constant(c)` makes a c.

    The result is what those functions make of x: here an exact fraction, (1/3)².

    >>> from fractions import Fraction
    >>> functions = {"square": lambda u: u * u, "divide": lambda u, v: u / v}
    >>> y = Unary("square", Binary("divide", Variable(), Constant(3.0)))
    >>> evaluate(y, functions, Fraction(1), constant=Fraction)
    Fraction(1, 9)
    """
    if isinstance(expression, Variable):
        return x
    if isinstance(expression, Constant):
        return constant(expression.value)
    arguments = (evaluate(argument, functions, x, constant) for argument in expression.arguments)
    return functions[expression.name](*arguments)
