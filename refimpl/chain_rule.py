"""The chain rule: C1 for y = f(u(x)), C2 for y = f(u(x), v(x)), and any nesting of the two.

An expression is built from the named functions of `elementary_functions.py` and the variable x;
`ChainRule` differentiates it. Everything is computed in the dtype of x, which is a number or an array of
points; the derivative at each point is its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .elementary_functions import (
    BINARY_FUNCTIONS,
    UNARY_FUNCTIONS,
    BinaryFunction,
    Domain,
    UnaryFunction,
    find_function,
)
from .functions import UnknownFunctionError
from .serialization import parse_json
from .specs import DTYPES, InvalidCaseError

COMPOSITION_FORMAT = "backproof-composition"
COMPOSITION_VERSION = 1
LARGEST_DEPTH = 64
LARGEST_SIZE = 4096


class InvalidExpressionError(InvalidCaseError):
    """Something that is not an expression, a point or a file of both; the message names it and the remedy."""


class OutsideDomainError(ValueError):
    """An argument for which a function is not defined or has no finite derivative."""


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Variable:
    """x, the one variable."""

    arguments: ClassVar[tuple[Expression, ...]] = ()
    depth: ClassVar[int] = 0
    size: ClassVar[int] = 1

    def latex(self) -> str:
        """The formula."""
        return "x"


@dataclass(frozen=True)
class Constant:
    """A finite number, rounded to the dtype of x when the expression is evaluated."""

    value: float
    arguments: ClassVar[tuple[Expression, ...]] = ()
    depth: ClassVar[int] = 0
    size: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _finite(self.value, "a constant"))

    def latex(self) -> str:
        """The formula."""
        return np.format_float_positional(self.value, trim="-")


@dataclass(frozen=True)
class Unary:
    """f(u), where u is an expression and f one of UNARY_FUNCTIONS."""

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
        """The formula."""
        return _filled(self)


@dataclass(frozen=True)
class Binary:
    """f(u, v), where u and v are expressions and f is one of BINARY_FUNCTIONS."""

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
        """The formula."""
        return _filled(self)


Expression = Variable | Constant | Unary | Binary


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


# ---------------------------------------------------------------- the chain rule


class ChainRule:
    """The value and the derivative of an expression, by C1 and C2.

    A subclass that overrides one of the first three methods is an implementation with one equation changed.
    """

    def chain(self, dy_du: Any, du_dx: Any) -> Any:
        """C1: y = f(u), u = g(x): dy/dx = dy/du · du/dx."""
        return dy_du * du_dx

    def two_variable_chain(self, dy_du: Any, du_dx: Any, dy_dv: Any, dv_dx: Any) -> Any:
        """C2: y = f(u(x), v(x)): dy/dx = ∂y/∂u · du/dx + ∂y/∂v · dv/dx."""
        return dy_du * du_dx + dy_dv * dv_dx

    def outer_derivative(self, function: UnaryFunction, u: Any, x: Any) -> Any:
        """The factor dy/du of C1: f' is taken at u = g(x), not at x."""
        del x
        return function.derivative(u)

    def value_and_derivative(self, expression: Expression, x: Any) -> tuple[Any, Any]:
        """(y, dy/dx) at x, a number or an array of float32 or float64; both have its shape and dtype.

        Raises OutsideDomainError where a function meets an argument outside its domain, and
        InvalidExpressionError for another dtype.
        """
        x = np.asarray(x)
        if x.dtype.name not in DTYPES:
            raise InvalidExpressionError(
                f"x has dtype {x.dtype}; use {' or '.join(DTYPES)}, e.g. np.float64(0.5)"
            )
        # What overflows is infinite. A function that meets it as an argument refuses it.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self._derive(expression, x[()])

    def _derive(self, expression: Expression, x: Any) -> tuple[Any, Any]:
        if isinstance(expression, Variable):
            return x, np.ones_like(x)[()]
        if isinstance(expression, Constant):
            return np.full_like(x, expression.value)[()], np.zeros_like(x)[()]
        if isinstance(expression, Unary):
            f = expression.function
            u, du_dx = self._derive(expression.argument, x)
            _check_domain(f.name, u, f.domain)
            return f.value(u), self.chain(self.outer_derivative(f, u, x), du_dx)
        g = expression.function
        u, du_dx = self._derive(expression.left, x)
        v, dv_dx = self._derive(expression.right, x)
        _check_domain(g.name, u, g.domains[0], "first argument")
        _check_domain(g.name, v, g.domains[1], "second argument")
        return g.value(u, v), self.two_variable_chain(g.by_first(u, v), du_dx, g.by_second(u, v), dv_dx)


def _check_domain(name: str, values: Any, domain: Domain, which: str = "argument") -> None:
    for value in np.ravel(values):
        if not any(interval.contains(value) for interval in domain):
            raise OutsideDomainError(
                f"{name}: {which} {value} lies outside {' and '.join(map(str, domain))}; "
                "choose an x for which it lies inside"
            )


def evaluate(
    expression: Expression, functions: Mapping[str, Callable[..., Any]], x: Any, constant: Any
) -> Any:
    """The expression with other functions of the same names, e.g. a framework's; `constant(c)` makes a c."""
    if isinstance(expression, Variable):
        return x
    if isinstance(expression, Constant):
        return constant(expression.value)
    arguments = (evaluate(argument, functions, x, constant) for argument in expression.arguments)
    return functions[expression.name](*arguments)


# ---------------------------------------------------------------- compositions as data


@dataclass(frozen=True)
class Composition:
    """An expression and a point x, a float32 or float64 number: what is differentiated, and where."""

    expression: Expression
    x: Any

    def __post_init__(self) -> None:
        if not isinstance(self.expression, Expression):
            raise InvalidExpressionError(f"{self.expression!r:.60} is not an expression")
        if not isinstance(self.x, (np.float32, np.float64)):
            raise InvalidExpressionError(
                f"x = {self.x!r:.60} is not a number of a known dtype; use np.float32(…) or np.float64(…)"
            )
        if not np.isfinite(self.x):
            raise InvalidExpressionError(f"x is {self.x}; it must be finite in {self.x.dtype}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """What everything is computed in."""
        dtype: np.dtype[Any] = self.x.dtype
        return dtype


def composition_to_json(composition: Composition) -> str:
    """One line of JSON that `composition_from_json` reads back without losing a bit.

    sin(2x) is written ["sin", ["multiply", 2.0, "x"]].
    """
    written = {
        "format": COMPOSITION_FORMAT,
        "version": COMPOSITION_VERSION,
        "dtype": composition.dtype.name,
        "x": float(composition.x),
        "expression": _written(composition.expression),
    }
    return json.dumps(written, allow_nan=False)


def _written(expression: Expression) -> Any:
    if isinstance(expression, Variable):
        return "x"
    if isinstance(expression, Constant):
        return expression.value
    return [expression.name, *map(_written, expression.arguments)]


def composition_from_json(text: str) -> Composition:
    """The composition in a JSON text; InvalidCaseError of one line for whatever else the text may be."""
    value = parse_json(text)
    keys = ("format", "version", "dtype", "x", "expression")
    if not isinstance(value, dict) or value.get("format") != COMPOSITION_FORMAT:
        raise InvalidExpressionError(
            f"the file is not a composition: 'format' must be {COMPOSITION_FORMAT!r}"
        )
    if set(value) != set(keys):
        raise InvalidExpressionError(f"a composition has the keys {', '.join(keys)}, each once and no other")
    if value["version"] is True or value["version"] != COMPOSITION_VERSION:
        raise InvalidExpressionError(
            f"the composition has version {value['version']!r:.40}; this reads version {COMPOSITION_VERSION}"
        )
    if value["dtype"] not in DTYPES:
        raise InvalidExpressionError(f"dtype {value['dtype']!r:.40} is unknown; use {' or '.join(DTYPES)}")
    with np.errstate(over="ignore"):  # refused by the composition
        x = np.dtype(value["dtype"]).type(_finite(value["x"], "x"))
    try:
        return Composition(_read(value["expression"], "expression"), x)
    except UnknownFunctionError as error:
        raise InvalidExpressionError(str(error)) from None


def _read(value: Any, place: str) -> Expression:
    if place.count("[") > LARGEST_DEPTH:
        raise InvalidExpressionError(f"the expression is more than {LARGEST_DEPTH} deep, which is the most")
    if value == "x":
        return Variable()
    if not isinstance(value, list):
        return Constant(_finite(value, place))
    if len(value) not in (2, 3):
        raise InvalidExpressionError(
            f"{place} has {len(value)} entries; write a function's name and its one or two arguments"
        )
    arguments = [_read(argument, f"{place}[{i}]") for i, argument in enumerate(value[1:], start=1)]
    return Unary(value[0], *arguments) if len(arguments) == 1 else Binary(value[0], *arguments)


def _finite(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
        raise InvalidExpressionError(f"{place} must be a number, not {value!r:.60}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidExpressionError(f"{place} must be a finite number, not {value!r:.60}")
    return number
