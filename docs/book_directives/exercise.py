"""The directive `exercise`: the wrong code and its numbers; what is wrong with it is folded up below."""

from __future__ import annotations

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.teaching.matrices import summary
from backproof.teaching.model import Step
from backproof.teaching.page import matrix, small
from refimpl.equations import equation

from .exercise_networks import Network, network_that_shows
from .mistake_code import riddle
from .nodes_of_the_book import box, chip, console, folded, formula, html, paragraph, python

ASKED = "Which equation is this, and what is wrong with it?"


class ExerciseDirective(SphinxDirective):
    """```{exercise} derivative-of-output``` with the text of the question."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The question, the code, the numbers, and the solution."""
        name = self.arguments[0]
        if name not in MISTAKES:
            raise self.error(f"unknown mistake {name!r}; `backproof list mistakes` lists all {len(MISTAKES)}")
        mistake = MISTAKES[name]
        question = nodes.container(classes=["question"])
        if self.content:
            self.state.nested_parse(self.content, self.content_offset, question)
        else:
            question += paragraph(ASKED)
        network = network_that_shows(name)
        wrong = riddle(mistake)
        extended = [folded("", python(wrong.extended), summary="What it extends, in which nothing is wrong")]
        made = box(
            paragraph("Exercise", classes=("title",)),
            question,
            python(wrong.code),
            *(extended if wrong.extended else []),
            *(_numbers(network) if network else []),
            folded("", *_solution(mistake, network), summary="Solution", classes=["solution"]),
            classes=("exercise-box",),
        )
        made["names"].append(f"exercise-{name}")
        self.state.document.note_explicit_target(made)
        return [made]


def _numbers(network: Network) -> list[nodes.Node]:
    step = network.lesson.first_wrong
    assert step is not None
    assert step.wrong is not None
    said = f"In a network {network.in_words}:"
    pair = "".join(
        f'<div class="operand" tabindex="0" role="group" aria-label="{label}">'
        f'<span class="label">{label}</span>{_shown(step, values)}</div>'
        for label, values in (
            (f"{step.result.symbol}, right", step.result.values),
            (f"{step.result.symbol}, with this code", step.wrong.values),
        )
    )
    return [paragraph(said), html(f'<div class="operands">{pair}</div>')]


def _shown(step: Step, values: object) -> str:
    return str(matrix(values)) if small(step) else summary(values)


def _solution(mistake: Mistake, network: Network | None) -> list[nodes.Node]:
    entry = equation(mistake.equation)
    also = f" (and {', '.join(mistake.also)})" if mistake.also else ""
    return [
        paragraph(chip(entry.id, "id"), f" {entry.title}{also}. {mistake.what}", classes=("title",)),
        paragraph("The document says", classes=("head",)),
        formula(entry.latex),
        paragraph("This code computes", classes=("head",)),
        formula(mistake.latex),
        paragraph(nodes.strong("", "Mend it: "), mistake.remedy),
        paragraph("See it:"),
        *([console(f"{network.command} --mistake {mistake.name}")] if network and network.command else []),
        console(f"backproof run --cases 200 --mistake {mistake.name} --out reports/exercise"),
    ]
