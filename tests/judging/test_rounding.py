"""Unit roundoffs, γ_n and exact products, against fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backproof.judging import rounding
from backproof.judging.batch import Batch, Sides
from backproof.judging.local import LocalSteps
from backproof.judging.rounding import lost_in_extended_sum, outward, precision, product
from refimpl import DTYPES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

BITS = {"float32": 24, "float64": 53}
OUTWARD = 1 + Fraction(1, 2**40)


def test_the_precisions_are_those_of_ieee_754() -> None:
    single, double = precision("float32"), precision("float64")
    assert (single.u, single.tiny, single.largest) == (2**-24, 2.0**-126, (2 - 2**-23) * 2.0**127)
    assert (double.u, double.tiny, double.largest) == (2**-53, 2.0**-1022, (2 - 2**-52) * 2.0**1023)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 100, 65_537, 2**22])
def test_gamma_is_nu_over_one_minus_nu(n: int, dtype: str) -> None:
    nu = n * Fraction(1, 2 ** BITS[dtype])
    exact, gamma = nu / (1 - nu), Fraction(precision(dtype).gamma(n))
    assert exact / OUTWARD <= gamma <= exact * OUTWARD


def test_gamma_is_infinite_from_nu_of_one_on() -> None:
    single = precision("float32")
    assert math.isfinite(single.gamma(2**24 - 1))
    assert single.gamma(2**24) == single.gamma(2**30) == math.inf


def test_outward_enlarges_and_leaves_zero_infinity_and_nan_as_they_are() -> None:
    errors = outward(np.array([1e-300, 1.0, 1e300]))
    assert (errors > [1e-300, 1.0, 1e300]).all()
    assert outward(0.0) == 0.0
    assert outward(math.inf) == math.inf
    assert math.isnan(outward(math.nan))


def test_outward_covers_what_a_long_sum_of_bounds_loses() -> None:
    terms = np.random.Generator(np.random.Philox(1)).uniform(0, 1, 64)
    total = 0.0
    for term in terms:
        total += term
    assert Fraction(float(outward(total))) >= sum(map(Fraction, terms.tolist()))


def _exact_product(left: Any, right: Any) -> tuple[Any, Any]:
    """left @ right and |left| @ |right| as nested lists of fractions."""
    rows = [[Fraction(x) for x in row] for row in left.tolist()]
    columns = [[Fraction(x) for x in column] for column in right.T.tolist()]
    value = [[sum(a * b for a, b in zip(r, c, strict=True)) for c in columns] for r in rows]
    size = [[sum(abs(a * b) for a, b in zip(r, c, strict=True)) for c in columns] for r in rows]
    return value, size


def _matrices(kind: str, dtype: str) -> tuple[Any, Any]:
    rng = np.random.Generator(np.random.Philox(3))
    left, right = rng.standard_normal((5, 9)), rng.standard_normal((9, 4))
    if kind == "mixed magnitudes":
        left = left * 2.0 ** rng.integers(-30, 30, left.shape)
    if kind == "cancelling":  # the second half takes away what the first half adds, but for some last bits
        left[:, 4:8] = -left[:, :4] * (1 + 2.0 ** -rng.integers(18, 50, (5, 4)))
        right[4:8] = right[:4]
        left[:, 8] = 0
    if kind == "sparse":
        left = left * (rng.uniform(0, 1, left.shape) < 0.2)
    return left.astype(dtype).astype(np.float64), right.astype(dtype).astype(np.float64)


KINDS = ("ordinary", "mixed magnitudes", "cancelling", "sparse")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_product_is_exact_within_the_error_it_states(kind: str, dtype: str) -> None:
    left, right = _matrices(kind, dtype)
    value, magnitude, error = product(left, right, np.dtype(dtype))
    exact, size = _exact_product(left, right)
    for i, j in np.ndindex(5, 4):
        assert abs(Fraction(value[i, j]) - exact[i][j]) <= Fraction(error[i, j])
        assert abs(Fraction(magnitude[i, j]) - size[i][j]) <= size[i][j] / 2**48


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_error_of_a_product_is_far_below_the_bound_of_the_step_it_belongs_to(dtype: str) -> None:
    """The bound of F2 or B1 is γ_n Σ|x y|. What the expected value adds to it must not blur it."""
    left, right = _matrices("cancelling", dtype)
    _, magnitude, error = product(left, right, np.dtype(dtype))
    if dtype == "float64" and np.finfo(np.longdouble).eps > 2.0**-60:
        pytest.skip("this platform has no extended precision")
    assert (error <= precision(dtype).gamma(9) * magnitude / 50).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_stack_of_matrices_is_multiplied_one_by_one(dtype: str) -> None:
    left, right = _matrices("ordinary", dtype)
    stacked = product(left, np.stack([right, 2 * right]), np.dtype(dtype))
    for together, alone in zip(stacked, product(left, right, np.dtype(dtype)), strict=True):
        np.testing.assert_array_equal(together[0], alone)
        np.testing.assert_array_equal(together[1], 2 * alone)


def test_a_float64_product_keeps_a_one_beside_two_to_the_53rd() -> None:
    if np.finfo(np.longdouble).eps > 2.0**-60:
        pytest.skip("this platform has no extended precision")
    left, right = np.array([[2.0**53, 1.0, -(2.0**53)]]), np.ones((3, 1))
    assert product(left, right, np.dtype("float64"))[0] == 1.0


def test_what_an_extended_sum_loses_depends_on_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where long double is float64, the expected db errs as much as the answer that is held against it."""
    assert lost_in_extended_sum(7) == 7 * np.finfo(np.longdouble).eps
    monkeypatch.setattr(rounding, "_EXTENDED", np.float64)
    assert lost_in_extended_sum(7) >= precision("float64").gamma(7)
    layer = Layer(np.ones((1, 1)), np.zeros((1, 1)), ActivationSpec("identity"))
    case = Case(Network((layer,), LossSpec("half_squared_error", "sum")), np.ones((1, 9)), np.zeros((1, 9)))
    sides = Sides(Batch([case]), {"reference": [Backprop().run(case)]})
    (block,) = (b for b in LocalSteps(sides, Backprop(), {"reference": [{}]}).blocks() if b.quantity == "db")
    assert block.bound.item() >= 2 * 9 * precision("float64").gamma(9)
