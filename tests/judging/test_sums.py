"""R6: sums of products in more precision than the case's, and what they may be off by, against fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backproof.judging.rounding import precision
from backproof.judging.sums import Sums, summed
from oracles.layout import Layout, Matrices
from refimpl import DTYPES

EXTENDED = np.finfo(np.longdouble).eps < 2.0**-60
"""Whether this platform has more precision than float64."""
ROWS, TERMS, COLUMNS = 5, 9, 4
BOTH = pytest.mark.parametrize("dtype", DTYPES)
TURNS = pytest.mark.parametrize(
    ("left_turned", "right_turned"), [(False, False), (True, False), (False, True), (True, True)]
)


def _matrices(kind: str, dtype: str, seed: int = 3) -> tuple[Any, Any]:
    rng = np.random.Generator(np.random.Philox(seed))
    left, right = rng.standard_normal((ROWS, TERMS)), rng.standard_normal((TERMS, COLUMNS))
    if kind == "mixed magnitudes":
        left = left * 2.0 ** rng.integers(-30, 30, left.shape)
    if kind == "cancelling":  # the second half takes away what the first half adds, but for some last bits
        left[:, 4:8] = -left[:, :4] * (1 + 2.0 ** -rng.integers(18, 50, (ROWS, 4)))
        right[4:8] = right[:4]
        left[:, 8] = 0
    if kind == "sparse":
        left = left * (rng.uniform(0, 1, left.shape) < 0.2)
    return left.astype(dtype).astype(np.float64), right.astype(dtype).astype(np.float64)


KINDS = ("ordinary", "mixed magnitudes", "cancelling", "sparse")


def _summed(
    pairs: list[tuple[Any, Any]], dtype: str, *, left_turned: bool = False, right_turned: bool = False
) -> list[Sums]:
    """The product of each pair, all asked for at once; what is to be turned is given turned."""
    lefts = [left.T if left_turned else left for left, _ in pairs]
    rights = [right.T if right_turned else right for _, right in pairs]
    layout = Layout([(left.shape[0], right.shape[1]) for left, right in pairs])
    given = (Matrices.of(lefts), Matrices.of(rights), layout, np.dtype(dtype))
    found = summed(*given, left_turned=left_turned, right_turned=right_turned)
    return [Sums(*parts) for parts in zip(*(layout.views(data) for data in found), strict=True)]


def _require_within_error(found: Sums, left: Any, right: Any) -> None:
    for i, j in np.ndindex(found.value.shape):
        terms = [Fraction(x) * Fraction(y) for x, y in zip(left[i], right[:, j], strict=True)]
        assert abs(Fraction(float(found.value[i, j])) - sum(terms)) <= Fraction(float(found.error[i, j]))
        size = sum(map(abs, terms))
        assert abs(Fraction(float(found.sizes[i, j])) - size) <= size / 2**48


@BOTH
@TURNS
@pytest.mark.parametrize("kind", KINDS)
def test_a_sum_is_exact_within_the_error_it_states(
    kind: str, dtype: str, *, left_turned: bool, right_turned: bool
) -> None:
    left, right = _matrices(kind, dtype)
    (found,) = _summed([(left, right)], dtype, left_turned=left_turned, right_turned=right_turned)
    _require_within_error(found, left, right)


@BOTH
@TURNS
def test_the_products_of_many_cases_are_those_of_each(
    dtype: str, *, left_turned: bool, right_turned: bool
) -> None:
    pairs = [_matrices(kind, dtype, seed) for seed, kind in enumerate(KINDS)]
    pairs = [(left[: 5 - k], right[:, : 1 + k]) for k, (left, right) in enumerate(pairs)]
    pairs[2] = (pairs[2][0][:, :6], pairs[2][1][:6])
    turns = {"left_turned": left_turned, "right_turned": right_turned}
    for pair, found in zip(pairs, _summed(pairs, dtype, **turns), strict=True):
        _require_within_error(found, *pair)
        (alone,) = _summed([pair], dtype, **turns)
        assert [part.tolist() for part in found] == [part.tolist() for part in alone]


@BOTH
@pytest.mark.parametrize("left_turned", [False, True])
def test_the_error_covers_every_order_of_summation(dtype: str, *, left_turned: bool) -> None:
    """1, then sixty numbers each of which is lost beside it, then -1: from left to right, all of them are.

    Beside it stands a case of one term: each counts its own.
    """
    u = 2.0**-53 if dtype == "float32" or not EXTENDED else 2.0**-64
    terms, one = np.array([[1.0, *[u] * 60, -1.0]]), np.ones((1, 1))
    ones = np.ones((62, 1))
    long, short = _summed([(terms, ones), (one, one)], dtype, left_turned=left_turned)
    assert Fraction(float(long.error[0, 0])) >= 60 * Fraction(u)
    assert Fraction(float(short.error[0, 0])) <= Fraction(2) ** -50


@BOTH
@TURNS
def test_the_error_of_a_sum_is_far_below_the_bound_of_the_step_it_belongs_to(
    dtype: str, *, left_turned: bool, right_turned: bool
) -> None:
    """The bound of F2 or B1 is γ_n Σ|x y|. What the expected value adds to it must not blur it."""
    if dtype == "float64" and not EXTENDED:
        pytest.skip("this platform has no extended precision")
    pair = _matrices("cancelling", dtype)
    (found,) = _summed([pair], dtype, left_turned=left_turned, right_turned=right_turned)
    assert (found.error <= precision(dtype).gamma(TERMS) * found.sizes / 50).all()


@BOTH
def test_the_answers_of_several_sides_are_multiplied_one_by_one(dtype: str) -> None:
    left, right = _matrices("ordinary", dtype)
    layout, sides = Layout([(ROWS, COLUMNS)]), np.stack([right.ravel(), 2 * right.ravel()])
    stacked = summed(Matrices.of([left]), Matrices(Layout([right.shape]), sides), layout, np.dtype(dtype))
    alone = summed(Matrices.of([left]), Matrices.of([right]), layout, np.dtype(dtype))
    for together, single in zip(stacked, alone, strict=True):
        np.testing.assert_array_equal(together[0], single)
        np.testing.assert_array_equal(together[1], 2 * single)


def test_a_float64_sum_keeps_a_one_beside_two_to_the_53rd() -> None:
    if not EXTENDED:
        pytest.skip("this platform has no extended precision")
    (found,) = _summed([(np.array([[2.0**53, 1.0, -(2.0**53)]]), np.ones((3, 1)))], "float64")
    assert found.value == 1.0
