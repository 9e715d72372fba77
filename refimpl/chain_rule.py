"""The chain rule: C1 for y = f(u(x)), C2 for y = f(u(x), v(x)), and any nesting of the two.

The first file of the text; `network.py` comes next. All of backpropagation is these two equations: B5 is C1
through one activation, and B1a is C2 with as many terms as the next layer has units.

A function of x is given as an *expression*, a tree of named functions and numbers with x at its ends:
Unary("square", Binary("multiply", Constant(2.0), Variable())) is (2x)². `expressions.py` has the trees and
`elementary_functions.py` the functions, each with its derivative; both belong to the appendix. `ChainRule`
goes up the tree and finds the value and the derivative of each node from those below it. Backpropagation
multiplies the same factors in the other order, from the loss down: one pass then gives the derivative by
every weight, where going up takes a pass for each.

Conventions: x is a number or an array of points, float32 or float64, and the derivative at each point is its
own: nothing is summed. Everything has the shape and the dtype of x.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compositions import (
    COMPOSITION_FORMAT,
    COMPOSITION_VERSION,
    Composition,
    composition_from_json,
    composition_to_json,
)
from .elementary_functions import Domain, UnaryFunction
from .expressions import (
    LARGEST_DEPTH,
    LARGEST_SIZE,
    Binary,
    Constant,
    Expression,
    InvalidExpressionError,
    Unary,
    Variable,
    evaluate,
)
from .specs import DTYPES


class OutsideDomainError(ValueError):
    """An argument for which a function is not defined or has no finite derivative.

    >>> ChainRule().value_and_derivative(Unary("sqrt", Variable()), np.float64(0.0))  # 1/(2√0)
    Traceback (most recent call last):
        ...
    refimpl.chain_rule.OutsideDomainError: sqrt: argument 0.0 lies outside (0, inf);
        choose an x for which it lies inside
    """


class ChainRule:
    """The value and the derivative of an expression, by C1 and C2.

    A subclass that overrides one of the first three methods is an implementation with one equation changed.

    y = u² with u = 2x, at x = 3: u = 6 and du/dx = 2, so that y = 36 and dy/dx = 2u · 2 = 24.

    >>> y = Unary("square", Binary("multiply", Constant(2.0), Variable()))
    >>> ChainRule().value_and_derivative(y, np.float64(3.0))
    (np.float64(36.0), np.float64(24.0))
    """

    def chain(self, dy_du: Any, du_dx: Any) -> Any:
        """C1: y = f(u), u = g(x): dy/dx = dy/du · du/dx; numbers, or arrays of one shape.

        For y = u² with u = 2x at x = 3: dy/du = 2u = 12, du/dx = 2.

        >>> ChainRule().chain(dy_du=12.0, du_dx=2.0)
        24.0
        """
        return dy_du * du_dx

    def two_variable_chain(self, dy_du: Any, du_dx: Any, dy_dv: Any, dv_dx: Any) -> Any:
        """C2: y = f(u(x), v(x)): dy/dx = ∂y/∂u · du/dx + ∂y/∂v · dv/dx; numbers, or arrays of one shape.

        For y = u v with u = x² and v = x at x = 3: ∂y/∂u = v = 3, du/dx = 2x = 6, ∂y/∂v = u = 9, dv/dx = 1.
        Together that is x³, whose derivative is 3x² = 27. One path alone gives 18 or 9.

        >>> ChainRule().two_variable_chain(dy_du=3.0, du_dx=6.0, dy_dv=9.0, dv_dx=1.0)
        27.0
        """
        return dy_du * du_dx + dy_dv * dv_dx

    def outer_derivative(self, function: UnaryFunction, u: Any, x: Any) -> Any:
        """The factor dy/du of C1, of the shape of u: f' is taken at u = g(x), not at x.

        x is given so that the mistake can be written down: f'(x) in place of f'(u).

        >>> square = Unary("square", Variable()).function
        >>> ChainRule().outer_derivative(square, u=6.0, x=3.0)  # 2u; 2x would be 6
        12.0
        """
        del x  # as it should be
        return function.derivative(u)

    def value_and_derivative(self, expression: Expression, x: Any) -> tuple[Any, Any]:
        """(y, dy/dx) at x, a number or an array of float32 or float64; both have its shape and dtype.

        Raises OutsideDomainError where a function meets an argument outside its domain, and
        InvalidExpressionError for another dtype.

        >>> square = Unary("square", Variable())
        >>> y, dy_dx = ChainRule().value_and_derivative(square, np.array([1.0, 3.0]))
        >>> y, dy_dx
        (array([1., 9.]), array([2., 6.]))
        >>> ChainRule().value_and_derivative(Unary("log", Variable()), np.float64(-1.0))
        Traceback (most recent call last):
            ...
        refimpl.chain_rule.OutsideDomainError: log: argument -1.0 lies outside (0, inf);
            choose an x for which it lies inside
        >>> ChainRule().value_and_derivative(square, 3)
        Traceback (most recent call last):
            ...
        refimpl.expressions.InvalidExpressionError: x has dtype int64;
            use float32 or float64, e.g. np.float64(0.5)
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
        # The one place where the rule walks the tree. [()] makes a NumPy number of an array without axes.
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


# Whoever differentiates expressions writes and reads them too, and needs to know of one file only.
__all__ = [
    "COMPOSITION_FORMAT",
    "COMPOSITION_VERSION",
    "LARGEST_DEPTH",
    "LARGEST_SIZE",
    "Binary",
    "ChainRule",
    "Composition",
    "Constant",
    "Expression",
    "InvalidExpressionError",
    "OutsideDomainError",
    "Unary",
    "Variable",
    "composition_from_json",
    "composition_to_json",
    "evaluate",
]
