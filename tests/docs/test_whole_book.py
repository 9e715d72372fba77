"""The whole book, built as `make book` does: no warning, no broken link, nothing loaded from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from built_pages import Page, broken, external, pages

from refimpl import ACTIVATIONS, LOSSES
from refimpl.equations import EQUATIONS
from tests.book_building import DOCS, Built, whole_book

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Built:
    built = whole_book(tmp_path_factory)
    assert (built.status, built.err) == (0, "")
    return built


@pytest.fixture(scope="module")
def found(book: Built) -> dict[Path, Page]:
    return pages(book.folder)


def test_no_link_is_broken(found: dict[Path, Page]):
    assert len(found) > 80
    assert broken(found) == []


def test_nothing_is_loaded_from_elsewhere(book: Built, found: dict[Path, Page]):
    assert external(found) == []
    for file in book.folder.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import", file.read_text("utf-8")), file


def test_every_equation_has_one_box_with_its_formulas(book: Built, found: dict[Path, Page]):
    for entry in EQUATIONS:
        anchor = f"equation-{entry.id.lower()}"
        (file,) = (file for file, page in found.items() if anchor in page.ids)
        box = file.read_text("utf-8").partition(f'id="{anchor}"')[2].partition("equation-box")[0]
        assert box.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"') >= 1
        assert (
            f"{file.relative_to(book.folder).as_posix()}#{anchor}" in found[book.folder / "index.html"].links
        )


def test_every_function_has_a_page_with_formulas_and_a_plot(book: Built, found: dict[Path, Page]):
    for name in (*ACTIVATIONS, *LOSSES):
        file = book.folder / "functions" / f"{name}.html"
        assert found[file].formulas >= 2
        assert f'aria-label="{name}: ' in file.read_text("utf-8")
    for kind, table in (("activations", ACTIVATIONS), ("losses", LOSSES)):
        links = found[book.folder / "functions" / f"{kind}.html"].links
        assert {f"{name}.html" for name in table} <= set(links)


def test_every_page_of_docs_is_a_page_of_the_book(book: Built):
    generated = {"functions", "files"}
    for file in DOCS.rglob("*.md"):
        name = file.relative_to(DOCS)
        if name.parts[0] not in generated:
            assert (book.folder / name).with_suffix(".html").is_file(), name


def test_pages_outside_of_docs_came_along(book: Built):
    for name in ("examples/README.html", "benchmarks/results/judge.html", "reports/sample/report.html"):
        assert (book.folder / "files" / name).is_file()


def test_the_search_index_needs_no_server_and_has_the_words_of_the_equations(book: Built):
    text = (book.folder / "searchindex.js").read_text("utf-8")
    assert text.startswith("Search.setIndex(")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {"hidden", "error"} <= {*index["terms"], *index["titleterms"]}
