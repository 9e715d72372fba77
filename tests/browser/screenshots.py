"""Takes a picture of the top of a report's page, or of one part, as a wide screen shows it in light colours.

python -m tests.browser.screenshots REPORT.html IMAGE.png [--of cause-1]
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
PART_WIDTH = 1000
"""Of the window in which a part is shown, so that its text can still be read in a page of documentation."""


def picture(browser: Browser, report: Path, part: str = "") -> bytes:
    """The top of the page as PNG, 1400 × 1000 pixels, or the whole element with the id `part`.

    Raises ValueError if there is no such element, or the file is not small.
    """
    page = opened(browser, report.resolve(), width=PART_WIDTH if part else WIDE, height=HEIGHT).page
    if part and not page.locator(f"[id='{part}']").count():
        raise ValueError(f"{report} has nothing with the id {part!r}")
    shown = page.locator(f"[id='{part}']") if part else page
    taken = shown.screenshot(animations="disabled", caret="hide", scale="css")
    page.context.close()
    if len(taken) > LARGEST:
        raise ValueError(f"the picture has {len(taken):,} bytes, more than {LARGEST:,}")
    return taken


def main() -> str:
    """The command; returns why it could not do it, in one line."""
    parser = argparse.ArgumentParser(description="Takes a picture of the top of a report's page.")
    parser.add_argument("report", type=Path, metavar="REPORT.html")
    parser.add_argument("image", type=Path, metavar="IMAGE.png")
    parser.add_argument("--of", default="", metavar="ID", help="of this element only")
    words = parser.parse_args()
    if reason := what_is_missing():
        return reason
    if not words.report.is_file():
        return f"there is no {words.report}: write a report there first"
    with launched() as browser:
        try:
            taken = picture(browser, words.report, words.of)
        except ValueError as error:
            return str(error)
    words.image.parent.mkdir(parents=True, exist_ok=True)
    words.image.write_bytes(taken)
    return ""


if __name__ == "__main__":
    sys.exit(main() or 0)
