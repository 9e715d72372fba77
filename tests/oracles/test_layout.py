"""Matrices of many cases end to end: which numbers are whose, against values written out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from oracles.layout import Layout, Matrices, turned

LAYOUT = Layout([(2, 3), (1, 2), (2, 1), (2, 2)])
DATA = np.arange(14.0)
"""[[0 1 2] [3 4 5]], [[6 7]], [[8] [9]], [[10 11] [12 13]]."""
TWICE = np.stack([DATA, -DATA])


def test_data_are_the_matrices_row_by_row_and_case_by_case() -> None:
    assert (LAYOUT.sizes.tolist(), LAYOUT.starts.tolist()) == ([6, 2, 2, 4], [0, 6, 8, 10])
    assert (LAYOUT.total, len(LAYOUT)) == (14, 4)
    views = LAYOUT.views(DATA)
    assert [view.tolist() for view in views] == [
        [[0, 1, 2], [3, 4, 5]], [[6, 7]], [[8], [9]], [[10, 11], [12, 13]]
    ]  # fmt: skip
    assert LAYOUT.flat(views).tolist() == DATA.tolist()
    assert LAYOUT.view(TWICE, 2).tolist() == [[[8], [9]], [[-8], [-9]]]
    assert Layout([]).flat([]).shape == (0,)


def test_the_first_cases_have_the_beginning_of_the_data() -> None:
    first = LAYOUT.first(2)
    assert (first.shapes, first.total) == (((2, 3), (1, 2)), 8)
    assert LAYOUT.first(4) is LAYOUT
    assert LAYOUT.first(2) is first


def test_a_part_has_the_shapes_of_its_cases_in_their_order() -> None:
    part = LAYOUT.part([3, 1])
    assert (part.shapes, part.starts.tolist(), part.total) == (((2, 2), (1, 2)), [0, 4], 6)
    assert LAYOUT.part(range(4)) is LAYOUT.part([0, 1, 2, 3]) is LAYOUT
    assert LAYOUT.part([1, 0, 2, 3]).shapes == ((1, 2), (2, 3), (2, 1), (2, 2))


def test_turned_matrices_keep_their_leading_axes() -> None:
    first, *_ = turned(LAYOUT.views(TWICE))
    assert first.tolist() == [[[0, 3], [1, 4], [2, 5]], [[0, -3], [-1, -4], [-2, -5]]]


@pytest.mark.parametrize(
    ("cases", "places"),
    [
        ([0, 1, 2, 3], [*range(14)]),
        ([2], [8, 9]),
        ([0, 1], [*range(8)]),
        ([1, 3], [6, 7, 10, 11, 12, 13]),
        ([3, 0, 1], [10, 11, 12, 13, 0, 1, 2, 3, 4, 5, 6, 7]),
        ([1, 0, 2, 3], [6, 7, 0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]),
    ],
    ids=str,
)
def test_the_entries_of_some_cases_come_in_the_order_of_those(cases: list[int], places: list[int]) -> None:
    at = LAYOUT.entries(cases)
    assert TWICE[:, at].tolist() == [places, [-place for place in places]]
    written = np.zeros(14)
    written[at] = 1 + np.arange(len(places))
    assert {place: written[place] for place in places} == {p: 1 + k for k, p in enumerate(places)}
    assert np.count_nonzero(written) == len(places)


@pytest.mark.parametrize(
    ("cases", "places"),
    [
        ([0], [[0, 1, 2], [3, 4, 5]]),
        ([2], [[8], [9]]),
        ([0, 3], [[0, 1, 2, 10, 11], [3, 4, 5, 12, 13]]),
        ([3, 2, 0], [[10, 11, 8, 0, 1, 2], [12, 13, 9, 3, 4, 5]]),
    ],
    ids=str,
)
def test_the_columns_of_some_cases_stand_side_by_side(cases: list[int], places: list[list[int]]) -> None:
    at = LAYOUT.columns_at(cases)
    assert at.tolist() == places
    assert TWICE[:, at].shape == (2, 2, len(places[0]))


def test_numbers_of_rows_are_repeated_along_them_and_rows_are_summed() -> None:
    assert LAYOUT.row_lengths.tolist() == [3, 3, 2, 1, 1, 2, 2]
    assert LAYOUT.row_starts.tolist() == [0, 3, 6, 8, 9, 10, 12]
    bias = np.arange(7.0)
    assert LAYOUT.columns(bias).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 5, 6, 6]
    sums = [3, 12, 13, 8, 9, 21, 25]
    assert LAYOUT.row_sums(TWICE).tolist() == [sums, [-s for s in sums]]


def test_numbers_of_cases_are_repeated_for_their_entries_and_cases_are_summed() -> None:
    assert LAYOUT.each([5, 6, 7, 8]).tolist() == [5] * 6 + [6] * 2 + [7] * 2 + [8] * 4
    assert LAYOUT.sums(TWICE).tolist() == [[15, 13, 17, 46], [-15, -13, -17, -46]]
    assert LAYOUT.largest(TWICE).tolist() == [[5, 7, 9, 13], [0, -6, -8, -10]]


def test_products_are_those_of_each_case_in_the_dtype_that_is_asked_for() -> None:
    left = [np.array([[1.0, 2.0]]), np.array([[1.0], [3.0]])]
    right = [np.array([[3.0], [4.0]]), np.array([[5.0, 7.0]])]
    layout = Layout([(1, 1), (2, 2)])
    assert layout.products(left, right, ()).tolist() == [11, 5, 7, 15, 21]
    stacked = [np.stack([each, 2 * each]) for each in right]
    assert layout.products(left, stacked, (2,)).tolist() == [[11, 5, 7, 15, 21], [22, 10, 14, 30, 42]]
    assert layout.products(left, right, (), np.longdouble).dtype == np.longdouble


# ---------------------------------------------------------------- matrices


def _lists(views: Any) -> list[Any]:
    return [view.tolist() for view in views]


def test_matrices_are_a_sequence_of_their_views() -> None:
    matrices = Matrices(LAYOUT, TWICE)
    assert len(matrices) == 4
    assert matrices[1].tolist() == [[[6, 7]], [[-6, -7]]]
    assert _lists(matrices[2:]) == _lists(LAYOUT.views(TWICE)[2:])
    assert _lists(matrices) == _lists(LAYOUT.views(TWICE))


def test_matrices_are_transposed_one_by_one_under_leading_axes() -> None:
    assert _lists(Matrices(LAYOUT, DATA).turned) == [
        [[0, 3], [1, 4], [2, 5]], [[6], [7]], [[8, 9]], [[10, 12], [11, 13]]
    ]  # fmt: skip
    assert Matrices(LAYOUT, TWICE).turned[2].tolist() == [[[8, 9]], [[-8, -9]]]


def test_matrices_know_their_rows_columns_magnitudes_and_squares() -> None:
    matrices = Matrices(LAYOUT, -DATA)
    assert (matrices.rows.tolist(), matrices.columns.tolist()) == ([2, 1, 2, 2], [3, 2, 1, 2])
    assert matrices.magnitudes.data.tolist() == DATA.tolist()
    assert matrices.squares.data.tolist() == [k * k for k in range(14)]
    assert matrices.magnitudes.layout is matrices.squares.layout is LAYOUT


def test_matrices_are_made_of_single_ones_or_are_there_already() -> None:
    made = Matrices.of([np.array([[1, 2, 3]], np.float32), np.array([[4], [5]], np.float32)])
    assert (made.layout.shapes, made.data.tolist(), made.data.dtype) == (
        ((1, 3), (2, 1)), [1, 2, 3, 4, 5], np.float64
    )  # fmt: skip
    assert Matrices.of(made) is made
