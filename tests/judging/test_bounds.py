"""Bounds hold, |answer - truth| ≤ bound, for everyone and everywhere, and are sharp enough to tell."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exact_values import distances, exact_trace
from judge_cases import PAIRS, checks_of, drawn_case, tiny_network
from measuring import SOURCES, oracle_of

from backproof.judging import bounds
from backproof.judging.bounds import propagated
from backproof.judging.deviations import deviations_of, shown
from backproof.judging.judge import Table
from backproof.judging.levels import levels_of
from backproof.judging.panel import Panel
from backproof.judging.rounding import precision
from backproof.judging.verdicts import Judgement
from oracles.ball_oracle import BallOracle
from oracles.layout import Layout
from refimpl import (
    ACTIVATIONS,
    DTYPES,
    QUANTITIES,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    LossSpec,
    Network,
    Trace,
)

SEEDS = (1, 2)


def _answers(case: Case) -> Iterator[tuple[str, Trace]]:
    """Everyone's trace, but for those that a declared deviation touches."""
    yield "refimpl", Backprop().run(case)
    for source in SOURCES[1:]:
        trace = oracle_of(source).traces([case])[0]
        if not shown(deviations_of(source), case, trace):
            yield source, trace


def _carried(case: Case) -> Any:
    """Quantity → bounds, first for the case's own precision, last for float64."""
    return propagated(case, oracle_of("torch"), levels_of(case.dtype, about_centre=True))


def _largest_ratio(trace: Trace, truth: Any, E: Any, level: int = 0) -> tuple[float, str]:
    """max |answer - truth| / bound over all entries of all quantities, and where."""
    worst = (0.0, "")
    for (quantity, index), error in distances(trace, truth).items():
        bound = (E[quantity][index] if QUANTITIES[quantity] else E[quantity])[level]
        with np.errstate(all="ignore"):
            ratio = float(np.max(np.where(error == 0, 0.0, error / bound)))
        worst = max(worst, (ratio, f"{quantity}[{index + 1}]"))
    return worst


# ---------------------------------------------------------------- carried through the network


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_carried_bounds_hold_for_the_reference_torch_and_jax(activation: str, loss: str, dtype: str) -> None:
    for seed in SEEDS:
        case = tiny_network(activation, loss, dtype, seed)
        truth, E = exact_trace(case), _carried(case)
        for source, trace in _answers(case):
            ratio, where = _largest_ratio(trace, truth, E)
            assert ratio <= 1, (
                f"{source}'s {where} is {ratio:.3g} times its bound from the truth, seed {seed}"
            )
        double = oracle_of("torch").traces([case], "float64")[0]
        if shown(deviations_of("torch"), case, double):
            double = oracle_of("jax").traces([case], "float64")[0]
        assert _largest_ratio(double, truth, E, level=-1)[0] <= 1


def _scaled(case: Case, power: int) -> Case:
    """The case with its weights and data multiplied by a power of two."""
    layers = tuple(Layer(k.W * k.W.dtype.type(2.0**power), k.b, k.activation) for k in case.network.layers)
    return Case(Network(layers, case.network.loss), case.X * case.X.dtype.type(2.0**power), case.Y, 0.25)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [-40, -12, 3, 6], ids=lambda power: f"times 2^{power}")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_carried_bounds_hold_for_small_and_saturating_numbers(
    activation: str, power: int, dtype: str
) -> None:
    case = _scaled(tiny_network(activation, "half_squared_error", dtype, seed=4), power)
    truth, E = exact_trace(case), _carried(case)
    for source, trace in _answers(case):
        ratio, where = _largest_ratio(trace, truth, E)
        assert ratio <= 1, f"{source}'s {where} is {ratio:.3g} times its bound from the truth"


def _cancelling(case: Case) -> Case:
    """The case with a first layer that takes differences of nearly equal numbers, 2^10 times what is left.

    So errors are some hundred roundings from there on, and what the next steps add is nothing beside them.
    """
    first, *rest = case.network.layers
    big = case.dtype.type(2.0**10)
    W = np.stack([first.W[:, 0] * big, first.W[:, 1] - first.W[:, 0] * big], axis=1)
    X = np.stack([case.X[0], case.X[0] + case.X[1] / big])
    layers = (Layer(W, first.b, first.activation), *rest)
    return Case(Network(layers, case.network.loss), X, case.Y, case.learning_rate)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_carried_bounds_hold_where_cancellation_has_enlarged_the_errors(
    activation: str, loss: str, dtype: str
) -> None:
    case = _cancelling(tiny_network(activation, loss, dtype, seed=7))
    truth, E = exact_trace(case), _carried(case)
    ratios = {source: _largest_ratio(trace, truth, E) for source, trace in _answers(case)}
    assert max(ratio for ratio, _ in ratios.values()) <= 1, ratios


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_a_carried_bound_a_hundredth_as_wide_would_not_hold(activation: str, loss: str, dtype: str) -> None:
    """So carried bounds of tiny networks overrate what happens by less than a hundred times."""
    case = tiny_network(activation, loss, dtype, seed=1)
    truth, E = exact_trace(case), _carried(case)
    assert _largest_ratio(Backprop().run(case), truth, E)[0] > 0.01


@pytest.mark.parametrize("dtype", DTYPES)
def test_about_a_centre_the_roundings_of_the_centre_count_too(dtype: str) -> None:
    """P0: the centre is computed in float64, so u and γ_n are sums; the second level is that of oracles."""
    u = {"float32": 2.0**-24, "float64": 2.0**-53}
    about = levels_of(dtype, about_centre=True)
    assert about.u.ravel()[0] == u[dtype] + 2.0**-53
    assert about.u.ravel()[-1] == 2.0**-52
    gamma = 5 * u[dtype] / (1 - 5 * u[dtype]) + 5 * 2.0**-53 / (1 - 5 * 2.0**-53)
    assert about.gamma(5).ravel()[0] == pytest.approx(gamma, rel=1e-15, abs=0)
    assert levels_of(dtype).u.ravel()[0] == u[dtype]


@pytest.mark.parametrize("counts", [[3, 1, 3, 2, 1, 3], [1, 10**6, 2**24], [[1, 2, 1], [2, 1, 2]]])
def test_gamma_of_each_entry_is_that_of_its_number_of_terms(counts: Any) -> None:
    levels = levels_of("float32", 2)
    found = levels.gamma(np.array(counts))
    expected = [np.vectorize(precision(name).gamma)(counts) for name in ("float32", "float64")]
    assert found.shape == (2, *(1,) * (2 - np.ndim(counts)), *np.shape(counts))
    np.testing.assert_allclose(found.reshape(2, *np.shape(counts)), expected, rtol=1e-15)


def test_known_sums_are_worked_out_again_only_for_cases_with_an_error() -> None:
    """Three cases, of which the second has one entry that is off: (|δ| + E_δ)(|A| + E_A)^T and what moves."""
    own, below, layout = Layout([(2, 1)] * 3), Layout([(1, 1)] * 3), Layout([(2, 1)] * 3)
    delta, A = np.array([1.0, -2, 3, 4, -5, 6]), np.array([2.0, 4.0, -8.0])
    E_delta, E_A = np.zeros((1, 6)), np.zeros((1, 3))
    E_delta[0, 2] = 0.5
    levels, known = levels_of("float64", exact=True), np.array([2.0, 4, 12, 16, 40, 48])
    given = (levels, (own, below), delta, E_delta, A, E_A, layout)
    np.testing.assert_array_equal(bounds.weight_gradient(*given, sums=known), bounds.weight_gradient(*given))
    wrong = known + 1
    found, right = bounds.weight_gradient(*given, sums=wrong), bounds.weight_gradient(*given)
    assert (found == right).tolist() == [[False, False, True, True, False, False]]
    _, moved = bounds._moved_sums(
        layout, [(own, E_delta), (below, E_A)], known, lambda _: (known[2:4], np.array([2.0, 0.0]))
    )
    assert moved.tolist() == [[0, 0, 2, 0, 0, 0]]
    assert bounds._moved_sums(layout, [(below, E_A)], known, lambda _: pytest.fail("asked"))[1] == 0.0


def test_where_an_intermediate_sum_can_overflow_the_bound_is_infinite() -> None:
    """3e38 · 1 - 3e38 · 1 is 0, but the sum of magnitudes is no float32; with 1e37 it is."""
    for weight, judged in ((1e37, True), (3e38, False)):
        W = np.array([[weight, -weight]], np.float32)
        layer = Layer(W, np.zeros((1, 1), np.float32), ActivationSpec("identity"))
        ones = np.ones((2, 1), np.float32)
        case = Case(Network((layer,), LossSpec("mse", "sum")), ones, ones[:1])
        assert np.isfinite(_carried(case)["Z"][0][0]).all() == judged


# ---------------------------------------------------------------- of single steps


def _judged_by_truth(case: Case, answers: list[tuple[str, Trace]]) -> Judgement:
    """Answers held against exact values alone, under the judge's own bounds."""
    oracle = BallOracle()
    table = Table(case, dict(answers))
    steps = {name: {"truth": oracle.steps([inputs])[0]} for name, inputs in table.step_requests()}
    return table.judge({"truth": oracle.traces([case], "float64")[0]}, steps, oracle)


def _is_well_posed(case: Case, trace: Trace) -> bool:
    """Whether no quantity is 0 throughout, and no prediction on the end of what the loss takes."""
    assert trace.A is not None
    domain = case.network.loss.entry.prediction_domain
    if np.any((trace.A[-1] == domain.low) | (trace.A[-1] == domain.high)):
        return False
    parts = [getattr(trace, name) if QUANTITIES[name] else [getattr(trace, name)] for name in QUANTITIES]
    return all(np.any(array) for arrays in parts for array in arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_every_step_of_everyone_conforms_to_exact_values_and_is_resolved(
    activation: str, loss: str, dtype: str
) -> None:
    # A quantity that is 0 throughout, as sums of slopes 1 and -1 may be, has no digits to be resolved.
    drawn = (tiny_network(activation, loss, dtype, seed) for seed in itertools.count(5))
    case = next(case for case in drawn if _is_well_posed(case, Backprop().run(case)))
    answers = list(_answers(case))
    judgement = _judged_by_truth(case, answers)
    local = [check for check in judgement.checks if check.scope == "local"]
    assert {check.left for check in local} == {source for source, _ in answers}
    assert len(answers) > 1
    assert {check.quantity for check in local} == set(QUANTITIES)
    assert {check.verdict for check in judgement.checks} == {"conforms"}
    assert judgement.resolved("local")


class _GradientOff(Backprop):
    """dW of the last layer is off by a given relative error."""

    def __init__(self, error: float) -> None:
        self.error = error

    def run(self, case: Case) -> Trace:
        trace = super().run(case)
        assert trace.dW is not None
        last = trace.dW[-1].astype(np.float64) * (1 + self.error)
        return replace(trace, dW=(*trace.dW[:-1], last.astype(case.dtype)), W_updated=None)


def _verdicts_on_dw(case: Case, error: float) -> dict[str, str]:
    """Scope → verdict on dW of the last layer."""
    judgement = Panel(_GradientOff(error), [oracle_of("torch")]).judge([case])[0]
    depth = case.network.depth
    checks = checks_of(judgement, "dW")
    return {check.scope: check.verdict for check in checks if check.layer == depth}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(10))
def test_an_error_of_60_u_in_dw_is_caught_locally_in_a_small_network(seed: int, dtype: str) -> None:
    u = precision(dtype).u
    case = drawn_case(["tanh", "sigmoid", "identity"], "mse", dtype, width=6, samples=8, seed=seed)
    assert _verdicts_on_dw(case, 60 * u)["local"] == "mismatch"
    assert _verdicts_on_dw(case, 0.0)["local"] == "conforms"


def test_an_error_inside_the_carried_bound_is_caught_on_the_steps_own_inputs() -> None:
    case = drawn_case(["tanh"] * 4 + ["identity"], "mse", "float32", width=16, samples=8, seed=2)
    assert _verdicts_on_dw(case, 100 * 2.0**-24) == {"local": "mismatch", "end to end": "conforms"}
    assert _verdicts_on_dw(case, 1e-2)["end to end"] == "mismatch"


# ---------------------------------------------------------------- subnormal numbers


def _subnormal_case(activation: str, dtype: str, place: str) -> Case:
    """A case with W A or b subnormal in part: data or weights are, and the others are 2^20 times as large."""
    case, tiny = drawn_case([activation, "identity"], "mse", dtype, seed=6), np.finfo(dtype).tiny
    first, last = case.network.layers

    def shrunk(array: Any) -> Any:
        return (np.sign(array) * tiny * np.minimum(np.abs(array) / 4, 0.75)).astype(dtype)

    W, b, X = first.W, first.b, case.X
    if place == "biases":
        b, X = shrunk(b), np.zeros_like(X)
    else:
        W, X = (shrunk(W), X * 2**20) if place == "weights" else (W * 2**20, shrunk(X))
        b = np.zeros_like(b)
    layer = Layer(W.astype(dtype), b, first.activation)
    return Case(Network((layer, last), case.network.loss), X.astype(dtype), case.Y, 0.25)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "place",
    [
        "data",
        "weights",
        "biases",
    ],
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_subnormal_numbers_may_be_read_as_zero_and_still_conform(
    activation: str, place: str, dtype: str
) -> None:
    """JAX flushes them on the CPU, NumPy and torch do not: all conform, to each other and to the truth.

    But a number that is flushed lands on a kink at 0.
    """
    case = _subnormal_case(activation, dtype, place)
    kinks = ACTIVATIONS[activation].kinks(case.network.layers[0].activation.parameters)
    allowed = {"conforms", "convention"} if kinks else {"conforms"}
    if len(list(_answers(case))) < len(SOURCES):
        allowed |= {"known deviation"}
    judgement = Panel(Backprop(), [oracle_of("torch"), oracle_of("jax")]).judge([case])[0]
    assert judgement.verdict in allowed
    assert _judged_by_truth(case, list(_answers(case))).verdict in allowed


def test_subnormals_do_not_excuse_the_other_layer() -> None:
    case = _subnormal_case("sigmoid", "float32", "weights")
    assert _verdicts_on_dw(case, 0.0)["local"] == "conforms"
    assert _verdicts_on_dw(case, 1e-5)["local"] == "mismatch"
