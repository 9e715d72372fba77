"""Every elementary function and its derivatives against mpmath and torch, over the whole of its domain."""

from __future__ import annotations

import math
from typing import Any

import exact_formulas as exact
import numpy as np
import pytest
import torch
from mpmath import mpf

from oracles.torch_chain import TorchChain
from refimpl import DTYPES, UnknownFunctionError
from refimpl.elementary_functions import (
    ABOVE_ZERO,
    BINARY_FUNCTIONS,
    EVERYWHERE,
    NOT_ZERO,
    UNARY_FUNCTIONS,
    BinaryFunction,
    Domain,
    UnaryFunction,
    find_function,
)

FUNCTIONS: dict[str, UnaryFunction | BinaryFunction] = {**UNARY_FUNCTIONS, **BINARY_FUNCTIONS}
EVERY_FUNCTION = pytest.mark.parametrize("name", FUNCTIONS)
IN_BOTH_DTYPES = pytest.mark.parametrize("dtype", DTYPES)

MAGNITUDES = [1e-6, 0.01, 0.125, 0.3, 0.5, 0.75, 0.99, 1.0, 1.01, 1.5, 1.57, 2.0, 3.0, 5.0, 9.0, 16.0, 30.0]


def points(domain: Domain, dtype: str) -> Any:
    """Both signs of those magnitudes as far as they lie in the domain."""
    numbers = np.array([*MAGNITUDES, 0.0, *(-m for m in MAGNITUDES)], dtype)
    return numbers[[any(part.contains(number) for part in domain) for number in numbers]]


def arguments(function: UnaryFunction | BinaryFunction, dtype: str) -> tuple[Any, ...]:
    """The points of the domain; of both domains, every pair."""
    if isinstance(function, UnaryFunction):
        return (points(function.domain, dtype),)
    u, v = (points(domain, dtype) for domain in function.domains)
    return tuple(np.ravel(grid) for grid in np.meshgrid(u, v[::3]))


def parts(function: UnaryFunction | BinaryFunction) -> list[Any]:
    """The value and the derivative by each argument."""
    if isinstance(function, UnaryFunction):
        return [function.value, function.derivative]
    return [function.value, function.by_first, function.by_second]


@pytest.mark.long
@EVERY_FUNCTION
@IN_BOTH_DTYPES
def test_values_and_derivatives_are_exact_but_for_the_roundings_of_an_accurate_evaluation(
    dtype: str, name: str
) -> None:
    function = FUNCTIONS[name]
    numbers = arguments(function, dtype)
    formula = exact.ELEMENTARY[name]
    with exact.working(dtype):
        formulas = [formula, *(exact.differentiated(formula, i) for i in range(len(numbers)))]
        for ours, expected in zip(parts(function), formulas, strict=True):
            with np.errstate(over="ignore"):  # as ChainRule has it: what overflows is infinite
                answers = ours(*numbers)
            assert answers.dtype == dtype
            for *place, answer in zip(*numbers, answers, strict=True):
                exact.assert_accurate(expected, exact.column(place), answer, dtype)


@EVERY_FUNCTION
def test_values_and_derivatives_are_torchs(name: str) -> None:
    function = FUNCTIONS[name]
    numbers = arguments(function, "float64")
    tensors = [torch.tensor(n, requires_grad=True) for n in numbers]
    value = TorchChain().functions[name](*tensors)
    cotangent = torch.tensor(np.random.default_rng(3).normal(size=numbers[0].shape))
    gradients = torch.autograd.grad(value, tensors, cotangent)
    answers = [f(*numbers) for f in parts(function)]
    assert answers[0] == pytest.approx(value.detach().numpy(), rel=1e-13, abs=1e-15)
    for answer, gradient in zip(answers[1:], gradients, strict=True):
        # torch's 1 - tanh² and σ(1 - σ) cancel: an absolute error.
        assert answer * cotangent.numpy() == pytest.approx(gradient.numpy(), rel=1e-12, abs=1e-15)


@EVERY_FUNCTION
@IN_BOTH_DTYPES
def test_single_numbers_keep_their_dtype_too(dtype: str, name: str) -> None:
    scalars = [numbers[0] for numbers in arguments(FUNCTIONS[name], dtype)]
    assert {np.asarray(f(*scalars)).dtype.name for f in parts(FUNCTIONS[name])} == {dtype}
    assert all(np.ndim(f(*scalars)) == 0 for f in parts(FUNCTIONS[name]))


def test_the_exact_formulas_are_of_functions_that_there_are() -> None:
    # A function without one would fail above: a derivative in this table is not taken on trust.
    assert exact.ELEMENTARY.keys() == FUNCTIONS.keys()


def test_a_wrong_derivative_is_seen() -> None:
    slope = exact.differentiated(exact.ELEMENTARY["cos"], 0)
    with exact.working("float64"), pytest.raises(AssertionError, match="times as far from"):
        exact.assert_accurate(slope, [mpf(2.0)], np.sin(2.0), "float64")


# ---------------------------------------------------------------- domains and tables


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (EVERYWHERE, [0.0, -1e308], [math.inf, -math.inf, math.nan]),
        (ABOVE_ZERO, [5e-324, 1e308], [0.0, -0.0, -5e-324, math.inf]),
        (NOT_ZERO, [5e-324, -5e-324], [0.0, -0.0, math.inf, -math.inf, math.nan]),
        (UNARY_FUNCTIONS["tan"].domain, [1.5707963267948963, -1.5], [math.pi / 2, -math.pi / 2, 2.0]),
        (UNARY_FUNCTIONS["log1p"].domain, [-0.9999999999999999, 0.0], [-1.0, -2.0]),
    ],
)
def test_a_domain_is_open_at_the_points_where_the_derivative_has_a_pole(
    domain: Domain, inside: list[float], outside: list[float]
) -> None:
    for numbers, expected in ((inside, True), (outside, False)):
        assert all(any(part.contains(n) for part in domain) == expected for n in numbers)


def test_a_function_is_found_by_its_name_or_refused_with_the_names_there_are() -> None:
    assert find_function(UNARY_FUNCTIONS, "unary", "sin") is UNARY_FUNCTIONS["sin"]
    with pytest.raises(
        UnknownFunctionError, match="unknown unary function 'add'; known: arcsinh, arctan, cos,"
    ):
        find_function(UNARY_FUNCTIONS, "unary", "add")
    with pytest.raises(
        UnknownFunctionError, match="unknown binary function 'sin'; known: add, divide, logaddexp,"
    ):
        find_function(BINARY_FUNCTIONS, "binary", "sin")
    for name in (None, 1, ["sin"]):
        with pytest.raises(UnknownFunctionError, match="unknown unary function"):
            find_function(UNARY_FUNCTIONS, "unary", name)


def test_names_are_those_of_the_tables_and_no_name_is_of_both() -> None:
    assert all(function.name == name for name, function in FUNCTIONS.items())
    assert not UNARY_FUNCTIONS.keys() & BINARY_FUNCTIONS.keys()
