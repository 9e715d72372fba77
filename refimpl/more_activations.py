"""The other activations that PyTorch and JAX have for such networks."""

from __future__ import annotations

from .functions import Activation

ENTRIES: tuple[Activation, ...] = ()
