"""What the reference, torch and jax answer to a vector, each in the vector's dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refimpl import ACTIVATIONS, LOSSES, QUANTITIES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

SOURCES = ("refimpl", "torch", "jax")
Arrays = Mapping[str, Any]


def arrays_of(vector: Any) -> dict[str, Any]:
    """The inputs as matrices of the vector's dtype."""
    found = {n: np.array(m.value).reshape(m.shape).astype(vector.dtype) for n, m in vector.inputs.items()}
    for name, matrix in vector.inputs.items():
        assert found[name].astype(float).reshape(-1).tolist() == matrix.value  # exactly numbers of the dtype
    return found


def case_of(vector: Any) -> Case:
    """The case of a network vector."""
    x = arrays_of(vector)
    layers = tuple(
        Layer(x[f"W{l}"], x[f"b{l}"], ActivationSpec(f.name, f.parameters))
        for l, f in enumerate(vector.activations, start=1)
    )
    loss = LossSpec(vector.loss.name, vector.loss.reduction, vector.loss.parameters, _weights(vector, x))
    return Case(Network(layers, loss), x["X"], x["Y"], vector.learning_rate)


def _weights(vector: Any, x: Arrays) -> dict[str, Any]:
    return {array.name: x[array.name] for array in LOSSES[vector.loss.name].arrays if array.name in x}


def answers_of(source: str, vector: Any) -> dict[str, list[float]]:
    """Name → the answer's entries, row by row."""
    if vector.kind == "network":
        found = _network(source, vector)
    elif vector.kind == "loss":
        found = _loss(source, vector, arrays_of(vector))
    else:
        found = _layer(source, vector, arrays_of(vector))
    return {name: np.asarray(value, float).reshape(-1).tolist() for name, value in found.items()}


def _network(source: str, vector: Any) -> dict[str, Any]:
    case = case_of(vector)
    trace = Backprop().run(case) if source == "refimpl" else _oracle(source).traces([case])[0]
    return {
        f"{quantity}{l}" if per_layer else quantity: value
        for quantity, per_layer in QUANTITIES.items()
        for l, value in enumerate(
            getattr(trace, quantity) if per_layer else [getattr(trace, quantity)], start=1
        )
    }


def _layer(source: str, vector: Any, x: Arrays) -> dict[str, Any]:
    """Of a layer, and of an activation as a layer without W and b."""
    spec, dA = ActivationSpec(vector.activation.name, vector.activation.parameters), x["dA"]
    whole = vector.kind == "layer"
    with np.errstate(all="ignore"):
        Z = x["W"] @ x["X"] + x["b"] if whole else x["Z"]
        if source == "refimpl":
            A = ACTIVATIONS[spec.name].value(Z, **spec.parameters)
            delta = ACTIVATIONS[spec.name].vjp(Z, A, dA, **spec.parameters)
        else:
            A, delta = _pulled_back(source, _oracle(source).activations[spec.name], Z, dA, spec.parameters)
        if not whole:
            return {"A": A, "delta": delta}
        db = np.sum(delta, axis=1, keepdims=True)
        return {"Z": Z, "A": A, "delta": delta, "dW": delta @ x["X"].T, "db": db, "dX": x["W"].T @ delta}


def _loss(source: str, vector: Any, x: Arrays) -> dict[str, Any]:
    spec = LossSpec(vector.loss.name, vector.loss.reduction, vector.loss.parameters, _weights(vector, x))
    A, Y, entry, divisor = x["A"], x["Y"], spec.entry, vector.loss.divisor
    with np.errstate(all="ignore"):
        if source == "refimpl":
            return {
                "loss": np.sum(entry.terms(A, Y, **spec.arguments)) / A.dtype.type(divisor),
                "dA": entry.gradient(A, Y, **spec.arguments) / A.dtype.type(divisor),
            }
    line = _oracle(source).losses[spec.name]
    if source == "torch":
        import torch

        arrays = {n: torch.from_numpy(np.array(a)) for n, a in spec.arrays.items()}
        left = divisor / entry.divisor("sum", *A.shape)
        loss, dA = _by_torch(
            lambda a: line.function(
                a, torch.from_numpy(np.array(Y)), reduction="sum", **{**spec.arguments, **arrays}
            )
            / left,
            A, np.ones((), A.dtype),
        )  # fmt: skip
    else:
        loss, dA = _by_jax(
            lambda a: line.terms(a, Y, None, **spec.arguments).sum() / divisor, A, np.ones((), A.dtype)
        )
    return {"loss": loss, "dA": dA}


def _oracle(source: str) -> Any:
    from oracles.jax_oracle import JaxOracle
    from oracles.torch_oracle import TorchOracle

    return {"torch": TorchOracle, "jax": JaxOracle}[source]()


def _pulled_back(source: str, line: Any, Z: Any, dA: Any, parameters: Any) -> tuple[Any, Any]:
    if source == "torch":
        return _by_torch(lambda z: line(z, **parameters), Z, dA)
    return _by_jax(lambda z: line(z, None, **parameters), Z, dA)


def _by_torch(function: Any, x: Any, cotangent: Any) -> tuple[Any, Any]:
    import torch

    points = torch.from_numpy(np.array(x)).requires_grad_()
    value = function(points)
    (pulled,) = torch.autograd.grad(value, points, torch.from_numpy(np.array(cotangent)))
    return value.detach().numpy(), pulled.numpy()


def _by_jax(function: Any, x: Any, cotangent: Any) -> tuple[Any, Any]:
    import jax

    with jax.enable_x64(True):
        value, pull_back = jax.vjp(function, x)
        return np.asarray(value), np.asarray(pull_back(cotangent)[0])
