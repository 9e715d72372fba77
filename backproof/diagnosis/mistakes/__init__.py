"""Wrong equations that people really write, each a few lines that override a method of Backprop.

They prove that the suite can fail: `backproof run --mistake NAME` must end with findings. And they are what
a wrong answer is compared with to name its cause. Each file holds those of one part of the equations, from
the forward pass to the update; `model.py` says what is known of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from refimpl.equations import EQUATIONS

from . import (
    derivatives,
    forward,
    gradients,
    hidden_error,
    loss_gradients,
    losses,
    output_error,
    passes,
    updates,
    values,
)
from .model import Mistake as Mistake

_FILES = (
    *(forward, values, losses, output_error, loss_gradients, hidden_error, derivatives),
    *(passes, gradients, updates),
)
_IDS = [equation.id for equation in EQUATIONS]
_CATALOGUE = sorted(
    (mistake for file in _FILES for mistake in file.MISTAKES),
    key=lambda mistake: _IDS.index(mistake.equation),
)

MISTAKES: Mapping[str, Mistake] = MappingProxyType({mistake.name: mistake for mistake in _CATALOGUE})
"""Name → mistake, in the order of the equations."""
if len(MISTAKES) < len(_CATALOGUE):
    raise AssertionError("two mistakes have one name")
