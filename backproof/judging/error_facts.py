"""What an accurate evaluation of each function may err by: what a line of facts consists of.

E1. A value v computed by one of the listed formula families errs by at most ACCURACY · u · scale + k η₀ (E3).
    The line gives the scale: |v| where every family is accurate relatively, more where one of them cancels
    (1 - tanh² near saturation: 1). This is measured, not proven: `tests/judging` measures every oracle.
E2. `naive` scales belong to formulas that are right in exact arithmetic and lose more than that in floats.
    An answer outside E1 and inside these is "unstable", not a mismatch.
E6. A textbook's log(1 - σ(z)) is off by log(1 + 2ε) with ε = 8u (1 + e^z), or not finite once ε ≥ ½.
See docs/bounds.md and docs/textbook-formulas.md.

`turns` are the points at which σ or σ' (ℓ or ∂ℓ/∂a) changes from rising to falling; between turns and
kinks both are monotone, so that their extremes over an interval are met at its ends or at these points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ACCURACY = 8.0
"""The design's limit between accuracy and deviation."""

Scale = Callable[..., Any]


def exact(*_: Any) -> Any:
    """The scale of a function that no family rounds."""
    return 0.0


def relative(_z: Any, value: Any, *_: Any) -> Any:
    """The scale of a function that every family computes to a few units in the last place."""
    return np.abs(value)


def of_softplus(x: Any, slope: Any) -> Any:
    """The scale of the slope σ(x) of softplus at x.

    Autograd of log(e^x + 1) is e^(x - softplus x): both terms round at |x| u, on both sides of 0.
    """
    return np.abs(slope) * (1 + np.abs(x) / 4)


def log_of_rest(u: Any, z: Any) -> Any:
    """E6: what log(1 - σ(z)) may be off by, if it is a number."""
    log_epsilon = np.log(ACCURACY * u) + np.logaddexp(0.0, z)
    return np.logaddexp(0.0, np.log(2.0) + log_epsilon)


def rest_vanishes(u: float, z: Any) -> Any:
    """E6: whether 1 - σ(z) may round to 0."""
    return np.log(ACCURACY * u) + np.logaddexp(0.0, z) >= np.log(0.5)


def no_turns(*_: Any) -> tuple[Any, ...]:
    """σ and σ' are monotone between kinks."""
    return ()


@dataclass(frozen=True)
class ActivationFacts:
    """Scales as functions of (z, value or derivative, parameters)."""

    value: Scale
    derivative: Scale | None = None
    """None for an activation that is not elementwise: it has a rule instead."""
    turns: Callable[..., tuple[Any, ...]] = no_turns
    """Parameters → points."""
    underflow: Scale | None = field(default=None, kw_only=True)
    """(z, parameters) → what multiplies a factor that may have underflowed, as z does σ(z) in z σ(z)."""
    argument: Scale | None = field(default=None, kw_only=True)
    """(z, parameters) → the scale of a rounding of the argument itself, by which z may reach a kink: of
    z + 3 where that is clipped. 0 where z lies on the kink, and z + 3 is exact."""
    rule: Any = field(default=None, kw_only=True)
    """An `ActivationRule` of `activation_rules`, for an activation that is not elementwise."""
    naive_value: Scale | None = field(default=None, kw_only=True)
    naive_derivative: Scale | None = field(default=None, kw_only=True)
    exponent: Scale | None = field(default=None, kw_only=True)
    """(z, parameters) → the largest x of which a textbook formula computes e^x (E5)."""
    squared: bool = field(default=False, kw_only=True)
    """Whether a textbook derivative divides by the square of 1 + e^|z|, and is 0 where that overflows."""


@dataclass(frozen=True)
class LossFacts:
    """Scales as functions of (a, term or derivative, y, arguments): parameters and arrays by name."""

    value: Scale | None = None
    derivative: Scale | None = None
    """None for a loss whose terms depend on all outputs of a sample: it has a rule instead."""
    turns: Callable[..., tuple[Any, ...]] = no_turns
    """(targets, arguments) → points, each an array like the targets."""
    singular: Callable[..., tuple[tuple[float, Any], ...]] = no_turns
    """Targets → (point, where the loss is infinite there)."""
    rule: Any = field(default=None, kw_only=True)
    """A `LossRule` of `loss_rules`, for a loss whose terms depend on all outputs of a sample."""
    naive_value: Scale | None = field(default=None, kw_only=True)
    naive_derivative: Scale | None = field(default=None, kw_only=True)
    of_rest: Callable[..., Any] | None = field(default=None, kw_only=True)
    """(targets, arguments) → the factor of log(1 - σ(a)) in a textbook formula (E6)."""
