"""Compositions: an expression with the point at which it is differentiated, and both as JSON.

Appendix to `chain_rule.py`: a composition is to C1 and C2 what a `Case` is to the network's equations.
What is written is read back bit for bit; what is read is checked in full.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .expressions import (
    LARGEST_DEPTH,
    Binary,
    Constant,
    Expression,
    InvalidExpressionError,
    Unary,
    Variable,
    finite,
)
from .functions import UnknownFunctionError
from .serialization import parse_json
from .specs import DTYPES

COMPOSITION_FORMAT = "backproof-composition"
COMPOSITION_VERSION = 1


@dataclass(frozen=True)
class Composition:
    """An expression and a point x, a float32 or float64 number: what is differentiated, and where.

    Raises InvalidExpressionError for what is no expression, for an x that is not of these dtypes, such as a
    Python float, and for one that is not finite.

    >>> Composition(Variable(), np.float32(0.5)).dtype
    dtype('float32')
    >>> Composition(Variable(), 0.5)
    Traceback (most recent call last):
        ...
    refimpl.expressions.InvalidExpressionError: x = 0.5 is not a number of a known dtype;
        use np.float32(…) or np.float64(…)
    """

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

    A node is a list of its name and its arguments, x is "x", and a constant is a number.

    >>> sin_2x = Unary("sin", Binary("multiply", Constant(2.0), Variable()))
    >>> composition_to_json(Composition(sin_2x, np.float64(0.25)))
    '{"format": "backproof-composition", "version": 1, "dtype": "float64",
      "x": 0.25, "expression": ["sin", ["multiply", 2.0, "x"]]}'
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
    """The composition in a JSON text.

    Raises InvalidExpressionError, or the InvalidCaseError that it is a kind of, with a message of one line,
    for whatever else the text may be.

    >>> composition = Composition(Unary("sin", Variable()), np.float32(0.1))
    >>> composition_from_json(composition_to_json(composition)) == composition
    True
    >>> composition_from_json("[]")
    Traceback (most recent call last):
        ...
    refimpl.expressions.InvalidExpressionError: the file is not a composition:
        'format' must be 'backproof-composition'
    """
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
        x = np.dtype(value["dtype"]).type(finite(value["x"], "x"))
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
        return Constant(finite(value, place))
    if len(value) not in (2, 3):
        raise InvalidExpressionError(
            f"{place} has {len(value)} entries; write a function's name and its one or two arguments"
        )
    arguments = [_read(argument, f"{place}[{i}]") for i, argument in enumerate(value[1:], start=1)]
    return Unary(value[0], *arguments) if len(arguments) == 1 else Binary(value[0], *arguments)
