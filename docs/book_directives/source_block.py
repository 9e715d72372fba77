"""The directive `source`: a function, method or class as it stands in its file, its docstring left out."""

from __future__ import annotations

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .extraction import NotFoundError, file_of, found, source_of, without_docstring
from .nodes_of_the_book import box, code, paragraph, python


class SourceDirective(SphinxDirective):
    """```{source} refimpl.activations.softmax_vjp```."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The code under a caption that names its file."""
        try:
            thing = found(self.arguments[0])
            text, file = source_of(thing), file_of(thing)
        except NotFoundError as error:
            raise self.error(f"source {self.arguments[0]}: {error}") from None
        caption = paragraph(code(self.arguments[0]), f" in {file}", classes=("of-file",))
        return [box(caption, python(without_docstring(text)), classes=("source",))]
