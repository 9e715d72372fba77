"""Pages of the book, opened from disk: quiet, within the window, accessible, and with a search that works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.book_building import Built, whole_book

from .chromium import A4, NARROW, WIDE, Opened, opened
from .page_checks import axe_problems, expect_none, lightness, open_all, overflows, without_outline

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.long

WAYS = [(WIDE, False), (NARROW, True), (WIDE, True), (NARROW, False)]
# Page → in how many ways it is opened: axe-core takes its time for long tables.
PAGES = {
    "index": 4,
    "book/errors": 4,
    "functions/leaky_relu": 4,
    "functions/activations": 2,
    "functions/huber": 2,
    "error-facts": 2,
    "files/benchmarks/results/judge": 2,
}
SHOWN = [
    pytest.param(name, width, dark, id=f"{name}-{width}-{'dark' if dark else 'light'}")
    for name, ways in PAGES.items()
    for width, dark in WAYS[:ways]
]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return whole_book(tmp_path_factory)


@pytest.fixture
def open_book(browser: Browser, book: Built) -> Iterator[object]:
    """Opens a page of the book, with the options of `opened`."""
    found: list[Opened] = []

    def open_one(name: str, **options: Any) -> Opened:
        found.append(opened(browser, book.folder / f"{name}.html", **options))
        return found[-1]

    yield open_one
    for each in found:
        each.page.context.close()


def loud(page: Opened, folder: Path) -> list[str]:
    """Messages, and requests for anything but files of the book."""
    own = folder.as_uri()
    return [*page.console, *page.errors, *(url for url in page.requests if not url.startswith(own))]


@pytest.mark.parametrize(("name", "width", "dark"), SHOWN)
def test_a_page_is_quiet_fits_and_is_accessible(name: str, width: int, dark: bool, open_book, book: Built):
    shown = open_book(name, width=width, dark=dark)
    open_all(shown.page)
    assert shown.requests
    expect_none(loud(shown, book.folder))
    expect_none(overflows(shown.page))
    expect_none(axe_problems(shown.page))
    assert (lightness(shown.page) < 0.2) == dark


@pytest.mark.parametrize("name", ["book/errors", "functions/huber"])
def test_a_page_fits_on_paper(name: str, open_book):
    shown = open_book(name, width=A4, paper=True)
    assert shown.page.evaluate("document.scrollingElement.scrollWidth") <= A4


def test_what_has_the_focus_is_outlined(open_book):
    expect_none(without_outline(open_book("functions/huber").page))


def test_formulas_are_set_by_the_browser(open_book):
    """A fraction is taller than a letter, and its parts stand one above the other."""
    page = open_book("functions/cross_entropy").page
    fraction = page.locator("div.formula mfrac").first
    above, below = (fraction.locator(":scope > *").nth(place).bounding_box() for place in (0, 1))
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"] + 1


def test_the_search_finds_words_without_a_server(open_book, book: Built):
    shown = open_book("index")
    box = shown.page.locator("input[name=q]").first
    box.fill("hidden error")
    box.press("Enter")
    results = shown.page.locator("ul.search li a")
    results.first.wait_for()
    titles = results.all_inner_texts()
    assert any("Errors" in title or "hidden" in title.lower() for title in titles), titles
    assert shown.page.url.startswith(book.folder.as_uri())
    expect_none(loud(shown, book.folder))


def test_a_card_leads_to_the_box_of_its_equation(open_book):
    shown = open_book("index")
    shown.page.get_by_role("link", name="Error of a hidden layer").click()
    shown.page.wait_for_url("**#equation-b5")
    assert shown.page.locator("#equation-b5 svg").is_visible()


def test_on_a_narrow_screen_the_contents_open_when_asked_for(open_book):
    page = open_book("index", width=NARROW).page
    drawer = page.locator(".sidebar-drawer")
    assert not drawer.is_visible()
    page.locator(".mobile-header label[for=__navigation]").click()
    drawer.wait_for(state="visible")
    assert page.get_by_role("link", name="The chain rule").first.is_visible()
