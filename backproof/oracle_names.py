"""The oracles by name, and what each needs: to be listed and looked for, nothing of them is imported."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles import Oracle


def _torch() -> Oracle:
    from oracles.torch_oracle import TorchOracle

    return TorchOracle()


def _jax() -> Oracle:
    from oracles.jax_oracle import JaxOracle

    return JaxOracle()


def _truth() -> Oracle:
    from oracles.ball_oracle import BallOracle

    return BallOracle()


ORACLES: dict[str, Callable[[], Oracle]] = {"torch": _torch, "jax": _jax, "truth": _truth}
MODULES = {"torch": ("torch",), "jax": ("jax", "optax"), "truth": ("flint",)}
"""What each oracle needs to be importable."""
USUAL_ORACLES = ("torch", "jax")


def is_installed(name: str) -> bool:
    """Whether all that this oracle needs is there; looking for a module does not import it."""
    return all(find_spec(module) is not None for module in MODULES[name])


def usual_oracles() -> tuple[str, ...]:
    """Those of `USUAL_ORACLES` that are installed; the truth if none is."""
    return tuple(filter(is_installed, USUAL_ORACLES)) or ("truth",)
