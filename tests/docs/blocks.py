"""The code blocks, links and headings of a Markdown page, as a plain viewer reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
_READER = MarkdownIt("commonmark", {"html": True}).enable("table")
_COMMENT = re.compile(r"<!-- *([a-z]+)(?:: *(.*?))? *-->")


class Block(NamedTuple):
    """One block of code, and what a comment in front of it says about running it."""

    page: str
    """The page's path from the root of the repository."""
    line: int
    """The line of the page in which the code begins."""
    language: str
    """The first word after the fence: `python`, `{equation}`; empty if there is none."""
    text: str
    notes: dict[str, str]
    """`<!-- file: my_net.py -->` in front of it is `{"file": "my_net.py"}`."""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def first_line(self) -> str:
        return next((line.strip() for line in self.text.splitlines() if line.strip()), "")


class Link(NamedTuple):
    """Where a link or a picture leads, and the line of the paragraph that it stands in."""

    line: int
    target: str


def pages() -> list[str]:
    """All Markdown pages of the project but what `make book` generates; paths from the root."""
    found = [
        *ROOT.glob("*.md"),
        *(ROOT / "reports").glob("*.md"),
        *(ROOT / "reports" / "sample").glob("*.md"),
    ]
    for folder in ("docs", "examples", "benchmarks", "tests", "refimpl", "oracles", "backproof"):
        found += (ROOT / folder).rglob("*.md")
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    return [name for name in names if not name.startswith(("docs/functions/", "docs/files/"))]


def blocks_of(page: str, text: str) -> list[Block]:
    """The blocks of code in their order: fences, those inside directives too, and indented code."""
    found: list[Block] = []
    for tokens, shift in _parsed(text):
        notes: dict[str, str] = {}
        for token in tokens:
            if token.type in ("fence", "code_block"):
                line = shift + token.map[0] + (2 if token.type == "fence" else 1)
                language = (token.info.split() or [""])[0]
                found.append(Block(page, line, language, token.content, notes))
            comments = _COMMENT.fullmatch(token.content.strip()) if token.type == "html_block" else None
            notes = notes | {comments[1]: comments[2] or ""} if comments else {}
    return sorted(found, key=lambda block: block.line)


def links_of(text: str) -> list[Link]:
    """All links and pictures, also those written in HTML."""
    found: list[Link] = []
    for tokens, shift in _parsed(text):
        for token in tokens:
            line = shift + (token.map or [0])[0] + 1
            for part in (token, *(token.children or ())):
                if part.type == "link_open":
                    found.append(Link(line, str(part.attrs["href"])))
                elif part.type == "image":
                    found.append(Link(line, str(part.attrs["src"])))
                elif part.type in ("html_block", "html_inline"):
                    targets = re.findall(r"""\b(?:href|src)=["']([^"']*)""", part.content)
                    found += [Link(line, target) for target in targets]
    return found


def anchors_of(text: str) -> dict[str, str]:
    """Anchor → heading of a page, as GitHub makes them: a second one of a name has -1 behind it."""
    found: dict[str, str] = {}
    tokens = _READER.parse(text)
    for before, token in pairwise(tokens):
        if before.type != "heading_open":
            continue
        seen = (part.content for part in token.children or () if part.type in ("text", "code_inline"))
        heading = "".join(seen)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        same = (f"{slug}-{number}" for number in range(1, len(tokens)))
        found[slug if slug not in found else next(name for name in same if name not in found)] = heading
    return found


def _parsed(text: str, shift: int = 0) -> Iterator[tuple[list[Token], int]]:
    """The tokens of a text, and then of the text in each of its directives; with the line each begins at."""
    tokens = _READER.parse(text)
    yield tokens, shift
    for token in tokens:
        if token.type == "fence" and token.info.startswith("{"):
            yield from _parsed(token.content, shift + token.map[0] + 1)
