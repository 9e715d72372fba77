"""The pages of `grade`, a student's and the lecturer's, opened in a browser as a report's is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from backproof.grading.overview_page import overview_html
from backproof.grading.student_page import student_html
from tests.grading.made_up_results import (
    EXAMPLE,
    HOSTILE,
    class_of_forty,
    made_up,
    rubric_of,
    unknown_finding,
)
from tests.long_tests import long_but_for

from .chromium import A4, NARROW, WIDE
from .conftest import OpenPage
from .page_checks import (
    axe_problems,
    dead_buttons,
    expect_none,
    lightness,
    live_texts,
    open_all,
    overflows,
    unprinted,
    without_outline,
    words,
)

CANARY = "window.canary"
ROWS = "table.sortable tbody tr"


def _hostile(name: str) -> str:
    [result] = [each for each in class_of_forty() if name in each.name]
    return student_html(result, rubric_of("solution"))


PAGES: dict[str, Callable[[], str]] = {
    "lecturer": lambda: overview_html(class_of_forty(), rubric_of()),
    "lecturer of nothing": lambda: overview_html([], rubric_of()),
    "student": lambda: student_html(EXAMPLE, rubric_of()),
    "student with the solution": lambda: student_html(EXAMPLE, rubric_of("solution")),
    "student without": lambda: student_html(EXAMPLE, rubric_of("verdict")),
    "student, unknown": lambda: student_html(made_up("eve", [unknown_finding("B1", "eve")]), rubric_of()),
    "student, all right": lambda: student_html(made_up("ada"), rubric_of()),
    "student, not graded": lambda: student_html(
        next(each for each in class_of_forty() if each.status == "not loadable"), rubric_of()
    ),
    "hostile script": lambda: _hostile("<script>"),
    "hostile long": lambda: _hostile("xxx"),
    "hostile Arabic": lambda: _hostile("\u0637\u0627\u0644\u0628"),
}
QUICK = {"lecturer", "student", "hostile long"}


@cache
def page_of(name: str) -> str:
    return PAGES[name]()


@pytest.mark.parametrize("name", long_but_for(QUICK, PAGES))
def test_the_page_is_quiet_and_asks_for_nothing(name: str, open_page: OpenPage) -> None:
    opened = open_page(page_of(name))
    open_all(opened.page)
    expect_none(live_texts(opened.page))
    expect_none(opened.noises())
    assert opened.requests


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("name", long_but_for(QUICK, PAGES))
def test_nothing_of_it_overflows_and_axe_finds_nothing_grave(
    name: str, width: int, open_page: OpenPage
) -> None:
    page = open_page(page_of(name), width=width, dark=width == NARROW).page
    expect_none(overflows(page))
    open_all(page)
    expect_none(overflows(page))
    expect_none(axe_problems(page))
    assert (lightness(page) < 0.2) == (width == NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.long
@pytest.mark.parametrize(("name", "width", "dark"), [("lecturer", WIDE, True), ("student", NARROW, False)])
def test_axe_finds_nothing_grave_in_the_other_colours(
    name: str, width: int, dark: bool, open_page: OpenPage
) -> None:
    page = open_page(page_of(name), width=width, dark=dark).page
    open_all(page)
    expect_none(axe_problems(page))


@pytest.mark.parametrize("name", long_but_for(QUICK, PAGES))
def test_nothing_of_it_overflows_on_paper(name: str, open_page: OpenPage) -> None:
    page = open_page(page_of(name), width=A4, paper=True).page
    expect_none(overflows(page, paper=True))
    expect_none(unprinted(page))


@pytest.mark.parametrize("name", ["lecturer", "student"])
def test_without_scripts_the_same_words_stand_there_and_no_button(name: str, open_page: OpenPage) -> None:
    texts = []
    for scripts in (True, False):
        opened = open_page(page_of(name), scripts=scripts)
        if not scripts:
            expect_none(dead_buttons(opened.page))
        else:  # the words of a button that sorts are those of its column
            sorting = "document.querySelectorAll('button.sort')"
            opened.page.evaluate(f"{sorting}.forEach(each => each.replaceWith(...each.childNodes))")
        open_all(opened.page)
        texts.append(words(opened.page))
        expect_none(opened.noises())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["lecturer", "student"])
def test_what_has_the_focus_is_outlined(name: str, open_page: OpenPage) -> None:
    expect_none(without_outline(open_page(page_of(name)).page))


def test_no_name_runs_anything(open_page: OpenPage) -> None:
    for name in ("lecturer", "hostile script"):
        opened = open_page(page_of(name))
        for _ in range(20):
            opened.page.keyboard.press("Tab")
        assert opened.page.evaluate(f"{CANARY} === undefined")
        expect_none(opened.noises())
    shown = opened.page.locator(".who bdi").text_content() or ""
    assert shown == HOSTILE[0]


def test_the_table_of_submissions_is_sorted_by_a_key_of_the_keyboard(open_page: OpenPage) -> None:
    opened = open_page(page_of("lecturer"))
    page = opened.page
    names = page.locator(f"{ROWS} th").all_text_contents()

    def points() -> list[float]:
        return [float(text) for text in page.locator(f"{ROWS} td:nth-child(2)").all_text_contents()]

    head = page.locator("table.sortable thead th").nth(1)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert points() == sorted(points(), reverse=True)
    assert points()[0] > points()[-1]
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert points() == sorted(points())
    assert "Sorted by Points, ascending." in (page.locator("#sorted").text_content() or "")
    by_name = page.locator("table.sortable thead th").nth(0)
    by_name.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") is None
    found = page.locator(f"{ROWS} th").all_text_contents()
    assert sorted(found) == sorted(names)
    plain = [text for text in found if text.isascii() and text.isalpha()]
    assert plain == sorted(plain)
    expect_none(opened.noises())


def test_a_link_in_the_marks_leads_to_what_to_mend(open_page: OpenPage) -> None:
    opened = open_page(page_of("student"))
    opened.page.get_by_role("link", name="More on B5").press("Enter")
    opened.page.wait_for_function("location.hash === '#finding-1'")
    assert "B5: Error of a hidden layer" in opened.page.locator("#finding-1 h3").inner_text()
    expect_none(opened.noises())
