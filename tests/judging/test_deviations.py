"""Declared deviations: each still shows, has the size it says, and excuses nothing but itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
import torch
from exact_values import distance, exact_activation, exact_terms, rounded
from judge_cases import Changed, case_of_z, changed, checks_of, drawn_case

from backproof.judging.allowance import Allowance
from backproof.judging.deviations import DEVIATIONS, Deviation, corrected, deviations_of
from backproof.judging.panel import Panel
from backproof.judging.rounding import precision
from backproof.judging.verdicts import Judgement
from oracles.ball_chain import BALL_DEVIATIONS
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ActivationSpec, Backprop, Case, LossSpec, Trace

EACH = pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.id)
NAMES = {"torch": torch, "jax": jax, "numpy": np}


def _run(line: str) -> float:
    """What the last of the statements in one line gives, with JAX's 64-bit types on."""
    *statements, expression = line.split("; ")
    names = dict(NAMES)
    with jax.enable_x64(True):
        for statement in statements:
            exec(statement, names)  # noqa: S102 - a line of our own table
        return float(eval(expression, names))  # noqa: S307


def _stale(deviation: Deviation) -> str:
    """Why a deviation's reproduction does not show it; empty if it does."""
    line, comment = deviation.reproduction.split("  # ")
    said = re.fullmatch(r"(\S+); exact (\S+)", comment)
    if said is None:
        return f"{deviation.id}: the comment {comment!r} must read 'what is answered; exact what is right'"
    answered, exact, found = float(said[1]), float(said[2]), _run(line)
    if abs(found - answered) > 1e-3 * abs(answered):
        return f"{deviation.id} no longer shows: found {found!r}, said {answered!r}; remove it"
    if abs(found - exact) < 1e-3 * abs(exact):
        return f"{deviation.id} is no deviation: {found!r} is the exact value"
    return ""


@EACH
def test_a_declared_deviation_still_shows(deviation: Deviation) -> None:
    assert not _stale(deviation)


@pytest.mark.parametrize(
    ("reproduction", "complaint"),
    [
        (
            "torch.tensor(20.5).exp().log1p() - 20.4  # 0; exact 0.1",
            r"no longer shows: found 0\.1.*remove it",
        ),
        ("torch.tensor(0.1)  # 0.1; exact 0.1", "is no deviation: 0.1.* is the exact value"),
        ("torch.tensor(0.1)  # wrong", "the comment 'wrong' must read"),
    ],
)
def test_a_stale_deviation_is_reported(reproduction: str, complaint: str) -> None:
    stale = replace(DEVIATIONS[0], reproduction=reproduction)
    assert re.match(f"torch-softplus-threshold:? {complaint}", _stale(stale))


def test_the_declared_deviation_of_jaxs_log1p_still_shows() -> None:
    (deviation,) = BALL_DEVIATIONS
    line, _ = deviation.reproduction.split("  # ")
    u = 2.0**-53
    size = abs(np.log1p(-0.4141892))
    assert 8 * u * size < abs(_run(line)) <= deviation.value_error * u * size


# ---------------------------------------------------------------- its size

REGIONS: dict[str, Any] = {
    "torch-softplus-threshold": (ActivationSpec("softplus"), np.linspace(20.001, 36, 200), None),
    "torch-celu-alpha": (ActivationSpec("celu", {"alpha": 2 / 3}), -np.linspace(0, 20, 200), None),
    "torch-hardsigmoid-sixth": (ActivationSpec("hardsigmoid"), np.linspace(-2.99, 2.99, 200), None),
    "torch-bce-clamp": (
        LossSpec("bce", "sum"),
        np.tile(10.0 ** -np.linspace(12.01, 300, 100), 3),
        np.repeat([0.0, 0.25, 1.0], 100),
    ),
    "jax-log1p": (
        LossSpec("bce", "sum"),
        np.tile(np.linspace(0.281, 0.529, 1000), 2),
        np.repeat([0.0, 0.25], 1000),
    ),
    "torch-gaussian-nll-clamp": (
        LossSpec("gaussian_nll", "sum", arrays={"variance": 10.0 ** -np.linspace(6.1, 12, 50)[None]}),
        np.linspace(-3, 4, 50),
        np.full(50, 0.5),
    ),
    "torch-soft-margin-overflow": (
        LossSpec("soft_margin", "sum"),
        np.concatenate([np.linspace(709.8, 900, 50), -np.linspace(709.8, 900, 50)]),
        np.repeat([-1.0, 1.0], 50),
    ),
}
"""Id → function, points of its region, targets."""


def _answers(deviation: Deviation) -> tuple[Any, Any, Any]:
    """What the oracle answers, what is exact, what E1 allows: each (value, derivative) over the region."""
    spec, points, targets = REGIONS[deviation.id]
    oracle: Any = TorchOracle() if deviation.oracle == "torch" else JaxOracle()
    allowance = Allowance(precision("float64").u, precision("float64").tiny)
    if targets is None:
        answered, exact = oracle.activation(spec, points), exact_activation(spec, points)
        values = (rounded(exact[0])[None], rounded(exact[1])[None])
        return answered, exact, allowance.activation(spec, points[None], *values)
    points, targets = points[None], targets[None]  # one output, and many samples
    answered, exact = oracle.loss_terms(spec, points, targets), exact_terms(spec, points, targets)
    values = (rounded(exact[0])[None], rounded(exact[1])[None])
    return answered, exact, allowance.loss(spec, points[None], *values, targets)


def _named(*, size_only: bool) -> Any:
    sized = [d for d in DEVIATIONS if d.overflow is None]
    named = [pytest.param(d, id=d.id) for d in sized if d.size_only == size_only]
    return pytest.mark.parametrize("deviation", named)


@pytest.mark.long
@_named(size_only=True)
def test_an_oracle_errs_by_more_than_accuracy_but_no_more_than_its_deviation_says(
    deviation: Deviation,
) -> None:
    spec, points, targets = REGIONS[deviation.id]
    arguments = (points, targets, spec.arguments)
    answered, exact, allowed = _answers(deviation)
    sizes = (deviation.value(*arguments), deviation.derivative(*arguments))
    off = [distance(*pair) for pair in zip(answered, exact, strict=True)]
    assert any((error > limit).any() for error, limit in zip(off, allowed, strict=True))
    for error, limit, size in zip(off, allowed, sizes, strict=True):
        assert (error <= limit + size).all()


@_named(size_only=False)
def test_an_oracle_is_accurate_once_its_deviation_is_taken_out_and_not_before(deviation: Deviation) -> None:
    spec, points, targets = REGIONS[deviation.id]
    arguments = (points, spec.parameters) if targets is None else (points, targets, spec.arguments)
    answered, exact, allowed = _answers(deviation)
    mended = corrected(deviation.oracle, deviation.function, *answered, *arguments)
    errors = [distance(*pair) for pair in zip(answered, exact, strict=True)]
    declared = [deviation.value(*arguments), deviation.derivative(*arguments)]
    assert any(np.any(sizes) for sizes in declared)
    for sizes, error, limit in zip(declared, errors, allowed, strict=True):
        assert (error > limit).any() == np.any(sizes)  # a deviation of the value, the derivative or both
    for before, after, truth, limit in zip(answered, mended, exact, allowed, strict=True):
        # Two more roundings: of the deviation's own formula, and of the sum.
        assert (distance(after, truth) <= limit + 2.0**-50 * np.abs(before) + 2.0**-50 * np.abs(after)).all()


OVERFLOWING = [pytest.param(d, id=d.id) for d in DEVIATIONS if d.overflow is not None]


@pytest.mark.parametrize("deviation", OVERFLOWING)
def test_an_oracle_overflows_where_its_deviation_says_and_the_exact_value_does_not(
    deviation: Deviation,
) -> None:
    assert deviation.overflow is not None
    spec, points, targets = REGIONS[deviation.id]
    answered, exact, allowed = _answers(deviation)
    assert (deviation.overflow(points, targets, spec.arguments) > np.log(np.finfo("float64").max)).all()
    assert not np.isfinite(answered).any()
    assert all(np.isfinite(rounded(truth)).all() for truth in exact)
    assert np.isfinite(allowed).all()
    mended = corrected(deviation.oracle, deviation.function, *answered, points, targets, spec.arguments)
    for after, truth, limit in zip(mended, exact, allowed, strict=True):
        assert (distance(after, truth) <= limit).all()
    # Nothing is excused by it: the allowance of its oracle is no wider.
    declared = Allowance(precision("float64").u, precision("float64").tiny, deviations=(deviation,))
    values = tuple(rounded(truth)[None] for truth in exact)
    for wide, limit in zip(declared.loss(spec, points[None, None], *values, targets), allowed, strict=True):
        assert np.array_equal(wide, limit)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("torch-softplus-threshold", (np.array([-50.0, 0.0, 20.0, 5.0]), {"beta": 1.0})),
        ("torch-softplus-threshold", (np.array([160.0, 80.0]), {"beta": 0.125})),
        ("torch-celu-alpha", (np.array([0.5, 3.0]), {"alpha": 2 / 3})),
        ("torch-celu-alpha", (np.array([-0.5, 0.0]), {"alpha": float(np.float32(2 / 3))})),
        ("torch-hardsigmoid-sixth", (np.array([-3.0, 3.0, 50.0]), {})),
        ("torch-bce-clamp", (np.array([1e-11, 0.5, 1 - 1e-11]), np.array([1.0, 0.3, 0.0]), {"weight": 1.0})),
        (
            "torch-gaussian-nll-clamp",
            (np.array([1.0, 3.0]), np.array([0.0, -2.0]), {"variance": np.array([1e-6, 4.0])}),
        ),
    ],
)
def test_outside_its_region_a_deviation_is_zero(name: str, arguments: tuple[Any, ...]) -> None:
    (deviation,) = (d for d in DEVIATIONS if d.id == name)
    assert not np.any(deviation.value(*arguments))
    assert not np.any(deviation.derivative(*arguments))


def test_deviations_are_those_of_the_oracles_named() -> None:
    assert {d.id for d in deviations_of("torch")} >= {"torch-softplus-threshold", "torch-bce-clamp"}
    assert deviations_of("reference", "truth") == ()
    assert deviations_of("reference", "torch") == deviations_of("torch")


# ---------------------------------------------------------------- what it excuses, through a panel

BEYOND = case_of_z([[20.5, 1.0], [25.0, 30.0]], "softplus", Y=0.5)
"""softplus in float64, three of four points where torch returns z itself."""


def _judged(implementation: Any, case: Case = BEYOND, jax_too: bool = False) -> Judgement:
    oracles = [TorchOracle(), JaxOracle()] if jax_too else [TorchOracle()]
    return Panel(implementation, oracles).judge([case])[0]


def test_softplus_beyond_the_threshold_is_a_known_deviation_of_torch() -> None:
    judgement = _judged(Backprop())
    assert judgement.verdict == "known deviation"
    known = [check for check in judgement.checks if check.verdict == "known deviation"]
    assert {check.reason for check in known} == {"torch-softplus-threshold"}
    local = {check.quantity for check in known if check.scope == "local"}
    assert local == {"A", "delta"}
    whole = {check.quantity for check in known if check.scope == "end to end"}
    assert whole >= {"A", "delta", "dW", "db", "dX", "W_updated", "b_updated"}


@pytest.mark.parametrize(
    "case",
    [
        case_of_z([[20.0, -25.0], [5.0, 0.0]], "softplus", Y=0.5),
        case_of_z([[20.5, 1.0], [25.0, 30.0]], "softplus", Y=0.5, dtype="float32"),
        case_of_z([[40.0, 50.0]], "softplus", Y=0.5),
    ],
    ids=["below the threshold", "too small for float32", "too small even for float64"],
)
def test_where_the_deviation_does_not_show_the_verdict_is_conforms(case: Case) -> None:
    assert _judged(Backprop(), case).verdict == "conforms"


def test_against_jax_alone_there_is_no_deviation() -> None:
    assert Panel(Backprop(), [JaxOracle()]).judge([BEYOND])[0].verdict == "conforms"


def test_a_prediction_below_torchs_clamp_is_a_known_deviation() -> None:
    judgement = _judged(Backprop(), case_of_z([[-40.0, -30.0]], "sigmoid", "bce", Y=1.0))
    assert judgement.verdict == "known deviation"
    assert {c.reason for c in judgement.checks if c.verdict == "known deviation"} == {"torch-bce-clamp"}


class _WeightGradientOff(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        return super().weight_gradient(delta, A_previous) * 1.001


class _SoftplusOff(Backprop):
    def activation(self, Z: Any, spec: ActivationSpec) -> Any:
        return super().activation(Z, spec) + 1e-8


class _ErrorOff(Backprop):
    def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return super().output_error(dA, Z, A, spec) * (1 + 1e-8)


@pytest.mark.parametrize(
    ("mistaken", "quantity"), [(_WeightGradientOff, "dW"), (_SoftplusOff, "A"), (_ErrorOff, "delta")]
)
def test_a_mistake_in_the_same_case_is_still_caught_where_it_is(
    mistaken: type[Backprop], quantity: str
) -> None:
    judgement = _judged(mistaken())
    assert judgement.verdict == "mismatch"
    assert {c.quantity for c in checks_of(judgement, scope="local") if c.verdict == "mismatch"} == {quantity}


def test_a_mistake_in_the_same_case_is_caught_end_to_end_where_only_gradients_are_offered() -> None:
    given = Changed(lambda trace: Trace(dW=tuple(W * 1.001 for W in trace.dW), db=trace.db))
    wrong = {check.quantity: check.verdict for check in checks_of(_judged(given))}
    assert wrong == {"dW": "mismatch", "db": "known deviation"}


def test_an_implementation_that_deviates_as_torch_does_is_not_excused() -> None:
    """The deviation is declared for torch. Held against jax, the same threshold is a mismatch."""
    thresholded = changed(A=lambda A: (np.where(BEYOND.X > 20, BEYOND.X, A[0]),))
    judgement = _judged(thresholded, jax_too=True)
    verdicts = {c.right: c.verdict for c in checks_of(judgement, "A", "local")}
    assert verdicts == {"torch": "conforms", "jax": "mismatch"}


def test_other_functions_of_a_network_with_a_deviation_are_judged_as_ever() -> None:
    """In a network with softplus at ordinary values, nothing is excused."""
    case = drawn_case(["softplus", "sigmoid"], dtype="float64")
    assert _judged(Backprop(), case).verdict == "conforms"
    assert _judged(changed(A=lambda A: (A[0] * (1 + 1e-9), A[1])), case).verdict == "mismatch"
