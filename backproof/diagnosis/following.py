"""What an implementation of the equations would answer, step by step, to somebody else's numbers.

Two networks that differ in one equation differ everywhere behind it. So a step is never compared with the
same step of another run: it is evaluated on the values that the trace under diagnosis has before that step.
Where the trace has none, the implementation's own take their place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refimpl import QUANTITIES, ActivationSpec, Backprop, Case, LossSpec, Trace

Implementations = Callable[[], Backprop]
"""A class of equations, or whatever else makes an instance of one."""

EQUATION_METHODS = {
    "pre_activation": "Z",
    "activation": "A",
    "loss": "",
    "loss_gradient": "",
    "output_error": "delta",
    "activation_gradient": "",
    "hidden_error": "delta",
    "weight_gradient": "dW",
    "bias_gradient": "db",
    "update_weight": "",
    "update_bias": "",
}
"""Method → the quantity that it gives, if later steps read it in the trace."""
PASSES = ("forward", "backward", "run", "input_activation")
_READ_BY_GRADIENTS = ("Z", "A", "delta")
_READ_BY_UPDATES = (*_READ_BY_GRADIENTS, "dW", "db")


class _Layers:
    """Which layer each call of a method is about: the passes go through the layers in order."""

    def __init__(self, depth: int) -> None:
        self._next = dict.fromkeys(EQUATION_METHODS, 1)
        # W[L]^T δ[L] is the error that reaches layer L - 1; what comes down to layer 0 is ∂L/∂X.
        self._next |= {"output_error": depth, "hidden_error": depth - 1, "activation_gradient": depth - 1}
        self._next |= {"loss": depth, "loss_gradient": depth}

    def of_call(self, method: str) -> int:
        """The layer of this call, which is counted."""
        layer = self._next[method]
        down = method in ("hidden_error", "activation_gradient")
        self._next[method] = layer - 1 if down else layer + 1
        return layer


def overrides(implementation: type[Backprop]) -> frozenset[str]:
    """The methods in which it differs from the reference."""
    names = (*EQUATION_METHODS, *PASSES)
    return frozenset(name for name in names if getattr(implementation, name) is not getattr(Backprop, name))


def in_layers(implementation: type[Backprop], layers: Collection[int]) -> Implementations:
    """Makes the reference with this implementation's equations in some layers only.

    Raises ValueError if the implementation changes a whole pass, which belongs to no layer.
    """
    if overrides(implementation) & set(PASSES):
        raise ValueError(f"{implementation.__name__} changes more than the equations of a layer")

    def instance() -> Backprop:
        planted, right, wrong = Backprop(), Backprop(), implementation()
        calls = _Layers(0)

        def run(case: Case) -> Trace:
            nonlocal calls
            calls = _Layers(case.network.depth)
            return Backprop.run(planted, case)

        def step(method: str) -> Callable[..., Any]:
            def follow(*given: Any) -> Any:
                chosen = wrong if calls.of_call(method) in layers else right
                return getattr(chosen, method)(*given)

            return follow

        for method in EQUATION_METHODS:
            setattr(planted, method, step(method))
        setattr(planted, "run", run)  # noqa: B010 - mypy holds methods to be constant
        return planted

    return instance


def predicted(implementation: Implementations, case: Any, given: Trace) -> Trace:
    """Each quantity as the implementation computes it from what `given` has before that step.

    `case` may be one in extended precision. Whatever the implementation raises is raised here.
    """
    found, computed = _followed(implementation, case, given, _READ_BY_GRADIENTS)
    if given.W_updated is not None or given.b_updated is not None:
        updates = _followed(implementation, case, given, _READ_BY_UPDATES)[0]
        found = replace(found, W_updated=updates.W_updated, b_updated=updates.b_updated)
    own = {
        quantity: tuple(
            computed.get((quantity, l), value) if value is _of(given, quantity, l) else value
            for l, value in enumerate(getattr(found, quantity), start=1)
        )
        for quantity in _READ_BY_GRADIENTS
    }
    return replace(found, **own)


def _of(trace: Trace, quantity: str, layer: int) -> Any:
    values = getattr(trace, quantity)
    return None if values is None else values[layer - 1]


def _followed(
    implementation: Implementations, case: Any, given: Trace, forced: Collection[str]
) -> tuple[Trace, dict[tuple[str, int], Any]]:
    """Its trace where every step goes on with what is given, and what it had computed instead."""
    instance, calls = implementation(), _Layers(case.network.depth)
    computed: dict[tuple[str, int], Any] = {}

    def step(method: str, quantity: str) -> Callable[..., Any]:
        own = getattr(instance, method)

        def follow(*arguments: Any) -> Any:
            layer, value = calls.of_call(method), own(*arguments)
            known = _of(given, quantity, layer) if quantity in forced else None
            if known is None:
                return value
            computed[quantity, layer] = value
            return known

        return follow

    for method, quantity in EQUATION_METHODS.items():
        setattr(instance, method, step(method, quantity))
    with np.errstate(all="ignore"):
        return instance.run(case), computed


# ---------------------------------------------------------------- extended precision


@dataclass(frozen=True)
class _Layer:
    W: Any
    b: Any
    activation: ActivationSpec

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.W.shape[0])


@dataclass(frozen=True)
class _Network:
    layers: tuple[_Layer, ...]
    loss: LossSpec

    @property
    def depth(self) -> int:
        return len(self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.layers[0].inputs, *(layer.outputs for layer in self.layers))


@dataclass(frozen=True, eq=False)
class ExtendedCase(Case):
    """A case whose arrays have more precision than any case has: the same fields, without the checks."""

    network: Any

    def __post_init__(self) -> None:
        """No checks."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays."""
        return np.dtype(np.longdouble)

    @property
    def samples(self) -> int:
        """m, the batch size."""
        return int(self.X.shape[1])


def extended_case(case: Case) -> ExtendedCase:
    """The case with its numbers, which do not change, as long doubles."""
    wide = np.longdouble
    layers = tuple(_Layer(k.W.astype(wide), k.b.astype(wide), k.activation) for k in case.network.layers)
    loss = case.network.loss
    return ExtendedCase(_Network(layers, loss), case.X.astype(wide), case.Y.astype(wide), case.learning_rate)


def extended_trace(trace: Trace) -> Trace:
    """The trace with its numbers as long doubles."""
    found: dict[str, Any] = {}
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(trace, quantity)
        if value is not None:
            wide = [np.asarray(part).astype(np.longdouble) for part in (value if per_layer else [value])]
            found[quantity] = tuple(wide) if per_layer else wide[0]
    return Trace(**found)
