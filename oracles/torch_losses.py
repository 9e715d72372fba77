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
        "cross_entropy_with_logits": LossLine(_of_rows(F.cross_entropy), separable=False),
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


def _of_rows(loss: Function) -> Function:
    """A loss of torch's that wants (m, n)."""

    def of_columns(A: Any, Y: Any, **keywords: Any) -> Any:
        return loss(A.T, Y.T, **keywords)

    return of_columns


def _binary_cross_entropy(torch: Any, A: Any, Y: Any, reduction: str) -> Any:
    """torch's own; but where it raises, outside [0, 1], the term and its derivative are NaN."""
    bce = torch.nn.functional.binary_cross_entropy
    refused = ~((A >= 0) & (A <= 1))  # NaN is among them
    if not refused.any():
        return bce(A, Y, reduction=reduction)
    terms = bce(A.masked_fill(refused, 0.5), Y, reduction="none")
    return _reduced(terms.masked_scatter(refused, A[refused] * math.nan), reduction, A.numel())
