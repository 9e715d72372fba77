"""Takes a picture of the top of a report's page, as a wide screen shows it in light colours.

python -m tests.browser.screenshots REPORT.html IMAGE.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .chromium import HEIGHT, WIDE, launched, opened, what_is_missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LARGEST = 300_000


def picture(browser: Browser, report: Path) -> bytes:
    """The top of the page as PNG, 1400 × 1000 pixels; ValueError if the file is not small."""
    page = opened(browser, report.resolve(), width=WIDE, height=HEIGHT).page
    taken = page.screenshot(animations="disabled", caret="hide", scale="css")
    page.context.close()
    if len(taken) > LARGEST:
        raise ValueError(f"the picture has {len(taken):,} bytes, more than {LARGEST:,}")
    return taken


def main() -> str:
    """The command; returns why it could not do it, in one line."""
    parser = argparse.ArgumentParser(description="Takes a picture of the top of a report's page.")
    parser.add_argument("report", type=Path, metavar="REPORT.html")
    parser.add_argument("image", type=Path, metavar="IMAGE.png")
    words = parser.parse_args()
    if reason := what_is_missing():
        return reason
    if not words.report.is_file():
        return f"there is no {words.report}: write a report there first"
    with launched() as browser:
        taken = picture(browser, words.report)
    words.image.parent.mkdir(parents=True, exist_ok=True)
    words.image.write_bytes(taken)
    return ""


if __name__ == "__main__":
    sys.exit(main() or 0)
