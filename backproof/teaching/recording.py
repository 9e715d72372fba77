"""A pass with all that goes from equation to equation: a trace, and what a trace leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.diagnosis.mistakes import Mistake
from oracles import Oracle, StepInputs
from refimpl import Backprop, Case, InvalidCaseError, Network, Trace


@dataclass(frozen=True, eq=False)
class Recording:
    """What one run of an implementation, or an oracle, has for every step of a pass."""

    trace: Trace
    A_0: Any
    """A[0], what the first layer was given."""
    dA: tuple[Any, ...]
    """∂L/∂A[l] for l = 1 … L; None where it is not known."""

    def A(self, l: int) -> Any:
        """A[l], with A[0] the input."""
        return self.A_0 if l == 0 else self.of("A", l)

    def of(self, quantity: str, layer: int | None) -> Any:
        """A quantity of the trace, "A_0" or "dA"; of layer 1 … L if it has one."""
        if quantity == "A_0":
            return self.A_0
        values = self.dA if quantity == "dA" else getattr(self.trace, quantity)
        return values if layer is None else values[layer - 1]


def record(implementation: Backprop, case: Case, calls: int = 1) -> Recording:
    """Runs the implementation `calls` times; what the last call gave.

    Its equations are methods that it calls through self, one call a layer and in the order of the pass: see
    `Mistake`. So what they return is known without knowing how the pass is written.
    """
    returned: dict[str, list[Any]] = {}

    def listened(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            result = method(*arguments)
            returned.setdefault(name, []).append(result)
            return result

        return call

    for name in ("input_activation", "loss_gradient", "activation_gradient"):
        setattr(implementation, name, listened(name, getattr(implementation, name)))
    for _ in range(calls):
        returned.clear()
        trace = implementation.run(case)
    # From the last layer down; the last of them is ∂L/∂X, which the trace has.
    hidden = returned["activation_gradient"][: case.network.depth - 1]
    return Recording(trace, returned["input_activation"][0], (*hidden[::-1], returned["loss_gradient"][0]))


def record_mistake(mistake: Mistake, case: Case) -> Recording:
    """What the mistake gives; what remembers is asked twice, since its first answer is right."""
    with np.errstate(all="ignore"):
        return record(mistake.implementation(), case, 2 if mistake.effect == "state" else 1)


def record_oracle(oracle: Oracle, case: Case, right: Recording) -> Recording:
    """What an oracle has for each step.

    Its trace has no ∂L/∂A[l]. Of a hidden layer that is the gradient by the input of the layers above it, at
    the reference's A[l]; at the output the oracle differentiates the loss there.
    """
    depth = case.network.depth
    above = [_above(case, l, right.A(l)) for l in range(1, depth)]
    traces = iter(oracle.traces([case, *(part for part in above if part is not None)]))
    trace = next(traces)
    hidden = [next(traces).dX if part is not None else None for part in above]
    return Recording(trace, case.X, (*hidden, _loss_gradient(oracle, case, right)))


def _above(case: Case, l: int, A: Any) -> Case | None:
    """The case of layers l + 1 … L with A[l] as its input; None if that is not finite."""
    try:
        return replace(case, network=Network(case.network.layers[l:], case.network.loss), X=A)
    except InvalidCaseError:
        return None


def _loss_gradient(oracle: Oracle, case: Case, right: Recording) -> Any:
    inputs = StepInputs(
        case, _doubles(right.trace.Z), np.float64(right.A(case.network.depth)), _doubles(right.dA[:-1])
    )
    with np.errstate(over="ignore"):
        return oracle.steps([inputs])[0].dA_last.astype(case.dtype)


def _doubles(arrays: Sequence[Any] | None) -> tuple[Any, ...]:
    return tuple(np.asarray(each, np.float64) for each in arrays or ())
