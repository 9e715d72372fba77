"""Formulas of many operations on long arrays, part by part, so that what comes between stays in cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_NUMBERS = 2**15
"""Of each array at a time, leading axes included: 256 KiB."""


def in_cache(formula: Callable[..., Any], *data: Any) -> Any:
    """`formula(*data)`, whose entries along the last axis do not depend on each other.

    Arrays have that axis, or one that is broadcast; the result has the leading axes of them all.
    """
    shape = np.broadcast_shapes(*(np.shape(each) for each in data))
    total = shape[-1]
    step = max(_NUMBERS * total // max(int(np.prod(shape)), 1), 1)
    if total <= step:
        return formula(*data)
    found = np.empty(shape)
    for start in range(0, total, step):
        at = slice(start, start + step)
        found[..., at] = formula(
            *(each[..., at] if np.shape(each)[-1:] == (total,) else each for each in data)
        )
    return found
