"""The smallest network of a few, in which a mistake shows, and the command that explains its pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from backproof.cases import draw_case
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.errors import UsageError
from backproof.reporting.wording import network_in_words
from backproof.teaching.example_case import Blueprint, draw_example, output_activation, suitable_outputs
from backproof.teaching.model import Lesson
from backproof.teaching.steps import lesson
from refimpl import Case, case_to_dict

_WIDTHS = ((2, 2, 1), (2, 3, 1), (2, 2, 2), (2, 3, 2), (2, 2, 2, 2), (2, 3, 3, 2))
_HIDDEN = ("tanh", "sigmoid", "relu")
_TRIED = 60
_LOSSES = ("half_squared_error", "mse", "cross_entropy", "bce")


@dataclass(frozen=True)
class Network:
    """A network and the pass that goes wrong in it."""

    lesson: Lesson
    """With the mistake beside."""
    blueprint: Blueprint | None
    """What it was drawn by; None of a random case."""

    @property
    def in_words(self) -> str:
        """As in "2-2-1, tanh → identity, loss mse (mean), 1 sample"."""
        return network_in_words(case_to_dict(self.lesson.case))

    @property
    def command(self) -> str:
        """Explains the pass, where it is drawn by a blueprint; what is a default is left out."""
        plan = self.blueprint
        if plan is None:
            return ""
        words = ["backproof explain", "--network", "-".join(map(str, plan.widths))]
        words += ["--activation", ",".join(plan.activations), "--loss", plan.loss]
        if plan.samples != 1:
            words += ["--samples", str(plan.samples)]
        if plan.seed:
            words += ["--seed", str(plan.seed)]
        return " ".join(words)


@cache
def network_that_shows(name: str) -> Network | None:
    """None if not even random cases of few numbers show it."""
    mistake = MISTAKES[name]
    for blueprint in _blueprints(mistake):
        found = _lesson(draw_example(blueprint), mistake)
        if found is not None:
            return Network(found, blueprint)
    draw = replace(mistake.draw, max_width=3, max_batch=min(mistake.draw.max_batch, 3))
    lessons = (_lesson(draw_case(6, index, "float64", draw).case, mistake) for index in range(_TRIED))
    shown = [each for each in lessons if each is not None]
    return Network(min(shown, key=_size), None) if shown else None


def _lesson(case: Case, mistake: Mistake) -> Lesson | None:
    """The pass with the mistake; None if that does not show in it."""
    try:
        found = lesson(case, (), mistake)
    except UsageError:
        return None
    first = found.first_wrong
    return found if first is not None and first.wrong is not None and not first.wrong.apart.equal else None


def _size(found: Lesson) -> int:
    return found.case.samples * sum(found.case.network.widths)


def _blueprints(mistake: Mistake) -> Iterator[Blueprint]:
    """Simple ones first; of the functions that the mistake is about, where it is about some."""
    draw = mistake.draw
    hidden = _of(draw.hidden or draw.activations or (), _HIDDEN)
    losses = _of(draw.losses or (), _LOSSES)
    outputs = draw.output or draw.activations or ()
    for loss, samples, inner, widths, seed in product(losses, (1, 2, 3), hidden, _WIDTHS, (0, 1)):
        if loss.startswith(("cross_entropy", "multi_margin")) and widths[-1] == 1:
            continue
        last = next((name for name in outputs if name in suitable_outputs(loss)), output_activation(loss))
        others = (inner, *(name for name in hidden if name != inner))
        names = tuple(others[place % len(others)] for place in range(len(widths) - 2))
        yield Blueprint(widths, (*names, last), loss, samples=samples, seed=seed)


def _of(wanted: tuple[str, ...], simple: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the simple ones that are wanted, else those wanted; the simple ones if any will do."""
    if not wanted:
        return simple
    return tuple(name for name in simple if name in wanted) or wanted[:3]
