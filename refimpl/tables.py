"""The two tables: every activation and every loss by name, in one order that everything keeps to."""

from __future__ import annotations

from . import activations, losses, more_activations, more_losses, piecewise_activations
from .functions import Activation, Loss

ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (*activations.ENTRIES, *more_activations.ENTRIES, *piecewise_activations.ENTRIES)
}
LOSSES: dict[str, Loss] = {entry.name: entry for entry in (*losses.ENTRIES, *more_losses.ENTRIES)}
