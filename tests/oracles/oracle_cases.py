"""Small random cases of a given shape, and step inputs taken from a trace, for the tests of the oracles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from oracles import StepInputs, StepValues
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Case, Layer, LossSpec, Network, Trace
from refimpl.domains import OneHot, OneOf, TargetDomain


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
    Y = drawn_targets(loss.entry.target_domain, rng, (width, samples)).astype(dtype)
    return Case(Network(layers, loss), X, Y, learning_rate)


def drawn_targets(domain: TargetDomain, rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    """One of the numbers or classes that the domain has, else labels in [0, 1], some of them on its ends."""
    if isinstance(domain, OneHot):
        return np.eye(shape[0])[:, rng.integers(0, shape[0], shape[1])]
    if isinstance(domain, OneOf):
        return rng.choice(domain.values, shape)
    return np.clip(rng.uniform(-0.5, 1.5, shape), 0, 1)


def drawn_arrays(name: str, shape: tuple[int, int], dtype: str = "float64") -> dict[str, Any]:
    """An array for each that the loss has, for predictions of that shape."""
    rng = np.random.Generator(np.random.Philox(3))
    return {
        array.name: rng.uniform(array.drawn.low, array.drawn.high, array.shape(*shape)).astype(dtype)
        for array in LOSSES[name].arrays
    }


def fitting_output(loss: LossSpec) -> str:
    """The first smooth activation whose values the loss takes as predictions; the test is skipped if none."""
    for name, entry in ACTIVATIONS.items():
        fits = loss.entry.prediction_domain.covers(entry.range)
        if fits and not entry.kinks({p.name: p.default for p in entry.parameters}):
            return name
    pytest.skip(
        f"no activation gives the predictions in {loss.entry.prediction_domain} that {loss.name} takes"
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
