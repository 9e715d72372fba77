"""Targets: always in their loss's domain, and labels of every kind that people use."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backproof.cases.numbers import SIGNIFICANDS, Array, Numbers
from backproof.cases.source import SeedSource
from backproof.cases.targets import (
    Predictions,
    draw_classes,
    draw_labels,
    draw_targets,
    in_domain,
    one_hot,
    takes_labels,
)
from refimpl import LOSSES
from refimpl.domains import NON_NEGATIVE, UNIT, Interval

INTERVALS = [
    Interval(low, high, low_inside, high_inside)
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.0, math.inf), (-math.inf, 0.0))
    for low_inside in ([True, False] if math.isfinite(low) else [False])
    for high_inside in ([True, False] if math.isfinite(high) else [False])
]


def _numbers(index: int, dtype: str = "float32") -> Numbers:
    return Numbers(SeedSource(2, index), dtype)


def _same_in(dtype: str, values: Array) -> bool:
    return bool(np.all(values.astype(dtype).astype(np.float64) == values))


@pytest.mark.parametrize("dtype", SIGNIFICANDS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_targets_lie_in_the_domain_of_their_loss(loss, dtype: str) -> None:
    for index in range(100):
        numbers = _numbers(index, dtype)
        A = numbers.normal(1 + index % 5, 4)
        Y = draw_targets(numbers, loss, Predictions.of(A))
        assert Y.shape == A.shape
        assert loss.target_domain.contains(Y)
        assert _same_in(dtype, Y)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_labels_do_not_ask_for_the_predictions_and_numbers_do(loss) -> None:
    asked = []

    def predict() -> Array:
        asked.append(loss.name)
        return np.ones((2, 3))

    draw_targets(_numbers(0), loss, Predictions((2, 3), predict))
    assert asked == ([] if takes_labels(loss) else [loss.name])


@pytest.mark.parametrize("domain", INTERVALS, ids=str)
def test_targets_keep_out_of_the_ends_that_a_domain_excludes(domain: Interval) -> None:
    for index in range(60):
        numbers = _numbers(index)
        if math.isfinite(domain.low) and math.isfinite(domain.high):
            Y = draw_labels(numbers, domain, 3, 8)
        else:
            Y = in_domain(domain, np.where(numbers.mask(3, 8, 2), numbers.normal(3, 8), 0.0))
        assert domain.contains(Y)


def test_real_targets_are_of_the_size_of_the_predictions() -> None:
    for power in (-20, 0, 20):
        predictions = Predictions.of(np.full((8, 8), 2.0**power))
        Y = draw_targets(_numbers(power + 20), LOSSES["mse"], predictions)
        assert 0.25 < np.std(Y) / 2.0**power < 4


def test_real_targets_of_predictions_that_are_all_zero_are_not() -> None:
    assert np.all(draw_targets(_numbers(0), LOSSES["mse"], Predictions.of(np.zeros((2, 2)))) != 0)


def test_one_hot_columns_have_a_single_1_in_every_row_some_time() -> None:
    Y = one_hot(_numbers(0), 5, 200)
    np.testing.assert_array_equal(np.sum(Y == 1, axis=0), 1)
    np.testing.assert_array_equal(np.sum(Y == 0, axis=0), 4)
    assert np.all(np.sum(Y, axis=1) > 0)


@pytest.mark.parametrize("dtype", SIGNIFICANDS)
def test_classes_are_one_hot_or_sum_to_exactly_1_or_do_neither(dtype: str) -> None:
    kinds = {"one-hot": 0, "soft": 0, "weights": 0}
    for index in range(300):
        Y = draw_classes(_numbers(index, dtype), NON_NEGATIVE, 4, 3).astype(dtype)
        sums = Y.sum(axis=0, dtype=dtype)
        if np.all((Y == 0) | (Y == 1)):
            kinds["one-hot"] += 1
        else:
            kinds["soft" if np.all(sums == 1) else "weights"] += 1
        assert np.all(Y >= 0)
    assert kinds["one-hot"] == pytest.approx(150, abs=30)
    assert kinds["soft"] == pytest.approx(100, abs=30)
    assert kinds["weights"] == pytest.approx(50, abs=25)


def test_labels_are_hard_or_soft_or_mixed() -> None:
    kinds = set()
    for index in range(100):
        Y = draw_labels(_numbers(index), Interval(0.0, 1.0), 6, 6)
        kinds.add((bool(np.any((Y == 0) | (Y == 1))), bool(np.any((Y > 0) & (Y < 1)))))
    assert kinds == {(True, False), (False, True), (True, True)}


def test_classes_are_weighed_by_no_more_than_the_domain_has() -> None:
    largest = {
        domain: max(draw_classes(_numbers(index), domain, 4, 3).max() for index in range(100))
        for domain in (UNIT, NON_NEGATIVE)
    }
    assert largest[UNIT] == 1
    assert largest[NON_NEGATIVE] > 1
