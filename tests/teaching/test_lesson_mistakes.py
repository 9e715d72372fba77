"""A mistake beside the right pass: the first wrong step is that of the mistake's own equation."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from lessons import case, explained, step_of

from backproof.cases import draw_case
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.errors import UsageError
from backproof.teaching.model import Lesson
from backproof.teaching.steps import lesson
from refimpl import Backprop, Case
from tests.long_tests import long_but_for

# What is written W^T δ within B5 is a step of its own here, and F2's input one before it.
PARTS_OF = {"B5": {"B1a"}, "F2": {"F1"}}
# They overflow or lose digits far beyond the numbers that small cases have.
SELDOM = {
    "softmax-without-maximum",
    "softmax-of-large-negatives",
    "softmax-with-one-maximum",
    "tanh-of-exponentials",
}
ALWAYS = (
    *("bias-forgotten", "activation-of-layer-below", "output-activation-forgotten", "sum-for-mean"),
    *("logarithm-to-base-2", "own-activation-in-gradient", "batch-mean-twice", "gradients-accumulated"),
    *(
        "weight-decay-in-gradient",
        "bias-from-one-column",
        "bias-gradient-averaged",
        "prediction-minus-target",
    ),
    *("target-minus-prediction", "output-derivative-forgotten", "squared-error-without-2"),
    *("derivative-forgotten", "derivative-of-output", "weights-not-transposed", "softmax-elementwise"),
    *("updated-weights-in-backward", "first-layer-skipped", "update-uphill", "rate-forgotten"),
    *("bias-not-updated", "bias-updated-by-weight-gradient", "tanh-derivative-not-squared"),
)


def _cases(mistake: Mistake) -> Iterator[Case]:
    yield case((2, 3, 1), samples=3)
    yield case((2, 2, 2, 2), "tanh", "cross_entropy", samples=3)
    yield case((2, 3, 3, 2), "sigmoid", "bce", samples=3)
    for index in range(40):
        yield draw_case(6, index, "float64", mistake.draw).case


def _first_lesson(mistake: Mistake) -> Lesson | None:
    for given in _cases(mistake):
        try:
            return lesson(given, (), mistake)
        except UsageError:
            continue
    return None


@pytest.mark.parametrize("name", long_but_for(ALWAYS, [name for name in MISTAKES if name not in SELDOM]))
def test_the_first_wrong_step_is_that_of_its_own_equation(name):
    mistake = MISTAKES[name]
    found = _first_lesson(mistake)
    assert found is not None
    first = found.first_wrong
    own = {name for equation in mistake.equations for name in (equation, *PARTS_OF.get(equation, ()))}
    assert set(first.ids) & own
    before = found.steps[: first.number - 1]
    assert {step.wrong.status for step in before} <= {"right"}


def test_what_comes_after_carries_it_on_and_what_does_not_hang_on_it_is_right():
    found = explained(case((2, 3, 1)), "derivative-forgotten").steps
    assert step_of(found, "delta", 1).wrong.first
    for quantity, layer in (("dW", 1), ("db", 1), ("dX", None), ("W_updated", 1)):
        assert step_of(found, quantity, layer).wrong.status == "carried on"
    for quantity, layer in (("dW", 2), ("W_updated", 2), ("loss", None)):
        assert step_of(found, quantity, layer).wrong.status == "right"


class _Planted(Backprop):
    """One entry of one gradient is off by a millionth."""

    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        wrong = np.array(super().weight_gradient(delta, A_previous))
        wrong[0, 0] *= 1 + 1e-6
        return wrong


def test_a_planted_error_of_a_millionth_in_one_entry_is_seen():
    planted = Mistake("planted", "B1", "One entry is off.", "Do not.", _Planted, latex="x")
    found = lesson(case(), (), planted)
    assert (found.first_wrong.equation, found.first_wrong.layer) == ("B1", 2)


class _GradientOff(Backprop):
    """The gradient that reaches the hidden layer is off by a relative 1e-14, some 45 roundings."""

    def activation_gradient(self, W_next: Any, delta_next: Any) -> Any:
        return super().activation_gradient(W_next, delta_next) * (1 + 1e-14)


def test_of_the_gradient_that_no_trace_has_the_step_itself_is_blamed():
    planted = Mistake("planted", "B1a", "It is off.", "Do not.", _GradientOff, latex="x")
    found = lesson(case(), (), planted)
    assert (found.first_wrong.equation, found.first_wrong.quantity) == ("B1a", "dA")
    assert step_of(found.steps, "delta", 1).wrong.status == "carried on"


class _LastBit(Backprop):
    """Every gradient is off by its last bit."""

    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        return np.nextafter(super().weight_gradient(delta, A_previous), 9)


def test_what_rounds_differently_is_not_called_wrong():
    planted = Mistake("rounds", "B1", "The last bit.", "No matter.", _LastBit, latex="x")
    with pytest.raises(
        UsageError, match="rounds makes no difference here: it rounds differently and no more"
    ):
        lesson(case(), (), planted)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("softmax-elementwise", "every number is as it should be; try activations such as softmax"),
        ("batch-mean-twice", "every number is as it should be; try other widths, more layers or --samples 3"),
        ("tanh-of-exponentials", "it shows only where numbers are very large or very small"),
    ],
)
def test_a_mistake_that_makes_no_difference_is_said_to_make_none(name, said):
    with pytest.raises(UsageError) as caught:
        explained(case(), name)
    assert str(caught.value).startswith(f"{name} makes no difference here: ")
    assert said in str(caught.value)


def test_what_remembers_shows_at_its_second_call():
    found = explained(case(), "gradients-accumulated")
    assert found.first_wrong.equation == "B1"
