"""Gradients on the tape, against fractions and formulas written down by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from flint import arb, arb_mat, ctx

from oracles.ball_tape import (
    MOST_BITS,
    Matrix,
    Number,
    Tape,
    accurately,
    at,
    back,
    columns,
    from_columns,
    ones,
)

X, Y = Fraction(3, 2), Fraction(-1, 4)


def _ball(number: Fraction) -> Any:
    return arb(number.numerator) / number.denominator


def _holds(ball: Any, number: Fraction) -> bool:
    """Whether a narrow ball holds a fraction, whatever its last digits."""
    difference = ball * number.denominator - number.numerator
    return bool(difference.contains(0) and difference.rad() < 1e-12)


def _gradient(function: Callable[..., Any], *points: Fraction) -> tuple[Any, list[Any]]:
    tape: Tape = []
    given = [Number(_ball(point), tape) for point in points]
    value = function(*given)
    value.adjoint = arb(1)
    back(tape)
    return value.value, [0 if number.adjoint is None else number.adjoint for number in given]


# What each operation gives, and its derivatives by x and by y, at X and Y.
ARITHMETIC: dict[str, tuple[Callable[..., Any], Fraction, Fraction, Fraction]] = {
    "x + y": (lambda x, y: x + y, X + Y, Fraction(1), Fraction(1)),
    "x + 2": (lambda x, y: x + 2 + 0 * y, X + 2, Fraction(1), Fraction(0)),
    "2 + x": (lambda x, y: 2 + x + 0 * y, X + 2, Fraction(1), Fraction(0)),
    "x - y": (lambda x, y: x - y, X - Y, Fraction(1), Fraction(-1)),
    "2 - y": (lambda x, y: 0 * x + (2 - y), 2 - Y, Fraction(0), Fraction(-1)),
    "-x": (lambda x, y: -x + 0 * y, -X, Fraction(-1), Fraction(0)),
    "x y": (lambda x, y: x * y, X * Y, Y, X),
    "3 y": (lambda x, y: 3 * y + 0 * x, 3 * Y, Fraction(0), Fraction(3)),
    "x / y": (lambda x, y: x / y, X / Y, 1 / Y, -X / Y**2),
    "x / 4": (lambda x, y: x / 4 + 0 * y, X / 4, Fraction(1, 4), Fraction(0)),
    "x x": (lambda x, y: x * x + 0 * y, X * X, 2 * X, Fraction(0)),
    "x / x": (lambda x, y: x / x + 0 * y, Fraction(1), Fraction(0), Fraction(0)),
    "(x y - 2) / (y + x x)": (
        lambda x, y: (x * y - 2) / (y + x * x),
        (X * Y - 2) / (Y + X * X),
        (Y * (Y + X * X) - (X * Y - 2) * 2 * X) / (Y + X * X) ** 2,
        (X * (Y + X * X) - (X * Y - 2)) / (Y + X * X) ** 2,
    ),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_sums_products_and_quotients_have_the_derivatives_of_fractions(name: str) -> None:
    function, *expected = ARITHMETIC[name]
    value, slopes = _gradient(function, X, Y)
    assert all(map(_holds, (value, *slopes), expected))


def test_a_wrong_derivative_is_not_held() -> None:
    _, (slope, _) = _gradient(lambda x, y: x / y, X, Y)
    assert not _holds(slope, 1 / Y + Fraction(1, 2**40))


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        ("exp", mpmath.exp),
        ("log", lambda x: 1 / x),
        ("sqrt", lambda x: 1 / (2 * mpmath.sqrt(x))),
    ],
)
def test_functions_of_a_number_have_the_derivatives_of_the_textbook(name: str, slope: Any) -> None:
    value, (found,) = _gradient(lambda x: getattr(x * x, name)(), X)
    x = mpmath.mpf(2.25)  # x * x, whose derivative is 2 x = 3
    assert float(value) == pytest.approx(float(getattr(mpmath, name)(x)), rel=1e-15)
    assert float(found) == pytest.approx(float(3 * slope(x)), rel=1e-15)


def test_a_logarithm_of_what_may_be_0_is_not_a_number() -> None:
    value, (slope,) = _gradient(lambda x: x.log(), Fraction(0))
    assert value.is_nan()
    assert slope.is_nan()
    assert at(lambda z: 1 / z, arb(0))[0].is_nan()


def test_a_hull_holds_both_values_and_any_derivative_between_theirs() -> None:
    value, (slope_x, slope_y) = _gradient(lambda x, y: (2 * x).hull(3 * y), X, Y)
    assert value.contains(_ball(2 * X))
    assert value.contains(_ball(3 * Y))
    for slope, ends in ((slope_x, (0, 1, 2)), (slope_y, (0, 1.5, 3))):
        assert all(slope.contains(end) for end in ends)
        assert slope.rad() < 1.6


# ---------------------------------------------------------------- matrices

# Entries of two by two matrices, in rows.
M = [[Fraction(1, 2), Fraction(-3)], [Fraction(5, 4), Fraction(2)]]
N = [[Fraction(7), Fraction(1, 8)], [Fraction(-2), Fraction(3, 2)]]


def _matrix(rows: list[list[Fraction]]) -> Any:
    return arb_mat(len(rows), len(rows[0]), [_ball(number) for row in rows for number in row])


def _holds_all(matrix: Any, rows: list[list[Fraction]]) -> bool:
    numbers = [number for row in rows for number in row]
    return all(_holds(ball, number) for ball, number in zip(matrix.entries(), numbers, strict=True))


def _total_and_back(node: Matrix, divisor: int = 1) -> Any:
    total = node.total(divisor)
    total.adjoint = ones(1, 1)
    back(total.tape)
    return total.value[0, 0]


def _times(left: list[list[Fraction]], right: list[list[Fraction]]) -> list[list[Fraction]]:
    return [
        [sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0)) for column in _turned(right)]
        for row in left
    ]


def _turned(rows: list[list[Fraction]]) -> list[list[Fraction]]:
    return [list(column) for column in zip(*rows, strict=True)]


ONES = [[Fraction(1)] * 2] * 2


def test_a_product_of_matrices_hands_on_what_the_textbook_says() -> None:
    """Of the sum of M N: 1 Nᵀ by M and Mᵀ 1 by N."""
    tape: Tape = []
    left, right = Matrix(_matrix(M), tape), Matrix(_matrix(N), tape)
    assert _holds(
        _total_and_back(left @ right), sum((sum(row, Fraction(0)) for row in _times(M, N)), Fraction(0))
    )
    assert _holds_all(left.adjoint, _times(ONES, _turned(N)))
    assert _holds_all(right.adjoint, _times(_turned(M), ONES))


def test_a_column_added_to_each_collects_from_each() -> None:
    tape: Tape = []
    left, column = Matrix(_matrix(M), tape), Matrix(_matrix([[Fraction(3)], [Fraction(5)]]), tape)
    node = left.plus_column(column)
    assert _holds_all(node.value, [[M[0][0] + 3, M[0][1] + 3], [M[1][0] + 5, M[1][1] + 5]])
    _total_and_back(node, 4)
    assert _holds_all(left.adjoint, [[Fraction(1, 4)] * 2] * 2)
    assert _holds_all(column.adjoint, [[Fraction(1, 2)]] * 2)


def test_a_function_of_entries_has_its_derivative_at_each() -> None:
    """Of z³ - w z, where w is another number for each entry: 3 z² - w."""
    tape: Tape = []
    node = Matrix(_matrix(M), tape)
    _total_and_back(node.entrywise(lambda z, w: z * z * z - w * z, [1.0, 2.0, 3.0, 4.0]), 2)
    weights = [[1, 2], [3, 4]]
    expected = [
        [(3 * z * z - w) / 2 for z, w in zip(*rows, strict=True)] for rows in zip(M, weights, strict=True)
    ]
    assert _holds_all(node.adjoint, expected)


def _mixed(column: list[Number], j: int) -> list[Number]:
    """a b and a + (j + 1) b of a column of two."""
    a, b = column
    return [a * b, a + (j + 1) * b]


def test_a_function_of_columns_whose_values_are_used_twice_adds_both_parts() -> None:
    """Of the sum of S S, where S has the columns (a b, a + b) and (c d, c + 2 d)."""
    tape: Tape = []
    node = Matrix(_matrix(M), tape)
    S = node.columnwise(_mixed)
    (a, c), (b, d) = M
    rows = [[a * b, c * d], [a + b, c + 2 * d]]
    assert _holds_all(S.value, rows)
    _total_and_back(S @ S)
    one, other = _times(ONES, _turned(rows)), _times(_turned(rows), ONES)
    (g, h), (k, l) = [[x + y for x, y in zip(*pair, strict=True)] for pair in zip(one, other, strict=True)]
    assert _holds_all(node.adjoint, [[g * b + k, h * d + l], [g * a + k, h * c + 2 * l]])


def test_a_column_is_pulled_back_anew_each_time() -> None:
    S = Matrix(_matrix(M), []).columnwise(_mixed)
    ((_, pulled_back),) = S.parents
    first, second = pulled_back(_matrix(ONES)), pulled_back(_matrix(ONES))
    assert first.entries() == second.entries()
    (a, c), (b, d) = M
    assert _holds_all(first, [[b + 1, d + 1], [a + 1, c + 2]])


def test_what_a_column_does_not_use_has_no_derivative() -> None:
    tape: Tape = []
    node = Matrix(_matrix(M), tape)
    _total_and_back(node.columnwise(lambda column, _: [column[1] * 3]))
    assert _holds_all(node.adjoint, [[Fraction(0)] * 2, [Fraction(3)] * 2])


def test_columns_are_taken_apart_and_put_together() -> None:
    taken = columns(
        _matrix([[Fraction(1), Fraction(2), Fraction(3)], [Fraction(4), Fraction(5), Fraction(6)]])
    )
    assert [[float(z) for z in column] for column in taken] == [[1, 4], [2, 5], [3, 6]]
    assert [float(z) for z in from_columns(taken).entries()] == [1, 2, 3, 4, 5, 6]


# ---------------------------------------------------------------- more bits for one entry


def _less_one(z: Any) -> Any:
    """(1 + z) - 1: of a small z, as many digits are lost as it is small."""
    return (1 + z) - 1


@pytest.mark.parametrize("power", [10, 100, 200, 900])
def test_what_cancels_is_evaluated_with_more_bits(power: int) -> None:
    with ctx.workprec(128):
        value, slope = accurately(_less_one, arb(2) ** -power * 1.375)
        assert (value - arb(2) ** -power * 1.375).is_zero()
        assert slope == 1
        assert ctx.prec == 128
        asked: list[int] = []

        def counted(x: Any) -> Any:
            asked.append(ctx.prec)
            return (1 + x).exp() - arb(1).exp()

        value, slope = accurately(counted, arb(2) ** -power)
        assert value.rel_accuracy_bits() >= 64
        assert asked == [128 * 2**i for i in range(len(asked))]
        assert asked[-1] <= max(128, 4 * power)


def test_where_more_bits_do_not_help_they_are_tried_once() -> None:
    wide, asked = arb(1, 2.0**-20), []

    def function(z: Any) -> Any:
        asked.append(ctx.prec)
        return z * z

    with ctx.workprec(256):
        value, slope = accurately(function, wide)
    assert asked == [256, 512]
    assert value.overlaps(arb(1))
    assert slope.overlaps(arb(2))
    asked.clear()
    with ctx.workprec(MOST_BITS):
        accurately(function, wide)
    assert asked == [MOST_BITS]


def test_what_is_exact_is_evaluated_once_and_what_does_not_exist_twice() -> None:
    asked = []

    def function(z: Any) -> Any:
        asked.append(ctx.prec)
        return 0 * z if z[0] > 0 else (z - z).log()

    with ctx.workprec(256):
        assert accurately(function, arb(1)) == (0, 0)
        assert asked == [256]
        assert all(ball.is_nan() for ball in accurately(function, arb(-1)))
    assert asked == [256, 256, 512]


def test_entries_have_more_bits_where_they_need_them() -> None:
    tape: Tape = []
    asked = []

    def function(z: Any) -> Any:
        asked.append(ctx.prec)
        return (1 + z).exp() - arb(1).exp()

    with ctx.workprec(128):
        given = Matrix(arb_mat(1, 2, [1, arb(2) ** -120]), tape)
        found = given.entrywise(function)
        found.adjoint = ones(1, 2)
        back(tape)
    assert asked == [128, 128, 256]
    for ball, z in zip(found.value.entries(), (1, 2.0**-120), strict=True):
        assert ball.rel_accuracy_bits() > 64
        with mpmath.workprec(600):
            exact = mpmath.exp(1 + mpmath.mpf(z)) - mpmath.e
            assert float(ball) == pytest.approx(float(exact), rel=1e-15)
    assert [float(slope) for slope in given.adjoint.entries()] == pytest.approx(
        [float(mpmath.e**2), float(mpmath.e)]
    )
