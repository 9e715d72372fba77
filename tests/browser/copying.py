"""The buttons that copy: what they promise, asked by keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

BUTTON = "button.copy"
LONGEST = 10_000
"""Milliseconds until a button that was pressed must have answered."""

# Scripts that run before the page's own: how far the browser lets it copy. The test keeps its own way.
ALLOWED = """Object.defineProperty(window, "clipboardOfTheTest", {value: {
  read: navigator.clipboard.readText.bind(navigator.clipboard),
  write: navigator.clipboard.writeText.bind(navigator.clipboard),
}});"""
WITHOUT = f"{ALLOWED} Object.defineProperty(Navigator.prototype, 'clipboard', {{get: () => undefined}});"
REFUSED = (
    f"{ALLOWED} Clipboard.prototype.writeText = async () => {{ throw new DOMException('not allowed'); }};"
)
NO_WAY = f"{REFUSED} Document.prototype.execCommand = () => false;"

_DONE = """button => button.textContent.trim() === "Copied"
  && document.getElementById("copied").textContent.trim() !== ''"""


def buttons_of(page: Page) -> list[str]:
    """The ids of what the page's buttons copy, in their order."""
    return list(page.eval_on_selector_all(BUTTON, "all => all.map(each => each.dataset.copy)"))


def badly_made(page: Page) -> list[str]:
    """Buttons that name nothing, or not one thing, to copy, or are no buttons of the agreed form."""
    return list(
        page.eval_on_selector_all(
            BUTTON,
            """all => all.filter(each => each.type !== "button" || each.textContent.trim() !== "Copy"
              || document.querySelectorAll(`[id="${each.dataset.copy}"]`).length !== 1)
              .map(each => `not as agreed: ${each.outerHTML}`)""",
        )
    )


def clipboard(page: Page) -> str:
    """What is on the clipboard."""
    return str(page.evaluate("clipboardOfTheTest.read()"))


def text_of(page: Page, name: str) -> str:
    """The text content of the element with this id."""
    return str(page.evaluate("name => document.getElementById(name)?.textContent ?? ''", name))


def press(page: Page, name: str, longest: int = LONGEST) -> list[str]:
    """Presses the button that copies the element `name`, by Enter; what does not come of it as agreed."""
    button = page.locator(f'{BUTTON}[data-copy="{name}"]')
    if button.count() != 1 or not button.is_visible():
        return [f"{name}: {button.count()} buttons, and none to be seen"]
    button.focus()
    return press_focused(page, longest)


def press_focused(page: Page, longest: int = LONGEST) -> list[str]:
    """Presses Enter on the button that has the focus; what does not come of it as agreed."""
    from playwright.sync_api import TimeoutError as TooLongError

    button = page.evaluate_handle("document.activeElement")
    name = str(button.evaluate("each => each.dataset.copy"))
    page.evaluate("clipboardOfTheTest.write('nothing yet')")
    page.keyboard.press("Enter")
    try:
        page.wait_for_function(_DONE, arg=button, timeout=longest)
    except TooLongError:
        label = button.evaluate("each => each.textContent")
        said = text_of(page, "copied")
        return [f"{name}: pressed, it is labelled {label!r}, and the live region says {said!r}"]
    wrong = []
    if (found := clipboard(page)) != text_of(page, name):
        wrong.append(f"{name}: not its text on the clipboard but {found[:200]!r}")
    if not button.evaluate("each => each === document.activeElement"):
        wrong.append(f"{name}: the focus has moved to another place")
    return wrong
