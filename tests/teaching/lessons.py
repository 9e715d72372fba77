"""Cases to be explained, and their lessons."""

from functools import cache
from typing import Any

from backproof.diagnosis.mistakes import MISTAKES
from backproof.teaching.example_case import Blueprint, draw_example, output_activation
from backproof.teaching.model import Lesson, Step
from backproof.teaching.steps import lesson
from oracles.ball_oracle import BallOracle
from refimpl import Case


@cache
def truth() -> BallOracle:
    return BallOracle()


def case(widths=(2, 3, 1), hidden="tanh", loss="mse", **more: Any) -> Case:
    """A drawn network whose last activation suits its loss."""
    names = (*(hidden,) * (len(widths) - 2), more.pop("output", output_activation(loss)))
    return draw_example(Blueprint(tuple(widths), names, loss, **more))


def explained(given: Case, mistake: str | None = None) -> Lesson:
    return lesson(given, [truth()], MISTAKES[mistake] if mistake else None)


def step_of(steps: tuple[Step, ...], quantity: str, layer: int | None = None) -> Step:
    (found,) = (step for step in steps if (step.quantity, step.layer) == (quantity, layer))
    return found
