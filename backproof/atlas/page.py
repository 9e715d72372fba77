"""atlas.html: an atlas as one page that needs no network, no script and no other file."""

from __future__ import annotations

from functools import cache
from itertools import groupby

import jinja2

from backproof.reporting.templating import environment
from backproof.reporting.wording import plural

from .model import CLASSES, Atlas, FunctionRow
from .pictures import HEIGHT, WIDTH, pictures_of
from .places import argument, number, places_of, setting, worst
from .sweeps import DESIGNS

UNFOLDED = 40
"""So many places are seen at once; the rest is folded up."""


def atlas_html(atlas: Atlas) -> str:
    """The page as text. The same atlas gives the same bytes."""
    places = places_of(atlas)
    page = _template().render(
        atlas=atlas,
        large=[place for place in places if place.large],
        small=[place for place in places if not place.large],
        functions=[(name, list(rows)) for name, rows in groupby(atlas.functions, key=lambda row: row.name)],
        dtypes=list(dict.fromkeys(row.dtype for row in atlas.functions)),
        points=sum(row.points for row in atlas.functions),
        pictures=lambda row: pictures_of(row, atlas.answerers, atlas.threshold),
        not_offering=_not_offering,
        classes=CLASSES,
        designs={name: says for name, (says, _, _) in DESIGNS.items()},
        unfolded=UNFOLDED,
        width=WIDTH,
        height=HEIGHT,
    )
    return page.strip() + "\n"


def _not_offering(row: FunctionRow) -> str:
    """Who does not offer the function, and for whom it is composed, in words."""
    none = [answer.by for answer in row.answers if answer.offer == "does not offer"]
    composed = [answer.by for answer in row.answers if answer.offer == "composed"]
    parts = [f"{name} does not offer it" for name in none]
    parts += [f"{name} has none of its own: plain operations of it" for name in composed]
    return "; ".join(parts)


@cache
def _template() -> jinja2.Template:
    # The look is that of reports: report.css comes from their templates.
    templates = environment("backproof.atlas", "backproof.reporting")
    templates.globals.update(plural=plural, number=number, argument=argument, worst=worst, setting=setting)
    return templates.get_template("atlas.html.j2")
