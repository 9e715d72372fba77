"""The book's colours are those of a report's page, and what is drawn for it lies within its picture."""

from __future__ import annotations

import re

import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from backproof.teaching.drawing import pictures_of
from backproof.teaching.example_case import Blueprint, draw_example
from backproof.teaching.steps import lesson
from book_directives.chain_picture import CHAINS, chain_svg
from book_directives.pictures import shown
from refimpl.equations import EQUATIONS
from tests.book_building import DOCS, ROOT

REPORT = (ROOT / "backproof" / "reporting" / "templates" / "report.css").read_text("utf-8")
BOOK = (DOCS / "_static" / "book.css").read_text("utf-8")
TONES = ("good", "bad", "warn", "plain")
NAMES = ("card", "ink", "soft", "line", "code", "accent", *TONES, *(f"{tone}-wash" for tone in TONES))


def _values(css: str, name: str) -> list[str]:
    return re.findall(rf"--{name}: (#[0-9a-f]+);", css)


@pytest.mark.parametrize("name", NAMES)
def test_a_colour_is_that_of_a_report_in_light_and_in_dark(name: str) -> None:
    light, dark = _values(REPORT, name)
    assert _values(BOOK, name) == [light, dark, dark]  # dark by the system's choice, and by the reader's


@pytest.mark.parametrize("loss", ["mse", "half_squared_error", "multilabel_soft_margin"])
def test_the_name_of_the_loss_fits_into_the_drawing(loss: str) -> None:
    case = draw_example(Blueprint((2, 2, 1), ("tanh", "identity"), loss))
    for picture in pictures_of(lesson(case)):
        for head in picture.heads:
            assert head.x + 3.7 * len(head.text) <= picture.width  # 13 px: a letter is 7.4 wide at most


def test_every_equation_has_a_picture_of_its_own_step() -> None:
    captions = {entry.id: shown(entry.id).caption for entry in EQUATIONS}
    assert "A[1], layer 1" in captions["F3"]
    assert "A[2], layer 2" in captions["F4"]
    assert "δ[2], layer 2" in captions["B4"]
    assert "δ[1], layer 1" in captions["B5"]
    assert "new W[1], layer 1" in captions["U1"]
    assert captions["B2"] == captions["B3"]


@pytest.mark.parametrize("id", CHAINS)
def test_a_graph_of_the_chain_rule_lies_within_its_picture(id: str) -> None:  # noqa: A002
    svg = chain_svg(id)
    height = int(re.search(r'height="(\d+)"', svg)[1])  # type: ignore[index]
    assert all(0 < int(y) < height for y in re.findall(r' y="(\d+)"', svg))
