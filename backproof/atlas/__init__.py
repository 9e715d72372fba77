"""The atlas: how far each function of the reference, torch, JAX and optax is from the exact one."""

from __future__ import annotations

from .making import make_atlas as make_atlas
from .options import AtlasOptions as AtlasOptions
