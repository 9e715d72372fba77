"""What is asked of a built book's pages. Each check returns what is wrong, one line each; none is well."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
"""What a browser loads by itself."""


@dataclass
class Page(HTMLParser):
    """The ids of a page, what it links to, what it loads, and how many formulas it has."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    formulas: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.ids |= {str(known[key]) for key in ("id", "name") if known.get(key)}
        self.formulas += tag == "math"
        if tag == "a" and known.get("href"):
            self.links.append(str(known["href"]))
        self.loads += [str(value) for key, value in attrs if (tag, key) in LOADED and value]
        self.loads += [
            str(value) for key, value in attrs if key in {"xlink:href", "srcset", "poster"} and value
        ]


def read(file: Path) -> Page:
    """A page of the book."""
    page = Page()
    page.feed(file.read_text("utf-8"))
    return page


def pages(folder: Path) -> dict[Path, Page]:
    """All pages of the book."""
    return {file: read(file) for file in sorted(folder.rglob("*.html"))}


def broken(found: dict[Path, Page]) -> list[str]:
    """Links to files or anchors of the book that are not there, and files that are not there to be loaded."""
    wrong = []
    for file, page in found.items():
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir() or not target.is_file():
                wrong.append(f"{file.name}: {link} is not there")
            elif parts.fragment and target in found and unquote(parts.fragment) not in found[target].ids:
                wrong.append(f"{file.name}: {link} has no such anchor")
    return wrong


def external(found: dict[Path, Page]) -> list[str]:
    """What is loaded from elsewhere; a link that one may click is not."""
    return [
        f"{file.name} loads {load}"
        for file, page in found.items()
        for load in page.loads
        if (urlsplit(load).scheme or urlsplit(load).netloc) and not load.startswith("data:")
    ]
