"""Links that lead out of docs/: what they name becomes a page of the book, so that they work in both.

A page says `[judge.md](../benchmarks/results/judge.md)`, which any viewer of the project's folder follows.
In the book, the Markdown file is a page under files/, a file of code is a page that shows it, and an HTML
file is copied. Which ones, follows from the links; nothing is listed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

from . import generated
from .extraction import ROOT

FOLDER = "files"
_LINK_OR_CODE = re.compile(
    r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<to>[^()\s#]+)(?P<anchor>#[^()\s]*)?\)|`[^`]+`"
)
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_LANGUAGES = {
    ".py": "python",
    ".c": "c",
    ".js": "javascript",
    ".json": "json",
    ".toml": "toml",
    ".yml": "yaml",
    ".yaml": "yaml",
}
_log = logging.getLogger(__name__)


class Linked:
    """What the pages of docs/ link to outside of it."""

    def __init__(self, docs: Path, root: Path = ROOT) -> None:
        """`docs` is the folder of the pages, `root` that of the project."""
        self.docs, self.root = docs.resolve(), root.resolve()
        self.pages: dict[str, str] = {}
        """Files to write under files/."""
        self.copied: set[Path] = set()
        """HTML files to copy."""
        self.problems: list[str] = []
        self._waiting: list[Path] = []
        self._seen: set[Path] = set()

    def collect(self) -> Linked:
        """Follows all links, also those of the pages found."""
        for page in sorted(self.docs.rglob("*.md")):
            if page.relative_to(self.docs).parts[0] != FOLDER:
                self.rewritten(page.read_text("utf-8"), page, page)
        while self._waiting:
            file = self._waiting.pop()
            place = self._mirror(file)
            self.pages[place.relative_to(self.docs / FOLDER).as_posix()] = self._page(file, place)
        return self

    def rewritten(self, text: str, source: Path, place: Path) -> str:
        """The Markdown of the file `source` as it must be where it stands in `place` for the book."""

        def put(found: re.Match[str]) -> str:
            to = self._to(found["to"], source, place)
            if to is None:
                return found[0]
            if to.endswith(".html"):
                return f'<a href="{to}{found["anchor"] or ""}">{found["text"][1:-1]}</a>'
            return f"{found['text']}({to}{found['anchor'] or ''})"

        return _outside_code(text, put)

    def _to(self, link: str, source: Path, place: Path) -> str | None:
        """The link as it must be; None if it may stay as it is."""
        if "://" in link or link.startswith(("/", "mailto:")):
            return None
        target = Path(os.path.normpath(source.parent / link))
        if not target.exists():
            if not target.is_relative_to(self.docs):
                self.problems.append(f"{source.relative_to(self.root)} links to {link}, which is not there")
            return None
        if target.is_relative_to(self.docs) and target != self.docs:
            return None if source == place else os.path.relpath(target, place.parent)
        if not target.is_relative_to(self.root):
            self.problems.append(f"{source.relative_to(self.root)} links to {link}, out of the project")
            return None
        if target.is_dir() and (target / "README.md").is_file():
            target /= "README.md"
        if target not in self._seen:
            self._seen.add(target)
            if target.suffix == ".html":
                self.copied.add(target)
            else:
                self._waiting.append(target)
        return os.path.relpath(self._mirror(target), place.parent)

    def _mirror(self, file: Path) -> Path:
        """Where it stands among the pages."""
        name = (self.docs / FOLDER / file.relative_to(self.root)).as_posix()
        return Path(name if file.suffix in {".md", ".html"} else f"{name}.md")

    def _page(self, file: Path, place: Path) -> str:
        head = "---\norphan: true\n---\n\n"
        if file.suffix == ".md":
            return head + self.rewritten(file.read_text("utf-8"), file, place)
        name = file.relative_to(self.root).as_posix()
        if file.is_dir():
            names = sorted(each.name for each in file.iterdir() if not each.name.startswith(("_", ".")))
            return f"{head}# {name}/\n\n" + "".join(f"- `{each}`\n" for each in names)
        language = _LANGUAGES.get(file.suffix, "text")
        path = os.path.relpath(file, place.parent)
        return f"{head}# {name}\n\n```{{literalinclude}} {path}\n:language: {language}\n```\n"


def _outside_code(text: str, change: Callable[[re.Match[str]], str]) -> str:
    """The Markdown with the links changed that stand in no code, in a fence or between ticks."""
    parts = ("".join(line for line, _ in group) for _, group in groupby(_lines(text), key=itemgetter(1)))
    kinds = (code for code, _ in groupby(_lines(text), key=itemgetter(1)))
    return "".join(
        part if code else _LINK_OR_CODE.sub(lambda found: change(found) if found["to"] else found[0], part)
        for code, part in zip(kinds, parts, strict=True)
    )


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it belongs to a fenced block."""
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence:
            yield line, True
            if mark and mark[1].startswith(fence) and not line.strip(" `~\n"):
                fence = ""
        elif mark:
            fence = mark[1]
            yield line, True
        else:
            yield line, False


def _collect(app: Sphinx) -> None:
    linked = Linked(Path(app.srcdir)).collect()
    generated.write(Path(app.srcdir) / FOLDER, linked.pages)
    for problem in linked.problems:
        _log.warning("%s", problem, type="book", subtype="link")


def _rewrite(app: Sphinx, docname: str, source: list[str]) -> None:
    if not docname.startswith(f"{FOLDER}/"):
        page = Path(app.env.doc2path(docname))
        source[0] = Linked(Path(app.srcdir)).rewritten(source[0], page, page)


def _copy(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    for file in Linked(Path(app.srcdir)).collect().copied:
        to = Path(app.outdir) / FOLDER / file.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)


def setup(app: Sphinx) -> None:
    """Tells Sphinx when."""
    app.connect("builder-inited", _collect, priority=700)  # after all other pages are written
    app.connect("source-read", _rewrite)
    app.connect("build-finished", _copy)
