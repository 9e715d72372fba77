"""Formulas as MathML, made when the book is built: a page needs no script for them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from backproof.reporting.mathml import mathml

_ARGUMENTS = {
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
}
"""Elements that have so many children, and no other number."""
_log = logging.getLogger(__name__)


def converted(latex: str, *, display: bool) -> str:
    r"""`latex` as MathML; ValueError if it cannot be converted.

    What the converter does not know it copies, backslash and all: a \ that is left is a formula not set.
    """
    made = str(mathml(latex, block=display))
    text = made.partition(">")[2]  # without the root's attributes, one of which is the LaTeX
    if not made.startswith("<math"):
        raise ValueError(f"this formula cannot be set as MathML: {latex}")
    if "\\" in text:
        unknown = "\\" + text.split("\\")[1].partition("<")[0]
        raise ValueError(f"this formula has {unknown}, which cannot be set as MathML: {latex}")
    root = ET.fromstring(made)  # noqa: S314 - it was parsed and written by `mathml`
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if len(element) != _ARGUMENTS.get(name, len(element)):
            raise ValueError(f"this formula is not whole, and cannot be set as MathML: {latex}")
    return _cases_marked(root)


def _cases_marked(root: ET.Element) -> str:
    """The MathML with each table behind a brace marked: the columns of cases begin at the left."""
    for row in root.iter():
        for before, table in pairwise(row):
            if before.text == "{" and table.tag.endswith("}mtable"):
                table.set("class", "cases")
    return ET.tostring(root, encoding="unicode")


def _visit(translator: Any, node: nodes.Element) -> None:
    display = isinstance(node, nodes.math_block)
    try:
        made = converted(node.astext().strip(), display=display)
    except ValueError as error:
        _log.warning("%s", error, location=node, type="book", subtype="math")
        made = f"<code>{translator.encode(node.astext())}</code>"
    if display:
        label = translator.encode(node.astext().strip())
        box = translator.starttag(
            node, "div", "", CLASS="formula", tabindex="0", role="group", **{"aria-label": label}
        )
        translator.body.append(f"{box}{made}</div>\n")
    else:
        translator.body.append(made)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Tells Sphinx of the renderer, which conf.py chooses by its name."""
    app.add_html_math_renderer("mathml", (_visit, None), (_visit, None))
