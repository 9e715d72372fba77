"""One entry of a step worked out in numbers: 0.5·1 + (-0.25)·2 + 0.1 = 0.35.

The only arithmetic that is done here and not by the reference; a test holds each against the trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .equations import HADAMARD, Form
from .matrices import number
from .model import Expansion, Operand, Sign

MOST_TERMS = 6
_LOWERED = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉,")


def expanded(form: Form) -> Expansion | None:
    """An entry of the result worked out; None of what is no sum of few products, and of F1."""
    if form.summands is not None:
        return _mean(form)
    worker = _WORKERS.get(form.id)
    result = np.asarray(form.result.values)
    if worker is None or result.ndim != 2 or not np.all(np.isfinite(result)):
        return None
    row, column = _telling(result)
    worked = worker([np.asarray(operand.values) for operand in _operands(form)], form, row, column)
    if worked is None:
        return None
    said, value = worked
    return Expansion((row, column), f"{_name(form.result, row, column)} = {said}", float(value))


def _mean(form: Form) -> Expansion | None:
    """The loss of its terms."""
    assert form.summands is not None
    terms, divisor = np.ravel(form.summands[0]), form.summands[1]
    if len(terms) > MOST_TERMS or not np.all(np.isfinite(terms)):
        return None
    summed = " + ".join([number(terms[0]), *map(_factor, terms[1:])])
    said = f"({summed})/{divisor}" if len(terms) > 1 else f"{summed}/{divisor}"
    return Expansion((0, 0), f"L = {said}", float(np.sum(terms) / divisor))


def _operands(form: Form) -> list[Operand]:
    return [term for term in form.terms if isinstance(term, Operand)]


def _telling(result: Any) -> tuple[int, int]:
    """The first entry that is not 0, or the first."""
    places = np.argwhere(result)
    return (int(places[0][0]), int(places[0][1])) if len(places) else (0, 0)


def _name(result: Operand, row: int, column: int) -> str:
    indices = [row + 1, column + 1]
    if result.shape[1] == 1:
        indices = indices[:1]
    separator = "," if max(indices) > 9 else ""
    return result.symbol + separator.join(map(str, indices)).translate(_LOWERED)


def _factor(value: Any) -> str:
    """A number as a factor, or as a term after the first: in brackets if it has a sign."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


Worked = tuple[str, Any] | None


def _product(left: Any, right: Any, row: int, column: int, *more: Any) -> Worked:
    """Row times column, and more terms."""
    pairs = list(zip(left[row], right[:, column], strict=True))
    if len(pairs) > MOST_TERMS:
        return None
    terms = [f"{number(a) if not i else _factor(a)}·{_factor(b)}" for i, (a, b) in enumerate(pairs)]
    return " + ".join([*terms, *map(_factor, more)]), sum([a * b for a, b in pairs], np.sum(more))


def _pre_activation(values: list[Any], form: Form, row: int, column: int) -> Worked:
    del form
    W, A, b = values
    return _product(W, A, row, column, b[row, 0])


def _matrix_product(values: list[Any], form: Form, row: int, column: int) -> Worked:
    del form
    return _product(values[0], values[1], row, column)


def _error(values: list[Any], form: Form, row: int, column: int) -> Worked:
    """An elementwise product, or the Jacobian's of sample 1; no gradient of a loss."""
    if isinstance(form.terms[0], Sign):
        return None
    left, right = values
    if HADAMARD not in form.terms:
        return _product(left, right, row, column) if column == 0 else None
    a, b = left[row, column], right[row, column]
    return f"{number(a)}·{_factor(b)}", a * b


def _sum(values: list[Any], form: Form, row: int, column: int) -> Worked:
    """The sum of a row, which is that of all columns."""
    del form, column
    terms = values[0][row]
    if not 1 < len(terms) <= MOST_TERMS:
        return None
    return " + ".join([number(terms[0]), *map(_factor, terms[1:])]), np.sum(terms)


def _update(values: list[Any], form: Form, row: int, column: int) -> Worked:
    del form
    old, rate, gradient = values[0][row, column], values[1], values[2][row, column]
    rate = old.dtype.type(rate)
    return f"{number(old)} - {number(rate)}·{_factor(gradient)}", old - rate * gradient


def _function(values: list[Any], form: Form, row: int, column: int) -> Worked:
    """σ of one number, whose value is the trace's; softmax by its definition."""
    opening = form.terms[0]
    assert isinstance(opening, Sign)
    if opening.text == "softmax(":
        return _softmax(values[0][:, column], row)
    if "a_i" in form.where[0]:  # another that mixes the units of a sample
        return None
    return f"{opening.text}{number(values[0][row, column])})", form.result.values[row, column]


def _softmax(column: Any, row: int) -> Worked:
    """e^z over the sum of them: with numbers as large as these here nothing overflows."""
    if len(column) > MOST_TERMS or np.max(np.abs(column)) > 20:
        return None
    powers = [f"e^{_factor(z)}" for z in column]
    terms = np.exp(column)
    return f"{powers[row]}/({' + '.join(powers)})", terms[row] / np.sum(terms)


_WORKERS = {
    "F2": _pre_activation,
    "F3": _function,
    "F4": _function,
    "B1": _matrix_product,
    "B1a": _matrix_product,
    "B3": _sum,
    "B4": _error,
    "B5": _error,
    "U1": _update,
    "U2": _update,
}
