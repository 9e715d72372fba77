"""The picture of a report: of the same size whatever the page, and the same again from the same one."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backproof.reporting.files import HTML_NAME, write_report

from . import screenshots
from .browser_reports import REPORTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize("name", ["full", "nothing"])
def test_a_picture_is_1400_by_1000_and_comes_out_the_same_again(
    name: str, browser: Browser, tmp_path: Path
) -> None:
    write_report(REPORTS[name](), tmp_path)
    taken = screenshots.picture(browser, tmp_path / HTML_NAME)
    assert taken.startswith(b"\x89PNG")
    assert struct.unpack(">II", taken[16:24]) == (1400, 1000)
    assert screenshots.picture(browser, tmp_path / HTML_NAME) == taken


def test_a_picture_of_one_part_is_as_wide_as_that_part(browser: Browser, tmp_path: Path) -> None:
    write_report(REPORTS["full"](), tmp_path)
    taken = screenshots.picture(browser, tmp_path / HTML_NAME, "cause-1")
    width, height = struct.unpack(">II", taken[16:24])
    assert 900 < width <= screenshots.PART_WIDTH
    assert height > 400
    with pytest.raises(ValueError, match="has nothing with the id 'cause-99'"):
        screenshots.picture(browser, tmp_path / HTML_NAME, "cause-99")


def test_a_large_picture_is_refused(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(REPORTS["nothing"](), tmp_path)
    monkeypatch.setattr(screenshots, "LARGEST", 1000)
    with pytest.raises(ValueError, match="bytes, more than 1,000"):
        screenshots.picture(browser, tmp_path / HTML_NAME)


def test_without_a_report_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["screenshots", str(tmp_path / "x.html"), str(tmp_path / "x.png")])
    monkeypatch.setattr(screenshots, "what_is_missing", lambda: "")
    assert screenshots.main() == f"there is no {tmp_path / 'x.html'}: write a report there first"
    monkeypatch.setattr(screenshots, "what_is_missing", lambda: "no Chromium")
    assert screenshots.main() == "no Chromium"
