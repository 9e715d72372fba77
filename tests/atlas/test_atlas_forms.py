"""The terminal and the page tell what an atlas holds, and the page stands alone."""

from __future__ import annotations

import re

import pytest

from backproof.atlas.axis import BINS, bin_of, place_of
from backproof.atlas.page import atlas_html
from backproof.atlas.pictures import pictures_of
from backproof.atlas.places import argument, number, places_of
from backproof.atlas.text import lines_of

from .planted import Planted, row_of


def _lines(atlas) -> list[str]:
    return [line.plain for line in lines_of(atlas)]


def test_the_terminal_has_a_line_for_each_function_and_names_who_offers_none(atlas):
    (tanh,) = [line for line in _lines(atlas) if line.startswith("tanh ")]
    assert tanh.split() == ["tanh", "0.5", "(8e6!)", "·", "0.0", "(5e15!)", "·"]
    (bce,) = [line for line in _lines(atlas) if line.startswith("bce ")]
    assert bce.split() == ["bce", "0.5", "(0.5)", "·", "0.0", "(0.0)", "·"]


def test_the_terminal_tells_the_worst_place_of_each_function(atlas):
    text = "\n".join(_lines(atlas))
    assert "or not finite: 2\n" in text
    assert re.search(
        r"wrong +tanh, derivative, composed: non-finite in float32 and float64; in float32 in \[.*e\+3", text
    )
    assert re.search(
        r"wrong +tanh, value, composed: inaccurate in float32 and float64; in float64 in \[\d", text
    )
    assert "exact 0, " not in text
    assert "softmax float" not in text


def test_where_nothing_is_off_that_is_said(atlas):
    good = atlas.model_copy(update={"functions": (row_of("bce", Planted()),), "answerers": ("planted",)})
    assert _lines(good)[-1] == "No answer is off by more than 100 ulps."
    assert "<p>None.</p>" in atlas_html(good)


def test_places_put_what_is_not_finite_first(atlas):
    places = places_of(atlas)
    assert [place.kind for place in places] == ["non-finite", "inaccurate"]
    assert {place.by for place in places} == {"wrong"}
    assert all(place.large for place in places)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0.0, "0.0"),
        (0.5, "0.5"),
        (12.4, "12"),
        (1234.0, "1e3"),
        (9e15, "9e15"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_short(value, said):
    assert number(value) == said


def test_the_page_stands_alone_and_is_the_same_each_time(atlas):
    page = atlas_html(atlas)
    assert page == atlas_html(atlas)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    for loaded in ("<script", "http://", "https://", '<link rel="stylesheet', "@import", "url("):
        assert loaded not in page, loaded


def test_the_page_has_two_pictures_for_each_function_and_dtype_and_links_to_them(atlas):
    page = atlas_html(atlas)
    assert page.count('<svg class="plot"') == 2 * 2 * 3
    ids = re.findall(r'id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)
    assert "none does not offer it; wrong has none of its own: plain operations of it" in page


def test_a_picture_has_a_line_for_each_answerer_and_marks_what_is_not_finite(atlas):
    value, derivative = pictures_of(atlas.functions[0], atlas.answerers, atlas.threshold)
    assert [(line.by, line.number) for line in derivative.lines] == [("exact", 0), ("wrong", 1)]
    assert [bool(line.marks) for line in derivative.lines] == [False, True]
    assert [bool(line.marks) for line in value.lines] == [False, False]
    highest = [min(map(float, re.findall(r"V([\d.]+)", line.path))) for line in value.lines]
    assert highest[1] < value.threshold < highest[0]
    assert "none does not offer it" in derivative.says
    assert "not finite" in derivative.says


def test_a_hostile_text_is_escaped(atlas):
    page = atlas_html(atlas.model_copy(update={"command": "<img src=x onerror=alert(1)>"}))
    assert "<img" not in page


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_axis_keeps_the_order_of_arguments_and_has_a_bin_for_each(dtype):
    at = [-3e38, -100.0, -1.0, -1e-12, -1e-45, 0.0, 1e-45, 1e-12, 1.0, 100.0, 3e38]
    places = [float(place_of(t, dtype)) for t in at]
    assert places == sorted(places)
    assert (places[5], places[0]) == (0, -places[-1])
    assert bin_of(0.0, dtype) == BINS
    assert 0 <= bin_of(-3e38, dtype) < bin_of(3e38, dtype) < 2 * BINS


def test_an_argument_has_the_digits_that_tell_it_from_its_neighbours():
    assert argument(2.9999997615814209, "float32") == "2.9999998"
    assert argument(2.9999999999999996, "float64") == "2.9999999999999996"
