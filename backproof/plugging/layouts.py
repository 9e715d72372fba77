"""Cases in the layout that an implementation declares, and its answers back in ours.

Only transposes and reshapes, and doubling where 1/2 is declared: all of it exact. What does not fit is a
fault, told in the layout that the user thinks in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from backproof.errors import UsageError
from refimpl import DTYPES, QUANTITIES, Case, Trace, quantity_shape

from .declaration import Declaration
from .wording import shown

_DEEPEST = 3  # lists within lists: no quantity has more than two axes
_BIASES = {"column": "biases are a column", "row": "biases are a row", "flat": "biases are flat"}
_OF_WEIGHTS = ("dW", "W_updated")
_OF_BIASES = ("db", "b_updated")
_NO_GRADIENTS = ("Z", "A", "W_updated", "b_updated")


def in_layout(case: Case, declaration: Declaration) -> dict[str, Any]:
    """What user code gets of a case: names, numbers and lists, and new arrays in the declared layout.

    Class indices are int64, everything else has the case's dtype. Where the gradients are declared to have
    1/2 in front, the learning rate is twice the case's: then W - (2η)(dW/2) is the update of the case.
    Raises UsageError if labels are declared to be indices and the targets are no classes.
    """
    loss, layers, rows = case.network.loss, case.network.layers, declaration.samples == "rows"
    half = declaration.gradient_scale is not None and declaration.gradient_scale.half
    return {
        "X": _turned(case.X, turn=rows),
        "Y": _indices(case) if declaration.labels == "indices" else _turned(case.Y, turn=rows),
        "W": [_turned(layer.W, turn=declaration.weights == "inputs x outputs") for layer in layers],
        "b": [np.array(layer.b.reshape(_bias_shape(layer.outputs, declaration.bias))) for layer in layers],
        "activations": [layer.activation.name for layer in layers],
        "activation_parameters": [dict(layer.activation.parameters) for layer in layers],
        "loss": loss.name,
        "reduction": loss.reduction,
        "loss_parameters": dict(loss.parameters),
        "loss_arrays": {name: _turned(array, turn=rows) for name, array in loss.arrays.items()},
        "learning_rate": case.learning_rate * (2 if half else 1),
        "dtype": case.dtype.name,
        "widths": list(case.network.widths),
        "depth": case.network.depth,
        "samples": case.samples,
    }


def part_in_layout(quantity: str, part: Any, declaration: Declaration) -> Any:
    """One array of a trace, such as Z[1], in the declared layout: a new array with the same numbers."""
    if quantity in _OF_BIASES:
        return np.array(part.reshape(_bias_shape(part.shape[0], declaration.bias)))
    return _turned(part, turn=_is_turned(declaration, quantity))


def trace_of(case: Case, declaration: Declaration, answer: Mapping[str, Any]) -> tuple[Trace, list[str]]:
    """An answer as a trace in our layout and scale, and what is wrong with it, one sentence a quantity.

    `answer` maps names of QUANTITIES to arrays, numbers and nested lists of numbers; None is not offered. A
    quantity with a fault is left out. Numbers of Python are numbers of the case's dtype; arrays are copied.
    Other keys are not looked at.
    """
    offered: dict[str, Any] = {}
    faults: list[str] = []
    for quantity in QUANTITIES:
        given = answer.get(quantity)
        if given is None:
            continue
        try:
            offered[quantity] = _quantity(case, declaration, quantity, given)
        except _FaultError as fault:
            faults.append(str(fault))
        except Exception as error:  # noqa: BLE001 - objects of somebody's own may raise anything when read
            faults.append(f"{quantity} cannot be read: {type(error).__name__}: {shown(str(error))}")
    return Trace(**offered), faults


class _FaultError(Exception):
    """What is wrong with a quantity: a sentence."""


def _quantity(case: Case, declaration: Declaration, quantity: str, given: Any) -> Any:
    if not QUANTITIES[quantity]:
        return _part(case, declaration, quantity, None, given)
    depth = case.network.depth
    if not isinstance(given, (list, tuple)):
        raise _FaultError(
            f"{quantity} is {_kind(given)}, expected a list of {depth}, one for each layer, layer 1 first"
        )
    if len(given) != depth:
        raise _FaultError(
            f"{quantity} has {len(given)} entries, expected {depth}, one for each layer, layer 1 first"
        )
    return tuple(_part(case, declaration, quantity, l, part) for l, part in enumerate(given, start=1))


def _part(case: Case, declaration: Declaration, quantity: str, layer: int | None, given: Any) -> Any:
    """One array, or the loss, in our layout and scale."""
    place = quantity if layer is None else f"{quantity}[{layer}]"
    if given is None:
        raise _FaultError(f"{place} is None, expected numbers")
    array = _numbers(given, place, case.dtype)
    ours = quantity_shape(case, quantity, layer)
    if quantity == "loss":
        if array.size != 1:
            raise _FaultError(f"loss has shape {array.shape}, expected a single number")
        scale, array = declaration.loss_scale, array.reshape(())[()]
    else:
        if array.shape != _declared_shape(declaration, quantity, ours):
            misfit = _misfit(declaration, quantity, ours, array.shape)
            raise _FaultError(f"{place} has shape {array.shape}, {misfit}")
        scale = declaration.gradient_scale
        array = array.T.copy() if _is_turned(declaration, quantity) else array.reshape(ours)
    if quantity in _NO_GRADIENTS or scale is None or not scale.half:
        return array
    with np.errstate(over="ignore"):  # doubling is exact, or overflows as the answer without 1/2 would
        return array * case.dtype.type(2)


def _declared_shape(declaration: Declaration, quantity: str, ours: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a quantity has in the declared layout."""
    if quantity in _OF_BIASES:
        return _bias_shape(ours[0], declaration.bias)
    return ours[::-1] if _is_turned(declaration, quantity) else ours


def _misfit(declaration: Declaration, quantity: str, ours: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What was expected in the place of that shape, and what to declare if it is another layout's."""
    expected = _declared_shape(declaration, quantity, ours)
    if quantity in _OF_BIASES:
        axes = _BIASES[declaration.bias]
        forms = [form for form in _BIASES if _bias_shape(ours[0], form) == shape]
        other = f'bias: "{forms[0]}"' if forms else ""
    else:
        turned = _is_turned(declaration, quantity)
        if quantity in _OF_WEIGHTS:
            key, names = "weights", ("outputs x inputs", "inputs x outputs")
            axes = names[turned]
        else:
            key, names = "samples", ("columns", "rows")
            axes = f"samples are {names[turned]}"
        other = f'{key}: "{names[not turned]}"' if shape == expected[::-1] else ""
    return f"expected {expected} ({axes})" + (f"; if it is always so, declare {other}" if other else "")


def _is_turned(declaration: Declaration, quantity: str) -> bool:
    """Whether the declared layout has this quantity transposed."""
    if quantity in _OF_BIASES:
        return False
    if quantity in _OF_WEIGHTS:
        return declaration.weights == "inputs x outputs"
    return declaration.samples == "rows"


def _bias_shape(units: int, form: str) -> tuple[int, ...]:
    return {"column": (units, 1), "row": (1, units), "flat": (units,)}[form]


def _turned(matrix: Any, *, turn: bool) -> Any:
    """A new matrix, transposed or not, whose rows are contiguous."""
    return np.array(matrix.T if turn else matrix, order="C")


def _indices(case: Case) -> Any:
    """The class of each sample, (m,)."""
    name, Y = case.network.loss.name, case.Y
    if not case.network.loss.entry.classes:
        raise UsageError(f"labels are declared to be indices, but loss {name} takes no classes")
    if not (np.isin(Y, (0, 1)).all() and (np.count_nonzero(Y, axis=0) == 1).all()):
        raise UsageError(
            "labels are declared to be indices, but the targets of this case are no one-hot columns; "
            "give another case, or declare other labels"
        )
    return np.argmax(Y, axis=0).astype(np.int64)


# ---------------------------------------------------------------- reading numbers


def _numbers(given: Any, place: str, dtype: np.dtype[Any]) -> Any:
    """A new array of the dtype; arrays must have it already, Python's numbers take it."""
    if isinstance(given, (np.ndarray, np.generic)):
        _check_dtype(given, place, dtype)
        return np.array(given, dtype, order="C", subok=False)
    leaves: list[Any] = []
    shape = _collect(given, place, dtype, leaves, depth=0)
    with np.errstate(over="ignore"):
        return np.array(leaves, dtype=np.float64).astype(dtype).reshape(shape)


def _check_dtype(array: Any, place: str, dtype: np.dtype[Any]) -> None:
    if array.dtype == dtype or array.dtype.newbyteorder("=") == dtype:
        return
    remedy = "compute in case.dtype"
    if array.dtype.name in DTYPES:
        remedy += f', or declare dtypes: ["{array.dtype.name}"]'
    elif array.dtype == object:
        remedy = "an array of objects holds no numbers: are its rows of one length?"
    raise _FaultError(f"{place} has dtype {array.dtype}, but the case is {dtype}; {remedy}")


def _collect(given: Any, place: str, dtype: np.dtype[Any], leaves: list[Any], depth: int) -> tuple[int, ...]:
    """Appends the numbers of nested lists to `leaves` and gives their shape."""
    if isinstance(given, (np.ndarray, np.generic)):
        _check_dtype(given, place, dtype)
        leaves.extend(given.ravel().tolist())
        return given.shape
    if type(given) in (int, float):
        leaves.append(given)
        return ()
    if not isinstance(given, (list, tuple)):
        inside = "has" if depth else "is"
        value = f"{shown(given)} inside" if depth else _kind(given)
        raise _FaultError(f"{place} {inside} {value}; give a NumPy array, or nested lists of floats")
    if depth == _DEEPEST:
        raise _FaultError(f"{place} has lists nested deeper than any quantity has axes")
    if _are_plain(given):
        leaves.extend(given)
        return (len(given),)
    shapes = [_collect(each, place, dtype, leaves, depth + 1) for each in given]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise _FaultError(f"{place} is ragged: entry {number} has shape {shape}, entry 0 has {shapes[0]}")
    return (len(given), *shapes[0])


def _are_plain(values: Iterable[Any]) -> bool:
    return {type(value) for value in values} <= {int, float}


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
