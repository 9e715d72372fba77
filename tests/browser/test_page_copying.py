"""The buttons of a report's page that copy a command, a case or a script, with and without a clipboard."""

from __future__ import annotations

import json
import re

import pytest

from backproof.reporting.files import JSON_NAME, read_report

from .browser_reports import REPORTS, full_report
from .conftest import OpenPage
from .copying import (
    ALLOWED,
    BUTTON,
    LONGEST,
    NO_WAY,
    REFUSED,
    WITHOUT,
    badly_made,
    buttons_of,
    clipboard,
    press,
    press_focused,
    text_of,
)
from .page_checks import expect_none, open_all, tab_to

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", ["full", "hostile", "big"])
def test_each_button_copies_one_thing_and_is_hidden_until_the_script_has_run(
    name: str, open_page: OpenPage
) -> None:
    opened = open_page(REPORTS[name]())
    page = opened.page
    made = re.findall(r'<button [^>]*class="copy"[^>]*>', opened.file.read_text(encoding="utf-8"))
    assert made
    assert [button for button in made if " hidden" not in button] == []
    assert len(buttons_of(page)) == len(made) == len(set(buttons_of(page)))
    expect_none(badly_made(page))
    open_all(page)
    assert [each for each in page.locator(BUTTON).all() if not each.is_visible()] == []
    status = page.locator("#copied")
    assert (status.get_attribute("role"), status.get_attribute("aria-live")) == ("status", "polite")
    assert text_of(page, "copied").strip() == ""


def test_the_first_card_is_opened_and_copied_from_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page(full_report(), before=ALLOWED).page
    tab_to(page, "each => each === document.querySelector('article summary')")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('article details').open")
    tab_to(page, "each => each.matches('article details button.copy')", most=10)
    expect_none(press_focused(page))
    assert clipboard(page) == text_of(page, page.evaluate("document.activeElement.dataset.copy")) != ""


@pytest.mark.parametrize("before", [ALLOWED, WITHOUT, REFUSED], ids=["allowed", "without", "refused"])
@pytest.mark.parametrize("name", ["full", "hostile"])
def test_every_button_copies_what_it_stands_beside(name: str, before: str, open_page: OpenPage) -> None:
    opened = open_page(REPORTS[name](), before=before)
    page = opened.page
    open_all(page)
    names = buttons_of(page)
    assert names
    for each in names:
        expect_none(press(page, each))
    assert page.locator("textarea").count() == 0
    expect_none(opened.noises())


@pytest.mark.parametrize("name", ["full", "big"])
def test_what_is_copied_is_every_command_case_and_script(name: str, open_page: OpenPage) -> None:
    opened = open_page(REPORTS[name](), before=ALLOWED)
    report = read_report(opened.file.with_name(JSON_NAME))  # without the cases that are too long for a page
    page = opened.page
    open_all(page)
    pasted, said = [], {}
    for button in buttons_of(page):
        expect_none(press(page, button))
        pasted.append(clipboard(page).strip())
        said[_kind(pasted[-1])] = text_of(page, "copied")
    cases = [json.loads(text) for text in pasted if _kind(text) == "case"]
    commands = {text for text in pasted if _kind(text) == "command"}
    scripts = {text for text in pasted if _kind(text) == "script"}
    shown = [f.case for f in report.findings] + [c.smallest_case for c in report.causes]
    assert [case for case in cases if case not in shown] == []
    assert [f.number for f in report.findings if f.case is not None and f.case not in cases] == []
    assert commands >= {f.replay for f in report.findings} | {c.replay for c in report.causes if c.replay}
    assert scripts == {"\n".join(c.script).strip() for c in report.causes if c.script}
    for text in scripts:
        compile(text, "script", "exec")
    # The label is the same on all: the live region tells one thing from another.
    assert len(set(said.values())) == len(said) == 3


def _kind(text: str) -> str:
    if text.startswith("{"):
        return "case"
    return "command" if text.startswith("backproof ") and "\n" not in text else "script"


def test_where_nothing_may_be_copied_the_button_does_not_say_that_it_was(open_page: OpenPage) -> None:
    opened = open_page(full_report(), before=NO_WAY)
    page = opened.page
    open_all(page)
    button = page.locator(BUTTON).first
    button.focus(timeout=LONGEST)
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('copied').textContent.trim() !== ''", timeout=LONGEST)
    assert button.text_content() != "Copied"
    expect_none(opened.noises())
