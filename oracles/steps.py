"""The nonlinear steps of one case: what an oracle is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from refimpl import Case


@dataclass(frozen=True)
class StepInputs:
    """An implementation's own numbers, on which its single steps are judged; float64 arrays.

    Per-layer tuples have layer 1 first.
    """

    case: Case
    Z: tuple[Any, ...]
    """Z[1 … L], (n_l, m), as the implementation has them."""
    A_last: Any
    """The implementation's A[L], (n_L, m)."""
    dA: tuple[Any, ...]
    """∂L/∂A[l] for the hidden layers l = 1 … L-1, (n_l, m): W[l+1]^T δ[l+1] of its own δ."""


@dataclass(frozen=True)
class StepValues:
    """What each nonlinear step gives on those inputs, in float64."""

    A: tuple[Any, ...]
    """σ(Z[l]) for l = 1 … L."""
    loss: float
    """The loss of A_last against the case's Y."""
    dA_last: Any
    """∂L/∂A[L] at A_last."""
    delta: tuple[Any, ...]
    """(∂A[l]/∂Z[l])^T dA[l] at Z[l] for l = 1 … L, with dA[L] = dA_last."""
