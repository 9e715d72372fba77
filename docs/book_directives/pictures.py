"""The picture of each equation: the network at its step as SVG, and for the chain rule a small graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from backproof.teaching.drawing import Picture, pictures_of
from backproof.teaching.example_case import Blueprint, draw_example
from backproof.teaching.model import Lesson, Step
from backproof.teaching.page import drawing_html
from backproof.teaching.steps import lesson

from .chain_picture import CHAINS, chain_svg

NETWORK = Blueprint((2, 3, 2), ("tanh", "identity"), "half_squared_error", "sum")
COMMAND = "backproof explain --network 2-3-2 --loss half_squared_error --reduction sum"
"""The command that explains the same pass."""
_STEPS = {
    "F1": ("A_0", None),
    "F2": ("Z", 1),
    "F3": ("A", 1),
    "F4": ("A", 2),
    "F5": ("loss", None),
    "B1": ("dW", 1),
    "B1a": ("dA", 1),
    "B2": ("db", 1),
    "B3": ("db", 1),
    "B4": ("delta", 2),
    "B5": ("delta", 1),
    "U1": ("W_updated", 1),
    "U2": ("b_updated", 1),
}
"""Equation → the quantity and the layer of the step that is shown of it."""


@dataclass(frozen=True)
class Shown:
    """A picture and what stands below it."""

    svg: str
    caption: str
    worked: str
    """One entry worked out in numbers; may be empty."""
    command: str
    """What explains the whole pass; may be empty."""


def shown(id: str) -> Shown:  # noqa: A002 - the document's equations have ids
    """The picture of an equation; KeyError if it has none."""
    if id in CHAINS:
        return Shown(chain_svg(id), CHAINS[id].caption(), CHAINS[id].worked(), "")
    step, picture = _drawn()[_STEPS[id]]
    of = len(_lesson().steps)
    layer = f", layer {step.layer}" if step.layer is not None else ""
    shapes = f" Shapes: {step.shapes}." if step.quantity != "A_0" else ""
    caption = f"Step {step.number} of {of} of a pass: {step.result.symbol}{layer}.{shapes}"
    return Shown(str(drawing_html(picture)), caption, step.expansion.text if step.expansion else "", COMMAND)


@cache
def _lesson() -> Lesson:
    return lesson(draw_example(NETWORK))


@cache
def _drawn() -> dict[tuple[str, int | None], tuple[Step, Picture]]:
    steps = _lesson().steps
    return {
        (step.quantity, step.layer): (step, picture)
        for step, picture in zip(steps, pictures_of(_lesson()), strict=True)
    }
