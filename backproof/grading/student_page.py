"""pages/KEY.html: the marks of one submission, and what may be told of them, for who handed it in.

It needs no network and no other file. Its one script copies commands; the page says all without it.
"""

from __future__ import annotations

import shlex
from functools import cache

import jinja2

from backproof.reporting import pictures, wording
from backproof.reporting.html_page import capitalised, case_json
from backproof.reporting.mathml import mathml
from backproof.reporting.templating import environment, own_script

from . import feedback
from .model import Result
from .rubric import Rubric

STATUS = {"empty": "it is empty", "not loadable": "it could not be loaded"}


def student_html(result: Result, rubric: Rubric) -> str:
    """The page as text. The same result under the same rubric gives the same bytes."""
    level = rubric.marking.feedback
    told = feedback.cards(result, rubric)
    page = _template().render(
        result=result,
        rubric=rubric,
        marking=rubric.marking,
        level=level,
        solution=feedback.tells(level, "solution"),
        cards=told,
        card_of={equation: card for card in reversed(told) for equation in card.equations},
        tone=tone(result),
        counts=counts(result),
        first=feedback.first_to_mend(result),
        command=f"backproof check {shlex.quote(feedback.file_name(result, rubric))} --exercise exercise.toml",
        **own_script("backproof.reporting", "report.js"),
    )
    return page.strip() + "\n"


def tone(result: Result) -> str:
    """How the total is to be taken."""
    if result.is_right:
        return "good"
    return "bad" if result.total < result.out_of / 2 else "warn"


def counts(result: Result) -> dict[str, int]:
    """How many equations are right, wrong, … in words, those that occur only."""
    found: dict[str, int] = {}
    for verdict, word in feedback.VERDICTS.items():
        number = sum(mark.verdict == verdict for mark in result.marks)
        if number:
            found[word] = found.get(word, 0) + number
    return found


def share(part: float) -> str:
    """0.25 as "25 %"."""
    return f"{100 * part:.4g} %"


@cache
def _template() -> jinja2.Template:
    templates = environment("backproof.grading", "backproof.reporting")
    templates.filters.update(
        points=feedback.points,
        formula=feedback.formula,
        facts=feedback.facts,
        mathml=mathml,
        capitalised=capitalised,
        sentence=feedback.sentence,
        case_json=case_json,
        drawing=pictures.drawing,
        numbers=wording.numbers_of,
        share=share,
    )
    templates.globals.update(
        plural=wording.plural,
        words_of=feedback.IN_WORDS,
        verdict_words=feedback.VERDICTS,
        symbols=feedback.SYMBOLS,
        tones=feedback.TONES,
        status_words=STATUS,
    )
    return templates.get_template("student.html.j2")
