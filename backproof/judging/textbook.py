"""What textbook formulas give where an exponential on the way overflows or underflows: often a finite number.

E4. Softmax as e^z/Σe^z: 0 (or NaN) where Σe^z overflows; where it underflows, off by 2 (n + 1) η₀/Σe^z, by up
    to 1 once the sum is not much above η₀. Its logarithm, and log Σe^z, are off by 3 + 2 log n where e^z or
    the softmax is subnormal; where one is 0 they are not finite.
E5. A function by way of e^x may be infinite or NaN where e^x overflows. What is computed from that may
    be any number: comparisons swallow NaN, and tanh makes ±1 of infinities.
Proofs: docs/textbook-formulas.md. All this widens the reading "unstable" (E2) only, never the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .activation_facts import ACTIVATION_FACTS
from .activation_rules import units_sum
from .error_facts import ACCURACY
from .levels import Levels

CROSS_ENTROPIES = frozenset({"cross_entropy_with_logits", "poly_loss"})
_NEARLY = 2.0**-10
"""In units of the exponent: what βz, or a sum of exponentials, rounds by beside it."""


def overflows(levels: Levels, exponent: Any) -> Any:
    """Whether e^x may exceed the largest number, for each precision."""
    with np.errstate(all="ignore"):
        return exponent >= np.log(levels.largest) - _NEARLY


def may_break(levels: Levels, spec: Any, z: Any, E: Any) -> Any:
    """E5 for an elementwise activation whose argument is off by at most E; z is flat."""
    exponent = ACTIVATION_FACTS[spec.name].exponent
    if exponent is None:
        return np.zeros(np.shape(E), dtype=bool)
    p = spec.parameters
    return overflows(levels, np.maximum(exponent(z - E, p), exponent(z + E, p)))


class Softmax:
    """E4 for the columns of z (n, m), which are off by at most E; the levels are those for matrices."""

    def __init__(self, levels: Levels, z: Any, E: Any) -> None:
        n, largest = z.shape[-2], np.max(z, axis=-2, keepdims=True)
        with np.errstate(all="ignore"):
            log_sum = largest + np.log(units_sum(np.exp(z - largest)))
            y = np.exp(z - log_sum)
            reach = np.max(E, axis=-2, keepdims=True)
            self.over = overflows(levels, log_sum + reach)
            """Where Σe^z may overflow."""
            under = 2 * (n + 1) * levels.tiny * np.exp(np.minimum(reach - log_sum, 800.0))
            moved = y * np.expm1(np.minimum(2 * reach, 300.0)) + 2 * ACCURACY * levels.u * y
            # On ordinary numbers the formula is as good as any: what it is off by there is in the bound.
            self.error = np.where(self.over | (under > levels.u), moved, 0.0) + np.where(self.over, y, 0.0)
            self.error = np.minimum(self.error + np.where(under < 0.5, under, 1.0), 1.0)
            """What the softmax may be off by if it is a number."""
            self.broken = overflows(levels, largest + reach) | (under >= 0.5)
            """Where some e^z may be infinite, or their sum 0, so that the softmax may be NaN."""
            lowest = np.minimum(z, z - log_sum) - reach
            self.log_lost = (lowest < np.log(4 * levels.tiny)) | (under > levels.u)
            """Where e^z, the softmax or the sum may be subnormal, and their logarithm not finite."""
            self.log_error = np.where(self.log_lost, 3 + 2 * np.log(n), 0.0)
            """What the logarithm may be off by if it is a number."""


def of_softmax(levels: Levels, name: str, z: Any, E: Any) -> Any:
    """E4, E5: by how much more softmax, softmin or log-softmax may be off by a textbook formula.

    End to end, where numbers that are computed from NaN count too, infinite where NaN is possible.
    """
    found = Softmax(levels, -z if name == "softmin" else z, E)
    error = found.log_error if name == "log_softmax" else found.error
    if levels.centre is None:
        return error
    broken = found.broken | found.over | found.log_lost if name == "log_softmax" else found.broken
    return np.where(broken, np.inf, error)


def of_log_softmax_vjp(levels: Levels, z: Any, E: Any, g: Any, E_g: Any) -> Any:
    """E4: by how much more g - softmax(z) Σg may be off."""
    s = np.abs(units_sum(g)) + units_sum(E_g) + 2 * z.shape[-2] * levels.u * units_sum(np.abs(g))
    return Softmax(levels, z, E).error * s


def of_cross_entropy(levels: Levels, z: Any, E: Any, y: Any, arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    """E4: by how much more the terms and the gradient of a cross-entropy with logits may be off."""
    smoothing, weight = arguments.get("label_smoothing", 0.0), arguments.get("weight", 1.0)
    t = weight * (y * (1 - smoothing) + smoothing / y.shape[-2])
    epsilon = np.abs(arguments.get("epsilon", 0.0))
    found = Softmax(levels, z, E)
    return (
        t * found.log_error + epsilon * y * found.error,
        found.error * (units_sum(t) + 2 * epsilon * (y + units_sum(y))),
    )
