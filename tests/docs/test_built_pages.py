"""The checks of a built book find what is wrong with one."""

from __future__ import annotations

from pathlib import Path

from built_pages import broken, external, pages

GOOD = (
    '<link href="s.css"><h1 id="a">x</h1><a href="sub/b.html#b">b</a> <a href="#a">a</a> '
    '<a href="https://example.org/">web</a><img src="data:image/png;base64,xx">'
    '<svg><use xlink:href="#a"/></svg>'
)


def _book(folder: Path, text: str) -> Path:
    (folder / "sub").mkdir()
    (folder / "s.css").write_text("")
    (folder / "a.html").write_text(text)
    (folder / "sub" / "b.html").write_text('<p id="b"><a href="../a.html#a">a</a> <math></math>')
    return folder


def test_a_book_that_is_whole_passes(tmp_path: Path):
    found = pages(_book(tmp_path, GOOD))
    assert len(found) == 2
    assert broken(found) == []
    assert external(found) == []
    assert sum(page.formulas for page in found.values()) == 1


def test_links_files_and_anchors_that_are_not_there_are_named(tmp_path: Path):
    text = (
        '<a href="none.html">x</a><a href="sub/b.html#c">x</a><a href="#d">x</a><script src="n.js"></script>'
    )
    assert broken(pages(_book(tmp_path, text))) == [
        "a.html: none.html is not there",
        "a.html: sub/b.html#c has no such anchor",
        "a.html: #d has no such anchor",
        "a.html: n.js is not there",
        "b.html: ../a.html#a has no such anchor",
    ]


def test_what_is_loaded_from_elsewhere_is_named(tmp_path: Path):
    text = '<script src="https://cdn.example/x.js"></script><link href="//fonts.example/f.css"><img src="http://a/b">'
    assert external(pages(_book(tmp_path, text))) == [
        "a.html loads https://cdn.example/x.js",
        "a.html loads //fonts.example/f.css",
        "a.html loads http://a/b",
    ]
