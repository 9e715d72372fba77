"""Exact values for the tests of the judge: every function by its definition in ball arithmetic (FLINT's Arb).

No derivative is written down: power series carry them. A ball holds the exact real number, and its radius is
checked to be negligible when it is rounded, so that what comes out is the exact value rounded once. The
formulas are those of the truth oracle; the network and its derivatives are not. For tiny networks: each
derivative costs one pass over the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import flint
import numpy as np
from flint import arb, arb_series

from oracles.ball_activations import ELEMENTWISE, OF_COLUMNS
from oracles.ball_losses import TERMS, TERMS_OF_COLUMNS, divisor
from refimpl import QUANTITIES, ActivationSpec, Case, LossSpec, Trace

BITS = 1200
"""Twice what 1 + 2^-600 needs: enough for tanh at the smallest normal number of float64, where it cancels."""

P = ParamSpec("P")
T = TypeVar("T")


def precise(function: Callable[P, T]) -> Callable[P, T]:
    """The function, with FLINT's precision set for the call and put back afterwards."""

    @wraps(function)
    def at_full_precision(*arguments: P.args, **keywords: P.kwargs) -> T:
        with flint.ctx.workprec(BITS):
            return function(*arguments, **keywords)

    return at_full_precision


# ---------------------------------------------------------------- arrays of exact numbers


def _series(number: Any, slope: int = 0) -> Any:
    return arb_series([arb(float(number)) if not isinstance(number, arb) else number, arb(slope)], prec=2)


_constants = np.frompyfunc(_series, 1, 1)
_variables = np.frompyfunc(lambda number: _series(number, 1), 1, 1)
_values = np.frompyfunc(lambda series: series[0], 1, 1)
_slopes = np.frompyfunc(lambda series: series[1], 1, 1)


def _exact(number: Any) -> Any:
    return arb(float(number))


exact = np.frompyfunc(_exact, 1, 1)
"""The numbers of an array, exactly."""


@precise
def rounded(array: Any, dtype: Any = np.float64) -> Any:
    """The nearest numbers of float64, then of `dtype`: 0 and infinity beyond their range, NaN for none."""

    def one(ball: Any) -> float:
        if not ball.is_finite():
            return float("nan")
        assert arb(ball.rad()) <= abs(ball.mid()) * arb(2) ** -90 + arb(2) ** -1150, "more BITS are needed"
        return float(ball.mid())

    with np.errstate(over="ignore"):
        return np.asarray(np.frompyfunc(one, 1, 1)(array), dtype=np.float64).astype(dtype)[()]


@precise
def distance(answer: Any, truth: Any) -> Any:
    """|answer - truth| as float64, for an array of floats; infinite where the answer is not finite."""
    finite = np.isfinite(answer)
    return np.where(finite, rounded(abs(exact(np.where(finite, answer, 0.0)) - truth)), np.inf)


@precise
def exact_activation(spec: ActivationSpec, points: Any) -> tuple[Any, Any]:
    """(σ, σ') of an elementwise activation at an array of numbers."""
    series = _activated(spec, _variables(points))
    return _values(series), _slopes(series)


@precise
def exact_terms(spec: LossSpec, points: Any, targets: Any) -> tuple[Any, Any]:
    """(ℓ, ∂ℓ/∂a) of a loss that is a sum of terms; NaN where it is infinite."""
    names = list(spec.arguments)
    function = np.frompyfunc(
        lambda a, y, *rest: TERMS[spec.name](a, float(y), **dict(zip(names, map(float, rest), strict=True))),
        2 + len(names),
        1,
    )
    series = function(_variables(points), targets, *spec.arguments.values())
    return _values(series), _slopes(series)


def _activated(spec: ActivationSpec, Z: Any) -> Any:
    if spec.name in ELEMENTWISE:
        return np.frompyfunc(lambda z: ELEMENTWISE[spec.name](z, **spec.parameters), 1, 1)(Z)
    A = np.empty(Z.shape, dtype=object)
    for j in range(Z.shape[1]):
        for i, a in enumerate(OF_COLUMNS[spec.name](list(Z[:, j]), **spec.parameters)):
            A[i, j] = a
    return A


def _reduced_loss(spec: LossSpec, A: Any, Y: Any) -> Any:
    n, m = A.shape
    arguments = {name: np.broadcast_to(value, A.shape) for name, value in spec.arguments.items()}
    total = 0
    for j in range(m):
        if spec.name in TERMS:
            for i in range(n):
                own = {name: float(value[i, j]) for name, value in arguments.items()}
                total = total + TERMS[spec.name](A[i, j], float(Y[i, j]), **own)
        else:
            own = dict(spec.parameters)
            own |= {array.name: list(map(float, arguments[array.name][:, j])) for array in spec.entry.arrays}
            total = total + TERMS_OF_COLUMNS[spec.name](list(A[:, j]), list(map(float, Y[:, j])), **own)
    return total / divisor(spec.name, spec.reduction, n, m)


def _gradient(function: Callable[[Any], Any], point: Any) -> Any:
    """∂f/∂point of a function of one array of series, entry by entry."""
    slopes = np.empty(point.shape, dtype=object)
    for index in np.ndindex(point.shape):
        moved = point.copy()
        moved[index] = _series(point[index][0], 1)
        slopes[index] = function(moved)[1]
    return slopes


@precise
def exact_softmax_and_pull_back(spec: ActivationSpec, Z: Any, G: Any) -> tuple[Any, Any]:
    """A = σ(Z) and (∂A/∂Z)^T G, the gradient by Z of the sum of G ⊙ σ(Z)."""
    Z, weights = _constants(Z), exact(G)
    pulled_back = _gradient(lambda moved: sum((weights * _activated(spec, moved)).flat), Z)
    return _values(_activated(spec, Z)), pulled_back


@precise
def exact_loss(spec: LossSpec, A: Any, Y: Any) -> tuple[Any, Any]:
    """The reduced loss and its gradient by A."""
    A = _constants(A)
    return _reduced_loss(spec, A, Y)[0], _gradient(lambda moved: _reduced_loss(spec, moved, Y), A)


@precise
def exact_trace(case: Case) -> dict[str, Any]:
    """Quantity → its exact values: the whole network is differentiated as one function of each number."""
    layers = case.network.layers
    depth = range(len(layers))
    W, b = [_constants(k.W) for k in layers], [_constants(k.b) for k in layers]
    taps = [_constants(np.zeros((k.outputs, case.samples))) for k in layers]
    X, rate = _constants(case.X), arb(case.learning_rate)

    def forward(W: Any, b: Any, X: Any, taps: Any) -> tuple[list[Any], list[Any], Any]:
        Z, A = [], [X]
        for l in depth:
            # δ is the derivative by a tap: zeros added to Z.
            Z.append(W[l].dot(A[-1]) + b[l] + taps[l])
            A.append(_activated(layers[l].activation, Z[-1]))
        return Z, A, _reduced_loss(case.network.loss, A[-1], case.Y)

    def with_layer(arrays: list[Any], l: int, array: Any) -> list[Any]:
        return [*arrays[:l], array, *arrays[l + 1 :]]

    Z, A, loss = forward(W, b, X, taps)
    dW = [_gradient(lambda a, l=l: forward(with_layer(W, l, a), b, X, taps)[2], W[l]) for l in depth]
    db = [_gradient(lambda a, l=l: forward(W, with_layer(b, l, a), X, taps)[2], b[l]) for l in depth]
    return {
        "Z": list(map(_values, Z)),
        "A": list(map(_values, A[1:])),
        "loss": loss[0],
        "delta": [
            _gradient(lambda a, l=l: forward(W, b, X, with_layer(taps, l, a))[2], taps[l]) for l in depth
        ],
        "dW": dW,
        "db": db,
        "dX": _gradient(lambda a: forward(W, b, a, taps)[2], X),
        "W_updated": [_values(W[l]) - rate * dW[l] for l in depth],
        "b_updated": [_values(b[l]) - rate * db[l] for l in depth],
    }


def distances(trace: Trace, truth: Mapping[str, Any]) -> dict[tuple[str, int], Any]:
    """(quantity, layer index) → |answer - truth|, for every quantity that the trace has."""
    found = {}
    for quantity, per_layer in QUANTITIES.items():
        answer = getattr(trace, quantity)
        if answer is not None:
            pairs = zip(answer, truth[quantity], strict=True) if per_layer else [(answer, truth[quantity])]
            found |= {(quantity, index): distance(*pair) for index, pair in enumerate(pairs)}
    return found
