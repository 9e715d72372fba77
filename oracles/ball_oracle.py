"""The truth: every quantity in ball arithmetic (FLINT's Arb), proven to hold the exact real number.

A case's numbers are taken as they are, exactly. Precision doubles until every ball is narrow enough for what
it is asked for, up to 2,048 bits. What then still straddles a kink, or lies exactly on one, is the hull of
both branches: any number in it is an answer.

`BallOracle` is also an `Oracle` like torch and jax: then its answers are the exact values rounded once, with
the branch below the kink where a choice is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from refimpl import QUANTITIES, ActivationSpec, Case, LossSpec, Trace

from .ball_activations import ELEMENTWISE
from .ball_branches import Branches, deciding
from .ball_losses import TERMS
from .ball_network import Balls, entry_function, entry_term, nonlinear_steps, steps, whole
from .ball_tape import MOST_BITS, at
from .pieces import PieceByPiece
from .step_batch import StepByStep
from .steps import StepInputs, StepValues
from .trace_batch import GivenTraces, TraceBatch

FIRST_BITS = 256
NARROW = 2.0**-40
"""How wide a ball may be, relative to the smallest difference that matters."""


@dataclass(frozen=True)
class Enclosure:
    """Intervals around `high` + `low`, entry by entry: the exact number is at most `radius` away."""

    high: Any
    """The nearest float64: infinite beyond its range, NaN where nothing is known."""
    low: Any
    """What is left, so that both together are much more precise than any answer."""
    radius: Any

    def distance(self, answer: Any) -> Any:
        """The most that an answer may be away from the exact value; infinite where it is not finite."""
        with np.errstate(all="ignore"):
            found = np.abs((answer - self.high) - self.low) * (1 + 2.0**-50) + self.radius
        return np.where(np.isfinite(answer) & np.isfinite(self.high), found, np.inf)

    def least_distance(self, answer: Any) -> Any:
        """The least that an answer is away from the exact value: 0 inside the ball."""
        with np.errstate(all="ignore"):
            found = np.abs((answer - self.high) - self.low) * (1 - 2.0**-50) - self.radius
        return np.where(np.isfinite(answer) & np.isfinite(self.high), np.maximum(found, 0.0), np.inf)

    def wide(self, resolution: Any) -> bool:
        """Whether more precision might help: some ball is wider than 2^-40 of what matters there."""
        with np.errstate(invalid="ignore"):
            return bool(np.any(~np.isinf(self.high) & ~(self.radius <= NARROW * resolution)))


@dataclass(frozen=True)
class TruthTrace:
    """The exact values of a case, or of the steps on someone's own numbers."""

    quantities: Mapping[str, tuple[Enclosure, ...]]
    """Quantity → one enclosure a layer; of the loss and dX, one."""
    bits: int
    """The precision that was enough, or the most that was tried."""
    on_a_kink: bool
    """Whether some number lay exactly on a kink, or straddled one in the end: these are hulls."""


# Quantity → for each layer (loss and dX: one) the smallest difference that matters, entry by entry.
Resolution = Mapping[str, Sequence[Any]]


class BallOracle(PieceByPiece, StepByStep):
    """Exact values by python-flint; see `Oracle` for the methods."""

    name = "truth"

    def versions(self) -> Mapping[str, str]:
        """What answers: package → version."""
        return {"python-flint": str(flint.__version__), "flint": str(flint.__FLINT_VERSION__)}

    def plain(self) -> None:
        """None: there is no faster path to be confirmed."""

    def enclosed(self, case: Case, resolution: Resolution | None = None) -> TruthTrace:
        """The whole trace of the case, differentiated as one function."""
        return _narrow(lambda: whole(case), case.dtype, resolution, hull=True)

    def enclosed_steps(self, case: Case, trace: Trace, resolution: Resolution | None = None) -> TruthTrace:
        """Each quantity as one step from the trace's own numbers, for as many as it offers the inputs of."""
        return _narrow(lambda: steps(case, trace), case.dtype, resolution, hull=True)

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> TraceBatch:
        """The exact trace of each case, rounded to `dtype`, or to the case's own."""
        return GivenTraces(cases, [self._trace(case, np.dtype(dtype or case.dtype)) for case in cases])

    def _trace(self, case: Case, dtype: Any) -> Trace:
        found = _narrow(lambda: whole(case), dtype, None, hull=False).quantities
        values: dict[str, Any] = {}
        with np.errstate(over="ignore"):
            for quantity, per_layer in QUANTITIES.items():
                arrays = tuple(each.high.astype(dtype) for each in found[quantity])
                values[quantity] = arrays if per_layer else arrays[0]
        values["loss"] = values["loss"][0, 0]
        return Trace(**values)

    def steps(self, inputs: Sequence[StepInputs]) -> list[StepValues]:
        """Each nonlinear step applied to the given inputs, exactly, rounded to float64."""
        return [self._step(step) for step in inputs]

    def _step(self, step: StepInputs) -> StepValues:
        found = _narrow(lambda: nonlinear_steps(step), np.float64, None, hull=False).quantities
        return StepValues(
            tuple(each.high for each in found["A"]),
            float(found["loss"][0].high[0, 0]),
            found["dA"][0].high,
            tuple(each.high for each in found["delta"]),
        )

    def activation(self, spec: ActivationSpec, points: Any) -> tuple[Any, Any]:
        """(σ, σ') at float64 `points`, rounded once; ValueError if σ is not elementwise."""
        if spec.name not in ELEMENTWISE:
            raise ValueError(f"{spec.name} is not elementwise: it has no derivative at single points")
        return _at_points(entry_function(spec), points)

    def loss_terms(self, spec: LossSpec, points: Any, targets: Any) -> tuple[Any, Any]:
        """(ℓ, ∂ℓ/∂a) at float64 `points`, rounded once; ValueError if the loss has no terms of entries."""
        if spec.name not in TERMS:
            raise ValueError(f"{spec.name} is not a sum of terms of single entries")
        function, arrays = entry_term(spec)
        return _at_points(function, points, targets, *arrays)


def _narrow(
    evaluated: Callable[[], Balls], dtype: Any, resolution: Resolution | None, *, hull: bool
) -> TruthTrace:
    bits = FIRST_BITS
    while True:
        with flint.ctx.workprec(bits), deciding(Branches()) as branches:
            found = _enclosures(evaluated())
        wide = any(
            each.wide(resolution[name][l] if resolution else _usual(each.high, dtype, alone=not hull))
            for name, values in found.items()
            for l, each in enumerate(values)
        )
        if bits == MOST_BITS or not (wide or branches.unsure):
            break
        bits = min(2 * bits, MOST_BITS)
    if hull and branches.any:  # once narrow in one branch: a hull never is
        with flint.ctx.workprec(bits), deciding(Branches(hull=True)):
            found = _enclosures(evaluated())
    return TruthTrace(found, bits, branches.any)


def _enclosures(balls: Balls) -> dict[str, tuple[Enclosure, ...]]:
    return {name: tuple(map(_enclosure, values)) for name, values in balls.items()}


def _usual(values: Any, dtype: Any, *, alone: bool) -> Any:
    """The smallest difference that matters if nobody says: a rounding of the value.

    Unless each value is an answer that stands `alone`, also 2^-20 of a rounding of the largest of its tensor,
    which sums of terms that cancel come out with.
    """
    info = np.finfo(dtype)
    sizes = np.abs(np.where(np.isfinite(values), values, 0.0))
    least = 0.0 if alone else 2.0**-20 * np.max(sizes)
    return float(info.eps) / 2 * np.maximum(sizes, least) + float(info.tiny)


def _enclosure(matrix: Any) -> Enclosure:
    """Of a matrix of balls."""
    high, low, radius = [], [], []
    for ball in matrix.entries():
        near = float(ball)
        if math.isinf(near) and math.isfinite(float(ball.abs_lower())):
            near = math.nan  # so wide a ball says nothing
        high.append(near)
        if near - near == 0:  # finite
            rest = ball - near
            small = float(rest)
            low.append(small)
            left = rest - small
            # float() rounds to the nearest number, so that something is added.
            radius.append(0.0 if left.is_zero() else float(left.abs_upper()) * (1 + 2.0**-50) + 5e-324)
        else:
            low.append(0.0)
            radius.append(np.nan)
    shape = matrix.nrows(), matrix.ncols()
    return Enclosure(*(np.array(values).reshape(shape) for values in (high, low, radius)))


def _at_points(function: Callable[..., Any], points: Any, *others: Any) -> tuple[Any, Any]:
    """(f, f') entry by entry, each with as many bits as it needs."""
    points = np.asarray(points, dtype=np.float64)
    rest = [np.broadcast_to(other, points.shape).reshape(-1).tolist() for other in others]
    values, slopes = [], []
    for z, *own in zip(points.reshape(-1).tolist(), *rest, strict=True):
        value, slope = _at_point(function, z, own)
        values.append(value)
        slopes.append(slope)
    return np.array(values).reshape(points.shape), np.array(slopes).reshape(points.shape)


_ACCURATE_BITS = 60
_NOTHING = flint.arb(2) ** -1140
"""Below half the smallest subnormal number of float64."""


def _at_point(function: Callable[..., Any], z: float, others: Sequence[float]) -> tuple[float, float]:
    bits = FIRST_BITS
    while True:
        with flint.ctx.workprec(bits):
            pair = at(function, flint.arb(z), *others)
            if bits == MOST_BITS or all(
                ball.rel_accuracy_bits() >= _ACCURATE_BITS or ball.rad() < _NOTHING for ball in pair
            ):
                return float(pair[0]), float(pair[1])
        bits = min(2 * bits, MOST_BITS)
