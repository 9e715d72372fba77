"""Markdown as GitHub reads it: what in it is active, and the text that a reader sees."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

_READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_HARMFUL = {"html_inline", "html_block", "link_open", "image", "s_open"}
# What GitHub makes of the text once it is HTML: mentions, issues, commits, addresses, formulas, emoji.
_ACTIVE = re.compile(
    r"@\w|#\d|\bGH-\d|\w://|\bwww\.|\$|:[+\w-]+:|(?<![0-9a-z])[0-9a-f]{7,40}(?![0-9a-z])", re.IGNORECASE
)


def tokens_of(markdown: str) -> list[Token]:
    """All tokens, those within lines among them."""
    flat: list[Token] = []
    for token in _READER.parse(markdown):
        flat += [token, *(token.children or ())]
    return flat


def active_in(markdown: str) -> list[str]:
    """Whatever is more than text: elements of HTML, links, and what GitHub makes links of afterwards."""
    found = [token.type for token in tokens_of(markdown) if token.type in _HARMFUL]
    for token in tokens_of(markdown):
        if token.type in {"text", "text_special"}:
            found += _ACTIVE.findall(token.content)
    return found


def text_of(markdown: str) -> str:
    """What a reader sees of one paragraph."""
    seen = (token for token in tokens_of(markdown) if token.type in {"text", "text_special", "code_inline"})
    return "".join(token.content for token in seen)


def cells_of(row: str) -> list[str]:
    """The cells of a row, split as GitHub does: at each bar without a backslash, itself not one of a pair."""
    return re.findall(r"\|((?:\\.|[^|\\])*)(?=\|)", row)
