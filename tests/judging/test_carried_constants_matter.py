"""P1 to P6 from step to step: what each bound takes over from the one before is needed by some answer.

As in `test_constants_matter`, of networks of one or two layers of identities, W = 1 and b = 0, whose first
sum of products loses 63 roundings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from constants import LOSING, Constant, Example, F, left_to_right, require_needed, table, without
from exact_values import exact_trace

from backproof.judging import bounds
from backproof.judging.levels import levels_of
from oracles.ball_oracle import BallOracle
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network


def _network(quantity: str, l: int, answer: Any, layers: list[Any], X: Any) -> Example:
    """One quantity of layer l of a network of identities without biases, η = 1 and Y = 0, against balls."""
    matrices = [np.atleast_2d(np.array(W, F)) for W in layers]
    built = [Layer(W, np.zeros((len(W), 1), F), ActivationSpec("identity")) for W in matrices]
    X = np.array(X, F)
    loss = LossSpec("half_squared_error", "sum")
    case = Case(Network(tuple(built), loss), X, np.zeros((built[-1].outputs, X.shape[1]), F), 1.0)
    truth = exact_trace(case)[quantity]

    def bound() -> Any:
        found = bounds.propagated(case, BallOracle(), levels_of("float32"))[quantity]
        return (found[l - 1] if l else found)[0]

    truth = truth[l - 1] if l else truth
    return Example(np.broadcast_to(answer, truth.shape), truth, bound)


ONE, TWO = [np.ones(64)], [np.ones(64), 1.0]
CARRIED = bounds.swept
LOST = left_to_right(LOSING)
"""Z of the first layer, and as W = 1 and Y = 0 every A, δ, g and dX after it."""


STEPS = (
    Constant(
        "P1 X read as zero",
        without(CARRIED, "[levels.flushed(batch.X)]", "[0 * levels.flushed(batch.X)]"),
        lambda: _network("Z", 1, F(0), [2.0**10], [[2.0**-130]]),
    ),
    Constant(
        "P1 E_A of the layer below",
        without(CARRIED, "E_A[-1][..., : below.total]", "0 * E_A[-1][..., : below.total]"),
        lambda: _network("Z", 2, LOST, TWO, LOSING[:, None]),
    ),
    Constant(
        "P2 E_Z",
        without(CARRIED, "layout, Z, E_Z[-1])", "layout, Z, 0 * E_Z[-1])"),
        lambda: _network("A", 1, LOST, ONE, LOSING[:, None]),
    ),
    Constant(
        "E_A of the last layer in E_g",
        without(CARRIED, "batch.last(E_A[1:])", "0 * batch.last(E_A[1:])"),
        lambda: _network("delta", 1, LOST, ONE, LOSING[:, None]),
    ),
    Constant(
        "P4 E_g of the layer above",
        without(CARRIED, "activations[l - 1], g, E_g)", "activations[l - 1], g, 0 * E_g)"),
        lambda: _network("delta", 1, LOST, TWO, LOSING[:, None]),
    ),
    Constant(
        "P4 E_δ into dX",
        without(CARRIED, "layout, delta, E_delta, below)", "layout, delta, 0 * E_delta, below)"),
        lambda: _network("dX", 0, LOST, ONE, LOSING[:, None]),
    ),
    Constant(
        "P6 E_dW into W'",
        without(CARRIED, "old, dW, E_dW)", "old, dW, 0 * E_dW)"),
        lambda: _network("W_updated", 1, F(1) - LOST * LOSING, ONE, LOSING[:, None]),
    ),
)


@table(*STEPS)
def test_an_accurate_answer_is_inside_the_bound_and_outside_without_the_error_taken_over(
    constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_needed(constant, monkeypatch)
