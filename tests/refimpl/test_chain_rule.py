"""C1, C2 and nestings of them: derivatives worked by hand, and against torch and mpmath on random ones."""

from __future__ import annotations

import math
from typing import Any

import exact_formulas as exact
import numpy as np
import pytest
from latex2mathml.converter import convert
from mpmath import mpf

from backproof.cases.compositions import draw_composition
from oracles.torch_chain import TorchChain
from refimpl import DTYPES
from refimpl.chain_rule import (
    Binary,
    ChainRule,
    Composition,
    Constant,
    Expression,
    InvalidExpressionError,
    OutsideDomainError,
    Unary,
    Variable,
    evaluate,
)
from refimpl.elementary_functions import BINARY_FUNCTIONS, UNARY_FUNCTIONS

pytestmark = pytest.mark.usefixtures("without_type_checks")

x = Variable()
EPS = float(np.finfo("float64").eps)
IN_BOTH_DTYPES = pytest.mark.parametrize("dtype", DTYPES)


def f(name: str, *arguments: Expression) -> Expression:
    return Unary(name, *arguments) if len(arguments) == 1 else Binary(name, *arguments)


def c(value: float) -> Constant:
    return Constant(value)


# ---------------------------------------------------------------- worked by hand

# Expression, x, y, dy/dx; dyadic numbers and powers of them, exact in both dtypes.
C1_BY_HAND = [
    (f("cube", f("square", x)), 2.0, 64.0, 192.0),  # x⁶, 6 x⁵
    (f("reciprocal", f("square", x)), 2.0, 0.25, -0.25),  # x⁻², -2 x⁻³
    (f("negate", f("reciprocal", x)), -4.0, 0.25, 0.0625),  # -1/x, 1/x²
    (f("sqrt", f("square", x)), -3.0, 3.0, -1.0),  # |x|: the outer factor is 1/6, at x² = 9 and not at -3
    (f("square", f("square", f("square", x))), 0.5, 2.0**-8, 2.0**-4),  # x⁸, 8 x⁷
    (f("exp", f("negate", f("square", x))), 0.0, 1.0, 0.0),  # e^(-x²)
    (f("log", f("square", x)), 1.0, 0.0, 2.0),  # 2/x
    (f("sin", f("negate", x)), 0.0, 0.0, -1.0),
    (f("sigmoid", f("cube", x)), 0.0, 0.5, 0.0),
]
C2_BY_HAND = [
    (f("multiply", x, x), 3.0, 9.0, 6.0),
    (f("add", x, x), 3.0, 6.0, 2.0),
    (f("subtract", x, x), 3.0, 0.0, 0.0),
    (f("divide", x, x), 3.0, 1.0, 0.0),
    (f("subtract", c(1.0), f("square", x)), 3.0, -8.0, -6.0),
    (f("multiply", f("square", x), f("cube", x)), 2.0, 32.0, 80.0),  # x⁵, 5 x⁴
    (f("divide", f("add", x, c(3.0)), f("square", x)), 1.0, 4.0, -7.0),  # (x² - 2 x (x + 3)) / x⁴
    (f("power", x, c(3.0)), 2.0, 8.0, 12.0),  # 3 x²
    (f("power", c(1.0), x), 5.0, 1.0, 0.0),  # log 1 = 0
    (f("add", f("multiply", x, f("reciprocal", x)), f("sin", f("subtract", x, x))), 4.0, 1.0, 0.0),
]
BY_HAND = C1_BY_HAND + C2_BY_HAND


@pytest.mark.parametrize(("expression", "at", "y", "dy"), BY_HAND, ids=[e.latex() for e, *_ in BY_HAND])
@IN_BOTH_DTYPES
def test_a_composition_worked_by_hand(
    dtype: str, expression: Expression, at: float, y: float, dy: float
) -> None:
    value, derivative = ChainRule().value_and_derivative(expression, np.dtype(dtype).type(at))
    eps = float(np.finfo(dtype).eps)
    assert (value, derivative) == (
        pytest.approx(y, rel=2 * eps, abs=0),
        pytest.approx(dy, rel=4 * eps, abs=eps),
    )
    assert (value.dtype, derivative.dtype) == (dtype, dtype)


def test_the_product_and_the_quotient_rule_follow_from_C2() -> None:
    # u = sin x, v = e^x at 0: u = 0, u' = 1, v = v' = 1; (uv)' = 1 and (u/v)' = 1.
    u, v = f("sin", x), f("exp", x)
    for name in ("multiply", "divide"):
        assert ChainRule().value_and_derivative(f(name, u, v), np.float64(0)) == (0.0, 1.0)


def test_x_to_the_x_has_both_paths() -> None:
    # x^x (1 + log x): at 1 it is 1, of which the exponent's path alone would give 0.
    assert ChainRule().value_and_derivative(f("power", x, x), np.float64(1)) == (1.0, 1.0)


@IN_BOTH_DTYPES
def test_x_and_constants_have_the_derivatives_1_and_0(dtype: str) -> None:
    at = np.array([1.0, -2.0, 0.1], dtype)
    value, derivative = ChainRule().value_and_derivative(x, at)
    assert (value.tolist(), derivative.tolist()) == (at.tolist(), [1.0, 1.0, 1.0])
    value, derivative = ChainRule().value_and_derivative(c(0.1), at)
    assert value.tolist() == [np.dtype(dtype).type(0.1)] * 3
    assert derivative.tolist() == [0.0, 0.0, 0.0]
    assert value.dtype == derivative.dtype == dtype


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)], ids=str)
@IN_BOTH_DTYPES
def test_each_point_of_an_array_has_its_own_derivative(dtype: str, shape: tuple[int, ...]) -> None:
    at = np.linspace(0.5, 2.0, math.prod(shape), dtype=dtype).reshape(shape)
    value, derivative = ChainRule().value_and_derivative(f("square", f("square", x)), at)
    assert np.shape(value) == np.shape(derivative) == shape
    assert np.asarray(derivative).dtype == np.asarray(value).dtype == dtype
    assert np.array_equal(derivative, np.asarray(4 * at**3, dtype)) or derivative == pytest.approx(
        4 * at**3, rel=4 * float(np.finfo(dtype).eps)
    )


def test_the_two_rules_are_products_and_a_sum_of_products() -> None:
    assert ChainRule().chain(3.0, -2.0) == -6.0
    assert ChainRule().two_variable_chain(3.0, -2.0, 0.5, 8.0) == -2.0


def test_the_outer_derivative_is_taken_at_u_and_not_at_x() -> None:
    square = UNARY_FUNCTIONS["square"]
    assert ChainRule().outer_derivative(square, np.float64(5.0), np.float64(3.0)) == 10.0


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        ("chain", lambda _self, dy_du, _du_dx: dy_du),
        ("two_variable_chain", lambda _self, dy_du, du_dx, _dy_dv, _dv_dx: dy_du * du_dx),
        ("outer_derivative", lambda _self, function, _u, at: function.derivative(at)),
    ],
)
def test_overriding_one_rule_changes_the_derivative_and_never_the_value(method: str, wrong: Any) -> None:
    expression = f("add", f("sin", f("square", x)), f("cube", x))
    changed = type("Changed", (ChainRule,), {method: wrong})()
    right = ChainRule().value_and_derivative(expression, np.float64(0.75))
    other = changed.value_and_derivative(expression, np.float64(0.75))
    assert other[0] == right[0]
    assert other[1] != right[1]


# ---------------------------------------------------------------- random nestings


class Magnitudes(ChainRule):
    """The sum of the magnitudes of everything that is added up: what a derivative is to be accurate to."""

    def chain(self, dy_du: Any, du_dx: Any) -> Any:
        return np.abs(dy_du) * np.abs(du_dx)

    def two_variable_chain(self, dy_du: Any, du_dx: Any, dy_dv: Any, dv_dx: Any) -> Any:
        return np.abs(dy_du) * np.abs(du_dx) + np.abs(dy_dv) * np.abs(dv_dx)


RANDOM = [draw_composition(7, index, "float64") for index in range(60)]


def test_random_compositions_use_every_function_there_is() -> None:
    used: set[str] = set()

    def visit(expression: Expression) -> None:
        if isinstance(expression, Unary | Binary):
            used.add(expression.name)
            for argument in expression.arguments:
                visit(argument)

    for composition in RANDOM:
        visit(composition.expression)
    assert used == UNARY_FUNCTIONS.keys() | BINARY_FUNCTIONS.keys()


def test_random_compositions_have_the_values_and_derivatives_of_torch_and_of_mpmath() -> None:
    # Values lie between 2^-10 and 16 at every step; each of the six at most loses some digits, not eight.
    for composition in RANDOM:
        expression, at = composition.expression, composition.x
        value, derivative = ChainRule().value_and_derivative(expression, at)
        _, size = Magnitudes().value_and_derivative(expression, at)
        with exact.working("float64"):

            def function(point: Any, expression: Expression = expression) -> Any:
                return evaluate(expression, exact.ELEMENTARY, point, mpf)

            truth = float(function(mpf(at))), float(exact.differentiated(function, 0)(mpf(at)))
        # torch's derivatives of tanh and sigmoid cancel where these are near 1: its error is not relative.
        torchs = TorchChain().value_and_derivative(expression, at)
        for expected, unit in ((truth, size), (torchs, max(size, 1.0))):
            assert value == pytest.approx(expected[0], rel=1e-8), expression.latex()
            assert derivative == pytest.approx(expected[1], rel=0, abs=1e-8 * unit), expression.latex()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("expression", "at", "message"),
    [
        (
            f("log", x),
            0.0,
            r"log: argument 0\.0 lies outside \(0, inf\); choose an x for which it lies inside",
        ),
        (f("log", f("negate", x)), 2.0, r"log: argument -2\.0 lies outside \(0, inf\)"),
        (f("sqrt", f("square", x)), 0.0, r"sqrt: argument 0\.0 lies outside \(0, inf\)"),
        (f("log1p", x), -1.0, r"log1p: argument -1\.0 lies outside \(-1, inf\)"),
        (f("tan", x), 2.0, r"tan: argument 2\.0 lies outside \(-1\.5708, 1\.5708\)"),
        (f("reciprocal", x), -0.0, r"reciprocal: argument -0\.0 lies outside \(-inf, 0\) and \(0, inf\)"),
        (
            f("divide", x, f("subtract", x, x)),
            2.0,
            r"divide: second argument 0\.0 lies outside \(-inf, 0\) and",
        ),
        (f("power", x, c(2.0)), -1.0, r"power: first argument -1\.0 lies outside \(0, inf\)"),
        (f("exp", f("exp", x)), 1000.0, r"exp: argument inf lies outside \(-inf, inf\)"),  # e^1000 overflows
        (f("add", x, f("exp", x)), 1000.0, r"add: second argument inf lies outside \(-inf, inf\)"),
        (f("sin", x), math.nan, r"sin: argument nan lies outside \(-inf, inf\)"),
    ],
)
def test_an_argument_outside_a_domain_is_refused(expression: Expression, at: float, message: str) -> None:
    with pytest.raises(OutsideDomainError, match=f"^{message}"):
        ChainRule().value_and_derivative(expression, np.float64(at))


def test_one_point_outside_is_enough_and_is_named() -> None:
    with pytest.raises(OutsideDomainError, match=r"^log: argument -3\.0 lies outside"):
        ChainRule().value_and_derivative(f("log", x), np.array([1.0, 2.0, -3.0]))


def test_a_result_that_overflows_is_infinite_and_warns_of_nothing() -> None:
    value, derivative = ChainRule().value_and_derivative(f("cube", x), np.float64(1e200))
    assert (value, derivative) == (math.inf, math.inf)
    # 1/u² overflows; beside it, the derivative of a constant is not defined in floats: 0 · ∞.
    value, derivative = ChainRule().value_and_derivative(f("reciprocal", x), np.float64(1e-200))
    assert (value, derivative) == (1e200, -math.inf)
    assert ChainRule().value_and_derivative(f("reciprocal", c(1e-200)), np.float64(1.0))[0] == 1e200


@pytest.mark.parametrize("at", [1, np.int64(1), np.float16(1), np.array([1 + 0j]), "1", None], ids=repr)
def test_a_point_of_another_dtype_is_refused(at: Any) -> None:
    with pytest.raises(
        InvalidExpressionError, match=r"^x has dtype .+; use float32 or float64, e\.g\. np\.float64"
    ):
        ChainRule().value_and_derivative(x, at)


def test_what_is_no_expression_is_refused() -> None:
    message = r"^sin: 2\.0 is not an expression; use Variable\(\) or Constant\(…\)$"
    with pytest.raises(InvalidExpressionError, match=message):
        Unary("sin", 2.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidExpressionError, match=r"^add: 'x' is not an expression; use"):
        Binary("add", x, "x")  # type: ignore[arg-type]
    with pytest.raises(InvalidExpressionError, match=r"^'x' is not an expression$"):
        Composition("x", np.float64(1))  # type: ignore[arg-type]


def test_a_constant_is_held_as_a_float() -> None:
    held = [Constant(value).value for value in (2, np.float32(0.5), 3.0)]  # type: ignore[arg-type]
    assert held == [2.0, 0.5, 3.0]
    assert {type(value) for value in held} == {float}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_a_constant_that_is_not_finite_is_refused(value: Any) -> None:
    with pytest.raises(InvalidExpressionError, match=r"^a constant must be a finite number, not "):
        Constant(value)


@pytest.mark.parametrize("value", ["1", None, True, 1j, [1.0]], ids=repr)
def test_a_constant_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidExpressionError, match=r"^a constant must be a number, not "):
        Constant(value)


@pytest.mark.parametrize("at", [1.0, 1, "1", np.array(1.0), np.float16(1), None], ids=repr)
def test_a_composition_takes_a_point_of_a_known_dtype_only(at: Any) -> None:
    if type(at) is float:
        at = np.longdouble(at)
    message = r"^x = .+ is not a number of a known dtype; use np\.float32\(…\) or np\.float64\(…\)$"
    with pytest.raises(InvalidExpressionError, match=message):
        Composition(x, at)


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf])
@IN_BOTH_DTYPES
def test_a_composition_takes_a_finite_point_only(dtype: str, at: float) -> None:
    with pytest.raises(InvalidExpressionError, match=rf"^x is {at}; it must be finite in {dtype}$"):
        Composition(x, np.dtype(dtype).type(at))


def nested(depth: int) -> Expression:
    expression: Expression = x
    for _ in range(depth):
        expression = f("sin", expression)
    return expression


def test_depth_and_size_are_counted_and_limited() -> None:
    assert (nested(64).depth, nested(64).size) == (64, 65)
    assert (f("add", f("sin", x), c(1.0)).depth, f("add", f("sin", x), c(1.0)).size) == (2, 4)
    with pytest.raises(InvalidExpressionError, match=r"^the expression is 65 deep; the most is 64$"):
        nested(65)
    full: Expression = x
    for _ in range(11):
        full = f("add", full, full)
    assert full.size == 4095
    with pytest.raises(
        InvalidExpressionError, match=r"^the expression is 8191 nodes large; the most is 4096$"
    ):
        f("add", full, full)


def test_expressions_are_values() -> None:
    assert f("add", x, c(1.0)) == f("add", Variable(), c(1))
    assert f("add", x, c(1.0)) != f("add", c(1.0), x)
    assert len({f("sin", x), f("sin", x), f("cos", x)}) == 2


def test_an_expression_is_evaluated_with_any_functions_of_the_same_names() -> None:
    spelled = {"sin": "sin({})".format, "add": "({} + {})".format}
    expression = f("add", f("sin", x), c(2.0))
    assert evaluate(expression, spelled, "t", lambda value: f"<{value}>") == "(sin(t) + <2.0>)"


# ---------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("expression", "latex"),
    [
        (x, "x"),
        (c(2.0), "2"),
        (c(-0.5), "-0.5"),
        (f("sin", f("multiply", c(2.0), x)), r"\sin\left(2 \cdot x\right)"),
        (f("square", x), "x^2"),
        (f("square", f("add", x, c(1.0))), r"\left(x + 1\right)^2"),
        (f("cube", f("square", x)), r"\left(x^2\right)^3"),
        (f("square", c(-1.0)), r"\left(-1\right)^2"),
        (f("negate", f("subtract", x, c(1.0))), r"-\left(x - 1\right)"),
        (f("subtract", x, f("subtract", x, c(1.0))), r"x - \left(x - 1\right)"),
        (f("multiply", f("add", x, c(1.0)), f("sin", x)), r"\left(x + 1\right) \cdot \sin\left(x\right)"),
        (f("divide", f("add", x, c(1.0)), x), r"\frac{x + 1}{x}"),
        (f("exp", f("negate", f("square", x))), r"e^{-\left(x^2\right)}"),
        (f("power", f("exp", x), x), r"\left(e^{x}\right)^{x}"),
        (f("log1p", f("negate", x)), r"\log\left(1 + \left(-x\right)\right)"),
    ],
)
def test_the_formula_of_an_expression_has_the_parentheses_it_needs(
    expression: Expression, latex: str
) -> None:
    assert expression.latex() == latex


@pytest.mark.parametrize("name", [*UNARY_FUNCTIONS, *BINARY_FUNCTIONS])
def test_the_formula_of_every_function_becomes_mathml(name: str) -> None:
    inner = f("subtract", x, c(-1.5))
    expression = f(name, inner) if name in UNARY_FUNCTIONS else f(name, inner, inner)
    assert "#" not in expression.latex()
    assert "\\" not in convert(expression.latex())


def test_a_constant_is_read_back_from_its_formula() -> None:
    for value in (0.1, 1e-7, 123456.789, 5e-324, 1e22):
        assert float(c(value).latex()) == value
