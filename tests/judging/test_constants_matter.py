"""P0 to P6: each constant of the carried bounds is needed by some accurate evaluation, where only it matters.

An accurate evaluation of inputs that are as far off as their errors say lies inside the bound; with that one
constant taken away it lies outside. What is exact comes from fractions. Each statement is asked on its own:
one product, one sum, or a long sum whose roundings all go one way. Float32, if nothing else is said: NumPy's
own operations in an order that is written down, or with subnormal numbers taken for zero, as XLA does.
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

from backproof.judging import bounds, levels
from backproof.judging.levels import Levels
from backproof.judging.rounding import precision
from oracles.layout import Layout


def _column(*numbers: float) -> Any:
    return np.array(numbers, np.float64)[:, None]


def _layout(matrix: Any) -> Layout:
    return Layout([matrix.shape])


# ---------------------------------------------------------------- P1, P4: products with a matrix


def _affine(W: Any, A: Any, E_A: Any, b: float, answer: Any, truth: Any) -> Example:
    """P1 for one unit and one sample."""
    W, A = np.array([W], np.float64), _column(*A)
    E_A = both(np.broadcast_to(E_A, A.shape))
    one = Layout([(1, 1)])

    def bound() -> Any:
        return bounds.affine(SINGLE, [W], _layout(A), A.ravel(), E_A, np.array([b]), one)[0]

    return Example(answer, truth, bound)


def _long_sum() -> Example:
    return _affine(np.ones(64), LOSING, 0.0, 0.0, left_to_right(LOSING), sum(fractions(LOSING)))


def _large_bias() -> Example:
    return _affine([1], [U], 0.0, 1.0, F(U) + F(1), 1 + Fraction(U))


def _product_underflows() -> Example:
    a = F(2.0**-65)
    return _affine([a], [a], 0.0, 0.0, flushed(a * a), Fraction(2) ** -130)


def _subnormal_weight() -> Example:
    w, a = F(2.0**-130), F(2.0**10)
    return _affine([w], [a], 0.0, 0.0, flushed(w) * a, Fraction(2) ** -120)


def _input_off() -> Example:
    return _affine([1], [1], E, 0.0, F(1 + E), Fraction(1))


def _input_off_from_zero() -> Example:
    return _affine([UP], [0], UP, 0.0, F(UP) * F(UP), Fraction(0))


def _transposed(W: Any, delta: Any, E_delta: Any, answer: Any, truth: Any) -> Example:
    """P4 for one unit below and one sample."""
    W, delta = _column(*W), _column(*delta)
    errors = both(np.broadcast_to(E_delta, delta.shape))
    one = Layout([(1, 1)])

    def bound() -> Any:
        return bounds.transposed(SINGLE, [W], _layout(delta), delta.ravel(), errors, one)[0]

    return Example(answer, truth, bound)


def _known_sum(W: Any, A: Any, answer: Any) -> Example:
    """R7 for Wᵀδ of one unit and one sample: the sum itself is known."""
    truth = sum(w * a for w, a in zip(fractions(W), fractions(A), strict=True))
    W, A = _column(*W), _column(*A)
    total = np.array([abs(float(truth))])

    def bound() -> Any:
        one = Layout([(1, 1)])
        return bounds.transposed(SINGLE, [W], _layout(A), A.ravel(), 0 * both(A), one, total)[0]

    return Example(answer, truth, bound)


def _one_product() -> Example:
    a = F(1 + 2.0**-12)
    return _known_sum([a], [a], a * a)


def _sum_of_one_sign() -> Example:
    return _known_sum(np.ones(64), LOSING, left_to_right(LOSING))


R7 = (
    Constant("R7 products", without(bounds._rounding, "products * sums", "0.0"), _one_product),
    Constant("R7 additions", without(bounds._rounding, "(n - 1) * partial"), _sum_of_one_sign),
    Constant(
        "R7 |s| in P", without(bounds._rounding, "(sums + total + moved)", "(sums + moved)"), _sum_of_one_sign
    ),
)


P1_P4 = (
    Constant("P1 γ_{n+1}", without(bounds.affine, "_rounding(levels, n + 1, sums, moved, total)"), _long_sum),
    Constant("P1 |b| in γ's sum", without(bounds.affine, "sums + np.abs(b)", "sums"), _large_bias),
    Constant("P1 2(n+1) η₀", without(bounds.affine, "2 * (n + 1) * levels.tiny"), _product_underflows),
    Constant(
        "P1 W read as zero",
        without(
            bounds._through,
            "moved = moved + layout.products(lost, below.views(spread), leading)",
            "pass",
        ),
        _subnormal_weight,
    ),
    Constant("P1 |W| E_A", without(bounds.affine, "E = moved +", "E ="), _input_off),
    Constant(
        "P1 E_A in γ's sum",
        without(bounds._through, "spread = np.abs(x) + E_x", "spread = np.abs(x) + 0 * E_x"),
        _input_off_from_zero,
    ),
    Constant(
        "P4 γ_n",
        without(bounds.transposed, "_rounding(levels, n, sums, moved, total)"),
        lambda: _transposed(np.ones(64), LOSING, 0.0, left_to_right(LOSING), sum(fractions(LOSING))),
    ),
    Constant(
        "P4 2n η₀",
        without(bounds.transposed, "2 * n * levels.tiny"),
        lambda: _transposed([2.0**-65], [2.0**-65], 0.0, F(0), Fraction(2) ** -130),
    ),
    Constant(
        "P4 |W|^T E_δ",
        without(bounds.transposed, "moved + _rounding", "_rounding"),
        lambda: _transposed([-1], [1], E, -F(1 + E), Fraction(-1)),
    ),
)


# ---------------------------------------------------------------- P5: gradients


def _weight_gradient(delta: Any, E_delta: float, A: Any, E_A: float, answer: Any, truth: Any) -> Example:
    """P5 for one weight."""
    delta, A = np.array([delta], np.float64), np.array([A], np.float64)
    errors = [both(np.full(delta.shape, off)) for off in (E_delta, E_A)]
    given = (SINGLE, (_layout(delta), _layout(A)), delta.ravel(), errors[0], A.ravel(), errors[1])
    return Example(answer, truth, lambda: bounds.weight_gradient(*given, Layout([(1, 1)]))[0])


def _bias_gradient(delta: Any, E_delta: float, answer: Any, truth: Any) -> Example:
    delta = np.array([delta], np.float64)
    given = (SINGLE, _layout(delta), delta.ravel(), both(np.full(delta.shape, E_delta)))
    return Example(answer, truth, lambda: bounds.bias_gradient(*given)[0])


RIGHT = "right[0], right[1] = a + E_A, E_A\n    right[2] = right[0]"
ONES = np.ones(64)

P5 = (
    Constant(
        "P5 E_δ |A|^T",
        without(bounds._gradient_sums, RIGHT, "right[0], right[1], right[2] = E_A, E_A, a + E_A"),
        lambda: _weight_gradient([1], E, [1], 0.0, F(1 + E), Fraction(1)),
    ),
    Constant(
        "P5 |δ| E_A^T",
        without(bounds._gradient_sums, "parts[2], parts[0] + parts[1]", "parts[2], parts[0]"),
        lambda: _weight_gradient([1], 0.0, [1], E, F(1 + E), Fraction(1)),
    ),
    Constant(
        "P5 E_δ E_A^T",
        without(bounds._gradient_sums, RIGHT, "right[0], right[1], right[2] = a, E_A, a + E_A"),
        lambda: _weight_gradient([0], E, [0], E, F(E) * F(E), Fraction(0)),
    ),
    Constant(
        "P5 γ_m",
        without(bounds.weight_gradient, "_rounding(levels, m, sums, moved, total)"),
        lambda: _weight_gradient(ONES, 0.0, LOSING, 0.0, left_to_right(LOSING), sum(fractions(LOSING))),
    ),
    Constant(
        "P5 E_δ in γ's sum",
        without(bounds._gradient_sums, "d, d + E_delta", "d, d"),
        lambda: _weight_gradient([0], UP, [UP], 0.0, F(UP) * F(UP), Fraction(0)),
    ),
    Constant(
        "P5 E_A in γ's sum",
        without(bounds._gradient_sums, "right[2] = right[0]", "right[2] = a"),
        lambda: _weight_gradient([UP], 0.0, [0], UP, F(UP) * F(UP), Fraction(0)),
    ),
    Constant(
        "P5 2m η₀",
        without(bounds.weight_gradient, "2 * m * levels.tiny"),
        lambda: _weight_gradient([2.0**-65], 0.0, [2.0**-65], 0.0, F(0), Fraction(2) ** -130),
    ),
    Constant(
        "P5 γ_m of db",
        without(bounds.bias_gradient, "moved + rounding", "moved"),
        lambda: _bias_gradient(LOSING, 0.0, left_to_right(LOSING), sum(fractions(LOSING))),
    ),
    Constant(
        "P5 E_δ of db",
        without(bounds.bias_gradient, "moved + rounding", "rounding"),
        lambda: _bias_gradient([1], E, F(1 + E), Fraction(1)),
    ),
    Constant(
        "P5 m η₀ of db",
        without(bounds.bias_gradient, "m * levels.tiny"),
        lambda: _bias_gradient(
            [1.5 * TINY, -TINY], 0.0, flushed(F(1.5 * TINY) - F(TINY)), Fraction(TINY) / 2
        ),
    ),
)


# ---------------------------------------------------------------- P6: updates


def _updated(rate: float, W: float, dW: float, E_dW: float, answer: Any, truth: Any) -> Example:
    given = (np.array([rate]), np.array([W]), np.array([dW]), both([E_dW]))
    return Example(answer, truth, lambda: bounds.updated(SINGLE, *given)[0])


def _rounded_twice() -> Example:
    """η dW, just above 1, rounds up by U; then the sum, just above 2, by twice that."""
    rate, dW = F(UP), F(-UP)
    W = F(1 + 4 * 2.0**-23)
    return _updated(rate, W, dW, 0.0, W - rate * dW, Fraction(float(W)) + Fraction(UP) ** 2)


ROUNDINGS = "levels.u * (magnitude + eta * size)"

P6 = (
    Constant(
        "P6 |η| E_dW",
        without(bounds.updated, "eta * E_dW + levels", "levels"),
        lambda: _updated(1.0, 0.0, 1.0, E, -F(1 + E), Fraction(-1)),
    ),
    Constant(
        "P6 u |W|",
        without(bounds.updated, "np.abs(W) + 2 * eta", "2 * eta"),
        lambda: _updated(U, 1.0, -1.0, 0.0, F(1) + F(U), 1 + Fraction(U)),
    ),
    Constant(
        "P6 2u |η| |dW|",
        without(bounds.updated, "np.abs(W) + 2 * eta * size", "np.abs(W)"),
        _rounded_twice,
    ),
    Constant(
        "P6 2 η₀",
        without(bounds.updated, "2 * levels.tiny"),
        lambda: _updated(2.0**-65, 0.0, 2.0**-65, 0.0, F(0), -(Fraction(2) ** -130)),
    ),
    Constant(
        "P6 η read as zero",
        without(bounds.updated, "levels.flushed(rate) * size"),
        lambda: _updated(2.0**-130, 0.0, 2.0**20, 0.0, F(0), -(Fraction(2) ** -110)),
    ),
)


# ---------------------------------------------------------------- P0: the roundings of the centre


def _about() -> Levels:
    """Float64 answers about a float64 centre, made anew."""
    double = precision("float64")
    return Levels((double,), centre=double)


def _with_and_without_fma() -> Example:
    """W - η dW is a tie, but for 2^-131 that a product of its own loses."""
    rate, dW = 2.0**-53 * (1 - 2.0**-26 + 2.0**-52), -(1 + 2.0**-26)
    exact = 1 - Fraction(rate) * Fraction(dW)
    centre, answer = 1.0 - rate * dW, float(exact)
    given = (np.array([rate]), np.array([1.0]), np.array([dW]), np.zeros((1, 1)))
    return Example(np.float64(answer), Fraction(centre), lambda: bounds.updated(_about(), *given)[0])


def _in_two_orders() -> Example:
    """1 and 24 halves of its last digit: one after the other each is lost, by threes each third adds one."""
    terms = np.array([1.0] + [2.0**-53] * 24)
    by_threes = left_to_right(np.array([1.0] + [3 * 2.0**-53] * 8))
    delta = terms[None]
    given = (_layout(delta), terms, np.zeros((1, 25)))
    return Example(
        by_threes, Fraction(float(left_to_right(terms))), lambda: bounds.bias_gradient(_about(), *given)[0]
    )


P0 = (
    Constant(
        "P0 u of the centre",
        without(levels.Levels._sums, "getattr(p, name) + about", "getattr(p, name)"),
        _with_and_without_fma,
    ),
    Constant(
        "P0 γ of the centre",
        without(levels.Levels._gammas, "_gamma(p, n) + about", "_gamma(p, n)"),
        _in_two_orders,
    ),
)


@table(*R7, *P1_P4, *P5, *P6, *P0)
def test_an_accurate_answer_is_inside_the_bound_and_outside_without_the_constant(
    constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_needed(constant, monkeypatch)


# ---------------------------------------------------------------- what no answer needs

MARGINS = (
    # n products and n sums that underflow lose 2n η₀; what is lost of b fits into the other 2 η₀.
    Constant(
        "P1 b read as zero",
        without(bounds.affine, "E + levels.flushed(b)", "E"),
        lambda: _affine([0], [0], 0.0, TINY / 2, F(0), Fraction(TINY) / 2),
    ),
    # W and η dW both lost are 2 η₀; with one of them lost nothing else is.
    Constant(
        "P6 W read as zero",
        without(bounds.updated, "E + levels.flushed(W) +", "E +"),
        lambda: _updated(1.0, TINY / 2, 0.0, 0.0, F(0), Fraction(TINY) / 2),
    ),
    # A rounding errs by u/(1 + u) at most, so both, of η dW and of the difference, by u (|W| + 2 |η dW|).
    Constant(
        "P6 u |η| |dW|",
        without(bounds.updated, "(magnitude + eta * size)", "magnitude"),
        _rounded_twice,
    ),
)


@table(*MARGINS)
def test_a_margin_is_part_of_the_bound(constant: Constant, monkeypatch: pytest.MonkeyPatch) -> None:
    require_margin(constant, monkeypatch)


def test_a_term_that_has_gone_is_an_error_and_not_a_test_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=r"affine has 0 times the term 'levels\.delta'"):
        without(bounds.affine, "levels.delta")(monkeypatch)
