"""Every activation of the table against torch and mpmath; these tests find a new entry by themselves."""

from __future__ import annotations

import math
from typing import Any

import exact_formulas as exact
import numpy as np
import pytest
import torch
from mpmath import fdot, mpf
from refimpl_points import Parameters, drawn, label, sweep, with_parameters

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.deviations import deviations_of
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, DTYPES, Activation, ActivationSpec
from refimpl.domains import REALS
from refimpl.functions import Kink

EPS = float(np.finfo("float64").eps)
TORCH = TorchOracle()

ROWS = with_parameters(ACTIVATIONS)
ELEMENTWISE = [row for row in ROWS if ACTIVATIONS[row[0]].elementwise]
ALL = pytest.mark.parametrize(("name", "parameters"), ROWS, ids=label)
IN_BOTH_DTYPES = pytest.mark.parametrize("dtype", DTYPES)


def value_and_vjp(name: str, parameters: Parameters, Z: Any, G: Any) -> tuple[Any, Any]:
    """A and (∂A/∂Z)^T G by torch's autograd in float64, its declared deviations taken out."""
    z = torch.tensor(Z, dtype=torch.float64, requires_grad=True)
    a = TORCH.activations[name](z, **parameters)
    (vjp,) = torch.autograd.grad(a, z, torch.tensor(G, dtype=torch.float64))
    value, pulled_back = a.detach().numpy(), vjp.numpy()
    for deviation in deviations_of("torch"):
        if deviation.function == name:  # all of them elementwise so far
            with np.errstate(over="ignore"):
                value = value + deviation.value(Z.astype(np.float64), parameters)
                pulled_back = pulled_back + deviation.derivative(Z.astype(np.float64), parameters) * G
    return value, pulled_back


def assert_near(answer: Any, expected: Any) -> None:
    """Equal but for some units in the last place of the largest entry: torch's 1 - tanh² cancels."""
    assert np.max(np.abs(answer - expected)) <= 16 * EPS * max(1.0, np.max(np.abs(expected)))


def off_kinks(points: Any, entry: Activation, parameters: Parameters) -> Any:
    return points[~np.isin(points, [kink.at for kink in entry.kinks(parameters)])]


# ---------------------------------------------------------------- torch


@ALL
@pytest.mark.parametrize("seed", range(3))
def test_the_value_and_the_vjp_of_a_random_cotangent_are_torchs(
    name: str, parameters: Parameters, seed: int
) -> None:
    entry = ACTIVATIONS[name]
    Z, G = drawn(REALS, (4, 7), seed), np.random.default_rng(seed + 100).normal(size=(4, 7))
    value, vjp = value_and_vjp(name, parameters, Z, G)
    A = entry.value(Z, **parameters)
    assert_near(A, value)
    assert_near(entry.vjp(Z, A, G, **parameters), vjp)


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.elementwise])
def test_the_derivative_of_an_elementwise_activation_is_torchs(name: str) -> None:
    spec = ActivationSpec(name)
    Z = drawn(REALS, (3, 5), seed=9)
    value, derivative = value_and_vjp(name, spec.parameters, Z, np.ones_like(Z))
    assert spec.entry.derivative is not None
    assert_near(spec.entry.value(Z, **spec.parameters), value)
    assert_near(spec.entry.derivative(Z, **spec.parameters), derivative)


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if not entry.elementwise])
def test_the_vjp_of_an_activation_that_mixes_units_needs_all_of_the_cotangent(name: str) -> None:
    # So that a test with a cotangent that is zero but for one entry, or of ones, cannot have been enough.
    entry = ACTIVATIONS[name]
    Z = drawn(REALS, (3, 1), seed=2)
    A = entry.value(Z)
    columns = [entry.vjp(Z, A, np.eye(3)[:, [i]]) for i in range(3)]
    assert all(np.count_nonzero(c) > 1 for c in columns)


@ALL
def test_far_from_0_too_the_value_and_the_vjp_are_torchs(name: str, parameters: Parameters) -> None:
    entry = ACTIVATIONS[name]
    points = np.linspace(-12, 12, 97) + 1 / 32  # on both sides of the kinks that people put at 3, 6 or 10
    Z = columns_of(entry, np.concatenate([points, off_kinks(sweep("float64"), entry, parameters)]))
    G = np.random.default_rng(4).uniform(-1, 1, Z.shape)
    A = entry.value(Z, **parameters)
    for ours, theirs in zip(
        (A, entry.vjp(Z, A, G, **parameters)), value_and_vjp(name, parameters, Z, G), strict=True
    ):
        finite = np.isfinite(theirs)
        error = np.abs(ours[finite] - theirs[finite])
        size = np.maximum(1.0, np.abs(theirs[finite]))
        if entry.elementwise:  # where a framework's formula cancels, as its facts say
            facts = ACTIVATION_FACTS[name]
            with np.errstate(all="ignore"):
                scale = (facts.value if ours is A else facts.derivative)(Z, ours, parameters)
            size = np.fmax(size, np.broadcast_to(scale, Z.shape)[finite])
        assert np.all(error <= 16 * EPS * size)


# ---------------------------------------------------------------- mpmath, over all numbers of a dtype


def columns_of(entry: Activation, points: Any) -> Any:
    """The points as one row; for an activation that mixes units, as columns of three in several orders."""
    if entry.elementwise:
        return points[None, :]
    points = points[::3]  # each costs a column
    return np.vstack([points, np.roll(points, len(points) // 2), points[::-1]])


@ALL
@IN_BOTH_DTYPES
def test_nothing_warns_or_is_nan_or_changes_dtype_from_the_smallest_to_the_largest_number(
    dtype: str, name: str, parameters: Parameters
) -> None:
    # That nothing warns is checked by running at all: warnings are errors here.
    entry = ACTIVATIONS[name]
    Z = columns_of(entry, sweep(dtype))
    A = entry.value(Z, **parameters)
    ones = np.ones_like(Z)
    for answer in (A, entry.vjp(Z, A, ones, **parameters), entry.vjp(Z, A, -ones / 3, **parameters)):
        assert answer.dtype == dtype
        assert answer.shape == Z.shape
        assert not np.any(np.isnan(answer))
    if entry.derivative is not None:
        assert entry.derivative(Z, **parameters).dtype == dtype


@ALL
@IN_BOTH_DTYPES
def test_nothing_is_infinite_where_torch_in_float64_is_finite_and_representable(
    dtype: str, name: str, parameters: Parameters
) -> None:
    entry = ACTIVATIONS[name]
    Z = columns_of(entry, sweep(dtype))
    G = np.random.default_rng(1).uniform(-1, 1, Z.shape).astype(dtype)
    A = entry.value(Z, **parameters)
    for ours, theirs in zip(
        (A, entry.vjp(Z, A, G, **parameters)), value_and_vjp(name, parameters, Z, G), strict=True
    ):
        representable = np.abs(theirs) < float(np.finfo(dtype).max)
        assert np.all(np.isfinite(ours[representable]))


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "parameters"), [row for row in ROWS if row[0] in exact.ACTIVATIONS], ids=label
)
@IN_BOTH_DTYPES
def test_values_are_exact_but_for_the_roundings_of_an_accurate_evaluation(
    dtype: str, name: str, parameters: Parameters
) -> None:
    entry = ACTIVATIONS[name]
    Z = columns_of(entry, sweep(dtype))
    A = entry.value(Z, **parameters)
    with exact.working(dtype):
        for i, s in np.ndindex(Z.shape):
            exact.assert_accurate(
                exact.activation(name, i, **parameters), exact.column(Z[:, s]), A[i, s], dtype
            )


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "parameters"),
    [row for row in ELEMENTWISE if row[0] in exact.ACTIVATIONS],
    ids=label,
)
@IN_BOTH_DTYPES
def test_derivatives_are_exact_but_for_the_roundings_of_an_accurate_evaluation(
    dtype: str, name: str, parameters: Parameters
) -> None:
    entry = ACTIVATIONS[name]
    assert entry.derivative is not None
    Z = off_kinks(sweep(dtype), entry, parameters)[None, :]
    derivative = entry.derivative(Z, **parameters)
    with exact.working(dtype):
        slope = exact.differentiated(exact.activation(name, **parameters), 0)
        for z, answer in zip(Z[0], derivative[0], strict=True):
            exact.assert_accurate(slope, exact.column(z), answer, dtype)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in exact.ACTIVATIONS if not ACTIVATIONS[name].elementwise])
@IN_BOTH_DTYPES
def test_the_vjp_of_an_activation_that_mixes_units_is_exact_but_for_roundings_of_the_cotangent(
    dtype: str, name: str
) -> None:
    # (∂A/∂Z)^T G is a difference of means of G: it errs by roundings of G, not of itself.
    entry = ACTIVATIONS[name]
    Z = columns_of(entry, sweep(dtype))
    G = np.random.default_rng(3).normal(size=Z.shape).astype(dtype)
    answer = entry.vjp(Z, entry.value(Z), G)
    units, u = Z.shape[0], float(np.finfo(dtype).eps) / 2

    def product(*numbers: Any) -> Any:
        """A · G of one sample, from its z and then its g."""
        return fdot(exact.ACTIVATIONS[name](list(numbers[:units])), numbers[units:])

    with exact.working(dtype):
        for i, s in np.ndindex(Z.shape):
            arguments = exact.column([*Z[:, s], *G[:, s]])
            error = abs(mpf(float(answer[i, s])) - exact.differentiated(product, i)(*arguments))
            assert error <= exact.ACCURACY * units * u * float(np.max(np.abs(G[:, s])))


def test_a_derivative_that_cancels_near_saturation_is_seen() -> None:
    # What many programs have for σ'; at 17 every digit of 1 - tanh² is lost in float64.
    z = exact.column(17.0)
    with exact.working("float64"), pytest.raises(AssertionError, match="times as far from"):
        exact.assert_accurate(
            exact.differentiated(exact.activation("tanh"), 0), z, 1 - math.tanh(17.0) ** 2, "float64"
        )


def test_every_exact_formula_belongs_to_an_entry() -> None:
    assert exact.ACTIVATIONS.keys() <= ACTIVATIONS.keys()


@IN_BOTH_DTYPES
def test_a_slope_above_1_neither_spoils_nor_warns_where_it_is_not_taken(dtype: str) -> None:
    largest = np.finfo(dtype).max
    Z = np.array([[largest, largest / 4, -largest / 4, -largest]])
    A = ACTIVATIONS["leaky_relu"].value(Z, negative_slope=3.0)
    assert A.tolist() == [[largest, largest / 4, -largest / 4 * 3, -math.inf]]


# ---------------------------------------------------------------- ranges


@ALL
@IN_BOTH_DTYPES
def test_no_value_lies_outside_the_declared_range(dtype: str, name: str, parameters: Parameters) -> None:
    entry = ACTIVATIONS[name]
    random = drawn(REALS, (3, 2000), seed=5).astype(dtype)
    for Z in (columns_of(entry, sweep(dtype)), random, random / 50, random * 10):
        A = entry.value(Z, **parameters)
        outside = A[~np.isinf(A)]
        assert entry.range.contains(outside), f"{outside.min()} … {outside.max()} is not in {entry.range}"


# ---------------------------------------------------------------- kinks


def kinks() -> list[tuple[str, Parameters, Kink]]:
    return [
        (name, parameters, kink) for name, parameters in ROWS for kink in ACTIVATIONS[name].kinks(parameters)
    ]


def difference_quotient(entry: Activation, parameters: Parameters, kink: Kink, step: float) -> float:
    there, here = entry.value(np.array([[kink.at + step, kink.at]]), **parameters)[0]
    if kink.jump is not None:
        here = kink.jump[int(step > 0)]
    return float((there - here) / step)


@pytest.mark.parametrize(("name", "parameters", "kink"), kinks(), ids=label)
def test_the_sides_of_a_kink_are_the_one_sided_derivatives(
    name: str, parameters: Parameters, kink: Kink
) -> None:
    # A one-sided quotient is off by half the step times the curvature of that side.
    entry, step = ACTIVATIONS[name], 2.0**-20
    assert difference_quotient(entry, parameters, kink, -step) == pytest.approx(kink.left, abs=4 * step)
    assert difference_quotient(entry, parameters, kink, step) == pytest.approx(kink.right, abs=4 * step)


@pytest.mark.parametrize(("name", "parameters", "kink"), kinks(), ids=label)
@IN_BOTH_DTYPES
def test_the_derivative_at_a_kink_is_the_chosen_one_and_beside_it_that_of_the_side(
    dtype: str, name: str, parameters: Parameters, kink: Kink
) -> None:
    entry = ACTIVATIONS[name]
    assert entry.derivative is not None
    at = np.dtype(dtype).type(kink.at)
    Z = np.array([[np.nextafter(at, -np.inf, dtype=dtype), at, np.nextafter(at, np.inf, dtype=dtype)]])
    left, chosen, right = entry.derivative(Z, **parameters)[0]
    eps = float(np.finfo(dtype).eps)
    assert left == pytest.approx(kink.left, abs=4 * eps)
    assert chosen == pytest.approx(kink.chosen, abs=eps / 2)
    assert right == pytest.approx(kink.right, abs=4 * eps)


@pytest.mark.parametrize(("name", "parameters", "kink"), kinks(), ids=label)
def test_what_is_chosen_at_a_kink_lies_between_its_sides_which_differ(
    name: str, parameters: Parameters, kink: Kink
) -> None:
    low, high = sorted((kink.left, kink.right))
    assert low <= kink.chosen <= high
    if kink.jump is not None:
        assert kink.jump[0] != kink.jump[1]
        assert ACTIVATIONS[name].value(np.array([[kink.at]]), **parameters).item() in kink.jump
    assert low < high or 1.0 in parameters.values()  # leaky relu with slope 1 has none


@pytest.mark.parametrize(
    ("name", "parameters"),
    ELEMENTWISE,
    ids=label,
)
def test_no_kink_is_missing_from_the_table(name: str, parameters: Parameters) -> None:
    # Kinks of the functions people use lie at quarters, sixths or ± a parameter. They are looked for in the
    # values alone, since a wrong derivative could have missed the same kink.
    entry, step = ACTIVATIONS[name], 2.0**-20
    special = [sign * value for value in parameters.values() for sign in (-1, 1)]
    points = off_kinks(np.array([*np.arange(-96, 97) / 12, *special]), entry, parameters)
    before, here, after = entry.value(points + np.array([[-step], [0.0], [step]]), **parameters)
    jump = (after - here) / step - (here - before) / step
    assert np.max(np.abs(jump)) < 2.0**-14, points[np.argmax(np.abs(jump))]


@ALL
def test_numbers_of_the_callers_are_not_written_to(name: str, parameters: Parameters) -> None:
    entry = ACTIVATIONS[name]
    Z = drawn(REALS, (3, 4), seed=7)
    Z.setflags(write=False)
    A = entry.value(Z, **parameters)
    assert not np.shares_memory(A, Z)
    A.setflags(write=False)
    G = np.ones((3, 4))
    G.setflags(write=False)
    entry.vjp(Z, A, G, **parameters)
