"""Whether a mistake matters in a case: differences beside the bound, worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judged_mistakes import drawn, torch

from backproof.cases import DrawOptions
from backproof.diagnosis.mattering import grounds, is_without_effect, matters
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from refimpl import DTYPES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

BOTH = pytest.mark.parametrize("dtype", DTYPES)


def _case(
    dtype: str, W: Any, b: Any, X: Any, Y: Any, activation: str = "identity", rate: float = 0.5
) -> Case:
    W, b, X, Y = (np.array(values, dtype) for values in (W, b, X, Y))
    layer = Layer(W, b, ActivationSpec(activation))
    return Case(Network((layer,), LossSpec("half_squared_error", "sum")), X, Y, rate)


def _gradient_times(factor: Callable[[Any], float]) -> Mistake:
    class Times(Backprop):
        def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
            dW = super().weight_gradient(delta, A_previous)
            return dW * dW.dtype.type(factor(dW.dtype))

    return replace(MISTAKES["batch-mean-twice"], implementation=Times)


@BOTH
def test_a_bias_of_zero_may_be_forgotten_and_no_other(dtype: str) -> None:
    mistake = MISTAKES["bias-forgotten"]
    zero, one = (_case(dtype, [[2.0]], [[b]], [[3.0]], [[1.0]]) for b in (0.0, 1.0))
    assert not matters(mistake, zero, torch())
    assert is_without_effect(mistake, zero)
    assert matters(mistake, one, torch())
    assert not is_without_effect(mistake, one)


@BOTH
def test_a_difference_within_twice_the_bound_does_not_matter(dtype: str) -> None:
    # dW = (w x + b - y) x = (2 · 3 + 1 - 2) 3 = 15.
    case = _case(dtype, [[2.0]], [[1.0]], [[3.0]], [[2.0]])
    (ground,) = grounds([case], torch())
    assert float(ground.right["dW"][0][0, 0]) == 15
    share = float(ground.bounds["dW"][0][0, 0]) / 15
    assert 0 < share < 1e-5
    for factor, is_large in ((1.9, False), (2.1, True)):
        times = _gradient_times(lambda _, factor=factor: 1 + factor * share)
        assert ground.matters(times) is is_large
        assert ground.matters(_gradient_times(lambda _, factor=factor: 1 - factor * share)) is is_large


@BOTH
def test_what_is_not_finite_matters_and_what_is_right_never_does(dtype: str) -> None:
    for index in range(20):
        (ground,) = grounds([drawn(index, dtype, DrawOptions())], torch())
        assert not ground.matters(replace(MISTAKES["bias-forgotten"], implementation=Backprop))
        assert not ground.matters(_gradient_times(lambda _: 1.0))
    case = _case(dtype, [[2.0]], [[1.0]], [[3.0]], [[2.0]])
    assert matters(_gradient_times(lambda _: np.nan), case, torch())


def test_the_exact_evaluation_sees_what_the_dtype_cannot() -> None:
    """In float32 1 + 2^-30 is 1, so that the answer is the reference's; in extended precision it is not."""
    case = _case("float32", [[2.0]], [[1.0]], [[3.0]], [[2.0]])
    (ground,) = grounds([case], torch())
    mistake = _gradient_times(lambda _: 1 + 2.0**-30)
    extended = mistake.implementation().run(ground.extended)
    assert extended.dW is not None
    assert extended.dW[0][0, 0] - 15 == 15 * np.longdouble(2.0**-30)
    assert is_without_effect(mistake, case)
    assert not ground.matters(mistake)


def test_rounding_matters_where_it_is_coarser_than_the_dtype() -> None:
    W, b, X, Y = [[1.0]], [[0.0]], [[1 / 3]], [[1.0]]
    single, double = (_case(dtype, W, b, X, Y) for dtype in DTYPES)
    mistake = MISTAKES["gradient-in-single-precision"]
    assert not matters(mistake, single, torch())
    assert matters(mistake, double, torch())


def test_overflow_matters_only_where_it_happens() -> None:
    mistake = MISTAKES["softmax-without-maximum"]
    # e^100 overflows float32, not float64; e^1000 overflows both, and is finite in extended precision.
    for z, overflows in ((1.0, ()), (100.0, ("float32",)), (1000.0, ("float32", "float64"))):
        for dtype in DTYPES:
            case = _case(dtype, [[z], [0.0]], [[0.0], [0.0]], [[1.0]], [[1.0], [0.0]], "softmax")
            assert matters(mistake, case, torch()) is (dtype in overflows)
            assert not matters(replace(mistake, effect="mismatch"), case, torch())


@BOTH
def test_what_remembers_matters_from_the_second_call_on(dtype: str) -> None:
    case = _case(dtype, [[2.0]], [[1.0]], [[3.0]], [[2.0]])
    mistake = MISTAKES["gradients-accumulated"]
    assert matters(mistake, case, torch())
    assert not matters(replace(mistake, effect="mismatch"), case, torch())
    implementation = mistake.implementation()
    answers = [implementation.run(case).dW for _ in range(2)]
    assert [float(dW[0][0, 0]) for dW in answers if dW is not None] == [15, 30]


def test_a_factor_beside_a_gradient_that_is_0_in_the_dtype_does_not_matter() -> None:
    """1/(1 + e^-20) is 1 in float32, the target: δ is 0 with the derivative and without it."""
    case = _case("float32", [[20.0]], [[0.0]], [[1.0]], [[1.0]], "sigmoid")
    mistake = MISTAKES["output-derivative-forgotten"]
    (ground,) = grounds([case], torch())
    assert is_without_effect(mistake, case)
    exact = mistake.implementation().run(ground.extended)
    assert exact.delta is not None
    assert abs(exact.delta[0] - ground.right["delta"][0])[0, 0] > 2 * ground.bounds["delta"][0][0, 0]
    assert not ground.matters(mistake)
