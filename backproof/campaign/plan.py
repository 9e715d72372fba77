"""Which cases a chunk has, which chunks are missing, and how evenly the strata are covered.

Chunks are numbered for ever, and dtypes take turns, so that a campaign that is stopped anywhere has all of
them. All of it is arithmetic: nothing here knows what a stratum is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """The cases of a chunk: of a dtype, from an index on."""

    dtype: str
    first: int


def place_of(number: int, dtypes: Sequence[str], size: int) -> Place:
    """The cases of chunk `number`, if each has `size` cases."""
    turn, which = divmod(number, len(dtypes))
    return Place(dtypes[which], turn * size)


def missing(done: Collection[int]) -> Iterator[int]:
    """The numbers of the chunks that are not there yet, from the first on, without an end."""
    number = 0
    while True:
        if number not in done:
            yield number
        number += 1


class Coverage(NamedTuple):
    """How evenly kinds of cases have come up, over all dtypes."""

    strata: int
    """How many there are."""
    visited: int
    """How many have at least one case."""
    least: int
    """Cases of the one with the fewest."""
    most: int

    def __str__(self) -> str:
        return f"{self.visited:,} of {self.strata:,} strata, with {self.least:,} to {self.most:,} cases each"


def coverage(done: Collection[int], dtypes: Sequence[str], size: int, strata: int) -> Coverage:
    """Of these chunks, with `strata` kinds in each dtype.

    The walk over the strata comes back after as many cases as there are, so cases whose indices leave the
    same remainder are of one stratum, and those of other remainders of others.
    """
    visits: Counter[int] = Counter()
    for which in range(len(dtypes)):
        turns = sorted(number // len(dtypes) for number in done if number % len(dtypes) == which)
        visits.update(_visits([(turn * size, turn * size + size) for turn in turns], strata))
    total = strata * len(dtypes)
    assert visits.total() == total
    seen = [times for times, kinds in visits.items() if kinds]
    return Coverage(total, total - visits[0], min(seen), max(seen))


def _visits(intervals: Sequence[tuple[int, int]], strata: int) -> Counter[int]:
    """How many remainders come up so many times in sorted intervals that do not overlap."""
    merged: list[list[int]] = []
    for first, end in intervals:
        if merged and merged[-1][1] == first:
            merged[-1][1] = end
        else:
            merged.append([first, end])
    everywhere, changes = 0, Counter[int]()
    for first, end in merged:
        rounds, rest = divmod(end - first, strata)
        everywhere += rounds
        begin = first % strata
        if rest:
            changes[begin] += 1
            changes[(begin + rest) % strata] -= 1
            everywhere += begin + rest >= strata  # it goes round: on from the first remainder
    found: Counter[int] = Counter()
    times, before = everywhere, 0
    for at in sorted(changes):
        found[times] += at - before
        times, before = times + changes[at], at
    found[times] += strata - before
    return found
