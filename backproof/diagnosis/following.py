"""What an implementation of the equations would answer, step by step, to somebody else's numbers.

Two networks that differ in one equation differ everywhere behind it. So a step is never compared with the
same step of another run: it is evaluated on the values that the trace under diagnosis has before that step.
Where the trace has none, the implementation's own take their place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from refimpl import QUANTITIES, Backprop, Case, Layer, Network, Trace

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
"""Method → the quantity that it gives, if later steps read it."""
PASSES = ("forward", "errors", "backward", "run", "input_activation")
_READ_BY_GRADIENTS = ("Z", "A", "delta")


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


def acts_on(implementation: type[Backprop], calls: Iterable[tuple[str, tuple[Any, ...], Any]]) -> bool:
    """Whether it may give other bits than the reference, which makes these calls; False is certain."""
    own = overrides(implementation)
    if own & set(PASSES):
        return True
    instance = implementation()
    with np.errstate(all="ignore"):
        return any(
            np.asarray(getattr(instance, method)(*arguments)).tobytes() != np.asarray(value).tobytes()
            for method, arguments, value in calls
            if method in own
        )


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
    values: dict[Any, Any] = {}
    forced: tuple[str, ...] = _READ_BY_GRADIENTS
    if given.A is not None and _has_own(implementation, "forward"):
        # What it makes of A[l] before anything reads it is part of A[l]: a call's result is not yet it.
        activations = _Followed(implementation, case, given, ("Z",)).trace.A or ()
        values = {_key(own): known for own, known in zip(activations, given.A, strict=True)}
        forced = ("Z", "delta")
    run = _Followed(implementation, case, given, forced, values)
    found = run.trace
    if values:
        found = replace(found, A=activations)
    if given.W_updated is not None or given.b_updated is not None:
        values |= run.gradients_changed(given)
        # Only a pass of its own can let an update depend on more than what it is given.
        direct = None if _has_own(implementation, "run") else _updated(implementation(), case, found, given)
        updates = direct or _Followed(implementation, case, given, (*forced, "dW", "db"), values).trace
        found = replace(found, W_updated=updates.W_updated, b_updated=updates.b_updated)
    own = {
        quantity: tuple(
            run.computed.get((quantity, l), value) if value is _of(given, quantity, l) else value
            for l, value in enumerate(getattr(found, quantity), start=1)
        )
        for quantity in _READ_BY_GRADIENTS
    }
    return replace(found, **own)


def _updated(instance: Backprop, case: Any, found: Trace, given: Trace) -> Trace:
    layers, rate = case.network.layers, case.learning_rate
    dW, db = given.dW or found.dW or (), given.db or found.db or ()
    with np.errstate(all="ignore"):
        return Trace(
            W_updated=tuple(instance.update_weight(k.W, g, rate) for k, g in zip(layers, dW, strict=True)),
            b_updated=tuple(instance.update_bias(k.b, g, rate) for k, g in zip(layers, db, strict=True)),
        )


def recorded(case: Any, given: Trace) -> list[tuple[str, tuple[Any, ...], Any]]:
    """Every call of an equation that the reference makes on the given numbers: method, arguments, value."""
    run = _Followed(Backprop, case, given, _READ_BY_GRADIENTS)
    calls = [call for call in run.calls if not call[0].startswith("update")]
    layers, rate = case.network.layers, case.learning_rate
    for method, gradients, own in (("update_weight", given.dW or run.trace.dW or (), "W"),
                                   ("update_bias", given.db or run.trace.db or (), "b")):  # fmt: skip
        for layer, gradient in zip(layers, gradients, strict=True):
            arguments = (getattr(layer, own), gradient, rate)
            with np.errstate(all="ignore"):
                calls.append((method, arguments, getattr(Backprop(), method)(*arguments)))
    return calls


def _of(trace: Trace, quantity: str, layer: int) -> Any:
    values = getattr(trace, quantity)
    return None if values is None else values[layer - 1]


def _has_own(implementation: Implementations, method: str) -> bool:
    kind = implementation if isinstance(implementation, type) else type(implementation())
    return getattr(kind, method) is not getattr(Backprop, method)


def _key(value: Any) -> Any:
    """The content of an array, by which it is found among the arguments of a call."""
    return (value.shape, value.dtype, value.tobytes()) if isinstance(value, np.ndarray) else None


class _Followed:
    """One run in which every step goes on with what is given, and what it had computed instead."""

    def __init__(
        self,
        implementation: Implementations,
        case: Any,
        given: Trace,
        forced: Collection[str],
        values: dict[Any, Any] | None = None,
    ) -> None:
        """`forced` quantities are replaced as a method gives them, `values` as it takes them."""
        self.computed: dict[tuple[str, int], Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...], Any]] = []
        self._calls = _Layers(case.network.depth)
        self._given, self._forced, self._values = given, forced, values or {}
        instance = implementation()
        for method, quantity in EQUATION_METHODS.items():
            setattr(instance, method, self._step(getattr(instance, method), method, quantity))
        with np.errstate(all="ignore"):
            self.trace = instance.run(case)

    def _step(self, own: Callable[..., Any], method: str, quantity: str) -> Callable[..., Any]:
        def follow(*arguments: Any) -> Any:
            layer = self._calls.of_call(method)
            if self._values:
                arguments = tuple(self._values.get(_key(each), each) for each in arguments)
            value = own(*arguments)
            self.calls.append((method, arguments, value))
            if not quantity:
                return value
            self.computed[quantity, layer] = value
            known = _of(self._given, quantity, layer) if quantity in self._forced else None
            return value if known is None or (quantity, layer) in self._values else known

        return follow

    def gradients_changed(self, given: Trace) -> dict[Any, Any]:
        """What replaces gradients that the run itself changed after the equation gave them.

        The update is to read the given ones, and they are what comes out in the end.
        """
        found: dict[Any, Any] = {}
        for quantity in ("dW", "db"):
            for l, value in enumerate(getattr(self.trace, quantity), start=1):
                known = _of(given, quantity, l)
                if known is None or _key(value) == _key(self.computed.get((quantity, l))):
                    continue
                found[quantity, l] = found[_key(value)] = known
        return found


# ---------------------------------------------------------------- extended precision


def _unchecked(kind: type[Any], **fields: Any) -> Any:
    """An object with these fields, which would not be allowed to have more precision than float64."""
    made = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def extended_case(case: Case) -> Case:
    """The case with its numbers, which do not change, as long doubles; not for anything but evaluation."""
    wide = np.longdouble
    layers = tuple(
        _unchecked(Layer, W=k.W.astype(wide), b=k.b.astype(wide), activation=k.activation)
        for k in case.network.layers
    )
    network = _unchecked(Network, layers=layers, loss=case.network.loss)
    X, Y = case.X.astype(wide), case.Y.astype(wide)
    made: Case = _unchecked(Case, network=network, X=X, Y=Y, learning_rate=case.learning_rate)
    return made


def extended_trace(trace: Trace) -> Trace:
    """The trace with its numbers as long doubles."""
    found: dict[str, Any] = {}
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(trace, quantity)
        if value is not None:
            wide = [np.asarray(part).astype(np.longdouble) for part in (value if per_layer else [value])]
            found[quantity] = tuple(wide) if per_layer else wide[0]
    return Trace(**found)
