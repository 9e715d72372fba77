"""The reduction "entrymean": the sum of terms over outputs and samples, whatever the loss, in all oracles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from oracle_cases import drawn_case, fitting_output, flat

from oracles.ball_oracle import BallOracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import (
    LOSSES,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    LossSpec,
    Network,
    case_from_json,
    case_to_json,
)

EPS = float(np.finfo("float64").eps)
SIDES = {
    "reference": lambda case: Backprop().run(case),
    "torch": lambda case: TorchOracle().traces([case])[0],
    "jax": lambda case: JaxOracle().traces([case])[0],
    "jax, plain": lambda case: JaxOracle().plain().traces([case])[0],
    "truth": lambda case: BallOracle().traces([case])[0],
}


def _two_outputs_three_samples(activation: str, loss: str, Y: Any, Z: Any) -> Case:
    layer = Layer(np.eye(2), np.zeros((2, 1)), ActivationSpec(activation))
    network = Network((layer,), LossSpec(loss, "entrymean"))
    return Case(network, np.array(Z, dtype=float), np.array(Y, dtype=float))


CLASS_2 = [[0, 0, 0], [1, 1, 1]]
# Name → (activation, targets, pre-activations, the sum of terms, its gradient, what both are divided by).
WORKED: dict[str, tuple[str, Any, Any, float, Any, int]] = {
    # (2² + 0² + 2²) + (1² + 1² + 0²) = 10 and 2(a - y); over entries it is what "mean" gives.
    "mse": ("identity", np.zeros((2, 3)), [[2, 0, -2], [1, -1, 0]], 10, [[4, 0, -4], [2, -2, 0]], 6),
    # softmax(log 3, 0) = (3/4, 1/4), three times -log(1/4); its "mean" divides by 3.
    "cross_entropy_with_logits": (
        "identity", CLASS_2, [[math.log(3)] * 3, [0] * 3], 3 * math.log(4), [[0.75] * 3, [-0.75] * 3], 6,
    ),
    # max(0, 1 - a_2 + a_1) = 1 + 2 in each sample, over its 2 outputs as ever, and once more over 6.
    "multi_margin": ("identity", CLASS_2, [[2] * 3, [0] * 3], 9, [[1] * 3, [-1] * 3], 12),
}  # fmt: skip


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("loss", WORKED)
def test_a_loss_of_two_outputs_and_three_samples_is_divided_as_worked_by_hand(loss: str, side: str) -> None:
    activation, Y, Z, total, gradient, divisor = WORKED[loss]
    answer = flat(SIDES[side](_two_outputs_three_samples(activation, loss, Y, Z)))
    assert answer["loss"] == pytest.approx(total / divisor, rel=4 * EPS, abs=0)
    assert answer["delta[1]"] == pytest.approx(np.array(gradient) / divisor, rel=8 * EPS, abs=0)


@pytest.mark.long
@pytest.mark.parametrize("side", [side for side in SIDES if side != "reference"])
@pytest.mark.parametrize("name", LOSSES)
def test_every_side_divides_every_loss_alike(name: str, side: str) -> None:
    spec = LossSpec(name, "entrymean")
    case = drawn_case([fitting_output(spec)], spec, width=3, samples=2)
    expected, answer = flat(Backprop().run(case)), flat(SIDES[side](case))
    assert answer["loss"] == pytest.approx(float(expected["loss"]), rel=64 * EPS, abs=0)
    assert answer["delta[1]"] == pytest.approx(expected["delta[1]"], rel=64 * EPS, abs=16 * EPS)


@pytest.mark.parametrize("name", LOSSES)
def test_it_is_the_mean_where_that_is_over_entries_and_the_mean_over_the_outputs_elsewhere(name: str) -> None:
    case, mean = (
        drawn_case([fitting_output(LossSpec(name))], LossSpec(name, reduction), width=3, samples=2)
        for reduction in ("entrymean", "mean")
    )
    ours, usual = (float(BallOracle().traces([each])[0].loss) for each in (case, mean))
    factor = 1 if LOSSES[name].mean_over == "entries" else 3
    assert ours * factor == pytest.approx(usual, rel=4 * EPS, abs=0)


def test_a_case_with_it_is_read_back_from_json() -> None:
    case = drawn_case(["identity"], LossSpec("mse", "entrymean"))
    assert case_from_json(case_to_json(case)) == case
    assert case.network.loss.reduction == "entrymean"
