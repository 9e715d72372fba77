"""What the theme's pages lack for those who use a keyboard or a screen reader."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

_IN_BODY = {
    # What scrolls must be reachable by the keyboard.
    '<div class="highlight"><pre>': '<div class="highlight"><pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
_IN_NAVIGATION = {'role="heading"': 'role="heading" aria-level="2"'}


def _mend(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    for key, changes in (("body", _IN_BODY), ("furo_navigation_tree", _IN_NAVIGATION)):
        if context.get(key):
            for old, new in changes.items():
                context[key] = context[key].replace(old, new)


def setup(app: Sphinx) -> None:
    """Tells Sphinx when."""
    app.connect("html-page-context", _mend, priority=900)  # after the theme
