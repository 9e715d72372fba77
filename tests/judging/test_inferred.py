"""M6 and M7: gradients inferred from an update, and what two learning rates tell of what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judge_cases import drawn_case

from backproof.cases.drawing import draw_case
from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.direction import scale_and_cosine
from backproof.judging.inferred import (
    CONSTANT_REASON,
    PROPORTIONAL_REASON,
    TWICE_REASON,
    inferred_gradients,
    inferred_trace,
    judge_inferred,
    proportional_to_rate,
)
from oracles.ball_oracle import BallOracle
from oracles.torch_oracle import TorchOracle
from refimpl import DTYPES, Backprop, Case, Trace

TORCH = TorchOracle()
BOTH = pytest.mark.parametrize("dtype", DTYPES)
NETWORK = ["tanh", "sigmoid", "softplus", "identity"]


def _step(implementation: Any, case: Case) -> Trace:
    """Only the updated parameters."""
    trace = implementation.run(case)
    return Trace(W_updated=trace.W_updated, b_updated=trace.b_updated)


def _at(case: Case, rate: float) -> Case:
    return replace(case, learning_rate=rate)


def _verdicts(implementation: Any, case: Case) -> set[str]:
    (centre,) = TORCH.traces([case], "float64")
    checks = judge_inferred(case, _step(implementation, case), {"torch": centre}, TORCH, "mine")
    return {check.verdict for check in checks}


def _law(implementation: Any, case: Case, rates: tuple[float, float] = (0.5, 0.125)) -> str:
    cases = (_at(case, rates[0]), _at(case, rates[1]))
    traces = (_step(implementation, cases[0]), _step(implementation, cases[1]))
    (exact,) = TORCH.traces([case], "float64")
    return proportional_to_rate(cases, traces, exact, TORCH)


class _Torch:
    def run(self, case: Case) -> Trace:
        return TORCH.traces([case])[0]


class UpdatesFirst(Backprop):
    """Updates W[l+1] before the error goes through it."""

    def run(self, case: Case) -> Trace:
        Z, A, loss = self.forward(case)
        layers, rate = case.network.layers, case.dtype.type(case.learning_rate)
        dA = self.loss_gradient(A[-1], case.Y, case.network.loss)
        W_new, b_new = [], []
        for l in range(len(layers), 0, -1):
            layer = layers[l - 1]
            delta = self.hidden_error(dA, Z[l - 1], A[l], layer.activation)
            W_new.insert(0, layer.W - rate * self.weight_gradient(delta, A[l - 1]))
            b_new.insert(0, layer.b - rate * self.bias_gradient(delta))
            dA = self.activation_gradient(W_new[0], delta)
        return Trace(loss=loss, W_updated=tuple(W_new), b_updated=tuple(b_new))


class _Updates(Backprop):
    """An update other than W - η dW, by how much it subtracts."""

    def __init__(self, weight: Any, bias: Any = None) -> None:
        self.subtracted = weight, bias or (lambda _b, db, rate: rate * db)

    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        return W - self.subtracted[0](W, dW, learning_rate)

    def update_bias(self, b: Any, db: Any, learning_rate: float) -> Any:
        return b - self.subtracted[1](b, db, learning_rate)


def _right(_W: Any, dW: Any, rate: float) -> Any:
    return rate * dW


def _squared(_W: Any, dW: Any, rate: float) -> Any:
    return rate * rate * dW


def _upwards(_W: Any, dW: Any, rate: float) -> Any:
    return -rate * dW


TWICE = _Updates(_squared, _squared)
ASCENDS = _Updates(_upwards, _upwards)
NO_BIAS = _Updates(_right, lambda b, _db, _rate: 0 * b)
DECAYS = _Updates(lambda W, dW, rate: rate * (dW + W / 8))


# ---------------------------------------------------------------- no alarm


@pytest.mark.long
@pytest.mark.parametrize("implementation", [Backprop(), _Torch()], ids=["reference", "torch"])
def test_no_correct_update_is_found_wrong_whatever_is_drawn_and_at_whatever_rate(implementation: Any) -> None:
    name = "torch" if isinstance(implementation, _Torch) else "reference"
    found: Counter[str] = Counter()
    laws: Counter[str] = Counter()
    for index in range(60):
        case = draw_case(17, index, DTYPES[index % 2]).case
        (centre,) = TORCH.traces([case], "float64")
        for rate in (0.5, 2.0**-20, 1e6):
            moved = _at(case, rate)
            checks = judge_inferred(moved, _step(implementation, moved), {"torch": centre}, TORCH, name)
            found.update(check.verdict for check in checks)
        if index % 4 == 0:
            laws[_law(implementation, case)] += 1
    assert set(found) <= {"conforms", "not judged", "known deviation"}
    assert found["conforms"] > found["not judged"]
    assert set(laws) == {""}


@BOTH
def test_the_inferred_gradient_is_within_its_bound_of_the_truth(dtype: str) -> None:
    case = _at(drawn_case(["tanh", "sigmoid"], "bce", dtype), 0.1)
    (exact,) = BallOracle().traces([case], "float64")
    checks = judge_inferred(case, _step(Backprop(), case), {"truth": exact}, TORCH, "mine")
    assert {check.verdict for check in checks} == {"conforms"}
    assert {(check.quantity, check.layer) for check in checks} == {
        (quantity, layer) for quantity in ("dW", "db") for layer in (1, 2)
    }
    assert all(check.right == "truth" and check.scope == "end to end" for check in checks)


def test_an_inferred_gradient_by_hand() -> None:
    case = _at(drawn_case(["identity"], dtype="float64", width=1, samples=1), 0.25)
    layer = case.network.layers[0]
    step = Trace(W_updated=(layer.W - 0.5,), b_updated=(layer.b + 0.25,))
    found = inferred_gradients(case, step)
    assert float(found["dW"][0][0, 0]) == pytest.approx(2)
    assert float(found["db"][0][0, 0]) == pytest.approx(-1)


# ---------------------------------------------------------------- alarms


@BOTH
def test_updating_before_propagating_is_caught_at_a_realistic_rate_and_not_at_a_tiny_one(dtype: str) -> None:
    case = drawn_case(NETWORK, dtype=dtype)
    tiny = 2.0**-21 if dtype == "float32" else 2.0**-50
    assert "mismatch" not in _verdicts(UpdatesFirst(), _at(case, tiny))
    assert "mismatch" in _verdicts(UpdatesFirst(), _at(case, 0.25))


@BOTH
@pytest.mark.parametrize("implementation", [TWICE, ASCENDS, NO_BIAS, DECAYS])
def test_a_wrong_update_is_a_mismatch_that_says_that_it_was_inferred(implementation: Any, dtype: str) -> None:
    case = _at(drawn_case(NETWORK, dtype=dtype), 0.25)
    (centre,) = TORCH.traces([case], "float64")
    checks = judge_inferred(case, _step(implementation, case), {"torch": centre}, TORCH, "mine")
    wrong = [check for check in checks if check.verdict == "mismatch"]
    assert wrong
    assert {check.reason for check in wrong} == {"outside the bound, inferred from the updated parameters"}
    if implementation is NO_BIAS:
        assert {(check.quantity, check.observed) for check in wrong} == {("db", 0.0)}


@BOTH
@pytest.mark.parametrize(
    ("implementation", "reason"),
    [
        (UpdatesFirst(), PROPORTIONAL_REASON),
        (MISTAKES["derivative-forgotten"].implementation(), CONSTANT_REASON),
        (ASCENDS, CONSTANT_REASON),
        (NO_BIAS, CONSTANT_REASON),
        (DECAYS, CONSTANT_REASON),
        (TWICE, TWICE_REASON),
        (Backprop(), ""),
    ],
)
def test_two_rates_tell_what_is_wrong(implementation: Any, reason: str, dtype: str) -> None:
    for seed in range(4):
        assert _law(implementation, drawn_case(NETWORK, dtype=dtype, seed=seed)) == reason


def test_what_follows_no_law_has_no_reason() -> None:
    odd = _Updates(lambda W, dW, rate: rate * dW * W.dtype.type(1 + np.sin(9 * rate)))
    assert _law(odd, drawn_case(NETWORK)) == ""


def test_at_equal_rates_or_a_rate_of_zero_nothing_is_said() -> None:
    case = drawn_case(NETWORK)
    assert _law(UpdatesFirst(), case, (0.5, 0.5)) == ""
    assert _law(UpdatesFirst(), case, (0.5, 0.0)) == ""
    assert inferred_gradients(_at(case, 0.0), _step(Backprop(), case)) == {}
    assert judge_inferred(_at(case, 0.0), _step(Backprop(), case), {}, TORCH, "mine") == []


def test_a_malformed_or_missing_part_is_left_out() -> None:
    case = drawn_case(NETWORK)
    step = _step(Backprop(), case)
    assert set(inferred_gradients(case, replace(step, b_updated=None))) == {"dW"}
    assert set(inferred_gradients(case, replace(step, W_updated=step.W_updated[:1]))) == {"db"}  # type: ignore[index]
    assert inferred_gradients(case, Trace()) == {}


def test_a_non_finite_update_on_ordinary_numbers_is_a_mismatch() -> None:
    broken = _Updates(lambda W, _dW, _rate: W * np.nan)
    assert "mismatch" in _verdicts(broken, drawn_case(NETWORK))


def test_the_scale_of_an_inferred_gradient_tells_a_wrong_sign() -> None:
    case = _at(drawn_case(NETWORK), 0.25)
    (exact,) = TORCH.traces([case], "float64")
    scale, cosine = scale_and_cosine(inferred_trace(case, _step(ASCENDS, case)), exact)
    assert (scale, cosine) == pytest.approx((-1, -1), rel=1e-3)
