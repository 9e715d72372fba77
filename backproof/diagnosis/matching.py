"""How candidates fare: what each explains, what refutes it, and the fewest that explain what is wrong.

A candidate is refuted by one array: by one that it would have changed to something else than what is
observed. What it explains are the arrays that are wrong and exactly as it gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from backproof.judging.verdicts import equation_of

from .agreement import Observation, Place
from .candidates import Candidate, confined, pairs
from .localise import suspects

Wrong = frozenset[tuple[int, Place]]
"""(Number of the observation, place)."""
_MOST_PAIRS = 800


@dataclass(frozen=True)
class Match:
    """How a candidate fares over all observations."""

    candidate: Candidate
    explained: Wrong
    contradicted: Wrong
    entries: int
    """In how many entries of what it explains it differs from the right answer."""

    @property
    def is_confined(self) -> bool:
        """Whether it holds in some layers only: where it is contradicted is elsewhere."""
        return bool(self.contradicted)

    @property
    def cases(self) -> int:
        """In how many cases it explains something."""
        return len({number for number, _ in self.explained})


@dataclass(frozen=True)
class Named:
    """A cause: the candidate that explains the most, and those that explain as much."""

    match: Match
    rivals: tuple[Candidate, ...]


class Matching:
    """Candidates against a set of observations, of which the first is the one to be explained."""

    def __init__(
        self,
        seen: Sequence[Observation],
        singles: Sequence[Candidate],
        others: Sequence[Candidate],
        survivors: Sequence[Candidate] | None = None,
    ) -> None:
        """`singles` are the mistakes, `others` candidates that are not combined with anything.

        `survivors` are those that fewer of these observations have left; the others are refuted already.
        """
        self.seen, self.singles, self.others = list(seen), singles, others
        self.survivors = survivors
        self.is_full = seen[0].is_full
        self.suspects = suspects(seen[0])
        self.wrong: Wrong = frozenset(
            (k, place) for k, each in enumerate(self.seen) for place in each.failing
        )
        # Small cases refute at little cost; the first must be explained, and may be large.
        self._order = sorted(range(len(self.seen)), key=self._size)

    def _size(self, number: int) -> int:
        return sum(value.size for value in self.seen[number].answers.values())

    @cached_property
    def named(self) -> list[Named]:
        """The causes that are found."""
        candidates = [*self.singles, *self.others]
        found, left = self._chosen(self._matches(candidates if self.survivors is None else self.survivors))
        if left and self.survivors is not None:
            found, left = self._chosen(self._matches(candidates))
        for more in (() if self.is_full else (self._confined,)) + (self._pairs,):
            if not left:
                break
            again, rest = self._chosen(self._matches(more(left)), found if self.is_full else ())
            if len(rest) < len(left):
                found, left = again, rest
        return found

    # ------------------------------------------------------------ one candidate

    def _matches(self, candidates: Iterable[Candidate]) -> list[Match]:
        found = (self._match(candidate) for candidate in candidates)
        return [match for match in found if match is not None]

    def _match(self, candidate: Candidate) -> Match | None:
        """None if the candidate is refuted, or explains nothing."""
        if not candidate.parts and not self.seen[0].effect(candidate.implementation) & self.seen[0].failing:
            return None
        explained: set[tuple[int, Place]] = set()
        contradicted: set[tuple[int, Place]] = set()
        entries = 0
        for number in self._order:
            far = {(number, place) for place in self.seen[number].is_far_off(candidate.implementation)}
            if far and not self._stands(candidate, explained, contradicted | far):
                return None
            found = self._compared(candidate, number)
            if found is None:
                return None
            explained |= found[0]
            contradicted |= found[1]
            entries += found[2]
            if not self._stands(candidate, explained, contradicted):
                return None
        if not explained:
            return None
        return Match(
            candidate, frozenset(explained), frozenset(contradicted if self.is_full else ()), entries
        )

    def _compared(
        self, candidate: Candidate, number: int
    ) -> tuple[set[tuple[int, Place]], set[tuple[int, Place]], int] | None:
        """What it explains and what contradicts it in one observation, and in how many entries it does."""
        observation = self.seen[number]
        given = observation.predict(candidate.implementation)
        if given is None:
            return None
        explained, contradicted, entries = set(), set(), 0
        for place, observed in observation.answers.items():
            key, own, right = (number, place), given.get(place), observation.right[place]
            differs = 0 if own is None else own.differs_from(right)
            if own is not None and own.agrees(observed):
                shown = own.explains(observed, right) if key in self.wrong else 0
                if shown:
                    explained.add(key)
                    entries += shown
            elif place in observation.vague or not (own is None or own.finite.all()):
                continue  # which entries overflow may depend on a rounding
            elif differs or own is None or (key in self.wrong and not self.is_full):
                contradicted.add(key)
        return explained, contradicted, entries

    def _stands(
        self,
        candidate: Candidate,
        explained: set[tuple[int, Place]],
        contradicted: set[tuple[int, Place]],
    ) -> bool:
        """Whether it is not refuted by what has been looked at."""
        if not contradicted:
            return True
        if self.is_full:
            layers = {layer for _, (_, layer) in explained}
            return candidate.has_layers and layers.isdisjoint(layer for _, (_, layer) in contradicted)
        # Errors spread: what it changes must be right, and of a quantity that it explains it explains all.
        quantities = {place[0] for _, place in explained}
        return all(
            place[0] not in quantities and (number, place) in self.wrong
            and not self._changes(candidate, number, place)
            for number, place in contradicted
        )  # fmt: skip

    def _changes(self, candidate: Candidate, number: int, place: Place) -> bool:
        """Whether it differs from the right answer by more than rounding there."""
        observation = self.seen[number]
        given = observation.predict(candidate.implementation)
        if given is None or place not in given:
            return True
        return given[place].differs_from(observation.right[place]) > 0

    # ------------------------------------------------------------ which of them

    def _chosen(self, matches: list[Match], before: Sequence[Named] = ()) -> tuple[list[Named], Wrong]:
        """The fewest that explain as much as can be explained, the simplest first; and what is left."""
        found = list(before)
        left = set(self.wrong).difference(*(each.match.explained for each in before))
        while left:
            useful = [match for match in matches if match.explained & left]
            if not useful:
                break
            best = min(useful, key=lambda match: self._rank(match, left))
            same = best.explained & left
            tied = [
                m.candidate
                for m in useful
                if m is not best and m.explained & left == same and m.is_confined == best.is_confined
            ]
            found.append(Named(best, tuple(tied)))
            left -= best.explained
        return found, frozenset(left)

    def _rank(self, match: Match, left: set[tuple[int, Place]]) -> tuple[object, ...]:
        candidate = match.candidate
        local = {suspect.equation for suspect in self.suspects}
        return (
            match.is_confined,
            -len(match.explained & left),
            local.isdisjoint(candidate.equations),
            ("mistake", "convention", "pair", "relation").index(candidate.kind),
            candidate.equation not in local,
            -match.entries,
        )

    # ------------------------------------------------------------ more candidates

    def _confined(self, left: Wrong) -> Iterable[Candidate]:
        """Each mistake in one layer only, where all observations have as many layers."""
        del left
        first = self.seen[0]
        depth = first.case.network.depth
        if any(each.case.network.depth != depth for each in self.seen):
            return
        for candidate in self.singles:
            if not first.effect(candidate.implementation):
                continue
            for layer in range(1, depth + 1):
                one = confined(candidate, {layer})
                if one is not None:
                    yield one

    def _pairs(self, left: Wrong) -> Iterable[Candidate]:
        """Two at once, of those that make a difference where something is left to be explained."""
        matters = [
            each
            for each in self.singles
            if any(place in self.seen[number].effect(each.implementation) for number, place in left)
        ]
        fates = {each: [self._fate(each, number) for number in self._order] for each in matters}
        fitting = (
            both
            for both in pairs(matters)
            if self.is_full or all(map(self._may_be, *(fates[each] for each in both.parts), self._order))
        )
        yield from islice(fitting, _MOST_PAIRS)

    def _fate(self, candidate: Candidate, number: int) -> str:
        """How a mistake fares alone in one observation."""
        observation = self.seen[number]
        if not observation.effect(candidate.implementation):
            return "no effect"
        return "far off" if observation.is_far_off(candidate.implementation) else "near"

    def _may_be(self, one: str, other: str, number: int) -> bool:
        """Whether both together may give an observation: where one alone makes a difference, it must fit."""
        if one == other == "no effect":
            return not self.seen[number].failing - self.seen[number].vague
        return "no effect" not in {one, other} or "far off" not in {one, other}


def own_places(candidate: Candidate, observation: Observation) -> frozenset[Place]:
    """Where a candidate is wrong by itself, rather than by what reaches it, in the case of an observation."""
    trace = observation.trace
    if not observation.is_full:
        trace = candidate.implementation().run(observation.case)
    own = Observation(observation.case, trace)
    given = own.predict(candidate.implementation)
    if given is None:
        return frozenset()
    places = [place for place in own.effect(candidate.implementation) if place in given]
    apart = [place for place in places if given[place].differs_from(own.right[place])]
    return frozenset(apart or places)  # the very floats, where it only rounds worse


def by_equation(places: Iterable[Place], depth: int) -> dict[str, set[int]]:
    """Equation → layers of the places that it gives."""
    found: dict[str, set[int]] = {}
    for quantity, layer in places:
        found.setdefault(equation_of(quantity, layer or None, depth), set()).update({layer} - {0})
    return found
