"""How Sphinx makes the book of this folder: `make book`, which says what comes first."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "backproof"
copyright = "the authors of backproof"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser", "book_directives", "book_directives.function_pages"]
exclude_patterns = ["book_directives"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
# Words such as [l] and (n, m) are the document's, no links; what is a link and leads nowhere is an error.
nitpicky = True
smartquotes = False

html_theme = "furo"
html_title = "backproof"
html_math_renderer = "mathml"
html_static_path = ["_static", "../backproof/teaching/templates/drawing.css"]
html_css_files = ["drawing.css", "book.css"]
html_copy_source = False
html_show_sphinx = False
html_show_search_summary = False  # a page from disk may not fetch the others for it
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
