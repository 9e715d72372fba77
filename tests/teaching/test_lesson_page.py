"""The page of a lesson: self-contained, a section a step, whole without its script, every text escaped."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from lessons import case, explained

from backproof.diagnosis.mistakes import Mistake
from backproof.teaching.drawing import MOST_EDGES, MOST_UNITS, pictures_of, short
from backproof.teaching.page import lesson_html
from backproof.teaching.steps import lesson
from refimpl import Backprop

_VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


class Page(HTMLParser):
    """Balanced tags, attributes, and the text of each section by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], {}
        self._section = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "section":
            self._section = dict(attrs)["id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "section":
            self._section = ""

    def handle_data(self, data):
        self.texts[self._section] = self.texts.get(self._section, "") + data

    def all(self, name):
        return [attributes[name] for _, attributes in self.attributes if name in attributes]


@pytest.fixture(scope="module")
def right():
    return explained(case((2, 3, 1)))


@pytest.fixture(scope="module")
def mistaken():
    return explained(case((2, 3, 2), loss="cross_entropy", samples=2), "derivative-forgotten")


def test_it_loads_nothing_and_runs_its_own_script_only(right, mistaken):
    for given in (right, mistaken):
        html = lesson_html(given)
        page = Page(html)
        assert page.tags.count("script") == 1
        assert not {"iframe", "object", "embed", "base", "form", "img"} & set(page.tags)
        names = {name for _, attributes in page.attributes for name in attributes}
        assert not {name for name in names if name.startswith("on")}
        assert not names & {"style", "src", "srcset", "data", "action", "xlink:href"}
        assert [link for link in page.all("href") if not link.startswith("#")] == ["data:,"]
        script = html.partition("<script>")[2].partition("</script>")[0]
        (policy,) = [value for value in page.all("content") if "default-src 'none'" in value]
        allowed = "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src '{allowed}'" in policy
        style = html.partition("<style>")[2].partition("</style>")[0]
        assert not re.search(r"url\(|@import", style)


def test_the_same_lesson_gives_the_same_bytes(right):
    assert lesson_html(right) == lesson_html(explained(case((2, 3, 1))))


def test_every_step_is_a_section_that_the_list_of_steps_leads_to(right):
    page = Page(lesson_html(right))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    steps = [f"step-{step.number}" for step in right.steps]
    assert [name for name in ids if name.startswith("step-")] == steps
    assert [link[1:] for link in page.all("href") if link.startswith("#step-")] == steps
    assert set(page.all("aria-labelledby")) <= set(ids)
    for step in right.steps:
        text = page.texts[f"step-{step.number}"]
        assert step.title in text
        assert step.equation == "F1" or step.shapes in text
        assert step.expansion is None or step.expansion.text in text
        for answer in step.answers:
            assert f"the truth: {answer.apart.words}" in text


def test_without_its_script_it_shows_all_steps_and_no_buttons(right):
    page = Page(lesson_html(right))
    (controls,) = [attributes for _, attributes in page.attributes if attributes.get("id") == "controls"]
    assert "hidden" in controls
    assert not [tag for tag, attributes in page.attributes if tag == "section" and "hidden" in attributes]
    html = lesson_html(right)
    assert ".stepping .step:not(.now) { display: none; }" in html  # the script adds the class
    assert 'class="stepping"' not in html


def test_formulas_are_set_and_none_is_left_as_latex(right, mistaken):
    for given in (right, mistaken, explained(case((2, 3, 1), "leaky_relu"))):
        page = Page(lesson_html(given))
        assert page.tags.count("math") > 3 * len(given.steps)
        assert "code" not in page.tags


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(mistaken):
    page = Page(lesson_html(mistaken))
    for _, attributes in page.attributes:
        if attributes.get("class") in ("drawing", "formula"):
            assert attributes["tabindex"] == "0"
            assert attributes["aria-label"]
    assert all(attributes.get("aria-label") for tag, attributes in page.attributes if tag == "svg")


def test_the_first_wrong_step_is_marked_and_stands_in_two_columns(mistaken):
    html = lesson_html(mistaken)
    page = Page(html)
    marked = [a["id"] for tag, a in page.attributes if tag == "section" and "first-wrong" in a["class"]]
    assert marked == [f"step-{mistaken.first_wrong.number}"]
    assert f'<a href="#{marked[0]}">It goes wrong at step' in html
    assert "Here it goes wrong" in page.texts[marked[0]]
    assert "carries on the error made before" in page.texts["step-13"]
    assert "With the mistake: the same" in page.texts["step-2"]
    assert mistaken.mistake.remedy in page.texts[""]


class _Wrong(Backprop):
    def bias_gradient(self, delta: Any) -> Any:
        return 2 * super().bias_gradient(delta)


def test_texts_are_escaped():
    hostile = '<script>alert(1)</script>"&'
    found = lesson(case(), (), Mistake(hostile, "B3", hostile, hostile, _Wrong, latex=r"x < \text{<b>}"))
    page = lesson_html(found)
    assert "alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert Page(page).tags.count("script") == 1
    assert "<b>}" not in page


# ---------------------------------------------------------------- the drawing


def test_what_a_step_computes_is_lit_and_what_it_takes_is_marked(right):
    drawn = {step.text: picture for step, picture in zip(right.steps, pictures_of(right), strict=True)}
    forward = drawn["Z[1] = W[1] A[0] + b[1]"]
    assert [unit.kind for unit in forward.units] == ["used"] * 2 + ["lit"] * 3 + ["ahead"] * 2
    assert [edge.value for edge in forward.edges if edge.kind == "used"] == [
        short(value) for value in right.case.network.layers[0].W.T.ravel()
    ]
    backward = drawn["∂L/∂A[1] = W[2]ᵀ δ[2]"]
    assert [unit.kind for unit in backward.units] == [""] * 2 + ["lit"] * 3 + ["used", ""]
    gradients = drawn["∂L/∂W[1] = δ[1] A[0]ᵀ"]
    assert len([edge for edge in gradients.edges if edge.kind == "lit" and edge.value]) == 6
    assert [unit.kind for unit in gradients.units] == ["used"] * 5 + ["", ""]


def test_units_have_the_values_known_by_then(right):
    pictures = pictures_of(right)
    values = {step.text: step.result.values for step in right.steps}
    for step, picture in zip(right.steps, pictures, strict=True):
        if step.quantity in ("A", "delta") and step.layer == 1:
            shown = [unit.value for unit in picture.units[2:5]]
            assert shown == [short(value) for value in values[step.text][:, 0]]
    assert [unit.value for unit in pictures[0].units][2:] == [""] * 5


def test_numbers_on_crossing_edges_do_not_cover_each_other():
    for widths in ((2, 3, 1), (3, 2, 2), (3, 3, 3), (3, 4, 1), (4, 3, 2), (2, 5, 2), (2, 6, 1), (1, 5, 1)):
        for picture in pictures_of(explained(case(widths))):
            places = [(edge.x, edge.y) for edge in picture.edges if edge.value]
            assert len(places) <= MOST_EDGES
            for one, (x, y) in enumerate(places):
                assert all(abs(y - v) >= 14 for u, v in places[one + 1 :] if abs(x - u) < 40), widths


def test_large_networks_are_drawn_with_few_units():
    given = explained(case((20, 30, 2)))
    for picture in pictures_of(given):
        assert len(picture.units) <= 3 * MOST_UNITS + 1
        assert sum(unit.dots for unit in picture.units) == 2
        assert not [edge for edge in picture.edges if edge.value and edge.x < 300]
    assert len(lesson_html(given)) < 300_000


def test_all_losses_after_that_are_not_finite_are_told(right):
    page = lesson_html(replace(right, loss_after=None))
    assert "after this update it is not finite" in page
