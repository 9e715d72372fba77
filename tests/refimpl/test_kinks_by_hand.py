"""The kinks that activations declare, each number worked by hand.

The tests of kinks elsewhere take their rows from the table itself, before any of them runs.
"""

from __future__ import annotations

import numpy as np
import pytest

from refimpl import ACTIVATIONS, LOSSES
from refimpl.functions import Kink, no_kinks

SCALE, ALPHA = 1.0507009873554804934, 1.6732632423543772848
"""Of selu."""
ROWS: list[tuple[str, dict[str, float], tuple[Kink, ...]]] = [
    # name, parameters, kinks: at, left, right, chosen, jump
    ("relu", {}, (Kink(0.0, 0.0, 1.0, 0.0),)),
    ("leaky_relu", {"negative_slope": 0.25}, (Kink(0.0, 0.25, 1.0, 0.25),)),
    ("elu", {"alpha": 0.5}, (Kink(0.0, 0.5, 1.0, 0.5),)),
    ("elu", {"alpha": 1.0}, ()),  # e^z has the slope 1 at 0
    ("selu", {}, (Kink(0.0, SCALE * ALPHA, SCALE, SCALE * ALPHA),)),
    ("relu6", {}, (Kink(0.0, 0.0, 1.0, 0.0), Kink(6.0, 1.0, 0.0, 0.0))),
    ("hardtanh", {"min_val": -2.0, "max_val": 3.0}, (Kink(-2.0, 0.0, 1.0, 0.0), Kink(3.0, 1.0, 0.0, 0.0))),
    ("hardsigmoid", {}, (Kink(-3.0, 0.0, 1 / 6, 0.0), Kink(3.0, 1 / 6, 0.0, 0.0))),
    # (2z + 3)/6 is -½ at -3 and 3/2 at 3
    ("hardswish", {}, (Kink(-3.0, 0.0, -0.5, 0.0), Kink(3.0, 1.5, 1.0, 1.0))),
    ("softshrink", {"lambd": 0.5}, (Kink(-0.5, 1.0, 0.0, 0.0), Kink(0.5, 0.0, 1.0, 0.0))),
    (
        "hardshrink",
        {"lambd": 0.5},
        (Kink(-0.5, 1.0, 0.0, 0.0, (-0.5, 0.0)), Kink(0.5, 0.0, 1.0, 0.0, (0.0, 0.5))),
    ),
    ("threshold", {"threshold": 1.0, "value": -2.0}, (Kink(1.0, 0.0, 1.0, 0.0, (-2.0, 1.0)),)),
    ("threshold", {"threshold": 1.0, "value": 1.0}, (Kink(1.0, 0.0, 1.0, 0.0, None),)),
    ("sparse_sigmoid", {}, (Kink(-1.0, 0.0, 0.5, 0.0), Kink(1.0, 0.5, 0.0, 0.0))),
]


@pytest.mark.parametrize(("name", "parameters", "kinks"), ROWS)
def test_the_kinks_of_an_activation_are_those_worked_by_hand(
    name: str, parameters: dict[str, float], kinks: tuple[Kink, ...]
) -> None:
    assert ACTIVATIONS[name].kinks(parameters) == kinks


def test_every_activation_with_kinks_is_among_them() -> None:
    assert {name for name, entry in ACTIVATIONS.items() if entry.kinks is not no_kinks} == {
        name for name, *_ in ROWS
    }


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        # of the targets -1 and 1: at, left, right, chosen
        ("hinge", {}, ([-1, 1], [0, -1], [1, 0], [0, 0])),
        ("perceptron", {}, ([0, 0], [0, -1], [1, 0], [0, 0])),
        ("hinge_embedding", {"margin": 2.0}, ([2, np.inf], [-1, -1], [0, 0], [-1, -1])),
        ("l1", {}, ([-1, 1], [-1, -1], [1, 1], [0, 0])),
    ],
)
def test_the_kinks_of_a_loss_are_those_worked_by_hand(
    name: str, arguments: dict[str, float], expected: tuple[list[float], ...]
) -> None:
    (kink,) = LOSSES[name].kinks(np.array([[-1.0, 1.0]]), arguments)
    for answer, numbers in zip((kink.at, kink.left, kink.right, kink.chosen), expected, strict=True):
        assert answer[0].tolist() == pytest.approx(numbers, abs=0)
    assert kink.jump is None
