"""A case whose sizes all differ, declarations, and the reference's answers put into a layout by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from backproof.plugging.declaration import Declaration
from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network

ROWS = {"samples": "rows", "weights": "inputs x outputs", "bias": "flat"}
LAYOUTS = [
    {"samples": samples, "weights": weights, "bias": bias}
    for samples, weights, bias in itertools.product(
        ("columns", "rows"), ("outputs x inputs", "inputs x outputs"), ("column", "row", "flat")
    )
]


def declared(**given: Any) -> Declaration:
    return Declaration.read(given, "net.py:Net")


def sized_case(dtype: str = "float32", loss: LossSpec | None = None) -> Case:
    """n = (3, 4, 2) and m = 5, so that no two sizes are the same."""
    rng = np.random.Generator(np.random.Philox(1))
    shapes = [(4, 3), (2, 4)]
    layers = tuple(
        Layer(
            rng.standard_normal(shape).astype(dtype),
            rng.standard_normal((shape[0], 1)).astype(dtype),
            ActivationSpec(name),
        )
        for shape, name in zip(shapes, ("tanh", "identity"), strict=True)
    )
    Y = np.eye(2, dtype=dtype)[:, [0, 1, 1, 0, 1]]
    X = rng.standard_normal((3, 5)).astype(dtype)
    return Case(Network(layers, loss or LossSpec("cross_entropy_with_logits", "sum")), X, Y, 0.25)


def answer_in(case: Case, declaration: Declaration) -> dict[str, Any]:
    """The reference's trace put into a layout, written apart from what is tested."""
    trace, given = Backprop().run(case), dict[str, Any]()
    for name in ("Z", "A", "delta"):
        given[name] = [a.T if declaration.samples == "rows" else a for a in getattr(trace, name)]
    for name in ("dW", "W_updated"):
        given[name] = [a.T if declaration.weights == "inputs x outputs" else a for a in getattr(trace, name)]
    for name in ("db", "b_updated"):
        made = {"column": lambda a: a, "row": lambda a: a.T, "flat": lambda a: a[:, 0]}[declaration.bias]
        given[name] = [made(a) for a in getattr(trace, name)]
    dX = trace.dX
    return given | {"loss": trace.loss, "dX": dX.T if declaration.samples == "rows" else dX}
