"""A wrong constant told from a wrong direction: gradients beside the expected ones, all entries together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from refimpl import Trace

_GRADIENTS = ("dW", "db")


def scale_and_cosine(trace: Trace, expected: Trace) -> tuple[float, float]:
    """(⟨g, e⟩/⟨e, e⟩, ⟨g, e⟩/(|g||e|)) over all of dW and db that both have; NaN where undefined.

    A wrong constant has cosine ±1, a wrong direction has not.
    """
    pairs = [pair for layer in _by_layer(trace, expected) for pair in layer]
    return _beside(pairs)


def scales_and_cosines(trace: Trace, expected: Trace) -> list[tuple[float, float]]:
    """`scale_and_cosine` of each layer, layer 1 first."""
    return [_beside(pairs) for pairs in _by_layer(trace, expected)]


def in_words(scale: float, cosine: float) -> str:
    """For a reason: "gradients are 0.5 x the expected ones, cosine 1.000000"; empty where undefined."""
    if not (math.isfinite(scale) and math.isfinite(cosine)):
        return ""
    return f"gradients are {scale:.4g} x the expected ones, cosine {cosine:.6f}"


def _by_layer(trace: Trace, expected: Trace) -> list[list[tuple[Any, Any]]]:
    quantities = [
        (getattr(trace, name), getattr(expected, name))
        for name in _GRADIENTS
        if getattr(trace, name) is not None and getattr(expected, name) is not None
    ]
    if not quantities:
        return []
    return [
        [
            (np.asarray(own[l], dtype=np.float64), np.asarray(other[l], dtype=np.float64))
            for own, other in quantities
        ]
        for l in range(min(min(len(own), len(other)) for own, other in quantities))
    ]


def _beside(pairs: Sequence[tuple[Any, Any]]) -> tuple[float, float]:
    if not pairs or any(x.shape != y.shape for x, y in pairs):
        return math.nan, math.nan
    g, e = (np.concatenate([np.ravel(pair[i]) for pair in pairs]) for i in (0, 1))
    top_g, top_e = (float(np.max(np.abs(x), initial=0.0)) for x in (g, e))
    if not (0 < top_g < math.inf and 0 < top_e < math.inf):
        return math.nan, math.nan
    g, e = g / top_g, e / top_e  # so that no square overflows
    along, square = float(np.dot(g, e)), float(np.dot(e, e))
    return along / square * (top_g / top_e), along / math.sqrt(float(np.dot(g, g)) * square)
