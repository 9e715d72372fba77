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
    """(A, Y, **arguments) → those terms, where reduction "none" gives one a sample."""
    weighs_classes: bool = False
    """Whether its array is one weight a class, for all samples."""

    @property
    def entrywise(self) -> bool:
        """Whether reduction "none" gives a term for each entry; else it gives one a sample."""
        return self.separable and self.terms is None


def loss_lines(torch: Any) -> dict[str, LossLine]:
    """Name → loss: torch's own function and reduction, or plain torch operations where it has none."""
    F = torch.nn.functional
    return {
        "mse": LossLine(F.mse_loss),
        "half_squared_error": LossLine(_reducing(lambda A, Y: torch.square(A - Y) / 2)),
        "bce": LossLine(partial(_binary_cross_entropy, torch)),
        "cross_entropy": LossLine(
            _reducing(lambda A, Y: -torch.xlogy(Y, A).sum(dim=0)), terms=lambda A, Y: -torch.xlogy(Y, A)
        ),
        "bce_with_logits": LossLine(partial(_binary_cross_entropy_with_logits, torch)),
        "l1": LossLine(F.l1_loss),
        "huber": LossLine(F.huber_loss),
        "smooth_l1": LossLine(F.smooth_l1_loss),
        "log_cosh": LossLine(_reducing(partial(_log_cosh, torch))),
        "poisson_nll": LossLine(F.poisson_nll_loss),
        "gaussian_nll": LossLine(
            lambda A, Y, variance, reduction: F.gaussian_nll_loss(
                A, Y, torch.ones_like(A) * variance, reduction=reduction
            )
        ),
        "nll": LossLine(
            lambda A, Y, reduction: F.nll_loss(A.T, Y.argmax(0), reduction=reduction),
            terms=lambda A, Y: -Y * A,
        ),
        # torch's own "mean" warns that it is not what mathematics means by it.
        "kl_div": LossLine(_reducing(partial(F.kl_div, reduction="none"))),
        "hinge": LossLine(_reducing(lambda A, Y: torch.relu(1 - Y * A))),
        "squared_hinge": LossLine(_reducing(lambda A, Y: torch.relu(1 - Y * A).square())),
        "hinge_embedding": LossLine(F.hinge_embedding_loss),
        "soft_margin": LossLine(F.soft_margin_loss),
        "multilabel_soft_margin": LossLine(
            lambda A, Y, weight, reduction: F.multilabel_soft_margin_loss(
                A.T, Y.T, (torch.ones_like(A) * weight).T, reduction=reduction
            ),
            terms=lambda A, Y, weight: weight * _binary_terms(F, A, Y),
        ),
        "sigmoid_focal": LossLine(_reducing(partial(_sigmoid_focal, torch))),
        "perceptron": LossLine(_reducing(lambda A, Y: torch.relu(-Y * A))),
        "cross_entropy_with_logits": LossLine(
            partial(_cross_entropy, F), separable=False, weighs_classes=True
        ),
        "cosine_distance": LossLine(
            _reducing(lambda A, Y: 1 - F.cosine_similarity(A, Y, dim=0)), separable=False
        ),
        "multi_margin": LossLine(partial(_multi_margin, F), separable=False, weighs_classes=True),
        "poly_loss": LossLine(_reducing(partial(_poly, F)), separable=False),
    }


def _reducing(terms: Function) -> Function:
    """A loss from its terms, one an entry or one a sample; "mean" is their mean, as in torch's losses."""

    def loss(A: Any, Y: Any, reduction: str, **parameters: float) -> Any:
        return _reduced(terms(A, Y, **parameters), reduction)

    return loss


def _reduced(terms: Any, reduction: str) -> Any:
    if reduction == "none":
        return terms
    return terms.sum() / terms.numel() if reduction == "mean" else terms.sum()


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


def _binary_cross_entropy(torch: Any, A: Any, Y: Any, weight: Any, reduction: str) -> Any:
    """torch's own; but where it raises, outside [0, 1], the term and its derivative are NaN."""
    bce, weight = torch.nn.functional.binary_cross_entropy, torch.ones_like(A) * weight
    refused = ~((A >= 0) & (A <= 1))  # NaN is among them
    if not refused.any():
        return bce(A, Y, weight, reduction=reduction)
    terms = bce(A.masked_fill(refused, 0.5), Y, weight, reduction="none")
    return _reduced(terms.masked_scatter(refused, A[refused] * math.nan), reduction)


def _binary_cross_entropy_with_logits(
    torch: Any, A: Any, Y: Any, weight: Any, pos_weight: Any, reduction: str
) -> Any:
    given = {"weight": weight, "pos_weight": pos_weight}
    tensors = {name: value for name, value in given.items() if isinstance(value, torch.Tensor)}
    return torch.nn.functional.binary_cross_entropy_with_logits(A, Y, **tensors, reduction=reduction)


def _binary_terms(F: Any, A: Any, Y: Any) -> Any:
    """Terms in which nothing cancels, as multilabel_soft_margin_loss has them."""
    return -(Y * F.logsigmoid(A) + (1 - Y) * F.logsigmoid(-A))


def _log_cosh(torch: Any, A: Any, Y: Any) -> Any:
    error = torch.abs(A - Y)
    return error + torch.log1p(torch.exp(-2 * error)) - math.log(2)


def _sigmoid_focal(torch: Any, A: Any, Y: Any, alpha: float, gamma: float) -> Any:
    """By logarithms: a power of 1 - p_t, where that is 0, has no derivative for autograd."""
    F = torch.nn.functional
    log_mistaken = torch.logaddexp(F.logsigmoid(A) + torch.log1p(-Y), F.logsigmoid(-A) + torch.log(Y))
    balance = alpha * Y + (1 - alpha) * (1 - Y)
    return balance * torch.exp(gamma * log_mistaken) * _binary_terms(F, A, Y)
