"""V3, V5 to V7: how far losses of columns move, and what their evaluation at the farthest point adds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backproof.judging.activation_rules import softmax, units_sum
from backproof.judging.error_facts import ACCURACY
from backproof.judging.loss_rules import (
    cosine_distance,
    cross_entropy_with_logits,
    multi_margin,
    poly_loss,
)
from backproof.judging.rounding import precision
from refimpl import LossSpec

OWN = precision("float32")
OUTWARD = 1 + 2.0**-40
PLAIN = LossSpec("cross_entropy_with_logits").arguments
ERRORS = pytest.mark.parametrize("E", [1e-3, 0.5, 5.0])
# One unit far above, and the label elsewhere: p there is small and grows by e^(2E).
Z = np.array([[14.0, 0.0], [0.0, 0.0], [-1.0, 0.5]])
Y = np.array([[0.0, 0.5], [1.0, 0.25], [0.0, 0.25]])


def _corners(E: float) -> Iterator[Any]:
    for signs in itertools.product((-1.0, 1.0), repeat=len(Z)):
        yield np.array(signs)[:, None] * E


@ERRORS
def test_softmaxs_own_error_in_a_gradient_is_that_of_the_farthest_point(E: float) -> None:
    *_, gradient, bound = cross_entropy_with_logits(Z, np.full_like(Z, E), Y, PLAIN, OWN.u, OWN.tiny)
    for corner in _corners(E):
        p = softmax(Z + corner)
        below = np.max(Z + corner, axis=0) - (Z + corner)
        rounded = ACCURACY * OWN.u * p * (1 + (len(Z) + 2 * below) / ACCURACY)
        assert (np.abs(p - Y - gradient) + rounded <= bound * OUTWARD).all()


@ERRORS
def test_the_terms_move_as_log_softmax_does(E: float) -> None:
    terms, bound, *_ = cross_entropy_with_logits(Z, np.full_like(Z, E), Y, PLAIN, 0.0, 0.0)
    moved = [np.abs(-Y * np.log(softmax(Z + corner)) - terms) for corner in _corners(E)]
    np.testing.assert_allclose(np.max(moved, axis=0), bound, rtol=1e-9, atol=1e-12)


def test_a_label_on_the_dominating_unit_hardly_feels_errors_of_the_logits() -> None:
    first = np.array([[1.0], [0.0], [0.0]])
    _, bound, *_ = cross_entropy_with_logits(Z[:, :1], np.full((3, 1), 1e-3), first, PLAIN, 0.0, 0.0)
    assert bound.sum() < 1e-8


@ERRORS
def test_polys_last_rounding_is_that_of_the_farthest_gradient(E: float) -> None:
    """fl(a + b) is off by u |a + b|, which may be all there is at a point where the centre's is 0."""
    epsilon = 1e-3
    *_, gradient, bound = poly_loss(Z, np.full_like(Z, E), Y, {"epsilon": epsilon}, OWN.u, OWN.tiny)
    *_, without = poly_loss(Z, np.full_like(Z, E), Y, {"epsilon": epsilon}, 0.0, 0.0)
    for corner in _corners(E):
        p = softmax(Z + corner)
        there = p * units_sum(Y) - Y - epsilon * p * (Y - units_sum(Y * p))
        # Softmax's own 8 roundings and one of the product, as above, and one of the sum.
        own = (ACCURACY + 1) * OWN.u * p * units_sum(Y) + OWN.u * np.abs(there)
        assert (np.abs(there - gradient) + own <= bound * OUTWARD).all()
        assert (np.abs(there - gradient) <= without * OUTWARD).all()


def test_an_excess_that_underflows_may_count_as_none() -> None:
    """margin - a_k + a_i is half the smallest normal number, and 0 where subnormal results are."""
    a = np.array([[1.0], [1.5]]) * OWN.tiny
    arguments = {"p": 1.0, "margin": 0.0, "weight": np.ones((2, 1))}
    *_, gradient, bound = multi_margin(a, 0 * a, np.array([[1.0], [0.0]]), arguments, OWN.u, OWN.tiny)
    assert (np.abs(gradient) <= bound).all()


def test_the_roundings_of_a_sum_of_many_labels_are_of_the_farthest_gradient() -> None:
    """p Σ y is rounded once for each label, at a p that has grown by e^(2E)."""
    n, E = 128, 5.0
    z, y = np.zeros((n, 1)), np.full((n, 1), 1 / n)
    *_, gradient, bound = cross_entropy_with_logits(z, np.full_like(z, E), y, PLAIN, OWN.u, 0.0)
    p = softmax(np.where(np.arange(n)[:, None] == 0, E, -E))[0]
    own = ACCURACY * OWN.u * p * (1 + n / ACCURACY) + (n + 1) * OWN.u * p
    assert p - y[0] - gradient[0] + own <= bound[0] * OUTWARD


def test_a_squared_excess_that_underflows_is_lost_before_its_weight_multiplies_it() -> None:
    h = np.sqrt(OWN.tiny / 2)
    arguments = {"p": 2.0, "margin": 0.0, "weight": np.full((2, 1), 8.0)}
    a = np.array([[0.0], [h]])
    terms, bound, *_ = multi_margin(a, 0 * a, np.array([[1.0], [0.0]]), arguments, OWN.u, OWN.tiny)
    assert terms[1] >= 3.9 * OWN.tiny
    assert bound[1] >= terms[1]


@pytest.mark.parametrize("n", [1, 2, 12, 100, 1000])
def test_half_the_square_of_opposite_directions_may_err_by_four_roundings_for_each_output(n: int) -> None:
    """Every entry too large by n/2 + 5.5 roundings, their difference by one, the sum of squares by n + 1."""
    a = np.linspace(1, 2, n)[:, None]
    terms, bound, *_ = cosine_distance(a, 0 * a, -a, {}, OWN.u, OWN.tiny)
    too_large = 1 + (n / 2 + 6.5) * OWN.u
    loss = 2 * too_large**2 * (1 + (n + 1) * OWN.u)
    assert terms.item() == pytest.approx(2)
    assert loss - 2 <= bound.item()
