"""The two tables: every activation and every loss by name, in one order that everything keeps to.

Appendix: `ACTIVATIONS` and `LOSSES` put together the entries of the files that have such tables. Their first
ones are those of the text.

>>> list(ACTIVATIONS)[:7]
['identity', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'softplus', 'softmax']
>>> list(LOSSES)[:4]
['mse', 'half_squared_error', 'bce', 'cross_entropy']
"""

from __future__ import annotations

from . import (
    activations,
    losses,
    mixing_losses,
    more_activations,
    more_losses,
    piecewise_activations,
)
from .functions import Activation, Loss

ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (*activations.ENTRIES, *more_activations.ENTRIES, *piecewise_activations.ENTRIES)
}
LOSSES: dict[str, Loss] = {
    entry.name: entry for entry in (*losses.ENTRIES, *more_losses.ENTRIES, *mixing_losses.ENTRIES)
}
