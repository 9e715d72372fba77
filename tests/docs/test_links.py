"""In a plain viewer, every relative link of every page leads to a file, and to a heading if it names one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.blocks import ROOT, anchors_of, links_of, pages

GENERATED = "docs/functions/"
"""What `make book` writes; the tests of the book follow links to it."""


def broken_links(page: Path, text: str, root: Path) -> list[str]:
    """The links of a page that lead nowhere, with their lines."""
    found: list[str] = []
    for line, target in links_of(text):
        if target.partition(":")[0] in ("http", "https", "mailto"):
            continue
        name, _, anchor = unquote(target).partition("#")
        path = (page.parent / name).resolve() if name else page
        if path.is_relative_to(root / GENERATED):
            continue
        if not path.is_relative_to(root):
            found.append(f"line {line}: {target} is outside the repository")
        elif not path.exists():
            found.append(f"line {line}: {target}: there is no such file")
        elif anchor and path.suffix == ".md" and anchor not in anchors_of(path.read_text(encoding="utf-8")):
            found.append(f"line {line}: {target}: there is no such heading")
    return found


@pytest.mark.parametrize("page", pages())
def test_every_relative_link_of_a_page_leads_somewhere(page: str) -> None:
    assert broken_links(ROOT / page, (ROOT / page).read_text(encoding="utf-8"), ROOT) == []


def test_there_are_links() -> None:
    assert sum(len(links_of((ROOT / page).read_text(encoding="utf-8"))) for page in pages()) > 50


OTHER = "# Über *uns*: `σ'(z)`, B1–B5\n\n## Twice\n\n## Twice\n\n```\n# no heading\n```\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a](other.md)", []),
        ("[a](other.md#twice) [b](other.md#twice-1) [c](other.md#über-uns-σz-b1b5)", []),
        ("# Here\n\n[a](#here) ![b](picture.png) [c](https://example.org/x) <a href='other.md'>d</a>", []),
        ("text\n\n[a](none.md)", ["line 3: none.md: there is no such file"]),
        ("[a](other.md#thrice)", ["line 1: other.md#thrice: there is no such heading"]),
        ("[a](other.md#twice-2)", ["line 1: other.md#twice-2: there is no such heading"]),
        ("[a](other.md#no-heading)", ["line 1: other.md#no-heading: there is no such heading"]),
        ("[a](#here)", ["line 1: #here: there is no such heading"]),
        ("![a](none.png)", ["line 1: none.png: there is no such file"]),
        ('<img src="none.png">', ["line 1: none.png: there is no such file"]),
        ("[a][b]\n\n[b]: none.md", ["line 1: none.md: there is no such file"]),
        ("| a |\n|---|\n| [a](none.md) |", ["line 3: none.md: there is no such file"]),
        ("```{exercise} x\nSee [a](none.md).\n```", ["line 2: none.md: there is no such file"]),
        ("[a](../page.md)", ["line 1: ../page.md is outside the repository"]),
        ("`[a](none.md)`\n\n```\n[a](none.md)\n```", []),
    ],
)
def test_a_link_that_leads_nowhere_is_told(text: str, told: list[str], tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text(OTHER, encoding="utf-8")
    (tmp_path / "picture.png").touch()
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert broken_links(page, text, tmp_path) == told
