"""Errors are in ulps of the exact result, and what is no matter of ulps is of a class of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.atlas.errors import Class, errors_of, regions_of
from backproof.atlas.exact import Exact

F32, F64 = np.dtype("float32"), np.dtype("float64")


def _one(answer, exact, dtype=F32, at=(-2.0, -1.0, 3.0), low=None) -> Any:
    """The errors of one answer in the middle, for a constant function."""
    answers, rights = np.array([[exact, answer, exact]]), np.full((1, 3), exact)
    found = errors_of(answers, Exact(rights if low is None else low, rights), np.array(at), dtype)
    return found.ulps[0, 1], found.scaled[0, 1], Class(found.classes[0, 1])


@pytest.mark.parametrize(
    ("answer", "exact", "dtype", "ulps", "scaled"),
    [
        (1.0, 1.0, F32, 0, 0),
        (1 + 2.0**-23, 1.0, F32, 1, 1),
        (1 + 2.0**-52, 1.0, F64, 1, 1),
        (1 - 2.0**-24, 1.0, F32, 0.5, 0.5),  # the ulp is that of the exact result
        (1.0, 1 + 2.0**-30, F32, 2.0**-7, 2.0**-7),
        (2.0**-10 * (1 + 50 * 2.0**-23), 2.0**-10, F32, 50, 50 * 2.0**-10),
        (1000.0, 1000.0 + 2.0**-14, F32, 1, 1),  # beyond 1 the two measures are one
        (3 * 2.0**-149, 2.0**-149, F32, 2, 2.0**-125),  # between subnormal numbers
        (5e-324, 0.0, F64, 1, 2.0**-1022),
        (float(np.finfo(F32).max), np.inf, F32, 1, 1),  # infinity stands for the next one beyond the largest
        (np.inf, float(np.finfo(F64).max), F64, 1, 1),
        (np.inf, np.inf, F64, 0, 0),
        (np.inf, 1e39, F32, 0, 0),  # beyond the largest float32
    ],
)
def test_ulps(answer, exact, dtype, ulps, scaled):
    assert _one(answer, exact, dtype) == (ulps, scaled, Class.ACCURATE)


@pytest.mark.parametrize(
    ("answer", "exact", "kind"),
    [
        (1 + 101 * 2.0**-23, 1.0, Class.INACCURATE),
        (1 + 100 * 2.0**-23, 1.0, Class.ACCURATE),
        (np.nan, 1.0, Class.NON_FINITE),
        (np.inf, 1.0, Class.NON_FINITE),
        (-np.inf, np.inf, Class.NON_FINITE),
        (np.nan, np.inf, Class.NON_FINITE),
        (1.0, np.inf, Class.INACCURATE),
        (1.0, np.nan, Class.UNDEFINED),
        (np.inf, np.nan, Class.UNDEFINED),
        (0.0, 1e-40, Class.FLUSHED),
        (0.0, 1e-37, Class.INACCURATE),
        (1e-40, 1.1e-40, Class.UNDERFLOW),
        (1.2e-37, 1.25e-37, Class.UNDERFLOW),
        (1.2e-36, 1.25e-36, Class.INACCURATE),
        (-1.0, 1.0, Class.INACCURATE),
    ],
)
def test_classes(answer, exact, kind):
    assert _one(answer, exact)[2] is kind


def test_a_flushed_number_is_no_error_of_ulps():
    ulps, scaled, _ = _one(0.0, 1e-40)
    assert np.isnan([ulps, scaled]).all()


def test_an_answer_at_a_subnormal_argument_that_is_the_one_at_0_is_flushed():
    at, right = np.array([-1.0, 0.0, 1e-40]), np.array([[0.0, 0.0, 1.0]])
    assert errors_of(0 * right, Exact.only(right), at, F32).classes[0, 2] == Class.FLUSHED
    at[2] = 1e-37
    assert errors_of(0 * right, Exact.only(right), at, F32).classes[0, 2] == Class.INACCURATE


def test_between_the_sides_of_a_kink_anything_is_right():
    at, right = (-1.0, 0.0, 1.0), np.array([[0.0, 0.0, 0.0]])
    for answer, kind in ((0.0, 0), (0.5, 0), (1.0, 0), (1.001, Class.INACCURATE), (-0.001, Class.INACCURATE)):
        exact = Exact(right, np.array([[0.0, 1.0, 0.0]]))
        found = errors_of(np.array([[0.0, answer, 0.0]]), exact, np.array(at), F32)
        assert found.classes[0].tolist() == [0, kind, 0], answer


def test_next_to_a_zero_of_the_function_large_relative_errors_are_ill_conditioned():
    at = np.linspace(2, 4, 21)
    right = (at - 3 + 1e-9)[None]
    wrong = right + 2.0**-22
    kinds = errors_of(wrong, Exact.only(right), at, F32).classes[0]
    assert kinds[10] == Class.ILL_CONDITIONED
    assert set(kinds[[0, 20]]) == {Class.ACCURATE}
    wrong = right + 100 * 2.0**-22  # more than the argument could explain
    assert errors_of(wrong, Exact.only(right), at, F32).classes[0, 10] == Class.INACCURATE


def test_an_exponential_may_err_by_what_its_argument_brings():
    at = np.linspace(-60.0, -10.0, 50)
    right = np.exp(at)[None]
    kinds = errors_of(right * (1 + 300 * 2.0**-23), Exact.only(right), at, F32).classes[0]
    assert kinds[0] == Class.ILL_CONDITIONED
    assert kinds[-1] == Class.INACCURATE


def test_regions_are_runs_of_one_class_and_a_few_good_points_do_not_part_them():
    at = np.arange(1.0, 41.0)
    right = np.ones((1, 40))
    wrong = right.copy()
    wrong[0, [5, 6, 9, 20]] = 1 + 2.0**-10
    wrong[0, 6] = 1.5
    wrong[0, 30:33] = np.nan
    found = list(regions_of(errors_of(wrong, Exact.only(right), at, F32), at))
    assert [(r.kind, r.first, r.last, r.points, r.worst) for r in found] == [
        (Class.INACCURATE, 5, 9, 3, (0, 6)),
        (Class.INACCURATE, 20, 20, 1, (0, 20)),
        (Class.NON_FINITE, 30, 32, 3, (0, 30)),
    ]


def test_of_a_column_the_worst_entry_counts():
    right = np.ones((3, 5))
    wrong = right.copy()
    wrong[1, 2], wrong[2, 2] = 1.5, np.nan
    at = np.arange(5.0)
    (region,) = regions_of(errors_of(wrong, Exact.only(right), at, F32), at)
    assert (region.kind, region.worst) == (Class.NON_FINITE, (2, 2))


def test_of_what_is_not_finite_the_most_ordinary_argument_is_told():
    at, right = np.array([-1e30, -50.0, -1e-30, 0.0]), np.ones((1, 4))
    (region,) = regions_of(errors_of(right * np.nan, Exact.only(right), at, F32), at)
    assert (region.points, region.worst) == (4, (0, 1))
