"""The nonlinear steps of many cases and sides at once: as each case alone, and no case reaches another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from oracle_cases import drawn_arrays, drawn_case, fitting_output, flat, own_steps

from oracles import Oracle, StepBatch, StepBatchValues, StepByStep, StepInputs
from oracles.ball_oracle import BallOracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network
from refimpl.functions import ALL_REDUCTIONS

TORCH, JAX, TRUTH = TorchOracle(), JaxOracle(), BallOracle()
FRAMEWORKS = pytest.mark.parametrize("oracle", [TORCH, JAX], ids=["torch", "jax"])
SIZES = ((1, 1), (2, 3), (9, 2), (65, 1))
"""(width, samples): at the edges of what columns are padded to, and beyond."""
EPS = float(np.finfo("float64").eps)


def _inputs(cases: Sequence[Case]) -> list[StepInputs]:
    return [own_steps(case, Backprop().run(case)) for case in cases]


def _batch(sides: Sequence[Sequence[StepInputs]]) -> StepBatch:
    """Rows of the cases, which must be sorted."""
    depth = sides[0][0].case.network.depth

    def rows(matrices: Any) -> Any:
        return np.array([np.concatenate([m.reshape(-1) for m in matrices(side)]) for side in sides])

    return StepBatch(
        tuple(step.case for step in sides[0]),
        tuple(rows(lambda side, l=l: [s.Z[l] for s in side if len(s.Z) > l]) for l in range(depth)),
        rows(lambda side: [s.A_last for s in side]),
        tuple(rows(lambda side, l=l: [s.dA[l] for s in side if len(s.dA) > l]) for l in range(depth - 1)),
    )


def _assert_near(oracle: Oracle, inputs: Sequence[StepInputs], *, places: float) -> None:
    """The steps of all cases together against the framework's plain path, entry by entry."""
    plain = oracle.plain()
    assert plain is not None
    for step, got, expected in zip(inputs, oracle.steps(inputs), plain.steps(inputs), strict=True):
        values = flat(expected)
        for name, array in flat(got).items():
            size = np.maximum(np.abs(values[name]), np.max(np.abs(values[name]), initial=0.0))
            apart = np.abs(array - values[name])
            assert np.all(apart <= places * EPS * np.maximum(size, 1.0)), (name, step.case.network.loss)


@FRAMEWORKS
def test_activations_of_all_layers_and_sizes_together_are_as_on_the_plain_path(oracle: Oracle) -> None:
    widths = SIZES if oracle is TORCH else SIZES[1:2]  # plain JAX compiles each function for each shape
    cases = [
        drawn_case([*ACTIVATIONS, "identity"], LossSpec("mse"), *size, seed=k)
        for k, size in enumerate(widths)
    ]
    cases.append(drawn_case(["tanh", "softmax"], LossSpec("mse"), *widths[0]))
    _assert_near(oracle, _inputs(cases), places=16)


@FRAMEWORKS
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_reductions_together_are_as_on_the_plain_path(oracle: Oracle, name: str) -> None:
    cases = []
    for seed, size in enumerate(SIZES if oracle is TORCH else SIZES[1:2]):
        for reduction in ALL_REDUCTIONS:
            for arrays in {}, drawn_arrays(name, size):
                loss = LossSpec(name, reduction, arrays=arrays)
                cases.append(drawn_case([fitting_output(loss)], loss, *size, seed=seed))
    _assert_near(oracle, _inputs(cases), places=16)


@pytest.mark.parametrize("name", LOSSES)
def test_both_frameworks_agree_on_losses_of_all_sizes(name: str) -> None:
    cases = []
    for seed, size in enumerate(SIZES):
        for reduction in ALL_REDUCTIONS:
            loss = LossSpec(name, reduction, arrays=drawn_arrays(name, size))
            cases.append(drawn_case([fitting_output(loss)], loss, *size, seed=seed))
    if name == "cosine_distance":  # of the angle to 0 they have different opinions, both of them alone, too
        cases = [case for case in cases if np.all(np.any(case.Y, axis=0))]
    inputs = _inputs(cases)
    for one, other in zip(TORCH.steps(inputs), JAX.steps(inputs), strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-12)
        # A cosine of one unit is ±1: its gradient is what rounding leaves of 0.
        np.testing.assert_allclose(one.dA_last, other.dA_last, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("oracle", [TORCH, JAX, TRUTH], ids=["torch", "jax", "truth"])
def test_sides_are_rows_and_cases_follow_each_other(oracle: Oracle) -> None:
    cases = [
        drawn_case(["tanh", "softmax", "tanh"][-depth:], LossSpec("mse"), width, 2, seed=seed)
        for seed, (depth, width) in enumerate([(3, 2), (3, 1), (2, 3), (1, 2), (1, 3)])
    ]
    first = _inputs(cases)
    second = [replace(step, Z=tuple(z / 2 for z in step.Z), A_last=step.A_last / 4) for step in first]
    batch = _batch([first, second])
    values = oracle.step_batch(batch)
    for row, side in enumerate((first, second)):
        alone = [oracle.steps([step])[0] for step in side]
        expected = StepBatchValues(
            tuple(np.concatenate([v.A[l].ravel() for v in alone if len(v.A) > l]) for l in range(3)),
            [v.loss for v in alone],
            np.concatenate([v.dA_last.ravel() for v in alone]),
            tuple(np.concatenate([v.delta[l].ravel() for v in alone if len(v.A) > l]) for l in range(3)),
        )
        assert values.loss[row] == pytest.approx(expected.loss, rel=1e-14)
        for l in range(3):
            np.testing.assert_allclose(values.A[l][row], expected.A[l], rtol=1e-14)
            np.testing.assert_allclose(values.delta[l][row], expected.delta[l], rtol=1e-13, atol=1e-16)
        np.testing.assert_allclose(values.dA_last[row], expected.dA_last, rtol=1e-14)


SPECIAL = (np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0, 3.0, -3.0, 1e300)


@FRAMEWORKS
@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES])
def test_special_numbers_are_answered_as_alone_and_reach_no_other_case(oracle: Oracle, name: str) -> None:
    """Kinks, zeros of either sign, infinities: bit by bit as the case alone, which stands beside another."""
    if name in ACTIVATIONS:
        layer = Layer(np.ones((2, 1)), np.zeros((2, 1)), ActivationSpec(name))
        case = Case(Network((layer,), LossSpec("mse")), np.ones((1, 5)), np.zeros((2, 5)))
    else:
        loss = LossSpec(name)
        case = drawn_case([fitting_output(loss)], loss, 2, 5)
    special = np.array(SPECIAL).reshape(2, 5)
    plain = StepInputs(case, (np.full((2, 5), 0.5),), np.full((2, 5), 0.25), ())
    strange = StepInputs(case, (special,), special, ())
    (alone,), (calm,) = oracle.steps([strange]), oracle.steps([plain])
    between, beside = oracle.steps([strange, plain])
    exact = oracle is JAX  # torch computes the last few entries of an array otherwise than the others
    for got, expected in ((between, alone), (beside, calm)):
        for quantity, array in flat(expected).items():
            value = flat(got)[quantity]
            if exact:
                assert np.array_equal(value, array, equal_nan=True), quantity
                assert np.array_equal(np.signbit(value), np.signbit(array)) or np.any(np.isnan(array)), (
                    quantity
                )
            else:
                np.testing.assert_allclose(value, array, rtol=1e-14, atol=1e-15, err_msg=quantity)
    assert all(np.all(np.isfinite(array)) for array in flat(beside).values())


def test_a_gradient_of_minus_zero_stays_minus_zero() -> None:
    case = drawn_case(["identity", "identity"], LossSpec("mse"), 1, 2)
    step = StepInputs(case, (np.ones((1, 2)),) * 2, np.array(case.Y), (np.array([[-0.0, 0.0]]),))
    for oracle in (TORCH, JAX):
        assert np.signbit(oracle.steps([step])[0].delta[0]).tolist() == [[True, False]]


class _Half(StepByStep):
    """Half of what torch says, case by case."""

    def steps(self, inputs: Sequence[StepInputs]) -> Any:  # type: ignore[override]
        return [replace(values, loss=values.loss / 2) for values in TORCH.steps(inputs)]


def test_who_answers_case_by_case_is_asked_in_batches_too() -> None:
    cases = [drawn_case(["tanh"] * depth, LossSpec("mse"), 2, 3, seed=depth) for depth in (2, 1)]
    batch = _batch([_inputs(cases)] * 2)
    halved, values = _Half().step_batch(batch), TORCH.step_batch(batch)
    assert halved.loss == pytest.approx(values.loss / 2)
    for name in ("A", "delta"):
        for got, expected in zip(getattr(halved, name), getattr(values, name), strict=True):
            assert got == pytest.approx(expected)
    assert halved.dA_last == pytest.approx(values.dA_last)


def test_inputs_that_do_not_fit_are_refused() -> None:
    short, long = (_inputs([drawn_case(["tanh"] * depth, LossSpec("mse"))])[0] for depth in (1, 2))
    with pytest.raises(ValueError, match="sorted by depth, the deepest first"):
        StepBatch((short.case, long.case), (), np.empty((1, 0)), ())
    with pytest.raises(ValueError, match=r"have shapes \[\(1, 5\).*must be \[\(1, 6\)"):
        StepBatch((short.case,), (np.zeros((1, 6)),), np.zeros((1, 5)), ())
    for oracle in (TORCH, JAX):
        with pytest.raises(ValueError, match=r"shapes .*\(99, 99\).*must be \[\(3, 2\)\]"):
            oracle.steps([replace(short, A_last=np.zeros((99, 99)))])
