"""Every tool accepts the right gradient of a simple smooth network and rejects a plainly wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.ours import Judge
from benchmarks.peers import FiniteDifferences, Problem, Tool, all_peers
from oracles.torch_oracle import TorchOracle
from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network

TORCH = TorchOracle()
TOOLS: list[Tool] = [*all_peers(TORCH), *(Judge(full=full, oracles=[TORCH]) for full in (True, False))]


def simple_case(dtype: str = "float64") -> Case:
    """Two inputs, three units of tanh, two linear outputs, mean squared error; all numbers of order 1."""
    rng = np.random.Generator(np.random.Philox(3))

    def draw(*shape: int) -> Any:
        return rng.uniform(0.25, 1.0, shape).astype(dtype)

    layers = (
        Layer(draw(3, 2), draw(3, 1), ActivationSpec("tanh")),
        Layer(draw(2, 3), draw(2, 1), ActivationSpec("identity")),
    )
    return Case(Network(layers, LossSpec("mse")), draw(2, 4), draw(2, 4))


def right(dtype: str = "float64") -> Problem:
    case = simple_case(dtype)
    return Problem(case, Backprop().run(case))


def with_dW(problem: Problem, layer: int, factor: float) -> Problem:
    """The problem with one dW multiplied."""
    dW = list(problem.trace.dW or ())
    dW[layer] = (factor * dW[layer]).astype(problem.case.dtype)
    return replace(problem, trace=replace(problem.trace, dW=tuple(dW)))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_it_accepts_the_right_gradient(tool: Tool) -> None:
    assert tool.answers([right()]) == ["accepts"]


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_it_rejects_a_gradient_that_is_10_percent_off(tool: Tool, layer: int) -> None:
    assert tool.answers([with_dW(right(), layer, 1.1)]) == ["rejects"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_it_rejects_a_wrong_bias_gradient(tool: Tool) -> None:
    problem = right()
    db = tuple(2 * array for array in problem.trace.db or ())
    assert tool.answers([replace(problem, trace=replace(problem.trace, db=db))]) == ["rejects"]


@pytest.mark.parametrize("tool", [t for t in TOOLS if not t.not_for_float32], ids=lambda tool: tool.name)
def test_what_is_meant_for_float32_works_on_it(tool: Tool) -> None:
    problem = right("float32")
    assert tool.answers([problem, with_dW(problem, 1, 1.5)]) == ["accepts", "rejects"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_answers_come_in_the_order_of_the_problems(tool: Tool) -> None:
    problems = [with_dW(right(), 0, 1.5), right(), with_dW(right(), 1, 1.5)]
    assert tool.answers(problems) == ["rejects", "accepts", "rejects"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_it_leaves_numpys_random_numbers_as_they_were(tool: Tool) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    tool.answers([right()])
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002


# ---------------------------------------------------------------- the loss that differences are taken of


def test_the_loss_at_the_own_parameters_is_the_traces() -> None:
    problem = right()
    assert problem.loss(*problem.parameters) == problem.trace.loss


def test_the_loss_is_the_implementations_own() -> None:
    class Doubled(Backprop):
        def loss(self, A: Any, Y: Any, spec: Any) -> Any:
            return 2 * super().loss(A, Y, spec)

    # Its gradients belong to another loss, so that differences of its own do not agree with them.
    problem = replace(right(), forward=Doubled())
    assert problem.loss(*problem.parameters) == 2 * problem.trace.loss
    for tool in TOOLS:
        if isinstance(tool, FiniteDifferences):
            assert tool.answers([problem]) == ["rejects"], tool.name


def test_a_remembered_loss_is_the_same_and_not_computed_again() -> None:
    class Counting(Backprop):
        calls = 0

        def loss(self, A: Any, Y: Any, spec: Any) -> Any:
            Counting.calls += 1
            return super().loss(A, Y, spec)

    problem = replace(right(), forward=Counting(), memory={})
    other = [array + 1 for array in problem.parameters]
    values = [problem.loss(*arrays) for arrays in (problem.parameters, other, problem.parameters, other)]
    assert Counting.calls == 2
    assert values[:2] == values[2:]
    assert values[0] != values[1]
