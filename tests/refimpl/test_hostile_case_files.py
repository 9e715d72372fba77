"""Whatever a file may hold: a valid case is read, anything else refused in one line, and nothing crashes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_samples import case

from refimpl import (
    DTYPES,
    InvalidCaseError,
    case_from_dict,
    case_from_json,
    case_to_dict,
    case_to_json,
    serialization,
)

# A file may hold what no signature allows: refimpl's own checks must refuse it, not those of the test run.
pytestmark = pytest.mark.usefixtures("without_type_checks")

IN_BOTH_DTYPES = pytest.mark.parametrize("dtype", DTYPES)

# ---------------------------------------------------------------- hostile texts

TEXT = case_to_json(case())


def refusal(text: str) -> str:
    """The message with which the text is refused: one line, that can be printed anywhere."""
    with pytest.raises(InvalidCaseError, match=r"\w") as error:
        case_from_json(text)
    message = str(error.value)
    assert len(message.splitlines()) == 1, message
    assert len(message) < 1000
    message.encode()  # no half of a surrogate pair
    return message


def changed(*path: str | int, to: Any) -> str:
    """The sample case with the value at `path` replaced."""
    value = case_to_dict(case())
    place = value
    for key in path[:-1]:
        place = place[key]  # type: ignore[call-overload]
    place[path[-1]] = to  # type: ignore[index]
    return json.dumps(value)


def test_a_text_cut_off_anywhere_is_refused() -> None:
    assert case_from_json(TEXT) == case()
    for length in range(len(TEXT)):
        message = refusal(TEXT[:length])
        assert message.startswith("not valid JSON at line 1, column ")
        assert message.endswith("; is the file complete?")


HUGE = "1" + "0" * 5000
LAYER = ("network", "layers", 0)

REFUSED: list[tuple[str, str]] = [
    # not JSON, or too much of it
    ("", r"not valid JSON at line 1, column 1: .+; is the file complete\?"),
    ('{"a": 1}\n{"b": 2}', r"not valid JSON at line 2, column 1: .+; is the file complete\?"),
    ("\ufeff" + TEXT, r"not valid JSON at line 1, column 1: .*BOM.*; is the file complete\?"),
    ("[" * 100_000, "the JSON nests too deep to be a case"),
    ('{"a":' * 100_000, "the JSON nests too deep to be a case"),
    (HUGE, "the JSON holds a number with too many digits"),
    (TEXT.replace("0.5", "NaN"), "NaN is not JSON; write it as a string"),
    (TEXT.replace("0.5", "Infinity"), "Infinity is not JSON; write it as a string"),
    (TEXT.replace("0.5", "-Infinity"), "-Infinity is not JSON; write it as a string"),
    (TEXT.replace('"X":', '"X": [], "X":'), "key 'X' stands twice in one object; keep one of them"),
    ('{"a": {"b\\n": 1, "b\\n": 1}}', r"key 'b\\n' stands twice in one object; keep one of them"),
    (f'{{"{"x" * 99}": 1, "{"x" * 99}": 2}}', "key 'x{40}' stands twice in one object; keep one of them"),
    # JSON, but no case
    ("null", "case must be an object, not null"),
    ("[]", "case must be an object, not an array"),
    ('"case"', "case must be an object, not a string"),
    ("1.5", "case must be an object, not float"),
    ("{}", "the file is not a case: its 'format' is not 'backproof-case'; give a case file or one that .*"),
    (changed("format", to="backproof-composition"), "the file is not a case: .*"),
    (changed("format", to=["backproof-case"]), "the file is not a case: .*"),
    (changed("version", to=2), "the case has version 2; this backproof reads version 1"),
    (changed("version", to=10**4000), "the case has version 10{39}; this backproof reads version 1"),
    (changed("version", to=True), "case.version has the wrong type: bool"),
    (changed("version", to="1"), "case.version has the wrong type: a string"),
    (changed("version", to=1.0), "case.version has the wrong type: float"),
    (changed("dtype", to="float16"), "dtype 'float16' is unknown; use float32 or float64"),
    (changed("dtype", to="x" * 99), "dtype 'x{40}' is unknown; use float32 or float64"),
    (changed("dtype", to="x\ny" * 9999), r"dtype 'x\\nyx\\ny.*' is unknown; use float32 or float64"),
    # keys
    ('{"format": "backproof-case"}', "case lacks the key 'version'"),
    (changed("momentum\n", to=0.9), r"case has the unknown key 'momentum\\n'; known: format, version, .*"),
    (changed("\ud800", to=0.9), r"case has the unknown key '\\ud800'; known: format, version, .*"),
    (changed("x" * 9999, to=0), "case has the unknown key 'x{39}; known: format, version, .*"),
    (changed(*LAYER, "a", to=0), "layer 1 has the unknown key 'a'; known: activation, parameters, W, b"),
    (
        changed("network", "loss", "a", to=0),
        "loss has the unknown key 'a'; known: name, reduction, parameters",
    ),
    # types
    (changed("network", to=[]), "case.network has the wrong type: an array"),
    (changed("network", "layers", to={}), "network.layers has the wrong type: an object"),
    (changed("network", "layers", 1, to="tanh"), "layer 2 must be an object, not a string"),
    (changed("learning_rate", to="0.5"), "case.learning_rate has the wrong type: a string"),
    (changed("learning_rate", to=True), "case.learning_rate has the wrong type: bool"),
    (changed("X", 1, 0, to="1.0"), r"X\[1, 0\] must be a number, not a string"),
    (changed("Y", 1, 0, to="1.0"), r"Y\[1, 0\] must be a number, not a string"),
    (changed("X", 1, 0, to=True), r"X\[1, 0\] must be a number, not bool"),
    (changed("X", 1, 0, to=[1.0]), r"X\[1, 0\] must be a number, not an array"),
    (changed(*LAYER, "b", 2, to=None), r"layer 1.b\[2\] must be a number, not null"),
    (changed(*LAYER, "b", 2, to=[0.0]), r"layer 1.b\[2\] must be a number, not an array"),
    (changed(*LAYER, "W", 0, 1, to={}), r"layer 1.W\[0, 1\] must be a number, not an object"),
    (
        changed(*LAYER, "parameters", "negative_slope", to="1"),
        r"layer 1.parameters\['negative_slope'\] must be a number, not a string",
    ),
    (changed(*LAYER, "parameters", "a\nb", to=""), r"layer 1.parameters\['a\\nb'\] must be a number, .*"),
    (
        changed("network", "loss", "parameters", "delta", to="1"),
        r"loss.parameters\['delta'\] must be a number, not a string",
    ),
    (
        changed("network", "loss", "arrays", to={"weight": [[1.0], [None]]}),
        r"loss.arrays\['weight'\]\[1, 0\] must be a number, not null",
    ),
    # shapes
    (changed("X", to=[]), "X must be an array of rows, with at least one"),
    (changed("X", to=[1.0, 2.0]), r"X\[0\] must be a row as long as the first"),
    (changed("X", to=[[1.0, 2.0], [3.0]]), r"X\[1\] must be a row as long as the first"),
    (changed("X", to=[[1.0, 2.0], 3.0]), r"X\[1\] must be a row as long as the first"),
    (
        changed("X", to=[[], []]),
        r"X has shape \(2, 0\); it must be a matrix with at least one row and column",
    ),
    (
        changed("X", to=[[1.0], [2.0]]),
        r"X has 1 samples \(columns\) and Y has 2; they must be the same number",
    ),
    (changed(*LAYER, "W", to=[]), "layer 1.W must be an array of rows, with at least one"),
    (changed(*LAYER, "b", to=[]), r"layer 1: b has shape \(0, 1\); it must be a matrix .*"),
    (changed(*LAYER, "b", to=[0.0]), r"layer 1: b has shape \(1, 1\); W has 3 rows, so b must be .*"),
    (changed("network", "layers", to=[]), "a network needs at least one layer"),
    (
        changed("network", "layers", to=case_to_dict(case())["network"]["layers"] * 33),
        "the network has 66 layers; the most is 64",
    ),
    # numbers
    (TEXT.replace("0.5", "1e400"), ".* is too large for a float64"),
    (changed("learning_rate", to=-(10**400)), "learning_rate is too large for a float64"),
    (changed("X", 0, 0, to=10**400), r"X\[0, 0\] is too large for a float64"),
    (
        changed("X", 0, 0, to=1e39).replace("float64", "float32"),
        r"X\[0, 0\] is inf; every entry must be finite in float32",
    ),
    (
        changed(*LAYER, "b", 1, to=-1e39).replace("float64", "float32"),
        r"layer 1: b\[1, 0\] is -inf; every entry must be finite in float32",
    ),
    (
        changed("learning_rate", to=1e39).replace("float64", "float32"),
        r"learning_rate 1e\+39 is not a finite number of float32",
    ),
    # functions
    (changed(*LAYER, "activation", to="ReLU"), "layer 1: unknown activation 'ReLU'; known: .*"),
    (changed(*LAYER, "activation", to="x\n" * 999), r"layer 1: unknown activation 'x\\nx\\n.*; known: .*"),
    (changed(*LAYER, "activation", to=1), "layer 1.activation has the wrong type: int"),
    (
        changed(*LAYER, "parameters", to={"beta": 1.0}),
        "layer 1: leaky_relu has no parameter 'beta'; it has .*",
    ),
    (
        changed(*LAYER, "parameters", "negative_slope", to=-1.0),
        r"layer 1: leaky_relu: negative_slope = -1.0 lies outside \[0, inf\)",
    ),
    (changed("network", "loss", "name", to="l2"), "unknown loss 'l2'; known: .*"),
    (changed("network", "loss", "name", to="bce"), "loss bce takes predictions in .*"),
    (changed("network", "loss", "reduction", to="none"), "unknown reduction 'none' of loss mse; known: .*"),
    (
        changed("network", "loss", "reduction", to="x\n" * 999),
        r"unknown reduction 'x\\nx\\n.{,60} of loss mse; .*",
    ),
    (changed("network", "loss", "reduction", to=None), "loss.reduction has the wrong type: null"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[re.sub(r"\W+", "_", m)[:50] for _, m in REFUSED])
def test_what_is_no_case_is_refused_in_one_line_that_says_what_is_wrong(text: str, message: str) -> None:
    assert re.fullmatch(message, refusal(text))


def test_the_largest_depth_is_read() -> None:
    square = {"activation": "tanh", "parameters": {}, "W": [[0.5, 1.0], [0.25, -1.0]], "b": [0.0, 1.0]}
    assert case_from_json(changed("network", "layers", to=[square] * 64)).network.depth == 64


def test_a_text_that_is_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "_LONGEST_TEXT", 1000)
    assert refusal("x" * 1001) == "the text has 1001 characters; the most is 1000"
    assert refusal("x" * 1000).startswith("not valid JSON")


# ---------------------------------------------------------------- whatever else a file may hold

HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 10**400, -0.0, 1e308, -1e-320, "", "x\n" * 999, "\ud800", "NaN", "inf", "1"),
    *([], [[]], [[[]]], [0], [[0.5]], [[1, 2], [3]], {}, {"a": 1}, {"": {}}, [None], "tanh", "mse"),
]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value in a JSON value."""
    yield path
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in items:
        yield from places(inner, (*path, key))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def assert_read_or_refused(text: str) -> bool:
    """Whether the text is a case after all, which must then come back; otherwise it must be refused."""
    try:
        read = case_from_json(text)
    except InvalidCaseError:
        refusal(text)
        return False
    assert case_from_json(case_to_json(read)) == read
    return True


def replaced(parent: Any, key: str | int, value: Any) -> None:
    parent[key] = value


def removed(parent: Any, key: str | int, _: Any) -> None:
    del parent[key]


def repeated(parent: Any, key: str | int, _: Any) -> None:
    if isinstance(parent, list):
        parent.insert(int(key), parent[int(key)])
    else:
        parent[f"{key}\n"] = parent[key]


MUTATIONS: list[Callable[[Any, str | int, Any], None]] = [replaced, removed, repeated]


@pytest.mark.long
@IN_BOTH_DTYPES
def test_a_case_with_any_one_value_replaced_removed_or_repeated_is_read_or_refused(dtype: str) -> None:
    original = case_to_dict(case(dtype=dtype))
    outcomes = []
    for path in list(places(original))[1:]:
        for mutation, value in [*((replaced, value) for value in HOSTILE), (removed, None), (repeated, None)]:
            mutated = copy.deepcopy(original)
            mutation(at(mutated, path[:-1]), path[-1], copy.deepcopy(value))
            outcomes.append(assert_read_or_refused(json.dumps(mutated)))
    assert len(outcomes) > 1000
    assert 0 < sum(outcomes) < len(outcomes) / 4  # most are no case, and some still are


@given(data=st.data())
@settings(max_examples=150)
def test_a_case_with_several_values_changed_is_read_or_refused(data: st.DataObject) -> None:
    mutated = case_to_dict(case())
    for _ in range(data.draw(st.integers(1, 5))):
        paths = list(places(mutated))[1:]
        if not paths:
            break
        path = data.draw(st.sampled_from(paths))
        value = copy.deepcopy(data.draw(st.sampled_from(HOSTILE)))
        data.draw(st.sampled_from(MUTATIONS))(at(mutated, path[:-1]), path[-1], value)
    assert_read_or_refused(json.dumps(mutated))


PIECES = [
    *'{}[],:"\\',
    "1",
    "-",
    "e",
    "null",
    "NaN",
    "\n",
    "\x00",
    "é",
    "\ud800",
    '"X":',
    "9" * 5000,
    "[" * 2000,
]


@given(data=st.data())
@settings(max_examples=200)
def test_a_text_with_pieces_put_in_or_cut_out_is_read_or_refused(data: st.DataObject) -> None:
    text = TEXT
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]
    assert_read_or_refused(text)


@pytest.mark.parametrize(
    "value", [None, 1, "x", b"x", object(), {1: 2}, [case()]], ids=lambda v: type(v).__name__
)
def test_a_value_that_no_json_text_gives_is_refused_too(value: Any) -> None:
    with pytest.raises(InvalidCaseError, match=r"^(case must be an object|the file is not a case)"):
        case_from_dict(value)


def test_a_key_that_is_no_text_is_refused_too() -> None:
    written = case_to_dict(case())
    with pytest.raises(InvalidCaseError, match=r"^case has the unknown key 1; known: format, "):
        case_from_dict({**written, 1: 2})
    written["network"]["layers"][0]["parameters"] = {1: "2"}
    with pytest.raises(InvalidCaseError, match=r"^layer 1.parameters\[1\] must be a number, not a string$"):
        case_from_dict(written)
