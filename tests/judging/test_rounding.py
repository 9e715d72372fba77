"""Unit roundoffs and γ_n, against fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from backproof.judging import rounding
from backproof.judging.batch import Batch, Sides
from backproof.judging.local import LocalSteps
from backproof.judging.rounding import lost_in_extended_sum, outward, precision
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
