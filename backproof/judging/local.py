"""Local verdicts: each equation on the implementation's own inputs, bounded by that one step's roundings.

L1. F2, B1, B1a, B2/B3, U1, U2 are sums of products: the expected value is computed here in more precision
    than the case's, and the bound is R2 on the implementation's own inputs.
L2. F3, F4, F5, B4, B5 contain σ or the loss: the expected value is an oracle's, in float64, on the
    implementation's own Z, A[L] and δ. What is given is exact (E = 0), with two exceptions: a subnormal input
    may have been read as zero, and the loss and B4 may have been computed from Z[L] instead of from A[L],
    so that A[L]'s own rounding goes through them (P2, P3).
A step whose inputs are not offered is not judged locally.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from oracles import Oracle, StepInputs, StepValues
from refimpl import Case, Trace

from . import bounds
from .bounds import Levels
from .deviations import deviations_of
from .rounding import extended, product
from .verdicts import Alternative, Comparison

ARITHMETIC = "arithmetic"


def float64_trace(trace: Trace) -> Trace:
    """The same numbers as float64 arrays."""

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, tuple):
            return tuple(np.asarray(v, dtype=np.float64) for v in value)
        return np.asarray(value, dtype=np.float64)

    names = ("loss", "Z", "A", "delta", "dW", "db", "dX", "W_updated", "b_updated")
    return Trace(**{name: convert(getattr(trace, name)) for name in names})


def step_inputs(case: Case, trace: Trace) -> StepInputs | None:
    """The nonlinear steps' inputs of a float64 trace; None where it does not offer Z, A and δ."""
    if trace.Z is None or trace.A is None or trace.delta is None:
        return None
    layers = case.network.layers
    with np.errstate(all="ignore"):
        dA = tuple(
            product(layer.W.T.astype(np.float64), delta, case.dtype)[0]
            for layer, delta in zip(layers[1:], trace.delta[1:], strict=True)
        )
    return StepInputs(case, trace.Z, trace.A[-1], dA)


class LocalSteps:
    """Yields the local comparisons of one implementation's trace of one case."""

    def __init__(self, case: Case, name: str, trace: Trace, bounding: Oracle) -> None:
        """`trace` is float64 (see `float64_trace`); `bounding` evaluates functions for the bounds."""
        self.case, self.name, self.trace, self.bounding = case, name, trace, bounding
        self.levels = bounds.levels_of(case.dtype.name)
        hidden = trace.A or (None,) * case.network.depth
        self.inputs = (case.X.astype(np.float64), *hidden[:-1])
        """A[0 … L-1], None where not offered."""
        self.W = tuple(layer.W.astype(np.float64) for layer in case.network.layers)
        self.b = tuple(layer.b.astype(np.float64) for layer in case.network.layers)

    def comparisons(self, steps: Mapping[str, StepValues]) -> Iterator[Comparison]:
        """All local comparisons; `steps` holds each oracle's values on this trace's `step_inputs`."""
        with np.errstate(all="ignore"):  # overflow, 0·inf and the like end as infinite bounds
            yield from self._linear()
            if steps:
                yield from self._nonlinear(steps)

    # ------------------------------------------------------------ L1

    def _linear(self) -> Iterator[Comparison]:
        t, levels, dtype = self.trace, self.levels, self.case.dtype
        for index in range(self.case.network.depth):
            layer = index + 1
            A_previous = self.inputs[index]
            if t.Z is not None and A_previous is not None:
                W, b = self.W[index], self.b[index]
                value, _, error = product(W, A_previous, dtype)
                Z = value + b
                E = bounds.affine(levels, W, A_previous, 0.0 * A_previous[None], b)[0]
                yield self._step("Z", layer, t.Z[index], Z, E + error + _rounded(Z))
            if t.delta is None:
                continue
            delta = t.delta[index]
            zero = 0.0 * delta[None]
            if t.dW is not None and A_previous is not None:
                value, _, error = product(delta, A_previous.T, dtype)
                E = bounds.weight_gradient(levels, delta, zero, A_previous, 0.0 * A_previous[None])[0]
                yield self._step("dW", layer, t.dW[index], value, E + error)
            if t.db is not None:
                value = np.sum(extended(delta), axis=1, keepdims=True).astype(np.float64)
                E = bounds.bias_gradient(levels, delta, zero)[0]
                yield self._step("db", layer, t.db[index], value, E * (1 + 2.0**-9) + _rounded(value))
            if layer == 1 and t.dX is not None:
                value, _, error = product(self.W[0].T, delta, dtype)
                E = bounds.transposed(levels, self.W[0], delta, zero)[0]
                yield self._step("dX", None, t.dX, value, E + error)
        yield from self._updates("W_updated", self.W, t.dW, t.W_updated)
        yield from self._updates("b_updated", self.b, t.db, t.b_updated)

    def _updates(self, quantity: str, before: Any, gradients: Any, after: Any) -> Iterator[Comparison]:
        if gradients is None or after is None:
            return
        rate = self.case.learning_rate
        for layer, (old, gradient, new) in enumerate(zip(before, gradients, after, strict=True), start=1):
            value = (extended(old) - extended(rate) * extended(gradient)).astype(np.float64)
            E = bounds.updated(self.levels, rate, old, gradient, 0.0 * gradient[None])[0]
            yield self._step(quantity, layer, new, value, E + _rounded(value))

    # ------------------------------------------------------------ L2

    def _nonlinear(self, steps: Mapping[str, StepValues]) -> Iterator[Comparison]:
        t, network = self.trace, self.case.network
        assert t.Z is not None
        assert t.A is not None
        assert t.delta is not None
        accurate = self._errors(self.levels)
        for oracle, values in steps.items():
            readings = self._other_readings(oracle)
            for index in range(network.depth):
                layer = index + 1
                yield self._step(
                    "A",
                    layer,
                    t.A[index],
                    values.A[index],
                    accurate["A", index],
                    oracle,
                    [self._widened(*r, values.A[index], ("A", index)) for r in readings],
                )
                expected = values.delta[index]
                yield self._step(
                    "delta",
                    layer,
                    t.delta[index],
                    expected,
                    accurate["delta", index],
                    oracle,
                    [
                        *self._kink_readings(index, values, accurate["delta", index]),
                        *(self._widened(*r, expected, ("delta", index)) for r in readings),
                    ],
                )
            yield self._step(
                "loss",
                None,
                t.loss,
                np.float64(values.loss),
                accurate["loss", 0],
                oracle,
                [self._widened(*r, values.loss, ("loss", 0)) for r in readings],
            )

    def _errors(self, levels: Levels) -> dict[tuple[str, int], Any]:
        """(quantity, layer index) → the bound of that step: own error plus the expected value's."""
        t, layers = self.trace, self.case.network.layers
        assert t.Z is not None
        assert t.A is not None
        assert t.delta is not None
        found: dict[tuple[str, int], Any] = {}
        last = len(layers) - 1
        for index, layer in enumerate(layers):
            Z = t.Z[index]
            activation = bounds.activated(levels, self.bounding, layer.activation, Z, levels.flushed(Z))
            found["A", index] = _total(activation[1])
            if index == last:
                A = t.A[-1]
                E_loss, g, E_g = bounds.loss_errors(levels, self.bounding, self.case, A, activation[1])
                found["loss", 0] = E_loss[0] + E_loss[-1]
            else:
                W, delta = self.W[index + 1], t.delta[index + 1]
                g, _, error = product(W.T, delta, self.case.dtype)
                own = bounds.transposed(levels, W, delta, 0.0 * delta[None])[:1]
                E_g = np.concatenate([own, error[None]]) if len(levels.precisions) > 1 else own + error
            found["delta", index] = _total(bounds.backward_activation(levels, activation, g, E_g))
        return found

    def _other_readings(self, oracle: str) -> list[tuple[Any, str, Levels]]:
        """Wider allowances, each with its verdict: declared deviations first, then naive formulas."""
        dtype = self.case.dtype.name
        readings: list[tuple[Any, str, Levels]] = []
        declared = deviations_of(self.name, oracle)
        if declared:
            readings.append(
                (
                    "known deviation",
                    deviation_reason(declared, self.case),
                    bounds.levels_of(dtype, deviations=declared),
                )
            )
        readings.append(("unstable", NAIVE_REASON, bounds.levels_of(dtype, naive=True)))
        return readings

    def _widened(
        self, verdict: Any, reason: str, levels: Levels, expected: Any, key: tuple[str, int]
    ) -> Alternative:
        def limits() -> tuple[Any, Any]:
            with np.errstate(all="ignore"):
                bound = self._errors(levels)[key]
            return expected - bound, expected + bound

        return Alternative(verdict, reason, limits)

    def _kink_readings(self, index: int, values: StepValues, bound: Any) -> list[Alternative]:
        """At a kink δ may be g times anything between the two slopes: a convention."""
        spec = self.case.network.layers[index].activation
        kinks = spec.entry.kinks(spec.parameters)
        if not kinks:
            return []

        def limits() -> tuple[Any, Any]:
            assert self.trace.Z is not None
            Z, expected = self.trace.Z[index], values.delta[index]
            if index == self.case.network.depth - 1:
                g = values.dA_last
            else:
                inputs = step_inputs(self.case, self.trace)
                assert inputs is not None
                g = inputs.dA[index]
            low, high = np.array(expected), np.array(expected)
            for kink in kinks:
                at = np.abs(Z - kink.at) <= self.levels.tiny[0]
                sides = np.stack([g * kink.left, g * kink.right])
                low = np.where(at, np.minimum(low, sides.min(axis=0)), low)
                high = np.where(at, np.maximum(high, sides.max(axis=0)), high)
            return low - bound, high + bound

        return [Alternative("convention", "on a kink", limits)]

    def _step(
        self,
        quantity: str,
        layer: int | None,
        observed: Any,
        expected: Any,
        bound: Any,
        right: str = ARITHMETIC,
        alternatives: list[Alternative] | None = None,
    ) -> Comparison:
        return Comparison(
            quantity, layer, "local", self.name, right, observed, expected, bound, tuple(alternatives or ())
        )


NAIVE_REASON = "as inaccurate as the textbook formula; a stable one exists"


def deviation_reason(declared: Any, case: Case) -> str:
    """The ids of those declared deviations that concern functions of this case."""
    used = {layer.activation.name for layer in case.network.layers} | {case.network.loss.name}
    return ", ".join(d.id for d in declared if d.function in used) or "none applies"


def _rounded(value: Any) -> Any:
    """The error of rounding an expected value to float64."""
    return np.finfo(np.float64).eps * np.abs(value)


def _total(E: Any) -> Any:
    return E[0] + E[-1]
