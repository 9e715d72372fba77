"""The answers of one vector: exact values by ball arithmetic, and the judge's bounds about them.

The steps of an activation and of a loss are bounded on the given numbers, as the judge bounds them locally
(P2, P3, P8 with exact arguments: L2); a layer and a network by the errors carried through (P1 to P7). The
bounding functions are the truth's own, so that a vector does not depend on what frameworks are installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, NamedTuple

import numpy as np

from backproof.judging import bounds
from backproof.judging.batch import Batch
from backproof.judging.decide import RESOLUTION
from backproof.judging.levels import levels_of
from backproof.judging.nonlinear import activated, backward_activation, loss_errors, pulled_back
from backproof.judging.rounding import precision
from oracles.ball_oracle import BallOracle, Enclosure, TruthTrace
from oracles.layout import Layout
from refimpl import QUANTITIES, ActivationSpec, Case, Layer, LossSpec, Network, Trace

_TRUTH = BallOracle()
_NARROW = 2.0**-10
"""How wide a ball may be at most, relative to the bound, unless it is the hull of both sides of a kink."""
_SUBNORMAL = float(np.finfo(np.float64).smallest_subnormal)
_FAR = 2.0**100
"""Beyond every activation of the numbers that are drawn, so that the sign of the difference is known."""


class Answers(NamedTuple):
    """What a vector answers."""

    quantities: Mapping[str, tuple[Enclosure, Any]]
    """Name → the exact values and the bounds about them, matrices."""
    on_a_kink: bool
    """Whether some exact value is an interval, beside which its bound is narrow or nothing."""
    underflow: float
    """The most that the bound of a tensor of zeros may be: see J2."""


def activation_answers(spec: ActivationSpec, Z: Any, dA: Any) -> Answers:
    """A = σ(Z) and δ = (∂A/∂Z)^T dA of given Z and dA, (n, m).

    They are the hidden layer's of a network whose W[2] is the identity, so that δ[2] = dA.
    """
    units, (eye, zeros) = len(Z), _identity(len(Z), Z.dtype)
    hidden = Layer(eye, zeros, spec)
    last = Layer(eye, zeros, ActivationSpec("identity"))
    case = Case(Network((hidden, last), LossSpec("half_squared_error", "sum")), Z, np.zeros_like(Z))
    given = Trace(Z=(Z, dA), A=(np.zeros((units, Z.shape[1])), Z), delta=(dA, dA))
    levels, layout = levels_of(Z.dtype, exact=True), Layout([Z.shape])
    z, g = layout.flat([Z]), layout.flat([dA])
    with np.errstate(all="ignore"):
        at = activated(levels, _TRUTH, [spec], layout, z, levels.flushed(z))
        E_delta = backward_activation(levels, at, g, levels.flushed(g))
    found = {"A": (1, layout.view(at.E_A[0], 0)), "delta": (1, layout.view(E_delta[0], 0))}
    return _answers(_TRUTH.enclosed_steps(case, given, _matters(case, found)), Z.dtype, found)


def loss_answers(spec: LossSpec, A: Any, Y: Any, output: ActivationSpec) -> Answers:
    """The loss of predictions A and dA = ∂L/∂A, (n, m); `output` is any activation whose values it takes."""
    units, samples = A.shape
    layer = Layer(np.zeros((units, 1), A.dtype), np.zeros((units, 1), A.dtype), output)
    case = Case(Network((layer,), spec), np.zeros((1, samples), A.dtype), Y)
    levels, batch = levels_of(A.dtype, exact=True), Batch([case])
    predictions = batch.outputs.flat([A])
    with np.errstate(all="ignore"):
        errors = loss_errors(levels, _TRUTH, batch, predictions, levels.flushed(predictions))
    found = {"loss": (1, errors.E_loss[0].reshape(1, 1)), "dA": (1, batch.outputs.view(errors.E_g[0], 0))}
    truth = _TRUTH.enclosed_steps(case, Trace(A=(A,)), _matters(case, found))
    return _answers(truth, A.dtype, found)


def layer_answers(layer: Layer, X: Any, basis: Any, signs: Any) -> tuple[Any, Answers]:
    """The cotangent dA = basis^T signs, (n, m), and what the layer answers for it.

    `basis` (k, n) has numbers so short that dA is exact, `signs` (k, m) are ±1. A second layer with W[2] =
    basis under Σ|a - y| makes it: with y far away on the right side, ∂L/∂A[2] = signs whatever A is.
    """
    dtype, (units, samples) = X.dtype, (layer.outputs, X.shape[1])
    second = Layer(basis, np.zeros((len(basis), 1), dtype), ActivationSpec("identity"))
    targets = (-_FAR * signs).astype(dtype)
    case = Case(Network((layer, second), LossSpec("l1", "sum")), X, targets)
    dA = basis.T.astype(np.float64) @ signs
    levels, batch = levels_of(dtype, about_centre=True, exact=True), Batch([case])
    below, layout = batch.layouts[0], batch.layouts[1]
    weights, biases, W, x = batch.weight_layouts[0], batch.bias_layouts[0], batch.W[0], batch.X
    b, g, E_x = layout.columns(batch.b[0]), layout.flat([dA]), levels.flushed(batch.X)
    with np.errstate(all="ignore"):  # overflow and the like end as infinite bounds
        Z = layout.products(W.views, below.views(x), ()) + b
        E_Z = bounds.affine(levels, W, below, x, E_x, b, layout)
        at = activated(levels, _TRUTH, [layer.activation], layout, Z, E_Z)
        E_delta = backward_activation(levels, at, g, levels.flushed(g))
        delta = pulled_back(at, g)
        errors = {
            "Z": (E_Z, layout),
            "A": (at.E_A, layout),
            "delta": (E_delta, layout),
            "dW": (
                bounds.weight_gradient(levels, (layout, below), delta, E_delta, x, E_x, weights),
                weights,
            ),
            "db": (bounds.bias_gradient(levels, layout, delta, E_delta), biases),
            "dX": (bounds.transposed(levels, W, layout, delta, E_delta, below), below),
        }
        found = {name: (1, of.view(E[0] + E[-1], 0)) for name, (E, of) in errors.items()}
    assert dA.shape == (units, samples)
    truth = _TRUTH.enclosed(case, _matters(case, found))
    return dA.astype(dtype), _answers(truth, dtype, found)


def network_answers(case: Case) -> Answers:
    """Every quantity of the case: those of layer l are called by its name and l, such as dW1."""
    levels = levels_of(case.dtype, 2, about_centre=True, exact=True)
    errors = bounds.propagated(case, _TRUTH, levels)
    found: dict[str, tuple[int, Any]] = {}
    with np.errstate(all="ignore"):
        for quantity, per_layer in QUANTITIES.items():
            layers = errors[quantity] if per_layer else [errors[quantity]]
            for l, E in enumerate(layers, start=1):
                total = np.atleast_2d(E[0] + E[-1])
                found[f"{quantity}{l}" if per_layer else quantity] = (l, total)
    return _answers(_TRUTH.enclosed(case, _matters(case, found)), case.dtype, found)


def _matters(case: Case, found: Mapping[str, tuple[int, Any]]) -> dict[str, list[Any]]:
    """How precise the exact values must be: as the bounds found are; of what is not asked for, not at all."""
    depth, tiny = case.network.depth, precision(case.dtype).tiny
    matters: dict[str, list[Any]] = {"dA": [np.float64(np.inf)]}
    for quantity, per_layer in QUANTITIES.items():
        matters[quantity] = [np.float64(np.inf)] * (depth if per_layer else 1)
    for name, (layer, bound) in found.items():
        matters[name.rstrip("0123456789")][layer - 1] = np.nan_to_num(bound, nan=np.inf) + tiny
    return matters


def _identity(units: int, dtype: Any) -> tuple[Any, Any]:
    return np.eye(units, dtype=dtype), np.zeros((units, 1), dtype)


def _answers(truth: TruthTrace, dtype: Any, found: Mapping[str, tuple[int, Any]]) -> Answers:
    """The names found, each with its layer and bound, beside the exact values."""
    quantities = {
        name: (truth.quantities[name.rstrip("0123456789")][layer - 1], bound)
        for name, (layer, bound) in found.items()
    }
    # A number may lie on a kink of a formula's parts that is none of the whole, as z = 0 of z/(1 + |z|).
    on_a_kink = any(bool(np.any(_is_hull(*answer))) for answer in quantities.values())
    return Answers(quantities, on_a_kink, precision(dtype).tiny * 2.0**20)


def _is_hull(exact: Enclosure, bound: Any) -> Any:
    """For each entry whether the exact value is the interval between the sides of a kink."""
    with np.errstate(invalid="ignore"):
        return np.isfinite(exact.radius) & (exact.radius > _NARROW * bound + _SUBNORMAL)


# ---------------------------------------------------------------- as numbers in a file


def usable_samples(answers: Answers, *, kinks: bool) -> Any:
    """For each sample (column) whether it is usable in every quantity that has a column for each sample."""
    parts = [_usable(*answer, answers, kinks=kinks) for answer in answers.quantities.values()]
    samples = max(part.shape[1] for part in parts)
    return np.logical_and.reduce([np.all(part, axis=0) for part in parts if part.shape[1] == samples])


def usable(answers: Answers, *, kinks: bool) -> bool:
    """Whether every entry of the answers says something; `kinks` says whether some may lie on a kink."""
    return all(bool(np.all(_usable(*answer, answers, kinks=kinks))) for answer in answers.quantities.values())


def _usable(exact: Enclosure, bound: Any, answers: Answers, *, kinks: bool) -> Any:
    """For each entry whether value and bound are known and finite, and the bound resolves the value.

    As the judge has it (J2): a bound of more than 1 % of the largest value says nothing. On a kink it is as
    wide as what is right; that is worth asking of a function on its own kinks, but blurs a whole network.
    """
    hull = _is_hull(exact, bound)
    largest = np.max(np.abs(np.nan_to_num(exact.high, nan=0.0, posinf=0.0, neginf=0.0)))
    widest = RESOLUTION * largest if largest > 0 else answers.underflow
    resolved = (bound <= widest) & np.isfinite(exact.radius) & ~hull
    return np.isfinite(exact.high) & np.isfinite(bound) & (resolved | (hull & kinks))


def written(exact: Enclosure, bound: Any) -> dict[str, Any]:
    """The answer as JSON values: the exact value rounded to double, and the bound about that.

    T2: on a kink the exact value is an interval; its middle is the value, half its width is in the bound.
    """
    # Each addition may lose half an ulp, and so may |x - value| where it is checked.
    total = (bound + np.abs(exact.low) + exact.radius) * (1 + 2.0**-50)
    return {
        "shape": list(exact.high.shape),
        "value": exact.high.reshape(-1).tolist(),
        "bound": [_four_digits(each) for each in total.reshape(-1).tolist()],
    }


_FOUR = Context(prec=4, rounding=ROUND_CEILING)


def _four_digits(bound: float) -> float:
    """The next decimal of four digits that is not less, as a double."""
    return float(_FOUR.plus(Decimal(bound)))
