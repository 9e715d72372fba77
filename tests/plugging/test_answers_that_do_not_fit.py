"""Answers that do not fit a declared layout: each is told in one sentence, in the words of the user."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.plugging.declaration import Declaration
from backproof.plugging.layouts import trace_of

from .layout_cases import ROWS, answer_in, declared, sized_case


def _fault(answer: dict[str, Any], dtype: str = "float32", **layout: str) -> str:
    """The one fault of an answer; the other quantities stay in the trace."""
    trace, faults = trace_of(
        sized_case(dtype),
        declared(**layout),
        answer | {"A": answer_in(sized_case(dtype), declared(**layout))["A"]},
    )
    (fault,) = faults
    assert "\n" not in fault
    assert trace.A is not None
    assert all(getattr(trace, name) is None for name in answer)
    return fault


def test_a_wrong_shape_is_told_in_the_layout_of_the_user() -> None:
    ours, theirs = np.ones((4, 3), "float32"), np.ones((3, 4), "float32")
    right = np.ones((4, 2), "float32")
    assert _fault({"dW": [ours, right]}, **ROWS) == (
        "dW[1] has shape (4, 3), expected (3, 4) (inputs x outputs); if it is always so, "
        'declare weights: "outputs x inputs"'
    )
    assert _fault({"dW": [theirs, right.T]}) == (
        "dW[1] has shape (3, 4), expected (4, 3) (outputs x inputs); if it is always so, "
        'declare weights: "inputs x outputs"'
    )
    assert _fault({"dW": [theirs, np.ones((4, 7), "float32")]}, **ROWS) == (
        "dW[2] has shape (4, 7), expected (4, 2) (inputs x outputs)"
    )


def test_a_wrong_shape_of_a_bias_or_of_samples_names_what_to_declare() -> None:
    flat = [np.ones(4, "float32"), np.ones(2, "float32")]
    assert _fault({"db": flat}) == (
        "db[1] has shape (4,), expected (4, 1) (biases are a column); if it is always so, "
        'declare bias: "flat"'
    )
    assert _fault({"b_updated": [b[None] for b in flat]}, **ROWS) == (
        "b_updated[1] has shape (1, 4), expected (4,) (biases are flat); if it is always so, "
        'declare bias: "row"'
    )
    assert _fault({"dX": np.ones((5, 3), "float32")}) == (
        "dX has shape (5, 3), expected (3, 5) (samples are columns); if it is always so, "
        'declare samples: "rows"'
    )
    assert _fault({"loss": np.ones(5, "float32")}) == "loss has shape (5,), expected a single number"


def test_another_dtype_is_told_with_the_remedy() -> None:
    assert _fault({"loss": np.float64(1)}) == (
        "loss has dtype float64, but the case is float32; compute in case.dtype, "
        'or declare dtypes: ["float64"]'
    )
    assert _fault({"dX": np.ones((3, 5), "float32")}, dtype="float64") == (
        'dX has dtype float32, but the case is float64; compute in case.dtype, or declare dtypes: ["float32"]'
    )
    assert _fault({"dX": np.ones((3, 5), int)}) == (
        "dX has dtype int64, but the case is float32; compute in case.dtype"
    )
    assert _fault({"dX": np.ones((3, 5), object)}) == (
        "dX has dtype object, but the case is float32; an array of objects holds no numbers: "
        "are its rows of one length?"
    )
    assert _fault({"dX": [[np.float64(1)] * 5] * 3}).startswith(
        "dX has dtype float64, but the case is float32;"
    )


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"dW": []}, "dW has 0 entries, expected 2, one for each layer, layer 1 first"),
        ({"db": [None, 1, 2]}, "db has 3 entries, expected 2, one for each layer, layer 1 first"),
        (
            {"dW": np.ones((4, 3))},
            "dW is an array of shape (4, 3), expected a list of 2, one for each layer, layer 1 first",
        ),
        ({"dW": {1: 2}}, "dW is a dict, expected a list of 2, one for each layer, layer 1 first"),
        ({"dW": [None, None]}, "dW[1] is None, expected numbers"),
        ({"dX": [[1.0, None]]}, "dX has None inside; give a NumPy array, or nested lists of floats"),
        ({"dX": [[1.0, "nan"]]}, "dX has 'nan' inside; give a NumPy array, or nested lists of floats"),
        ({"dX": [[True, False]]}, "dX has True inside; give a NumPy array, or nested lists of floats"),
        ({"dX": "zero"}, "dX is a str; give a NumPy array, or nested lists of floats"),
        ({"loss": 1j}, "loss is a complex; give a NumPy array, or nested lists of floats"),
        ({"loss": True}, "loss is a bool; give a NumPy array, or nested lists of floats"),
        ({"dX": [[1.0, 2.0], [3.0]]}, "dX is ragged: entry 1 has shape (1,), entry 0 has (2,)"),
        ({"dX": [[1.0], 2.0]}, "dX is ragged: entry 1 has shape (), entry 0 has (1,)"),
        ({"dX": [[[[1.0]]]]}, "dX has lists nested deeper than any quantity has axes"),
        ({"dX": []}, "dX has shape (0,), expected (3, 5) (samples are columns)"),
        ({"loss": 10**400}, "loss cannot be read: OverflowError: 'int too large to convert to float'"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_array_of_numbers_is_told_in_one_sentence(answer: dict[str, Any], fault: str) -> None:
    assert _fault(answer) == fault


def test_a_list_that_holds_itself_is_a_fault() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert _fault({"dX": endless}) == "dX has lists nested deeper than any quantity has axes"


class _Raises(list):  # type: ignore[type-arg]
    def __len__(self) -> int:
        raise RuntimeError("no length\ntoday")


def test_an_object_that_raises_when_it_is_read_is_a_fault() -> None:
    assert _fault({"dW": _Raises()}) == "dW cannot be read: RuntimeError: 'no length\\ntoday'"


def test_nan_and_numbers_beyond_the_dtype_are_the_judges_business() -> None:
    trace, faults = trace_of(sized_case(), Declaration(), {"loss": 1e300, "dX": [[float("nan")] * 5] * 3})
    assert faults == []
    assert np.isposinf(trace.loss)
    assert np.isnan(trace.dX).all()


def test_every_fault_is_told_and_what_is_sound_is_kept() -> None:
    trace, faults = trace_of(
        sized_case(), Declaration(), {"loss": "x", "dX": 3, "Z": [1], "db": [[[1]] * 4, [[2]] * 2]}
    )
    assert [fault.split()[0] for fault in faults] == ["Z", "loss", "dX"]
    assert trace.db is not None


def test_numbers_in_another_byte_order_are_the_same_numbers() -> None:
    trace, faults = trace_of(sized_case(), Declaration(), {"dX": np.ones((3, 5), ">f4")})
    assert faults == []
    assert trace.dX.dtype == np.dtype("float32")
