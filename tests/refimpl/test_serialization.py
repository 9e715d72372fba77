"""Cases as JSON: exact there and back, in a format that is stated."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_samples import case, layer, network

from backproof.cases.strategies import cases
from refimpl import (
    DTYPES,
    ActivationSpec,
    Case,
    Layer,
    LossSpec,
    Network,
    Trace,
    case_from_dict,
    case_from_json,
    case_to_dict,
    case_to_json,
    trace_to_dict,
)

IDENTITY = ActivationSpec("identity")
IN_BOTH_DTYPES = pytest.mark.parametrize("dtype", DTYPES)

# ---------------------------------------------------------------- there and back


@IN_BOTH_DTYPES
@given(data=st.data())
@settings(max_examples=40)
def test_any_case_comes_back_bit_for_bit(dtype: str, data: st.DataObject) -> None:
    original = data.draw(cases(dtype))
    text = case_to_json(original)
    assert "\n" not in text
    assert case_from_json(text) == original
    assert case_from_dict(json.loads(text)).content_hash == original.content_hash


def row_case(numbers: Any) -> Case:
    """A case whose X is one row of these numbers."""
    X = np.asarray(numbers)[None, :]
    one = np.ones((1, 1), X.dtype)
    return Case(Network((Layer(one, one, IDENTITY),), LossSpec("mse")), X, np.zeros_like(X))


def hard_numbers(dtype: str) -> Any:
    info = np.finfo(dtype)
    hand_picked = [0.0, -0.0, 0.1, 1 / 3, -2 / 3, 2.0**24 + 1, 1e23, 9007199254740993.0, 5e-324, 1e-45]
    ends = [
        info.smallest_subnormal,
        info.tiny,
        np.nextafter(info.tiny, 0),
        info.max,
        np.nextafter(info.max, 0),
    ]
    bits = np.random.default_rng(1).integers(0, 2**63, 20_000).astype(np.uint64)
    patterns = bits.view(np.float64) if dtype == "float64" else bits.astype(np.uint32).view(np.float32)
    numbers = np.concatenate([np.array([*hand_picked, *ends], dtype), patterns])
    return np.concatenate([numbers, -numbers])[np.isfinite(np.tile(numbers, 2))]


@pytest.mark.long
@IN_BOTH_DTYPES
def test_numbers_that_decimals_find_hard_come_back_bit_for_bit(dtype: str) -> None:
    numbers = hard_numbers(dtype)
    back = case_from_json(case_to_json(row_case(numbers))).X
    assert back.dtype == dtype
    assert back.tobytes() == numbers.tobytes()


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.33333334"),
        (16777216.0, "16777216.0"),
        (3.4028235e38, "3.4028235e+38"),  # the largest
        (1e-45, "1e-45"),  # the smallest: 1.4e-45, and no other is as near to 1e-45
        (-0.0, "-0.0"),
    ],
)
def test_a_float32_is_written_as_the_shortest_decimal_that_is_nearest_to_it(
    number: float, written: str
) -> None:
    assert f'"X": [[{written}]]' in case_to_json(row_case(np.array([number], "float32")))


def test_where_the_shortest_decimal_of_a_float32_is_read_as_its_neighbour_more_digits_are_written() -> None:
    # 7.038531e-26 is nearer to this number, but as a double it lies halfway to the next one, which is even.
    number = np.array([0x15AE43FD], np.uint32).view(np.float32)
    assert np.format_float_scientific(number[0], unique=True) == "7.038531e-26"
    assert np.float32(7.038531e-26) == np.nextafter(number[0], np.float32(1))
    assert case_from_json(case_to_json(row_case(number))).X.tobytes() == number.tobytes()


@pytest.mark.parametrize("rate", [0.1, 5e-324, -0.0, 1.7976931348623157e308, -1 / 3])
def test_a_learning_rate_comes_back_bit_for_bit(rate: float) -> None:
    assert case_from_json(case_to_json(case({"learning_rate": rate}))).learning_rate.hex() == rate.hex()


@pytest.mark.parametrize("slope", [0.1, 1e-45, 0.0, 3.4028235e38])
def test_a_parameter_comes_back_and_is_written_short(slope: float) -> None:
    hidden = layer(2, 2, "leaky_relu", "float32", negative_slope=slope)
    original = case({"network": network(hidden)}, dtype="float32")
    text = case_to_json(original)
    assert f'"parameters": {{"negative_slope": {slope!r}}}' in text
    assert case_from_json(text) == original


def test_a_case_is_written_as_its_documented_format_says() -> None:
    made = Case(
        Network(
            (Layer(np.array([[1.0, -2.0]]), np.array([[0.5]]), ActivationSpec("softplus", {"beta": 2.0})),),
            LossSpec("mse", "sum"),
        ),
        np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        np.array([[0.0, -0.25, 0.1]]),
        0.1,
    )
    assert case_to_dict(made) == {
        "format": "backproof-case",
        "version": 1,
        "dtype": "float64",
        "learning_rate": 0.1,
        "network": {
            "layers": [
                {"activation": "softplus", "parameters": {"beta": 2.0}, "W": [[1.0, -2.0]], "b": [0.5]},
            ],
            "loss": {"name": "mse", "reduction": "sum", "parameters": {}},
        },
        "X": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        "Y": [[0.0, -0.25, 0.1]],
    }


def test_a_file_of_integers_is_read_as_numbers_of_its_dtype() -> None:
    written = case_to_dict(row_case(np.array([2.0, -1.0])))
    assert case_from_json(json.dumps(written).replace(".0", "")) == case_from_dict(written)


def test_a_trace_is_written_with_the_parts_it_has_and_what_is_not_finite_as_strings() -> None:
    trace = Trace(
        loss=np.float32(0.1),
        Z=(np.array([[np.nan, np.inf]]), np.array([[-np.inf, 5e-324]])),
        dX=np.array([[-0.0]]),
    )
    written = trace_to_dict(trace)
    assert written == {"Z": [[["nan", "inf"]], [["-inf", 5e-324]]], "loss": 0.1, "dX": [[0.0]]}
    assert json.dumps(written, allow_nan=False).endswith('"dX": [[-0.0]]}')
    layers = Trace(Z=(np.array([[1.0]]), np.array([[2.0, 3.0], [4.0, 5.0]])))  # of two widths
    assert trace_to_dict(layers) == {"Z": [[[1.0]], [[2.0, 3.0], [4.0, 5.0]]]}
    assert trace_to_dict(Trace()) == {}
