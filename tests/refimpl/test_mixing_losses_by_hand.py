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
