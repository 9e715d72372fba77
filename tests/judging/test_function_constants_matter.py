"""P2, P3, E1, S1, S2 of activations: each constant is needed by some accurate evaluation.

As in `test_constants_matter`, for what a function of one number and its slope may err by. What is exact
comes from balls. Answers are the reference's, torch's or JAX's, or theirs with subnormal numbers taken for
zero; of an argument that is off, they are taken at the end of its interval, at a turn or beside a kink.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from constants import (
    SINGLE,
    TINY,
    UP,
    Constant,
    E,
    Example,
    F,
    U,
    both,
    facts,
    flushed,
    nothing_rounds,
    require_margin,
    require_needed,
    table,
    without,
)
from exact_values import exact_activation, precise
from measuring import of_activation

from backproof.judging import allowance, nonlinear, spread
from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.allowance import Allowance
from backproof.judging.nonlinear import Activated
from backproof.judging.pieces import Activations
from oracles.ball_oracle import BallOracle
from oracles.layout import Layout
from refimpl import ActivationSpec

OWN = Allowance(np.array([[U]]), np.array([[TINY]]))
NOTHING = Allowance(np.array([[0.0]]), np.array([[0.0]]))
"""With no error of a function's own, what is left is how far it moves."""
TRUTH = BallOracle()


# ---------------------------------------------------------------- E1, S1, S2 of activations


def _activation(
    name: str, part: int, z: Any, answer: Any, off: Any = 0.0, own: Allowance = OWN, **parameters: Any
) -> Example:
    """σ (part 0) or σ' (part 1) at z, which may be off by `off`; `answer` may be a source's name."""
    spec, z = ActivationSpec(name, parameters), np.atleast_1d(np.asarray(z))
    if isinstance(answer, str):
        with np.errstate(all="ignore"):
            answer = flushed(of_activation(answer, spec, z.astype(F))[part])
    truth = exact_activation(spec, z)[part]

    def bound() -> Any:
        errors = np.full((1, z.size), off, np.float64)
        with np.errstate(all="ignore"):
            return spread.activation_spread(TRUTH, spec, z.astype(np.float64), errors, own)[1 + 2 * part][0]

    return Example(np.broadcast_to(answer, z.shape), truth, bound)


OWN_ERRORS = Allowance._errors
MOVED = spread._moved_activation
AT_POINTS = spread._activation_at_points
SCALED = "ACCURACY * self.u * np.max(s, axis=0) + lost"
EXP_UNDERFLOWS = F(-88.0)
"""e^-88 is half the smallest normal number of float32."""
HARDSIGMOID = ActivationSpec("hardsigmoid")
SLIGHTLY = 2.0**-40
"""Off by far less than a rounding."""
BELOW_3 = np.nextafter(F(3), F(0))
FLAT = 3.0
"""tanh is the same number here and at the next float64 on either side."""


@precise
def _flat_tanh() -> Example:
    spec, step = ActivationSpec("tanh"), float(np.spacing(FLAT))
    points = FLAT + step * np.arange(-2, 3)
    assert len(set(TRUTH.activation(spec, points)[0])) == 1
    there, here = exact_activation(spec, points[3:1:-1])[0]
    moved = _activation("tanh", 0, FLAT, 0.0, step, NOTHING)
    return replace(moved, truth=np.array([there - here], object))


ACTIVATION_CONSTANTS = (
    Constant(
        "E1 value",
        without(OWN_ERRORS, SCALED, "0 * np.max(s, axis=0) + lost"),
        lambda: _activation("sigmoid", 0, [0.3, 0.7], "refimpl"),
    ),
    Constant(
        "E1 value of an exact argument",
        without(spread.activation_spread, "own_value + 0 * E", "0 * own_value + 0 * E"),
        lambda: _activation("sigmoid", 0, [0.3, 0.7], "refimpl"),
    ),
    Constant(
        "E1 derivative of an exact argument",
        without(spread.activation_spread, "own_slope + 0 * E", "0 * own_slope + 0 * E"),
        lambda: _activation("sigmoid", 1, [0.3, 0.7, 1.1], "torch"),
    ),
    Constant(
        "E1 value of an argument that is off",
        without(AT_POINTS, "_sup(value, ratio) + own_value", "_sup(value, ratio)"),
        lambda: _activation("sigmoid", 0, [0.3, 0.7], "refimpl", SLIGHTLY),
    ),
    Constant(
        "E1 derivative of an argument that is off",
        without(AT_POINTS, "moved_slope + own_slope", "moved_slope"),
        lambda: _activation("sigmoid", 1, [0.3, 0.7, 1.1], "torch", SLIGHTLY),
    ),
    Constant(  # one argument is exact, the other is not
        "S1 of an argument that is off beside an exact one",
        without(spread.activation_spread, "if moved.any()", "if moved.all()"),
        lambda: _activation("relu6", 1, [3.0, 10.0], [F(1), F(1)], [0.0, 20.0]),
    ),
    Constant(
        "E1 derivative",
        facts(ACTIVATION_FACTS, "sigmoid", derivative=nothing_rounds),
        lambda: _activation("sigmoid", 1, [0.3, 0.7, 1.1], "torch"),
    ),
    Constant(
        "E1 η₀ of the result",
        without(OWN_ERRORS, "lost = self.tiny *", "lost = 0.0 *"),
        lambda: _activation("sigmoid", 0, EXP_UNDERFLOWS, "jax"),
    ),
    Constant(
        "E1 3 of underflow_factor",
        without(allowance.underflow_factor, "largest: Any = 3.0", "largest: Any = 0.0"),
        lambda: _activation("sigmoid", 0, EXP_UNDERFLOWS, "jax"),
    ),
    Constant(
        "E1 1/β of underflow_factor",
        without(allowance.underflow_factor, "np.maximum(sizes, inverse)", "0.0"),
        lambda: _activation("softplus", 0, F(-87.4 * 8), F(0), beta=0.125),
    ),
    Constant(
        "E1 z of a line's underflow",
        facts(ACTIVATION_FACTS, "silu", underflow=None),
        lambda: _activation("silu", 0, EXP_UNDERFLOWS, F(0)),
    ),
    Constant(  # JAX's (1 + |z|)^-2 underflows, and 1/(1 + |z|) is left
        "E1 z of softsign's underflow",
        facts(ACTIVATION_FACTS, "softsign", underflow=None),
        lambda: _activation("softsign", 1, F(2.0**64), "jax"),
    ),
    Constant(
        "E1 rounding of the argument",
        facts(ACTIVATION_FACTS, "hardsigmoid", argument=None),
        lambda: _activation("hardsigmoid", 1, BELOW_3, "jax"),
    ),
    Constant(  # at the end of the interval, just below 3
        "S3 E of the argument",
        without(spread.activation_spread, "facts.argument(z, p) + E", "facts.argument(z, p)"),
        lambda: _activation(
            "hardsigmoid", 1, 0.0, of_activation("jax", HARDSIGMOID, BELOW_3[None])[1], BELOW_3
        ),
    ),
    Constant(
        "S1 turns",
        without(MOVED, "[*facts.turns(spec.parameters), ", "["),
        lambda: _activation("sigmoid", 1, 4.0, F(0.25), 8.0),
    ),
    Constant(
        "S1 kinks",
        without(MOVED, "tuple(kink.at for kink in kinks)", "()"),
        lambda: _activation("relu6", 1, 10.0, F(1), 20.0),
    ),
    Constant("S2 secant", without(spread._sup, "* ratio * _SMOOTH", "* 0.0"), _flat_tanh),
)


# ---------------------------------------------------------------- P3: σ' times g


def _backward(slope: float, E_slope: float, g: float, E_g: float, answer: Any, truth: Any) -> Example:
    one = Layout([(1, 1)])
    spec = ActivationSpec("tanh")
    activation = Activated(
        Activations([spec], one),
        np.zeros(1),
        both([0.0]),
        np.array([slope]),
        both([E_slope]),
        np.array([3.0]),
    )
    return Example(
        answer,
        truth,
        lambda: nonlinear.backward_activation(SINGLE, activation, np.array([g]), both([E_g]))[0],
    )


PRODUCT = nonlinear._product_error
P3 = (
    Constant(
        "P3 |σ'| E_g",
        without(PRODUCT, "E = s * E_g +", "E ="),
        lambda: _backward(1.0, 0.0, 1.0, E, F(1 + E), Fraction(1)),
    ),
    Constant(
        "P3 |g| E_σ'",
        without(PRODUCT, "+ a * E_slope", ""),
        lambda: _backward(1.0, E, 1.0, 0.0, F(1 + E), Fraction(1)),
    ),
    Constant(
        "P3 E_g E_σ'",
        without(PRODUCT, "+ E_g * E_slope", ""),
        lambda: _backward(0.0, E, 0.0, E, F(E) * F(E), Fraction(0)),
    ),
    Constant(
        "P3 2u of the product",
        without(PRODUCT, "2 * levels.u * product", "0 * product"),
        lambda: _backward(UP, 0.0, UP, 0.0, F(UP) * F(UP), Fraction(UP) ** 2),
    ),
    Constant(
        "P3 E_σ' in 2u",
        without(PRODUCT, "(s + E_slope)", "s"),
        lambda: _backward(0.0, UP, UP, 0.0, F(UP) * F(UP), Fraction(0)),
    ),
    Constant(
        "P3 E_g in 2u",
        without(PRODUCT, "(a + E_g)", "a"),
        lambda: _backward(UP, 0.0, 0.0, UP, F(UP) * F(UP), Fraction(0)),
    ),
    Constant(
        "P3 k η₀",
        without(PRODUCT, "levels.tiny * underflows"),
        lambda: _backward(2.0**-65, 0.0, 2.0**-65, 0.0, F(0), Fraction(2) ** -130),
    ),
)


@precise
def _underflowing(name: str, z: float, factor: float, rest: float = 0.0) -> Example:
    """δ = g σ'(z) where the product of g and a factor, just below the smallest normal number, is lost.

    Of δ, `rest` times g is left.
    """
    spec, points, one = ActivationSpec(name), np.array([z]), Layout([(1, 1)])
    g = F(0.98 * TINY / factor)
    exact = exact_activation(spec, points)[1] * float(g)

    def bound() -> Any:
        activation = nonlinear.activated(SINGLE, TRUTH, [spec], one, points, both([0.0]))
        return nonlinear.backward_activation(SINGLE, activation, np.array([float(g)]), both([0.0]))[0]

    return Example(F(rest) * g, exact, bound)


ACTIVATED = nonlinear.activated
DENSITY = np.exp(-8) / np.sqrt(2 * np.pi)
SECH2 = 1 - np.tanh(np.sqrt(2 / np.pi) * 4 * (1 + 0.044715 * 16)) ** 2
UNDERFLOWING = {
    "silu": (-60.0, np.exp(-60)),
    "mish": (-60.0, np.exp(-60)),
    "gelu": (-4.0, DENSITY),
    "gelu_tanh": (-4.0, SECH2),
    # (1 + |z|)^-2 by the quotient rule, of which the first term is left
    "softsign": (1000.0, 1001.0**-2, 1 / 1001),
    # ½ (1 + 2z (½ (z² + b)^-½)), of which ½ is left
    "squareplus": (1000.0, 0.5 / 1000, 0.5),
}
"""z, the factor of z in σ' that g meets first, and what is left of σ'."""
P3 += (
    Constant(
        "P3 underflow_factor in k",
        without(ACTIVATED, "underflow_factor(p) + more", "more"),
        lambda: _underflowing("sigmoid", -60.0, np.exp(-60)),
    ),
    Constant(
        "P3 a line's underflow in k",
        without(ACTIVATED, "facts.underflow(np.abs(z) + E, p)", "0.0"),
        lambda: _underflowing("silu", -60.0, np.exp(-60)),
    ),
    *(
        Constant(
            f"underflow of {name}",
            facts(ACTIVATION_FACTS, name, underflow=None),
            partial(_underflowing, name, *given),
        )
        for name, given in UNDERFLOWING.items()
    ),
)


def test_every_line_with_an_underflow_of_its_own_has_an_example() -> None:
    assert {name for name, line in ACTIVATION_FACTS.items() if line.underflow} == set(UNDERFLOWING)


@table(*ACTIVATION_CONSTANTS, *P3)
def test_an_accurate_answer_is_inside_the_bound_and_outside_without_the_constant(
    constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_needed(constant, monkeypatch)


# ---------------------------------------------------------------- what no answer has been found to need

MARGINS = (
    # The larger of the secants to either side of z falls short of the slope by (H/d)² at most: 2^-52.
    Constant(
        "S2 1 + 2^-16",
        without(spread._sup, " * _SMOOTH", ""),
        lambda: _activation("tanh", 0, 0.5, F(np.tanh(0.75)), 0.25),
    ),
)


@table(*MARGINS)
def test_a_margin_is_part_of_the_bound(constant: Constant, monkeypatch: pytest.MonkeyPatch) -> None:
    require_margin(constant, monkeypatch)
