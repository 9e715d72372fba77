"""Compositions as JSON: exact there and back, and one line of refusal for whatever else a file may hold."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.cases.compositions import draw_composition
from refimpl import DTYPES, InvalidCaseError
from refimpl.chain_rule import (
    Binary,
    Composition,
    Constant,
    Unary,
    Variable,
    composition_from_json,
    composition_to_json,
)

pytestmark = pytest.mark.usefixtures("without_type_checks")

SAMPLE = Composition(Unary("sin", Binary("multiply", Constant(2.0), Variable())), np.float64(0.1))
TEXT = composition_to_json(SAMPLE)
WRITTEN = {
    "format": "backproof-composition",
    "version": 1,
    "dtype": "float64",
    "x": 0.1,
    "expression": ["sin", ["multiply", 2.0, "x"]],
}


def same(left: Composition, right: Composition) -> bool:
    return left == right and left.x.dtype == right.x.dtype and left.x.tobytes() == right.x.tobytes()


def test_a_composition_is_written_as_its_documented_format_says() -> None:
    assert json.loads(TEXT) == WRITTEN
    assert "\n" not in TEXT
    assert same(composition_from_json(TEXT), SAMPLE)


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_compositions_come_back_bit_for_bit(dtype: str) -> None:
    for index in range(40):
        original = draw_composition(3, index, dtype)
        assert same(composition_from_json(composition_to_json(original)), original)


@pytest.mark.parametrize("number", [5e-324, -0.0, 0.1, 1.7976931348623157e308, -1 / 3])
def test_hard_numbers_come_back_bit_for_bit(number: float) -> None:
    original = Composition(Binary("add", Variable(), Constant(number)), np.float64(number))
    back = composition_from_json(composition_to_json(original))
    assert same(back, original)
    assert isinstance(back.expression, Binary)
    assert isinstance(back.expression.right, Constant)
    assert back.expression.right.value.hex() == number.hex()


@pytest.mark.parametrize("number", [0.1, 1e-45, -0.0, 3.4028235e38])
def test_hard_points_of_float32_come_back_bit_for_bit(number: float) -> None:
    original = Composition(Variable(), np.float32(number))
    assert same(composition_from_json(composition_to_json(original)), original)


# ---------------------------------------------------------------- hostile texts


def refusal(text: str) -> str:
    """The message with which the text is refused: one line, that can be printed anywhere."""
    with pytest.raises(InvalidCaseError, match=r"\w") as error:
        composition_from_json(text)
    message = str(error.value)
    assert len(message.splitlines()) == 1, message
    assert len(message) < 1000
    message.encode()
    return message


def changed(**fields: Any) -> str:
    return json.dumps(WRITTEN | fields)


def nested(depth: int, inside: Any = "x") -> Any:
    for _ in range(depth):
        inside = ["sin", inside]
    return inside


def test_a_text_cut_off_anywhere_is_refused() -> None:
    for length in range(len(TEXT)):
        assert refusal(TEXT[:length]).startswith("not valid JSON at line 1, column ")


KEYS = "format, version, dtype, x, expression"
NO_COMPOSITION = "the file is not a composition: 'format' must be 'backproof-composition'"
UNKNOWN = r"unknown (unary|binary) function .*; known: .*"

REFUSED: list[tuple[str, str]] = [
    ("[" * 100_000, "the JSON nests too deep to be a case"),
    ("1" + "0" * 5000, "the JSON holds a number with too many digits"),
    (TEXT.replace("0.1", "NaN"), "NaN is not JSON; write it as a string"),
    (TEXT.replace("2.0", "-Infinity"), "-Infinity is not JSON; write it as a string"),
    (TEXT.replace('"x":', '"x": 1, "x":'), "key 'x' stands twice in one object; keep one of them"),
    ("null", NO_COMPOSITION),
    ("[]", NO_COMPOSITION),
    ("{}", NO_COMPOSITION),
    (changed(format="backproof-case"), NO_COMPOSITION),
    (changed(format=["backproof-composition"]), NO_COMPOSITION),
    ('{"format": "backproof-composition"}', f"a composition has the keys {KEYS}, each once and no other"),
    (changed(more=1), f"a composition has the keys {KEYS}, each once and no other"),
    (changed(version=2), "the composition has version 2; this reads version 1"),
    (changed(version=True), "the composition has version True; this reads version 1"),
    (changed(version="x\n" * 99), r"the composition has version 'x\\n.{,40}; this reads version 1"),
    (changed(version=[1]), r"the composition has version \[1\]; this reads version 1"),
    (changed(dtype="float16"), "dtype 'float16' is unknown; use float32 or float64"),
    (changed(dtype=["float64"]), r"dtype \['float64'\] is unknown; use float32 or float64"),
    (changed(dtype=None), "dtype None is unknown; use float32 or float64"),
    (changed(x="0.1"), "x must be a number, not '0.1'"),
    (changed(x=None), "x must be a number, not None"),
    (changed(x=True), "x must be a number, not True"),
    (changed(x=[0.1]), r"x must be a number, not \[0.1\]"),
    (changed(x=10**400), "x must be a finite number, not 10{59}"),
    (TEXT.replace("0.1", "1e400"), "x must be a finite number, not inf"),
    (changed(x=1e39, dtype="float32"), "x is inf; it must be finite in float32"),
    (changed(expression="y"), "expression must be a number, not 'y'"),
    (changed(expression="x\ny"), r"expression must be a number, not 'x\\ny'"),
    (changed(expression=None), "expression must be a number, not None"),
    (changed(expression={}), "expression must be a number, not {}"),
    (
        changed(expression=[]),
        "expression has 0 entries; write a function's name and its one or two arguments",
    ),
    (changed(expression=["sin"]), "expression has 1 entries; .*"),
    (changed(expression=["add", "x", "x", "x"]), "expression has 4 entries; .*"),
    (changed(expression=["sin", ["cos", True]]), r"expression\[1\]\[1\] must be a number, not True"),
    (changed(expression=["add", "x", "\ud800"]), r"expression\[2\] must be a number, not '\\ud800'"),
    (changed(expression=["add", "x", 10**400]), r"expression\[2\] must be a finite number, not 10{59}"),
    (changed(expression=["sine", "x"]), UNKNOWN),
    (changed(expression=["add", "x"]), UNKNOWN),
    (changed(expression=["sin", "x", "x"]), UNKNOWN),
    (changed(expression=["x\n" * 999, "x"]), UNKNOWN),
    (changed(expression=[["sin"], "x"]), UNKNOWN),
    (changed(expression=[None, "x"]), UNKNOWN),
    (changed(expression=[{}, "x", "x"]), UNKNOWN),
    (changed(expression=nested(65)), "the expression is more than 64 deep, which is the most"),
    (changed(expression=nested(400)), "the expression is more than 64 deep, which is the most"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[re.sub(r"\W+", "_", m)[:50] for _, m in REFUSED])
def test_what_is_no_composition_is_refused_in_one_line_that_says_what_is_wrong(
    text: str, message: str
) -> None:
    assert re.fullmatch(message, refusal(text))


def test_an_expression_that_is_too_large_is_refused() -> None:
    full: Any = "x"
    for _ in range(12):
        full = ["add", full, full]
    assert refusal(changed(expression=full)) == "the expression is 8191 nodes large; the most is 4096"


def test_the_largest_depth_is_read() -> None:
    expression = composition_from_json(changed(expression=nested(64))).expression
    assert isinstance(expression, Unary)
    assert expression.depth == 64


HOSTILE: list[Any] = [
    *(None, True, 0, -1, 10**400, 1e308, -0.0, "", "x", "x\n" * 999, "\ud800", "sin", "add", "float32"),
    *([], ["x"], ["sin", "x"], ["add", 1, "x"], ["sin", "x", "x"], [[]], {}, {"x": 1}),
]


def pieces(value: Any) -> list[Any]:
    """The value and every array inside it, outermost first."""
    return [value] + (
        [inner for entry in value for inner in pieces(entry)] if isinstance(value, list) else []
    )


@given(data=st.data())
@settings(max_examples=150)
def test_a_composition_with_anything_changed_is_read_or_refused(data: st.DataObject) -> None:
    written = copy.deepcopy(WRITTEN)
    for _ in range(data.draw(st.integers(1, 4))):
        value = copy.deepcopy(data.draw(st.sampled_from(HOSTILE)))
        arrays = [piece for piece in pieces(written.get("expression")) if isinstance(piece, list) and piece]
        if arrays and data.draw(st.booleans()):
            array = data.draw(st.sampled_from(arrays))
            array[data.draw(st.integers(0, len(array) - 1))] = value
        else:
            written[data.draw(st.sampled_from([*WRITTEN, "more\n"]))] = value
    text = json.dumps(written)
    try:
        read = composition_from_json(text)
    except InvalidCaseError:
        refusal(text)
    else:
        assert same(composition_from_json(composition_to_json(read)), read)
