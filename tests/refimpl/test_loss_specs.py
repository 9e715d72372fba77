"""Losses with arrays, and with targets that are some numbers or one-hot: what is taken, what is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from refimpl import (
    DTYPES,
    ActivationSpec,
    Backprop,
    Case,
    InvalidCaseError,
    Layer,
    LossSpec,
    Network,
    case_from_json,
    case_to_json,
)
from refimpl.domains import SIGNS, Interval, OneHot
from refimpl.functions import LossArray

pytestmark = pytest.mark.usefixtures("without_type_checks")


def refused(message: str) -> Any:
    """A context in which InvalidCaseError must be raised with exactly this message."""
    return pytest.raises(InvalidCaseError, match=f"^{re.escape(message)}$")


def case_of(loss: LossSpec, Y: Any = ((0.0, 1.0, 0.5), (1.0, 0.0, 0.25)), dtype: str = "float64") -> Case:
    """Two outputs, three samples, no activation."""
    layer = Layer(np.ones((2, 1), dtype), np.zeros((2, 1), dtype), ActivationSpec("identity"))
    X = np.array([[0.5, -1.0, 2.0]], dtype)
    return Case(Network((layer,), loss), X, np.array(Y, dtype))


def weighted(dtype: str = "float64", **arrays: Any) -> LossSpec:
    given = {name: np.array(array, dtype) for name, array in arrays.items()}
    return LossSpec("bce_with_logits", "sum", {}, given)


# ---------------------------------------------------------------- arrays that are refused


def test_an_array_that_the_loss_does_not_have_is_refused_with_those_it_has() -> None:
    with refused("loss bce_with_logits has no array 'weights'; it has weight, pos_weight"):
        weighted(weights=[[1.0], [2.0]])
    with refused("loss mse has no array 'weight'; it has none"):
        LossSpec("mse", "sum", {}, {"weight": np.ones((1, 1))})
    with refused("arrays of mse must be a mapping, not 3"):
        LossSpec("mse", "sum", {}, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([1.0, 2.0], " has shape (2,); it must be a matrix with at least one row and column"),
        ([[1.0], [np.nan]], "[1, 0] is nan; every entry must be finite in float64"),
        ([[1.0], [-0.5]], "[1, 0] is -0.5; it must lie in [0, inf)"),
    ],
)
def test_an_array_with_a_wrong_number_is_refused_by_its_place(array: Any, message: str) -> None:
    with refused(f"pos_weight of loss bce_with_logits{message}"):
        weighted(pos_weight=array)


def test_a_variance_of_0_is_refused() -> None:
    with refused("variance of loss gaussian_nll[0, 1] is 0.0; it must lie in (0, inf)"):
        LossSpec("gaussian_nll", "sum", {}, {"variance": np.array([[1.0, 0.0]])})


def test_an_array_of_another_shape_than_what_it_weighs_is_refused_with_the_right_one() -> None:
    with refused(
        "pos_weight of loss bce_with_logits has shape (2, 3); it must have one number for each output: (2, 1)"
    ):
        case_of(weighted(pos_weight=np.ones((2, 3))))
    with refused(
        "weight of loss bce_with_logits has shape (2, 1); it must have one number for each entry of Y: (2, 3)"
    ):
        case_of(weighted(weight=np.ones((2, 1))))


def test_an_array_of_another_dtype_than_the_network_is_refused_with_the_remedy() -> None:
    with refused(
        "weight of loss bce_with_logits is float32 but the network is float64; use weight.astype('float64')"
    ):
        case_of(weighted("float32", weight=np.ones((2, 3))))


# ---------------------------------------------------------------- arrays as part of a case

POSITIVE = [[0.5], [2.0]]
WEIGHT = [[1.0, 0.0, 0.25], [3.0, 1.0, 0.125]]


def test_specs_with_arrays_are_equal_and_hash_by_content() -> None:
    one, same = weighted(pos_weight=POSITIVE), weighted(pos_weight=POSITIVE)
    others = [
        weighted(),
        weighted("float32", pos_weight=POSITIVE),
        weighted(pos_weight=[[0.5], [2.5]]),
        weighted(weight=POSITIVE),
        LossSpec("bce_with_logits", "mean", {}, dict(one.arrays)),
    ]
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, *others}) == 1 + len(others)
    assert all(one != other for other in others)


def test_a_network_of_float32_rounds_the_numbers_of_its_loss_and_keeps_the_rest() -> None:
    W = np.ones((2, 2), "float32")
    weight = np.array([[0.25], [2.0]], "float32")
    spec = LossSpec("cross_entropy_with_logits", "sum", {"label_smoothing": 0.1}, {"weight": weight})
    kept = Network((Layer(W, W[:, :1], ActivationSpec("identity")),), spec).loss
    assert (kept.name, kept.reduction) == ("cross_entropy_with_logits", "sum")
    assert dict(kept.parameters) == {"label_smoothing": float(np.float32(0.1))}
    assert {name: array.tolist() for name, array in kept.arrays.items()} == {"weight": [[0.25], [2.0]]}


def test_arrays_of_a_spec_are_copies_that_cannot_be_written_to() -> None:
    given = np.array(POSITIVE)
    spec = LossSpec("bce_with_logits", "sum", {}, {"pos_weight": given})
    given[0, 0] = 7.0
    assert spec.arrays["pos_weight"].tolist() == POSITIVE
    with pytest.raises(ValueError, match="read-only"):
        spec.arrays["pos_weight"][0, 0] = 7.0
    with pytest.raises(TypeError):
        spec.arrays["pos_weight"] = given  # type: ignore[index]


def test_an_array_that_is_not_given_stands_for_its_default() -> None:
    arguments = weighted(pos_weight=POSITIVE).arguments
    assert arguments["weight"] == 1.0
    assert arguments["pos_weight"].tolist() == POSITIVE
    assert LossArray("w", True, Interval(0, 9), Interval(1, 2), "what it means").shape(2, 3) == (2, 3)


def test_the_content_hash_changes_with_an_array_and_is_what_it_was_without() -> None:
    hashes = [
        case_of(loss).content_hash
        for loss in (
            weighted(),
            weighted(pos_weight=POSITIVE),
            weighted(pos_weight=POSITIVE, weight=WEIGHT),
            weighted(weight=WEIGHT),
            weighted(weight=np.array(WEIGHT) * 2),
        )
    ]
    assert len(set(hashes)) == len(hashes)
    assert case_of(LossSpec("bce_with_logits", "sum")).content_hash == hashes[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_case_with_arrays_comes_back_from_json_bit_for_bit(dtype: str) -> None:
    case = case_of(weighted(dtype, pos_weight=[[0.1], [1 / 3]], weight=WEIGHT), dtype=dtype)
    text = case_to_json(case)
    again = case_from_json(text)
    assert again == case
    assert again.content_hash == case.content_hash
    assert again.network.loss.arrays["pos_weight"].dtype == dtype
    assert set(json.loads(text)["network"]["loss"]["arrays"]) == {"pos_weight", "weight"}
    assert "arrays" not in json.loads(case_to_json(case_of(LossSpec("mse"))))["network"]["loss"]


def test_weights_weigh_the_loss_and_its_gradient_of_a_network() -> None:
    plain, loss = case_of(LossSpec("bce_with_logits", "sum")), weighted(weight=np.full((2, 3), 2.0))
    once, twice = Backprop().run(plain), Backprop().run(case_of(loss))
    assert once.loss is not None
    assert once.dX is not None
    assert twice.loss == pytest.approx(2 * once.loss, rel=1e-15, abs=0)
    assert twice.dX == pytest.approx(2 * once.dX, rel=1e-15, abs=0)


# ---------------------------------------------------------------- targets that are refused


@pytest.mark.parametrize(
    ("loss", "Y", "message"),
    [
        ("hinge", [[1, -1, 1], [1, 0, -1]], "Y[1, 1] is 0.0; targets of loss hinge lie in {-1, 1}"),
        ("perceptron", [[2, 1, 1], [1, 1, 1]], "Y[0, 0] is 2.0; targets of loss perceptron lie in {-1, 1}"),
        (
            "poisson_nll",
            [[0, 1, 2], [0, -1, 2]],
            "Y[1, 1] is -1.0; targets of loss poisson_nll lie in [0, inf)",
        ),
    ],
)
def test_targets_that_are_not_among_those_of_the_loss_are_refused_by_their_place(
    loss: str, Y: Any, message: str
) -> None:
    with refused(message):
        case_of(LossSpec(loss), Y)


@pytest.mark.parametrize(
    ("Y", "place"),
    [
        ([[1, 0], [0, 1]], None),
        ([[1, 1], [0, 0]], None),
        ([[1, 0.5], [0, 0.5]], (0, 1)),
        ([[1, 0], [1, 1]], (1, 0)),  # a second 1
        ([[0, 0], [0, 1]], (1, 0)),  # no 1 in the column: its last entry
        ([[1, np.nan], [0, 1]], (0, 1)),
        ([[-1, 0], [1, 1]], (0, 0)),
    ],
)
def test_one_hot_columns_have_a_single_1_and_the_first_entry_at_fault_is_named(Y: Any, place: Any) -> None:
    assert OneHot().outside(np.array(Y, float)) == place
    assert OneHot().contains(np.array(Y, float)) == (place is None)
    assert str(OneHot()) == "one-hot columns"


def test_some_numbers_contain_themselves_and_nothing_else() -> None:
    assert SIGNS.contains(-1.0)
    assert SIGNS.contains(np.array([[1.0, -1.0]]))
    assert not SIGNS.contains([1.0, np.nan])
    assert SIGNS.outside(np.array([[1.0, -1.0], [0.5, 1.0]])) == (1, 0)
    assert SIGNS.outside(np.array([[1.0]])) is None
