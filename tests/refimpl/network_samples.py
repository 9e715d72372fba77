"""Small valid networks and cases that the tests of refimpl change one thing of."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.judging.deviations import deviations_of
from oracles import Oracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network


def layer(
    rows: int, columns: int, activation: str = "tanh", dtype: str = "float64", **parameters: float
) -> Layer:
    """W counts upwards from 1/8 in eighths; b counts downwards from 0: all exact in both dtypes."""
    W = np.arange(1, rows * columns + 1, dtype=dtype).reshape(rows, columns) / np.dtype(dtype).type(8)
    b = -np.arange(rows, dtype=dtype)[:, None] / np.dtype(dtype).type(4)
    return Layer(W, b, ActivationSpec(activation, parameters))


def network(*layers: Layer, loss: str = "mse", reduction: str = "mean") -> Network:
    """The layers given, or a hidden one of three units over two inputs and an output of two."""
    return Network(
        layers or (layer(3, 2, "leaky_relu", negative_slope=0.25), layer(2, 3)), LossSpec(loss, reduction)
    )


def case(changed: dict[str, Any] | None = None, dtype: str = "float64") -> Case:
    """A case of two samples for a network of two layers; `changed` are fields to be given instead."""
    fields: dict[str, Any] = {
        "network": network(layer(3, 2, "leaky_relu", dtype, negative_slope=0.25), layer(2, 3, "tanh", dtype)),
        "X": np.array([[1.0, -2.0], [0.5, 3.0]], dtype),
        "Y": np.array([[0.25, 0.0], [-1.0, 1.0]], dtype),
        "learning_rate": 0.5,
    }
    return Case(**(fields | (changed or {})))


def off_the_ends(case: Case) -> Case:
    """The case, its last layer halved until no prediction is an end of the loss's domain.

    There a loss of probabilities is infinite. Most activations only come close to the ends of their range.
    """
    domain = case.network.loss.entry.prediction_domain
    while np.isin(Backprop().run(case).A[-1], (domain.low, domain.high)).any():
        *rest, last = case.network.layers
        last = Layer(last.W / 2, last.b / 2, last.activation)
        network = Network((*rest, last), case.network.loss)
        case = Case(network, case.X, case.Y, case.learning_rate)
    return case


def accurate_oracle(activation: str) -> Oracle:
    """torch, or jax where torch has a declared deviation of this function."""
    if any(deviation.function == activation for deviation in deviations_of("torch")):
        return JaxOracle().plain()
    return TorchOracle()
