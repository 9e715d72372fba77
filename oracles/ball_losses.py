"""One line for each loss in ball arithmetic: its definition, as the textbook has it.

Predictions are power series over FLINT's balls (`arb_series`), so a value carries its derivative and none is
written down. Targets and the numbers of a loss's arrays are floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flint import arb

from .ball_activations import Series


def _weighted_log(weight: Any, a: Series) -> Series:
    return weight * a.log() if weight != 0 else 0 * a


def _log_sum_exp(column: Any) -> Series:
    return sum(z.exp() for z in column).log()


# Name → ℓ(a, y, **arguments) of one entry.
TERMS: Mapping[str, Callable[..., Series]] = {
    "mse": lambda a, y: (a - y) * (a - y),
    "half_squared_error": lambda a, y: (a - y) * (a - y) / 2,
    "bce": lambda a, y: -_weighted_log(y, a) - _weighted_log(1 - arb(y), 1 - a),
    "cross_entropy": lambda a, y: -_weighted_log(y, a),
    "bce_with_logits": lambda a, y: y * (1 + (-a).exp()).log() + (1 - arb(y)) * (1 + a.exp()).log(),
}

# Name → ℓ(predictions, targets, **arguments) of all outputs of one sample; an array's numbers are a list.
TERMS_OF_COLUMNS: Mapping[str, Callable[..., Series]] = {
    "cross_entropy_with_logits": lambda column, y: sum(
        t * (_log_sum_exp(column) - z) for t, z in zip(y, column, strict=True)
    )
}

# What reduction "mean" divides by is the number of samples for these; of entries for the others.
MEAN_OVER_SAMPLES = frozenset({"cross_entropy", "cross_entropy_with_logits"})
# Each sample's loss is a mean over its outputs, whatever the reduction.
MEAN_OVER_OUTPUTS_FIRST: frozenset[str] = frozenset()


def divisor(name: str, reduction: str, outputs: int, samples: int) -> int:
    """What the sum of all terms of a loss is divided by."""
    inner = outputs if name in MEAN_OVER_OUTPUTS_FIRST else 1
    if reduction == "sum":
        return inner
    if reduction == "batchmean" or name in MEAN_OVER_SAMPLES or name in MEAN_OVER_OUTPUTS_FIRST:
        return inner * samples
    return outputs * samples
