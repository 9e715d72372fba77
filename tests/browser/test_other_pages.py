"""The pages of `compare`, `explain` and `atlas`, opened in a browser as a report's is."""

from __future__ import annotations

from functools import cache

import pytest

from backproof.atlas.page import atlas_html
from backproof.comparing.compare import compare
from backproof.comparing.page import comparison_html
from backproof.diagnosis.mistakes import MISTAKES
from backproof.teaching.example_case import Blueprint, draw_example
from backproof.teaching.page import lesson_html
from backproof.teaching.steps import lesson
from oracles.ball_oracle import BallOracle
from tests.atlas.planted import sample_atlas
from tests.long_tests import long_but_for

from .browser_reports import REPORTS
from .chromium import A4, NARROW, WIDE, Opened
from .conftest import OpenPage
from .page_checks import axe_problems, expect_none, lightness, open_all, overflows, without_outline

STEPS = "section.step"


def _compared(old: str, new: str) -> str:
    return comparison_html(
        compare(REPORTS[old](), REPORTS[new]()), (f"{old}/report.json", f"{new}/report.json")
    )


def _explained(*widths: int, mistake: str = "") -> str:
    activations = ("sigmoid",) * (len(widths) - 2) + ("identity",)
    case = draw_example(Blueprint(widths, activations, "half_squared_error"))
    return lesson_html(lesson(case, [BallOracle()], MISTAKES[mistake] if mistake else None))


PAGES = {
    "worse": lambda: _compared("passing", "full"),
    "better": lambda: _compared("full", "passing"),
    "hostile comparison": lambda: _compared("hostile", "full"),
    "right pass": lambda: _explained(2, 2, 1),
    "mistaken pass": lambda: _explained(2, 3, 2, 1, mistake="derivative-of-output"),
    "wide pass": lambda: _explained(12, 9, 4),
    "atlas": lambda: atlas_html(sample_atlas()),
}
QUICK = {"worse", "mistaken pass", "atlas"}


@cache
def page_of(name: str) -> str:
    return PAGES[name]()


@pytest.mark.parametrize("name", long_but_for(QUICK, PAGES))
def test_the_page_is_quiet_and_asks_for_nothing(name: str, open_page: OpenPage) -> None:
    opened = open_page(page_of(name))
    open_all(opened.page)
    expect_none(opened.noises())
    assert opened.requests


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("name", long_but_for(QUICK, PAGES))
def test_nothing_of_it_overflows_and_axe_finds_nothing_grave(
    name: str, width: int, open_page: OpenPage
) -> None:
    page = open_page(page_of(name), width=width, dark=width == NARROW).page
    open_all(page)
    expect_none(overflows(page))
    expect_none(axe_problems(page))
    assert (lightness(page) < 0.2) == (width == NARROW)


@pytest.mark.parametrize("name", long_but_for(QUICK, PAGES))
def test_nothing_of_it_overflows_on_paper(name: str, open_page: OpenPage) -> None:
    expect_none(overflows(open_page(page_of(name), width=A4, paper=True).page, paper=True))


@pytest.mark.parametrize("name", ["worse", "mistaken pass", "atlas"])
def test_what_has_the_focus_is_outlined(name: str, open_page: OpenPage) -> None:
    expect_none(without_outline(open_page(page_of(name)).page))


def _seen(opened: Opened) -> list[int]:
    """The numbers of the steps that are seen, from 0."""
    return [i for i, step in enumerate(opened.page.locator(STEPS).all()) if step.is_visible()]


def test_arrow_keys_and_buttons_go_from_step_to_step(open_page: OpenPage) -> None:
    opened = open_page(page_of("mistaken pass"))
    page = opened.page
    steps = page.locator(STEPS).count()
    assert _seen(opened) == [0]
    assert page.locator("#previous").is_disabled()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert _seen(opened) == [2]
    page.keyboard.press("ArrowLeft")
    assert _seen(opened) == [1]
    page.locator("#next").focus()
    page.keyboard.press("Enter")
    assert _seen(opened) == [2]
    page.locator("#all").focus()
    page.keyboard.press("Enter")
    assert _seen(opened) == list(range(steps))
    expect_none(opened.noises())


def test_the_step_that_goes_wrong_is_one_link_away(open_page: OpenPage) -> None:
    opened = open_page(page_of("mistaken pass"))
    opened.page.get_by_role("link", name="goes wrong at step").press("Enter")
    # The page hears of a new address a moment later.
    opened.page.wait_for_function("!document.querySelector('section.step').classList.contains('now')")
    [seen] = _seen(opened)
    assert "B5" in opened.page.locator(STEPS).nth(seen).inner_text()
    assert "Here it goes wrong" in opened.page.locator(STEPS).nth(seen).inner_text()


def test_without_scripts_all_steps_stand_one_below_the_other(open_page: OpenPage) -> None:
    opened = open_page(page_of("mistaken pass"), scripts=False)
    assert len(_seen(opened)) == opened.page.locator(STEPS).count() > 10
    assert not opened.page.locator("#controls").is_visible()
