"""V1, V2, V4 and V8: how far softmax, softmin and log-softmax move, against exact values at every corner.

A component of softmax or of log-softmax rises with its own logit and falls with every other, so that the
extremes over a box of logits lie at its corners.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from exact_values import OF_COLUMNS, exact, precise, rounded
from flint import arb_series

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.activation_rules import (
    LOG_SOFTMAX,
    SOFTMAX,
    SOFTMIN,
    ActivationRule,
    log_softmax,
    log_softmax_spread,
    log_softmax_vjp_error,
    others_sum,
    softmax,
    softmax_spread,
    softmax_vjp_error,
)
from backproof.judging.error_facts import ACCURACY
from backproof.judging.levels import levels_of
from backproof.judging.nonlinear import activated
from backproof.judging.rounding import precision
from oracles import Oracle
from oracles.layout import Layout
from refimpl import ActivationSpec

TINY = np.finfo(np.float64).tiny
RULES = {"softmax": SOFTMAX, "softmin": SOFTMIN, "log_softmax": LOG_SOFTMAX}
EVERY_RULE = pytest.mark.parametrize("name", RULES)
# Equal, close, one far above, all far apart, one above by what E = 20 or 40 makes up for.
LOGITS = {
    "equal": [0.0, 0.0, 0.0],
    "close": [1.0, 0.5, -0.5],
    "one above": [19.0, 0.0, -1.0],
    "far apart": [30.0, 0.0, -30.0],
    "39 above": [39.0, 0.0, -1.0],
    "76 above": [76.0, 0.0, 0.5],
    "800 above": [800.0, 0.0, 1.0],
    "two": [3.0, 0.0],
    "alone": [5.0],
}
COLUMN = pytest.mark.parametrize("column", LOGITS)
ERRORS = pytest.mark.parametrize("E", [1e-12, 1e-6, 1e-3, 0.5, 4.0, 20.0, 40.0, 290.0, 450.0, 700.0])
PARTS = pytest.mark.parametrize("parts", [(1, 1, 1), (0, 1, 0.5), (1, 0.25, 1e-6)], ids=str)


def _column(name: str) -> Any:
    return np.array(LOGITS[name])[:, None]


@precise
def _at(spec: ActivationSpec, z: Any, dz: Any) -> Any:
    """σ(z + dz) in exact arithmetic: as floats, z + dz would not keep the digits of a small dz."""
    series = [arb_series([a + b], prec=1) for a, b in zip(exact(z).flat, exact(dz).flat, strict=True)]
    return np.array([[value[0]] for value in OF_COLUMNS[spec.name](series)], dtype=object)


@precise
def _seen_at_corners(name: str, z: Any, E: Any) -> Any:
    """max |σ(z + corner) - σ(z)| over the corners of the box |dz| ≤ E, in exact arithmetic."""
    spec = ActivationSpec(name)
    here = _at(spec, z, 0 * z)
    return np.max([rounded(abs(_at(spec, z, corner) - here)) for corner in _corners(E)], axis=0)


def _corners(E: Any) -> Any:
    return [np.array(signs)[:, None] * E for signs in itertools.product((-1.0, 1.0), repeat=len(E))]


def _own(rule: ActivationRule, y: Any) -> Any:
    """A float64 evaluation errs by more than this: what underflows in y may be missing in its spread."""
    return TINY + 2.0**-53 * (np.abs(y) if rule is not LOG_SOFTMAX else 1 + np.abs(y))


@EVERY_RULE
@COLUMN
@PARTS
@ERRORS
def test_the_spread_is_reached_and_not_exceeded(
    name: str, column: str, parts: tuple[float, ...], E: float
) -> None:
    z, rule = _column(column), RULES[name]
    box = E * np.array(parts)[: len(z), None]
    y = rule.centre(z)
    moved, bound = _seen_at_corners(name, z, box), rule.spread(y, box)
    assert (moved <= bound * (1 + 2.0**-40) + _own(rule, y)).all()
    if E < 300:  # beyond, what is easily seen takes its place: 1, or the errors added
        underflown = 4 * TINY * np.exp(2 * E)  # what underflowed in y is overrated
        assert (bound <= moved * (1 + 2.0**-40) + underflown).all()


@EVERY_RULE
@ERRORS
def test_the_precisions_are_bounded_one_by_one(name: str, E: float) -> None:
    rule, z = RULES[name], _column("close")
    both = np.stack([np.full_like(z, E), np.full_like(z, E / 8)])
    bound = rule.spread(rule.centre(z), both)
    for one, alone in zip(bound, both, strict=True):
        np.testing.assert_array_equal(one, rule.spread(rule.centre(z), alone))


@EVERY_RULE
def test_an_exact_argument_does_not_move_and_an_unknown_one_stays_unknown(name: str) -> None:
    rule, z = RULES[name], _column("close")
    y = rule.centre(z)
    assert not rule.spread(y, 0 * z).any()
    assert np.isnan(rule.spread(y, np.array([[np.nan], [1.0], [1.0]]))).all()


def test_the_sum_of_the_others_takes_no_difference() -> None:
    x = np.array([[1.0, 1e-30], [1e-30, 1.0], [2e-30, 2e-30]])
    expected = [[3e-30, 1 + 2e-30], [1 + 2e-30, 3e-30], [1 + 1e-30, 1 + 1e-30]]
    np.testing.assert_allclose(others_sum(x), expected, rtol=1e-15)
    np.testing.assert_array_equal(others_sum(np.ones((2, 1, 3))), np.zeros((2, 1, 3)))


# ---------------------------------------------------------------- own errors over the interval (V8)


@EVERY_RULE
@COLUMN
@pytest.mark.parametrize("E", [1e-3, 2.0, 15.0])
def test_the_own_error_is_that_of_the_farthest_point(name: str, column: str, E: float) -> None:
    """An evaluation at a corner errs by ACCURACY roundings of the scale there, on top of what σ moves by."""
    z, own, spec = _column(column), precision("float32"), ActivationSpec(name)
    levels = levels_of("float32")
    box = np.full((2, z.size), E)
    E_A = activated(levels, _no_oracle(), [spec], Layout([z.shape]), z.ravel(), box).E_A[0].reshape(z.shape)
    y, rule = RULES[name].centre(z), RULES[name]
    for corner in _corners(np.full_like(z, E)):
        there = z + corner
        scale = ACTIVATION_FACTS[name].value(there, rule.centre(there), {})
        reached = np.abs(rule.centre(there) - y) + ACCURACY * own.u * scale
        assert (reached <= E_A * (1 + 2.0**-40) + _own(rule, y)).all()


def _no_oracle() -> Oracle:
    """The rules ask nobody."""
    return None  # type: ignore[return-value]


# ---------------------------------------------------------------- vjps


@COLUMN
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("E", [1e-6, 1e-3, 0.5, 20.0])
def test_softmaxs_vjp_moves_by_no_more_than_v2_and_a_common_part_of_g_costs_nothing(
    column: str, offset: float, E: float
) -> None:
    z = _column(column)
    box, g = np.full_like(z, E), offset + np.cos(np.arange(float(len(z))))[:, None]
    y = softmax(z)
    E_y, E_g = softmax_spread(y, box), 1e-3 * E * np.ones_like(g)
    here = y * (g - np.sum(y * g))
    bound = softmax_vjp_error(y, E_y, g, E_g, 0.0, 0.0, 0.0)
    moved = np.zeros_like(z)
    for corner, dg in itertools.product(_corners(box), _corners(E_g)):
        there = softmax(z + corner)
        moved = np.maximum(moved, np.abs(there * (g + dg - np.sum(there * (g + dg))) - here))
    last_digits = 2.0**-49 * (np.abs(g).max() + 1)
    assert (moved <= bound + last_digits).all()
    if E < 0.1:
        assert bound.max() <= 8 * moved.max() + last_digits


def test_v2_counts_what_the_probabilities_lack_to_a_sum_of_1() -> None:
    """All of y may be too large by its own roundings together: then s is, by that part of itself."""
    own, g = precision("float32"), np.full((4, 1), 1e3)
    y = softmax(np.zeros((4, 1)))
    E_y = ACCURACY * own.u * y
    bound = softmax_vjp_error(y, E_y, g, 0 * g, own.u, 0.0, 0.0)
    larger = y + E_y
    moved = larger * (g - np.sum(larger * g))
    assert (np.abs(moved) <= bound).all()
    assert (bound <= 3 * np.abs(moved)).all()


@COLUMN
@pytest.mark.parametrize("E", [0.0, 1e-6, 1e-3, 0.5, 4.0, 500.0, 650.0])
def test_log_softmaxs_vjp_errs_by_no_more_than_v4(column: str, E: float) -> None:
    """p = e^y (1 + 8 u) at every y' within E of y."""
    own, y = precision("float32"), log_softmax(_column(column))
    g = np.ones_like(y)
    bound = log_softmax_vjp_error(y, np.full_like(y, E), g, 0 * g, own.u, 0.0, own.tiny)
    for sign in (-1, 1):
        p = np.exp(y + sign * E) * (1 + ACCURACY * own.u)
        moved = np.abs((g - p * np.sum(g)) - (g - np.exp(y) * np.sum(g)))
        assert (moved <= bound * (1 + 2.0**-40)).all()


def test_log_softmaxs_vjp_counts_the_underflow_of_each_addition() -> None:
    n, tiny = 8, precision("float32").tiny
    y, g = np.array([[0.0]] + [[-200.0]] * (n - 1)), np.zeros((n, 1))
    assert (log_softmax_vjp_error(y, 0 * y, g, g, 0.0, 0.0, tiny)[0] >= n * tiny).all()


def test_log_softmax_hardly_moves_where_one_unit_dominates() -> None:
    y, E = log_softmax(_column("39 above")), np.full((3, 1), 1e-3)
    assert log_softmax_spread(y, E)[0] < 1e-18
