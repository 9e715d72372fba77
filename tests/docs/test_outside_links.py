"""Links out of docs/: what they lead to becomes part of the book."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from book_directives import generated
from book_directives.outside import Linked

FILES = {
    "docs/page.md": "[a](../other/a.md#part), [`b`](../other/b.c), [r](../r.html), [up](sub/in.md),\n"
    "`[x](../no.md)`, [two\nlines](../other/a.md)\n```\n[y](../none.md)\n```\n"
    "[d](../other) [web](https://example.org/../x.md) [same](#here)\n",
    "docs/sub/in.md": "[a](../../other/a.md) and ![picture](../images/p.png)\n",
    "docs/images/p.png": "",
    "other/a.md": "# A\n\n[back](../docs/page.md#x), [deep](deep/c.json), ![p](../docs/images/p.png)\n",
    "other/b.c": "int main;\n",
    "other/deep/c.json": "{}\n",
    "other/README.md": "# Other\n",
    "r.html": "<p>",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def _rewritten(root: Path, name: str) -> str:
    file = root / "docs" / name
    return Linked(root / "docs", root).rewritten(file.read_text(), file, file)


def test_links_of_pages_lead_to_the_copies(root: Path):
    assert _rewritten(root, "page.md") == (
        "[a](files/other/a.md#part), [`b`](files/other/b.c.md), "
        '<a href="files/r.html">r</a>, [up](sub/in.md),\n'
        "`[x](../no.md)`, [two\nlines](files/other/a.md)\n```\n[y](../none.md)\n```\n"
        "[d](files/other/README.md) [web](https://example.org/../x.md) [same](#here)\n"
    )
    assert _rewritten(root, "sub/in.md") == "[a](../files/other/a.md) and ![picture](../images/p.png)\n"


def test_what_is_linked_to_is_copied_with_what_that_links_to(root: Path):
    linked = Linked(root / "docs", root).collect()
    assert set(linked.pages) == {"other/a.md", "other/b.c.md", "other/deep/c.json.md", "other/README.md"}
    assert linked.copied == {root / "r.html"}
    assert linked.problems == []
    assert linked.pages["other/a.md"].endswith(
        "# A\n\n[back](../../page.md#x), [deep](deep/c.json.md), ![p](../../images/p.png)\n"
    )
    code = linked.pages["other/b.c.md"]
    assert "# other/b.c\n\n```{literalinclude} ../../../other/b.c\n:language: c\n```" in code
    assert all(text.startswith("---\norphan: true\n---\n") for text in linked.pages.values())


def test_a_link_that_leads_nowhere_is_a_problem(root: Path):
    (root / "docs" / "page.md").write_text("[a](../missing.md) [b](../../elsewhere)\n")
    (root.parent / "elsewhere").mkdir(exist_ok=True)
    assert Linked(root / "docs", root).collect().problems == [
        "docs/page.md links to ../missing.md, which is not there",
        "docs/page.md links to ../../elsewhere, out of the project",
    ]


def test_a_folder_of_generated_files_keeps_what_is_the_same_and_loses_what_is_stale(tmp_path: Path):
    folder = tmp_path / "made"
    generated.write(folder, {"a.md": "a", "old/b.md": "b"})
    before = (folder / "a.md").stat().st_mtime_ns
    time.sleep(0.01)
    generated.write(folder, {"a.md": "a", "new/c.md": "c"})
    assert (folder / "a.md").stat().st_mtime_ns == before
    assert (folder / "new" / "c.md").read_text() == "c"
    assert not (folder / "old").exists()
