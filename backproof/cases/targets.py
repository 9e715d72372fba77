"""Random targets Y for a loss, found from the domain that its entry states, never from its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refimpl import Loss
from refimpl.domains import Interval, OneHot, OneOf, TargetDomain

from .numbers import Array, Numbers, power_above, times_power
from .source import pick


class Predictions(NamedTuple):
    """The activations of the last layer, (n, m), as far as they are needed."""

    shape: tuple[int, int]
    A: Callable[[], Array]
    """Computes them: labels do not depend on them."""

    @classmethod
    def of(cls, A: Array) -> Predictions:
        """Predictions that are known."""
        return cls(A.shape, lambda: A)


def draw_targets(numbers: Numbers, loss: Loss, predictions: Predictions) -> Array:
    """Targets of the shape of the predictions, in the loss's domain.

    Labels for losses that take labels; elsewhere numbers of about the size of the predictions.
    """
    rows, columns = predictions.shape
    domain = loss.target_domain
    if isinstance(domain, OneHot):
        return one_hot(numbers, rows, columns)
    if loss.classes:
        return draw_classes(numbers, domain, rows, columns)
    if isinstance(domain, OneOf):
        return draw_values(numbers, domain, rows, columns)
    if is_bounded(domain):
        return draw_labels(numbers, domain, rows, columns)
    power = (power_above(predictions.A()) or 1) - 1
    return in_domain(domain, times_power(numbers.normal(rows, columns), power))


def is_bounded(domain: TargetDomain) -> bool:
    """Whether the targets are numbers between two ends."""
    return isinstance(domain, Interval) and math.isfinite(domain.low) and math.isfinite(domain.high)


def takes_labels(loss: Loss) -> bool:
    """Whether targets are labels: classes, some numbers, or numbers between two ends."""
    return loss.classes or not isinstance(loss.target_domain, Interval) or is_bounded(loss.target_domain)


def draw_classes(numbers: Numbers, domain: TargetDomain, rows: int, columns: int) -> Array:
    """One-hot columns, columns that sum to exactly 1, or (one draw in 6) any weights from 0 to 2, or to 1
    where a target may be no larger.
    """
    kind = pick(numbers.source, ("one-hot", "soft", "one-hot", "soft", "one-hot", "weights"))
    if kind == "one-hot":
        return one_hot(numbers, rows, columns)
    k, bits = numbers.grid(rows, columns)
    if kind == "weights":
        return times_power(k, (1 if domain.contains(2.0) else 0) - bits)
    # Cutting [0, 2^bits] in rows - 1 places gives integers that sum to 2^bits.
    k[-1] = 1 << bits
    k.sort(axis=0)
    k[1:] -= k[:-1].copy()
    return times_power(k, -bits)


def draw_values(numbers: Numbers, domain: OneOf, rows: int, columns: int) -> Array:
    """Some of a few values, each as often as the others."""
    return np.array(domain.values)[numbers.below(rows * columns, len(domain.values))].reshape(rows, columns)


def one_hot(numbers: Numbers, rows: int, columns: int) -> Array:
    """Columns with a single 1."""
    Y = np.zeros((rows, columns))
    Y[numbers.below(columns, rows), np.arange(columns)] = 1
    return Y


def draw_labels(numbers: Numbers, domain: Interval, rows: int, columns: int) -> Array:
    """Labels between two ends: hard ones at the ends, soft ones within, or some of both."""
    kind = pick(numbers.source, ("hard", "soft", "mixed"))
    k, bits = numbers.grid(rows, columns)
    low, high = _ends(domain)
    if kind == "hard":
        return np.where(numbers.mask(rows, columns, 2), high, low)
    soft = numbers.rounded(domain.low + (domain.high - domain.low) * times_power(k, -bits))
    for end, inside in ((domain.low, domain.low_inside), (domain.high, domain.high_inside)):
        if not inside:
            soft[soft == end] = (domain.low + domain.high) / 2
    if kind == "soft":
        return soft
    hard = np.where(numbers.mask(rows, columns, 2), high, low)
    return np.where(numbers.mask(rows, columns, 2), soft, hard)


def draw_hard_labels(numbers: Numbers, loss: Loss, shape: tuple[int, int], *, one_hot_columns: bool) -> Array:
    """Labels at the ends of what a loss takes: one-hot columns for classes, 0 and 1, or -1 and 1.

    With `one_hot_columns`, 0 and 1 come as such columns too, where there is more than one row.
    """
    rows, columns = shape
    domain = loss.target_domain
    if isinstance(domain, OneOf):
        return draw_values(numbers, domain, rows, columns)
    if loss.classes or isinstance(domain, OneHot):
        return one_hot(numbers, rows, columns)
    if one_hot_columns and rows > 1 and domain.contains([0.0, 1.0]):
        return one_hot(numbers, rows, columns)
    low, high = _ends(domain)
    return np.where(numbers.mask(rows, columns, 2), high, low)


def _ends(domain: Interval) -> tuple[float, float]:
    """The ends of a bounded domain; the middle stands for an end that is not inside."""
    middle = (domain.low + domain.high) / 2
    return (domain.low if domain.low_inside else middle), (domain.high if domain.high_inside else middle)


def in_domain(domain: Interval, values: Array) -> Array:
    """Real numbers reflected into a domain with at most one end."""
    if math.isfinite(domain.low):
        values = domain.low + np.abs(values)
        return np.where((values == domain.low) & (not domain.low_inside), domain.low + 1, values)
    if math.isfinite(domain.high):
        values = domain.high - np.abs(values)
        return np.where((values == domain.high) & (not domain.high_inside), domain.high - 1, values)
    return values
