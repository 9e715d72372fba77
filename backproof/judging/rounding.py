"""Unit roundoffs and the elementary rounding-error statements that every bound is made of.

R1. One operation: fl(x ∘ y) = (x ∘ y)(1 + ε) + ι with |ε| ≤ u and |ι| ≤ η₀, the smallest normal number.
R2. A sum of n products in any order: an error of at most γ_n Σ|x_i y_i| + 2 n η₀, γ_n = n u/(1 - n u).
For these and all other statements see docs/bounds.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Precision:
    """What a binary floating-point format can do."""

    u: float
    """Unit roundoff: half the distance from 1 to the next number."""
    tiny: float
    """The smallest normal number."""
    largest: float
    """The largest finite number."""

    def gamma(self, n: int) -> float:
        """γ_n = n u/(1 - n u); infinite once n u ≥ 1."""
        return n * self.u / (1 - n * self.u) if n * self.u < 1 else float("inf")


EXACT = Precision(0.0, 0.0, float("inf"))
"""That of the exact values: an evaluation that rounds nothing."""


@lru_cache
def precision(dtype: np.dtype[Any] | str) -> Precision:
    """The precision of float32 or float64."""
    info = np.finfo(dtype)
    return Precision(float(info.eps) / 2, float(info.tiny), float(info.max))


def outward(error: Any) -> Any:
    """R4: a bound computed in float64, rounded up, so that its own roundings can only enlarge it.

    2^-40 covers 8,000 operations on non-negative numbers. NaN stays NaN all the way through a bound, and the
    judge reads it as infinite.
    """
    return error * (1 + 2.0**-40)


_EXTENDED = np.longdouble if np.finfo(np.longdouble).eps < 2.0**-60 else np.float64


def extended(array: Any) -> Any:
    """The array in the most precision that the platform has."""
    return np.asarray(array).astype(_EXTENDED)


def lost_in_extended_sum(n: Any) -> Any:
    """What a sum of n numbers in that precision loses, relative to Σ|x_i|: 2 n u ≥ γ_n (R6)."""
    return n * float(np.finfo(_EXTENDED).eps)
