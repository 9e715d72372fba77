"""M4 and M5: a gradient against its own loss, and what scale and cosine tell."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judge_cases import drawn_case
from textbook import TEXTBOOK_LOSSES

from backproof.cases.drawing import draw_case
from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.direction import in_words, scale_and_cosine, scales_and_cosines
from backproof.judging.own_loss import (
    OwnLoss,
    constant_in,
    judge_own_loss,
    own_loss_cases,
)
from oracles.torch_oracle import TorchOracle
from refimpl import DTYPES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network, Trace

TORCH = TorchOracle()
BOTH = pytest.mark.parametrize("dtype", DTYPES)


class _Torch:
    def run(self, case: Case) -> Trace:
        return TORCH.traces([case])[0]


def _judged(implementation: Any, case: Case, name: str = "mine") -> OwnLoss:
    trace = implementation.run(case)
    points = own_loss_cases(case, trace, TORCH)
    losses = [implementation.run(point).loss for point in points]
    return judge_own_loss(case, trace, points, losses, TORCH, TORCH, name)


def _wide(dtype: str = "float64", reduction: str = "mean") -> Case:
    """Three inputs, four hidden units, two outputs, seven samples."""
    rng = np.random.Generator(np.random.Philox(5))

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    layers = (
        Layer(normal(4, 3), normal(4, 1), ActivationSpec("tanh")),
        Layer(normal(2, 4), normal(2, 1), ActivationSpec("sigmoid")),
    )
    return Case(Network(layers, LossSpec("half_squared_error", reduction)), normal(3, 7), normal(2, 7), 0.25)


@pytest.mark.long
@pytest.mark.parametrize("implementation", [Backprop(), _Torch()], ids=["reference", "torch"])
def test_no_correct_gradient_contradicts_its_loss_whatever_is_drawn(implementation: Any) -> None:
    name = "torch" if isinstance(implementation, _Torch) else "reference"
    found: Counter[str] = Counter()
    for index in range(60):
        own = _judged(implementation, draw_case(13, index, DTYPES[index % 2]).case, name)
        assert own.check is not None
        found[own.check.verdict, own.check.reason] += 1
        if own.check.verdict == "conforms":
            assert own.loss_factor[0] <= 1 <= own.loss_factor[1]
            assert own.gradient_factor[0] <= 1 <= own.gradient_factor[1]
    assert set(found) == {("conforms", ""), ("not judged", "unresolved")}
    assert found["conforms", ""] > 50


class _Scaled(Backprop):
    """Loss and gradient each with a factor of its own."""

    def __init__(self, loss: float, gradient: float, constant: float = 0.0) -> None:
        self.factors = loss, gradient, constant

    def loss(self, A: Any, Y: Any, spec: Any) -> Any:
        factor, _, constant = self.factors
        return super().loss(A, Y, spec) * A.dtype.type(factor) + A.dtype.type(constant)

    def loss_gradient(self, A: Any, Y: Any, spec: Any) -> Any:
        return super().loss_gradient(A, Y, spec) * A.dtype.type(self.factors[1])


@BOTH
@pytest.mark.parametrize(
    ("loss", "gradient", "told"),
    [
        (0.5, 1, "2 times"),
        (1, 0.5, "0.5 times"),
        (1, 7, "7 (m) times"),
        (1, 1 / 7, "0.14286 (1/m) times"),
        (1 / 7, 1, "7 (m) times"),
        (1, 14, "14 times"),
        (2, 3, "1.5 times"),
        (1, -1, "-1 times"),
    ],
)
def test_a_constant_in_one_of_both_is_a_mismatch_that_names_it(
    loss: float, gradient: float, told: str, dtype: str
) -> None:
    own = _judged(_Scaled(loss, gradient), _wide(dtype))
    assert own.check is not None
    assert own.check.verdict == "mismatch"
    if dtype == "float64":
        assert own.check.reason.startswith(
            f"the gradient is {told} that of the implementation's own loss (loss "
        )
        assert own.check.reason.endswith(f", gradient {gradient:.5g} x the documented one)")
    assert own.check.right == "its own loss"
    assert own.scale == pytest.approx(gradient, rel=1e-4)
    assert abs(own.cosine) == pytest.approx(1)


@BOTH
@pytest.mark.parametrize(("factor", "constant"), [(0.5, 0), (7, 0), (1, 3), (-2, 1), (1e-3, 0)])
def test_the_same_constant_in_both_and_an_added_one_are_no_contradiction(
    factor: float, constant: float, dtype: str
) -> None:
    own = _judged(_Scaled(factor, factor, constant), _wide(dtype))
    assert own.check is not None
    assert own.check.verdict == "conforms"
    assert own.loss_factor[0] <= factor * (1 + 1e-6)
    assert own.loss_factor[1] >= factor * (1 - 1e-6)


def test_a_loss_that_does_not_change_is_told_as_such() -> None:
    class Clipped(Backprop):
        def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            del Y, spec
            return A.dtype.type(0.5)

    own = _judged(Clipped(), _wide())
    assert own.check is not None
    assert own.check.verdict == "mismatch"
    assert own.check.reason.startswith("the implementation's own loss does not change here, but its gradient")


def test_a_gradient_in_a_wrong_direction_contradicts_its_loss() -> None:
    own = _judged(MISTAKES["derivative-forgotten"].implementation(), _wide())
    assert own.check is not None
    assert own.check.verdict == "mismatch"
    assert "no multiple" in own.check.reason
    assert own.cosine < 0.999


def test_weight_decay_in_the_loss_is_said_to_be_no_multiple() -> None:
    class Decays(Backprop):
        def run(self, case: Case) -> Trace:
            trace = super().run(case)
            squares = sum(float(np.sum(np.square(layer.W))) for layer in case.network.layers)
            return replace(trace, loss=case.dtype.type(trace.loss + 0.05 * squares))

    own = _judged(Decays(), _wide())
    assert own.check is not None
    assert own.check.verdict == "not judged"
    assert own.check.reason.startswith("the loss is not a multiple of the documented one plus a constant")


def test_without_gradients_losses_or_resolution_nothing_is_said() -> None:
    case = _wide("float32")
    trace = Backprop().run(case)
    assert own_loss_cases(case, Trace(loss=trace.loss), TORCH) == []
    assert own_loss_cases(case, replace(trace, loss=np.float32(np.nan)), TORCH) == []
    assert judge_own_loss(case, Trace(loss=trace.loss), [], [], TORCH, TORCH, "mine").check is None
    points = own_loss_cases(case, trace, TORCH)
    for losses in ([None] * len(points), [np.float32(np.nan)] * len(points)):
        check = judge_own_loss(case, trace, points, losses, TORCH, TORCH, "mine").check
        assert check is not None
        assert (check.verdict, check.reason) == ("not judged", "unresolved")


def test_the_points_lie_on_both_sides_and_are_the_same_every_time() -> None:
    case = _wide()
    trace = Backprop().run(case)
    points = own_loss_cases(case, trace, TORCH)
    assert points == own_loss_cases(case, trace, TORCH)
    assert len(points) >= 4
    for plus, minus in zip(points[::2], points[1::2], strict=True):
        for p, m, own in zip(plus.network.layers, minus.network.layers, case.network.layers, strict=True):
            assert np.allclose(np.float64(p.W) + m.W, 2 * np.float64(own.W), atol=1e-12)
            assert not np.array_equal(p.W, m.W)


# ---------------------------------------------------------------- constants, scale and cosine


def test_a_constant_is_named_only_if_it_is_the_only_one() -> None:
    case = _wide()  # m = 7, n_out = 2
    assert constant_in((6.9, 7.1), case) == "m"
    assert constant_in((0.14, 0.143), case) == "1/m"
    assert constant_in((1.99, 2.01), case) == ""  # 2, or the number of outputs
    assert constant_in((3.99, 4.01), case) == "2 n_out"
    assert constant_in((1 / 29, 1 / 27), case) == "1/(2 m n_out)"
    assert constant_in((0.9, 1.1), case) == ""


def test_a_wrong_constant_has_cosine_one_and_a_wrong_direction_has_not() -> None:
    (expected,) = TORCH.traces([_wide()])
    halved = Trace(dW=tuple(x / 2 for x in expected.dW), db=tuple(x / 2 for x in expected.db))  # type: ignore[union-attr]
    scale, cosine = scale_and_cosine(halved, expected)
    assert (scale, cosine) == pytest.approx((0.5, 1))
    assert in_words(scale, cosine) == "gradients are 0.5 x the expected ones, cosine 1.000000"
    turned = replace(expected, dW=tuple(x[::-1] for x in expected.dW))  # type: ignore[union-attr]
    assert scale_and_cosine(turned, expected)[1] < 0.99
    one = replace(expected, dW=(3 * expected.dW[0], expected.dW[1]), db=(3 * expected.db[0], expected.db[1]))  # type: ignore[index]
    assert [round(s, 9) for s, _ in scales_and_cosines(one, expected)] == [3, 1]


def test_scale_and_cosine_by_hand() -> None:
    own, other = Trace(dW=(np.array([[3.0, 4.0]]),)), Trace(dW=(np.array([[1.0, 0.0]]),))
    assert scale_and_cosine(own, other) == pytest.approx((3, 0.6))
    huge = Trace(dW=(np.array([[1e300, 0.0]]),))
    assert scale_and_cosine(huge, huge) == pytest.approx((1, 1))


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_scale_and_cosine_of_what_has_no_direction_are_not_numbers(value: float) -> None:
    own, other = Trace(dW=(np.array([[value]]),)), Trace(dW=(np.array([[1.0]]),))
    for pair in ((own, other), (other, own), (Trace(), other)):
        assert all(math.isnan(number) for number in scale_and_cosine(*pair))
        assert in_words(*scale_and_cosine(*pair)) == ""


def test_the_case_of_two_layers_conforms_in_every_reduction() -> None:
    for reduction in ("sum", "mean", "batchmean"):
        own = _judged(Backprop(), _wide("float32", reduction))
        assert own.check is not None
        assert own.check.verdict == "conforms"
    assert _judged(Backprop(), drawn_case(["relu"], "mse")).check is not None


def test_a_loss_by_a_textbook_formula_is_unstable_where_it_alone_contradicts_the_gradient() -> None:
    formula = TEXTBOOK_LOSSES["bce_with_logits: log σ(z)"]
    verdicts = set()
    for seed in range(6):
        case = drawn_case(["tanh", "identity"], "bce_with_logits", samples=4, seed=seed)
        last = case.network.layers[-1]
        layers = (case.network.layers[0], Layer(last.W, last.b + np.float32(9), last.activation))
        case = replace(case, network=Network(layers, case.network.loss), Y=np.zeros_like(case.Y))
        own = _judged(formula, case)
        assert own.check is not None
        verdicts.add(own.check.verdict)
    assert verdicts <= {"unstable", "conforms", "not judged"}
    assert verdicts - {"conforms"}
