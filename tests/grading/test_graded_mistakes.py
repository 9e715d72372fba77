"""The catalogue's mistakes as submissions: each loses the points of its own equations and no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jaxtyping
import pytest
from catalogue_grading import LARGEST, Undiagnosed, lost_by, marking_of, rubric_for

from backproof.cases import DrawOptions
from backproof.diagnosis.mistakes import MISTAKES
from backproof.grading.exercise import Exercise
from refimpl import QUANTITIES, Backprop
from tests.long_tests import long_but_for

QUICK = ("weights-not-transposed", "bias-gradient-averaged", "bias-forgotten")
STEPS_HIDDEN = tuple(name for name in QUANTITIES if name not in ("Z", "A", "delta"))


@pytest.fixture(autouse=True, scope="module")
def _without_type_checks() -> Iterator[None]:
    """refimpl as it is when installed: its checks at run time are slow where thousands are graded."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def check_lost(name: str, dtype: str, cases: int = 60) -> None:
    mistake = MISTAKES[name]
    marks = lost_by(name, cases, dtype)
    assert marks, f"{name} loses nothing"
    assert set(marks) <= set(mistake.equations), {e: mark.reason for e, mark in marks.items()}
    unstable = {mark.verdict for mark in marks.values()} == {"unstable"}
    assert all(mark.earned == (0.5 if mark.verdict == "unstable" else 0) for mark in marks.values())
    assert unstable <= (mistake.effect == "unstable")


def dtype_of(name: str) -> str:
    """Exponentials overflow sooner in float32."""
    return "float32" if MISTAKES[name].effect == "unstable" else "float64"


@pytest.mark.parametrize("name", long_but_for(QUICK, sorted(MISTAKES)))
def test_a_mistake_loses_the_points_of_its_own_equations_and_no_others(name):
    check_lost(name, dtype_of(name))


def test_the_reference_has_all_points():
    exercise = Exercise(rubric_for(DrawOptions(), 20, "float64"), 7, ("torch",))
    assert all(mark.earned == mark.points for mark in marking_of(exercise, Backprop()).marks())
    assert LARGEST["depth"] > 1


@pytest.fixture(scope="module")
def small():
    options = DrawOptions(
        hidden=("sigmoid", "tanh"),
        pairs=(("identity", "half_squared_error"), ("sigmoid", "bce")),
        losses=("half_squared_error", "bce"),
        regimes=("ordinary",),
    )
    return Exercise(rubric_for(options, 24, "float64"), 7, ("torch",))


def marks_of(exercise, implementation, offered):
    return {mark.equation: mark for mark in marking_of(exercise, implementation, offered).marks()}


def test_without_z_a_and_delta_a_right_submission_has_all_points_end_to_end(small):
    marks = marks_of(small, Backprop(), STEPS_HIDDEN)
    assert all(mark.earned == mark.points for mark in marks.values())
    assert {mark.how for name, mark in marks.items() if name[0] != "U"} == {"end to end"}


def test_without_them_the_diagnosis_tells_which_equation_is_wrong_and_the_others_keep_their_points(small):
    marks = marks_of(small, MISTAKES["derivative-forgotten"].implementation(), STEPS_HIDDEN)
    assert {name for name, mark in marks.items() if not mark.earned} == {"B5"}
    assert marks["B5"].how == "by the diagnosis"


def test_a_gradient_that_is_right_clears_what_it_is_made_of(small):
    marks = marks_of(small, MISTAKES["weight-gradient-transposed"].implementation(), ("loss", "dW", "db"))
    assert {name for name, mark in marks.items() if not mark.earned} == {"B1", "U1", "U2"}
    assert marks["U1"].verdict == "not shown"
    assert marks["B4"].how == "end to end"


@pytest.mark.long
def test_what_the_diagnosis_does_not_know_costs_all_that_it_could_be(small):
    class Unknown(Backprop):
        def hidden_error(self, dA, Z, A, spec) -> Any:
            return super().hidden_error(dA, Z, A, spec) * (1.5 + dA) - 0.25

    marks = marks_of(small, Unknown(), ("loss", "dW", "db"))
    lost = {name for name, mark in marks.items() if not mark.earned}
    assert lost == {"B5", "B1a", "U1", "U2"}
    assert "it could be any of B1a, B5" in marks["B5"].reason


def test_a_derivative_in_terms_of_a_wrong_a_is_no_second_mistake(small):
    class Halved(Backprop):
        def activation(self, Z, spec) -> Any:
            return super().activation(Z, spec) * 0.5

    marks = marking_of(small, Halved(), diagnosing=Undiagnosed).marks()
    assert {mark.equation for mark in marks if not mark.earned} == {"F3", "F4"}
