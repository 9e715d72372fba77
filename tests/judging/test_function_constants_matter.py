"""P2, P3, E1, S1, S2 and the loss: each constant is needed by some accurate evaluation.

As in `test_constants_matter`, for what a function of one number and its slope may err by. What is exact
comes from balls. Answers are the reference's, torch's or JAX's, or theirs with subnormal numbers taken for
zero; of an argument that is off, they are taken at the end of its interval, at a turn or beside a kink.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
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
    Remove,
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
from exact_values import TruthOracle, exact_activation, exact_terms, precise
from measuring import of_activation, of_loss

from backproof.judging import allowance, nonlinear, spread
from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.allowance import Allowance
from backproof.judging.batch import Batch
from backproof.judging.layout import Layout
from backproof.judging.loss_facts import LOSS_FACTS
from backproof.judging.nonlinear import Activated
from refimpl import ACTIVATIONS, ActivationSpec, Case, Layer, LossSpec, Network

OWN = Allowance(np.array([[U]]), np.array([[TINY]]))
NOTHING = Allowance(np.array([[0.0]]), np.array([[0.0]]))
"""With no error of a function's own, what is left is how far it moves."""
TRUTH = TruthOracle()


def facts(table_of_facts: Any, name: str, **changed: Any) -> Remove:
    """Changes one line of facts."""

    def remove(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(table_of_facts, name, replace(table_of_facts[name], **changed))

    return remove


def _nothing_rounds(z: Any, *_: Any) -> Any:
    return np.zeros_like(z)


# ---------------------------------------------------------------- E1, S1, S2 of activations


def _activation(
    name: str, part: int, z: Any, answer: Any, off: float = 0.0, own: Allowance = OWN, **parameters: Any
) -> Example:
    """σ (part 0) or σ' (part 1) at z, which may be off by `off`; `answer` may be a source's name."""
    spec, z = ActivationSpec(name, parameters), np.atleast_1d(np.asarray(z))
    if isinstance(answer, str):
        with np.errstate(all="ignore"):
            answer = flushed(of_activation(answer, spec, z.astype(F))[part])
    truth = exact_activation(spec, z)[part]

    def bound() -> Any:
        errors = np.full((1, z.size), off)
        with np.errstate(all="ignore"):
            return spread.activation_spread(TRUTH, spec, z.astype(np.float64), errors, own)[1 + 2 * part][0]

    return Example(np.broadcast_to(answer, z.shape), truth, bound)


OWN_ERRORS = Allowance._errors
SCALED = "ACCURACY * self.u * np.max(s, axis=0) + lost"
EXP_UNDERFLOWS = F(-88.0)
"""e^-88 is half the smallest normal number of float32."""
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
        "E1 derivative",
        facts(ACTIVATION_FACTS, "sigmoid", derivative=_nothing_rounds),
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
    Constant(
        "E1 rounding of the argument",
        facts(ACTIVATION_FACTS, "hardsigmoid", argument=None),
        lambda: _activation("hardsigmoid", 1, BELOW_3, "jax"),
    ),
    Constant(
        "S1 turns",
        without(spread.activation_spread, "facts.turns(p), kinks", "(), kinks"),
        lambda: _activation("sigmoid", 1, 4.0, F(0.25), 8.0),
    ),
    Constant(
        "S1 kinks",
        without(spread.activation_spread, "tuple(kink.at for kink in spec.entry.kinks(p))", "()"),
        lambda: _activation("relu6", 1, 10.0, F(1), 20.0),
    ),
    Constant("S2 secant", without(spread._sup, "* ratio * _SMOOTH", "* 0.0"), _flat_tanh),
)


# ---------------------------------------------------------------- P3: σ' times g


def _backward(slope: float, E_slope: float, g: float, E_g: float, answer: Any, truth: Any) -> Example:
    one = Layout([(1, 1)])
    spec = ActivationSpec("tanh")
    activation = Activated(
        [spec], np.zeros(1), both([0.0]), np.array([slope]), both([E_slope]), np.array([3.0])
    )
    return Example(
        answer,
        truth,
        lambda: nonlinear.backward_activation(SINGLE, activation, one, np.array([g]), both([E_g]))[0],
    )


BACKWARD = nonlinear.backward_activation
P3 = (
    Constant(
        "P3 |σ'| E_g",
        without(BACKWARD, "E = s * E_g +", "E ="),
        lambda: _backward(1.0, 0.0, 1.0, E, F(1 + E), Fraction(1)),
    ),
    Constant(
        "P3 |g| E_σ'",
        without(BACKWARD, "+ a * E_slope", ""),
        lambda: _backward(1.0, E, 1.0, 0.0, F(1 + E), Fraction(1)),
    ),
    Constant(
        "P3 E_g E_σ'",
        without(BACKWARD, "+ E_g * E_slope", ""),
        lambda: _backward(0.0, E, 0.0, E, F(E) * F(E), Fraction(0)),
    ),
    Constant(
        "P3 2u of the product",
        without(BACKWARD, "2 * levels.u * product", "0 * product"),
        lambda: _backward(UP, 0.0, UP, 0.0, F(UP) * F(UP), Fraction(UP) ** 2),
    ),
    Constant(
        "P3 E_σ' in 2u",
        without(BACKWARD, "(s + E_slope)", "s"),
        lambda: _backward(0.0, UP, UP, 0.0, F(UP) * F(UP), Fraction(0)),
    ),
    Constant(
        "P3 E_g in 2u",
        without(BACKWARD, "(a + E_g)", "a"),
        lambda: _backward(UP, 0.0, 0.0, UP, F(UP) * F(UP), Fraction(0)),
    ),
    Constant(
        "P3 k η₀",
        without(BACKWARD, "levels.tiny * activation.underflows"),
        lambda: _backward(2.0**-65, 0.0, 2.0**-65, 0.0, F(0), Fraction(2) ** -130),
    ),
)


@precise
def _underflowing(name: str) -> Example:
    """δ = g σ'(z) where the product of g and e^z, first of all, is just below the smallest normal number."""
    spec, z, one = ActivationSpec(name), np.array([-60.0]), Layout([(1, 1)])
    g = 0.9 * TINY * np.exp(60.0)
    exact = exact_activation(spec, z)[1] * float(g)

    def bound() -> Any:
        activation = nonlinear.activated(SINGLE, TRUTH, [spec], one, z, both([0.0]))
        return BACKWARD(SINGLE, activation, one, np.array([g]), both([0.0]))[0]

    return Example(F(0), exact, bound)


ACTIVATED = nonlinear.activated
P3 += (
    Constant(
        "P3 underflow_factor in k",
        without(ACTIVATED, "underflow_factor(spec.parameters)", "0.0"),
        lambda: _underflowing("sigmoid"),
    ),
    Constant(
        "P3 a line's underflow in k",
        without(ACTIVATED, "facts.underflow(Z[..., at], spec.parameters)", "0.0"),
        lambda: _underflowing("silu"),
    ),
)


# ---------------------------------------------------------------- losses


def _loss(
    name: str, part: str, A: Any, Y: Any, answer: Any, truth: Any, off: Any = 0.0, reduction: str = "sum"
) -> Example:
    """The loss, or the first entry of its gradient, at predictions A of one unit; Y is the same for all."""
    A = np.asarray(A, np.float64).reshape(1, -1)
    spec, zeros = LossSpec(name, reduction), np.zeros((1, A.size), F)
    domain = spec.entry.prediction_domain
    output = next(name for name, entry in ACTIVATIONS.items() if domain.covers(entry.range))
    layer = Layer(np.ones((1, 1), F), np.zeros((1, 1), F), ActivationSpec(output))
    batch = Batch([Case(Network((layer,), spec), zeros, np.full_like(zeros, Y), 1.0)])
    E_A = both(np.broadcast_to(off, A.shape))

    def bound() -> Any:
        with np.errstate(all="ignore"):
            found = nonlinear.loss_errors(SINGLE, TRUTH, batch, A.ravel(), E_A)
        return (found.E_loss if part == "loss" else found.E_g)[0, 0]

    return Example(answer, truth, bound)


def _of_source(name: str, part: int, a: float, y: float, source: str) -> Example:
    """One term, or its slope, as a source has it in float32."""
    a, y = np.array([[a]], F), np.array([[y]], F)
    spec = LossSpec(name, "sum")
    answer, truth = of_loss(source, spec, a, y)[part], exact_terms(spec, a, y)[part]
    return _loss(name, ("loss", "gradient")[part], a, y[0, 0], answer[0], truth[0])


LOSS_ERRORS = nonlinear.loss_errors
GAINING = np.array([1.0] + [3 * U] * 600, F)
"""From left to right each sum is a tie, and rounds up: by more in all than S2's 2^-16."""
THIRD = F(1) / F(3)
"""Above 1/3."""


def _focal() -> Example:
    """∂ℓ/∂z is steepest at -2.8, far within [-78.3, -1.7], and nearly the same at both ends and at -40."""
    spec, points = LossSpec("sigmoid_focal", "sum"), np.array([[-40.0, -2.8]])
    here = exact_terms(spec, points, np.ones((1, 2)))[1][0, 0]
    steepest = of_loss("refimpl", spec, points.astype(F), np.ones((1, 2), F))[1][0, 1]
    return _loss("sigmoid_focal", "gradient", [-40.0], 1.0, steepest, here, 38.3)


LOSS_CONSTANTS = (
    Constant(
        "E1 loss",
        facts(LOSS_FACTS, "log_cosh", value=_nothing_rounds),
        lambda: _of_source("log_cosh", 0, 1e-3, 0.0, "jax"),
    ),
    Constant(
        "E1 slope of a loss",
        facts(LOSS_FACTS, "bce_with_logits", derivative=_nothing_rounds),
        lambda: _of_source("bce_with_logits", 1, 1e-3, 0.5, "refimpl"),
    ),
    Constant(
        "E1 where the scale is a number",
        without(OWN_ERRORS, "ACCURACY * self.u * s + lost", "lost"),
        lambda: _of_source("huber", 1, 1.2345e-3, 0.0, "jax"),
    ),
    Constant(
        "S1 turns of a loss",
        without(spread.loss_spread, "facts.turns(y, p), kinks", "(), kinks"),
        _focal,
    ),
    Constant(
        "loss γ_{n+2}",
        without(LOSS_ERRORS, "levels.gamma(layout.sizes + 2) * sums"),
        lambda: _loss("perceptron", "loss", LOSING, -1, left_to_right(LOSING), sum(fractions(LOSING))),
    ),
    Constant(
        "loss E_ℓ",
        without(LOSS_ERRORS, "(E_sums + levels", "(levels"),
        lambda: _loss("perceptron", "loss", [1], -1, F(1 + E), Fraction(1), E),
    ),
    Constant(
        "loss E_ℓ in γ's sum",
        without(LOSS_ERRORS, "part.sums(np.abs(terms) + E_terms)", "part.sums(np.abs(terms) + 0 * E_terms)"),
        lambda: _loss("perceptron", "loss", 0 * GAINING, -1, left_to_right(GAINING), Fraction(0), GAINING),
    ),
    Constant(
        "loss η₀",
        without(LOSS_ERRORS, "/ divisors + levels.tiny", "/ divisors"),
        lambda: _loss(
            "perceptron", "loss", [1.5 * TINY, -1, -1, -1], -1, F(0), Fraction(TINY) * 3 / 8, 0.0, "mean"
        ),
    ),
    Constant(
        "loss E_g",
        without(LOSS_ERRORS, "E_g + 2 * levels.u", "2 * levels.u"),
        lambda: _loss("half_squared_error", "gradient", [1], 0, F(1 + E), Fraction(1), E),
    ),
    Constant(
        "loss 2u of g",
        without(LOSS_ERRORS, "2 * levels.u * size", "0 * size"),
        lambda: _loss("perceptron", "gradient", [1, 1, 1], -1, THIRD, Fraction(1, 3), 0.0, "mean"),
    ),
    Constant(
        "loss η₀ of g",
        without(LOSS_ERRORS, "* size + levels.tiny", "* size"),
        lambda: _loss(
            "kl_div", "gradient", [-1, -1, -1, -1], 1.5 * TINY, F(0), -Fraction(TINY) * 3 / 8, 0.0, "mean"
        ),
    ),
)


@table(*ACTIVATION_CONSTANTS, *P3, *LOSS_CONSTANTS)
def test_an_accurate_answer_is_inside_the_bound_and_outside_without_the_constant(
    constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_needed(constant, monkeypatch)


# ---------------------------------------------------------------- what no answer has been found to need

MARGINS = (
    # S2 has already added 2^-16 E_g, which is more than 2u E_g; rules have roundings of E_g of their own.
    Constant(
        "loss E_g in 2u",
        without(LOSS_ERRORS, "size = np.abs(g) + E_g", "size = np.abs(g) + 0 * E_g"),
        lambda: _loss("perceptron", "gradient", [-1], -1, F(1), Fraction(0), 2.0),
    ),
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
