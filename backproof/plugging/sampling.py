"""Which cases are asked in which way: by their content, so that it does not matter what was asked before."""

from __future__ import annotations

from collections.abc import Mapping

from refimpl import Case

from .links import Arrays

ARRANGED: Mapping[Arrays, str] = {
    "read-only": "read-only arrays",
    "fortran": "arrays in Fortran's order",
    "strided": "strided arrays",
}
"""How the arrays of a case may lie in memory, other than plainly."""
ONE_IN = 8
"""One case in so many is given arrays that do not lie plainly."""


def arrangement(case: Case) -> Arrays:
    """How the arrays of this case are handed over."""
    k = int(case.content_hash[8:16], 16) % (ONE_IN * len(ARRANGED))
    return (*ARRANGED, "plain")[min(k, len(ARRANGED))]


def is_sampled(case: Case, one_in: int) -> bool:
    """Whether this is one of the cases to ask again."""
    return int(case.content_hash[16:24], 16) % one_in == 0
