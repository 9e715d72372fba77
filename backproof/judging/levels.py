"""Several precisions at once, as arrays that broadcast over errors with a leading axis for the precision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from .allowance import Allowance
from .deviations import Deviation
from .rounding import EXACT, Precision, outward, precision


@dataclass(frozen=True, eq=False)
class Levels:
    """Several precisions as arrays that broadcast over errors of shape (level, …)."""

    precisions: tuple[Precision, ...]
    axes: int = 1
    """How many axes the arrays have, the axis of levels aside."""
    naive: bool = False
    deviations: tuple[Deviation, ...] = ()
    centre: Precision | None = None
    """What the centre is computed in (P0); None where errors are those from exact values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "largest", self._column(p.largest for p in self.precisions))
        object.__setattr__(self, "u", self._sums("u"))
        object.__setattr__(self, "tiny", self._sums("tiny"))
        object.__setattr__(self, "_tiniest", float(np.max(self.tiny)))
        allowance = Allowance(self.u, self.tiny, self.naive, self.deviations)
        object.__setattr__(self, "allowance", allowance)

    u: Any = field(init=False)
    tiny: Any = field(init=False)
    largest: Any = field(init=False)
    allowance: Allowance = field(init=False)
    _tiniest: float = field(init=False)

    @cached_property
    def for_matrices(self) -> Levels:
        """The same for arrays of one more axis: matrices instead of flat data."""
        return Levels(self.precisions, self.axes + 1, self.naive, self.deviations, self.centre)

    def gamma(self, n: Any) -> Any:
        """γ_n for each precision, with the centre's; n is a number, or has one for each entry of the data."""
        n = np.asarray(n)
        shape = (-1, *(1,) * (self.axes - n.ndim), *n.shape)
        longest = int(np.max(n, initial=0))
        if longest < n.size:  # sums of at most so many terms: fewer values of γ than entries
            return np.take(self._gammas(np.arange(longest + 1.0)), n, axis=1).reshape(shape)
        return self._gammas(n.astype(np.float64)).reshape(shape)

    def _gammas(self, n: Any) -> Any:
        about = _gamma(self.centre, n) if self.centre else 0.0
        return np.array([_gamma(p, n) + about for p in self.precisions])

    def _sums(self, name: str) -> Any:
        about = getattr(self.centre, name) if self.centre else 0.0
        return self._column(getattr(p, name) + about for p in self.precisions)

    def _column(self, values: Iterable[float]) -> Any:
        return np.array(list(values)).reshape(-1, *(1,) * self.axes)

    def may_flush(self, magnitudes: Any) -> bool:
        """Whether some number other than 0 would be read as zero where subnormal inputs are."""
        small = magnitudes < self._tiniest
        return bool(small.any()) and bool(magnitudes[small].any())

    def flushed(self, x: Any) -> Any:
        """R3: what is lost when subnormal inputs are read as zero."""
        magnitude = np.abs(x)
        return np.where(magnitude < self.tiny, magnitude, 0.0)

    def limited(self, E: Any, magnitude: Any) -> Any:
        """R5: E, infinite where an intermediate of that magnitude can overflow; rounded outward (R4)."""
        return np.where(magnitude < self.largest / 2, outward(E), np.inf)


def _gamma(of: Precision, n: Any) -> Any:
    nu = n * of.u
    return np.where(nu < 1, nu / np.where(nu < 1, 1 - nu, 1.0), np.inf)


@lru_cache
def levels_of(
    dtype: np.dtype[Any] | str,
    axes: int = 1,
    *,
    naive: bool = False,
    deviations: tuple[Deviation, ...] = (),
    about_centre: bool = False,
    exact: bool = False,
) -> Levels:
    """The case's precision first, then that of what it is held against: of float64, or of the exact values.

    Steps judged on exact values have no second one: those values are what the first is the error from.
    """
    own, double = precision(dtype), precision("float64")
    precisions: tuple[Precision, ...] = (own,) if own == double else (own, double)
    if exact:
        precisions = (own, EXACT) if about_centre else (own,)
    return Levels(precisions, axes, naive, deviations, double if about_centre else None)
