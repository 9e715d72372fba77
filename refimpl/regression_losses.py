"""Losses of numbers: how far predictions are from targets, and two likelihoods of targets.

Appendix to `losses.py`, with its conventions. r is ŷ - y. A negative log-likelihood, nll, is minus the
logarithm of how probable the target is if the prediction is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .domains import NON_NEGATIVE, POSITIVE, Interval
from .functions import Kink, Loss, LossArray, Parameter, Units

# A - Y overflows for numbers that are far apart, and not everything that is computed from it does: where it
# is infinite, A/2 - Y/2 takes its place, which is finite for any two numbers and exact enough for large ones.


def _error(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore"):  # infinite beyond the largest number: see above
        return A - Y


def _half_error(A: Units, Y: Units) -> Units:
    return A / 2 - Y / 2


def _l1_kinks(Y: Any, _arguments: Mapping[str, Any]) -> tuple[Kink, ...]:
    return (Kink(Y, left=0 * Y - 1, right=0 * Y + 1, chosen=0 * Y),)


def _huber(A: Units, Y: Units, delta: float) -> Units:
    with np.errstate(over="ignore", invalid="ignore"):  # as above, and what a branch not taken makes of it
        R, H = np.abs(_error(A, Y)), np.abs(_half_error(A, Y))
        d = A.dtype.type(delta)  # 2 δ of a Python float could be no number of the dtype
        # The ½ goes to one factor: the square alone could overflow where its half does not.
        # Where δ r is a number and r is none, δ is below 1, and lost beside r.
        linear = np.where(np.isinf(R), 2 * d * H, d * (R - d / 2))
        return np.where(d >= R, R / 2 * R, linear)


def _huber_gradient(A: Units, Y: Units, delta: float) -> Units:
    return np.clip(_error(A, Y), -delta, delta)


def _smooth_l1(A: Units, Y: Units, beta: float) -> Units:
    # r (r/β)/2, not r²/(2β): r/β is at most 1 where this branch is taken, and r² could overflow.
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        R, H = np.abs(_error(A, Y)), np.abs(_half_error(A, Y))
        linear = np.where(np.isinf(R), 2 * (H - beta / 4), R - beta / 2)
        return np.where(beta > R, R * (R / beta) / 2, linear)


def _smooth_l1_gradient(A: Units, Y: Units, beta: float) -> Units:
    with np.errstate(over="ignore"):  # an infinite r/β is cut to 1 as a large one is
        return np.clip(_error(A, Y) / beta, -1, 1)


def _log_cosh(A: Units, Y: Units) -> Units:
    # cosh r = (e^|r| + e^-|r|)/2 = e^|r| (1 + e^(-2|r|))/2, so that |r| + log(1 + e^(-2|r|)) - log 2 is right
    # and cannot overflow, but it cancels near 0. There cosh² = 1 + sinh², and it is ½ log(1 + sinh² r).
    R = np.abs(_error(A, Y))
    near = R < 1
    with np.errstate(over="ignore"):  # 2r of a large r: e^-inf = 0 is right
        far = R + np.log1p(np.exp(-2 * R)) - A.dtype.type(np.log(2))
    return np.where(near, np.log1p(np.square(np.sinh(np.where(near, R, 0)))) / 2, far)


def _poisson_nll(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore", invalid="ignore"):  # what is infinite or inf - inf is computed again
        direct = np.exp(A) - Y * A
        # Both e^a and y a may overflow where their difference does not: the same in units of 2^16, where
        # e^a is the square of e^(a/2), for which a is halved exactly. If that overflows, e^a exceeds any y a.
        root, unit = np.exp(A / 2), A.dtype.type(2**-16)
        scaled = (root * unit * root - Y * unit * A) / unit
        return np.where(np.isfinite(direct), direct, np.where(np.isinf(root), A.dtype.type(np.inf), scaled))


def _poisson_nll_gradient(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore"):  # e^a - y, likewise
        # Near a = 0 it cancels for y = 1; there (e^a - 1) + (1 - y), where 1 - y is exact for y = 1.
        direct = np.where(np.abs(A) < 1, np.expm1(A) + (1 - Y), np.exp(A) - Y)
        root, unit = np.exp(A / 2), A.dtype.type(2**-16)
        return np.where(np.isfinite(direct), direct, (root * unit * root - Y * unit) / unit)


def _over(R: Units, H: Units, divisor: Any) -> Units:
    """r/d, also where r is infinite and its half h is not."""
    return np.where(np.isinf(R), 2 * (H / divisor), R / divisor)


def _gaussian_nll(A: Units, Y: Units, variance: Any = 1.0) -> Units:
    # r/√v is squared: of r² and r/v, either could overflow or underflow where r²/v does not.
    v = np.asarray(variance, A.dtype)
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        standardised = _over(_error(A, Y), _half_error(A, Y), np.sqrt(v))
        return np.log(v) / 2 + standardised / 2 * standardised


def _gaussian_nll_gradient(A: Units, Y: Units, variance: Any = 1.0) -> Units:
    with np.errstate(over="ignore"):  # as above
        return _over(_error(A, Y), _half_error(A, Y), np.asarray(variance, A.dtype))


ENTRIES = (
    Loss(
        "l1",
        r"\sum |\hat y - y|",
        r"\operatorname{sign}(\hat y - y)",
        terms=lambda A, Y: np.abs(_error(A, Y)),
        gradient=lambda A, Y: np.sign(_error(A, Y)),
        kinks=_l1_kinks,
        aliases={"torch": "nn.functional.l1_loss", "scikit-learn": "mean_absolute_error"},
        conventions="Absolute error. The derivative at ŷ = y is 0, as torch's and jax's is. 'mean' divides "
        "by n·m.",
    ),
    Loss(
        "huber",
        r"\sum \begin{cases} \tfrac{1}{2} (\hat y - y)^2 & |\hat y - y| \le \delta \\ "
        r"\delta \left( |\hat y - y| - \tfrac{1}{2} \delta \right) & \text{else} \end{cases}",
        r"\max(-\delta, \min(\hat y - y, \delta))",
        parameters=(
            Parameter(
                "delta", 1.0, POSITIVE, Interval(0.125, 4.0), "where the square becomes a straight line"
            ),
        ),
        terms=_huber,
        gradient=_huber_gradient,
        aliases={
            "torch": "nn.functional.huber_loss",
            "optax": "losses.huber_loss",
            "keras": "Huber",
            "scikit-learn": "HuberRegressor (squares without the ½, δ is epsilon)",
        },
        conventions="δ times smooth_l1 with β = δ. The ½ is part of it; scikit-learn has r² and 2ε|r| - ε².",
        source="Huber 1964, Robust estimation of a location parameter",
    ),
    Loss(
        "smooth_l1",
        r"\sum \begin{cases} \frac{(\hat y - y)^2}{2 \beta} & |\hat y - y| < \beta \\ "
        r"|\hat y - y| - \tfrac{1}{2} \beta & \text{else} \end{cases}",
        r"\max\left(-1, \min\left(\frac{\hat y - y}{\beta}, 1\right)\right)",
        parameters=(
            Parameter(
                "beta", 1.0, POSITIVE, Interval(0.125, 4.0), "where the square becomes a straight line"
            ),
        ),
        terms=_smooth_l1,
        gradient=_smooth_l1_gradient,
        aliases={"torch": "nn.functional.smooth_l1_loss"},
        conventions="huber with δ = β, divided by β: far from the target the slope is 1. torch takes β = 0 "
        "as well and computes l1, which is an entry of its own here.",
        source="Girshick 2015, arXiv:1504.08083",
    ),
    Loss(
        "log_cosh",
        r"\sum \log \cosh(\hat y - y)",
        r"\tanh(\hat y - y)",
        terms=_log_cosh,
        gradient=lambda A, Y: np.tanh(_error(A, Y)),
        aliases={"optax": "losses.log_cosh", "keras": "LogCosh"},
        conventions="optax computes log(e^r + e^-r) - log 2, which cancels near r = 0: it errs by roundings "
        "of 1 there, and so does the derivative that autograd makes of it.",
    ),
    Loss(
        "poisson_nll",
        r"\sum e^{\hat y} - y \hat y",
        r"e^{\hat y} - y",
        terms=_poisson_nll,
        gradient=_poisson_nll_gradient,
        target_domain=NON_NEGATIVE,
        steep=True,
        aliases={
            "torch": "nn.functional.poisson_nll_loss (log_input=True, full=False)",
            "scikit-learn": "PoissonRegressor (half the deviance: this and what depends on y only)",
        },
        conventions="Predictions are logarithms of the rate. With log_input=False torch takes the rate λ and "
        "computes λ - y log(λ + ε); keras' Poisson is that too. Stirling's terms (full) are left out.",
    ),
    Loss(
        "gaussian_nll",
        r"\sum \tfrac{1}{2} \left( \log v + \frac{(\hat y - y)^2}{v} \right)",
        r"\frac{\hat y - y}{v}",
        terms=_gaussian_nll,
        gradient=_gaussian_nll_gradient,
        arrays=(
            LossArray(
                "variance", True, POSITIVE, Interval(0.125, 4.0), "the variance v of each target, given"
            ),
        ),
        aliases={"torch": "nn.functional.gaussian_nll_loss (full=False)"},
        conventions="The variance is given, not predicted, and ½ log 2π is left out. torch takes variances "
        "below eps = 1e-6 for 1e-6; random cases have variances of at least 1/8, where that does not show.",
        source="Nix and Weigend 1994, Estimating the mean and variance of the target "
        "probability distribution",
    ),
)
