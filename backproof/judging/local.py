"""Local verdicts: each equation on the implementation's own inputs, bounded by that one step's roundings.

L1. F2, B1, B1a, B2/B3, U1, U2 are sums of products: the expected value is computed here in more precision
    than the case's (R6), and the bound is P1, P4, P5 or P6 on the implementation's own inputs, which are
    exact but for subnormal ones, which may have been read as zero (R3).
L2. F3, F4, F5, B4, B5 contain σ or the loss: the expected value is an oracle's, in float64, on the
    implementation's own Z, A[L] and δ. What is given is exact (E = 0), with two exceptions: a subnormal input
    may have been read as zero, and the loss and B4 may have been computed from Z[L] instead of from A[L],
    so that A[L]'s own rounding goes through them (P2, P3, P8).
L3. Exactly on a kink δ may be g times anything between the slopes of the sides: a convention.
See docs/bounds.md.
A step whose inputs are not offered is not judged locally.

The traces of several implementations of many cases are judged together: see `batch`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from oracles import Oracle, StepValues
from oracles.layout import Layout, Matrices
from refimpl.functions import Kink

from . import bounds
from .batch import Sides
from .blocks import Block, Readings
from .deviations import concerned, deviations_of, ids
from .doubtful import Doubtful
from .in_cache import in_cache
from .levels import Levels, levels_of
from .nonlinear import activated, backward_activation, loss_errors
from .rounding import extended, lost_in_extended_sum, precision
from .step_answers import StepAnswers
from .sums import summed
from .verdicts import Alternative, Verdict

ARITHMETIC = "arithmetic"
ON_A_KINK = "on a kink"
NAIVE_REASON = "as inaccurate as the textbook formula; a stable one exists"

Kinks = tuple[Kink, ...]
# The nonlinear steps on one side's numbers: oracle → values.
Steps = Mapping[str, StepAnswers]


class LocalSteps:
    """Gives the local comparisons of the traces of a batch."""

    def __init__(
        self, sides: Sides, bounding: Oracle, steps: Mapping[str, Steps], *, exact: bool = False
    ) -> None:
        """`bounding` evaluates functions for the bounds; `steps[name]` has oracles' values on that side's
        own numbers. With `exact` those are the exact values, and nothing is added for them.
        """
        self.sides, self.batch, self.bounding, self.steps = sides, sides.batch, bounding, steps
        self.exact = exact
        self.levels = self._levels()
        self.own = levels_of(self.batch.dtype, 2, exact=True)
        """Of sums of products only the case's own precision counts: the expected value is worked out here."""
        self._known_errors: dict[Levels, dict[tuple[str, int], Any]] = {}
        self.doubtful: Doubtful[LocalSteps] = Doubtful(self.batch.cases)
        """The cases of which wider bounds are asked."""

    def _levels(self, **allowed: Any) -> Levels:
        return levels_of(self.batch.dtype, 2, exact=self.exact, **allowed)

    def blocks(self) -> Iterator[Block]:
        """All local comparisons."""
        with np.errstate(all="ignore"):  # overflow, 0·inf and the like end as infinite bounds
            for l in range(1, self.batch.depth + 1):
                yield from self._linear(l)
                yield from self._updates("W_updated", l, self.batch.W[l - 1].data, self.sides.has.dW)
                yield from self._updates("b_updated", l, self.batch.b[l - 1], self.sides.has.db)
            yield from self._input_gradient()
            if self.sides.nonlinear:
                yield from self._nonlinear()

    # ------------------------------------------------------------ L1

    def _linear(self, l: int) -> Iterator[Block]:
        sides, batch, t, levels = self.sides, self.batch, self.sides.has, self.own
        layout, weights, biases = batch.layouts[l], batch.weight_layouts[l - 1], batch.bias_layouts[l - 1]
        below = batch.layouts[l - 1].first(batch.counts[l])
        W, inputs = batch.W[l - 1], sides.inputs[l - 1]
        if inputs is not None:
            inputs = inputs[:, : below.total]
            E_A, own = levels.flushed(inputs), Matrices(below, inputs)
        if t.Z is not None and inputs is not None:
            b = layout.columns(batch.b[l - 1])
            value, sizes, error = summed(W, own, layout, batch.dtype)
            Z = value + b
            error = error + _rounded(Z)
            E = bounds.affine(levels, W, below, inputs, E_A, b, layout, np.abs(Z) + error, sizes)[0]
            yield self._sums("Z", l, t.Z[l - 1], Z, E + error, layout)
        if t.delta is None:
            return
        delta = t.delta[l - 1]
        E_delta = levels.flushed(delta)
        if t.dW is not None and inputs is not None:
            value, sizes, error = summed(
                Matrices(layout, delta), own, weights, batch.dtype, right_turned=True
            )
            total = np.abs(value) + error
            E = bounds.weight_gradient(
                levels, (layout, below), delta, E_delta, inputs, E_A, weights, total, sizes
            )[0]
            yield self._sums("dW", l, t.dW[l - 1], value, E + error, weights)
        if t.db is not None:
            value = layout.row_sums(extended(delta)).astype(np.float64)
            error = lost_in_extended_sum(layout.row_lengths) * layout.row_sums(np.abs(delta))
            error = error + _rounded(value)
            E = bounds.bias_gradient(levels, layout, delta, E_delta, np.abs(value) + error)[0]
            yield self._sums("db", l, t.db[l - 1], value, E + error, biases)

    def _input_gradient(self) -> Iterator[Block]:
        t, batch, levels = self.sides.has, self.batch, self.own
        if t.delta is None or t.dX is None:
            return
        layout, inputs, delta, W = batch.layouts[1], batch.layouts[0], t.delta[0], batch.W[0]
        value, sizes, error = summed(W, Matrices(layout, delta), inputs, batch.dtype, left_turned=True)
        total, E_delta = np.abs(value) + error, levels.flushed(delta)
        E = bounds.transposed(levels, W, layout, delta, E_delta, inputs, total, sizes)[0]
        yield self._sums("dX", None, t.dX, value, E + error, inputs)

    def _updates(self, quantity: str, l: int, before: Any, gradients: Any) -> Iterator[Block]:
        after = getattr(self.sides.has, quantity)
        if gradients is None or after is None:
            return
        layout, gradient = self.batch.layout(quantity, l), gradients[l - 1]
        rate = self.batch.rates(layout)
        value = in_cache(_updated, before, rate, gradient)
        E = bounds.updated(self.own, rate, before, gradient, self.own.flushed(gradient))[0]
        yield self._sums(quantity, l, after[l - 1], value, E + _rounded(value), layout)

    def _sums(
        self, quantity: str, layer: int | None, observed: Any, expected: Any, bound: Any, layout: Layout
    ) -> Block:
        names = self.sides.names
        against = (ARITHMETIC,) * len(names)
        return Block(quantity, layer, "local", names, against, observed, expected, bound, layout)

    # ------------------------------------------------------------ L2

    def _nonlinear(self) -> Iterator[Block]:
        batch, t = self.batch, self.sides.has
        pairs = [
            (side, oracle)
            for side, name in enumerate(self.sides.names)
            for oracle in self.steps.get(name, {})
        ]
        if not pairs:
            return
        rows = [side for side, _ in pairs]
        left = [self.sides.names[side] for side in rows]
        right = [oracle for _, oracle in pairs]
        accurate = self._errors(self.levels)
        assert t.A is not None
        assert t.delta is not None
        for l in range(1, batch.depth + 1):
            for quantity, observed in (("A", t.A), ("delta", t.delta)):
                expected = np.array([self._expected(quantity, l, *pair) for pair in pairs])
                yield Block(
                    quantity, l, "local", left, right, observed[l - 1][rows], expected,
                    accurate[quantity, l - 1][rows], batch.layouts[l], self._readings(quantity, l, pairs),
                )  # fmt: skip
        if t.loss is not None:
            losses = np.array([self.steps[self.sides.names[i]][oracle].loss for i, oracle in pairs])
            yield Block(
                "loss", None, "local", left, right, t.loss[rows], losses, accurate["loss", 0][rows],
                batch.layout("loss", 0), self._readings("loss", batch.depth, pairs),
            )  # fmt: skip

    def _expected(self, quantity: str, l: int, side: int, oracle: str) -> Any:
        return self.steps[self.sides.names[side]][oracle].flat(quantity, l)

    def _errors(self, levels: Levels) -> dict[tuple[str, int], Any]:
        """(quantity, layer index) → the bound of that step: own error plus the expected value's.

        "gradient" is the bound of ∂L/∂A of that layer, "centre" that gradient itself.
        """
        if levels not in self._known_errors:
            self._known_errors[levels] = self._computed_errors(levels)
        return self._known_errors[levels]

    def _computed_errors(self, levels: Levels) -> dict[tuple[str, int], Any]:
        t, batch = self.sides.has, self.batch
        assert t.Z is not None
        assert t.A is not None
        assert t.delta is not None
        functions, Z = batch.everywhere, np.concatenate(t.Z, axis=-1)
        activation = activated(levels, self.bounding, functions, functions.layout, Z, levels.flushed(Z))
        E_A = batch.cut(activation.E_A)
        losses = loss_errors(levels, self.bounding, batch, batch.last(t.A), batch.last(E_A))
        g, E_g = [], []
        for l in range(1, batch.depth + 1):
            layout, inner, E_inner = batch.layouts[l], None, None
            if l < batch.depth:
                delta, (inner, sizes, error) = t.delta[l], self.sides.dA[l - 1]
                count, above = layout.first(batch.counts[l + 1]), batch.layouts[l + 1]
                E_above = self.own.flushed(delta)
                own = bounds.transposed(self.own, batch.W[l], above, delta, E_above, count, sums=sizes)
                E_inner = np.concatenate([own, error[None]]) if len(levels.precisions) > 1 else own + error
            g.append(batch.with_last(l, inner, losses.g))
            E_g.append(batch.with_last(l, E_inner, losses.E_g))
        whole = (np.concatenate(g, axis=-1), np.concatenate(E_g, axis=-1))
        E_delta = batch.cut(backward_activation(levels, activation, *whole))
        found = {("loss", 0): self._total(losses.E_loss)}
        for l in range(batch.depth):
            found["A", l] = self._total(E_A[l])
            found["gradient", l] = self._total(E_g[l])
            found["centre", l] = g[l]
            found["delta", l] = self._total(E_delta[l])
        return found

    def _total(self, E: Any) -> Any:
        """The error of a side, and that of what it is held against."""
        return E[0] if self.exact else E[0] + E[-1]

    def nonlinear_bounds(self) -> dict[tuple[str, int | None], Any]:
        """(quantity, layer) → the bounds of the steps of L2, (sides, total), if their inputs are offered."""
        if not self.sides.nonlinear:
            return {}
        with np.errstate(all="ignore"):
            errors = self._errors(self.levels)
        found: dict[tuple[str, int | None], Any] = {
            (quantity, l): errors[quantity, l - 1]
            for l in range(1, self.batch.depth + 1)
            for quantity in ("A", "delta")
        }
        if self.sides.has.loss is not None:
            found["loss", None] = errors["loss", 0]
        return found

    def gradients(self, side: int, k: int) -> dict[int, tuple[Any, Any]]:
        """Layer → ∂L/∂A[l] of one side's own numbers in case k, and its bound: matrices (n_l, m)."""
        with np.errstate(all="ignore"):
            errors = self._errors(self.levels)
        views = {l: self.batch.layouts[l] for l in range(1, self.batch.cases[k].network.depth + 1)}
        return {
            l: (
                layout.view(errors["centre", l - 1][side], k),
                layout.view(errors["gradient", l - 1][side], k),
            )
            for l, layout in views.items()
        }

    # ------------------------------------------------------------ other readings of one case

    def _part(self, places: Sequence[int]) -> LocalSteps:
        """The same for some of the cases."""
        steps = {
            name: {oracle: answers.part(places) for oracle, answers in own.items()}
            for name, own in self.steps.items()
        }
        return LocalSteps(self.sides.part(places), self.bounding, steps, exact=self.exact)

    def bound_on(self, levels: Levels, quantity: str, l: int, side: int, k: int) -> Any:
        """The bound of one step of one side of case k, a matrix; of the loss, a scalar."""
        with np.errstate(all="ignore"):
            if quantity == "loss":
                return self._errors(levels)["loss", 0][side, k]
            return self.batch.layouts[l].view(self._errors(levels)[quantity, l - 1][side], k)

    def _readings(self, quantity: str, l: int, pairs: Sequence[tuple[int, str]]) -> Readings:
        """The other readings of an answer to a nonlinear step that lies outside its bound."""

        def readings(row: int, k: int) -> tuple[Alternative, ...]:
            (side, oracle), name = pairs[row], self.sides.names[pairs[row][0]]
            case, values = self.batch.cases[k], self.steps[name][oracle].case(k)
            expected = np.float64(values.loss) if quantity == "loss" else getattr(values, quantity)[l - 1]

            def widened(verdict: Verdict, reason: str, **allowed: Any) -> Alternative:
                def limits() -> tuple[Any, Any]:
                    part, place = self.doubtful.among(self._part, k, allowed.get("deviations", ()))
                    bound = part.bound_on(self._levels(**allowed), quantity, l, side, place)
                    return expected - bound, expected + bound

                return Alternative(verdict, reason, limits)

            found = [] if quantity == "loss" else [*self._kink_readings(k, quantity, l, side, values)]
            declared = deviations_of(name, oracle)
            of_case = concerned(declared, case)
            if of_case:
                found.append(widened("known deviation", ids(of_case), deviations=declared))
            return (*found, widened("unstable", NAIVE_REASON, naive=True))

        return readings

    def _kink_readings(
        self, k: int, quantity: str, l: int, side: int, values: StepValues
    ) -> Iterator[Alternative]:
        """L3: exactly on a kink of σ, δ may be g times anything between the slopes of its sides, and where σ
        jumps, A either side's value; on a kink of the loss, g anything between its sides: a convention.
        """
        case = self.batch.cases[k]
        spec, loss = case.network.layers[l - 1].activation, case.network.loss
        if not spec.entry.elementwise:
            return
        kinks = spec.entry.kinks(spec.parameters)
        of_loss: Kinks = ()
        if l == case.network.depth:
            of_loss = loss.entry.kinks(case.Y.astype(np.float64), loss.arguments)
        if quantity == "A" and any(kink.jump for kink in kinks):
            yield Alternative("convention", ON_A_KINK, lambda: self._jumps(k, side, l, kinks, values))
        if quantity == "delta" and (kinks or of_loss):
            both = (kinks, of_loss)
            yield Alternative("convention", ON_A_KINK, lambda: self._slopes(k, side, l, both, values))

    def _slopes(
        self, k: int, side: int, l: int, kinks: tuple[Kinks, Kinks], values: StepValues
    ) -> tuple[Any, Any]:
        """The lowest and the highest δ = σ' g where σ' or g may be those of either side."""
        t, case, layout = self.sides.has, self.batch.cases[k], self.batch.layouts[l]
        own, loss = precision(case.dtype), case.network.loss
        assert t.Z is not None
        assert t.A is not None
        Z, A = (layout.view(data[l - 1][side], k) for data in (t.Z, t.A))
        on_kink = [np.abs(Z - kink.at) <= own.tiny for kink in kinks[0]]
        on_loss_kink = [np.abs(A - kink.at) <= own.tiny for kink in kinks[1]]
        expected = values.delta[l - 1]
        with np.errstate(all="ignore"):
            bound = self.bound_on(self.levels, "delta", l, side, k)
            low, high = expected - bound, expected + bound
        if not any(map(np.any, (*on_kink, *on_loss_kink))):
            return low, high
        g = values.dA_last
        if l < case.network.depth:
            g = layout.view(self.sides.dA[l - 1].value[side], k)
        usual = self.bounding.activation(case.network.layers[l - 1].activation, Z)[1]
        # An oracle's g may deviate as declared; the one of the bounds does not.
        centre = self.bound_on(self.levels, "centre", l, side, k)
        slopes, gradients = [(usual, np.False_)], [(g, np.False_), (centre, np.False_)]
        for kink, at in zip(kinks[0], on_kink, strict=True):
            slopes += [(np.where(at, each, usual), at) for each in (kink.left, kink.right)]
        divisor = loss.entry.divisor(loss.reduction, *case.Y.shape)
        for kink, at in zip(kinks[1], on_loss_kink, strict=True):
            gradients += [(np.where(at, each / divisor, g), at) for each in (kink.left, kink.right)]
        with np.errstate(all="ignore"):
            E_g = self.bound_on(self.levels, "gradient", l, side, k)
            for slope, at_slope in slopes:
                for gradient, at_gradient in gradients:
                    E = np.abs(slope) * (E_g + 4 * own.u * np.abs(gradient)) + 2 * own.tiny
                    at = at_slope | at_gradient
                    low = np.where(at, np.minimum(low, slope * gradient - E), low)
                    high = np.where(at, np.maximum(high, slope * gradient + E), high)
        return low, high

    def _jumps(self, k: int, side: int, l: int, kinks: Kinks, values: StepValues) -> tuple[Any, Any]:
        """The lowest and the highest A where σ jumps, and the expected one elsewhere."""
        assert self.sides.has.Z is not None
        Z, own = self.batch.layouts[l].view(self.sides.has.Z[l - 1][side], k), precision(self.batch.dtype)
        low = high = values.A[l - 1]
        for kink in kinks:
            if kink.jump is not None:
                at = np.abs(Z - kink.at) <= own.tiny
                low = np.where(at, np.minimum(low, min(kink.jump)), low)
                high = np.where(at, np.maximum(high, max(kink.jump)), high)
        return low, high


def _updated(before: Any, rate: Any, gradient: Any) -> Any:
    """W - η dW in extended precision, as float64."""
    return (extended(before) - extended(rate) * extended(gradient)).astype(np.float64)


def _rounded(value: Any) -> Any:
    """The error of rounding an expected value to float64."""
    return np.finfo(np.float64).eps * np.abs(value)
