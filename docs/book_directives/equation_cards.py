"""The directive `equations`: a card for each equation, with how it must be read and its live verdict."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from markupsafe import Markup
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from refimpl.equations import EQUATIONS, Equation

from .math_html import converted
from .nodes_of_the_book import TONES
from .run_of_the_book import folder_of, read_run


class cards(nodes.General, nodes.Element):  # noqa: N801 - docutils writes its nodes so
    """All cards; where each leads is known once all pages are read."""


class EquationsDirective(SphinxDirective):
    """```{equations}```."""

    def run(self) -> list[nodes.Node]:
        """The cards."""
        return [cards()]


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for place in list(doctree.findall(cards)):
        run = read_run(folder_of(app))
        made = Markup("\n").join(
            _card(entry, _address(app, docname, entry), getattr(run.of(entry.id), "headline", "not judged"))
            for entry in EQUATIONS
        )
        text = Markup('<ul class="cards">\n{}\n</ul>').format(made)
        place.replace_self(nodes.raw("", str(text), format="html"))


def _address(app: Sphinx, docname: str, entry: Equation) -> str:
    """Of the equation's box; empty if no page has one."""
    labels: dict[str, Any] = app.env.domaindata["std"]["anonlabels"]
    known = labels.get(f"equation-{entry.id.lower()}")
    return f"{app.builder.get_relative_uri(docname, known[0])}#{known[1]}" if known else ""


def _card(entry: Equation, address: str, verdict: str) -> Markup:
    link = Markup('<a href="{}">{}</a>').format(address, entry.title) if address else entry.title
    return Markup(
        '<li><span class="chip id">{}</span> {}'
        '<div class="small-formula" tabindex="0" role="group" aria-label="{}">{}</div>'
        '<p><span class="chip {}">{}</span> <span class="chip {}">{}</span></p></li>'
    ).format(
        *(entry.id, link, entry.id, Markup(converted(entry.latex, display=False))),  # noqa: S704
        *(TONES[entry.reading], entry.reading, TONES[verdict], verdict),
    )


def setup(app: Sphinx) -> None:
    """Tells Sphinx when."""
    app.add_node(cards)
    app.add_directive("equations", EquationsDirective)
    app.connect("doctree-resolved", _resolve)
