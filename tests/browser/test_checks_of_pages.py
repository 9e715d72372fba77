"""Each check passes a small page that is in order, and finds the flaw that is put into it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .chromium import A4, NARROW, WIDE, Opened
from .conftest import OpenPage
from .copying import ALLOWED, NO_WAY, REFUSED, WITHOUT, badly_made, buttons_of, clipboard, press, text_of
from .doctored import CASE, SCRIPT, doctored
from .page_checks import (
    axe_problems,
    dead_buttons,
    lightness,
    live_texts,
    open_all,
    overflows,
    structure,
    tab_to,
    unprinted,
    without_outline,
    words,
)

pytestmark = pytest.mark.long

LONG = "W" * 500


def on_paper(opened: Opened) -> list[str]:
    """What is wrong on paper, beyond the edge or folded up."""
    opened.page.emulate_media(media="print")
    opened.page.set_viewport_size({"width": A4, "height": 1000})
    return [*overflows(opened.page, paper=True), *unprinted(opened.page)]


def first_press(opened: Opened) -> list[str]:
    """What does not come of pressing the first button."""
    return press(opened.page, buttons_of(opened.page)[0], longest=500)


CHECKS: dict[str, Callable[[Opened], list[str]]] = {
    "noises": Opened.noises,
    "overflows": lambda opened: overflows(opened.page),
    "paper": on_paper,
    "axe": lambda opened: axe_problems(opened.page),
    "outline": lambda opened: without_outline(opened.page),
    "live": lambda opened: live_texts(opened.page),
    "buttons": lambda opened: badly_made(opened.page),
    "press": first_press,
}
SCROLLS = f'<div tabindex="0" style="overflow-x: auto; overflow-wrap: normal"><p>{LONG}</p></div>'


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("before", [ALLOWED, WITHOUT, REFUSED], ids=["allowed", "without", "refused"])
def test_a_page_in_order_passes_every_check(before: str, width: int, open_page: OpenPage) -> None:
    page = doctored("<p>A word</p>" + SCROLLS, style="@media print { div { display: none } }")
    opened = open_page(page, width=width, before=before)
    open_all(opened.page)
    found = {name: check(opened) for name, check in CHECKS.items()}
    assert found == {name: [] for name in CHECKS}


@pytest.mark.parametrize(
    ("check", "flaw", "says"),
    [
        ("noises", "<script>console.error('oh')</script>", "console error: oh"),
        ("noises", "<script>console.warn('oh')</script>", "console warning: oh"),
        ("noises", "<script>throw new Error('oh')</script>", "uncaught oh"),
        ("noises", "<script>Promise.reject(new Error('oh'))</script>", "uncaught oh"),
        ("noises", "<script>alert('oh')</script>", "opened a dialog: oh"),
        ("noises", "<script src='other.js'></script>", "other.js"),
        ("noises", "<img alt='' src='other.png'>", "other.png"),
        (
            "noises",
            "<script>fetch('https://example.invalid/x')</script>",
            "asked for https://example.invalid/x",
        ),
        ("noises", "<style>h1 { background: url(other.png) }</style>", "other.png"),
        ("overflows", "<div style='width: 2000px'>wide</div>", "to 2000 of 360 px: main > div “wide”"),
        ("overflows", f"<p style='overflow-wrap: normal'>{LONG}</p>", "main > p “WWWW"),
        ("overflows", "<p style='position: absolute; left: 500px'>far</p>", "main > p “far”"),
        ("overflows", "<p style='margin-left: -50px'>far left</p>", "text from -50 to"),
        # What `hidden` cuts off is not seen, though the page is no wider for it.
        ("overflows", "<div style='overflow: hidden'><p style='width: 900px'>cut</p></div>", "p “cut”"),
        ("overflows", "<style>body { overflow-x: auto }</style><p style='width: 900px'>wide</p>", "p “wide”"),
        ("overflows", f"<div style='width: 50px; overflow-wrap: normal'>{'W' * 10}</div>", "out of its box"),
        ("overflows", f"<div style='overflow: auto; width: 900px'>{LONG}</div>", "to 900 of 360 px"),
        ("paper", SCROLLS, "main > div > p “WWWW"),
        ("paper", "<style>@media print { details { display: block } }</style>", "without what it folds up"),
        ("axe", "<button type='button'></button>", "button-name (critical): Buttons must have"),
        ("axe", "<p style='color: #777; background: #666'>dim</p>", "color-contrast (serious)"),
        ("axe", "<p id='twice'>a</p><a id='twice' href='#x'></a>", "link-name (serious)"),
        ("outline", "<style>a { outline: none }</style><a href='#x'>link</a>", "main > a “link”"),
        ("outline", "<a href='#x' style='outline: 0 solid red'>link</a>", "main > a “link”"),
        ("live", "<p onclick='x()'>oh</p>", "<p onclick="),
        ("live", "<a href=' javascript:x()'>oh</a>", "<a href="),
        ("buttons", "<button class='copy' type='button' data-copy='none'>Copy</button>", 'data-copy="none"'),
        ("buttons", "<button class='copy' data-copy='case'>Copy</button>", "not as agreed"),
        ("buttons", "<b id='case'></b>", 'data-copy="case"'),
    ],
)
def test_a_flaw_is_found(check: str, flaw: str, says: str, open_page: OpenPage) -> None:
    opened = open_page(doctored(flaw), width=NARROW, before=ALLOWED)
    assert says in "\n".join(CHECKS[check](opened))


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("", "none to be seen"),
        (SCRIPT.replace('"click"', '"dblclick"'), "labelled 'Copy'"),
        (SCRIPT.replace(".textContent;", ".textContent.trim() + ' ';"), "not its text on the clipboard"),
        (SCRIPT.replace("button.textContent =", "button.title ="), "labelled 'Copy'"),
        (SCRIPT.replace("`Copied: ${button.dataset.copy}`", "''"), "the live region says ''"),
        (SCRIPT.replace("button.focus()", "button.blur()"), "the focus has moved"),
    ],
)
def test_a_button_that_does_not_do_as_agreed_is_found(script: str, says: str, open_page: OpenPage) -> None:
    assert script != SCRIPT
    opened = open_page(doctored(script=script), before=ALLOWED)
    assert says in "\n".join(first_press(opened))


@pytest.mark.parametrize("before", [WITHOUT, REFUSED], ids=["without", "refused"])
def test_a_button_that_only_knows_the_clipboard_is_found(before: str, open_page: OpenPage) -> None:
    opened = open_page(doctored(script=SCRIPT.replace("area(text)", "throw 0")), before=before)
    assert "labelled 'Copy'" in "\n".join(first_press(opened))


def test_a_button_that_says_copied_where_nothing_was_is_found(open_page: OpenPage) -> None:
    lies = SCRIPT.replace('throw new Error("not allowed")', "return")
    assert "not its text on the clipboard" in "\n".join(
        first_press(open_page(doctored(script=lies), before=NO_WAY))
    )


def test_a_button_that_is_seen_without_scripts_is_found(open_page: OpenPage) -> None:
    flaw = "<button type='button' class='copy' data-copy='case'>Copy</button>"
    assert dead_buttons(open_page(doctored(), scripts=False).page) == []
    assert len(dead_buttons(open_page(doctored(flaw), scripts=False).page)) == 1
    shown = doctored(style="button[hidden] { display: block }")
    assert len(dead_buttons(open_page(shown, scripts=False).page)) == 1


def test_words_that_only_a_script_shows_are_found(open_page: OpenPage) -> None:
    adds = doctored("<p id='late'></p>", script=f"{SCRIPT} late.textContent = 'late';")
    for page, same in ((doctored(), True), (adds, False)):
        with_scripts, without = (words(open_page(page, scripts=scripts).page) for scripts in (True, False))
        assert "A card" in without
        assert (with_scripts == without) is same


def test_axe_is_of_today(open_page: OpenPage) -> None:
    from axe_playwright_python.sync_playwright import Axe

    engine = Axe().run(open_page(doctored()).page).response["testEngine"]
    assert tuple(map(int, engine["version"].split("."))) >= (4, 10)


def test_what_a_keyboard_does_not_reach_is_found(open_page: OpenPage) -> None:
    page = open_page(doctored(), before=ALLOWED).page
    tab_to(page, "each => each.matches('summary')")
    page.keyboard.press("Enter")
    tab_to(page, "each => each.matches('details button')", most=2)
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.textContent === 'Copied'")
    assert clipboard(page) == text_of(page, "case") == CASE
    with pytest.raises(AssertionError, match=r"nothing with .* got the focus"):
        tab_to(page, "each => each.matches('h1')", most=5)


def test_a_text_that_became_an_element_is_found(open_page: OpenPage) -> None:
    first, wbr, other = (
        structure(open_page(doctored(text)).page)
        for text in ("<p>a</p>", "<p>b<wbr>c</p>", "<p><b>a</b></p>")
    )
    assert first == wbr
    assert first != other
    assert structure(open_page(doctored("<p title='x'>a</p>")).page) != first


def test_the_background_is_light_or_dark_as_preferred(open_page: OpenPage) -> None:
    assert lightness(open_page(doctored()).page) == 1
    assert lightness(open_page(doctored(), dark=True).page) < 0.1
    same = doctored(style="body { background: none !important }")
    assert lightness(open_page(same, dark=True).page) == 1
