"""Training steps at two rates, and wrong gradients against their own losses, in this process."""

from typing import Any

import numpy as np
import pytest

from backproof.cases import draw_case
from backproof.judging.own_loss import OWN_LOSS
from backproof.plugging.isolation import InProcess
from backproof.plugging.second_questions import ASKED_AT_MOST
from backproof.subject import PluggedSubject
from oracles.torch_oracle import TorchOracle

DECLARED = {
    "activations": ["tanh", "sigmoid", "identity"],
    "losses": ["half_squared_error"],
    "depth": [2, 3],
    "width": [2, 5],
    "batch": [3, 3],
    "outputs": [5, 5],
    "loss_scale": "/m",
}
VALUE = {"tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "identity": lambda z: z + 0}
SLOPE = {"tanh": lambda a: 1 - a * a, "sigmoid": lambda a: a * (1 - a), "identity": np.ones_like}


def _backward(case: Any, update: Any = None) -> dict[str, Any]:
    """The pass by hand; `update(l, dW, db)` may change the parameters before the error goes through them."""
    A = [case.X]
    for W, b, name in zip(case.W, case.b, case.activations, strict=True):
        A.append(VALUE[name](W @ A[-1] + b))
    W = [w.copy() for w in case.W]
    delta = (A[-1] - case.Y) / case.samples * SLOPE[case.activations[-1]](A[-1])
    dW: list[Any] = []
    db: list[Any] = []
    for l in reversed(range(case.depth)):
        dW.insert(0, delta @ A[l].T)
        db.insert(0, delta.sum(axis=1, keepdims=True))
        if update is not None:
            update(W, l, dW[0])
        if l:
            delta = (W[l].T @ delta) * SLOPE[case.activations[l - 1]](A[l])
    return {"loss": ((A[-1] - case.Y) ** 2).sum() / 2 / case.samples, "dW": dW, "db": db}


def _step(case: Any, answer: dict[str, Any], times: float = 1.0) -> dict[str, Any]:
    rate = case.X.dtype.type(times * case.learning_rate)
    return {
        "W_updated": [W - rate * dW for W, dW in zip(case.W, answer["dW"], strict=True)],
        "b_updated": [b - rate * db for b, db in zip(case.b, answer["db"], strict=True)],
    }


def _judged(function: Any, cases: int = 6, **declared: Any) -> list[Any]:
    function.backproof = DECLARED | declared
    subject = PluggedSubject(InProcess(function), "here", name="mine")
    draw = subject.draw(subject.plugged.declaration.draw_options())
    panel = subject.panel([TorchOracle()], None)
    return panel.judge([draw_case(3, index, "float64", draw).case for index in range(cases)])


def _reasons(judgements: list[Any], verdict: str) -> list[str]:
    return [check.reason for j in judgements for check in j.checks if check.verdict == verdict]


# ---------------------------------------------------------------- training steps


def test_a_right_step_conforms_and_its_inferred_gradients_are_judged_at_two_rates():
    asked = []

    def step(case: Any) -> Any:
        asked.append(case.learning_rate)
        return _step(case, _backward(case))

    judgements = _judged(step)
    assert {judgement.verdict for judgement in judgements} == {"conforms"}
    for judgement in judgements:
        inferred = [c for c in judgement.checks if c.quantity == "dW" and c.left == "mine"]
        rates_and_layers = 2 * judgement.case.network.depth
        assert len([c for c in inferred if c.right == "torch"]) == rates_and_layers
        rate = judgement.case.learning_rate
        assert {abs(rate), 16 * abs(rate)} <= {abs(each) for each in asked} or {
            abs(rate),
            abs(rate) / 16,
        } <= {abs(each) for each in asked}


def test_parameters_updated_before_the_error_goes_through_them_are_told_by_the_rate():
    def early(case: Any) -> Any:
        def update(W: Any, l: int, dW: Any) -> None:
            W[l] -= case.X.dtype.type(case.learning_rate) * dW

        return _step(case, _backward(case, update))

    judgements = _judged(early)
    assert "mismatch" in {judgement.verdict for judgement in judgements}
    told = [reason for reason in _reasons(judgements, "mismatch") if "inferred" in reason]
    assert any("the error is proportional to the learning rate" in reason for reason in told)


def test_a_gradient_that_is_wrong_itself_is_told_otherwise():
    def doubled(case: Any) -> Any:
        answer = _backward(case)
        answer["dW"][0] = 2 * answer["dW"][0]
        return _step(case, answer)

    told = [reason for reason in _reasons(_judged(doubled), "mismatch") if "inferred" in reason]
    assert any("the error does not depend on the learning rate" in reason for reason in told)
    assert not any("proportional" in reason for reason in told)


# ---------------------------------------------------------------- the own loss


def test_a_constant_between_loss_and_gradient_is_named_with_scale_and_cosine():
    def by_samples(case: Any) -> Any:
        answer = _backward(case)
        return answer | {name: [3 * x for x in answer[name]] for name in ("dW", "db")}  # there are 3 samples

    reasons = _reasons(_judged(by_samples), "mismatch")
    assert any("gradients are 3 x the expected ones, cosine 1.000000" in reason for reason in reasons)
    assert any("3 (m) times that of the implementation's own loss" in reason for reason in reasons)


def test_loss_and_gradient_that_are_both_twice_as_large_do_not_contradict_each_other():
    def twice(case: Any) -> Any:
        answer = _backward(case)
        gradients = {name: [2 * x for x in answer[name]] for name in ("dW", "db")}
        return {"loss": 2 * answer["loss"], **gradients}

    judgements = _judged(twice)
    own = [check for j in judgements for check in j.checks if check.right == OWN_LOSS]
    assert {check.verdict for check in own} == {"conforms"}
    assert {j.verdict for j in judgements} == {"mismatch"}


@pytest.mark.long
def test_only_so_many_wrong_gradients_are_held_against_their_own_losses():
    def wrong(case: Any) -> Any:
        answer = _backward(case)
        return answer | {"db": [2 * x for x in answer["db"]]}

    judgements = _judged(wrong, cases=ASKED_AT_MOST + 3)
    assert sum(check.right == OWN_LOSS for j in judgements for check in j.checks) == ASKED_AT_MOST


@pytest.mark.long
def test_what_is_declared_out_of_step_is_a_convention_and_each_is_judged_by_its_own_scale():
    def out_of_step(case: Any) -> Any:
        answer = _backward(case)
        return answer | {"loss": answer["loss"] / case.widths[-1]}

    judgements = _judged(out_of_step, loss_scale="/(m n_out)", gradient_scale="/m")
    assert {judgement.verdict for judgement in judgements} == {"convention"}
    assert any(
        "as declared, the gradient is 5 (n_out) times that of the implementation's own loss" in reason
        for reason in _reasons(judgements, "convention")
    )
    for judgement in judgements:
        conforming = {c.quantity for c in judgement.checks if c.left == "mine" and c.verdict == "conforms"}
        assert {"loss", "dW", "db"} <= conforming


@pytest.mark.long
@pytest.mark.parametrize("scale", ["/m", "/(m n_out)"])
def test_and_what_is_not_declared_so_is_a_mismatch(scale: str):
    def out_of_step(case: Any) -> Any:
        answer = _backward(case)
        return answer | {"loss": answer["loss"] / case.widths[-1]}

    assert "mismatch" in {judgement.verdict for judgement in _judged(out_of_step, loss_scale=scale)}
