"""Regimes: the kinds of numbers that random networks are made of, each named so that reports can count it.

`Regime` itself is the ordinary one. Each of its methods is one thing that another regime draws differently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from refimpl import Activation, ActivationSpec, LossSpec
from refimpl.domains import REALS, UNIT, Interval

from .numbers import Array, Integers, Numbers, powers_above, times_power
from .source import Source, one_in, pick, size
from .targets import Predictions, draw_labels, draw_targets, one_hot


class Span(NamedTuple):
    """The sizes from `least` to `most`."""

    least: int
    most: int

    def draw(self, source: Source, at_least: int = 1) -> int:
        """One of them: log-uniform, and `at_least` so many where that is allowed."""
        drawn = size(source, self.most, self.least)
        return drawn if drawn >= at_least else min(at_least, self.most)

    def limit(self, drawn: int) -> int:
        """The least or the most, whichever is nearer by its logarithm."""
        return self.least if drawn * drawn <= self.least * self.most else self.most

    def small(self, most: int) -> Span:
        """Those of them up to `most`; the least if there are none."""
        return Span(self.least, max(self.least, min(self.most, most)))

    def nearest(self, width: int) -> Span:
        """The one of them that is nearest to a width."""
        width = min(max(width, self.least), self.most)
        return Span(width, width)


class Sizes(NamedTuple):
    """The number of layers L and of samples m, and between which numbers the widths n_0 … n_L lie."""

    depth: int
    samples: int
    hidden: Span
    inputs: Span
    outputs: Span


class AllowedSizes(NamedTuple):
    """How many layers, units in a layer and samples a draw may have; of inputs and outputs apart."""

    depth: Span
    batch: Span
    hidden: Span
    inputs: Span
    outputs: Span

    def small(self) -> AllowedSizes:
        """Those of a small network: bounds are sharp there, and so is the judgement."""
        return _small(self)


@lru_cache(maxsize=64)
def _small(sizes: AllowedSizes) -> AllowedSizes:
    widths = (span.small(8) for span in (sizes.hidden, sizes.inputs, sizes.outputs))
    return AllowedSizes(sizes.depth.small(3), sizes.batch.small(8), *widths)


# Where to round up: no sum of short binary and decimal numbers (a slope of 0.01) has this distance from an
# integer, so that the last bits of a prediction do not decide.
_ODD_HALF = 0.4854101966


class Regime:
    """The ordinary regime, and what every regime consists of.

    Arrays are drawn in float64 and hold numbers of the case's dtype: W is (outputs, inputs), X is
    (inputs, samples), WA = W[l] A[l-1] is (outputs, samples).
    """

    name = "ordinary"
    description = "weights of He's, Xavier's or unit size, biases small or 0, normal data"
    weight = 9
    """How often it is drawn, in parts of the sum over all regimes."""
    prefers_kinks = False
    """Whether activations that have kinks are drawn more often."""
    prefers_labels = False
    """Whether losses whose targets are labels are drawn more often."""
    turns_dead_layers = True
    """Whether W and b change sign or size where else σ' would be 0 for all units and samples, and labels
    change where the loss would be flat."""
    mixes_one_unit = False
    """Whether a softmax, or a loss that contains one, may have one unit only: its gradient is 0 then."""

    def sizes(self, source: Source, allowed: AllowedSizes) -> Sizes:
        """Log-uniform sizes; half of the networks are small."""
        if not one_in(source, 2):
            allowed = allowed.small()
        depth, samples = allowed.depth.draw(source), allowed.batch.draw(source)
        return Sizes(depth, samples, allowed.hidden, allowed.inputs, allowed.outputs)

    def inputs(self, numbers: Numbers, rows: int, samples: int) -> Array:
        """X."""
        return numbers.normal(rows, samples)

    def weights(self, numbers: Numbers, outputs: int, inputs: int, depth: int) -> Array:
        """W of one layer of a network of `depth` layers."""
        del depth
        return numbers.normal(outputs, inputs, numbers.initial_scale(inputs, outputs))

    def powers(self, activation: Activation, *, delicate: bool) -> tuple[int | None, int]:
        """Exponents low and high: W is multiplied by a power of two so that 2^low ≤ max|WA| < 2^high.

        `delicate` says that this is the last layer and that the loss takes probabilities, which stay
        representable while |Z| is about 8 at most, or grows like e^Z.
        """
        del activation
        return None, 3 if delicate else 8

    def bias(self, numbers: Numbers, W: Array, WA: Array, activation: ActivationSpec) -> Array:
        """The column b of one layer, of which W and W A are known."""
        del WA, activation
        if one_in(numbers.source, 4):
            return np.zeros((len(W), 1))
        return numbers.uniform(len(W), 1, 0.25)

    def targets(self, numbers: Numbers, loss: LossSpec, predictions: Predictions) -> Array:
        """Y."""
        return draw_targets(numbers, loss.entry, predictions)


class Saturated(Regime):
    name = "saturated"
    description = "weights so large that the largest pre-activation of a layer lies between 32 and 128"
    weight = 2

    def powers(self, activation: Activation, *, delicate: bool) -> tuple[int | None, int]:
        del activation, delicate  # rounding to 0 or 1 is what this regime is for
        return 5, 7


class Kinks(Regime):
    name = "kinks"
    description = "small integers, zero rows and chosen biases, so that pre-activations lie exactly on kinks"
    weight = 2
    prefers_kinks = True
    turns_dead_layers = False

    def sizes(self, source: Source, allowed: AllowedSizes) -> Sizes:
        """As ordinary, with a hidden layer wherever that is allowed."""
        drawn = super().sizes(source, allowed)
        return drawn._replace(depth=max(drawn.depth, min(2, allowed.depth.most)))

    def inputs(self, numbers: Numbers, rows: int, samples: int) -> Array:
        return _integers(numbers, rows, samples)

    def weights(self, numbers: Numbers, outputs: int, inputs: int, depth: int) -> Array:
        del depth
        W = _integers(numbers, outputs, inputs)
        zero = numbers.mask(outputs, 1, 4)
        if outputs > 1:  # A row of zeros makes z equal to its bias, whatever the layers before it give.
            W[zero.ravel()] = 0.0
        return W

    def bias(self, numbers: Numbers, W: Array, WA: Array, activation: ActivationSpec) -> Array:
        """A kink for a row of zeros; a kink plus a small integer elsewhere."""
        del WA
        units = len(W)
        kinks = np.array([kink.at for kink in activation.entry.kinks(activation.parameters)] or [0.0])
        at = kinks[numbers.below(units, len(kinks))].reshape(units, 1)
        moved = at + numbers.small_integers(units, 1, 1)
        return numbers.rounded(np.where(W.any(axis=1, keepdims=True), moved, at))

    def targets(self, numbers: Numbers, loss: LossSpec, predictions: Predictions) -> Array:
        """As ordinary; where targets are any real numbers, half of the residuals A - Y lie on the loss's
        kinks, or at 0 if it has none, and the others 1 away, as far as A is a multiple of 1/16.
        """
        if loss.entry.target_domain != REALS:
            return super().targets(numbers, loss, predictions)
        A = predictions.A()
        # Where any target will do, the loss is one of A - Y, and its kinks at Y = 0 are those of A - Y.
        kinks = np.array([float(kink.at) for kink in loss.entry.kinks(0.0, loss.arguments)] or [0.0])
        at = kinks[numbers.below(A.size, len(kinks))] + np.array([0, 0, 1, -1])[numbers.below(A.size, 4)]
        near = np.floor(A * 16 + _ODD_HALF) / 16
        return numbers.rounded(near - at.reshape(A.shape))


def _integers(numbers: Numbers, rows: int, columns: int) -> Array:
    return numbers.small_integers(rows, columns, pick(numbers.source, (1, 2, 3)))


class NearKinks(Kinks):
    name = "near_kinks"
    description = (
        "as kinks, with every bias moved by a small power of two, so that none is hit but many nearly"
    )
    weight = 1

    def bias(self, numbers: Numbers, W: Array, WA: Array, activation: ActivationSpec) -> Array:
        at = super().bias(numbers, W, WA, activation)
        exponents = 6 + numbers.below(len(at), numbers.significand - 10).reshape(at.shape)
        signs = 1 - 2 * numbers.below(len(at), 2).reshape(at.shape)
        return numbers.rounded(at + times_power(signs, -exponents))


class Ties(Regime):
    name = "ties"
    description = (
        "every weight matrix has equal rows, equal columns or one value throughout; samples are often equal"
    )
    weight = 1

    def inputs(self, numbers: Numbers, rows: int, samples: int) -> Array:
        X = super().inputs(numbers, rows, samples)
        kind = pick(numbers.source, ("constant", "equal samples", "equal features", "plain"))
        return X if kind == "plain" else _tied(numbers, X, kind)

    def weights(self, numbers: Numbers, outputs: int, inputs: int, depth: int) -> Array:
        W = super().weights(numbers, outputs, inputs, depth)
        return _tied(numbers, W, pick(numbers.source, ("constant", "equal features", "equal samples")))

    def bias(self, numbers: Numbers, W: Array, WA: Array, activation: ActivationSpec) -> Array:
        b = super().bias(numbers, W[:1], WA[:1], activation)
        return np.full((len(W), 1), b.item())


def _tied(numbers: Numbers, values: Array, kind: str) -> Array:
    """The matrix with one value, with equal rows ("equal features") or with equal columns ("equal samples").

    Rows are taken from the first half of the rows, so that with two or more at least two are equal.
    """
    rows, columns = values.shape
    if kind == "constant":
        return np.full(values.shape, values.item(0))
    if kind == "equal features":
        return values[numbers.below(rows, max(1, rows // 2))]
    return values[:, numbers.below(columns, max(1, columns // 2))]


class Sparse(Regime):
    name = "sparse"
    description = (
        "weight matrices are all zero, the identity or mostly zeros; so is the data, half of the time"
    )
    weight = 1
    turns_dead_layers = False

    def inputs(self, numbers: Numbers, rows: int, samples: int) -> Array:
        X = super().inputs(numbers, rows, samples)
        return np.where(numbers.mask(rows, samples, 4), X, 0.0) if one_in(numbers.source, 2) else X

    def weights(self, numbers: Numbers, outputs: int, inputs: int, depth: int) -> Array:
        W = super().weights(numbers, outputs, inputs, depth)
        kind = pick(numbers.source, ("mostly zero",) * 5 + ("identity", "identity", "zero"))
        if kind == "zero":
            return np.zeros((outputs, inputs))
        if kind == "identity":
            return np.eye(outputs, inputs)
        kept = numbers.mask(outputs, inputs, 8)
        kept[np.arange(outputs), numbers.below(outputs, inputs)] = True  # so that something passes
        return np.where(kept, W, 0.0)


class Magnitudes(Regime):
    name = "magnitudes"
    description = "rows and columns of weights and data differ by many powers of two"
    weight = 1

    def inputs(self, numbers: Numbers, rows: int, samples: int) -> Array:
        return _mixed(numbers, super().inputs(numbers, rows, samples), 8)

    def weights(self, numbers: Numbers, outputs: int, inputs: int, depth: int) -> Array:
        # A gradient passes through all layers: their powers add up to what the dtype's range allows.
        reach = 32 if numbers.significand == 24 else 192
        W = super().weights(numbers, outputs, inputs, depth)
        return _mixed(numbers, W, max(2, reach // (2 * depth)))

    def powers(self, activation: Activation, *, delicate: bool) -> tuple[int | None, int]:
        if delicate:
            return None, 3
        # A layer of sigmoids is not to saturate as a whole: no gradient would pass.
        bounded = math.isfinite(activation.range.low) and math.isfinite(activation.range.high)
        return None, 4 if bounded else 24

    def bias(self, numbers: Numbers, W: Array, WA: Array, activation: ActivationSpec) -> Array:
        """Biases of the size of their rows of WA."""
        del W, activation
        return times_power(numbers.uniform(len(WA), 1, 0.25), _powers_above_rows(WA))


def _powers_above_rows(WA: Array) -> Integers:
    return powers_above(np.max(np.abs(WA), axis=1, keepdims=True))


def _mixed(numbers: Numbers, values: Array, reach: int) -> Array:
    """Rows and columns multiplied by powers of two from 2^-reach to 2^reach."""
    rows, columns = values.shape
    powers = numbers.small_integers(rows, 1, reach) + numbers.small_integers(1, columns, reach)
    return times_power(values, powers)


class Limits(Regime):
    name = "limits"
    description = "one layer, one unit or one sample, or as many as allowed"
    weight = 2
    mixes_one_unit = True

    def sizes(self, source: Source, allowed: AllowedSizes) -> Sizes:
        extreme = pick(source, ("depth", "width", "batch", "all"))
        width = allowed.hidden.limit(allowed.hidden.draw(source))
        drawn = super().sizes(source, allowed)
        if extreme in ("depth", "all"):
            drawn = drawn._replace(depth=allowed.depth.limit(drawn.depth))
        if extreme in ("batch", "all"):
            drawn = drawn._replace(samples=allowed.batch.limit(drawn.samples))
        if extreme in ("width", "all"):
            inputs, outputs = allowed.inputs.nearest(width), allowed.outputs.nearest(width)
            drawn = drawn._replace(hidden=Span(width, width), inputs=inputs, outputs=outputs)
        return drawn


class Labels(Regime):
    name = "labels"
    description = "one-hot, soft and hard labels, exactly 0 and 1 among them"
    weight = 1
    prefers_labels = True

    def targets(self, numbers: Numbers, loss: LossSpec, predictions: Predictions) -> Array:
        domain = loss.entry.target_domain
        if loss.entry.classes or not isinstance(domain, Interval) or not domain.contains([0.0, 1.0]):
            return super().targets(numbers, loss, predictions)
        if one_in(numbers.source, 3):
            return one_hot(numbers, *predictions.shape)
        return draw_labels(numbers, UNIT, *predictions.shape)


_REGIMES = (Regime, Saturated, Kinks, NearKinks, Ties, Sparse, Magnitudes, Limits, Labels)
REGIMES: Mapping[str, Regime] = MappingProxyType({regime.name: regime() for regime in _REGIMES})
