"""What is asked of a page that is open. Each check returns what is wrong, one line each; none is well."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

GRAVE = {"serious", "critical"}
_FUNCTIONS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8").partition("\n")[2].strip()


def _ask(page: Page, function: str, argument: Any = None) -> Any:
    return page.evaluate(f"argument => {_FUNCTIONS}.{function}(argument)", argument)


def open_all(page: Page) -> None:
    """Opens all that can be folded up."""
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


def overflows(page: Page, *, paper: bool = False) -> list[str]:
    """Elements and texts beyond the edge of the window, where nothing scrolls, or out of their boxes."""
    return list(_ask(page, "overflows", paper))


def structure(page: Page) -> list[str]:
    """Each element by its depth, name, id, classes and attributes' names."""
    return list(_ask(page, "structure"))


def live_texts(page: Page) -> list[str]:
    """Attributes that hold a script."""
    return list(_ask(page, "liveTexts"))


def dead_buttons(page: Page) -> list[str]:
    """Buttons that are seen although nothing answers them, on a page without scripts."""
    return list(_ask(page, "deadButtons"))


def words(page: Page) -> str:
    """What is read on the page, but for its buttons and what they say, which are taken out."""
    return str(_ask(page, "words"))


def unprinted(page: Page) -> list[str]:
    """Parts of cards of which only the summary is on paper."""
    return list(_ask(page, "unprinted"))


def axe_problems(page: Page) -> list[str]:
    """What axe-core finds, if any of it is grave; the less grave is listed with it."""
    from axe_playwright_python.sync_playwright import Axe

    violations = Axe().run(page).response["violations"]
    if not any(violation["impact"] in GRAVE for violation in violations):
        return []
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}, {len(violation['nodes'])} times; "
        + "; ".join(map(_node, violation["nodes"][:5]))
        for violation in violations
    ]


def _node(node: dict[str, Any]) -> str:
    why = [check["message"] for kind in ("any", "all", "none") for check in node[kind]]
    return f"{' '.join(map(str, node['target']))}: {' '.join(why)}"


def without_outline(page: Page, most: int = 1000) -> list[str]:
    """What the Tab key reaches, until it comes round, and shows no outline when it has the focus."""
    complaints: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = _ask(page, "focused")
        if focused is None or not focused["first"]:
            break
        complaints.append(focused["complaint"])
    assert complaints, "the Tab key reaches nothing"
    return list(filter(None, complaints))


def tab_to(page: Page, condition: str, most: int = 300) -> None:
    """Presses Tab until the JavaScript function `condition` is true of what has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"({condition})(document.activeElement)"):
            return
    raise AssertionError(f"Tab was pressed {most} times and nothing with {condition} got the focus")


def lightness(page: Page) -> float:
    """Of the page's background: from 0, black, to 1, white."""
    for place in ("body", "documentElement"):
        colour = page.evaluate("place => getComputedStyle(document[place]).backgroundColor", place)
        *numbers, last = map(float, colour[colour.index("(") + 1 : -1].split(","))
        if colour.startswith("rgb("):
            return (sum(numbers) + last) / (3 * 255)
        if last > 0:  # rgba: not see-through
            return sum(numbers) / (3 * 255)
    return 1.0


def expect_none(problems: Iterable[str]) -> None:
    """AssertionError with the first of the problems, in full: pytest would shorten a list of them."""
    found = list(problems)
    most = 30
    if found:
        more = [f"and {len(found) - most} more"] if len(found) > most else []
        raise AssertionError("\n".join([*found[:most], *more]))
