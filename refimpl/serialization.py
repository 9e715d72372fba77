"""Cases and traces as JSON, exactly: what is written is read back bit for bit.

Appendix to `network.py`. Numbers are shortest decimals that read back to the same number of the case's dtype
(by way of a double, which is how every JSON reader works); "nan", "inf" and "-inf" are strings, for JSON has
no such numbers. Reading validates everything: whatever the text holds, the result is a valid case or an
InvalidCaseError of one line.

>>> from refimpl import ActivationSpec, Case, Layer, LossSpec, Network
>>> layer = Layer(np.array([[0.1]]), np.array([[0.0]]), ActivationSpec("tanh"))
>>> case = Case(Network((layer,), LossSpec("mse")), np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]]))
>>> case_from_json(case_to_json(case)) == case
True
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .network import QUANTITIES, Case, Layer, Network, Trace
from .specs import DTYPES, ActivationSpec, InvalidCaseError, LossSpec

CASE_FORMAT = "backproof-case"
CASE_VERSION = 1
_LONGEST_TEXT = 64 * 2**20
_LARGEST_DEPTH = 64


# ---------------------------------------------------------------- writing


def _number(value: Any) -> float | str:
    """A JSON number that reads back to `value`, or one of the strings "nan", "inf", "-inf"."""
    if not np.isfinite(value):
        return "nan" if np.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, np.float32):
        short = float(np.format_float_scientific(value, unique=True))
        # The shortest decimal of a float32 is read as a double first; rounding twice could miss it.
        return short if np.float32(short) == value else float(value)
    return float(value)


def _matrix(array: Any) -> Any:
    array = np.asarray(array)
    if array.ndim == 0:
        return _number(array[()])
    return [_matrix(row) for row in array]


def _parameters(values: Mapping[str, float], scalar: type[np.floating]) -> dict[str, Any]:
    return {name: _number(scalar(value)) for name, value in values.items()}


def case_to_dict(case: Case) -> dict[str, Any]:
    """The case as JSON values; `case_from_dict` gives an equal case back.

    A matrix is a list of rows; b, which has one column, is a list of numbers.

    >>> layer = Layer(np.array([[1.0, 2.0]]), np.array([[0.5]]), ActivationSpec("tanh"))
    >>> case = Case(Network((layer,), LossSpec("mse")), np.array([[1.0], [0.0]]), np.array([[0.25]]))
    >>> written = case_to_dict(case)
    >>> written["X"], written["Y"]
    ([[1.0], [0.0]], [[0.25]])
    >>> written["network"]["layers"]
    [{'activation': 'tanh', 'parameters': {}, 'W': [[1.0, 2.0]], 'b': [0.5]}]
    """
    scalar = case.dtype.type
    loss = case.network.loss
    arrays = {name: _matrix(array) for name, array in loss.arrays.items()}
    return {
        "format": CASE_FORMAT,
        "version": CASE_VERSION,
        "dtype": case.dtype.name,
        "learning_rate": _number(scalar(case.learning_rate)),
        "network": {
            "layers": [
                {
                    "activation": layer.activation.name,
                    "parameters": _parameters(layer.activation.parameters, scalar),
                    "W": _matrix(layer.W),
                    "b": _matrix(layer.b[:, 0]),
                }
                for layer in case.network.layers
            ],
            "loss": {
                "name": loss.name,
                "reduction": loss.reduction,
                "parameters": _parameters(loss.parameters, scalar),
                **({"arrays": arrays} if arrays else {}),
            },
        },
        "X": _matrix(case.X),
        "Y": _matrix(case.Y),
    }


def case_to_json(case: Case) -> str:
    """The case as one line of JSON.

    >>> layer = Layer(np.array([[1.0]]), np.array([[0.5]]), ActivationSpec("tanh"))
    >>> case = Case(Network((layer,), LossSpec("mse")), np.array([[1.0]]), np.array([[0.25]]))
    >>> case_to_json(case)[:71]
    '{"format": "backproof-case", "version": 1, "dtype": "float64", "learnin'
    """
    return json.dumps(case_to_dict(case), allow_nan=False)


def trace_to_dict(trace: Trace) -> dict[str, Any]:
    """The parts of the trace that there are, as JSON values; those with one for each layer are lists of them.

    >>> trace_to_dict(Trace(loss=np.float64("nan"), db=(np.array([[1.0], [2.0]]),)))
    {'loss': 'nan', 'db': [[[1.0], [2.0]]]}
    """
    written: dict[str, Any] = {}
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(trace, quantity)
        if value is not None:
            written[quantity] = [_matrix(v) for v in value] if per_layer else _matrix(value)
    return written


# ---------------------------------------------------------------- reading


def _refuse_constant(text: str) -> Any:
    raise InvalidCaseError(f"{text} is not JSON; write it as a string")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        twice = next(key for key, _ in pairs if sum(other == key for other, _ in pairs) > 1)
        raise InvalidCaseError(f"key {twice[:40]!r} stands twice in one object; keep one of them")
    return keys


def parse_json(text: str) -> Any:
    """JSON values of `text`, where no key stands twice in an object.

    Raises InvalidCaseError that says where it is not JSON, nests too deep or is too long.

    >>> parse_json('{"W": [[1.0, 2.0]]}')
    {'W': [[1.0, 2.0]]}
    >>> parse_json('{"W": [[1.0, 2.0')
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: not valid JSON at line 1, column 17: Expecting ',' delimiter;
        is the file complete?
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidCaseError(f"the text has {len(text)} characters; the most is {_LONGEST_TEXT}")
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise InvalidCaseError(
            f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}; is the file complete?"
        ) from None
    except RecursionError:
        raise InvalidCaseError("the JSON nests too deep to be a case") from None
    except ValueError as error:
        if isinstance(error, InvalidCaseError):
            raise
        raise InvalidCaseError("the JSON holds a number with too many digits") from None


def _take(value: Any, place: str, keys: dict[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """`value` as an object that has exactly `keys`, each of its type."""
    if not isinstance(value, dict):
        raise InvalidCaseError(f"{place} must be an object, not {_kind(value)}")
    for key, expected in keys.items():
        if key not in value:
            raise InvalidCaseError(f"{place} lacks the key {key!r}")
        if not isinstance(value[key], expected) or isinstance(value[key], bool):
            raise InvalidCaseError(f"{place}.{key} has the wrong type: {_kind(value[key])}")
    for key in value:
        if key not in keys:
            raise InvalidCaseError(f"{place} has the unknown key {key!r:.40}; known: {', '.join(keys)}")
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _read_number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidCaseError(f"{place} must be a number, not {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidCaseError(f"{place} is too large for a float64")
    return number


def _read_matrix(value: Any, place: str, dtype: np.dtype[Any]) -> Any:
    if not isinstance(value, list) or not value:
        raise InvalidCaseError(f"{place} must be an array of rows, with at least one")
    rows = []
    for i, row in enumerate(value):
        if not isinstance(row, list) or len(row) != len(value[0] if isinstance(value[0], list) else ()):
            raise InvalidCaseError(f"{place}[{i}] must be a row as long as the first")
        rows.append([_read_number(entry, f"{place}[{i}, {j}]") for j, entry in enumerate(row)])
    with np.errstate(over="ignore"):  # what overflows is refused by the case, which names the place
        return np.array(rows, dtype=dtype)


def _read_parameters(value: dict[str, Any], place: str) -> dict[str, float]:
    return {name: _read_number(number, f"{place}.parameters[{name!r:.40}]") for name, number in value.items()}


def case_from_dict(value: Any) -> Case:
    """The case that `case_to_dict` wrote, or any other valid one.

    Raises InvalidCaseError otherwise, with the place of what is wrong.

    >>> layer = Layer(np.array([[1.0]]), np.array([[0.5]]), ActivationSpec("tanh"))
    >>> case = Case(Network((layer,), LossSpec("mse")), np.array([[1.0]]), np.array([[0.25]]))
    >>> written = case_to_dict(case)
    >>> case_from_dict(written) == case
    True
    >>> case_from_dict({**written, "X": [[1.0, 2.0]]})
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: X has 2 samples (columns) and Y has 1; they must be the same number
    """
    number = (int, float)
    if isinstance(value, dict) and value.get("format") != CASE_FORMAT:
        raise InvalidCaseError(
            f"the file is not a case: its 'format' is not {CASE_FORMAT!r}; "
            "give a case file or one that a report saved"
        )
    fields = _take(
        value,
        "case",
        {
            "format": str,
            "version": int,
            "dtype": str,
            "learning_rate": number,
            "network": dict,
            "X": list,
            "Y": list,
        },
    )
    if fields["version"] != CASE_VERSION:
        raise InvalidCaseError(
            f"the case has version {fields['version']!r:.40}; this backproof reads version {CASE_VERSION}"
        )
    if fields["dtype"] not in DTYPES:
        raise InvalidCaseError(f"dtype {fields['dtype'][:40]!r} is unknown; use {' or '.join(DTYPES)}")
    dtype = np.dtype(fields["dtype"])
    network = _take(fields["network"], "network", {"layers": list, "loss": dict})
    if len(network["layers"]) > _LARGEST_DEPTH:
        raise InvalidCaseError(
            f"the network has {len(network['layers'])} layers; the most is {_LARGEST_DEPTH}"
        )
    try:
        layers = tuple(
            _read_layer(layer, f"layer {l}", dtype) for l, layer in enumerate(network["layers"], 1)
        )
        return Case(
            Network(layers, _read_loss(network["loss"], dtype)),
            _read_matrix(fields["X"], "X", dtype),
            _read_matrix(fields["Y"], "Y", dtype),
            _read_number(fields["learning_rate"], "learning_rate"),
        )
    except ValueError as error:
        raise InvalidCaseError(str(error)) from None


def _read_layer(value: Any, place: str, dtype: np.dtype[Any]) -> Layer:
    layer = _take(value, place, {"activation": str, "parameters": dict, "W": list, "b": list})
    bias = [[_read_number(entry, f"{place}.b[{i}]")] for i, entry in enumerate(layer["b"])]
    parameters = _read_parameters(layer["parameters"], place)
    W = _read_matrix(layer["W"], f"{place}.W", dtype)
    try:
        activation = ActivationSpec(layer["activation"], parameters)
        with np.errstate(over="ignore"):  # refused by the layer, which names the place
            return Layer(W, np.array(bias, dtype=dtype).reshape(len(bias), 1), activation)
    except ValueError as error:
        raise InvalidCaseError(f"{place}: {error}") from None


def _read_loss(value: Any, dtype: np.dtype[Any]) -> LossSpec:
    keys: dict[str, Any] = {"name": str, "reduction": str, "parameters": dict}
    if isinstance(value, dict) and "arrays" in value:
        keys["arrays"] = dict
    loss = _take(value, "loss", keys)
    arrays = {
        name: _read_matrix(array, f"loss.arrays[{name!r:.40}]", dtype)
        for name, array in loss.get("arrays", {}).items()
    }
    return LossSpec(loss["name"], loss["reduction"], _read_parameters(loss["parameters"], "loss"), arrays)


def case_from_json(text: str) -> Case:
    """The case in a JSON text.

    Raises InvalidCaseError, with a message of one line, for whatever else the text may be.

    >>> case_from_json('{"format": "backproof-report"}')
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: the file is not a case: its 'format' is not 'backproof-case';
        give a case file or one that a report saved
    """
    return case_from_dict(parse_json(text))
