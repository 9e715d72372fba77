"""E4 to E6: textbook formulas on extreme numbers are unstable, no mismatch; wrong equations still are one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from judge_cases import case_of_z, checks_of
from textbook import TEXTBOOK_ACTIVATIONS, TEXTBOOK_LOSSES, Textbook

from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.judge import extreme
from backproof.judging.panel import Panel
from backproof.judging.verdicts import Judgement
from oracles.torch_oracle import TorchOracle
from refimpl import DTYPES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

TORCH = TorchOracle()
BOTH = pytest.mark.parametrize("dtype", DTYPES)
SIZES = (0.01, 20, 43, 45, 60, 88, 88.5, 89, 95, 103, 200)
LARGER = (360, 700, 709, 720, 745, 800)
"""The first are around the ends of float32, these around those of float64."""
TARGETS = {"cross_entropy_with_logits": [[0, 0.3], [1, 0.7]], "soft_margin": [[1, -1], [-1, 1]]}


def _signs(s: float) -> Iterator[Any]:
    """Both signs, equal and unequal sizes, in one sample and in several."""
    yield [[s, s - 1], [-s, s - 0.5]]
    yield [[s, -s], [s / 2, -s / 2]]
    yield [[s, -s], [0, 0]]
    yield [[s, -s], [s - 0.7, -s - 0.7]]


def _deep(Z: Any, first: str, dtype: str) -> Case:
    """A network whose first layer has these pre-activations, and whose second is tanh of a mixture."""
    W = np.array([[1, 2], [-0.5, 0.25]], dtype)
    zeros = np.zeros((2, 1), dtype)
    layers = (
        Layer(np.eye(2, dtype=dtype), zeros, ActivationSpec(first)),
        Layer(W, zeros, ActivationSpec("tanh")),
    )
    network = Network(layers, LossSpec("half_squared_error", "sum"))
    return Case(network, np.array(Z, dtype), np.full((2, 2), 0.5, dtype), 0.25)


def _judged(implementation: Any, cases: Sequence[Case]) -> list[Judgement]:
    return Panel(implementation, [TORCH]).judge(cases)


def _sizes(dtype: str) -> tuple[float, ...]:
    return (*SIZES, *LARGER) if dtype == "float64" else (*SIZES, 800)


def _verdicts(implementation: Any, cases: Sequence[Case]) -> set[str]:
    return {check.verdict for judgement in _judged(implementation, cases) for check in checks_of(judgement)}


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("formula", TEXTBOOK_ACTIVATIONS)
def test_a_textbook_activation_is_never_a_mismatch(formula: str, dtype: str) -> None:
    implementation = TEXTBOOK_ACTIVATIONS[formula]
    cases = [_deep(Z, implementation.name, dtype) for s in _sizes(dtype) for Z in _signs(s)]
    assert _verdicts(implementation, cases) <= {"conforms", "unstable", "not judged", "known deviation"}


@BOTH
@pytest.mark.parametrize("formula", TEXTBOOK_LOSSES)
def test_a_textbook_loss_is_never_a_mismatch(formula: str, dtype: str) -> None:
    implementation = TEXTBOOK_LOSSES[formula]
    Y = TARGETS.get(implementation.name, [[0, 1], [0.3, 0.7]])
    cases = [
        case_of_z(Z, "identity", implementation.name, Y, dtype) for s in _sizes(dtype) for Z in _signs(s)
    ]
    assert _verdicts(implementation, cases) <= {"conforms", "unstable", "not judged", "known deviation"}


@BOTH
@pytest.mark.parametrize(
    "formula", ["softmax: e^z/Σe^z", "tanh: (e^z-e^-z)/(e^z+e^-z)", "softplus: log(1+e^z)"]
)
def test_at_800_a_textbook_formula_is_unstable(formula: str, dtype: str) -> None:
    implementation = TEXTBOOK_ACTIVATIONS[formula]
    (judgement,) = _judged(implementation, [_deep([[800, 1], [790, 2]], implementation.name, dtype)])
    assert judgement.verdict == "unstable"


@BOTH
def test_a_sum_of_exponentials_that_overflows_gives_zeros_which_are_unstable(dtype: str) -> None:
    z = 88.5 if dtype == "float32" else 709.5
    implementation = TEXTBOOK_ACTIVATIONS["softmax: e^z/Σe^z"]
    case = case_of_z([[z], [z]], "softmax", dtype=dtype)
    trace = implementation.run(case)
    assert not trace.A[0].any()  # type: ignore[index]
    (judgement,) = _judged(implementation, [case])
    assert judgement.verdict == "unstable"
    assert {c.verdict for c in checks_of(judgement, "A", "local")} == {"unstable"}


# ---------------------------------------------------------------- wrong equations


class _HalfSoftmax(Textbook):
    """Twice as large where the textbook formula would give 0: no formula's answer."""

    def __init__(self, factor: float) -> None:
        softmax = Backprop().activation
        spec = ActivationSpec("softmax")
        super().__init__("softmax", lambda z: softmax(z, spec) * z.dtype.type(factor))


@BOTH
def test_a_wrong_softmax_is_a_mismatch_where_the_textbook_formula_does_not_overflow(dtype: str) -> None:
    z = 80 if dtype == "float32" else 700
    for factor in (0, 0.5, 1.01, 2):
        (judgement,) = _judged(_HalfSoftmax(factor), [case_of_z([[z], [z - 1]], "softmax", dtype=dtype)])
        assert judgement.verdict == "mismatch"
        assert "mismatch" in {c.verdict for c in checks_of(judgement, "A", "local")}


@BOTH
def test_even_where_it_overflows_a_softmax_of_three_times_the_value_is_a_mismatch(dtype: str) -> None:
    z = 100 if dtype == "float32" else 800
    (judgement,) = _judged(_HalfSoftmax(3), [case_of_z([[z], [z]], "softmax", dtype=dtype)])
    assert judgement.verdict == "mismatch"


@BOTH
@pytest.mark.parametrize("mistake", ["derivative-forgotten", "softmax-elementwise", "bias-from-one-column"])
def test_a_mistake_is_found_on_numbers_on_which_textbook_formulas_overflow(mistake: str, dtype: str) -> None:
    first = "softmax" if mistake == "softmax-elementwise" else "tanh"
    case = _deep([[800, 1], [799.5, 2]], first, dtype)
    (judgement,) = _judged(MISTAKES[mistake].implementation(), [case])
    assert judgement.verdict == "mismatch"


@BOTH
@pytest.mark.parametrize("factor", [0.5, 2, -1])
def test_a_wrong_constant_in_a_loss_is_a_mismatch_where_its_logarithm_has_digits(
    factor: float, dtype: str
) -> None:
    wrong = Textbook(
        "bce_with_logits",
        lambda z, y: z.dtype.type(factor) * (np.logaddexp(0, z) - y * z).astype(z.dtype),
    )
    case = case_of_z([[5.0, -800.0], [-3.0, 2.0]], "identity", "bce_with_logits", [[0, 0], [0.3, 1]], dtype)
    (judgement,) = _judged(wrong, [case])
    assert {c.verdict for c in checks_of(judgement, "loss", "local")} == {"mismatch"}


@BOTH
def test_a_case_is_extreme_for_a_logarithm_of_what_rounds_to_zero(dtype: str) -> None:
    def is_extreme(z: float, loss: str) -> bool:
        case = case_of_z([[z]], "identity", loss, 1.0, dtype)
        (centre,) = TORCH.traces([case], "float64")
        return extreme(case, centre)

    vanishes = 17 if dtype == "float32" else 37
    assert is_extreme(vanishes, "bce_with_logits")
    assert not is_extreme(vanishes, "mse")
    assert not is_extreme(10, "bce_with_logits")
