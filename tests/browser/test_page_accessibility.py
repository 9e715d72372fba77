"""A report's page under axe-core, light and dark, on a wide screen and a narrow one, and by keyboard."""

from __future__ import annotations

import pytest

from tests.long_tests import long_but_for

from .browser_reports import REPORTS
from .chromium import NARROW, WIDE
from .conftest import OpenPage
from .page_checks import axe_problems, expect_none, open_all, without_outline

# The hostile page and the large one have the elements and colours of the full one: two ways are enough.
WAYS = [
    pytest.param(name, width, dark, id=f"{name}-{width}-{'dark' if dark else 'light'}")
    for name in REPORTS
    for width, dark in [(WIDE, False), (NARROW, True), (WIDE, True), (NARROW, False)][
        : 2 if name in {"hostile", "big"} else 4
    ]
]
QUICK = {f"full-{WIDE}-light", f"full-{NARROW}-dark", f"passing-{WIDE}-dark", f"nothing-{NARROW}-light"}


@pytest.mark.parametrize(("name", "width", "dark"), long_but_for(QUICK, WAYS))
def test_axe_finds_nothing_grave(name: str, width: int, dark: bool, open_page: OpenPage) -> None:
    page = open_page(REPORTS[name](), width=width, dark=dark).page
    open_all(page)
    expect_none(axe_problems(page))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_has_the_focus_is_outlined(dark: bool, open_page: OpenPage) -> None:
    page = open_page(REPORTS["full"](), dark=dark).page
    open_all(page)
    expect_none(without_outline(page))
