"""A report's page fits: on a wide screen, on a telephone's and on a sheet of paper."""

from __future__ import annotations

import pytest

from .browser_reports import REPORTS
from .chromium import A4, NARROW, WIDE
from .conftest import OpenPage
from .page_checks import expect_none, open_all, overflows, unprinted

pytestmark = pytest.mark.long


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("name", REPORTS)
def test_nothing_overflows(name: str, width: int, open_page: OpenPage) -> None:
    page = open_page(REPORTS[name](), width=width).page
    expect_none(overflows(page))
    open_all(page)
    expect_none(overflows(page))


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_overflows_on_paper_where_nothing_scrolls(name: str, open_page: OpenPage) -> None:
    page = open_page(REPORTS[name](), width=A4, paper=True).page
    expect_none(overflows(page, paper=True))
    # What a card folds up is printed or left out: a summary alone says nothing on paper.
    expect_none(unprinted(page))
