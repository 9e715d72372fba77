"""index.html: the lecturer's page. It needs no network, and no other file but the pages that it links to.

Its one script sorts the table of submissions; the page says all without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2

from backproof.reporting import wording
from backproof.reporting.mathml import mathml
from backproof.reporting.templating import environment, own_script

from . import feedback
from .model import Result
from .overview import Bar, Overview, overview
from .rubric import LATEX, TITLES, Rubric
from .student_page import share

_HIGHEST = 150
_WIDE, _GAP, _TOP, _BELOW = 54, 8, 26, 48
_LONGEST = 32
SEEN_AT_ONCE = 8
"""So many names stand in a row of a table; the rest is folded up."""


def overview_html(results: Sequence[Result], rubric: Rubric) -> str:
    """The page as text. The same results under the same rubric give the same bytes."""
    seen = overview(results, rubric)
    page = _template().render(
        seen=seen,
        rubric=rubric,
        marking=rubric.marking,
        asked=rubric.asked,
        histogram=histogram(seen.bars),
        headline=headline(seen, rubric),
        **own_script("backproof.grading", "overview.js"),
    )
    return page.strip() + "\n"


def headline(seen: Overview, rubric: Rubric) -> str:
    """All in one sentence."""
    if not seen.results:
        return "No submissions"
    text = wording.plural(len(seen.results), "submission")
    if seen.mean is not None:
        text += f", on average {seen.mean:.3g} of {feedback.points(rubric.out_of)} points"
    return text


# ---------------------------------------------------------------- the histogram


@dataclass(frozen=True)
class Column:
    """One bar with its labels, in pixels."""

    x: int
    y: float
    height: float
    count: int
    label: str
    least: str
    """The label where there is little room."""
    says: str
    all: bool


@dataclass(frozen=True)
class Histogram:
    """Bars from left to right."""

    width: int
    height: int
    base: int
    columns: tuple[Column, ...]
    description: str


def histogram(bars: Sequence[Bar]) -> Histogram:
    """The geometry of the distribution of totals."""
    most = max((bar.count for bar in bars), default=0) or 1
    columns = []
    for number, bar in enumerate(bars):
        height = round(_HIGHEST * bar.count / most, 1)
        of_all = bar.least == bar.end
        least, end = feedback.points(bar.least), feedback.points(bar.end)
        columns.append(
            Column(
                x=number * (_WIDE + _GAP) + _GAP,
                y=round(_TOP + _HIGHEST - height, 1),
                height=height,
                count=bar.count,
                label=least if of_all else f"{least}–{end}",
                least=least,
                says=f"{'all' if of_all else f'{least} to under {end}'} points: {bar.count}",
                all=of_all,
            )
        )
    said = "; ".join(column.says for column in columns if column.count) or "none"
    return Histogram(
        width=len(bars) * (_WIDE + _GAP) + _GAP,
        height=_TOP + _HIGHEST + _BELOW,
        base=_TOP + _HIGHEST,
        columns=tuple(columns),
        description=f"Submissions by points. {said}",
    )


# ---------------------------------------------------------------- the page


def shortened(name: str) -> str:
    """A name as lists have it: the table of all submissions, and its page, have it in full."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def cell_says(mark: Any) -> str:
    """A mark in a few words, for who points at its cell or hears it."""
    return f"{feedback.VERDICTS[mark.verdict]}: {mark.reason}"


@cache
def _template() -> jinja2.Template:
    templates = environment("backproof.grading", "backproof.reporting")
    templates.filters.update(
        points=feedback.points,
        mathml=mathml,
        sentence=feedback.sentence,
        cell_says=cell_says,
        shortened=shortened,
        share=share,
    )
    templates.globals.update(
        plural=wording.plural,
        percent=wording.percent,
        verdict_words=feedback.VERDICTS,
        symbols=feedback.SYMBOLS,
        tones=feedback.TONES,
        titles=TITLES,
        documented=LATEX,
        at_once=SEEN_AT_ONCE,
    )
    return templates.get_template("overview.html.j2")
