"""Small random cases of a given shape, and step inputs taken from a trace, for the tests of the oracles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from oracles import StepInputs, StepValues
from refimpl import ACTIVATIONS, ActivationSpec, Case, Layer, LossSpec, Network, Trace


def drawn_spec(name: str, rng: np.random.Generator) -> ActivationSpec:
    """The activation with parameters from where random cases take theirs."""
    parameters = {p.name: rng.uniform(p.drawn.low, p.drawn.high) for p in ACTIVATIONS[name].parameters}
    return ActivationSpec(name, parameters)


def drawn_case(
    activations: Sequence[str],
    loss: LossSpec,
    width: int = 3,
    samples: int = 2,
    dtype: str = "float64",
    seed: int = 0,
    learning_rate: float = 0.3,
) -> Case:
    """A case with `width` units in every layer; weights of about 1/√width keep all of it of order 1."""
    rng = np.random.Generator(np.random.Philox(seed))
    layers = tuple(
        Layer(
            (rng.standard_normal((width, width)) / np.sqrt(width)).astype(dtype),
            (rng.standard_normal((width, 1)) / 2).astype(dtype),
            drawn_spec(name, rng),
        )
        for name in activations
    )
    X = rng.standard_normal((width, samples)).astype(dtype)
    # Labels in [0, 1], and some of them on its ends, lie in the target domain of every loss so far.
    Y = np.clip(rng.uniform(-0.5, 1.5, (width, samples)), 0, 1).astype(dtype)
    return Case(Network(layers, loss), X, Y, learning_rate)


def fitting_output(loss: LossSpec) -> str:
    """The first smooth activation whose values the loss takes as predictions."""
    return next(
        name
        for name, entry in ACTIVATIONS.items()
        if loss.entry.prediction_domain.covers(entry.range)
        and not entry.kinks({p.name: p.default for p in entry.parameters})
    )


def own_steps(case: Case, trace: Trace) -> StepInputs:
    """The inputs of the single steps, as the trace itself has them."""
    assert trace.Z is not None
    assert trace.A is not None
    assert trace.delta is not None
    following = zip(case.network.layers[1:], trace.delta[1:], strict=True)
    return StepInputs(case, trace.Z, trace.A[-1], tuple(layer.W.T @ delta for layer, delta in following))


def flat(trace: Trace | StepValues) -> dict[str, Any]:
    """Every array of a trace, or of the values of steps, by quantity and layer, e.g. "dW[2]"."""
    arrays: dict[str, Any] = {}
    for quantity, value in vars(trace).items():
        if isinstance(value, tuple):
            arrays |= {f"{quantity}[{l}]": array for l, array in enumerate(value, start=1)}
        else:
            arrays[quantity] = value
    return arrays
