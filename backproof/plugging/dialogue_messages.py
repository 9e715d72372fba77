"""The lines of a dialogue: what is written to a program, and what its answers mean, checked with care.

docs/dialogue.md and schema/dialogue-1.schema.json say the same to whoever writes the program. Numbers are
shortest decimals that read back to the same number; "nan", "inf" and "-inf" are strings; null is a fault.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from refimpl import QUANTITIES, InvalidCaseError
from refimpl.serialization import parse_json

from .links import Hello, Reply
from .printed import one_line

PROTOCOL_VERSION = 1
LONGEST_LINE = 64 * 2**20  # what parse_json reads
_HELLO_KEYS = ("name", "backproof", "declaration", "versions")
_NAMED = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_DEEPEST = 3


class GarbageError(ValueError):
    """A line is no answer to what was asked; the message is a clause whose subject is the program."""


# ---------------------------------------------------------------- writing


def hello_line() -> bytes:
    """The first message."""
    return _line({"do": "hello", "backproof": PROTOCOL_VERSION})


def run_line(number: int, fields: Mapping[str, Any]) -> bytes:
    """Asks to run the case with these fields of the view; `number` comes back in the answer."""
    return _line({"do": "run", "id": number, "case": written(fields)})


def stop_line() -> bytes:
    """The last message."""
    return _line({"do": "stop"})


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def written(value: Any) -> Any:
    """`value` as JSON values: arrays as nested lists, numbers that read back to the same number."""
    if isinstance(value, np.ndarray):
        if value.dtype == np.float32:
            return [written(each) for each in value] if value.ndim else written(value[()])
        numbers = value.tolist()
        return numbers if np.isfinite(value).all() else written(numbers)
    if isinstance(value, Mapping):
        return {str(key): written(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(each) for each in value]
    if isinstance(value, np.float32) and np.isfinite(value):
        short = float(str(value))  # as NumPy writes it, faster than it formats it
        # The shortest decimal of a float32 is read as a double first; rounding twice could miss it.
        return short if np.float32(short) == value else float(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isfinite(number):
            return number
        return "nan" if math.isnan(number) else ("inf" if number > 0 else "-inf")
    return int(value) if isinstance(value, np.integer) else value


# ---------------------------------------------------------------- reading


def _object(line: bytes) -> dict[str, Any]:
    """The object in a line; GarbageError says what else the line is."""
    shown = repr(one_line(line[:400].decode("utf-8", "replace"))[:60])
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise GarbageError(f"wrote a line that is not UTF-8: {shown}") from None
    try:
        value = parse_json(text)
    except InvalidCaseError as error:
        if text.lstrip().startswith("{"):
            why = str(error).replace("line 1, ", "").replace("; is the file complete?", "")
            raise GarbageError(f"wrote an answer that cannot be read: {why}") from None
        raise GarbageError(_log_line(shown)) from None
    if not isinstance(value, dict):
        if text.lstrip().startswith("["):
            raise GarbageError(f"answered {shown}, an array; an answer is one object, {{…}}")
        raise GarbageError(_log_line(shown))
    return value


def _log_line(shown: str) -> str:
    return (
        f"wrote the line {shown}, which is no answer: print only answers on standard output, "
        "and logs on standard error"
    )


def read_hello(line: bytes) -> Hello:
    """What the program says of itself. GarbageError if it is no hello of this version."""
    value = _object(line)
    unknown = _unknown(value, _HELLO_KEYS)
    if unknown:
        raise GarbageError(f"said hello with {unknown}")
    version = value.get("backproof")
    if isinstance(version, bool) or version != PROTOCOL_VERSION:
        said = "no version" if version is None else f"version {_shown(version)}"
        raise GarbageError(f'said hello with {said} of the protocol; say "backproof": {PROTOCOL_VERSION}')
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise GarbageError('said hello without a name; add "name": "…"')
    for key in ("declaration", "versions"):
        if not isinstance(value.get(key, {}), dict):
            raise GarbageError(f"said hello with a {key} that is no object but {_shown(value[key])}")
    versions = {one_line(key, 40): one_line(str(v), 40) for key, v in value.get("versions", {}).items()}
    return Hello(one_line(name, 80), value.get("declaration", {}), versions)


def read_reply(line: bytes, number: int, dtype: str) -> Reply:
    """The answer to case `number`, its arrays of `dtype`. GarbageError if the line answers something else.

    What is wrong in one quantity is a fault of the reply, and the others are kept.
    """
    value = _object(line)
    _check_number(value, number)
    if "error" in value:
        return Reply(None, (f"the program reports an error: {_shown(value['error'])}",))
    if "unsupported" in value:
        why, others = value["unsupported"], sorted(value.keys() - {"id", "unsupported"})
        if others:
            return Reply(
                None, (f"the answer has both 'unsupported' and {_shown(others[0])}: give one of them",)
            )
        if not isinstance(why, str) or not why.strip():
            return Reply(None, (f"'unsupported' must be a string that says why, not {_shown(why)}",))
        return Reply(None, (), one_line(why))
    unknown = _unknown(value, ("id", "unsupported", "error", *QUANTITIES))
    faults = [f"the answer has {unknown}"] if unknown else []
    values: dict[str, Any] = {}
    for name, per_layer in QUANTITIES.items():
        if name not in value:
            continue
        try:
            values[name] = _quantity(value[name], name, np.dtype(dtype), per_layer)
        except GarbageError as error:
            faults.append(str(error))
    if not values and not faults:
        faults.append(f"the answer holds nothing to judge; give some of {', '.join(QUANTITIES)}")
    return Reply(values or None, tuple(faults))


def _check_number(value: dict[str, Any], number: int) -> None:
    if "id" not in value:
        raise GarbageError(f'answered without an "id"; give that of the case, {number}')
    said = value["id"]
    if isinstance(said, bool) or not isinstance(said, int) or said != number:
        earlier = type(said) is int and 0 < said < number
        hint = "; each case is answered once, with its own id" if earlier else ""
        raise GarbageError(f"answered with id {_shown(said)} where case {number} was asked{hint}")


def _unknown(value: Mapping[str, Any], known: Iterable[str]) -> str:
    """What to say of the first unknown key; "" if there is none."""
    known = tuple(known)
    for key in value:
        if key in known:
            continue
        folded = {name.lower(): name for name in known}
        close = difflib.get_close_matches(key.lower(), folded, 1, 0.6)
        hint = f"did you mean {folded[close[0]]!r}?" if close else f"known: {', '.join(known)}"
        return f"the unknown key {key[:40]!r}; {hint}"
    return ""


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = one_line(text[:2000])[:200]
    return repr(text) if isinstance(value, str) and len(text) < 60 else text


def _quantity(value: Any, name: str, dtype: np.dtype[Any], per_layer: bool) -> Any:
    if not per_layer:
        return _array(value, name, dtype)[()]
    if not isinstance(value, list):
        raise GarbageError(
            f"{name} must be an array with one entry a layer, layer 1 first, not {_shown(value)}"
        )
    return [_array(each, f"{name}[{l}]", dtype) for l, each in enumerate(value)]


def _array(value: Any, place: str, dtype: np.dtype[Any]) -> Any:
    """An array of `dtype`; places count from 0, as in the program's own language."""
    numbers, shape = _numbers(value, place, 0)
    with np.errstate(over="ignore"):  # rounding a double to float32 may give infinity, as in any program
        return np.array(numbers, dtype=np.float64).reshape(shape).astype(dtype)


def _numbers(value: Any, place: str, depth: int) -> tuple[list[float], tuple[int, ...]]:
    if not isinstance(value, list):
        return [_number(value, place)], ()
    if depth == _DEEPEST:
        raise GarbageError(f"{place} nests deeper than any quantity")
    if all(type(each) is float for each in value) and all(map(math.isfinite, value)):
        return value, (len(value),)
    flat: list[float] = []
    first: tuple[int, ...] = ()
    for i, each in enumerate(value):
        numbers, shape = _numbers(each, f"{place}[{i}]", depth + 1)
        if i and shape != first:
            raise GarbageError(
                f"{place} is ragged: {place}[{i}] has shape {shape}, and {place}[0] has {first}"
            )
        first = shape
        flat += numbers
    return flat, (len(value), *first)


def _number(value: Any, place: str) -> float:
    if isinstance(value, str):
        if value in _NAMED:
            return _NAMED[value]
        raise GarbageError(
            f"{place} is the string {_shown(value)}; write numbers bare, "
            'and as strings only "nan", "inf" and "-inf"'
        )
    if value is None:
        raise GarbageError(f'{place} is null; write a number, or "nan" if it is none')
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise GarbageError(f"{place} is {_shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise GarbageError(f'{place} is a number beyond float64; write "inf" if it is infinite')
    return number
