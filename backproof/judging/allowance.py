"""A function's own error: what an evaluation at the exact argument may err by (E1, E2, E3 and D1).

The accurate allowance is E1. A wider one adds the naive formulas' scales (E2) or the declared deviations of
some oracles (D1); it is asked for only when an answer lies outside the accurate one, to say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from refimpl import ActivationSpec, LossSpec

from .activation_facts import ACTIVATION_FACTS
from .deviations import Deviation
from .error_facts import ACCURACY, log_of_rest
from .loss_facts import LOSS_FACTS
from .pieces import ActivationPieces, LossPieces


def underflow_factor(parameters: Mapping[str, Any]) -> Any:
    """E3: how many times η₀ a formula of two factors can lose.

    The result itself may underflow; so may a partial product, which is then multiplied by at most 2 (tanh:
    g (1 - a) by 1 + a) or by a parameter or its inverse (softplus: by β and 1/β, in either order).
    """
    largest: Any = 3.0
    for value in parameters.values():
        sizes = np.abs(value)
        inverse = 1 / np.where(sizes > 0, sizes, 1.0)
        largest = largest + np.where(sizes > 0, np.maximum(sizes, inverse), 0.0)
    return largest


@dataclass(frozen=True, eq=False)
class Allowance:
    """What is allowed at unit roundoff `u` and smallest normal number `tiny` (numbers or columns)."""

    u: Any
    tiny: Any
    naive: bool = False
    deviations: tuple[Deviation, ...] = ()

    def activation(
        self, spec: ActivationSpec | ActivationPieces, z: Any, value: Any, slope: Any
    ) -> tuple[Any, Any]:
        """The largest own error of σ and of σ' over the points along axis 0."""
        facts, p = ACTIVATION_FACTS[spec.name], spec.parameters
        assert facts.derivative is not None
        scales = [facts.value(z, value, p), facts.derivative(z, slope, p)]
        if self.naive and facts.naive_value:
            scales[0] = np.maximum(scales[0], facts.naive_value(z, value, p))
        if self.naive and facts.naive_derivative:
            scales[1] = np.maximum(scales[1], facts.naive_derivative(z, slope, p))
        extra = facts.underflow(z, p) if facts.underflow else 0.0
        own, own_slope = self._errors(scales, np.ndim(value), spec.name, (z, p), extra)
        if self.naive and facts.squared:
            size = np.max(np.abs(slope), axis=0)
            own_slope = own_slope + np.where(size < 2 * np.sqrt(self.tiny), size, 0.0)
        return own, own_slope

    def loss(self, spec: LossSpec | LossPieces, a: Any, value: Any, slope: Any, y: Any) -> tuple[Any, Any]:
        """The largest own error of ℓ and of ∂ℓ/∂a over the points along axis 0."""
        facts, p = LOSS_FACTS[spec.name], spec.arguments
        assert facts.value is not None
        assert facts.derivative is not None
        scales = [facts.value(a, value, y, p), facts.derivative(a, slope, y, p)]
        if self.naive and facts.naive_value:
            scales[0] = np.maximum(scales[0], facts.naive_value(a, value, y, p))
        if self.naive and facts.naive_derivative:
            scales[1] = np.maximum(scales[1], facts.naive_derivative(a, slope, y, p))
        own, own_slope = self._errors(scales, np.ndim(value), spec.name, (a, y, p))
        if self.naive and facts.of_rest:
            own = own + np.max(facts.of_rest(y, p) * log_of_rest(self.u, a), axis=0)
        return own, own_slope

    def _errors(
        self, scales: list[Any], axes: int, function: str, arguments: tuple[Any, ...], extra: Any = 0.0
    ) -> tuple[Any, Any]:
        """`axes` are those of the values, with that of the points."""
        times = underflow_factor(arguments[-1]) + extra
        lost = self.tiny * (np.max(times, axis=0) if np.ndim(extra) else times)
        # Some scales are the same at all points, such as a parameter. The number 0 says that nothing rounds,
        # and then nothing underflows either.
        errors = [
            ACCURACY * self.u * np.max(s, axis=0) + lost
            if np.ndim(s) == axes
            else (ACCURACY * self.u * s + lost) * (s > 0)
            for s in scales
        ]
        for deviation in self.deviations:
            if deviation.function == function and deviation.overflow is None:
                errors[0] = errors[0] + np.max(np.abs(deviation.value(*arguments)), axis=0)
                errors[1] = errors[1] + np.max(np.abs(deviation.derivative(*arguments)), axis=0)
        return errors[0], errors[1]
