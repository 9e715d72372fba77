"""A headless Chromium of the system, driven by Playwright, and a report's page opened in it.

Nothing here imports Playwright at the top: without it the tests are skipped with a reason, not broken.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDE, NARROW = 1400, 360
HEIGHT = 1000
PATIENCE = 120_000
"""Milliseconds after which a browser hangs and is not merely slow: a machine may be busy."""
# An A4 sheet is 210 mm wide, and Chromium leaves 0.4 inches free on either side; 96 px are an inch.
A4 = int((210 / 25.4 - 0.8) * 96)


def chromium() -> str | None:
    """The browser to use: the one that BACKPROOF_CHROMIUM names, else the first one on the PATH."""
    named = os.environ.get("BACKPROOF_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def what_is_missing() -> str:
    """Why no page can be opened here, with the remedy; empty if one can."""
    if missing := [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]:
        return f"{' and '.join(missing)} not installed: pip install 'backproof[browser]'"
    named = os.environ.get("BACKPROOF_CHROMIUM")
    if named and shutil.which(named) is None:
        return f"BACKPROOF_CHROMIUM is {named}, which is no program"
    if chromium() is None:
        return "no Chromium on the PATH: apt-get install chromium, or name one in BACKPROOF_CHROMIUM"
    return ""


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser, running."""
    from playwright.sync_api import sync_playwright

    # Chromium refuses to run as root inside its sandbox. Containers run as root; the pages are our own.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A page that is open, and all that it has let be heard since."""

    page: Page
    file: Path
    console: list[str] = field(default_factory=list)
    """Messages that are warnings or errors: Chromium says there what a page's policy has refused."""
    errors: list[str] = field(default_factory=list)
    """Exceptions that nothing caught."""
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def noises(self) -> list[str]:
        """All that a page which is in order does not do."""
        self.page.evaluate("0")  # what happened before is told before the answer
        own = self.file.as_uri()
        return [
            *self.console,
            *self.errors,
            *(f"opened a dialog: {text}" for text in self.dialogs),
            *(f"asked for {url[:200]}" for url in self.requests[1:]),
            *(f"asked for {url[:200]} first" for url in self.requests[:1] if url != own),
        ]


def opened(
    browser: Browser,
    file: Path,
    *,
    width: int = WIDE,
    height: int = HEIGHT,
    dark: bool = False,
    paper: bool = False,
    scripts: bool = True,
    before: str = "",
) -> Opened:
    """The page in `file`, opened in a context of its own, with a clipboard that it may use.

    `before` is a script that runs before the page's own; `paper` is for the media type "print".
    """
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(PATIENCE)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    found = Opened(page, file)

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"warning", "error"}:
            found.console.append(f"console {message.type}: {message.text}")

    def note(request: Request) -> None:
        if not request.url.startswith("data:"):
            found.requests.append(request.url)

    def dismiss(dialog: Dialog) -> None:
        found.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("console", hear)
    page.on("pageerror", lambda error: found.errors.append(f"uncaught {error}"))
    page.on("request", note)
    page.on("dialog", dismiss)
    if before:
        page.add_init_script(before)
    if paper:
        page.emulate_media(media="print")
    page.goto(file.as_uri())
    return found
