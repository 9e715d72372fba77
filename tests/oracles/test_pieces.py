"""Many specs of one function asked at once: the same numbers as asked one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from oracle_cases import drawn_spec, drawn_targets

from oracles import Oracle
from oracles.ball_oracle import BallOracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, LossSpec

ORACLES: dict[str, Oracle] = {"torch": TorchOracle(), "jax": JaxOracle(), "truth": BallOracle()}
EACH = pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
SEPARABLE = [name for name, line in ORACLES["torch"].losses.items() if line.separable]  # type: ignore[attr-defined]
SIZES = (3, 1, 4, 2)
SPECIAL = (np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0, 1e300, 5e-324)
"""What may stand beside a piece must not reach it."""


def _points(rng: np.random.Generator, oracle: Oracle) -> Any:
    """(2, 3, Σ SIZES), special ones among them; the truth takes a thousand times longer, and only numbers."""
    points = rng.standard_normal((2, 3, sum(SIZES)))
    if oracle.name == "truth":
        return points[:, :1]
    points[0, 0, : len(SPECIAL)] = SPECIAL
    points[1, 1, -len(SPECIAL) :] = SPECIAL
    return points


def _assert_piecewise(oracle: Oracle, answer: tuple[Any, Any], expected: Sequence[tuple[Any, Any]]) -> None:
    """Bit by bit; but torch computes the last few entries of an array otherwise than the others, by ulps."""
    for got, pieces in zip(answer, zip(*expected, strict=True), strict=True):
        together = np.concatenate(pieces, axis=-1)
        assert got.dtype == together.dtype == np.float64
        assert np.isnan(got).tolist() == np.isnan(together).tolist()
        numbers = ~np.isnan(got)
        if oracle.name == "torch":
            np.testing.assert_allclose(got[numbers], together[numbers], rtol=1e-15, atol=1e-15)
        else:
            assert got[numbers].tobytes() == together[numbers].tobytes()  # -0.0 is not 0.0


def _parts(array: Any) -> list[Any]:
    return np.split(array, np.cumsum(SIZES)[:-1], axis=-1)


@EACH
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_pieces_of_an_activation_are_what_each_spec_gives_alone(oracle: Oracle, name: str) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    specs = [drawn_spec(name, rng) for _ in SIZES]
    points = _points(rng, oracle)
    expected = [oracle.activation(*each) for each in zip(specs, _parts(points), strict=True)]
    _assert_piecewise(oracle, oracle.activation_pieces(specs, SIZES, points), expected)


def _loss_specs(name: str, rng: np.random.Generator) -> list[LossSpec]:
    """One with arrays of each kind (flat, one number), one without, all with parameters of their own."""
    specs = []
    for k, size in enumerate(SIZES):
        parameters = {p.name: rng.uniform(p.drawn.low, p.drawn.high) for p in LOSSES[name].parameters}
        arrays = {
            array.name: rng.uniform(array.drawn.low, array.drawn.high, (1, 1) if k == 3 else (size, 1))
            for array in LOSSES[name].arrays
            if k != 1
        }
        specs.append(LossSpec(name, "sum", specs[2].parameters if k == 3 else parameters, arrays))
    return specs


@EACH
@pytest.mark.parametrize("name", SEPARABLE)
def test_pieces_of_a_loss_are_what_each_spec_gives_alone(oracle: Oracle, name: str) -> None:
    rng = np.random.Generator(np.random.Philox(2))
    specs, points = _loss_specs(name, rng), _points(rng, oracle)
    if oracle.name == "truth":
        points = np.abs(points) / 8  # where all losses are defined
    targets = drawn_targets(LOSSES[name].target_domain, rng, (1, sum(SIZES)))[0]
    expected = []
    for spec, piece, y in zip(specs, _parts(points), _parts(targets), strict=True):
        flat = {array: value.reshape(1, -1) for array, value in spec.arrays.items()}
        alone = LossSpec(name, "sum", spec.parameters, flat)
        expected.append(oracle.loss_terms(alone, piece, y))
    _assert_piecewise(oracle, oracle.loss_pieces(specs, SIZES, points, targets), expected)


@EACH
def test_neighbours_with_equal_parameters_are_told_from_others(oracle: Oracle) -> None:
    slopes, points = (0.5, 0.25, 0.25, 0.5), -np.ones((2, sum(SIZES)))
    specs = [ActivationSpec("leaky_relu", {"negative_slope": slope}) for slope in slopes]
    value, slope = oracle.activation_pieces(specs, SIZES, points)
    assert value.tolist() == [np.repeat([-0.5, -0.25, -0.25, -0.5], SIZES).tolist()] * 2
    assert slope.tolist() == [np.repeat(slopes, SIZES).tolist()] * 2


@pytest.mark.parametrize("size", [1, 16384, 16385, 40000])
def test_jax_answers_for_any_number_of_points(size: int) -> None:
    points = np.random.Generator(np.random.Philox(3)).standard_normal(size)
    value, slope = ORACLES["jax"].activation(ActivationSpec("leaky_relu", {"negative_slope": 0.5}), points)
    assert np.array_equal(value, np.where(points > 0, points, points / 2))
    assert np.array_equal(slope, np.where(points > 0, 1.0, 0.5))


@pytest.mark.parametrize("oracle", [ORACLES["torch"], ORACLES["jax"]], ids=["torch", "jax"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_answers_share_no_memory_with_the_points_and_leave_them_as_they_are(
    oracle: Oracle, name: str
) -> None:
    points = np.linspace(-2, 2, 9)
    for answer in oracle.activation(ActivationSpec(name), points):
        assert not np.shares_memory(answer, points)
    assert np.array_equal(points, np.linspace(-2, 2, 9))
    points.setflags(write=False)
    oracle.activation(ActivationSpec(name), points)


@EACH
def test_pieces_that_do_not_fit_are_refused(oracle: Oracle) -> None:
    tanh, relu = ActivationSpec("tanh"), ActivationSpec("relu")
    with pytest.raises(ValueError, match=r"2 specs, 2 sizes, 5 in all, for points of shape \(4,\)"):
        oracle.activation_pieces([tanh, tanh], [2, 3], np.zeros(4))
    with pytest.raises(ValueError, match="pieces of different functions: relu, tanh"):
        oracle.activation_pieces([tanh, relu], [2, 2], np.zeros(4))
    with pytest.raises(ValueError, match="softmax is not elementwise"):
        oracle.activation_pieces([ActivationSpec("softmax")], [4], np.zeros(4))
    with pytest.raises(ValueError, match="poly_loss is not a sum of terms of single entries"):
        oracle.loss_pieces([LossSpec("poly_loss")], [4], np.zeros(4), np.zeros(4))


@EACH
def test_slopes_of_zeros_of_either_sign_are_told_apart_by_their_parameters(oracle: Oracle) -> None:
    """0.0 and -0.0 are equal, but not the same parameter: the pieces are no run."""
    specs = [ActivationSpec("leaky_relu", {"negative_slope": slope}) for slope in (0.0, -0.0)]
    value, _ = oracle.activation_pieces(specs, [1, 1], np.array([-1.0, -1.0]))
    alone = [oracle.activation(spec, np.array([-1.0]))[0][0] for spec in specs]
    assert np.signbit(value).tolist() == np.signbit(alone).tolist()
