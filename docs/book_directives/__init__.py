"""The book's Sphinx extension: directives that show what the project has, and never a copy of it.

`equation`, `source`, `exercise` and `mistakes` take their texts, code, numbers and verdicts from refimpl,
from the catalogue of mistakes and from the report of a run. Formulas are set as MathML when the book is
built, so that its pages load nothing.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from . import accessible, equation_cards, math_html, nodes_of_the_book, outside, run_of_the_book
from .equation_box import EquationDirective
from .exercise import ExerciseDirective
from .mistake_table import MistakesDirective
from .source_block import SourceDirective


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    nodes_of_the_book.setup(app)
    math_html.setup(app)
    run_of_the_book.setup(app)
    equation_cards.setup(app)
    outside.setup(app)
    accessible.setup(app)
    app.add_directive("equation", EquationDirective)
    app.add_directive("source", SourceDirective)
    app.add_directive("exercise", ExerciseDirective)
    app.add_directive("mistakes", MistakesDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
