"""Texts of a report that could do harm, on its page in a browser: they are read, and do nothing."""

from __future__ import annotations

from backproof.reporting import RunInfo

from .browser_reports import CANARY, HOSTILE, harmless_report, hostile_report, passing_report
from .conftest import OpenPage
from .page_checks import expect_none, live_texts, open_all, structure


def test_no_text_changes_what_the_page_is_made_of(open_page: OpenPage) -> None:
    made = [structure(open_page(report()).page) for report in (hostile_report, harmless_report)]
    assert len(made[0]) > 1000
    assert made[0] == made[1]


def test_no_text_runs_or_opens_or_loads_anything(open_page: OpenPage) -> None:
    opened = open_page(hostile_report())
    page = opened.page
    open_all(page)
    for _ in range(20):  # what waits for the focus
        page.keyboard.press("Tab")
    assert page.evaluate("window.canary === undefined")
    expect_none(live_texts(page))
    assert len(page.context.pages) == 1
    expect_none(opened.noises())
    # The same canary would be seen: the texts are real ones.
    page.evaluate(CANARY)
    assert page.evaluate("window.canary") == 1


def test_texts_are_read_as_they_are_written(open_page: OpenPage) -> None:
    report = passing_report()
    run = RunInfo(**(report.run.model_dump() | {"implementation": " ".join(HOSTILE)}))
    page = open_page(report.model_copy(update={"run": run})).page
    shown = " ".join(run.implementation.split())
    assert shown in page.title()
    assert shown in " ".join((page.locator("h1").text_content() or "").split())
    assert page.locator("h1 *").count() == 0
