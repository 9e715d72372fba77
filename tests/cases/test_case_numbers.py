"""Numbers made of integers: exactly numbers of their dtype, of the spread they promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from backproof.cases.numbers import SIGNIFICANDS, Numbers, power_above, powers_above, short_root
from backproof.cases.source import SeedSource
from refimpl import ACTIVATIONS, LOSSES
from refimpl.domains import Interval

PARAMETERS = [
    pytest.param(entry, parameter, id=f"{entry.name}-{parameter.name}")
    for table in (ACTIVATIONS, LOSSES)
    for entry in table.values()
    for parameter in entry.parameters
]


def _numbers(dtype: str, index: int = 0) -> Numbers:
    return Numbers(SeedSource(1, index), dtype)


@pytest.mark.parametrize("dtype", SIGNIFICANDS)
@pytest.mark.parametrize("scale", [1.0, 0.125, 15 / 16, 11.0, 13 * 2.0**-40])
def test_normal_numbers_need_no_rounding_to_their_dtype(dtype: str, scale: float) -> None:
    values = _numbers(dtype).normal(100, 100, scale)
    np.testing.assert_array_equal(values.astype(dtype).astype(np.float64), values)


@pytest.mark.parametrize(("dtype", "significand"), [("float32", 24), ("float64", 53)])
def test_normal_numbers_use_nearly_the_whole_significand(dtype: str, significand: int) -> None:
    values = _numbers(dtype).normal(100, 100, 13 / 16)
    fractions, _ = np.frexp(values)
    bits = np.array([int(abs(f) * 2**53) & -int(abs(f) * 2**53) for f in fractions.ravel() if f])
    needed = 53 - np.log2(bits.astype(np.float64))
    assert significand - 4 <= np.median(needed) <= significand


@pytest.mark.parametrize("dtype", SIGNIFICANDS)
def test_normal_numbers_have_about_the_standard_deviation_asked_for(dtype: str) -> None:
    values = _numbers(dtype).normal(200, 200, 0.75) / 0.75
    assert abs(values.mean()) < 0.02
    # Uniform numbers of [-1, 1) have variance 1/3 and fourth moment 1/5. For v = 3/2 u + u':
    # the variance is (9/4 + 1)/3, the fourth moment (81/16 + 1)/5 + 6 · 9/4 · 1/9.
    assert np.mean(values**2) == pytest.approx(13 / 12, rel=0.02)
    assert np.mean(values**4) == pytest.approx(97 / 80 + 3 / 2, rel=0.04)
    assert 2.3 < np.abs(values).max() <= 2.5


@pytest.mark.parametrize("dtype", SIGNIFICANDS)
def test_uniform_numbers_fill_their_interval_and_need_no_rounding(dtype: str) -> None:
    values = _numbers(dtype).uniform(200, 200, 0.25)
    np.testing.assert_array_equal(values.astype(dtype).astype(np.float64), values)
    quarters, _ = np.histogram(values, [-0.25, -0.125, 0.0, 0.125, 0.25])
    assert quarters.tolist() == pytest.approx([10_000] * 4, abs=400)
    assert quarters.sum() == values.size


def test_small_integers_are_uniform_in_both_signs() -> None:
    values, counts = np.unique(_numbers("float32").small_integers(100, 100, 2), return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert counts.tolist() == pytest.approx([2000] * 5, abs=200)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 1000])
def test_a_mask_is_true_where_the_last_of_n_numbers_is_drawn(n: int) -> None:
    mask = _numbers("float32").mask(100, 100, n)
    assert mask.ravel().tolist() == (_numbers("float32").below(10_000, n) == n - 1).tolist()


class _Words(SeedSource):
    """Gives some words again and again."""

    def __init__(self, *words: int) -> None:
        super().__init__(0, 0)
        self.given = np.array(words, dtype=np.uint64)

    def words(self, count: int) -> Any:
        assert count == len(self.given)
        return self.given


@pytest.mark.parametrize(("n", "least"), [(1, 0), (2, 2**31), (3, 2863311531), (8, 7 * 2**29)])
def test_a_mask_begins_at_the_least_word_that_gives_the_last_of_n(n: int, least: int) -> None:
    # 2863311531 is 2/3 of 2^32 rounded up.
    words = [least << 32, (least + 1) << 32] + ([(least << 32) - 1] if least else [])
    numbers = Numbers(_Words(*words), "float32")
    assert numbers.mask(1, len(words), n).tolist() == [[True, True, False][: len(words)]]


def test_powers_above_are_those_of_each_number_by_itself() -> None:
    magnitudes = np.array([[0.0], [8.0], [7.99], [1 / 3], [2.0**-30], [2.0**200]])
    alone = [power_above(row) or 0 for row in magnitudes]
    assert powers_above(magnitudes).ravel().tolist() == alone


@pytest.mark.parametrize("dtype", SIGNIFICANDS)
def test_learning_rates_are_numbers_of_the_dtype_between_a_thousandth_and_1(dtype: str) -> None:
    rates = [_numbers(dtype, index).learning_rate() for index in range(500)]
    assert all(2.0**-10 <= rate < 1 and float(np.dtype(dtype).type(rate)) == rate for rate in rates)
    short = sum((rate * 2**13).is_integer() for rate in rates)
    assert 200 < short < 300


@pytest.mark.parametrize("inputs", [1, 2, 3, 17, 64])
@pytest.mark.parametrize("outputs", [1, 5, 64])
def test_initial_scales_are_within_an_eighth_of_he_xavier_and_1(inputs: int, outputs: int) -> None:
    published = [math.sqrt(2 / inputs), math.sqrt(2 / (inputs + outputs)), 1.0]
    scales = {_numbers("float32", index).initial_scale(inputs, outputs) for index in range(50)}
    for scale in scales:
        assert min(abs(scale - exact) / exact for exact in published) < 1 / 8
        assert (math.frexp(scale)[0] * 16).is_integer()
    for exact in published:
        assert min(abs(scale - exact) / exact for scale in scales) < 1 / 8


def test_roots_are_rounded_down_to_four_bits() -> None:
    # √2 = 1.0110…₂ and √(1/3) = 0.1001001…₂
    assert short_root(2, 1) == 0b1011 / 8
    assert short_root(1, 3) == 0b1001 / 16
    assert short_root(4, 1) == 2
    assert short_root(1, 64) == 1 / 8


@pytest.mark.parametrize(
    ("interval", "ends"),
    [
        (Interval(0.0, 1.0), (0.0, 1.0)),
        (Interval(0.0, 1.0, low_inside=False, high_inside=False), (1 / 16, 15 / 16)),
        (Interval(-0.3, 0.3), (-0.28125, 0.28125)),
        (Interval(0.125, 4.0), (0.125, 4.0)),
        (Interval(2.0, 2.0), (2.0, 2.0)),
    ],
)
def test_parameters_reach_both_ends_of_their_interval_but_not_beyond(
    interval: Interval, ends: tuple[float, float]
) -> None:
    drawn = [_numbers("float32", index).within(interval) for index in range(500)]
    assert interval.contains(drawn)
    assert (min(drawn), max(drawn)) == ends


@pytest.mark.parametrize(("entry", "parameter"), PARAMETERS)
def test_every_parameter_of_the_tables_can_be_drawn_within_its_domain(entry, parameter) -> None:
    drawn = [_numbers("float32", index).within(parameter.drawn) for index in range(100)]
    assert parameter.drawn.contains(drawn)
    assert parameter.domain.contains(drawn)
    assert all(float(np.float32(value)) == value for value in drawn)
    values = getattr(parameter.drawn, "values", None)
    assert set(drawn) == set(values) if values else len(set(drawn)) > 4


def test_the_power_above_changes_where_no_simple_number_lies() -> None:
    assert power_above(np.array([[0.0]])) is None
    assert power_above(np.array([[-8.0, 1.0]])) == 4
    assert power_above(np.array([[8.0 * (1 - 2.0**-52)]])) == 4
    assert power_above(np.array([[7.99]])) == 3
    assert power_above(np.array([[1 / 3]])) == -1
