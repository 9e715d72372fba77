"""The curves of the functions, against values worked by hand, and their plots."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from book_directives.function_curves import Curve, Mark, plots_of
from book_directives.function_plots import plot_html, thumbnail
from refimpl import ACTIVATIONS, LOSSES


def at(curve: Curve, x: float) -> tuple[float, float]:
    place = int(np.argmin(np.abs(curve.x - x)))
    return float(curve.value[place]), float(curve.slope[place])


def test_an_activation_is_shown_at_its_defaults_and_at_two_other_parameters():
    (plot,) = plots_of("leaky_relu")
    assert [curve.label for curve in plot.curves] == ["α = 0.01", "α = 0", "α = 1"]
    assert at(plot.curves[0], -5) == pytest.approx((-0.05, 0.01))
    assert at(plot.curves[2], -5) == pytest.approx((-5, 1))
    assert plot.marks == (Mark(0.0, 0.0, 0.01, 1.0, 0.01),)


def test_softmax_is_shown_along_one_unit_of_three():
    """At t = 0 the units are 0, 0, 1: a₁ = 1/(2 + e), ∂a₂/∂z₁ = -a₂ a₁."""
    (plot,) = plots_of("softmax")
    a = 1 / (2 + math.e)
    assert at(plot.curves[0], 0) == pytest.approx((a, a * (1 - a)))
    assert at(plot.curves[1], 0) == pytest.approx((a, -a * a))


def test_a_loss_is_shown_for_some_targets_and_parameters():
    by_target, by_parameter = plots_of("huber")
    assert [curve.label for curve in by_target.curves] == ["y = -2", "y = 0", "y = 1"]
    assert at(by_target.curves[1], 4) == pytest.approx((3.5, 1))  # δ(|r| - δ/2)
    assert [curve.label for curve in by_parameter.curves] == ["δ = 1", "δ = 0.125", "δ = 4"]
    assert at(by_parameter.curves[2], 4) == pytest.approx((4.5, 3))  # r²/2 of r = 3


def test_a_loss_over_classes_is_shown_along_one_output():
    """At t = 0, of class 3: -(1 - log(2 + e)); by the first logit e⁰/(2 + e)."""
    (plot, *_) = plots_of("cross_entropy_with_logits")
    assert at(plot.curves[2], 0) == pytest.approx((math.log(2 + math.e) - 1, 1 / (2 + math.e)))
    (plot,) = plots_of("multi_margin")  # of n = 3 outputs (0, 0, 1), class 1: (1 + 2)/3
    assert at(plot.curves[0], 0)[0] == pytest.approx(1)


def test_no_line_is_drawn_across_a_kink():
    (plot,) = plots_of("hardshrink")
    curve = plot.curves[0]
    for kink in (-0.5, 0.5):
        place = int(np.flatnonzero(curve.x == kink)[0])
        assert math.isnan(curve.slope[place])
        assert not np.isnan(curve.slope[[place - 1, place + 1]]).any()


@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES])
def test_every_curve_is_finite_but_for_its_kinks(name: str):
    for plot in plots_of(name):
        for curve in plot.curves:
            for y in (curve.value, curve.slope):
                assert not np.isinf(y).any()
                assert np.isnan(y).sum() <= 2


@pytest.mark.parametrize("name", ["relu", "huber"])
def test_a_plot_is_the_same_each_time_and_takes_its_colours_from_the_page(name: str):
    plot = plots_of(name)[0]
    html = plot_html(plot)
    assert html == plot_html(plot)
    assert not re.search(r"#[0-9a-f]{6}", html)
    assert "<style" not in html
    assert "<metadata" not in html
    assert html.count('role="img"') == 2
    assert "var(--plot-0)" in html
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)


def test_no_id_occurs_twice_on_a_page_of_plots():
    html = "".join(plot_html(plot) for plot in plots_of("huber"))
    html += "".join(thumbnail(plots_of(name)[0]) for name in ("relu", "huber"))
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert ids
    assert len(ids) == len(set(ids))
