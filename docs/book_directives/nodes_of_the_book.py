"""Nodes that docutils does not have, and short ways to make those that it has."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

TONES = {
    "conforms": "good",
    "convention": "plain",
    "known deviation": "plain",
    "not judged": "plain",
    "unstable": "warn",
    "mismatch": "bad",
    "fault": "bad",
    "holds": "good",
    "holds under a condition": "warn",
    "does not hold as written": "bad",
}
"""A verdict or a reading → the colour that a report's page gives it."""


class folded(nodes.General, nodes.Element):  # noqa: N801 - docutils writes its nodes so
    """What is shown when its summary is clicked."""


def _visit_folded(translator: Any, node: nodes.Element) -> None:
    translator.body.append(translator.starttag(node, "details", CLASS="folded"))
    translator.body.append(f"<summary>{translator.encode(node['summary'])}</summary>\n")


def _depart_folded(translator: Any, _: nodes.Element) -> None:
    translator.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    """Tells Sphinx how to write them."""
    app.add_node(folded, html=(_visit_folded, _depart_folded))


def box(*children: nodes.Node, classes: tuple[str, ...] = ()) -> nodes.Element:
    """A <div> of these classes."""
    made = nodes.container("", *children)
    made["classes"] += classes
    return made


def paragraph(*parts: str | nodes.Node, classes: tuple[str, ...] = ()) -> nodes.Element:
    """A paragraph of texts and nodes."""
    made = nodes.paragraph("", "", *(nodes.Text(part) if isinstance(part, str) else part for part in parts))
    made["classes"] += classes
    return made


def chip(text: str, tone: str = "") -> nodes.Element:
    """A word in a coloured field, as on a report's page; without a tone, a verdict in its own colour."""
    return nodes.inline("", text, classes=["chip", tone or TONES[text]])


def formula(latex: str) -> nodes.Element:
    """A formula in a line of its own."""
    return nodes.math_block(latex, latex, nowrap=False, number=None, label=None)


def inline_formula(latex: str) -> nodes.Element:
    """A formula in running text."""
    return nodes.math(latex, latex)


def python(code: str) -> nodes.Element:
    """Highlighted code."""
    return nodes.literal_block(code, code, language="python", classes=["extracted"])


def console(command: str) -> nodes.Element:
    """A command."""
    text = f"$ {command}"
    return nodes.literal_block(text, text, language="console")


def code(text: str) -> nodes.Element:
    """A name."""
    return nodes.literal(text, text)


def link_to_page(docname: str, text: str) -> nodes.Element:
    """A link to another page of the book."""
    made = addnodes.pending_xref(
        "", refdomain="std", reftype="doc", reftarget=f"/{docname}", refexplicit=True
    )
    made += nodes.inline("", text)
    return made


def html(text: str) -> nodes.Element:
    """HTML that was made here."""
    return nodes.raw("", text, format="html")


def table(heads: list[str], rows: list[list[nodes.Node]], classes: tuple[str, ...] = ()) -> nodes.Element:
    """A table; each cell is one node, inline or not."""
    made = nodes.table(classes=[*classes])
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    head = nodes.thead("", nodes.row("", *(nodes.entry("", paragraph(text)) for text in heads)))
    body = nodes.tbody("", *(nodes.row("", *(nodes.entry("", _block(cell)) for cell in row)) for row in rows))
    group += [head, body]
    made += group
    return made


def _block(cell: nodes.Node) -> nodes.Node:
    inline = isinstance(cell, (nodes.Inline, nodes.Text))
    return paragraph(cell) if inline else cell
