"""E1, S1 and the loss's own statement: each constant of a loss of one number is needed by some evaluation.

As in `test_constants_matter`. What is exact comes from balls and fractions; terms and slopes are the
reference's or JAX's.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from constants import (
    LOSING,
    SINGLE,
    TINY,
    Constant,
    E,
    Example,
    F,
    U,
    both,
    facts,
    fractions,
    left_to_right,
    nothing_rounds,
    require_margin,
    require_needed,
    table,
    without,
)
from exact_values import exact_terms
from measuring import of_loss

from backproof.judging import nonlinear, spread
from backproof.judging.allowance import Allowance
from backproof.judging.batch import Batch
from backproof.judging.loss_facts import LOSS_FACTS
from oracles.ball_oracle import BallOracle
from oracles.jax_oracle import JaxOracle
from refimpl import ACTIVATIONS, ActivationSpec, Case, Layer, LossSpec, Network

TRUTH = BallOracle()
OWN_ERRORS = Allowance._errors


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


def _divided_first() -> Example:
    """JAX multiplies by 1/10 before it multiplies by what is about 1e-37: nothing is left."""
    z, samples = F(27.9), 10
    A, spec = np.full((1, samples), z), LossSpec("sigmoid_focal", "mean")
    layer = Layer(np.ones((1, 1), F), np.zeros((1, 1), F), ActivationSpec("identity"))
    case = Case(Network((layer,), spec), A, np.ones_like(A))
    (answer,) = JaxOracle().traces([case])[0].delta or ()
    slope = exact_terms(LossSpec("sigmoid_focal", "sum"), A[:, :1], np.ones((1, 1)))[1][0, 0]
    truth = Fraction(float(slope)) / samples
    return _loss("sigmoid_focal", "gradient", A, 1.0, answer[0, 0], truth, reduction="mean")


LOSS_CONSTANTS = (
    Constant(
        "underflow of a gradient that is divided first",
        without(LOSS_ERRORS, "levels.tiny * underflows * (1 - 1 / each)"),
        _divided_first,
    ),
    Constant(
        "E1 loss",
        facts(LOSS_FACTS, "log_cosh", value=nothing_rounds),
        lambda: _of_source("log_cosh", 0, 1e-3, 0.0, "jax"),
    ),
    Constant(
        "E1 slope of a loss",
        facts(LOSS_FACTS, "bce_with_logits", derivative=nothing_rounds),
        lambda: _of_source("bce_with_logits", 1, 1e-3, 0.5, "refimpl"),
    ),
    Constant(
        "E1 where the scale is a number",
        without(OWN_ERRORS, "ACCURACY * self.u * s + lost", "lost"),
        lambda: _of_source("huber", 1, 1.2345e-3, 0.0, "jax"),
    ),
    Constant(
        "S1 turns of a loss",
        without(spread.loss_spread, "[*facts.turns(y, p), ", "["),
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
        without(LOSS_ERRORS, "/ losses.divisors + levels.tiny", "/ losses.divisors"),
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
)


@table(*LOSS_CONSTANTS)
def test_an_accurate_answer_is_inside_the_bound_and_outside_without_the_constant(
    constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_needed(constant, monkeypatch)


# ---------------------------------------------------------------- what no answer has been found to need

MARGINS = (
    # What is divided first counts the quotient, too, where the loss has terms of entries.
    Constant(
        "loss η₀ of g",
        without(LOSS_ERRORS, "* size + levels.tiny", "* size"),
        lambda: _loss(
            "kl_div", "gradient", [-1, -1, -1, -1], 1.5 * TINY, F(0), -Fraction(TINY) * 3 / 8, 0.0, "mean"
        ),
    ),
    # S2 has already added 2^-16 E_g, which is more than 2u E_g; rules have roundings of E_g of their own.
    Constant(
        "loss E_g in 2u",
        without(LOSS_ERRORS, "size = np.abs(g) + E_g", "size = np.abs(g) + 0 * E_g"),
        lambda: _loss("perceptron", "gradient", [-1], -1, F(1), Fraction(0), 2.0),
    ),
)


@table(*MARGINS)
def test_a_margin_is_part_of_the_bound(constant: Constant, monkeypatch: pytest.MonkeyPatch) -> None:
    require_margin(constant, monkeypatch)
