"""The exact value and derivative at every point of a sweep, from the truth alone.

Both are rounded once to float64: of float32 answers that is far below a roundoff, of float64 ones up to half
an ulp. Where a point lies exactly on a kink, anything between the sides is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracles.ball_oracle import BallOracle
from oracles.steps import StepInputs
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network

from .sweeps import COTANGENT, Sweep


@dataclass(frozen=True)
class Exact:
    """What is right: at each entry any number from `low` to `high`; NaN where there is no answer."""

    low: Any
    high: Any

    @classmethod
    def only(cls, values: Any) -> Exact:
        """Each entry has one right answer."""
        return cls(values, values)

    def nearest(self, answer: Any) -> Any:
        """Of the right answers the one nearest to `answer`; where that is NaN, the least."""
        return np.clip(np.where(np.isnan(answer), self.low, answer), self.low, self.high)


def exact_answers(truth: BallOracle, sweep: Sweep) -> tuple[Exact, Exact]:
    """Value and derivative of the sweep's function at its points.

    Value: (n, m) of an activation, (1, m) of a loss, one sample's each. Derivative: (n, m); of an activation
    that mixes units, its pull-back of `COTANGENT`.
    """
    spec, Z = sweep.spec, np.float64(sweep.Z)
    if isinstance(spec, ActivationSpec):
        if not spec.entry.elementwise:
            values, slopes = _activated_columns(truth, spec, Z)
            return Exact.only(values), Exact.only(slopes)
        values, slopes = truth.activation(spec, Z)
        return _with_kinks(spec.entry.kinks(spec.parameters), Z, values, slopes)
    Y = np.float64(sweep.Y)
    if not spec.entry.elementwise:
        values, slopes = _losses_of_columns(truth, spec, Z, Y)
        return Exact.only(values), Exact.only(slopes)
    values, slopes = truth.loss_terms(spec, Z, Y)
    return _with_kinks(spec.entry.kinks(Y, spec.arguments), Z, values, slopes)


def _with_kinks(kinks: Any, Z: Any, values: Any, slopes: Any) -> tuple[Exact, Exact]:
    """With everything between the sides where Z lies exactly on a kink."""
    value, slope = (Exact(array.copy(), array.copy()) for array in (values, slopes))
    for kink in kinks:
        on = np.broadcast_to(np.asarray(kink.at) == Z, Z.shape)
        if kink.jump is not None:
            value.low[on], value.high[on] = min(kink.jump), max(kink.jump)
        left, right = (np.broadcast_to(side, Z.shape)[on] for side in (kink.left, kink.right))
        slope.low[on], slope.high[on] = np.minimum(left, right), np.maximum(left, right)
    return value, slope


def cotangents(columns: int) -> Any:
    """`COTANGENT` for each column, (4, m)."""
    return np.repeat(np.array(COTANGENT)[:, None], columns, axis=1)


def _case(activation: ActivationSpec, loss: LossSpec, Y: Any) -> Case:
    """A network of one layer, for the truth to know the functions; its own numbers are never looked at."""
    n, m = Y.shape
    layer = Layer(np.zeros((n, 1)), np.zeros((n, 1)), activation)
    return Case(Network((layer,), loss), np.ones((1, m)), Y)


def _activated_columns(truth: BallOracle, spec: ActivationSpec, Z: Any) -> tuple[Any, Any]:
    # Half the squared distance from 0 has its argument as slope: the cotangent comes back as it is.
    loss, G = LossSpec("half_squared_error", "sum"), cotangents(1)
    case = _case(spec, loss, np.zeros((Z.shape[0], 1)))
    inputs = [StepInputs(case, (Z[:, j : j + 1],), G, ()) for j in range(Z.shape[1])]
    found = truth.steps(inputs)
    return (
        np.concatenate([each.A[0] for each in found], axis=1),
        np.concatenate([each.delta[0] for each in found], axis=1),
    )


def _losses_of_columns(truth: BallOracle, spec: LossSpec, Z: Any, Y: Any) -> tuple[Any, Any]:
    of_one = LossSpec(
        spec.name,
        spec.reduction,
        spec.parameters,
        {name: np.float64(array[:, :1]) for name, array in spec.arrays.items()},
    )
    identity = ActivationSpec("identity")
    case = _case(identity, of_one, Y[:, :1])
    inputs = [StepInputs(case, (Z[:, j : j + 1],), Z[:, j : j + 1], ()) for j in range(Z.shape[1])]
    found = truth.steps(inputs)
    return (
        np.array([[each.loss for each in found]]),
        np.concatenate([each.dA_last for each in found], axis=1),
    )
