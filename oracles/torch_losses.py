"""One line for each loss in torch: torch's own function, or plain torch operations where it has none.

Samples are columns here as everywhere; a function of torch's that wants them as rows gets the transpose.
Nothing here imports torch: the oracle hands it in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

Function = Callable[..., Any]


class LossLine(NamedTuple):
    """A loss in torch: `function(A, Y, reduction=…, **arguments)`, with torch's "none", "mean" or "sum".

    Arguments are the entry's parameters, floats, and its arrays, tensors (or the number that stands for one).
    """

    function: Function
    separable: bool = True
    """Whether the loss is a sum of one term for each entry of A, which depends on no other entry."""
    terms: Function | None = None
    """(A, Y, **arguments) → those terms, where reduction "none" does not give them."""


def loss_lines(torch: Any) -> dict[str, LossLine]:
    """Name → loss: torch's own function and reduction, or plain torch operations where it has none."""
    F = torch.nn.functional
    return {
        "mse": LossLine(F.mse_loss),
        "half_squared_error": LossLine(_mean_over_entries(lambda A, Y: torch.square(A - Y) / 2)),
        "bce": LossLine(partial(_binary_cross_entropy, torch)),
        "cross_entropy": LossLine(_mean_over_samples(lambda A, Y: -torch.xlogy(Y, A))),
        "bce_with_logits": LossLine(F.binary_cross_entropy_with_logits),
        "cross_entropy_with_logits": LossLine(partial(_cross_entropy, F), separable=False),
        "cosine_distance": LossLine(
            _mean_over_samples(lambda A, Y: 1 - F.cosine_similarity(A, Y, dim=0)), separable=False
        ),
        "multi_margin": LossLine(partial(_multi_margin, F), separable=False),
        "poly_loss": LossLine(_mean_over_samples(partial(_poly, F)), separable=False),
    }


def _mean_over_entries(terms: Function) -> Function:
    """A loss from its terms, whose "mean" divides by n·m, as torch's elementwise losses do."""

    def loss(A: Any, Y: Any, reduction: str, **parameters: float) -> Any:
        return _reduced(terms(A, Y, **parameters), reduction, A.numel())

    return loss


def _mean_over_samples(terms: Function) -> Function:
    """A loss from its terms, whose "mean" divides by m, as torch's cross_entropy does."""

    def loss(A: Any, Y: Any, reduction: str, **parameters: float) -> Any:
        return _reduced(terms(A, Y, **parameters), reduction, A.shape[-1])

    return loss


def _reduced(terms: Any, reduction: str, mean_divisor: int) -> Any:
    if reduction == "none":
        return terms
    return terms.sum() / mean_divisor if reduction == "mean" else terms.sum()


def _class_weight(weight: Any) -> Any:
    """A column of weights as torch wants it: a vector, or None if there are none."""
    return None if isinstance(weight, float) else weight[:, 0]


def _cross_entropy(F: Any, A: Any, Y: Any, weight: Any = 1.0, **keywords: Any) -> Any:
    return F.cross_entropy(A.T, Y.T, weight=_class_weight(weight), **keywords)


def _multi_margin(F: Any, A: Any, Y: Any, p: float, weight: Any = 1.0, **keywords: Any) -> Any:
    classes = Y.argmax(dim=0)
    return F.multi_margin_loss(A.T, classes, p=int(p), weight=_class_weight(weight), **keywords)


def _poly(F: Any, A: Any, Y: Any, epsilon: float) -> Any:
    missed = (Y * (1 - F.softmax(A, dim=0))).sum(dim=0)
    return F.cross_entropy(A.T, Y.T, reduction="none") + epsilon * missed


def _binary_cross_entropy(torch: Any, A: Any, Y: Any, reduction: str) -> Any:
    """torch's own; but where it raises, outside [0, 1], the term and its derivative are NaN."""
    bce = torch.nn.functional.binary_cross_entropy
    refused = ~((A >= 0) & (A <= 1))  # NaN is among them
    if not refused.any():
        return bce(A, Y, reduction=reduction)
    terms = bce(A.masked_fill(refused, 0.5), Y, reduction="none")
    return _reduced(terms.masked_scatter(refused, A[refused] * math.nan), reduction, A.numel())
