"""The truth as the only oracle rejects every wrong formula; with a wrong line of its own it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from judge_cases import case_of_z, drawn_case

from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.adjudication import Truth
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING
from oracles import ball_activations, ball_losses
from oracles.ball_oracle import BallOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ActivationSpec, Backprop, Case, LossSpec

CASES = [
    drawn_case(["tanh", "softmax"], "cross_entropy", dtype="float32"),
    drawn_case(["softplus", "softmax", "identity"], LossSpec("mse", "mean"), dtype="float64"),
    drawn_case(
        [ActivationSpec("leaky_relu", {"negative_slope": 0.25}), ActivationSpec("softplus", {"beta": 2.0})],
        dtype="float32",
        seed=2,
    ),
    case_of_z([[100.0], [0.0]], "softmax", Y=[[1.0], [0.0]], dtype="float32"),
]
OVERFLOWS = "softmax-without-maximum"
"""A formula that is right but for its overflow."""
WRONG_FORMULAS = [
    *(name for name, mistake in MISTAKES.items() if mistake.shows_anywhere),
    *("softmax-elementwise", "parameters-ignored"),
]


def _verdicts(implementation: Any) -> list[str]:
    return [j.verdict for j in Panel(implementation, [BallOracle()]).judge(CASES)]


@pytest.mark.parametrize("name", [*WRONG_FORMULAS, OVERFLOWS])
def test_every_mistake_is_a_mismatch_somewhere(name: str) -> None:
    verdicts = _verdicts(MISTAKES[name].implementation())
    assert ("unstable" if name == OVERFLOWS else "mismatch") in verdicts


@pytest.mark.parametrize("name", WRONG_FORMULAS)
def test_it_is_blamed_on_its_own_equation(name: str) -> None:
    blamed = set()
    for judgement in Panel(MISTAKES[name].implementation(), [BallOracle()]).judge(CASES):
        blamed |= {c.equation for c in judgement.checks if c.scope == "local" and c.verdict in FAILING}
    assert MISTAKES[name].equation in blamed
    assert blamed <= {*MISTAKES[name].equations, "B4", "B5"}


def test_the_reference_conforms() -> None:
    assert set(_verdicts(Backprop())) == {"conforms"}


def test_exact_values_that_are_rounded_one_by_one_are_judged_as_nobodys_answers() -> None:
    for oracles in ([BallOracle()], [TorchOracle(), BallOracle()]):
        for judgement in Panel(Backprop(), oracles).judge(CASES):
            assert "truth" not in {check.left for check in judgement.checks}
            assert "truth" in {check.right for check in judgement.checks}


@pytest.mark.parametrize(
    ("z", "activation"), [(300.0, "logsigmoid"), (-1e-100, "elu"), (1e-40, "tanhshrink")]
)
def test_an_answer_far_smaller_than_its_neighbours_is_judged_by_its_own_size(
    z: float, activation: str
) -> None:
    case = case_of_z([[z, 1.0, -2.0]], activation, Y=[[0.5, 0.25, 0.75]])
    assert Panel(Backprop(), [BallOracle()]).judge([case])[0].verdict == "conforms"


def _smaller_slope(z: Any, negative_slope: Any) -> Any:
    return ball_activations.split(z, 0, lambda z: z, lambda z: negative_slope / 2 * z)


ELEMENTWISE = ball_activations.ELEMENTWISE
WRONG: list[tuple[Any, str, Callable[..., Any], Case, str]] = [
    (
        ball_activations.ELEMENTWISE,
        "sigmoid",
        lambda z: 1 / (1 + (-2 * z).exp()),
        drawn_case(["sigmoid"]),
        "A",
    ),
    (ELEMENTWISE, "leaky_relu", _smaller_slope, drawn_case(["leaky_relu"]), "delta"),
    (
        ball_activations.OF_COLUMNS,
        "softmax",
        lambda column: [z.exp() / sum((2 * z).exp() for z in column).sqrt() for z in column],
        drawn_case(["softmax"]),
        "A",
    ),
    (ball_losses.TERMS, "mse", lambda a, y: (a - y) * (a - y) / 2, drawn_case(["tanh"], "mse"), "loss"),
]


@pytest.mark.parametrize(("table", "name", "line", "case", "quantity"), WRONG, ids=[w[1] for w in WRONG])
def test_a_wrong_line_of_the_truth_puts_everybody_outside(
    table: Any,
    name: str,
    line: Callable[..., Any],
    case: Case,
    quantity: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = Panel(Backprop(), [TorchOracle()], truth=Truth("all", BallOracle()))

    def outside() -> set[tuple[str, str, str]]:
        ruling = panel.judge([case])[0].ruling
        assert ruling is not None
        return {(check.left, check.scope, check.quantity) for check in ruling.outside}

    assert outside() == set()
    monkeypatch.setitem(table, name, line)
    wrong = {(side, scope, quantity) for side in ("reference", "torch") for scope in ("local", "end to end")}
    assert wrong <= outside()
