"""A network of balls: one forward and one backward pass on a tape, at the precision that FLINT is set to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb, arb_mat

from refimpl import ActivationSpec, Case, LossSpec, Trace

from .ball_activations import ELEMENTWISE, OF_COLUMNS
from .ball_losses import TERMS, TERMS_OF_COLUMNS, divisor
from .ball_tape import Matrix, back, ones, recording
from .steps import StepInputs

# Quantity → its matrices of balls, one a layer; of loss and dX, one.
Balls = dict[str, list[Any]]


def matrix(array: Any) -> Any:
    """A matrix of floats, exactly; a scalar is one by one."""
    array = np.atleast_2d(np.asarray(array, dtype=np.float64))
    rows, columns = array.shape
    return arb_mat(rows, columns, array.reshape(-1).tolist())


def activated(spec: ActivationSpec, Z: Matrix) -> Matrix:
    """σ(Z)."""
    if spec.name in ELEMENTWISE:
        return Z.entrywise(entry_function(spec))
    function = OF_COLUMNS[spec.name]
    return Z.columnwise(lambda column, _: function(column, **spec.parameters))


def entry_function(spec: ActivationSpec) -> Callable[[Any], Any]:
    """An elementwise σ with its parameters."""
    function, parameters = ELEMENTWISE[spec.name], spec.parameters
    return lambda z: function(z, **parameters)


def _arrays(spec: LossSpec) -> dict[str, Any]:
    """The loss's arrays by name; one that is not given is a number."""
    return {array.name: spec.arguments[array.name] for array in spec.entry.arrays}


def entry_term(spec: LossSpec) -> tuple[Callable[..., Any], list[Any]]:
    """ℓ(a, y, *numbers) of one entry, and the arrays that the numbers are of."""
    function, arrays = TERMS[spec.name], _arrays(spec)

    def term(a: Any, y: float, *numbers: float) -> Any:
        return function(a, y, **spec.parameters, **dict(zip(arrays, numbers, strict=True)))

    return term, list(arrays.values())


def loss_of(spec: LossSpec, A: Matrix, Y: Any) -> Matrix:
    """The reduced loss of predictions against an array of targets."""
    outputs, samples = Y.shape
    arrays = {
        name: np.broadcast_to(np.asarray(value, dtype=np.float64), Y.shape)
        for name, value in _arrays(spec).items()
    }
    if spec.name in TERMS:
        flat = (each.reshape(-1).tolist() for each in (Y, *arrays.values()))
        terms = A.entrywise(entry_term(spec)[0], *flat)
    else:
        of_column = TERMS_OF_COLUMNS[spec.name]
        by_sample = {name: each.T.tolist() for name, each in arrays.items()}
        targets = Y.T.tolist()
        terms = A.columnwise(
            lambda column, j: [
                of_column(column, targets[j], **spec.parameters, **{n: v[j] for n, v in by_sample.items()})
            ]
        )
    return terms.total(divisor(spec.name, spec.reduction, outputs, samples))


def whole(case: Case) -> Balls:
    """All quantities of a trace of the case, from its inputs."""
    layers, rate = case.network.layers, arb(case.learning_rate)
    with recording() as tape:
        W = [Matrix(matrix(layer.W), tape) for layer in layers]
        b = [Matrix(matrix(layer.b), tape) for layer in layers]
        A = [Matrix(matrix(case.X), tape)]
        Z = []
        for W_l, b_l, layer in zip(W, b, layers, strict=True):
            Z.append((W_l @ A[-1]).plus_column(b_l))
            A.append(activated(layer.activation, Z[-1]))
        loss = _differentiated(loss_of(case.network.loss, A[-1], np.float64(case.Y)))
        return {
            "Z": _values(Z),
            "A": _values(A[1:]),
            "loss": [loss],
            "delta": _adjoints(Z),
            "dW": _adjoints(W),
            "db": _adjoints(b),
            "dX": [A[0].adjoint],
            "W_updated": [each.value - each.adjoint * rate for each in W],
            "b_updated": [each.value - each.adjoint * rate for each in b],
        }


def nonlinear_steps(step: StepInputs) -> Balls:
    """σ, the loss and their derivatives on the given inputs; "dA" is ∂L/∂A of the last layer."""
    loss, dA_last = _loss_step(step.case, step.A_last)
    A, delta = _activation_steps(step.case, step.Z, [*map(matrix, step.dA), dA_last])
    return {"A": A, "loss": [loss], "dA": [dA_last], "delta": delta}


def steps(case: Case, trace: Trace) -> Balls:
    """Each quantity as one step from the trace's own numbers, if it offers the inputs of that."""
    layers = case.network.layers
    found: Balls = {}
    A = None if trace.A is None else [matrix(each) for each in (case.X, *trace.A)]
    delta = None if trace.delta is None else [matrix(each) for each in trace.delta]
    dA: list[Any] = []
    if A is not None and trace.A is not None:
        found["Z"] = [
            matrix(k.W) * a + matrix(k.b) * ones(1, a.ncols()) for k, a in zip(layers, A[:-1], strict=True)
        ]
        loss, dA_last = _loss_step(case, trace.A[-1])
        found |= {"loss": [loss], "dA": [dA_last]}
    if delta is not None:
        W = [matrix(k.W).transpose() for k in layers]
        found["db"] = [each * ones(each.ncols(), 1) for each in delta]
        found["dX"] = [W[0] * delta[0]]
        if A is not None:
            found["dW"] = [d * a.transpose() for d, a in zip(delta, A[:-1], strict=True)]
            dA = [*(w * d for w, d in zip(W[1:], delta[1:], strict=True)), dA_last]
    if trace.Z is not None:
        found["A"], deltas = _activation_steps(case, trace.Z, dA)
        if dA:
            found["delta"] = deltas
    rate = arb(case.learning_rate)
    for name, gradients in (("W", trace.dW), ("b", trace.db)):
        if gradients is not None:
            found[f"{name}_updated"] = [
                matrix(getattr(k, name)) - matrix(g) * rate for k, g in zip(layers, gradients, strict=True)
            ]
    return found


def _loss_step(case: Case, A_last: Any) -> tuple[Any, Any]:
    """The loss of these predictions, and its gradient by them."""
    with recording() as tape:
        A = Matrix(matrix(A_last), tape)
        loss = _differentiated(loss_of(case.network.loss, A, np.float64(case.Y)))
        return loss, A.adjoint


def _activation_steps(case: Case, Z: Sequence[Any], dA: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """σ(Z) of each layer, and (∂A/∂Z)^T dA if that is given."""
    with recording() as tape:
        given = [Matrix(matrix(each), tape) for each in Z]
        A = [activated(k.activation, z) for k, z in zip(case.network.layers, given, strict=True)]
        for own, adjoint in zip(A, dA, strict=False):
            own.adjoint = adjoint
        back(tape)
        return _values(A), _adjoints(given)


def _differentiated(loss: Matrix) -> Any:
    loss.adjoint = ones(1, 1)
    back(loss.tape)
    return loss.value


def _values(nodes: Sequence[Matrix]) -> list[Any]:
    return [node.value for node in nodes]


def _adjoints(nodes: Sequence[Matrix]) -> list[Any]:
    return [node.adjoint for node in nodes]
