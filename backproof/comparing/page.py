"""comparison.html: a comparison as one page that needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import jinja2

from backproof.reporting.templating import environment
from backproof.reporting.wording import plural, verdict_sentence

from . import wording
from .model import KINDS, MEANINGS, WAYS, Change, Comparison, Kind

UNFOLDED = 25
"""Of each kind of thing, so many rows are seen at once; the rest is folded up."""
TONES = {"worse": "bad", "better": "good", "new": "warn", "gone": "plain", "changed": "plain"}


def comparison_html(comparison: Comparison, names: tuple[str, str]) -> str:
    """The page as text, of the reports in the files `names`. The same reports give the same bytes."""
    page = _template().render(
        comparison=comparison,
        names=names,
        headline=wording.headline(comparison),
        tone=wording.tone(comparison),
        cases=wording.cases_sentence(comparison),
        ways=[(way, *_parts(comparison.of(way))) for way in WAYS if comparison.of(way)],
        numbers={way: len(comparison.of(way)) for way in WAYS},
        verdicts=[verdict_sentence(report) for report in (comparison.old, comparison.new)],
        meanings=MEANINGS,
        kinds=KINDS,
        tones=TONES,
        unfolded=UNFOLDED,
    )
    return page.rstrip() + "\n"


def _parts(changes: Sequence[Change]) -> tuple[dict[Kind, list[Change]], list[Change]]:
    """The changes by their kinds, and apart from them the findings that come from causes among them."""
    told, _ = wording.told_apart(changes)
    return wording.grouped(told), [change for change in changes if change not in told]


@cache
def _template() -> jinja2.Template:
    # The look is that of reports: report.css comes from their templates.
    templates = environment("backproof.comparing", "backproof.reporting")
    templates.globals.update(plural=plural, come_from=wording.come_from)
    return templates.get_template("comparison.html.j2")
