"""The directive `mistakes`: those of one equation that the catalogue has."""

from __future__ import annotations

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from backproof.diagnosis.mistakes import MISTAKES
from refimpl.equations import UnknownEquationError, equation

from .nodes_of_the_book import box, code, folded, inline_formula, paragraph, table

MOST = 10
"""Mistakes up to which the table is not folded up."""


class MistakesDirective(SphinxDirective):
    """```{mistakes} B5```."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table, or a sentence if there are none."""
        try:
            id = equation(self.arguments[0]).id  # noqa: A001 - the document's equations have ids
        except UnknownEquationError as error:
            raise self.error(str(error)) from None
        found = [mistake for mistake in MISTAKES.values() if mistake.equation == id]
        if not found:
            return [paragraph(f"The catalogue has no mistake of {id}.")]
        rows: list[list[nodes.Node]] = [
            [code(mistake.name), box(paragraph(mistake.what), paragraph(inline_formula(mistake.latex)))]
            for mistake in found
        ]
        heads = ["Mistake", "What is done instead, and the equation as it then is"]
        made = table(heads, rows, classes=("mistakes",))
        if len(rows) <= MOST:
            return [made]
        return [folded("", made, summary=f"The {len(rows)} mistakes of {id} in the catalogue")]
