"""The catalogue as submissions: each mistake as a class with a full trace, graded in this process."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from backproof.cases import DrawOptions
from backproof.diagnosis.mistakes import MISTAKES
from backproof.grading.diagnosing import Diagnosing
from backproof.grading.evidence import Evidence
from backproof.grading.examining import Declared, GradedSubject, examined
from backproof.grading.exercise import Exercise
from backproof.grading.marking import Marking
from backproof.grading.rubric import GRADED, Rubric
from backproof.plugging.isolation import InProcess
from backproof.plugging.links import Hello
from refimpl import (
    QUANTITIES,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    LossSpec,
    Network,
)

LARGEST = {"depth": 3, "width": 5, "batch": 6}


@dataclass
class InThisProcess:
    """A class of equations as a submission; all of a trace, or some of it."""

    implementation: Backprop
    offered: tuple[str, ...] = tuple(QUANTITIES)

    def start(self) -> Hello:
        self.link = InProcess(self.answer, "catalogue")
        self.link.start()
        return Hello("catalogue", {"interface": "function", "declared": {}}, {}, False)

    def answer(self, view: Any) -> dict[str, Any]:
        layers = tuple(
            Layer(W, b, ActivationSpec(name, parameters))
            for W, b, name, parameters in zip(
                view.W, view.b, view.activations, view.activation_parameters, strict=True
            )
        )
        loss = LossSpec(view.loss, view.reduction, view.loss_parameters, view.loss_arrays)
        trace = self.implementation.run(Case(Network(layers, loss), view.X, view.Y, view.learning_rate))
        return {quantity: getattr(trace, quantity) for quantity in self.offered}

    def ask(self, requests):
        return self.link.ask(requests)

    def close(self) -> None:
        pass


def rubric_for(options: DrawOptions, cases: int, dtype: str, *, large: bool = False) -> Rubric:
    """Asks for what a mistake needs to show, in small networks, with a point for each equation.

    With `large`, in networks as wide as they are drawn by default: more terms add up to larger numbers.
    """
    networks: dict[str, Any] = {"dtypes": [dtype], "parameters": options.parameters, "arrays": options.arrays}
    for name in ("activations", "losses", "hidden", "output", "pairs", "reductions", "regimes"):
        value = getattr(options, name)
        if value is not None:
            networks[name] = [list(each) if isinstance(each, tuple) else each for each in value]
    for name, small in LARGEST.items():
        most = getattr(DrawOptions(), f"max_{name}") if large else small
        least, given = getattr(options, f"min_{name}"), getattr(options, f"max_{name}")
        unlimited = next(f.default for f in fields(DrawOptions) if f.name == f"max_{name}")
        networks[name] = [least, max(least, min(given, most) if given != unlimited else most)]
    for name in ("inputs", "outputs"):
        if getattr(options, name) is not None:
            networks[name] = list(getattr(options, name))
    if options.labels != "any":
        networks["labels"] = options.labels
    hidden = networks["depth"][1] > 1
    points = {name: 1.0 for name in GRADED if hidden or name not in ("F3", "B5")}
    return Rubric.model_validate(
        {
            "points": points,
            "submission": {"function": "network"},
            "networks": networks,
            "marking": {"cases": cases, "seed": 7, "unstable": 0.5},
        }
    )


class Undiagnosed(Diagnosing):
    """Names nothing: with a full trace no mark hangs on it, and it takes seconds."""

    def of_equation(self, *_: object) -> tuple[int, ...]:
        return ()


def marking_of(
    exercise: Exercise, implementation: Backprop, offered=tuple(QUANTITIES), diagnosing=Diagnosing
) -> Marking:
    """What a class of equations earns."""
    link = InThisProcess(implementation, offered)
    subject = GradedSubject(Declared(link, exercise.rubric), "catalogue.py:network")
    evidence = Evidence(examined(exercise, subject))
    return Marking(exercise.rubric, evidence, diagnosing(evidence))


def lost_by(
    name: str, cases: int = 60, dtype: str = "float64", oracles=("torch",), offered=tuple(QUANTITIES)
):
    """The equations that a mistake loses, with how much of each."""
    mistake = MISTAKES[name]
    large = mistake.effect == "unstable"
    exercise = Exercise(rubric_for(mistake.draw, cases, dtype, large=large), 7, oracles)
    marking = marking_of(exercise, mistake.implementation(), diagnosing=Undiagnosed)
    marks = marking.marks()
    return {mark.equation: mark for mark in marks if mark.earned < mark.points}
