"""Losses of logarithms of probabilities: predictions are log p, as log_softmax and log_sigmoid give them.

Appendix to `losses.py`, with its conventions.
"""

from __future__ import annotations

import numpy as np

from .domains import NON_POSITIVE, UNIT, OneHot
from .functions import Loss, Units


def _kl_div(A: Units, Y: Units) -> Units:
    # y (log y - a), not y log y - y a: y is a factor of all of it. 0 log 0 = 0, its limit.
    return Y * (np.log(np.where(Y > 0, Y, 1)) - A)


def _minus_label(_A: Units, Y: Units) -> Units:
    return -Y


ENTRIES = (
    Loss(
        "nll",
        r"-\sum y \hat y",
        r"-y",
        terms=lambda A, Y: -Y * A,
        gradient=_minus_label,
        prediction_domain=NON_POSITIVE,
        target_domain=OneHot(),
        classes=True,
        mean_over="samples",
        aliases={"torch": "nn.functional.nll_loss"},
        conventions="Predictions are logarithms of probabilities; after log_softmax this is "
        "cross_entropy_with_logits. torch takes the number of the class, here it is a one-hot column. "
        "'mean' divides by m.",
    ),
    Loss(
        "kl_div",
        r"\sum y (\log y - \hat y)",
        r"-y",
        terms=_kl_div,
        gradient=_minus_label,
        prediction_domain=NON_POSITIVE,
        target_domain=UNIT,
        classes=True,
        aliases={
            "torch": "nn.functional.kl_div (log_target=False)",
            "optax": "losses.kl_divergence",
            "keras": "KLDivergence (of probabilities)",
        },
        conventions="KL(y ‖ p) with predictions log p. 'mean' divides by n·m, as torch's does; the mean "
        "divergence of a sample, which mathematics means, is 'batchmean'. With log_target=True torch takes "
        "log y for y.",
        source="Kullback and Leibler 1951, On information and sufficiency",
    ),
)
