"""Lines of a dialogue: numbers survive, each kind of wrong answer has its own words, the schema agrees."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof.plugging
from backproof.cases import draw_case
from backproof.plugging.declaration import Declaration
from backproof.plugging.dialogue_messages import (
    GarbageError,
    hello_line,
    read_hello,
    read_reply,
    run_line,
    stop_line,
    written,
)
from backproof.plugging.layouts import in_layout
from backproof.plugging.links import Reply
from refimpl import QUANTITIES

SCHEMA = Path(backproof.plugging.__file__).parent / "schema" / "dialogue-1.schema.json"


def _reply(dtype: str = "float64", **answer: Any) -> Reply:
    return read_reply(json.dumps({"id": 1, **answer}).encode(), 1, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_reads_back_bit_for_bit(dtype):
    bits = np.random.default_rng(1).integers(0, 2 ** (8 * dtype().itemsize), 2000, dtype=np.uint64)
    numbers = bits.astype(f"u{dtype().itemsize}").view(dtype)
    numbers = np.concatenate([numbers, np.array([0.0, -0.0, np.inf, -np.inf, 5e-324, 1e-45], dtype=dtype)])
    again = _reply(np.dtype(dtype).name, dX=written(numbers)).values["dX"]
    not_a_number = np.isnan(numbers)
    assert np.array_equal(np.isnan(again), not_a_number)
    assert again[~not_a_number].tobytes() == numbers[~not_a_number].tobytes()


def test_a_number_of_float32_is_written_as_its_own_shortest_decimal():
    assert (
        json.dumps(written({"X": np.array([[0.1]], dtype=np.float32), "rate": 0.1}))
        == '{"X": [[0.1]], "rate": 0.1}'
    )


def test_what_is_no_finite_number_is_a_string_and_class_numbers_are_integers():
    assert written([math.nan, math.inf, -math.inf]) == ["nan", "inf", "-inf"]
    assert json.dumps(written(np.array([2, 0], dtype=np.int64))) == "[2, 0]"


def test_an_answer_becomes_arrays_of_the_dtype_of_the_case():
    values = _reply(
        "float32", loss=2, dW=[[[1, 2.5]], [[3]]], db=[[0.25], ["nan"]], dX=[["inf", -0.0]]
    ).values
    assert values["loss"] == 2.0
    assert [part.shape for part in values["dW"]] == [(1, 2), (1, 1)]
    assert [part.shape for part in values["db"]] == [(1,), (1,)]
    assert {part.dtype for part in (*values["dW"], *values["db"], values["dX"])} == {np.dtype("float32")}
    assert np.isnan(values["db"][1][0])
    assert np.signbit(values["dX"][0, 1])


def test_a_double_beyond_float32_rounds_to_infinity_as_in_any_program():
    assert _reply("float32", loss=1e39).values["loss"] == np.inf


WRONG = {
    "null": ({"dW": [[[None]]]}, 'dW[0][0][0] is null; write a number, or "nan" if it is none'),
    "a quantity that is null": ({"dX": None}, 'dX is null; write a number, or "nan" if it is none'),
    "ragged": (
        {"dW": [[[1.0, 2.0], [3.0]]]},
        "dW[0] is ragged: dW[0][1] has shape (1,), and dW[0][0] has (2,)",
    ),
    "ragged in depth": ({"dX": [[1.0], 2.0]}, "dX is ragged: dX[1] has shape (), and dX[0] has (1,)"),
    "a string": ({"loss": "0.5"}, "loss is the string '0.5'; write numbers bare, and as strings only"),
    "Infinity as a string": (
        {"loss": "Infinity"},
        "the string 'Infinity'; write numbers bare, and as strings only",
    ),
    "true": ({"db": [[True]]}, "db[0][0] is true, not a number"),
    "an object": ({"db": [{"1": 2}]}, 'db[0] is {"1": 2}, not a number'),
    "an integer beyond float64": ({"loss": 10**400}, 'loss is a number beyond float64; write "inf" if'),
    "one matrix for all layers": (
        {"dW": 3},
        "dW must be an array with one entry a layer, layer 1 first, not 3",
    ),
    "too deep": ({"dX": [[[[1.0]]]]}, "dX[0][0][0] nests deeper than any quantity"),
    "a key in another case": ({"dw": 1}, "the answer has the unknown key 'dw'; did you mean 'dW'?"),
    "a key that is misspelt": ({"delat": 1}, "the answer has the unknown key 'delat'; did you mean 'delta'?"),
    "another key": (
        {"accuracy": 1},
        "the unknown key 'accuracy'; known: id, unsupported, error, Z, A, loss,",
    ),
}


@pytest.mark.parametrize(("answer", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_quantity_is_a_fault_and_the_others_are_kept(answer, reason):
    reply = _reply(**answer, Z=[[[7.0]]])
    assert reason in reply.faults[0]
    assert reply.values["Z"] == [np.array([[7.0]])]
    assert reply.values.keys() == {"Z"}


def test_a_number_in_the_text_that_is_beyond_float64_is_a_fault():
    reply = read_reply(b'{"id": 1, "loss": 1e999}', 1, "float64")
    assert reply.faults == ('loss is a number beyond float64; write "inf" if it is infinite',)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "wrote the line '', which is no answer"),
        (b"3", "wrote the line '3', which is no answer"),
        (b'{"id": 1' + b"0" * 5000 + b"}", "too many digits"),
        (b"{" * 10, "cannot be read: not valid JSON at column 2"),
        (b'{"id": ' + b"[" * 100_000, "cannot be read: the JSON nests too deep"),
        (b'{"id": true, "loss": 1}', "answered with id true where case 1 was asked"),
        (b'{"id": 1.0, "loss": 1}', "answered with id 1.0 where case 1 was asked"),
        (b'{"id": "1", "loss": 1}', "answered with id '1' where case 1 was asked"),
    ],
)
def test_a_line_that_is_no_answer_is_said_to_be_none_and_why(line, reason):
    with pytest.raises(GarbageError, match=re.escape(reason)):
        read_reply(line, 1, "float64")


def test_an_answer_with_nothing_to_judge_says_what_could_be_given():
    assert _reply().faults == (f"the answer holds nothing to judge; give some of {', '.join(QUANTITIES)}",)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            {"unsupported": "softmax", "loss": 1},
            "the answer has both 'unsupported' and 'loss': give one of them",
        ),
        ({"unsupported": True}, "'unsupported' must be a string that says why, not true"),
        ({"unsupported": ""}, "'unsupported' must be a string that says why, not ''"),
        ({"error": "line 1\nline 2\x1b[31m"}, "the program reports an error: 'line 1 line 2\ufffd[31m'"),
    ],
)
def test_an_answer_without_values_is_one_clear_reason(answer, reason):
    assert _reply(**answer).faults == (reason,)


def test_hello_is_read_with_all_that_it_may_say():
    hello = read_hello(b'{"name":"a\\nb","backproof":1,"declaration":{"batch":4},"versions":{"cc":"12"}}')
    assert (hello.name, hello.declaration, hello.versions) == ("a b", {"batch": 4}, {"cc": "12"})


# ---------------------------------------------------------------- the schema


def _validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema, of the extra dev, is not installed")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.long
@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"samples": "rows", "bias": "flat", "weights": "inputs x outputs"},
        {"labels": "indices"},
        {"arrays": True},
    ],
)
def test_the_schema_allows_what_is_sent(declared):
    validator, declaration = _validator(), Declaration.read(declared, "test")
    for line in (hello_line(), stop_line()):
        validator.validate(json.loads(line))
    for index in range(30):
        dtype = ("float32", "float64")[index % 2]
        case = draw_case(5, index, dtype, declaration.draw_options()).case
        validator.validate(json.loads(run_line(index + 1, in_layout(case, declaration))))


@pytest.mark.parametrize("answer", [answer for key, (answer, _) in WRONG.items() if "ragged" not in key])
def test_the_schema_forbids_what_is_a_fault(answer):
    assert _validator().is_valid({"id": 1, "Z": [[[7.0]]]})
    assert not _validator().is_valid({"id": 1, "Z": [[[7.0]]], **answer})


@pytest.mark.parametrize(
    "message",
    [
        {},
        [],
        {"do": "hello"},
        {"do": "run", "id": 1},
        {"do": "stop", "now": True},
        {"id": 1},
        {"id": 0, "loss": 1},
        {"loss": 1},
        {"id": 1, "unsupported": ""},
        {"id": 1, "unsupported": "why", "loss": 1},
        {"name": "", "backproof": 1},
        {"name": "a", "backproof": 2},
        {"name": "a", "backproof": 1, "declared": {}},
    ],
)
def test_the_schema_forbids_what_is_no_message(message):
    assert not _validator().is_valid(message)
