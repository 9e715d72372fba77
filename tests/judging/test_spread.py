"""S1 and S2: how far a function can move within an interval, against exact values on a fine grid of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exact_values import (
    distance,
    exact_activation,
    exact_loss,
    exact_softmax_and_pull_back,
    exact_terms,
    rounded,
)
from judge_cases import case_of_z
from measuring import ends_of, oracle_of, targets_in

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.activation_rules import (
    softmax_spread,
    softmax_vjp_error,
)
from backproof.judging.allowance import Allowance
from backproof.judging.levels import levels_of
from backproof.judging.loss_facts import LOSS_FACTS
from backproof.judging.nonlinear import activated
from backproof.judging.panel import Panel
from backproof.judging.spread import activation_spread, loss_spread
from oracles.ball_losses import TERMS_OF_COLUMNS
from oracles.ball_oracle import BallOracle
from oracles.layout import Layout
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Backprop, LossSpec
from refimpl.domains import UNIT, OneHot

NO_ROUNDING = Allowance(u=0.0, tiny=0.0)
"""With no error of the function's own, what is left is how far it moves."""
ERRORS = [1e-14, 1e-9, 1e-4, 0.1, 3.0]
WITHIN = np.concatenate([np.linspace(-1, 1, 31), [-1 + 1e-6, 1 - 1e-6, 1e-3, -1e-3]])
"""Parts of E at which the interval is looked at."""
ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
SEPARABLE = [name for name, facts in LOSS_FACTS.items() if facts.derivative is not None]


WIDE_STEP = 2.0**-26
"""S2's own step near 0."""


def _centres(turns: Any, low: float = -8.0, high: float = 8.0) -> Any:
    """A grid, and points at and beside each turn."""
    beside = [turn + step for turn in turns for step in (0.0, 1e-6, -1e-5, 0.05)]
    return np.concatenate([np.linspace(low, high, 41), [-30.0, 30.0], beside])


def _of_activation(oracle: Any, spec: ActivationSpec, z: Any, E: Any) -> tuple[Any, Any]:
    """(E_A, E_σ') at one precision, without rounding errors."""
    z = np.asarray(z)
    with np.errstate(all="ignore"):  # as the judge does: what is infinite is an infinite bound
        spread = activation_spread(oracle, spec, z, np.broadcast_to(E, (1, *z.shape)), NO_ROUNDING)
    return spread[1][0], spread[3][0]


def _of_loss(oracle: Any, spec: LossSpec, a: Any, E: Any, y: Any) -> tuple[Any, Any]:
    """(E_ℓ, E_∂ℓ), likewise."""
    a = np.asarray(a)
    with np.errstate(all="ignore"):
        spread = loss_spread(oracle, spec, a, np.broadcast_to(E, (1, *a.shape)), np.asarray(y), NO_ROUNDING)
    return spread[1][0], spread[3][0]


def _moved(function: Any, centre: Any, inside: Any) -> list[Any]:
    """The largest |f(z') - f(z)| and |f'(z') - f'(z)| over z' along axis 0."""
    pairs = zip(function(centre), function(inside), strict=True)
    return [
        np.max(distance(rounded(there), np.broadcast_to(here, there.shape)), axis=0) for here, there in pairs
    ]


def _require_near(bound: Any, moved: Any, size: Any, E: float) -> None:
    """The bound holds, and is not much wider than what was seen between the ends of the interval."""
    last_digits = 2.0**-52 * size  # of the values, which are float64, that are subtracted here
    assert (moved <= bound + last_digits).all()
    # Between the points looked at the function moves a little further; S2 adds a share of its own step.
    assert (bound <= 1.2 * moved + 3e-8 * E * size + 8 * last_digits).all()


@pytest.mark.parametrize("E", ERRORS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_moves_by_no_more_than_its_spread_and_by_nearly_as_much(name: str, E: float) -> None:
    spec = ActivationSpec(name)
    kinks = [kink.at for kink in spec.entry.kinks(spec.parameters)]
    z = _centres([*map(float, ACTIVATION_FACTS[name].turns(spec.parameters)), *kinks])
    # A kink at the very end of the interval is in it, but is not looked at.
    z = z[~np.any([np.abs(np.abs(z - at) - E) <= 1e-5 * E for at in [*kinks, np.inf]], axis=0)]
    E_A, E_slope = _of_activation(BallOracle(), spec, z, E)
    inside = [*(z + WITHIN[:, None] * E * (1 - 1e-6))]
    inside += [np.clip(at + step, z - E, z + E) for at in kinks for step in (1e-9, -1e-9)]
    value, slope = _moved(lambda x: exact_activation(spec, x), z, np.array(inside))
    _require_near(E_A, value, np.abs(z) + 1, E)
    _require_near(E_slope, slope, 1.0, E)


def _loss_centres(spec: LossSpec) -> tuple[Any, Any]:
    """Predictions in the loss's domain, at and beside its turns and kinks too, each with every target."""
    domain, p = spec.entry.prediction_domain, spec.arguments
    y = np.array(targets_in(spec.entry.target_domain, (0.0, 0.3, 1.0)))
    if domain == UNIT:
        a = np.linspace(0.025, 0.975, 20)
    else:
        kinks = [kink.at for kink in spec.entry.kinks(y, p)]
        turns = np.ravel([*LOSS_FACTS[spec.name].turns(y, p), *kinks, y])
        a = _centres(turns[np.abs(turns) < 8])
        a = a[(domain.low <= a) & (a <= domain.high)]
    return np.tile(a, len(y)), np.repeat(y, len(a))


@pytest.mark.parametrize("E", ERRORS)
@pytest.mark.parametrize("name", SEPARABLE)
def test_a_loss_moves_by_no_more_than_its_spread_and_by_nearly_as_much(name: str, E: float) -> None:
    spec = LossSpec(name, "sum")
    domain = spec.entry.prediction_domain
    with np.errstate(divide="ignore"):  # a turn at infinity
        a, y = _loss_centres(spec)
    # A kink at the very end of the interval is in it, but is not looked at.
    ends = [np.abs(np.abs(a - kink.at) - E) <= 1e-5 * E for kink in spec.entry.kinks(y, spec.arguments)]
    a, y = (array[~np.any([*ends, np.zeros(a.shape)], axis=0)] for array in (a, y))
    E_loss, E_slope = _of_loss(BallOracle(), spec, a, E, y)

    reached = np.zeros(a.shape, bool)  # whether the interval holds a point at which the loss is infinite
    for end in (domain.low, domain.high):
        if np.isfinite(end):
            reached |= (np.abs(a - end) <= E) & np.isnan(rounded(exact_terms(spec, end + 0 * a, y)[0]))
    assert (np.isinf(E_loss) == reached).all()
    a, y, E_loss, E_slope = a[~reached], y[~reached], E_loss[~reached], E_slope[~reached]

    inside = np.clip(a + WITHIN[:, None] * E * (1 - 1e-6), domain.low, domain.high)
    value, slope = _moved(lambda x: exact_terms(spec, x, np.broadcast_to(y, x.shape)), a, inside)
    exact_value, exact_slope = exact_terms(spec, a, y)
    _require_near(E_loss, value, np.abs(rounded(exact_value)) + 1, E)
    _require_near(E_slope, slope, np.abs(rounded(exact_slope)) + 1, E)


def test_at_0_tanhs_slope_moves_by_the_square_of_the_error() -> None:
    """tanh'' is 0 at 0, so that a first-order bound would be 0; 1 - 1/cosh² E is E² (1 - …)."""
    E = 2.0**-12
    _, E_slope = _of_activation(oracle_of("torch"), ActivationSpec("tanh"), [[0.0]], E)
    assert E_slope.item() == pytest.approx(E**2, rel=1e-3)


@pytest.mark.parametrize(
    ("z", "slope"), [(0.0, 1.0), (1e-3, 1.0), (-1e-3, 1.0), (1.001e-3, 0.0), (-2e-3, 0.0)]
)
def test_a_kink_counts_for_exactly_the_intervals_that_reach_it(z: float, slope: float) -> None:
    _, E_slope = _of_activation(oracle_of("torch"), ActivationSpec("relu"), [[z]], 1e-3)
    assert E_slope.item() == pytest.approx(slope, rel=1e-4)


def test_an_exact_argument_stays_on_its_side_of_a_kink() -> None:
    _, E_slope = _of_activation(oracle_of("torch"), ActivationSpec("relu"), [[0.0, 5e-324, -5e-324]], 0.0)
    assert not E_slope.any()


@pytest.mark.parametrize("off", [0, 1])
def test_what_is_exact_for_one_side_may_be_off_for_another(off: int) -> None:
    E = np.zeros((2, 1))
    E[off] = 20.0
    _, E_slope = _of_activation(oracle_of("torch"), ActivationSpec("relu6"), [[10.0], [10.0]], E)
    assert E_slope.ravel().tolist() == [float(side == off) for side in (0, 1)]


def test_beside_a_kink_that_its_interval_does_not_reach_a_slope_does_not_move() -> None:
    _, E_slope = _of_activation(oracle_of("torch"), ActivationSpec("relu"), [[WIDE_STEP / 2]], 1e-14)
    assert E_slope.item() == 0.0


@pytest.mark.parametrize(("a", "y"), [(WIDE_STEP / 2, 1.0), (1e-30, 0.5), (1 - WIDE_STEP / 2, 0.0)])
def test_a_probability_near_an_end_known_to_a_few_roundings_has_a_sharp_bound(a: float, y: float) -> None:
    """The interval does not reach the end, where the loss is infinite; S2's wide step must not either."""
    E = 4 * 2.0**-53 * a
    E_loss, _ = _of_loss(oracle_of("torch"), LossSpec("bce", "sum"), [[a]], E, [[y]])
    moved = E * max(y / a, (1 - y) / (1 - a))  # E |∂ℓ/∂a|, but for its smaller term
    assert moved / 2 <= E_loss.item() <= 2 * moved


# ---------------------------------------------------------------- functions that mix units: V1 to V3

SIZES = pytest.mark.parametrize("E", [1e-9, 1e-3, 0.5, 4.0])
UNITS = 4


def _corners(E: Any) -> Any:
    """Every way to add E or -E to each of the units: that is where monotone functions have their extremes."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=UNITS))) * E


def _logits() -> Any:
    """Columns of logits: equal, close, one far above, all far apart."""
    return np.array([[0.0, 0, 0, 0], [1, 0.5, 0, -0.5], [9, 0, 1, -1], [30, 10, -10, -30]]).T


@SIZES
@pytest.mark.parametrize("parts", [(1, 1, 1, 1), (0, 1, 0.5, 2), (2, 0, 0.25, 0.01)], ids=str)
def test_softmax_moves_by_exactly_its_spread(E: float, parts: tuple[float, ...]) -> None:
    spec, z = ActivationSpec("softmax"), _logits()
    y = rounded(exact_softmax_and_pull_back(spec, z, z)[0])
    bound = softmax_spread(y, np.full_like(z, E) * np.array(parts)[:, None])
    moved = np.zeros_like(z)
    for corner in _corners(E * np.array(parts)):
        there, _ = exact_softmax_and_pull_back(spec, z + corner[:, None], z)
        moved = np.maximum(moved, np.abs(rounded(there) - y))
    assert (moved <= bound * (1 + 1e-6) + 2.0**-52 * y).all()
    assert (bound <= moved * (1 + 1e-6) + 2.0**-51 * y).all()


@SIZES
def test_softmaxs_backward_moves_by_no_more_than_its_rule_says(E: float) -> None:
    spec, z, E_g = ActivationSpec("softmax"), _logits(), 0.01 * E
    g = np.cos(np.arange(16.0)).reshape(4, 4)
    y, here = map(rounded, exact_softmax_and_pull_back(spec, z, g))
    E_y = softmax_spread(y, np.full_like(z, E))
    bound = softmax_vjp_error(y, E_y, g, np.full_like(g, E_g), 0.0, 0.0, 0.0)
    moved = np.zeros_like(z)
    for corner in _corners(E):
        there = exact_softmax_and_pull_back(spec, z + corner[:, None], g + 0.01 * corner[::-1, None])[1]
        moved = np.maximum(moved, np.abs(rounded(there) - here))
    assert (moved <= bound * (1 + 1e-6) + 2.0**-50 * np.abs(here)).all()
    spread_out = slice(0, 2)  # where one unit has all the weight, δ nearly vanishes and the rule is coarse
    assert (bound.max(axis=0)[spread_out] <= 15 * moved.max(axis=0)[spread_out]).all()


def _column_losses() -> list[LossSpec]:
    """Every loss of columns: at its defaults, and each parameter at the ends of where it is drawn."""
    found = []
    for name in TERMS_OF_COLUMNS:
        given = [{p.name: end} for p in LOSSES[name].parameters for end in ends_of(p.drawn)]
        found += [LossSpec(name, "sum", each) for each in ({}, *given)]
    return found


# How many times what was seen at the corners a bound may be, where one knows it to be sharp.
SHARP = {"cross_entropy_with_logits": 4}


@SIZES
@pytest.mark.parametrize("spec", _column_losses(), ids=lambda s: f"{s.name}-{dict(s.parameters)}")
def test_a_loss_of_columns_moves_by_no_more_than_its_rule_says(spec: LossSpec, E: float) -> None:
    z = _logits() + 0.25
    y = np.array([[0.5, 0, 1, 0.25], [0.25, 0, 0, 0.25], [0.25, 1, 0, 0.25], [0, 0, 0, 0.5]])
    if isinstance(spec.entry.target_domain, OneHot):
        y = np.eye(4)[:, [0, 2, 0, 3]]
    elif not spec.entry.classes:
        y += z[::-1]
    rule = LOSS_FACTS[spec.name].rule
    with np.errstate(all="ignore"):
        terms, E_terms, slope, E_slope = rule(z, np.full_like(z, E), y, spec.arguments, 0.0, 0.0)
    scale = spec.entry.divisor("sum", *z.shape)
    loss_moved, slope_moved = 0.0, np.zeros_like(z)
    for corner in _corners(E):
        loss, gradient = exact_loss(spec, z + corner[:, None], y)
        loss_moved = max(loss_moved, abs(float(rounded(loss)) * scale - terms.sum()))
        slope_moved = np.fmax(slope_moved, np.abs(rounded(gradient) * scale - slope))
    assert loss_moved <= E_terms.sum() + 1e-12
    assert (slope_moved <= E_slope * (1 + 1e-6) + 1e-13).all()
    assert loss_moved > 0
    if spec.name in SHARP:
        assert E_terms.sum() <= SHARP[spec.name] * loss_moved
        assert (E_slope <= SHARP[spec.name] * slope_moved + 1e-12).all()


# ---------------------------------------------------------------- arguments that round onto a kink


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "kink", "towards"),
    [
        ("hardsigmoid", 3.0, 0.0),
        ("hardswish", 3.0, 0.0),
        ("sparse_sigmoid", 1.0, 0.0),
        ("sparse_sigmoid", 1.0, 2.0),
    ],
)
def test_beside_a_kink_onto_which_z_plus_a_number_rounds_either_slope_is_allowed(
    name: str, kink: float, dtype: str, towards: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JAX clips z + 3: the number just below 3 gives 6, and the kink's slope; torch compares z itself.

    Of sparse_sigmoid torch clips z + 1, too, and shows the slope left of 1 nowhere near it.
    """
    z = np.nextafter(np.dtype(dtype).type(kink), np.dtype(dtype).type(towards))
    case = case_of_z([[z]], name, dtype=dtype)
    panel = Panel(Backprop(), [oracle_of("torch"), oracle_of("jax")])
    assert panel.judge([case])[0].verdict != "mismatch"
    monkeypatch.setitem(ACTIVATION_FACTS, name, replace(ACTIVATION_FACTS[name], argument=None))
    assert panel.judge([case])[0].verdict == "mismatch"


def test_an_uncertain_arguments_own_rounding_grows_with_its_error() -> None:
    """z + 3 is rounded at z', up to E away: at 2.5 + 0.5, not at 2.5, and that is what reaches the kink."""
    u, z = 2.0**-24, np.array([[2.5]])
    E = 0.5 - 5.6 * u
    assert E + u * (z + 3) < 0.5 < E + u * (z + E + 3)
    allowance, spec = Allowance(u=u, tiny=0.0), ActivationSpec("hardsigmoid")
    *_, E_slope = activation_spread(oracle_of("torch"), spec, z, np.full((1, 1, 1), E), allowance)
    assert E_slope.item() >= 1 / 6


def test_what_multiplies_an_underflown_factor_is_the_farthest_argument() -> None:
    """silu's slope multiplies σ by 1 + z (1 - σ), with z up to 100 away from 0."""
    layout, Z = Layout([(1, 1)]), np.zeros(1)
    E = np.full((2, 1), 100.0)
    found = activated(levels_of("float32"), oracle_of("torch"), [ActivationSpec("silu")], layout, Z, E)
    assert (found.underflows >= 2 + 100).all()
