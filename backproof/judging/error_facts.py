"""What an accurate evaluation of each function may err by: one line a function.

E1. A value v computed by one of the listed formula families errs by at most ACCURACY · u · scale, where u
    is the unit roundoff, and by what underflow loses (`underflow_factor` times the smallest normal number).
    The line gives the scale: |v| where every family is accurate relatively, more where one of them cancels
    (1 - tanh² near saturation: 1). ACCURACY is the design's limit between accuracy and deviation;
    `tests/judging` measures every oracle against it.
E2. `naive` scales belong to formulas that are right in exact arithmetic and lose more than that in floats.
    An answer outside E1 and inside these is "unstable", not a mismatch.

`turns` are the points at which σ or σ' (ℓ or ∂ℓ/∂a) changes from rising to falling; between turns and
kinks both are monotone, so that their extremes over an interval are met at its ends or at these points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ACCURACY = 8.0

Scale = Callable[..., Any]


def exact(*_: Any) -> Any:
    """The scale of a function that no family rounds."""
    return 0.0


def relative(_z: Any, value: Any, *_: Any) -> Any:
    """The scale of a function that every family computes to a few units in the last place."""
    return np.abs(value)


def no_turns(*_: Any) -> tuple[Any, ...]:
    """σ and σ' are monotone between kinks."""
    return ()


@dataclass(frozen=True)
class ActivationFacts:
    """Scales as functions of (z, value or derivative, parameters)."""

    value: Scale
    derivative: Scale | None
    """None for an activation that is not elementwise: its rule is in `vector_rules`."""
    turns: Callable[..., tuple[Any, ...]] = no_turns
    """Parameters → points."""
    naive_value: Scale | None = field(default=None, kw_only=True)
    naive_derivative: Scale | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class LossFacts:
    """Scales as functions of (a, term or derivative, y, parameters)."""

    value: Scale
    derivative: Scale | None
    """None for a loss whose terms depend on all outputs of a sample: its rule is in `vector_rules`."""
    turns: Callable[..., tuple[Any, ...]] = no_turns
    """(targets, parameters) → points, each an array like the targets."""
    singular: Callable[[Any], tuple[tuple[float, Any], ...]] = no_turns
    """Targets → (point, where the loss is infinite there)."""
    naive_value: Scale | None = field(default=None, kw_only=True)
    naive_derivative: Scale | None = field(default=None, kw_only=True)


def _softplus(z: Any, value: Any, p: Any) -> Any:
    # e^(βz) turns the rounding of βz into a relative error |βz| u where softplus is about e^(βz)/β.
    return np.abs(value) * (1 + np.maximum(-p["beta"] * z, 0) / 4)


def _softplus_slope(z: Any, slope: Any, p: Any) -> Any:
    # Autograd of log(e^x + 1) is e^(x - softplus x): both terms round at |x| u, on both sides of 0.
    return np.abs(slope) * (1 + np.abs(p["beta"] * z) / 4)


def _bce_with_logits_slope(z: Any, slope: Any, y: Any, _p: Any) -> Any:
    # σ(z) - y, or (1 - y) σ(z) - y σ(-z) with each σ as the slope of a softplus (above).
    sigmoid = slope + y
    return np.abs(slope) + 2 * y + (y * (1 - sigmoid) + (1 - y) * sigmoid) * np.abs(z) / 4


def _softmax_value(z: Any, value: Any, _p: Any) -> Any:
    # e^(z - max) turns the rounding of z - max into a relative error; the sum over n units rounds n times.
    below = np.max(z, axis=-2, keepdims=True) - z
    mean_below = np.sum(np.abs(value) * np.nan_to_num(below), axis=-2, keepdims=True)
    return np.abs(value) * (1 + (z.shape[-2] + below + mean_below) / ACCURACY)


# The lambdas' arguments are those that the docstrings above name.
ACTIVATION_FACTS: dict[str, ActivationFacts] = {
    "identity": ActivationFacts(exact, exact),
    # a(1 - a) with a accurate: 1 - a is off by a's error. 1 - a² likewise, by twice a's error.
    "sigmoid": ActivationFacts(relative, lambda z, d, p: 1.25 / (1 + np.exp(-z)), lambda p: (0.0,)),
    "tanh": ActivationFacts(relative, lambda z, d, p: np.abs(d) + 2 * (1 - d), lambda p: (0.0,)),
    "relu": ActivationFacts(exact, exact),
    "leaky_relu": ActivationFacts(relative, exact),
    "softplus": ActivationFacts(
        _softplus, _softplus_slope, naive_value=lambda z, v, p: np.ones_like(v) / p["beta"] + np.abs(v)
    ),
    "softmax": ActivationFacts(_softmax_value, None),
}


def _logit(y: Any) -> Any:
    return np.log(y) - np.log1p(-y)


LOSS_FACTS: dict[str, LossFacts] = {
    "mse": LossFacts(relative, relative, lambda y, p: (y,)),
    "half_squared_error": LossFacts(relative, relative, lambda y, p: (y,)),
    "bce": LossFacts(
        lambda a, v, y, p: np.abs(v) + (1 - y),
        lambda a, d, y, p: np.where(y > 0, y / a, 0) + np.where(y < 1, (1 - y) / (1 - a), 0),
        lambda y, p: (y,),
        lambda y: ((0.0, y > 0), (1.0, y < 1)),
    ),
    "cross_entropy": LossFacts(relative, relative, singular=lambda y: ((0.0, y > 0),)),
    "bce_with_logits": LossFacts(
        # (1 - y) z - log σ(z) cancels left of 0, where log σ(z) is nearly z: torch computes it like this.
        lambda a, v, y, p: np.abs(v) + np.abs(a),
        _bce_with_logits_slope,
        lambda y, p: (_logit(y),),
        naive_value=lambda a, v, y, p: 1 + np.abs(a),
    ),
    "cross_entropy_with_logits": LossFacts(relative, None),
}
