"""Small cases and implementations for the tests of the judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from backproof.judging.verdicts import Check, Judgement
from refimpl import (
    ACTIVATIONS,
    LOSSES,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    Loss,
    LossSpec,
    Network,
    Trace,
)
from refimpl.domains import OneHot, OneOf


def drawn_case(
    activations: Sequence[str | ActivationSpec],
    loss: str | LossSpec = "half_squared_error",
    dtype: str = "float32",
    width: int = 3,
    samples: int = 2,
    seed: int = 0,
) -> Case:
    """Unit-normal weights and data, `width` units a layer, targets in [0, 1] or what the loss takes."""
    rng = np.random.Generator(np.random.Philox(seed))

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    layers = tuple(
        Layer(normal(width, width), normal(width, 1), _spec(activation)) for activation in activations
    )
    loss = _loss(loss)
    targets = targets_of(loss.entry, rng.uniform(0, 1, (width, samples))).astype(dtype)
    return Case(Network(layers, loss), normal(width, samples), targets, 0.25)


def drawn_arrays(loss: Loss, shape: tuple[int, int], dtype: str, seed: int = 0) -> dict[str, Any]:
    """An array for each that the loss has, for predictions of that shape."""
    rng = np.random.Generator(np.random.Philox(seed))
    return {
        array.name: rng.uniform(array.drawn.low, array.drawn.high, array.shape(*shape)).astype(dtype)
        for array in loss.arrays
    }


def targets_of(loss: Loss, labels: Any) -> Any:
    """Numbers of [0, 1] made into targets of the loss."""
    if isinstance(loss.target_domain, OneHot):
        return np.eye(len(labels))[:, np.argmax(labels, axis=0)]
    if isinstance(loss.target_domain, OneOf):
        values = np.array(loss.target_domain.values)
        return values[np.minimum(labels * len(values), len(values) - 1).astype(int)]
    return labels


def fitting_output(activation: str, loss: str) -> str:
    """The activation, or where the loss does not take its values, the first smooth one of which it does."""
    domain = LOSSES[loss].prediction_domain
    return next(
        name for name in (activation, "sigmoid", *ACTIVATIONS) if domain.covers(ACTIVATIONS[name].range)
    )


def _pairs() -> list[tuple[str, str]]:
    """Every activation and every loss a few times, in different company."""
    activations, losses = list(ACTIVATIONS), list(LOSSES)
    longer = max(len(activations), len(losses))
    steps = ((0, 0), (0, 5), (3, 1))
    return sorted(
        {
            (activations[(i + a) % len(activations)], losses[(i + l) % len(losses)])
            for a, l in steps
            for i in range(longer)
        }
    )


PAIRS = _pairs()


def tiny_network(activation: str, loss: str, dtype: str, seed: int) -> Case:
    """With the arrays that the loss has for every second seed."""
    entry, shape = LOSSES[loss], (2, 2)
    output = fitting_output(activation, loss)
    reduction = ("sum", "mean", "batchmean")[seed % 3]
    arrays = drawn_arrays(entry, shape, dtype) if seed % 2 == 0 else {}
    spec = LossSpec(loss, reduction, arrays=arrays)
    return drawn_case([activation, output], spec, dtype, *shape, seed=seed)


def case_of_z(
    Z: Any, activation: str | ActivationSpec, loss: str | LossSpec = "half_squared_error", Y: Any = 0.0,
    dtype: str = "float64",
) -> Case:  # fmt: skip
    """One layer whose pre-activations are the rows of Z, exactly: W = 1, b = 0 and X = Z."""
    X = np.atleast_2d(np.asarray(Z, dtype))
    units = len(X)
    layer = Layer(np.eye(units, dtype=dtype), np.zeros((units, 1), dtype), _spec(activation))
    targets = np.broadcast_to(np.asarray(Y, dtype), X.shape)
    return Case(Network((layer,), _loss(loss)), X, targets, 0.25)


def _spec(activation: str | ActivationSpec) -> ActivationSpec:
    return activation if isinstance(activation, ActivationSpec) else ActivationSpec(activation)


def _loss(loss: str | LossSpec) -> LossSpec:
    return loss if isinstance(loss, LossSpec) else LossSpec(loss, "sum")


class Changed:
    """The reference, whose trace is changed before it is handed over."""

    def __init__(self, change: Callable[[Trace], Any]) -> None:
        self.change = change

    def run(self, case: Case) -> Any:
        return self.change(Backprop().run(case))


def changed(**fields: Callable[[Any], Any]) -> Changed:
    """The reference with some quantities of its trace put through functions, whatever they make of them."""

    def change(trace: Trace) -> Trace:
        trace = copy(trace)
        for name, function in fields.items():
            # Not by `replace`: the types of fields are enforced in tests, and these may be wrong on purpose.
            object.__setattr__(trace, name, function(getattr(trace, name)))
        return trace

    return Changed(change)


def checks_of(
    judgement: Judgement, quantity: str | None = None, scope: str | None = None, left: str = "reference"
) -> list[Check]:
    """The checks on one side's answers, of one quantity and scope if given."""
    return [
        check
        for check in judgement.checks
        if check.left == left and quantity in (None, check.quantity) and scope in (None, check.scope)
    ]
