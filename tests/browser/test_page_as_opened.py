"""A report's page, opened in a browser: it is quiet, asks for nothing, and needs no scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from backproof.reporting.files import HTML_NAME, write_report
from backproof.reporting.wording import value

from .browser_reports import REPORTS, big_report, full_report
from .conftest import OpenPage
from .page_checks import dead_buttons, expect_none, lightness, open_all, words

LARGEST = 3 * 2**20


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_heard_and_nothing_else_is_asked_for(name: str, open_page: OpenPage) -> None:
    opened = open_page(REPORTS[name]())
    open_all(opened.page)
    opened.page.mouse.wheel(0, 5000)
    assert opened.requests
    expect_none(opened.noises())


@pytest.mark.parametrize("name", REPORTS)
def test_without_scripts_the_same_words_stand_there_and_no_button(name: str, open_page: OpenPage) -> None:
    texts = []
    for scripts in (True, False):
        opened = open_page(REPORTS[name](), scripts=scripts)
        if not scripts:
            expect_none(dead_buttons(opened.page))
        open_all(opened.page)
        texts.append(words(opened.page))
        expect_none(opened.noises())
    assert texts[0] == texts[1]


def test_all_that_a_finding_and_its_cause_say_stands_there(open_page: OpenPage) -> None:
    report = full_report()
    page = open_page(report, scripts=False).page
    open_all(page)
    shown = words(page)
    cause = report.causes[0]
    for text in (
        *(f.message for f in report.findings),
        *(f.replay for f in report.findings),
        *(cause.what, cause.remedy, cause.evidence, cause.smallest, cause.replay, *cause.script),
        *(value(number, f.dtype) for f in report.findings for number in (f.observed, f.expected)),
    ):
        assert " ".join(text.split()) in shown


@pytest.mark.parametrize("name", ["full", "nothing"])
def test_it_is_dark_where_that_is_preferred(name: str, open_page: OpenPage) -> None:
    assert lightness(open_page(REPORTS[name]()).page) > 0.8
    assert lightness(open_page(REPORTS[name](), dark=True).page) < 0.2


@pytest.mark.long
def test_the_page_of_a_hundred_mismatches_is_small(tmp_path: Path) -> None:
    report = big_report()
    assert (report.counts.total, report.counts.wrong, len(report.findings)) == (10_000, 100, 100)
    write_report(report, tmp_path)
    assert (tmp_path / HTML_NAME).stat().st_size <= LARGEST
