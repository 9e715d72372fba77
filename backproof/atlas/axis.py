"""The axis that arguments are shown on: both signs, all sizes, most room for ordinary ones; and its bins."""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 72
"""Of one sign."""
_KNOTS = (-40, -8, 9)
"""Powers of two between which arguments are ordinary, and saturate functions."""
_SHARES = (0.0, 0.16, 0.42, 0.78, 1.0)


def place_of(t: Any, dtype: str) -> Any:
    """Where an argument stands: from -1, the least number of the dtype, to 1; 0 at 0."""
    info = np.finfo(dtype)
    knots = (info.minexp - info.nmant, *_KNOTS, info.maxexp)
    with np.errstate(divide="ignore"):
        exponents = np.log2(np.abs(np.float64(t)))
    return np.sign(t) * np.interp(exponents, knots, _SHARES)


def bin_of(t: Any, dtype: str) -> Any:
    """The bin of each argument, 0 … 2·`BINS` - 1."""
    return np.clip(np.floor((place_of(t, dtype) + 1) * BINS).astype(int), 0, 2 * BINS - 1)


def ticks(dtype: str) -> list[tuple[float, str]]:
    """Places on the axis, and the arguments there in words."""
    large = 30 if dtype == "float32" else 300
    sizes = ((f"1e{large}", 10.0**large), ("100", 100.0), ("1", 1.0), ("1e-12", 1e-12))
    positive = [(float(place_of(value, dtype)), text) for text, value in sizes]
    return [*((-place, f"-{text}") for place, text in positive), (0.0, "0"), *reversed(positive)]
