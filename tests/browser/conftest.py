"""The browser, and what opens a report in it as a reader would."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backproof.reporting import Report
from backproof.reporting.files import HTML_NAME, write_report

from .chromium import Opened, launched, opened, what_is_missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OpenPage = Callable[..., Opened]


# Not for the session: while Playwright is on, an event loop counts as running in this thread, and a test of
# anything else could not run one. It is started once for each worker that comes by here.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser; without one the tests are skipped, or fail where BACKPROOF_BROWSER is "required"."""
    if reason := what_is_missing():
        required = os.environ.get("BACKPROOF_BROWSER") == "required"
        (pytest.fail if required else pytest.skip)(reason)
    with launched() as started:
        yield started


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens a report, or the text of a page, with the options of `opened`."""
    pages: list[Opened] = []

    def open_one(shown: Report | str, **options: Any) -> Opened:
        folder = tmp_path / str(len(pages))
        if isinstance(shown, Report):
            write_report(shown, folder)
        else:
            folder.mkdir()
            (folder / HTML_NAME).write_text(shown, encoding="utf-8")
        pages.append(opened(browser, folder / HTML_NAME, **options))
        return pages[-1]

    yield open_one
    for each in pages:
        each.page.context.close()
