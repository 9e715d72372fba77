"""The other losses that PyTorch and optax have for such networks."""

from __future__ import annotations

from .functions import Loss

ENTRIES: tuple[Loss, ...] = ()
