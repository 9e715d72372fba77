"""Losses that mix the outputs of a sample, worked by hand: plain numbers, limits and what overflows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refimpl import DTYPES, LOSSES

LOG_2, LOG_3 = math.log(2), math.log(3)
IN_BOTH_DTYPES = pytest.mark.parametrize("dtype", DTYPES)
COSINE, MARGIN, POLY = (LOSSES[name] for name in ("cosine_distance", "multi_margin", "poly_loss"))


# ---------------------------------------------------------------- cosine distance


@IN_BOTH_DTYPES
def test_without_a_direction_a_distance_is_1_and_its_gradient_0(dtype: str) -> None:
    # No prediction, no target, neither; and beside them one of 3-4-5 against (1, 0): 1 - 3/5, and
    # (3/5 (3/5, 4/5) - (1, 0))/5.
    A = np.array([[0, 3, 0, 3], [0, 4, 0, 4]], dtype)
    Y = np.array([[3, 0, 0, 1], [4, 0, 0, 0]], dtype)
    eps = float(np.finfo(dtype).eps)
    assert np.ravel(COSINE.terms(A, Y)) == pytest.approx([1, 1, 1, 0.4], rel=4 * eps, abs=0)
    gradient = COSINE.gradient(A, Y)
    assert gradient[:, :3].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert gradient[:, 3] == pytest.approx([-0.128, 0.096], rel=8 * eps, abs=0)


@IN_BOTH_DTYPES
def test_the_lengths_of_other_samples_do_not_matter_to_a_distance(dtype: str) -> None:
    # 3-4-5 against (1, 0) at three lengths whose squares are not representable together, or at all.
    scales = np.array([2.0**-100, 1, 2.0**100], dtype)
    A, Y = np.array([[3], [4]], dtype) * scales, np.array([[1], [0]], dtype) * scales[::-1]
    eps = float(np.finfo(dtype).eps)
    assert np.ravel(COSINE.terms(A, Y)) == pytest.approx([0.4] * 3, rel=4 * eps, abs=0)
    assert COSINE.gradient(A, Y) * scales == pytest.approx(
        np.array([[-0.128], [0.096]]) * np.ones(3), rel=8 * eps, abs=0
    )


@IN_BOTH_DTYPES
def test_the_gradient_of_a_distance_is_infinite_where_it_overflows(dtype: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    A, Y = np.array([[tiny], [0]], dtype), np.array([[0], [1]], dtype)
    assert COSINE.terms(A, Y).tolist() == [[1]]
    assert COSINE.gradient(A, Y).tolist() == [[0], [-math.inf]]  # (0, -1)/|A|


@IN_BOTH_DTYPES
def test_of_a_distance_s_gradient_what_is_0_is_0_and_what_is_small_has_its_digits(dtype: str) -> None:
    # The prediction (8, 0) along an axis, with the target 3-4-5; three times the target, backwards; and
    # (c, 1) with the target (1, 0), which is nearly across: cos θ a - y = (c² - 1, c) for c = 2^-40.
    A = np.array([[8, -9, 2.0**-40], [0, -12, 1]], dtype)
    Y = np.array([[3, 3, 1], [4, 4, 0]], dtype)
    gradient = COSINE.gradient(A, Y)
    assert gradient[:, 1].tolist() == [0, 0]
    assert gradient[:, 0] == pytest.approx([0, -0.1], rel=4 * float(np.finfo(dtype).eps), abs=0)
    assert gradient[:, 2].tolist() == [-1, 2.0**-40]


@IN_BOTH_DTYPES
def test_a_small_distance_has_its_digits(dtype: str) -> None:
    # (1, t) against (1, 0): 1 - 1/√(1 + t²) = t²/2 - 3t⁴/8 + … for t = 2^-20.
    t = 2.0**-20
    A, Y = np.array([[1], [t]], dtype), np.array([[1], [0]], dtype)
    exact = t**2 / 2 * (1 - 3 * t**2 / 4)
    assert COSINE.terms(A, Y).item() == pytest.approx(exact, rel=4 * float(np.finfo(dtype).eps), abs=0)


# ---------------------------------------------------------------- multi-class margin


def test_a_margin_counts_its_classs_weight_once_whatever_the_power() -> None:
    # The wrong class comes within 1/2 of the margin: 2 · ½ and 2 · ¼, with slopes 2 and 2 · 2 · ½.
    A, Y, weight = np.array([[0.5], [0.0]]), np.array([[1.0], [0.0]]), np.array([[2.0], [7.0]])
    assert MARGIN.terms(A, Y, p=1.0, margin=1.0, weight=weight).tolist() == [[0.0], [1.0]]
    assert MARGIN.terms(A, Y, p=2.0, margin=1.0, weight=weight).tolist() == [[0.0], [0.5]]
    assert MARGIN.gradient(A, Y, p=1.0, margin=1.0, weight=weight).tolist() == [[-2.0], [2.0]]
    assert MARGIN.gradient(A, Y, p=2.0, margin=1.0, weight=weight).tolist() == [[-2.0], [2.0]]


@IN_BOTH_DTYPES
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_what_overflows_is_infinite_and_counts_nothing_where_its_class_has_no_weight(
    dtype: str, p: float
) -> None:
    # The right class is 2M behind the wrong one, M the largest number. Of three samples, one counts.
    M = np.finfo(dtype).max
    A, Y = np.array([[-M, M, 0], [M, -M, 0]], dtype), np.array([[1, 0, 0], [0, 1, 1]], dtype)
    weight = np.array([[0], [1]], dtype)
    assert MARGIN.terms(A, Y, p=p, margin=1.0, weight=weight).tolist() == [[0, math.inf, 1], [0, 0, 0]]
    slope = math.inf if p == 2 else 1.0
    assert MARGIN.gradient(A, Y, p=p, margin=1.0, weight=weight).tolist() == [
        [0, slope, p],
        [0, -slope, -p],
    ]


@IN_BOTH_DTYPES
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_an_infinite_excess_counts_nothing_where_its_class_has_no_weight(dtype: str, p: float) -> None:
    # With a margin of M the wrong class is 3M ahead, of which a half is infinite, too.
    M = float(np.finfo(dtype).max)
    A, Y = np.array([[-M, M], [M, -M]], dtype), np.array([[1, 0], [0, 1]], dtype)
    weight = np.array([[0], [1]], dtype)
    assert MARGIN.terms(A, Y, p=p, margin=M, weight=weight).tolist() == [[0, math.inf], [0, 0]]
    slope = math.inf if p == 2 else 1.0
    assert MARGIN.gradient(A, Y, p=p, margin=M, weight=weight).tolist() == [[0, slope], [0, -slope]]


@IN_BOTH_DTYPES
def test_a_mean_over_classes_is_finite_where_a_sum_or_a_term_is_not(dtype: str) -> None:
    # Of two classes: 2M/2 with slopes ½, where M is the largest number; (2^k)²/2, the half of what is beyond
    # it; and slopes of 2 · 2^(2k - 1)/2.
    info = np.finfo(dtype)
    M, k, Y = info.max, info.maxexp // 2, np.array([[1], [0]], dtype)
    half = 2.0 ** (2 * k - 1)
    A = np.array([[-M], [M]], dtype)
    assert MARGIN.reduced(A, Y, "sum", p=1.0, margin=1.0) == M
    assert MARGIN.reduced_gradient(A, Y, "sum", p=1.0, margin=1.0).tolist() == [[-0.5], [0.5]]
    A = np.array([[0], [2.0**k]], dtype)
    assert MARGIN.reduced(A, Y, "sum", p=2.0, margin=0.0) == half
    A = np.array([[0], [half]], dtype)
    assert MARGIN.reduced_gradient(A, Y, "sum", p=2.0, margin=0.0).tolist() == [[-half], [half]]


@IN_BOTH_DTYPES
def test_a_mean_over_samples_is_finite_where_the_sum_is_not(dtype: str) -> None:
    M = np.finfo(dtype).max
    A, Y = np.array([[M, M / 2]], dtype), np.zeros((1, 2), dtype)
    assert LOSSES["l1"].reduced(A, Y, "mean") == 0.75 * M
    assert LOSSES["l1"].reduced(A, Y, "sum") == math.inf
    assert type(LOSSES["l1"].reduced(A, Y, "mean")) is np.dtype(dtype).type


# ---------------------------------------------------------------- softmax cross-entropies


def test_poly_of_a_class_worked_in_fractions() -> None:
    # softmax(log 3, 0) = (¾, ¼). Class 1: log 4/3 + 2 · ¼, and p - y - 2 p (y - ¾) = (-¼ - 3/8, ¼ + 3/8).
    Z, Y = np.array([[LOG_3], [0.0]]), np.array([[1.0], [0.0]])
    assert POLY.terms(Z, Y, epsilon=2.0).tolist() == [[pytest.approx(math.log(4 / 3) + 0.5, rel=1e-15)], [0]]
    assert np.ravel(POLY.gradient(Z, Y, epsilon=2.0)) == pytest.approx([-0.625, 0.625], rel=1e-15)


@IN_BOTH_DTYPES
def test_a_class_that_does_not_occur_costs_nothing_however_far_below_the_others_it_is(dtype: str) -> None:
    # The second class is 2M below the first, M the largest number, or infinitely far.
    M = np.finfo(dtype).max
    Z, Y = np.array([[M, 0], [-M, -math.inf]], dtype), np.array([[1, 1], [0, 0]], dtype)
    assert POLY.terms(Z, Y, epsilon=2.0).tolist() == [[0, 0], [0, 0]]
    cross_entropy = LOSSES["cross_entropy_with_logits"]
    assert cross_entropy.terms(Z, Y, label_smoothing=0.0).tolist() == [[0, 0], [0, 0]]
    assert cross_entropy.gradient(Z, Y, label_smoothing=0.0).tolist() == [[0, 0], [0, 0]]


@IN_BOTH_DTYPES
def test_what_a_sure_class_costs_and_how_it_moves_has_its_digits(dtype: str) -> None:
    # Two of three logits are 40 below the third, which is right: each has p = e^-40, to all digits. So
    # -log(1 - 2p) = 2p and softmax - y = (-2p, p, p); ε = 2 adds 2 · 2p and -2 p_i (y_i - p_right).
    Z = np.array([[0, -40], [-40, -40], [-40, 0]], dtype)
    Y = np.array([[1, 0], [0, 0], [0, 1]], dtype)
    p, near = math.exp(-40), 8 * float(np.finfo(dtype).eps)
    costs = np.array([[2 * p, 0], [0, 0], [0, 2 * p]])
    slopes = np.array([[-2 * p, p], [p, p], [p, -2 * p]])
    cross_entropy = LOSSES["cross_entropy_with_logits"]
    assert cross_entropy.terms(Z, Y, label_smoothing=0.0) == pytest.approx(costs, rel=near, abs=0)
    assert cross_entropy.gradient(Z, Y, label_smoothing=0.0) == pytest.approx(slopes, rel=near, abs=0)
    assert POLY.terms(Z, Y, epsilon=2.0) == pytest.approx(3 * costs, rel=near, abs=0)
    assert POLY.gradient(Z, Y, epsilon=2.0) == pytest.approx(3 * slopes, rel=near, abs=0)


@IN_BOTH_DTYPES
def test_a_small_share_of_other_labels_is_not_lost_beside_that_of_a_sure_class(dtype: str) -> None:
    # p = (1, e^-40) and y = (1, q): p Σy - y is q - e^-40 for the first class, and minus that for the other.
    Z, Y = np.array([[0], [-40]], dtype), np.array([[1], [2.0**-56]], dtype)
    slope = 2.0**-56 - math.exp(-40)
    gradient = LOSSES["cross_entropy_with_logits"].gradient(Z, Y, label_smoothing=0.0)
    assert np.ravel(gradient) == pytest.approx([slope, -slope], rel=8 * float(np.finfo(dtype).eps), abs=0)


def test_of_two_classes_that_are_alike_neither_is_sure() -> None:
    Z, Y = np.zeros((2, 1)), np.array([[1.0], [0.0]])
    cross_entropy = LOSSES["cross_entropy_with_logits"]
    assert cross_entropy.gradient(Z, Y, label_smoothing=0.0).tolist() == [[-0.5], [0.5]]


def test_a_poly_loss_beyond_the_largest_number_is_finite_where_its_share_is() -> None:
    M = np.finfo("float64").max
    Z, Y = np.array([[M], [-M]]), np.array([[0.75], [0.25]])
    assert POLY.terms(Z, Y, epsilon=2.0).tolist() == [[0.0], [M / 2]]
