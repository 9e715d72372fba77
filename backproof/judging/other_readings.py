"""J3: what answers outside their bounds are: each entry has the first of its other readings that it fits.

The comparisons of many cases are read together, with those of their entries that lie outside end to end: a
reading is a bound of its own, and costs the same for one case as for twenty. So all that still wait for a
verdict are known before the next reading of any is worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .verdicts import SEVERITY, Alternative, Comparison, Verdict

_ORDER: tuple[Verdict, ...] = ("convention", "known deviation", "unstable")
"""In which readings are tried: the dearest, which widens every function's bound, after all others."""
_MOST = 64
"""More readings than a comparison has."""
_OPEN = _MOST * len(SEVERITY)
"""An entry's code while it has no verdict; then it is `_MOST` times the severity plus the reading's place."""


class Finding(NamedTuple):
    """The gravest verdict among the entries of a comparison outside their bound, and its worst entry."""

    verdict: Verdict
    reason: str
    entry: tuple[int, ...]
    observed: float
    expected: float
    bound: float


class _Entries:
    """The entries of some comparisons that lie outside their bounds, comparison after comparison."""

    def __init__(self, comparisons: Sequence[Comparison]) -> None:
        self.shapes = [np.shape(c.expected) for c in comparisons]
        sizes = np.array([np.size(c.expected) for c in comparisons])
        observed, expected, bound = (
            np.concatenate([np.ravel(getattr(c, name)) for c in comparisons]).astype(np.float64, copy=False)
            for name in ("observed", "expected", "bound")
        )
        distance = np.abs(observed - expected)
        outside = ~((distance <= bound) | (observed == expected)) & np.isfinite(bound) & np.isfinite(expected)
        at = np.flatnonzero(outside)
        self.of = np.repeat(np.arange(len(sizes)), sizes)[at]
        """Whose entries they are."""
        self.ends = np.cumsum(np.bincount(self.of, minlength=len(sizes)))
        self.starts = np.concatenate([[0], self.ends[:-1]])
        self.place = at - np.repeat(np.cumsum(sizes) - sizes, sizes)[at]
        """Where in its flattened comparison each is."""
        self.observed, self.expected, self.bound = observed[at], expected[at], bound[at]
        excess = distance[at] / self.bound
        self.excess = np.where(np.isnan(excess), np.inf, excess)
        self.finite = np.isfinite(self.observed)
        self.code = np.full(len(at), _OPEN)

    def waiting(self) -> Any:
        """For each comparison whether some entry has no verdict yet."""
        return np.bincount(self.of, self.code == _OPEN, minlength=len(self.shapes)) > 0

    def settle(self, chosen: Any, verdict: Verdict, places: Any) -> None:
        """Those that are chosen and have none get a verdict, by readings of these places."""
        chosen = chosen & (self.code == _OPEN)
        self.code[chosen] = _MOST * SEVERITY.index(verdict) + np.broadcast_to(places, chosen.shape)[chosen]

    def fits(self, ranges: Iterable[tuple[int, tuple[Any, Any]]]) -> Any:
        """Whether each lies in the range of its comparison, if that has one here."""
        low, high = np.full_like(self.observed, np.inf), np.full_like(self.observed, -np.inf)
        for i, limits in ranges:
            here = slice(self.starts[i], self.ends[i])
            for side, limit in zip((low, high), limits, strict=True):
                whole = limit if np.shape(limit) == self.shapes[i] else np.broadcast_to(limit, self.shapes[i])
                side[here] = np.ravel(whole)[self.place[here]]
        return (low <= self.observed) & (self.observed <= high) & self.finite

    def gravest(self) -> Iterator[tuple[int, int]]:
        """Of each comparison the gravest code and which entry is its worst: the first of the farthest out."""
        order = np.lexsort((-self.excess, self.code, self.of))[self.starts]
        return zip(self.code[order].tolist(), order.tolist(), strict=True)


def read_otherwise(
    comparisons: Sequence[Comparison],
    is_extreme: Callable[[int], bool],
    asked: Callable[[Sequence[int]], None] = lambda _: None,
) -> list[Finding]:
    """J3 for comparisons each of which has an entry outside its bound.

    `is_extreme(i)` says whether the case of comparison i has extreme numbers. `asked` is told of which
    comparisons the next reading will be worked out.
    """
    if not comparisons:
        return []
    with np.errstate(all="ignore"):
        entries = _Entries(comparisons)
        readings = [c.alternatives() for c in comparisons]
        turn = np.zeros(len(comparisons), dtype=np.int64)
        """Which of its readings comes next."""
        while coming := _coming(readings, turn, entries.waiting()):
            verdict = min((each.verdict for each in coming.values()), key=_ORDER.index)
            coming = {i: each for i, each in coming.items() if each.verdict == verdict}
            asked(list(coming))
            fits = entries.fits((i, each.range()) for i, each in coming.items())
            entries.settle(fits, verdict, turn[entries.of])
            turn[list(coming)] += 1
        last = np.array([len(each) for each in readings])[entries.of]
        broken = ~entries.finite & (entries.code == _OPEN)
        extreme = {i: is_extreme(i) for i in np.unique(entries.of[broken]).tolist()}
        excused = np.array([extreme.get(i, False) for i in range(len(comparisons))])
        entries.settle(broken & excused[entries.of], "unstable", last)
        entries.settle(np.ones_like(broken), "mismatch", last + 1)
        return [
            Finding(
                *_named(code, readings[i], not_finite=i in extreme and not extreme[i]),
                tuple(int(n) for n in np.unravel_index(entries.place[worst], entries.shapes[i])),
                *(float(data[worst]) for data in (entries.observed, entries.expected, entries.bound)),
            )
            for i, (code, worst) in enumerate(entries.gravest())
        ]


def _coming(readings: Sequence[tuple[Alternative, ...]], turn: Any, waiting: Any) -> dict[int, Alternative]:
    """The next reading of each comparison that waits for a verdict and has one left."""
    return {i: readings[i][turn[i]] for i in np.flatnonzero(waiting).tolist() if turn[i] < len(readings[i])}


def _named(code: int, readings: Sequence[Alternative], *, not_finite: bool) -> tuple[Verdict, str]:
    """The verdict and the reason that a code stands for; `not_finite` if some entry of a mismatch is not."""
    severity, place = divmod(code, _MOST)
    if place < len(readings):
        return SEVERITY[severity], readings[place].reason
    if place == len(readings):
        return SEVERITY[severity], "not finite where the exact answer is"
    return SEVERITY[severity], "not finite on ordinary numbers" if not_finite else "outside the bound"
