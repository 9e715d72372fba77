"""What torch and jax answer, against numbers worked by hand and against mpmath."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from oracle_cases import drawn_arrays, drawn_case, fitting_output, flat, own_steps

from oracles import Oracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

EPS = float(np.finfo("float64").eps)


@pytest.fixture(scope="module", params=[TorchOracle, JaxOracle], ids=["torch", "jax"])
def oracle(request: pytest.FixtureRequest) -> Any:
    return request.param()


def _two_layers(loss: LossSpec, dtype: str = "float64", rate: float = 0.25) -> Case:
    """relu, then identity, on dyadic numbers: every operation is exact in both dtypes.

    Z1 = [[2, 0], [-1/2, -3]], A1 = [[2, 0], [0, 0]]: the second sample meets relu's kink, where it is 0.
    """
    first = Layer(np.array([[1, 2], [-1, 1]], dtype), np.array([[0], [0]], dtype), ActivationSpec("relu"))
    second = Layer(np.array([[2, -1]], dtype), np.array([[1]], dtype), ActivationSpec("identity"))
    X = np.array([[1, 2], [0.5, -1]], dtype)
    return Case(Network((first, second), loss), X, np.array([[3, 2]], dtype), rate)


def test_a_relu_network_worked_by_hand_comes_out_to_the_last_bit(oracle: Oracle) -> None:
    case = _two_layers(LossSpec("half_squared_error", "sum"))
    expected = {
        "Z[1]": [[2, 0], [-0.5, -3]],
        "A[1]": [[2, 0], [0, 0]],
        "Z[2]": [[5, 1]],
        "A[2]": [[5, 1]],
        "loss": 2.5,  # (5 - 3)²/2 + (1 - 2)²/2
        "delta[2]": [[2, -1]],
        "delta[1]": [[4, 0], [0, 0]],  # W2^T δ2 = [[4, -2], [-2, 1]], and only Z1[0, 0] is positive
        "dW[2]": [[4, 0]],
        "db[2]": [[1]],
        "dW[1]": [[4, 2], [0, 0]],
        "db[1]": [[4], [0]],
        "dX": [[4, 0], [8, 0]],
        "W_updated[2]": [[1, -1]],
        "b_updated[2]": [[0.75]],
        "W_updated[1]": [[0, 1.5], [-1, 1]],
        "b_updated[1]": [[-1], [0]],
    }
    answer = flat(oracle.traces([case])[0])
    assert {name: array.tolist() for name, array in answer.items()} == expected


@pytest.mark.parametrize(
    ("name", "reduction", "loss", "delta"),
    [
        ("mse", "sum", 5, [[4, -2]]),
        ("mse", "mean", 2.5, [[2, -1]]),
        ("mse", "batchmean", 2.5, [[2, -1]]),
        ("mse", "entrymean", 2.5, [[2, -1]]),
        ("half_squared_error", "mean", 1.25, [[1, -0.5]]),
        ("half_squared_error", "batchmean", 1.25, [[1, -0.5]]),
    ],
)
def test_a_squared_error_is_divided_as_its_reduction_says(
    oracle: Oracle, name: str, reduction: str, loss: float, delta: list[list[float]]
) -> None:
    answer = flat(oracle.traces([_two_layers(LossSpec(name, reduction))])[0])
    assert answer["loss"] == loss
    assert answer["delta[2]"].tolist() == delta


# Two outputs and one sample: "mean" divides by 2 where it is over entries, by 1 where it is over samples.
@pytest.mark.parametrize(
    ("activation", "loss", "total", "delta", "mean_divisor"),
    [
        # σ(log 3) = 3/4 and σ(0) = 1/2: the loss is -log(1/4) - log(1/2) for the labels 0 and 1.
        ("sigmoid", "bce", math.log(8), [[0.75], [-0.5]], 2),
        ("identity", "bce_with_logits", math.log(8), [[0.75], [-0.5]], 2),
        # softmax(log 3, 0) = (3/4, 1/4): the loss is -log(1/4) for the second class.
        ("softmax", "cross_entropy", math.log(4), [[0.75], [-0.75]], 1),
        ("identity", "cross_entropy_with_logits", math.log(4), [[0.75], [-0.75]], 1),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "mean", "batchmean", "entrymean"])
def test_a_cross_entropy_at_log_3_is_what_the_fractions_say(
    oracle: Oracle,
    activation: str,
    loss: str,
    total: float,
    delta: list[list[float]],
    mean_divisor: int,
    reduction: str,
) -> None:
    layer = Layer(np.array([[math.log(3)], [0.0]]), np.zeros((2, 1)), ActivationSpec(activation))
    case = Case(Network((layer,), LossSpec(loss, reduction)), np.ones((1, 1)), np.array([[0.0], [1.0]]))
    divisor = {"mean": mean_divisor, "entrymean": 2}.get(reduction, 1)
    answer = flat(oracle.traces([case])[0])
    assert answer["loss"] == pytest.approx(total / divisor, rel=4 * EPS, abs=0)
    assert answer["delta[1]"] == pytest.approx(np.array(delta) / divisor, rel=8 * EPS, abs=0)


def test_a_negative_learning_rate_goes_up(oracle: Oracle) -> None:
    answer = flat(oracle.traces([_two_layers(LossSpec("half_squared_error", "sum"), rate=-0.25)])[0])
    assert answer["W_updated[1]"].tolist() == [[2, 2.5], [-1, 1]]
    assert answer["b_updated[2]"].tolist() == [[1.25]]


def test_arrays_come_in_the_dtype_of_the_case_or_the_one_asked_for(oracle: Oracle) -> None:
    case = _two_layers(LossSpec("mse"), dtype="float32")
    own, double = flat(oracle.traces([case])[0]), flat(oracle.traces([case], "float64")[0])
    assert {array.dtype.name for array in own.values()} == {"float32"}
    assert {array.dtype.name for array in double.values()} == {"float64"}
    assert {name: array.tolist() for name, array in own.items()} == {
        name: array.tolist() for name, array in double.items()
    }


def test_float64_of_a_float32_case_has_the_roundings_of_float64(oracle: Oracle) -> None:
    case = drawn_case(["tanh", "identity"], LossSpec("mse"), dtype="float32")
    own, double = (flat(oracle.traces([case], dtype)[0])["A[1]"] for dtype in (None, "float64"))
    exact = [
        [float(mpmath.tanh(z)) for z in row] for row in flat(oracle.traces([case], "float64")[0])["Z[1]"]
    ]
    assert np.max(np.abs(double - exact)) <= 8 * EPS
    assert np.max(np.abs(own - exact)) > 8 * EPS


def test_answers_are_copies_that_may_be_written_to(oracle: Oracle) -> None:
    # A single sample: autograd may hand out one tensor as δ and as db.
    case = drawn_case(["identity"], LossSpec("mse"), samples=1)
    answer = flat(oracle.traces([case])[0])
    before = {name: array.copy() for name, array in answer.items()}
    answer["delta[1]"][...] = math.nan
    answer["Z[1]"][...] = math.nan
    for name in before.keys() - {"delta[1]", "Z[1]"}:
        assert np.array_equal(answer[name], before[name]), name


def test_no_cases_give_no_traces(oracle: Oracle) -> None:
    assert list(oracle.traces([])) == []
    assert oracle.steps([]) == []


@pytest.mark.parametrize("name", LOSSES)
def test_steps_on_a_traces_own_numbers_give_that_trace(oracle: Oracle, name: str) -> None:
    case = drawn_case([*list(ACTIVATIONS)[-3:], fitting_output(LossSpec(name))], LossSpec(name))
    trace = oracle.traces([case])[0]
    steps = oracle.steps([own_steps(case, trace)])[0]
    assert trace.A is not None
    assert trace.delta is not None
    assert steps.loss == pytest.approx(float(trace.loss), rel=8 * EPS, abs=0)
    for l in range(case.network.depth):
        assert steps.A[l] == pytest.approx(trace.A[l], rel=8 * EPS, abs=0)
        size = np.max(np.abs(trace.delta[l]))
        assert steps.delta[l] == pytest.approx(trace.delta[l], rel=8 * EPS, abs=8 * EPS * size)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_step_pulls_back_the_cotangent_it_is_given(oracle: Oracle, name: str) -> None:
    for seed in itertools.count():  # until not every unit lies where σ is flat
        case = drawn_case([name, "identity"], LossSpec("mse"), seed=seed)
        inputs = own_steps(case, oracle.traces([case])[0])
        once = oracle.steps([inputs])[0].delta[0]
        if np.any(once != 0):
            break
    twice = oracle.steps([type(inputs)(case, inputs.Z, inputs.A_last, (2 * inputs.dA[0],))])[0].delta[0]
    assert np.any(once != 0)
    assert twice == pytest.approx(2 * once, rel=4 * EPS, abs=0)


def test_steps_compute_a_float32_case_in_float64(oracle: Oracle) -> None:
    case = drawn_case(["tanh", "identity"], LossSpec("mse"), dtype="float32")
    steps = oracle.steps([own_steps(case, oracle.traces([case])[0])])[0]
    assert {array.dtype.name for array in (*steps.A, *steps.delta, steps.dA_last)} == {"float64"}


POINTS = [-30.0, -3.0, -0.125, 0.0, 0.5, 2.0, 17.0]


@pytest.mark.parametrize(
    ("spec", "function"),
    [
        (ActivationSpec("sigmoid"), lambda z: 1 / (1 + mpmath.exp(-z))),
        (ActivationSpec("tanh"), mpmath.tanh),
        (ActivationSpec("softplus", {"beta": 0.5}), lambda z: 2 * mpmath.log1p(mpmath.exp(z / 2))),
    ],
    ids=lambda value: value.name if isinstance(value, ActivationSpec) else "",
)
def test_an_activation_and_its_derivative_are_those_of_mpmath(
    oracle: Oracle, spec: ActivationSpec, function: Callable[[Any], Any]
) -> None:
    value, derivative = oracle.activation(spec, np.array([POINTS]))
    with mpmath.workdps(60):
        exact = [[float(function(mpmath.mpf(z))) for z in POINTS]]
        slope = [[float(mpmath.diff(function, mpmath.mpf(z))) for z in POINTS]]
    # Both frameworks' derivatives lose what 1 - tanh² and a(1 - a) cancel: an absolute error.
    assert value == pytest.approx(np.array(exact), rel=1e-13, abs=0)
    assert derivative == pytest.approx(np.array(slope), rel=1e-13, abs=8 * EPS)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (5000,)], ids=str)
def test_points_may_have_any_shape(oracle: Oracle, shape: tuple[int, ...]) -> None:
    points = np.linspace(0.25, 0.75, math.prod(shape)).reshape(shape)
    value, derivative = oracle.activation(ActivationSpec("relu"), points)
    assert np.array_equal(value, points)
    assert value.shape == derivative.shape == shape
    assert np.all(derivative == 1)
    terms, slopes = oracle.loss_terms(LossSpec("half_squared_error"), points, 0.25)
    assert terms.shape == slopes.shape == shape
    assert slopes == pytest.approx(points - 0.25, rel=EPS, abs=0)


def test_loss_terms_are_those_of_mpmath(oracle: Oracle) -> None:
    points, targets = np.array([[0.125, 0.5], [0.75, 0.875]]), np.array([[0.0], [1.0]])
    terms, slopes = oracle.loss_terms(LossSpec("bce", "sum"), points, targets)
    log = mpmath.log
    assert terms == pytest.approx(
        np.array([[float(-log(0.875)), float(-log(0.5))], [float(-log(0.75)), float(-log(0.875))]]),
        rel=4 * EPS,
        abs=0,
    )
    assert slopes == pytest.approx(np.array([[8 / 7, 2], [-4 / 3, -8 / 7]]), rel=4 * EPS, abs=0)


def test_single_points_of_an_activation_that_mixes_units_are_refused(oracle: Oracle) -> None:
    with pytest.raises(ValueError, match="softmax is not elementwise: it has no derivative at single points"):
        oracle.activation(ActivationSpec("softmax"), [1.0, 2.0])


def test_single_terms_of_a_loss_that_mixes_outputs_are_refused(oracle: Oracle) -> None:
    message = "cross_entropy_with_logits is not a sum of terms of single entries"
    with pytest.raises(ValueError, match=message):
        oracle.loss_terms(LossSpec("cross_entropy_with_logits"), [1.0, 2.0], 1.0)


def test_predictions_that_torchs_bce_raises_on_are_nan_and_the_others_are_not() -> None:
    terms, slopes = TorchOracle().loss_terms(LossSpec("bce"), [-0.125, 0.5, 1.5, math.nan], 1.0)
    assert np.isnan(terms).tolist() == [True, False, True, True]
    assert np.isnan(slopes).tolist() == [True, False, True, True]
    assert (terms[1], slopes[1]) == (pytest.approx(math.log(2)), -2)


@pytest.mark.parametrize("loss", ["bce", "cross_entropy", "cross_entropy_with_logits", "mse"])
def test_a_network_that_overflows_gives_nan_and_raises_nothing(oracle: Oracle, loss: str) -> None:
    layer = Layer(np.full((2, 1), 1e300), np.zeros((2, 1)), ActivationSpec("softmax"))
    case = Case(Network((layer,), LossSpec(loss)), np.full((1, 1), 1e300), np.array([[0.0], [1.0]]))
    answer = flat(oracle.traces([case])[0])
    assert np.all(np.isposinf(answer["Z[1]"]))
    assert np.isnan(answer["loss"])
    assert np.all(np.isnan(answer["delta[1]"]))


WITH_ARRAYS = [name for name, entry in LOSSES.items() if entry.arrays]


@pytest.mark.parametrize("reduction", ["sum", "mean", "batchmean", "entrymean"])
@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_arrays_of_a_loss_count_as_the_reference_has_them(oracle: Oracle, name: str, reduction: str) -> None:
    """All of them at once, and none of the weights is 1; the compiled path of JAX pads them."""
    spec = LossSpec(name, reduction, {}, drawn_arrays(name, (3, 2)))
    case = drawn_case(["tanh", fitting_output(spec)], spec)
    without = drawn_case(["tanh", fitting_output(spec)], LossSpec(name, reduction))
    expected, answer = Backprop().run(case), oracle.traces([case])[0]
    assert answer.delta is not None
    assert expected.delta is not None
    assert answer.loss == pytest.approx(float(expected.loss), rel=16 * EPS, abs=0)
    assert answer.delta[-1] == pytest.approx(expected.delta[-1], rel=64 * EPS, abs=8 * EPS)
    assert answer.loss != pytest.approx(float(oracle.traces([without])[0].loss), rel=1e-3, abs=0)
    (step,) = oracle.steps([own_steps(case, answer)])
    assert step.delta[-1] == pytest.approx(answer.delta[-1], rel=64 * EPS, abs=8 * EPS)
