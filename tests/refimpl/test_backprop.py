"""One step of backpropagation worked by hand, each equation alone, and the document's form of B4."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from network_samples import case, layer, network
from refimpl_points import drawn
from trusted import trusted

from oracles.torch_oracle import TorchOracle
from refimpl import (
    ACTIVATIONS,
    DTYPES,
    LOSSES,
    QUANTITIES,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    LossSpec,
    Network,
    SpecialFormBackprop,
    Trace,
    special_form,
    special_output_error,
)
from refimpl.backprop import SPECIAL_FORMS
from refimpl.functions import ALL_REDUCTIONS

EPS = float(np.finfo("float64").eps)
IDENTITY = ActivationSpec("identity")
LOG3 = math.log(3.0)


def parts(trace: Trace) -> dict[str, Any]:
    """Every array of a trace by quantity and layer, e.g. "dW[2]"."""
    arrays: dict[str, Any] = {}
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(trace, quantity)
        arrays |= {f"{quantity}[{l}]": v for l, v in enumerate(value, 1)} if per_layer else {quantity: value}
    return arrays


# ---------------------------------------------------------------- networks worked by hand


def worked_by_hand(dtype: str) -> Case:
    """Two samples, two inputs, a hidden layer of two with slope ½ left of 0, one output, mse."""
    first = Layer(
        np.array([[1, 2], [-1, 1]], dtype),
        np.array([[1], [0]], dtype),
        ActivationSpec("leaky_relu", {"negative_slope": 0.5}),
    )
    second = Layer(np.array([[2, -4]], dtype), np.array([[1]], dtype), IDENTITY)
    X = np.array([[1, 3], [-2, 1]], dtype)
    return Case(Network((first, second), LossSpec("mse")), X, np.array([[4, 18]], dtype), 0.25)


# All of it is exact in both dtypes.
EXPECTED = {
    "Z[1]": [[-2, 6], [-3, -2]],  # (1 - 4 + 1, 3 + 2 + 1), (-1 - 2, -3 + 1)
    "A[1]": [[-1, 6], [-1.5, -1]],
    "Z[2]": [[5, 17]],  # (-2 + 6 + 1, 12 + 4 + 1)
    "A[2]": [[5, 17]],
    "loss": 1,  # ((5 - 4)² + (17 - 18)²) / 2
    "delta[2]": [[1, -1]],  # 2 (5 - 4, 17 - 18) / 2
    "dW[2]": [[-7, -0.5]],  # (-1 - 6, -1.5 + 1)
    "db[2]": [[0]],
    "delta[1]": [[1, -2], [-2, 2]],  # W2^T δ2 = [[2, -2], [-4, 4]], and slopes [[½, 1], [½, ½]]
    "dW[1]": [[-5, -4], [4, 6]],  # (1 - 6, -2 - 2), (-2 + 6, 4 + 2)
    "db[1]": [[-1], [0]],
    "dX": [[3, -4], [0, -2]],  # (1 + 2, -2 - 2), (2 - 2, -4 + 2)
    "W_updated[2]": [[3.75, -3.875]],
    "b_updated[2]": [[1]],
    "W_updated[1]": [[2.25, 3], [-2, -0.5]],
    "b_updated[1]": [[1.25], [0]],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("implementation", [Backprop, SpecialFormBackprop])
def test_a_network_of_two_layers_worked_by_hand_comes_out_to_the_last_bit(
    dtype: str, implementation: type[Backprop]
) -> None:
    trace = parts(implementation().run(worked_by_hand(dtype)))
    assert {name: array.tolist() for name, array in trace.items()} == EXPECTED


@pytest.mark.parametrize(
    ("reduction", "loss", "delta"),
    [("sum", 2.0, [[2.0, -2.0]]), ("mean", 1.0, [[1.0, -1.0]]), ("batchmean", 1.0, [[1.0, -1.0]])],
)
def test_every_reduction_divides_the_loss_and_its_gradients(
    reduction: str, loss: float, delta: list[list[float]]
) -> None:
    reference = worked_by_hand("float64")
    made = Case(Network(reference.network.layers, LossSpec("mse", reduction)), reference.X, reference.Y)
    trace = parts(Backprop().run(made))
    assert trace["loss"] == loss
    assert trace["delta[2]"].tolist() == delta


def test_a_softmax_in_a_hidden_layer_goes_back_through_its_jacobian() -> None:
    # softmax(log 3, 0) = (3/4, 1/4); Ŷ = 3/4 - 1/4 = 1/2, Y = -1/2: δ2 = 1 and ∂L/∂A1 = (1, -1), whose mean
    # under (3/4, 1/4) is 1/2. So δ1 = (3/4 · 1/2, 1/4 · (-3/2)), where σ' alone would give (3/16, -3/16).
    first = Layer(np.array([[LOG3], [0.0]]), np.zeros((2, 1)), ActivationSpec("softmax"))
    second = Layer(np.array([[1.0, -1.0]]), np.zeros((1, 1)), IDENTITY)
    made = Case(
        Network((first, second), LossSpec("half_squared_error", "sum")), np.ones((1, 1)), np.array([[-0.5]])
    )
    trace = parts(Backprop().run(made))
    assert trace["A[1]"] == pytest.approx(np.array([[3 / 4], [1 / 4]]), rel=4 * EPS, abs=0)
    assert trace["loss"] == pytest.approx(1 / 2, rel=4 * EPS, abs=0)
    assert trace["delta[1]"] == pytest.approx(np.array([[3 / 8], [-3 / 8]]), rel=8 * EPS, abs=0)
    assert trace["dX"] == pytest.approx(np.array([[3 / 8 * LOG3]]), rel=8 * EPS, abs=0)


def test_a_sigmoid_with_cross_entropy_worked_in_fractions() -> None:
    # σ(log 3) = 3/4 and σ(-log 3) = 1/4, both with label 1: L = log(4/3) + log 4, halved by the mean.
    made = Case(
        Network((Layer(np.array([[LOG3]]), np.zeros((1, 1)), ActivationSpec("sigmoid")),), LossSpec("bce")),
        np.array([[1.0, -1.0]]),
        np.ones((1, 2)),
        1.0,
    )
    trace = parts(Backprop().run(made))
    assert trace["loss"] == pytest.approx(math.log(16 / 3) / 2, rel=4 * EPS, abs=0)
    assert trace["delta[1]"] == pytest.approx(np.array([[-1 / 8, -3 / 8]]), rel=8 * EPS, abs=0)
    assert trace["dW[1]"] == pytest.approx(np.array([[1 / 4]]), rel=8 * EPS, abs=0)  # -1/8 + 3/8
    assert trace["db[1]"] == pytest.approx(np.array([[-1 / 2]]), rel=8 * EPS, abs=0)
    assert trace["b_updated[1]"] == pytest.approx(np.array([[1 / 2]]), rel=8 * EPS, abs=0)


# ---------------------------------------------------------------- each equation alone

COLUMN = np.array([[1.0], [-2.0], [4.0]])


def test_F1_the_first_activation_is_the_input_itself() -> None:
    X = np.array([[1.0, 2.0]])
    assert Backprop().input_activation(X) is X


def test_F2_the_bias_is_added_to_every_column() -> None:
    W, A, b = np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [-1.0, 5.0]]), np.array([[0.5]])
    assert Backprop().pre_activation(W, A, b).tolist() == [[1.5, 10.5]]  # 3 - 2, 0 + 10


def test_F3_an_activation_uses_its_parameters() -> None:
    spec = ActivationSpec("leaky_relu", {"negative_slope": 0.25})
    assert Backprop().activation(COLUMN, spec).tolist() == [[1.0], [-0.5], [4.0]]


def test_F4_softmax_is_over_the_units_of_each_sample() -> None:
    # e^(log 3) : e^0 is 3 : 1 down each column; along the rows it would be 3 : 1 and 1 : 1.
    Z = np.array([[LOG3, 0.0], [0.0, 0.0]])
    expected = np.array([[3 / 4, 1 / 2], [1 / 4, 1 / 2]])
    assert Backprop().activation(Z, ActivationSpec("softmax")) == pytest.approx(expected, rel=4 * EPS, abs=0)


def test_F5_the_loss_is_reduced_as_its_spec_says() -> None:
    A, Y = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), np.zeros((2, 3))
    losses = [Backprop().loss(A, Y, LossSpec("half_squared_error", r)) for r in ("sum", "batchmean", "mean")]
    assert losses == pytest.approx([7.0, 7 / 3, 7 / 6], rel=EPS, abs=0)


def test_B1_the_weight_gradient_is_an_outer_product_summed_over_samples() -> None:
    delta, A = np.array([[1.0, 2.0]]), np.array([[3.0, -1.0], [0.5, 4.0], [1.0, 1.0]])
    assert Backprop().weight_gradient(delta, A).tolist() == [[1.0, 8.5, 3.0]]


def test_B1a_the_error_goes_back_through_the_transposed_weights() -> None:
    W, delta = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), COLUMN
    assert Backprop().activation_gradient(W, delta).tolist() == [[15.0], [18.0]]  # 1 - 6 + 20, 2 - 8 + 24


def test_B3_the_bias_gradient_is_the_sum_of_the_columns_of_delta() -> None:
    delta = np.array([[1.0, 2.0, -4.0], [0.5, 0.5, 0.5]])
    assert Backprop().bias_gradient(delta).tolist() == [[-1.0], [1.5]]
    assert Backprop().bias_gradient(COLUMN).tolist() == COLUMN.tolist()  # δ itself for one sample


def test_B4_the_loss_gradient_is_divided_by_what_the_loss_is_divided_by() -> None:
    A, Y = np.array([[1.0, 3.0]]), np.array([[0.0, 5.0]])
    assert Backprop().loss_gradient(A, Y, LossSpec("mse", "sum")).tolist() == [[2.0, -4.0]]
    assert Backprop().loss_gradient(A, Y, LossSpec("mse", "mean")).tolist() == [[1.0, -2.0]]


@pytest.mark.parametrize("method", ["output_error", "hidden_error"])
def test_B4_and_B5_multiply_the_gradient_by_the_slope_at_Z_or_by_the_jacobian(method: str) -> None:
    error = getattr(Backprop(), method)
    spec = ActivationSpec("leaky_relu", {"negative_slope": 0.25})
    G = np.array([[2.0], [8.0], [-1.0]])
    assert error(G, COLUMN, COLUMN * 0, spec).tolist() == [[2.0], [2.0], [-1.0]]
    # a = (1/2, 1/2) and g = (1, 0): a ⊙ (g - 1/2).
    mixed = error(np.array([[1.0], [0.0]]), np.zeros((2, 1)), np.full((2, 1), 0.5), ActivationSpec("softmax"))
    assert mixed.tolist() == [[0.25], [-0.25]]


def test_U1_and_U2_go_down_the_gradient() -> None:
    W, dW = np.array([[1.0, 2.0]]), np.array([[4.0, -8.0]])
    assert Backprop().update_weight(W, dW, 0.25).tolist() == [[0.0, 4.0]]
    assert Backprop().update_bias(np.array([[1.0]]), np.array([[-2.0]]), 0.5).tolist() == [[2.0]]


# ---------------------------------------------------------------- one method, one equation

DEEP = case({"network": network(layer(3, 2), layer(3, 3, "softmax"), layer(2, 3), loss="half_squared_error")})
UPDATES = ("W_updated", "b_updated")
BACKWARD = ("delta", "dW", "db", *UPDATES)


def of_layers(quantities: tuple[str, ...], *layers: int) -> set[str]:
    return {f"{quantity}[{l}]" for quantity in quantities for l in layers}


# What a change of one method's result can reach in a network of three layers, and does.
REACH: dict[str, set[str]] = {
    "input_activation": set(parts(Backprop().run(DEEP))),
    "pre_activation": set(parts(Backprop().run(DEEP))),
    "activation": set(parts(Backprop().run(DEEP))) - {"Z[1]"},
    "loss": {"loss"},
    "loss_gradient": of_layers(BACKWARD, 1, 2, 3) | {"dX"},
    "output_error": of_layers(BACKWARD, 1, 2, 3) | {"dX"},
    "activation_gradient": of_layers(BACKWARD, 1, 2) | {"dX"},
    "hidden_error": of_layers(BACKWARD, 1, 2) | {"dX"},
    "weight_gradient": of_layers(("dW", "W_updated"), 1, 2, 3),
    "bias_gradient": of_layers(("db", "b_updated"), 1, 2, 3),
    "update_weight": of_layers(("W_updated",), 1, 2, 3),
    "update_bias": of_layers(("b_updated",), 1, 2, 3),
}


@pytest.mark.parametrize("method", REACH)
def test_overriding_one_method_changes_that_equation_and_what_follows_from_it(method: str) -> None:
    right = getattr(Backprop, method)
    wrong = type("Wrong", (Backprop,), {method: lambda self, *arguments: right(self, *arguments) * 1.25})
    before, after = parts(Backprop().run(DEEP)), parts(wrong().run(DEEP))
    assert {name for name in before if not np.array_equal(before[name], after[name])} == REACH[method]


def test_every_method_that_is_an_equation_is_among_those_overridden() -> None:
    passes = {"forward", "errors", "backward", "run"}
    assert {name for name in vars(Backprop) if not name.startswith("_")} - passes == set(REACH)


def test_a_run_leaves_the_case_as_it_was_and_gives_the_same_again() -> None:
    made = worked_by_hand("float32")
    before = made.content_hash
    first, second = parts(Backprop().run(made)), parts(Backprop().run(made))
    assert Case(made.network, made.X, made.Y, made.learning_rate).content_hash == before
    assert all(np.array_equal(first[name], second[name]) for name in first)


# ---------------------------------------------------------------- dtypes


def any_case(activation: str, loss: str, reduction: str, dtype: str, seed: int = 0) -> Case:
    """A hidden layer and an output of the same activation; labels that do not sum to 1."""
    rng = np.random.default_rng(seed)
    shapes = ((3, 2), (4, 3))
    layers = tuple(
        Layer(
            rng.normal(size=s).astype(dtype),
            rng.normal(size=(s[0], 1)).astype(dtype),
            ActivationSpec(activation),
        )
        for s in shapes
    )
    X, Y = rng.normal(size=(2, 5)).astype(dtype), rng.uniform(0.1, 0.9, (4, 5)).astype(dtype)
    if not LOSSES[loss].target_domain.contains(Y):
        Y = drawn(LOSSES[loss].target_domain, Y.shape, seed).astype(dtype)
    return Case(Network(layers, LossSpec(loss, reduction)), X, Y, 0.1)


PAIRS = [
    (activation, loss)
    for activation in ACTIVATIONS
    for loss in LOSSES
    if LOSSES[loss].prediction_domain.covers(ACTIVATIONS[activation].range)
]


def reductions_of(activation: str, loss: str) -> Sequence[str]:
    """All for the first activation of each loss, as what divides it is its own; else one, in turn."""
    fitting = [each for each, other in PAIRS if other == loss]
    if activation == fitting[0]:
        return ALL_REDUCTIONS
    return (ALL_REDUCTIONS[(fitting.index(activation) + list(LOSSES).index(loss)) % len(ALL_REDUCTIONS)],)


def test_every_loss_meets_every_reduction_and_every_reduction_most_activations() -> None:
    met = {(pair, reduction) for pair in PAIRS for reduction in reductions_of(*pair)}
    for reduction in ALL_REDUCTIONS:
        assert {loss for (_, loss), other in met if other == reduction} == set(LOSSES)
        activations = {activation for (activation, _), other in met if other == reduction}
        assert activations == set(ACTIVATIONS)


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
@pytest.mark.parametrize("implementation", [Backprop, SpecialFormBackprop])
def test_every_array_of_a_trace_has_the_dtype_of_the_case(
    activation: str, loss: str, implementation: type[Backprop]
) -> None:
    for dtype in DTYPES:
        for reduction in reductions_of(activation, loss):
            trace = parts(implementation().run(any_case(activation, loss, reduction, dtype)))
            assert {name: np.asarray(array).dtype.name for name, array in trace.items()} == dict.fromkeys(
                trace, dtype
            )


def test_what_overflows_is_infinite_and_warns_of_nothing() -> None:
    W = np.full((1, 1), 1e200)
    made = Case(Network((Layer(W, W, IDENTITY),), LossSpec("mse")), np.full((1, 1), 1e200), np.zeros((1, 1)))
    trace = parts(Backprop().run(made))
    assert trace["Z[1]"].tolist() == [[math.inf]]
    assert trace["loss"] == math.inf
    assert trace["W_updated[1]"].tolist() == [[-math.inf]]


# ---------------------------------------------------------------- the document's form of B4


def assert_near(ours: Trace, theirs: Trace, smallest: float = 0.0) -> None:
    """Equal but for some units in the last place of the largest entry of each array, or of `smallest`."""
    expected = parts(theirs)
    for name, array in parts(ours).items():
        size = max(smallest, np.max(np.abs(expected[name])))
        assert np.shape(array) == np.shape(expected[name]), name
        assert np.max(np.abs(array - expected[name])) <= 64 * EPS * size, name


FORMS = [(form.activation, form.loss) for form in SPECIAL_FORMS]


@pytest.mark.parametrize(("activation", "loss"), FORMS)
@pytest.mark.parametrize("reduction", ALL_REDUCTIONS)
def test_the_special_form_gives_torchs_trace_for_its_pairs(
    activation: str, loss: str, reduction: str
) -> None:
    for seed in range(3):
        made = any_case(activation, loss, reduction, "float64", seed)
        (expected,) = TorchOracle().traces([made])
        assert_near(SpecialFormBackprop().run(made), expected)
        assert expected.A is not None
        assert expected.delta is not None
        error = special_output_error(made.network, expected.A[-1], made.Y)
        assert error == pytest.approx(expected.delta[-1], rel=1e-12, abs=64 * EPS)


def test_the_special_forms_are_those_of_the_documents_pairs_and_of_half_squared_error() -> None:
    # F4 × F5: regression, binary, multiclass; and the losses of which the first claim of B4 is true, which
    # the normal likelihood is where no variance is given.
    assert set(FORMS) == {
        ("identity", "mse"),
        ("sigmoid", "bce"),
        ("softmax", "cross_entropy"),
        ("identity", "half_squared_error"),
        ("identity", "gaussian_nll"),
    }


@pytest.mark.parametrize(("activation", "loss"), sorted(set(PAIRS) - set(FORMS)))
def test_elsewhere_the_special_form_is_refused_and_the_general_rule_is_taken(
    activation: str, loss: str
) -> None:
    made = any_case(activation, loss, "mean", "float64")
    assert special_form(made.network) is None
    message = (
        rf"^B4's form Ŷ - Y does not hold for \({activation}, {loss}\); use output_error, the general rule$"
    )
    with pytest.raises(ValueError, match=message):
        special_output_error(made.network, made.Y, made.Y)
    special, general = parts(SpecialFormBackprop().run(made)), parts(Backprop().run(made))
    # 0 · ∞ where a prediction has rounded to 0 or 1.
    assert all(np.array_equal(special[name], general[name], equal_nan=True) for name in general)


# Ŷ = (3/4, 1/4) for each of two samples, Y = (1/2, 1/4) and (0, 2): ΣY is 3/4 and 2.
@pytest.mark.parametrize(
    ("activation", "loss", "reduction", "delta"),
    [
        ("identity", "half_squared_error", "sum", [[1 / 4, 3 / 4], [0, -7 / 4]]),
        ("identity", "mse", "sum", [[1 / 2, 3 / 2], [0, -7 / 2]]),
        ("identity", "mse", "mean", [[1 / 8, 3 / 8], [0, -7 / 8]]),  # over four entries
        ("identity", "mse", "batchmean", [[1 / 4, 3 / 4], [0, -7 / 4]]),
        ("softmax", "cross_entropy", "sum", [[1 / 16, 3 / 2], [-1 / 16, -3 / 2]]),  # Ŷ ΣY - Y
        ("softmax", "cross_entropy", "mean", [[1 / 32, 3 / 4], [-1 / 32, -3 / 4]]),  # over two samples
    ],
)
def test_the_special_form_worked_by_hand(
    activation: str, loss: str, reduction: str, delta: list[list[float]]
) -> None:
    made = network(layer(2, 2, activation), loss=loss, reduction=reduction)
    A, Y = np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([[0.5, 0.0], [0.25, 2.0]])
    assert special_output_error(made, A, Y).tolist() == delta


def test_the_special_form_is_finite_where_the_general_rule_is_not() -> None:
    # σ(800) rounds to 1: ∂L/∂A = 1/(1 - Ŷ) is infinite and σ' is 0, their product 0 · ∞. Ŷ - Y is 1.
    made = Case(
        Network(
            (Layer(np.full((1, 1), 800.0), np.zeros((1, 1)), ActivationSpec("sigmoid")),), LossSpec("bce")
        ),
        np.ones((1, 1)),
        np.zeros((1, 1)),
    )
    assert np.isnan(parts(Backprop().run(made))["delta[1]"]).all()
    assert parts(SpecialFormBackprop().run(made))["delta[1]"].tolist() == [[1.0]]


# ---------------------------------------------------------------- torch


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_the_general_rule_gives_a_frameworks_trace_for_every_activation_and_loss(
    activation: str, loss: str
) -> None:
    for reduction in reductions_of(activation, loss):
        made = any_case(activation, loss, reduction, "float64", ALL_REDUCTIONS.index(reduction))
        for other in itertools.count(10):  # until no prediction is 0 or 1, where the loss may be infinite
            if not np.isnan(parts(Backprop().run(made))["dX"]).any():
                break
            made = any_case(activation, loss, reduction, "float64", other)
        _, expected = trusted(made)
        # The gradient of a loss that mixes outputs is made of parts of about 1, which may cancel.
        assert_near(Backprop().run(made), expected, 0.0 if LOSSES[loss].elementwise else 1.0)
