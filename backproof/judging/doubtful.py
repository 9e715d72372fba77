"""The cases in doubt as batches of their own: wider bounds are for few cases only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from refimpl import Case

from .deviations import Deviation, concerned

Part = TypeVar("Part")


class Doubtful(Generic[Part]):
    """What was made for all cases, made again for those of which a further reading is asked."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        self._parts: dict[tuple[int, ...], Part] = {}
        self.tell(())

    def tell(self, places: Sequence[int]) -> None:
        """Of these cases, the next reading will be asked for."""
        self._told = tuple(places)
        self._places: dict[tuple[Deviation, ...], dict[int, int]] = {}

    def among(
        self, made: Callable[[Sequence[int]], Part], k: int, declared: tuple[Deviation, ...] = ()
    ) -> tuple[Part, int]:
        """The part with case k, and its place there; it holds those told that the deviations concern.

        `made(places)` is what was made for all, for these cases only. It is not kept: that would be a cycle,
        and all that was made for a chunk would stay until the next collection of garbage.
        """
        if declared not in self._places:
            chosen = [i for i in self._told if not declared or concerned(declared, self._cases[i])]
            self._places[declared] = {case: place for place, case in enumerate(chosen)}
        places = self._places[declared]
        if k not in places:
            places = {k: 0}
        key = tuple(places)
        if key not in self._parts:
            self._parts[key] = made(key)
        return self._parts[key], places[k]
