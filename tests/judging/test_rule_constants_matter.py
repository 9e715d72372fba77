"""V1, V2, V4: each constant of the rules of functions that mix units is needed by some accurate evaluation.

As in `test_constants_matter`. A rule is asked on its own: softmax's backward takes y and g as given, so that
what is exact is a fraction; values are held against balls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from constants import (
    LOSING,
    SINGLE,
    TINY,
    UP,
    Constant,
    E,
    Example,
    F,
    U,
    both,
    flushed,
    fractions,
    left_to_right,
    require_margin,
    require_needed,
    table,
    without,
)
from exact_values import exact, exact_softmax_and_pull_back, precise

from backproof.judging import activation_rules, nonlinear
from backproof.judging.rounding import precision
from oracles.ball_oracle import BallOracle
from oracles.layout import Layout
from refimpl import ActivationSpec

OWN = precision("float32")


def _column(numbers: Any, n: int = 1) -> Any:
    return np.broadcast_to(np.asarray(numbers, np.float64), (max(n, np.size(numbers)),))[:, None]


# ---------------------------------------------------------------- V2: softmax's backward


def _pulled_back(y: Any, g: Any, total: Callable[[Any], Any]) -> Any:
    return y * (g - total(y * g))


def _softmax_backward(unit: int, y: Any, g: Any, dy: Any = 0.0, dg: Any = 0.0) -> Example:
    """δ of one unit, where y and g are off by dy and dg; without subnormal numbers."""
    n = np.size(y)
    y, g, dy, dg = (_column(each, n) for each in (y, g, dy, dg))
    there = flushed(_pulled_back(F(y + dy), F(g + dg), lambda terms: flushed(left_to_right(flushed(terms)))))
    here = _pulled_back(fractions(y), fractions(g), sum)

    def bound() -> Any:
        rounding = (OWN.u, OWN.gamma(n + 1), OWN.tiny)
        return activation_rules.softmax_vjp_error(y, np.abs(dy), g, np.abs(dg), *rounding)[unit]

    return Example(there[unit], here[unit], bound)


V2_RULE = activation_rules.softmax_vjp_error
FIRST, OF_G = "E_y * (distance + E_g + E_s)", "np.abs(1 - y) * E_g + others_sum(y * E_g)"
ROUNDING = "3 * u * (y + E_y) * (np.abs(g) + np.abs(s) + E_g + E_s)"
HALF, SMALL = 0.5, 2.0**-30

V2 = (
    Constant(
        "V2 E_y |g - s|",
        without(V2_RULE, FIRST, "E_y * (E_g + E_s)"),
        lambda: _softmax_backward(0, [0, 1], [1, -1], [E, 0]),
    ),
    Constant(
        "V2 E_y E_g",
        without(V2_RULE, FIRST, "E_y * (distance + E_s)"),
        lambda: _softmax_backward(0, [0, 1], 0, [E, 0], [E, 0]),
    ),
    Constant(
        "V2 E_y E_s",
        without(V2_RULE, FIRST, "E_y * (distance + E_g)"),
        lambda: _softmax_backward(0, [0, 1], [0, 1], [E, E]),
    ),
    Constant(
        "V2 Σ y E_g of E_s",
        without(V2_RULE, "units_sum(y * E_g) + E_s_of_y", "E_s_of_y"),
        lambda: _softmax_backward(0, [0, 1], 0, [E, 0], [0, E]),
    ),
    Constant(
        "V2 y |1 - y| E_g",
        without(V2_RULE, OF_G, "others_sum(y * E_g)"),
        lambda: _softmax_backward(0, [0.25, 0.75], 0, 0, [E, 0]),
    ),
    Constant(
        "V2 y O(y E_g)",
        without(V2_RULE, OF_G, "np.abs(1 - y) * E_g"),
        lambda: _softmax_backward(0, [HALF, HALF], 0, 0, [0, E]),
    ),
    Constant(
        "V2 Σ E_y |g|",
        without(V2_RULE, "of_y + units_sum", "units_sum"),
        lambda: _softmax_backward(0, [1, 0], [0, 1], [0, E]),
    ),
    Constant(
        "V2 |s| ζ",
        without(V2_RULE, " + np.abs(s) * of_sum", ""),
        lambda: _softmax_backward(0, [HALF, HALF], [1, 1], [6 * U, 5 * U]),
    ),
    Constant(
        "V2 Σ E_y E_g",
        without(V2_RULE, "units_sum(E_y * E_g)"),
        lambda: _softmax_backward(0, [1, 0], 0, [0, E], [0, E]),
    ),
    Constant(
        "V2 γ_{n+1}",
        without(V2_RULE, "gamma * units_sum((y + E_y) * (np.abs(g) + E_g))"),
        lambda: _softmax_backward(1, np.full(64, 2.0**-6), LOSING),
    ),
    Constant("V2 3u", without(V2_RULE, ROUNDING), lambda: _softmax_backward(0, [SMALL * UP, 1], [UP, 0])),
    Constant(
        "V2 E_y in 3u",
        without(V2_RULE, "3 * u * (y + E_y)", "3 * u * y"),
        lambda: _softmax_backward(0, [0, 1], [UP, 0], [SMALL * UP, 0]),
    ),
    Constant(
        "V2 E_g in 3u",
        without(V2_RULE, "np.abs(s) + E_g + E_s", "np.abs(s) + E_s"),
        lambda: _softmax_backward(0, [SMALL * UP, 1], 0, 0, [UP, 0]),
    ),
    Constant(
        "V2 2(n+1) η₀",
        without(V2_RULE, " + 2 * (n + 1) * tiny", ""),
        lambda: _softmax_backward(0, [2.0**-65, 1], [2.0**-65, 0]),
    ),
)


# ---------------------------------------------------------------- V4: log-softmax's backward


@precise
def _log_backward(unit: int, y: Any, g: Any, dy: Any = 0.0, dg: Any = 0.0) -> Example:
    """δ = g - e^y Σ g of one unit, likewise; y is a column of logarithms."""
    n = np.size(y)
    y, g, dy, dg = (_column(each, n) for each in (F(y), F(g), dy, dg))
    cotangent = F(g + dg)
    product = flushed(np.exp(F(y + dy))) * left_to_right(cotangent, flushed)
    there = flushed(cotangent - product)
    here = exact(g) - np.array([[value.exp()] for value in exact(y)[:, 0]], object) * sum(exact(g))

    def bound() -> Any:
        rounding = (OWN.u, OWN.gamma(n + 1), OWN.tiny)
        return activation_rules.log_softmax_vjp_error(y, np.abs(dy), g, np.abs(dg), *rounding)[unit]

    return Example(there[unit], here[unit], bound)


V4_RULE = activation_rules.log_softmax_vjp_error
QUARTER, FAR = np.log(0.25), [-80.0, 0.0]

V4 = (
    Constant(
        "V4 E_g",
        without(V4_RULE, "E_g + E_p * S", "E_p * S"),
        lambda: _log_backward(0, [QUARTER, -1], 0, 0, [E, -E]),
    ),
    Constant(
        "V4 p E_s", without(V4_RULE, "+ p * E_s", ""), lambda: _log_backward(0, [QUARTER, -1], 0, 0, [0, E])
    ),
    Constant(
        "V4 E_p |s|",
        without(V4_RULE, "E_g + E_p * S", "E_g + E_p * E_s"),
        lambda: _log_backward(0, [-1, -1], [0, 1], [E, 0]),
    ),
    Constant(
        "V4 E_p E_s",
        without(V4_RULE, "E_g + E_p * S", "E_g + E_p * np.abs(s)"),
        lambda: _log_backward(0, [-1, -1], 0, [E, 0], [0, E]),
    ),
    Constant(
        "V4 E_y of E_p",
        without(V4_RULE, "ACCURACY * u - np.expm1(-E_y)", "ACCURACY * u"),
        lambda: _log_backward(0, [-1, -1], [0, 1], [E, 0]),
    ),
    Constant(
        "V4 η₀ of E_p",
        without(V4_RULE, "np.expm1(-E_y)) + tiny", "np.expm1(-E_y))"),
        lambda: _log_backward(0, [-88, 0], [0, 2.0**40]),
    ),
    Constant(
        "V4 E_g of E_s",
        without(V4_RULE, "units_sum(E_g) + gamma", "gamma"),
        lambda: _log_backward(0, [QUARTER, -1], 0, 0, [0, E]),
    ),
    Constant(
        "V4 γ_{n+1}",
        without(V4_RULE, "gamma * units_sum(np.abs(g) + E_g)"),
        lambda: _log_backward(1, np.full(64, -np.log(64)), LOSING),
    ),
    Constant(
        "V4 3u",
        without(V4_RULE, "3 * u * (np.abs(g) + E_g + (p + E_p) * S)"),
        lambda: _log_backward(0, [-7, 0], [1, 0.5]),
    ),
    Constant(
        "V4 E_y of e^(y + E_y)",
        without(V4_RULE, "np.exp(y + E_y) *", "p *"),
        lambda: _log_backward(0, [-1, -1], [0, 1], [E, 0]),
    ),
    Constant(
        "V4 n η₀ of E_s",
        without(V4_RULE, " + n * tiny", ""),
        lambda: _log_backward(0, [0, *[-40] * 7], [1.9 * TINY, -TINY] * 4),
    ),
    Constant(
        "V4 2 η₀",
        without(V4_RULE, " + 2 * tiny", ""),
        lambda: _log_backward(0, [-7, 0], [1.5 * TINY, (np.exp(7) - 1.5) * TINY]),
    ),
)


# ---------------------------------------------------------------- V1, V4 and their own errors: values


def _value(name: str, z: Any, dz: Any = 0.0, answer: Any = None) -> Example:
    """The first unit, where z is off by dz."""
    z, spec = _column(z), ActivationSpec(name)
    dz = _column(dz, len(z))
    there = flushed(spec.entry.value(F(z + dz)))[0] if answer is None else answer
    layout = Layout([z.shape])

    def bound() -> Any:
        return nonlinear.activated(SINGLE, BallOracle(), [spec], layout, z.ravel(), both(np.abs(dz))).E_A[
            0, 0
        ]

    return Example(there, exact_softmax_and_pull_back(spec, z, z)[0][0], bound)


ACTIVATED = nonlinear.activated
SPREAD, MIXED = "spread = facts.rule.spread(y, E)", "ACCURACY * matrices.u * scale"


def _far_apart() -> Example:
    """Of some columns whose units move by 40 apart the one whose last rounding goes outward the farthest."""
    columns = ([0, 0, -k / 16] for k in range(1, 30))
    return max((_value("log_softmax", z, [-40, 40, 40]) for z in columns), key=Example.ratio)


VALUES = (
    Constant(
        "V8 own error at the farthest point",
        without(
            ACTIVATED,
            "facts.value(z, reach, spec.parameters) + facts.rule.farther(reach, farthest)",
            "facts.value(z, y, spec.parameters) + 0 * E",
        ),
        _far_apart,
    ),
    Constant(
        "V1 spread", without(ACTIVATED, SPREAD, "spread = 0 * E"), lambda: _value("softmax", [0, 0], [E, -E])
    ),
    Constant(
        "V4 spread",
        without(ACTIVATED, SPREAD, "spread = 0 * E"),
        lambda: _value("log_softmax", [0, 0], [E, -E]),
    ),
    Constant("softmax's own error", without(ACTIVATED, MIXED), lambda: _value("softmax", [0.3, 1.1, -0.7])),
    Constant(
        "log-softmax's own error", without(ACTIVATED, MIXED), lambda: _value("log_softmax", [0.3, 1.1, -0.7])
    ),
    Constant(
        "softmax's own η₀", without(ACTIVATED, " + matrices.tiny", ""), lambda: _value("softmax", [-88, 0])
    ),
)


@table(*V2, *V4, *VALUES)
def test_an_accurate_answer_is_inside_the_bound_and_outside_without_the_constant(
    constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_needed(constant, monkeypatch)


# ---------------------------------------------------------------- what no answer has been found to need

MARGINS = (
    # e^y of a given y errs by 2u in NumPy, torch and JAX, and 3u of p S are allowed beside it.
    Constant(
        "V4 8u of E_p",
        without(V4_RULE, "ACCURACY * u - np.expm1", "-np.expm1"),
        lambda: _log_backward(0, [-1.3, -2.1], [0, 1.1]),
    ),
)


@table(*MARGINS)
def test_a_margin_is_part_of_the_bound(constant: Constant, monkeypatch: pytest.MonkeyPatch) -> None:
    require_margin(constant, monkeypatch)
