"""A network of balls: one forward and one backward pass on a tape, at the precision that FLINT is set to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb, arb_mat

from refimpl import ActivationSpec, Case, LossSpec, Trace

from .ball_activations import ELEMENTWISE, OF_COLUMNS
from .ball_losses import TERMS, TERMS_OF_COLUMNS, divisor
from .ball_tape import Matrix, Tape, back, ones
from .oracle import StepInputs

# Quantity → its matrices of balls, one a layer; of loss and dX, one.
Balls = dict[str, list[Any]]


def matrix(array: Any) -> Any:
    """A matrix of floats, exactly; a scalar is one by one."""
    array = np.atleast_2d(np.asarray(array, dtype=np.float64))
    rows, columns = array.shape
    return arb_mat(rows, columns, array.reshape(-1).tolist())


def _tape() -> Tape:
    return []


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


def _numbers(spec: LossSpec, shape: tuple[int, ...]) -> dict[str, Any]:
    """The loss's arrays, a number for each entry."""
    return {
        name: np.broadcast_to(np.asarray(value, dtype=np.float64), shape)
        for name, value in spec.arguments.items()
        if name not in spec.parameters
    }


def entry_term(spec: LossSpec) -> tuple[Callable[..., Any], list[Any]]:
    """ℓ(a, y, *numbers) of one entry, and the arrays that the numbers are of."""
    function, names = TERMS[spec.name], [name for name in spec.arguments if name not in spec.parameters]

    def term(a: Any, y: float, *numbers: float) -> Any:
        return function(a, y, **spec.parameters, **dict(zip(names, numbers, strict=True)))

    return term, [spec.arguments[name] for name in names]


def loss_of(spec: LossSpec, A: Matrix, Y: Any) -> Matrix:
    """The reduced loss of predictions against an array of targets."""
    outputs, samples = Y.shape
    arrays = _numbers(spec, Y.shape)
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
    layers, tape = case.network.layers, _tape()
    W = [Matrix(matrix(layer.W), tape) for layer in layers]
    b = [Matrix(matrix(layer.b), tape) for layer in layers]
    A = [Matrix(matrix(case.X), tape)]
    Z = []
    for W_l, b_l, layer in zip(W, b, layers, strict=True):
        Z.append((W_l @ A[-1]).plus_column(b_l))
        A.append(activated(layer.activation, Z[-1]))
    loss = _differentiated(loss_of(case.network.loss, A[-1], np.float64(case.Y)))
    rate = arb(case.learning_rate)
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
    layers, tape = step.case.network.layers, _tape()
    last = Matrix(matrix(step.A_last), tape)
    loss = _differentiated(loss_of(step.case.network.loss, last, np.float64(step.case.Y)))
    tape = _tape()
    Z = [Matrix(matrix(each), tape) for each in step.Z]
    A = [activated(k.activation, z) for k, z in zip(layers, Z, strict=True)]
    for own, adjoint in zip(A, (*map(matrix, step.dA), last.adjoint), strict=True):
        own.adjoint = adjoint
    back(tape)
    return {"A": _values(A), "loss": [loss], "dA": [last.adjoint], "delta": _adjoints(Z)}


def steps(case: Case, trace: Trace) -> Balls:
    """Each quantity as one step from the trace's own numbers, if it offers the inputs of that."""
    layers, depth = case.network.layers, case.network.depth
    found: Balls = {}
    A = None if trace.A is None else [matrix(each) for each in (case.X, *trace.A)]
    delta = None if trace.delta is None else [matrix(each) for each in trace.delta]
    if A is not None:
        tape = _tape()
        found["Z"] = [
            (Matrix(matrix(k.W), tape) @ Matrix(a, tape)).plus_column(Matrix(matrix(k.b), tape)).value
            for k, a in zip(layers, A[:-1], strict=True)
        ]
        tape = _tape()
        last = Matrix(A[-1], tape)
        found["loss"] = [_differentiated(loss_of(case.network.loss, last, np.float64(case.Y)))]
        found["dA"] = [last.adjoint]
    if delta is not None:
        W = [matrix(k.W).transpose() for k in layers]
        found["db"] = [each * ones(each.ncols(), 1) for each in delta]
        found["dX"] = [W[0] * delta[0]]
        if A is not None:
            found["dW"] = [d * a.transpose() for d, a in zip(delta, A[:-1], strict=True)]
    if trace.Z is not None:
        tape = _tape()
        Z = [Matrix(matrix(each), tape) for each in trace.Z]
        activations = [activated(k.activation, z) for k, z in zip(layers, Z, strict=True)]
        found["A"] = _values(activations)
        if delta is not None and A is not None:
            for l, own in enumerate(activations):
                own.adjoint = last.adjoint if l == depth - 1 else W[l + 1] * delta[l + 1]
            back(tape)
            found["delta"] = _adjoints(Z)
    rate = arb(case.learning_rate)
    for name, gradients in (("W", trace.dW), ("b", trace.db)):
        if gradients is not None:
            found[f"{name}_updated"] = [
                matrix(getattr(k, name)) - matrix(g) * rate for k, g in zip(layers, gradients, strict=True)
            ]
    return found


def _differentiated(loss: Matrix) -> Any:
    loss.adjoint = ones(1, 1)
    back(loss.tape)
    return loss.value


def _values(nodes: Sequence[Matrix]) -> list[Any]:
    return [node.value for node in nodes]


def _adjoints(nodes: Sequence[Matrix]) -> list[Any]:
    return [node.adjoint for node in nodes]
