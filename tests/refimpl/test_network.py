"""Layers, networks and cases: what is taken, what is refused, and in which words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from network_samples import case, layer, network

from refimpl import (
    ACTIVATIONS,
    LOSSES,
    ActivationSpec,
    InvalidCaseError,
    Layer,
    LossSpec,
    Network,
    UnknownFunctionError,
)

pytestmark = pytest.mark.usefixtures("without_type_checks")

ONE = np.ones((1, 1))
IDENTITY = ActivationSpec("identity")


def refused(message: str, error: type[Exception] = InvalidCaseError) -> Any:
    """A context in which `error` must be raised with exactly this message, which must be one line."""
    assert "\n" not in message
    return pytest.raises(error, match=f"^{re.escape(message)}$")


# ---------------------------------------------------------------- specs


def test_an_unknown_activation_is_refused_with_the_names_there_are() -> None:
    with refused(
        f"unknown activation 'mish2'; known: {', '.join(sorted(ACTIVATIONS))}", UnknownFunctionError
    ):
        ActivationSpec("mish2")


def test_an_unknown_loss_is_refused_with_the_names_there_are() -> None:
    with refused(f"unknown loss 'l2'; known: {', '.join(sorted(LOSSES))}", UnknownFunctionError):
        LossSpec("l2")


@pytest.mark.parametrize("reduction", ["none", "Mean", ""])
def test_an_unknown_reduction_is_refused(reduction: str) -> None:
    with refused(f"unknown reduction {reduction!r} of loss mse; known: mean, sum, batchmean, entrymean"):
        LossSpec("mse", reduction)


def test_parameters_that_are_no_mapping_are_refused() -> None:
    with refused("parameters of softplus must be a mapping, not [2]"):
        ActivationSpec("softplus", [2])  # type: ignore[arg-type]
    with refused("parameters of mse must be a mapping, not None"):
        LossSpec("mse", "sum", None)  # type: ignore[arg-type]


def test_a_parameter_outside_its_domain_is_refused() -> None:
    with refused("softplus: beta = 0.0 lies outside (0, inf)", ValueError):
        ActivationSpec("softplus", {"beta": 0.0})


def test_a_parameter_that_only_float32_rounds_out_of_its_domain_is_refused_by_the_layer() -> None:
    spec = ActivationSpec("softplus", {"beta": 1e-50})  # a number of float64, 0 in float32
    with refused("softplus: beta = 1e-50 lies outside (0, inf)", ValueError):
        Layer(ONE.astype("float32"), ONE.astype("float32"), spec)


def test_specs_are_equal_by_name_and_parameters_and_so_are_their_hashes() -> None:
    default, same = ActivationSpec("softplus"), ActivationSpec("softplus", {"beta": 1})
    other = ActivationSpec("softplus", {"beta": 2.0})
    assert (default, hash(default)) == (same, hash(same))
    assert default != other
    assert len({default, same, other, IDENTITY, LossSpec("mse"), LossSpec("mse", "sum")}) == 5
    assert hash(LossSpec("mse")) == hash(LossSpec("mse", "mean", {}))
    # Not all alike, or a set of specs would be as slow as a list.
    assert len({hash(ActivationSpec(name)) for name in ("relu", "tanh", "sigmoid", "elu")}) > 1
    assert len({hash(LossSpec(name)) for name in ("mse", "bce", "l1", "hinge")}) > 1
    assert len({hash(case({"learning_rate": rate})) for rate in (0.25, 0.5, 1.0, 2.0)}) > 1


def test_parameters_of_a_spec_are_a_copy_that_cannot_be_written_to() -> None:
    given = {"beta": 2.0}
    spec = ActivationSpec("softplus", given)
    given["beta"] = 3.0
    assert spec.parameters == {"beta": 2.0}
    with pytest.raises(TypeError, match="does not support item assignment"):
        spec.parameters["beta"] = 3.0  # type: ignore[index]


# ---------------------------------------------------------------- matrices

NO_MATRICES = [
    ([[1.0], [1.0, 2.0]], "{} is not a matrix of numbers"),
    (np.zeros(3), "{} has shape (3,); it must be a matrix with at least one row and column"),
    (np.zeros((0, 3)), "{} has shape (0, 3); it must be a matrix with at least one row and column"),
    (np.zeros((3, 0)), "{} has shape (3, 0); it must be a matrix with at least one row and column"),
    (np.zeros((1, 1, 1)), "{} has shape (1, 1, 1); it must be a matrix with at least one row and column"),
    (np.float64(1), "{} has shape (); it must be a matrix with at least one row and column"),
    ([[1, 2]], "{} has dtype int64; use float32 or float64, e.g. x.astype('float64')"),
    ([[True]], "{} has dtype bool; use float32 or float64, e.g. x.astype('float64')"),
    ([["1"]], "{} has dtype <U1; use float32 or float64, e.g. x.astype('float64')"),
    ([[1j]], "{} has dtype complex128; use float32 or float64, e.g. x.astype('float64')"),
    ([[10**400]], "{} has dtype object; use float32 or float64, e.g. x.astype('float64')"),
    (None, "{} has dtype object; use float32 or float64, e.g. x.astype('float64')"),
    (np.ones((1, 1), "float16"), "{} has dtype float16; use float32 or float64, e.g. x.astype('float64')"),
    ([[0.0, np.nan]], "{}[0, 1] is nan; every entry must be finite in float64"),
    ([[0.0], [-np.inf]], "{}[1, 0] is -inf; every entry must be finite in float64"),
    (np.array([[np.inf]], "float32"), "{}[0, 0] is inf; every entry must be finite in float32"),
]


@pytest.mark.parametrize(("array", "message"), NO_MATRICES, ids=[m[3:40] for _, m in NO_MATRICES])
@pytest.mark.parametrize("place", ["W", "b", "X", "Y"])
def test_what_is_not_a_matrix_of_finite_floats_is_refused_by_its_place(
    place: str, array: Any, message: str
) -> None:
    with refused(message.format(place)):
        if place in ("W", "b"):
            Layer(**({"W": ONE, "b": ONE, "activation": IDENTITY} | {place: array}))
        else:
            case({place: array})


def test_nested_lists_and_numbers_of_the_other_byte_order_are_taken_as_they_are_meant() -> None:
    from_lists = Layer([[1.0, 2.0]], [[0.5]], IDENTITY)  # type: ignore[arg-type]
    swapped = Layer(np.array([[1.0, 2.0]], ">f8"), np.array([[0.5]], "<f8"), IDENTITY)
    for made in (from_lists, swapped):
        assert made.W.tolist() == [[1.0, 2.0]]
        assert made.W.dtype == np.dtype("float64")
        assert made.W.dtype.isnative
    single = Layer(np.array([[1.0, 2.0]], ">f4"), np.array([[0.5]], ">f4"), IDENTITY)
    assert (single.W.dtype, single.b.dtype) == (np.dtype("float32"), np.dtype("float32"))
    assert case({"X": case().X.astype(">f8")}) == case()


# ---------------------------------------------------------------- layers and networks


def test_a_bias_that_is_no_column_of_the_right_height_is_refused() -> None:
    with refused("b has shape (2, 1); W has 3 rows, so b must be (3, 1), a column"):
        Layer(np.ones((3, 2)), np.ones((2, 1)), IDENTITY)
    with refused("b has shape (1, 3); W has 3 rows, so b must be (3, 1), a column"):
        Layer(np.ones((3, 2)), np.ones((1, 3)), IDENTITY)


def test_a_layer_of_two_dtypes_is_refused() -> None:
    with refused("W is float64 and b is float32; make them the same"):
        Layer(ONE, ONE.astype("float32"), IDENTITY)


def test_a_network_without_layers_is_refused() -> None:
    with refused("a network needs at least one layer"):
        Network((), LossSpec("mse"))


def test_layers_that_do_not_fit_together_are_refused_with_the_shape_that_would() -> None:
    with refused("layer 2 has 2 units but W[3] has 4 columns; W[3] must be (5, 2)"):
        network(layer(3, 2), layer(2, 3), layer(5, 4))


def test_layers_of_two_dtypes_are_refused() -> None:
    with refused("layer 1 is float64 and layer 2 is float32; make them the same"):
        network(layer(3, 2), layer(2, 3, dtype="float32"))


@pytest.mark.parametrize("loss", ["bce", "cross_entropy"])
@pytest.mark.parametrize(
    ("output", "values"), [("tanh", "[-1, 1]"), ("relu", "[0, inf)"), ("identity", "(-inf, inf)")]
)
def test_a_loss_of_probabilities_after_an_activation_that_gives_none_is_refused(
    loss: str, output: str, values: str
) -> None:
    message = (
        f"loss {loss} takes predictions in [0, 1], but the last layer's {output} gives values in {values}; "
        "use another last activation or the loss's with_logits form"
    )
    with refused(message):
        network(layer(3, 2, "sigmoid"), layer(2, 3, output), loss=loss)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("loss", ["bce", "cross_entropy"])
def test_a_loss_of_probabilities_after_one_that_gives_them_is_taken(output: str, loss: str) -> None:
    # Only the last layer decides: the hidden one gives any number.
    assert network(layer(3, 2, "identity"), layer(2, 3, output), loss=loss).depth == 2


def test_a_network_says_its_depth_widths_and_dtype() -> None:
    made = network(layer(3, 2, dtype="float32"), layer(5, 3, dtype="float32"))
    assert (made.depth, made.widths, made.dtype) == (2, (2, 3, 5), np.dtype("float32"))
    assert (made.layers[1].inputs, made.layers[1].outputs) == (3, 5)


def test_names_stand_for_specs_with_their_defaults() -> None:
    named = Network((Layer(ONE, ONE, "softplus"),), "mse")  # type: ignore[arg-type]
    assert named.layers[0].activation == ActivationSpec("softplus")
    assert named.loss == LossSpec("mse")


def test_layers_are_a_tuple_whatever_they_were_given_as() -> None:
    given = [layer(3, 2), layer(2, 3)]
    made = Network(given, LossSpec("mse"))  # type: ignore[arg-type]
    given.pop()
    assert isinstance(made.layers, tuple)
    assert made.depth == 2


def test_parameters_are_rounded_to_the_dtype_of_the_layer() -> None:
    # 0.1 in float32 is 13421773 / 2^27.
    assert layer(1, 1, "leaky_relu", "float32", negative_slope=0.1).activation.parameters == {
        "negative_slope": 13421773 / 2**27
    }
    assert layer(1, 1, "leaky_relu", negative_slope=0.1).activation.parameters == {"negative_slope": 0.1}


# ---------------------------------------------------------------- cases


def test_data_of_another_dtype_than_the_network_are_refused_with_the_remedy() -> None:
    with refused("X is float32 but the network is float64; use X.astype('float64')"):
        case({"X": np.ones((2, 2), "float32")})
    with refused("Y is float64 but the network is float32; use Y.astype('float32')"):
        case({"Y": np.ones((2, 2))}, dtype="float32")


def test_data_of_the_wrong_height_are_refused() -> None:
    with refused("X has 3 rows; the network has 2 inputs, and samples are columns"):
        case({"X": np.ones((3, 2))})
    with refused("Y has 1 rows; the network has 2 outputs, and samples are columns"):
        case({"Y": np.ones((1, 2))})


def test_data_of_different_numbers_of_samples_are_refused() -> None:
    with refused("X has 2 samples (columns) and Y has 5; they must be the same number"):
        case({"Y": np.ones((2, 5))})


@pytest.mark.parametrize(
    ("loss", "output", "target", "domain"),
    [
        ("bce", "sigmoid", -0.25, "[0, 1]"),
        ("bce", "sigmoid", 1.5, "[0, 1]"),
        ("bce_with_logits", "identity", 2.0, "[0, 1]"),
        ("cross_entropy", "softmax", -1.0, "[0, inf)"),
        ("cross_entropy_with_logits", "identity", -5e-324, "[0, inf)"),
    ],
)
def test_a_target_outside_the_domain_of_the_loss_is_refused_by_its_place(
    loss: str, output: str, target: float, domain: str
) -> None:
    made = network(layer(2, 2, output), loss=loss)
    with refused(f"Y[1, 0] is {target}; targets of loss {loss} lie in {domain}"):
        case({"network": made, "Y": np.array([[0.5, 0.5], [target, 0.5]])})


@pytest.mark.parametrize("rate", ["0.1", None, True, 1j, [0.1], np.ones(1)], ids=str)
def test_a_learning_rate_that_is_no_number_is_refused(rate: Any) -> None:
    with pytest.raises(InvalidCaseError, match=r"^learning_rate must be a number, not .+$"):
        case({"learning_rate": rate})


@pytest.mark.parametrize("rate", [np.nan, np.inf, -np.inf, 10**400, -(10**400)], ids=lambda r: str(r)[:5])
def test_a_learning_rate_that_is_not_finite_is_refused(rate: Any) -> None:
    with refused(f"learning_rate {rate!r} is not a finite number of float64"):
        case({"learning_rate": rate})


def test_a_learning_rate_that_only_float32_cannot_hold_is_refused() -> None:
    assert case({"learning_rate": 1e300}).learning_rate == 1e300
    with refused("learning_rate 1e+300 is not a finite number of float32"):
        case({"learning_rate": 1e300}, dtype="float32")


@pytest.mark.parametrize("rate", [0, -0.5, 3, np.float32(0.25), 5e-324])
def test_any_finite_learning_rate_is_taken_and_held_as_a_float(rate: Any) -> None:
    held = case({"learning_rate": rate}).learning_rate
    assert type(held) is float
    assert held == float(rate)


def test_the_learning_rate_is_rounded_to_the_dtype() -> None:
    # 0.1 in float32 is 13421773 / 2^27.
    assert case({"learning_rate": 0.1}, dtype="float32").learning_rate == 13421773 / 2**27


def test_a_case_says_its_dtype_and_samples() -> None:
    made = case({"X": np.ones((2, 7), "float32"), "Y": np.ones((2, 7), "float32")}, dtype="float32")
    assert (made.dtype, made.samples) == (np.dtype("float32"), 7)
