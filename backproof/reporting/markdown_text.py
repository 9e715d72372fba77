"""Texts as GitHub's Markdown shows them and nothing more: no HTML, link, mention or formula of anybody's.

What is escaped with a backslash is a mention, an issue or a link again once GitHub has made HTML of it. So
words that could be anything of that kind stand in code spans, where GitHub looks for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from .safe_text import safe_text

MOST_LINES = 60
"""What fits a comment on a pull request without being scrolled past."""
LONGEST = 280
"""A text of more characters is cut: GitHub refuses comments beyond 65,536."""
LONGEST_COMMAND = 600
NOTHING = "–"

# @user, #1, GH-1, <tag>, &entity;, :emoji:, $formula$, https://, www., mail addresses, commits by their hash.
_ACTIVE = re.compile(
    r"[@#$<>&`]|:[+\w-]+:|//|\bwww\.|\bgh-\d|(?<![0-9a-z])[0-9a-f]{7,40}(?![0-9a-z])", re.IGNORECASE
)
_SPECIAL = re.compile(r"[\\*_\[\]|~!^{}]")
_BACKTICKS = re.compile(r"`+")


def clipped(text: str, longest: int = LONGEST) -> str:
    """`text` on one line, and at most so long; what is cut off is an ellipsis."""
    text = safe_text(text)
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def prose(text: str) -> str:
    """A sentence as text; words in it that could become active stand in code spans."""
    return _words(clipped(text.strip()), code)


def _words(text: str, span: Callable[[str], str]) -> str:
    if not text:
        return NOTHING
    groups = groupby(text.split(" "), key=lambda word: _ACTIVE.search(word) is not None)
    joined = ((active, " ".join(words)) for active, words in groups)
    return " ".join(span(words) if active else _SPECIAL.sub(r"\\\g<0>", words) for active, words in joined)


def code(text: str, longest: int = LONGEST) -> str:
    """A code span that shows exactly `text`, whatever backticks it holds; a dash if there is nothing."""
    text = clipped(text, longest)
    if not text.strip():
        return NOTHING
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    # One space at each end is taken off, and keeps the text's own backticks and spaces apart from the fence.
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def command(text: str) -> str:
    """A command to be copied: a code span that is cut only where it is out of all proportion."""
    return code(text, LONGEST_COMMAND)


def listed(names: Iterable[str], shown: int, wrap: bool = True) -> str:
    """The first names as code, and how many more there are."""
    names = list(names)
    texts = [code(name) if wrap else name for name in names[:shown]]
    rest = len(names) - len(texts)
    return ", ".join(texts) + (f" and {rest:,} more" if rest else "") if texts else NOTHING


def cell(text: str) -> str:
    r"""A text in a table. Its bars are escaped, also in a code span: a row is split before anything is read.

    In code a backslash before a bar would end the cell nevertheless, so a space comes between.
    """
    return _words(clipped(text.strip()), _code_in_table)


def _code_in_table(text: str) -> str:
    return code(re.sub(r"(?<=\\)\|", " |", text)).replace("|", r"\|")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """The lines of a table. The cells are Markdown made for one; the columns `right` hold numbers."""
    numbers = set(right)
    rule = ["---:" if column in numbers else "---" for column in range(len(heads))]
    return [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]


def first(lines: Sequence[str], shown: int, rest: str) -> list[str]:
    """The first lines, and if there are more one line with `rest`, in which {} is how many."""
    more = len(lines) - shown
    return [*lines[:shown], rest.format(f"{more:,}")] if more > 0 else list(lines)
