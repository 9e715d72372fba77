"""Small valid networks and cases that the tests of refimpl change one thing of."""

from __future__ import annotations

from typing import Any

import numpy as np

from refimpl import ActivationSpec, Case, Layer, LossSpec, Network


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
