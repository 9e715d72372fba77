"""A lesson as one page that needs no network and no other file.

Its one script shows one step at a time; without it all steps stand one below the other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from backproof.reporting import wording
from backproof.reporting.html_page import capitalised
from backproof.reporting.mathml import mathml
from backproof.reporting.templating import environment, own_script
from refimpl import case_to_dict

from . import matrices
from .drawing import Picture, pictures_of
from .equations import numbered
from .model import Lesson, Operand, Step
from .plain_math import plain
from .text import PARTS

SCROLLS = 3
"""Columns from which a matrix may be wider than a phone."""


def lesson_html(lesson: Lesson) -> str:
    """The page as text. The same lesson gives the same bytes."""
    page = _template().render(
        lesson=lesson,
        case=lesson.case,
        network=wording.network_in_words(case_to_dict(lesson.case)),
        widths="-".join(map(str, lesson.case.network.widths)),
        pictures=pictures_of(lesson),
        parts=[
            (title, [step for step in lesson.steps if step.part == part]) for part, title in PARTS.items()
        ],
        **own_script("backproof.teaching", "explain.js"),
    )
    return page.strip() + "\n"


def drawing_html(picture: Picture) -> Markup:
    """One drawing as SVG, in the box in which it scrolls; `templates/drawing.css` has its colours."""
    template = environment("backproof.teaching").get_template("drawing.html.j2")
    return Markup(str(template.module.drawing(picture)).strip())  # type: ignore[attr-defined]  # noqa: S704


@cache
def _template() -> jinja2.Template:
    templates = environment("backproof.teaching", "backproof.reporting")
    templates.filters.update(
        mathml=mathml,
        plain=plain,
        number=matrices.number,
        matrix=matrix,
        summary=matrices.summary,
        capitalised=capitalised,
        small=small,
        scrolls=lambda values: np.ndim(values) == 2 and np.shape(values)[1] > SCROLLS,
        oracle=lambda name: "the truth" if name == "truth" else name,
        mistaken_latex=mistaken_latex,
    )
    templates.tests.update(operand=lambda term: isinstance(term, Operand))
    return templates.get_template("explain.html.j2")


def small(step: Step) -> bool:
    """Whether every quantity of a step is shown in full."""
    return all(np.size(operand.values) <= matrices.MOST_NUMBERS for operand in (step.result, *step.operands))


def matrix(values: Any) -> Markup:
    """The numbers of a matrix as MathML, its brackets left to the style: not every font can stretch them."""
    rows = [[_latex(text) for text in row] for row in matrices.rows_of(values)]
    if np.ndim(values) == 0:
        return mathml(rows[0][0])
    body = r" \\ ".join(" & ".join(row) for row in rows)
    return Markup('<span class="matrix-of">{}</span>').format(
        mathml(rf"\begin{{matrix}} {body} \end{{matrix}}")
    )


def _latex(text: str) -> str:
    text = text.replace("∞", r"\infty").replace("NaN", r"\text{NaN}")
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e and "\\" not in text else text


def mistaken_latex(lesson: Lesson, step: Step) -> str:
    """What the mistake computes, with the number of the step's layer."""
    return numbered(lesson.mistake.latex, step.layer or 0, lesson.case.network.depth)
