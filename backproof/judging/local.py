"""Local verdicts: each equation on the implementation's own inputs, bounded by that one step's roundings.

L1. F2, B1, B1a, B2/B3, U1, U2 are sums of products: the expected value is computed here in more precision
    than the case's, and the bound is R2 on the implementation's own inputs. A subnormal one may have been
    read as zero.
L2. F3, F4, F5, B4, B5 contain σ or the loss: the expected value is an oracle's, in float64, on the
    implementation's own Z, A[L] and δ. What is given is exact (E = 0), with two exceptions: a subnormal input
    may have been read as zero, and the loss and B4 may have been computed from Z[L] instead of from A[L],
    so that A[L]'s own rounding goes through them (P2, P3).
A step whose inputs are not offered is not judged locally.

The traces of several implementations of one case are judged together, stacked along a first axis: the cost
is that of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from oracles import Oracle, StepInputs, StepValues
from refimpl import QUANTITIES, Case, Trace
from refimpl.functions import Kink

from . import bounds
from .bounds import Levels
from .deviations import Deviation, deviations_of
from .rounding import extended, precision, product
from .verdicts import Alternative, Comparison, Verdict

ARITHMETIC = "arithmetic"
ON_A_KINK = "on a kink"
NAIVE_REASON = "as inaccurate as the textbook formula; a stable one exists"

Kinks = tuple[Kink, ...]
# One implementation's values of the nonlinear steps: oracle → values.
Steps = Mapping[str, StepValues]


def offered(trace: Trace) -> tuple[str, ...]:
    """The quantities that a trace has."""
    return tuple(quantity for quantity in QUANTITIES if getattr(trace, quantity) is not None)


class Sides:
    """Sound traces of one case that offer the same quantities, as float64 arrays stacked along axis 0."""

    def __init__(self, case: Case, names: Sequence[str], traces: Sequence[Trace]) -> None:
        self.case, self.names, self.traces = case, tuple(names), tuple(traces)
        layers = case.network.layers
        self.X = np.broadcast_to(case.X.astype(np.float64), (len(names), *case.X.shape))
        self.W = tuple(layer.W.astype(np.float64) for layer in layers)
        self.b = tuple(layer.b.astype(np.float64) for layer in layers)
        stacked: dict[str, Any] = {}
        for quantity in offered(traces[0]):
            parts = [getattr(trace, quantity) for trace in traces]
            if QUANTITIES[quantity]:
                stacked[quantity] = tuple(_stack(layer) for layer in zip(*parts, strict=True))
            else:
                stacked[quantity] = _stack(parts)
        self.has = Trace(**stacked)
        hidden = self.has.A or (None,) * len(layers)
        self.inputs = (self.X, *hidden[:-1])
        """A[0 … L-1], None where not offered."""

    @property
    def nonlinear(self) -> bool:
        """Whether Z, A and δ are all there."""
        return self.has.Z is not None and self.has.A is not None and self.has.delta is not None

    @cached_property
    def dA(self) -> tuple[tuple[Any, Any], ...]:
        """(W[l+1]^T δ[l+1], its error) for the hidden layers l."""
        assert self.has.delta is not None
        with np.errstate(all="ignore"):
            products = [
                product(W.T, delta, self.case.dtype)
                for W, delta in zip(self.W[1:], self.has.delta[1:], strict=True)
            ]
        return tuple((value, error) for value, _, error in products)

    def step_inputs(self, side: int) -> StepInputs:
        """What to ask an oracle's `steps` for one of the sides."""
        assert self.has.Z is not None
        assert self.has.A is not None
        Z = tuple(z[side] for z in self.has.Z)
        return StepInputs(self.case, Z, self.has.A[-1][side], tuple(g[side] for g, _ in self.dA))


class LocalSteps:
    """Yields the local comparisons of stacked traces of one case."""

    def __init__(self, sides: Sides, bounding: Oracle) -> None:
        """`bounding` evaluates functions for the bounds."""
        self.sides, self.bounding, self.case = sides, bounding, sides.case
        self.levels = self._levels()
        self._known_errors: dict[Levels, dict[tuple[str, int], Any]] = {}

    def _levels(self, **allowed: Any) -> Levels:
        return bounds.levels_of(self.case.dtype, 3, **allowed)

    def comparisons(self, steps: Sequence[Steps]) -> Iterator[Comparison]:
        """All local comparisons; `steps` holds, for each side, each oracle's values on its `step_inputs`."""
        with np.errstate(all="ignore"):  # overflow, 0·inf and the like end as infinite bounds
            yield from self._linear()
            if self.sides.nonlinear:
                yield from self._nonlinear(steps)

    # ------------------------------------------------------------ L1

    def _linear(self) -> Iterator[Comparison]:
        sides, t, levels, dtype = self.sides, self.sides.has, self.levels, self.case.dtype
        for index, (W, b, A_previous) in enumerate(zip(sides.W, sides.b, sides.inputs, strict=True)):
            layer = index + 1
            if t.Z is not None and A_previous is not None:
                value, _, error = product(W, A_previous, dtype)
                Z = value + b
                E = bounds.affine(levels, W, A_previous, levels.flushed(A_previous), b)[0]
                yield from self._sums("Z", layer, t.Z[index], Z, E + error + _rounded(Z))
            if t.delta is None:
                continue
            delta = t.delta[index]
            if t.dW is not None and A_previous is not None:
                value, _, error = product(delta, np.swapaxes(A_previous, -1, -2), dtype)
                E_delta, E_A = levels.flushed(delta), levels.flushed(A_previous)
                E = bounds.weight_gradient(levels, delta, E_delta, A_previous, E_A)[0]
                yield from self._sums("dW", layer, t.dW[index], value, E + error)
            if t.db is not None:
                value = np.sum(extended(delta), axis=-1, keepdims=True).astype(np.float64)
                E = bounds.bias_gradient(levels, delta, levels.flushed(delta))[0]
                yield from self._sums("db", layer, t.db[index], value, E * (1 + 2.0**-9) + _rounded(value))
            if layer == 1 and t.dX is not None:
                value, _, error = product(W.T, delta, dtype)
                E = bounds.transposed(levels, W, delta, levels.flushed(delta))[0]
                yield from self._sums("dX", None, t.dX, value, E + error)
        yield from self._updates("W_updated", sides.W, t.dW, t.W_updated)
        yield from self._updates("b_updated", sides.b, t.db, t.b_updated)

    def _updates(self, quantity: str, before: Any, gradients: Any, after: Any) -> Iterator[Comparison]:
        if gradients is None or after is None:
            return
        rate = self.case.learning_rate
        for layer, (old, gradient, new) in enumerate(zip(before, gradients, after, strict=True), start=1):
            value = (extended(old) - extended(rate) * extended(gradient)).astype(np.float64)
            E = bounds.updated(self.levels, rate, old, gradient, self.levels.flushed(gradient))[0]
            yield from self._sums(quantity, layer, new, value, E + _rounded(value))

    def _sums(
        self, quantity: str, layer: int | None, observed: Any, expected: Any, bound: Any
    ) -> Iterator[Comparison]:
        for side, name in enumerate(self.sides.names):
            yield Comparison(
                quantity, layer, "local", name, ARITHMETIC, observed[side], expected[side], bound[side]
            )

    # ------------------------------------------------------------ L2

    def _nonlinear(self, steps: Sequence[Steps]) -> Iterator[Comparison]:
        t, depth = self.sides.has, self.case.network.depth
        assert t.A is not None
        assert t.delta is not None
        accurate = self._errors(self.levels)
        for side, (name, answers) in enumerate(zip(self.sides.names, steps, strict=True)):
            for oracle, values in answers.items():
                for index in range(depth):
                    places = (("A", t.A, values.A), ("delta", t.delta, values.delta))
                    for quantity, observed, expected in places:
                        yield Comparison(
                            quantity,
                            index + 1,
                            "local",
                            name,
                            oracle,
                            observed[index][side],
                            expected[index],
                            accurate[quantity, index][side],
                            self._readings(side, oracle, (quantity, index), values),
                        )
                if t.loss is None:
                    continue
                yield Comparison(
                    "loss",
                    None,
                    "local",
                    name,
                    oracle,
                    self.sides.traces[side].loss,
                    np.float64(values.loss),
                    accurate["loss", 0][side],
                    self._readings(side, oracle, ("loss", 0), values),
                )

    def _errors(self, levels: Levels) -> dict[tuple[str, int], Any]:
        """(quantity, layer index) → the bound of that step: own error plus the expected value's."""
        if levels not in self._known_errors:
            self._known_errors[levels] = self._computed_errors(levels)
        return self._known_errors[levels]

    def _computed_errors(self, levels: Levels) -> dict[tuple[str, int], Any]:
        t, layers = self.sides.has, self.case.network.layers
        assert t.Z is not None
        assert t.A is not None
        assert t.delta is not None
        found: dict[tuple[str, int], Any] = {}
        last = len(layers) - 1
        for index, layer in enumerate(layers):
            Z = t.Z[index]
            lost = levels.flushed(Z)
            activation = bounds.activated(levels, self.bounding, layer.activation, Z, lost)
            found["A", index] = _total(activation[1])
            if index == last:
                A = t.A[-1]
                E_loss, g, E_g = bounds.loss_errors(levels, self.bounding, self.case, A, activation[1])
                found["loss", 0] = _total(E_loss)
            else:
                W, delta = self.sides.W[index + 1], t.delta[index + 1]
                g, error = self.sides.dA[index]
                own = bounds.transposed(levels, W, delta, levels.flushed(delta))[:1]
                E_g = np.concatenate([own, error[None]]) if len(levels.precisions) > 1 else own + error
            found["gradient", index] = _total(E_g)
            E_delta = bounds.backward_activation(levels, layer.activation, activation, g, E_g)
            found["delta", index] = _total(E_delta)
        return found

    def _readings(self, side: int, oracle: str, key: tuple[str, int], values: StepValues) -> Any:
        """The other readings of an answer to a nonlinear step that lies outside its bound."""

        def readings() -> tuple[Alternative, ...]:
            name, (quantity, index) = self.sides.names[side], key
            at = {"A": values.A, "delta": values.delta, "loss": (np.float64(values.loss),)}
            expected = at[quantity][index]

            def widened(verdict: Verdict, reason: str, **allowed: Any) -> Alternative:
                def limits() -> tuple[Any, Any]:
                    with np.errstate(all="ignore"):
                        bound = self._errors(self._levels(**allowed))[key][side]
                    return expected - bound, expected + bound

                return Alternative(verdict, reason, limits)

            found = [*self._kink_reading(side, quantity, index, values)]
            declared = concerned(deviations_of(name, oracle), self.case)
            if declared:
                found.append(widened("known deviation", ids(declared), deviations=declared))
            return (*found, widened("unstable", NAIVE_REASON, naive=True))

        return readings

    def _kink_reading(
        self, side: int, quantity: str, index: int, values: StepValues
    ) -> Iterator[Alternative]:
        """Exactly on a kink of σ, δ may be g times anything between the slopes of its sides, and where σ
        jumps, A either side's value; on a kink of the loss, g anything between its sides: a convention.
        """
        layers, loss = self.case.network.layers, self.case.network.loss
        last = index == len(layers) - 1
        spec, Y = layers[index].activation, self.case.Y.astype(np.float64)
        kinks = spec.entry.kinks(spec.parameters) if spec.entry.elementwise else ()
        of_loss = loss.entry.kinks(Y, loss.arguments) if last and spec.entry.elementwise else ()
        if quantity == "A" and any(kink.jump for kink in kinks):
            yield Alternative("convention", ON_A_KINK, lambda: self._jumps(side, index, kinks, values))
        if quantity == "delta" and (kinks or of_loss):
            yield Alternative(
                "convention", ON_A_KINK, lambda: self._slopes(side, index, kinks, of_loss, values)
            )

    def _slopes(
        self, side: int, index: int, kinks: Kinks, of_loss: Kinks, values: StepValues
    ) -> tuple[Any, Any]:
        """The lowest and the highest δ = σ' g where σ' or g may be those of either side."""
        t, own, loss = self.sides.has, precision(self.case.dtype), self.case.network.loss
        assert t.Z is not None
        assert t.A is not None
        Z, expected = t.Z[index][side], values.delta[index]
        g = values.dA_last if index == self.case.network.depth - 1 else self.sides.dA[index][0][side]
        spec = self.case.network.layers[index].activation
        usual = self.bounding.activation(spec, Z)[1]
        slopes, gradients = [(usual, np.False_)], [(g, np.False_)]
        for kink in kinks:
            at = np.abs(Z - kink.at) <= own.tiny
            slopes += [(np.where(at, each, usual), at) for each in (kink.left, kink.right)]
        divisor = loss.entry.divisor(loss.reduction, *self.case.Y.shape)
        for kink in of_loss:
            at = np.abs(t.A[-1][side] - kink.at) <= own.tiny
            gradients += [(np.where(at, each / divisor, g), at) for each in (kink.left, kink.right)]
        with np.errstate(all="ignore"):
            errors = self._errors(self.levels)
            bound, E_g = errors["delta", index][side], errors["gradient", index][side]
            low, high = expected - bound, expected + bound
            for slope, on_kink in slopes:
                for gradient, on_loss_kink in gradients:
                    E = np.abs(slope) * (E_g + 4 * own.u * np.abs(gradient)) + 2 * own.tiny
                    at = on_kink | on_loss_kink
                    low = np.where(at, np.minimum(low, slope * gradient - E), low)
                    high = np.where(at, np.maximum(high, slope * gradient + E), high)
        return low, high

    def _jumps(self, side: int, index: int, kinks: Kinks, values: StepValues) -> tuple[Any, Any]:
        """The lowest and the highest A where σ jumps, and the expected one elsewhere."""
        assert self.sides.has.Z is not None
        Z, own = self.sides.has.Z[index][side], precision(self.case.dtype)
        low = high = values.A[index]
        for kink in kinks:
            if kink.jump is not None:
                at = np.abs(Z - kink.at) <= own.tiny
                low = np.where(at, np.minimum(low, min(kink.jump)), low)
                high = np.where(at, np.maximum(high, max(kink.jump)), high)
        return low, high


def concerned(declared: tuple[Deviation, ...], case: Case) -> tuple[Deviation, ...]:
    """Those declared deviations that concern functions of this case."""
    used = {layer.activation.name for layer in case.network.layers} | {case.network.loss.name}
    return tuple(deviation for deviation in declared if deviation.function in used)


def ids(declared: tuple[Deviation, ...]) -> str:
    """Their ids in one text."""
    return ", ".join(deviation.id for deviation in declared)


def _stack(parts: Sequence[Any]) -> Any:
    return np.array(parts, dtype=np.float64)


def _rounded(value: Any) -> Any:
    """The error of rounding an expected value to float64."""
    return np.finfo(np.float64).eps * np.abs(value)


def _total(E: Any) -> Any:
    return E[0] + E[-1]
