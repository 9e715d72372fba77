"""The diagnosis: which equation, which layers, and which mistake, convention or relation gives these numbers.

Wrong answers are compared with what every candidate gives from the same inputs. A candidate is refuted by
one array: a wrong one that it does not give, or a right one that it would have spoilt. Those that are left
are told apart by further cases, drawn so that they differ there, with the same functions. What no candidate
explains is localised and called unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from backproof.cases import DrawOptions
from backproof.judging.verdicts import Judgement
from refimpl import Case, Trace

from .agreement import Observation, Place, Prediction
from .candidates import PASS_ORDER, Candidate, confined, conventions, of_mistakes, pairs
from .causes import Cause, Diagnosis, Evidence
from .guesses import common_relations
from .localise import Suspect, suspects
from .mistakes import MISTAKES, Mistake
from .telling_apart import telling_cases

Ask = Callable[[Sequence[Case]], Sequence[Trace]]
"""Has cases answered by the implementation under diagnosis; a part that is malformed is missing."""

ROUNDS = 2
"""How often more cases are asked for."""
ENOUGH_ENTRIES = 4
"""Fewer matching entries could be a coincidence, such as 0 = 0 · 2, and name nothing."""
Wrong = frozenset[tuple[int, Place]]
"""(Number of the observation, place)."""


@dataclass(frozen=True)
class _Match:
    """How a candidate fares over all observations."""

    candidate: Candidate
    explained: Wrong
    contradicted: Wrong
    entries: int
    """In how many entries of what it explains it differs from the right answer."""

    @property
    def layers(self) -> frozenset[int]:
        return frozenset(layer for _, (_, layer) in self.explained)

    @property
    def is_confined(self) -> bool:
        """Whether it holds in some layers only: where it is contradicted is elsewhere."""
        return bool(self.contradicted)


class Diagnostician:
    """Diagnoses one implementation. What it has learnt of one case is tried first on the next."""

    def __init__(
        self,
        ask: Ask | None = None,
        options: DrawOptions | None = None,
        catalogue: Iterable[Mistake] | None = None,
    ) -> None:
        """`ask` and what may be asked; without it only the given observations count."""
        self._ask, self._options = ask, options or DrawOptions()
        self._singles = of_mistakes(MISTAKES.values() if catalogue is None else catalogue)
        self._conventions = conventions()

    def diagnose(self, observations: Sequence[Observation]) -> Diagnosis:
        """The causes of what is wrong in the first observation; the others are more evidence."""
        if not observations:
            raise ValueError("a diagnosis needs at least one observation")
        seen = list(observations)
        work = _Work(seen, self._singles, self._conventions)
        for number in range(ROUNDS if self._ask is not None else 0):
            contenders = [c for tied, _ in work.named for c in tied]
            if number and not any(len(tied) > 1 for tied, _ in work.named):
                break
            seen = seen + self._asked(seen[0], contenders, number)
            work = _Work(seen, self._singles, self._conventions)
        return work.diagnosis()

    def _asked(self, primary: Observation, contenders: Sequence[Candidate], number: int) -> list[Observation]:
        assert self._ask is not None
        cases = telling_cases(primary.case, contenders, self._options, number)
        return [
            Observation(case, trace)
            for case, trace in zip(cases, self._ask(cases), strict=True)
            if _offers_as_much(trace, primary.trace)
        ]


def _offers_as_much(trace: Trace, primary: Trace) -> bool:
    return all(getattr(trace, name) is not None for name, value in vars(primary).items() if value is not None)


class _Work:
    """One pass over a set of observations."""

    def __init__(
        self, seen: Sequence[Observation], singles: Sequence[Candidate], others: Sequence[Candidate]
    ) -> None:
        self.seen, self.singles, self.conventions = list(seen), singles, others
        self.is_full = seen[0].is_full
        self.suspects = suspects(seen[0])
        self.wrong: Wrong = frozenset(
            (k, place) for k, each in enumerate(self.seen) for place in each.failing
        )

    # ------------------------------------------------------------ candidates

    @cached_property
    def named(self) -> list[tuple[list[Candidate], _Match]]:
        """Causes that are left, each with those that cannot be told from it (itself first)."""
        found, left = self._chosen(self._matches([*self.singles, *self.conventions]), self.wrong)
        if left and not self.is_full:
            for more in (self._confined, self._pairs):
                again, rest = self._chosen(self._matches(more()), self.wrong)
                if len(rest) < len(left):
                    found, left = again, rest
                if not left:
                    break
        return found

    def _matches(self, candidates: Iterable[Candidate]) -> list[_Match]:
        found = (self._match(candidate) for candidate in candidates)
        return [match for match in found if match is not None]

    def _match(self, candidate: Candidate) -> _Match | None:
        """None if the candidate is refuted, or explains nothing."""
        explained: set[tuple[int, Place]] = set()
        contradicted: set[tuple[int, Place]] = set()
        entries = 0
        for number, observation in enumerate(self.seen):
            given = observation.predict(candidate.implementation)
            if given is None:
                return None
            for place, observed in observation.answers.items():
                key = (number, place)
                agrees = place in given and given[place].agrees(observed)
                if key not in self.wrong:
                    if not agrees and place in given and self._spoils(observation, place, given[place]):
                        contradicted.add(key)
                elif agrees and place in observation.off:
                    explained.add(key)
                    entries += given[place].differs_from(observation.right[place])
            # Most are refuted by the first observation, and need not be evaluated on the others.
            if not explained or not self._stands(candidate, number, explained, contradicted):
                return None
        return _Match(candidate, frozenset(explained), frozenset(contradicted), entries)

    @staticmethod
    def _spoils(observation: Observation, place: Place, given: Prediction) -> bool:
        """Whether the candidate differs from the right answer by more than rounding there."""
        return given.differs_from(observation.right[place]) > 0

    def _stands(
        self,
        candidate: Candidate,
        number: int,
        explained: set[tuple[int, Place]],
        contradicted: set[tuple[int, Place]],
    ) -> bool:
        """Whether it is not refuted by the observations up to this number."""
        if not self.is_full:  # errors spread: what is explained of a quantity must be all of it
            quantities = {place[0] for _, place in explained}
            missed = (k for k in self.wrong - explained if k[0] <= number and k[1][0] in quantities)
            return not contradicted and not any(missed)
        if not contradicted:
            return True
        layers = {layer for _, (_, layer) in explained}
        return candidate.has_layers and layers.isdisjoint(layer for _, (_, layer) in contradicted)

    def _chosen(
        self, matches: list[_Match], wrong: Wrong
    ) -> tuple[list[tuple[list[Candidate], _Match]], Wrong]:
        """The fewest that explain as much as can be explained, the simplest first; and what is left."""
        found: list[tuple[list[Candidate], _Match]] = []
        left = set(wrong)
        while left:
            useful = [match for match in matches if match.explained & left]
            if not useful:
                break
            best = min(useful, key=lambda match: self._rank(match, left))
            same = best.explained & left
            tied = [m.candidate for m in useful if m.explained & left == same and not m.is_confined]
            found.append(([best.candidate, *(c for c in tied if c is not best.candidate)], best))
            left -= best.explained
        return found, frozenset(left)

    def _rank(self, match: _Match, left: set[tuple[int, Place]]) -> tuple[object, ...]:
        candidate = match.candidate
        local = {suspect.equation for suspect in self.suspects}
        return (
            match.is_confined,
            -len(match.explained & left),
            candidate.equation not in local,
            ("mistake", "convention", "pair", "relation").index(candidate.kind),
            -match.entries,
        )

    def _confined(self) -> Iterable[Candidate]:
        """Each mistake in one layer only, where all observations have as many layers."""
        depth = self.seen[0].case.network.depth
        if any(each.case.network.depth != depth for each in self.seen):
            return
        for layer in range(1, depth + 1):
            for candidate in self.singles:
                one = confined(candidate, {layer})
                if one is not None:
                    yield one

    def _pairs(self) -> Iterable[Candidate]:
        """Two at once, of those that make a difference in the first observation."""
        first = self.seen[0]
        matters = []
        for candidate in self.singles:
            given = first.predict(candidate.implementation)
            if given and any(value.differs_from(first.right[place]) for place, value in given.items()):
                matters.append(candidate)
        for both in pairs(matters):
            given = first.predict(both.implementation)
            if given and all(given[p].agrees(first.answers[p]) for p in first.answers if p in given):
                yield both

    # ------------------------------------------------------------ the outcome

    def diagnosis(self) -> Diagnosis:
        """The causes of the first observation, in the order of a pass."""
        known: Wrong = frozenset().union(*(match.explained for _, match in self.named))
        causes = []
        explained_here: set[Place] = set()
        half_known = {
            suspect.equation
            for suspect in self.suspects
            if self.is_full and any((0, place) not in known for place in suspect.places)
        }
        for tied, match in self.named:
            here = {place for number, place in match.explained if number == 0}
            if not here or match.entries < ENOUGH_ENTRIES or half_known & self._equations(here):
                continue
            explained_here |= here
            causes.append(self._named_cause(tied, match, here))
        for suspect in self.suspects:
            rest = suspect.places - explained_here
            if rest:
                causes.append(self._unknown(suspect, rest))
        if not self.is_full:  # one error upstream explains the rest
            causes = [cause for cause in causes if cause.name] or causes
        causes.sort(key=lambda cause: PASS_ORDER.index(cause.equation))
        return Diagnosis(tuple(causes))

    def _equations(self, places: Iterable[Place]) -> set[str]:
        return {s.equation for s in self.suspects if s.places & set(places)}

    def _named_cause(self, tied: Sequence[Candidate], match: _Match, here: set[Place]) -> Cause:
        candidate = match.candidate
        cases = len({number for number, _ in match.explained})
        rivals = tuple(c.name for c in tied[1:] if c.kind == "mistake" or candidate.kind != "mistake")
        declare = next((dict(c.declaration) for c in tied if c.declaration), {})
        layers = self._layers(candidate, here)
        return Cause(
            equation=_of_layer(candidate.equation, layers, self.seen[0].case.network.depth),
            layers=layers,
            kind=candidate.kind,
            name=candidate.name,
            what=candidate.what,
            remedy=candidate.remedy,
            evidence=Evidence(match.entries, cases, rivals),
            declaration=declare,
        )

    def _layers(self, candidate: Candidate, here: set[Place]) -> tuple[int, ...]:
        """Where it is wrong by itself, not where that is felt."""
        if candidate.layers is not None:
            return tuple(sorted(candidate.layers))
        if self.is_full:
            return tuple(sorted({layer for _, layer in here if layer}))
        if candidate.equation == "F5":
            return ()
        if candidate.equation in ("B4", "B1a", "B5"):  # the highest is where it begins
            top = max((layer for quantity, layer in here if quantity in ("delta", "dW", "db")), default=0)
            return (top,) if top else ()
        if candidate.equation in ("F2", "F3", "F4"):
            return ()
        return tuple(sorted({layer for _, layer in here if layer}))

    def _unknown(self, suspect: Suspect, places: frozenset[Place]) -> Cause:
        """What simple relation there is, if there is one that fits all of this equation; else nothing."""
        wrong = {
            (number, place): self.seen[number]
            for number, place in sorted(self.wrong)
            if (number == 0 and place in places) or (number and self._like(suspect, number, place))
        }
        if not self.is_full:  # below, one sees consequences
            top = {number: max(p[1] for n, p in wrong if n == number) for number, _ in wrong}
            wrong = {key: each for key, each in wrong.items() if key[1][1] == top[key[0]]}
        entries = sum(each.answers[place].size for (_, place), each in wrong.items())
        cases = len({number for number, _ in wrong})
        relations = common_relations(wrong) if entries >= ENOUGH_ENTRIES else []
        if not relations:
            return Cause(suspect.equation, suspect.layers, certain=suspect.certain)
        quantity = min(place[0] for _, place in wrong)
        return Cause(
            equation=suspect.equation,
            layers=suspect.layers,
            kind="relation",
            name=relations[0],
            what=f"{quantity} is {relations[0]}.",
            evidence=Evidence(entries, cases, tuple(relations[1:])),
            certain=suspect.certain,
        )

    def _like(self, suspect: Suspect, number: int, place: Place) -> bool:
        """Whether a wrong place of another observation belongs to the same equation."""
        return any(
            place in other.places
            for other in suspects(self._as_wrong(number))
            if other.equation == suspect.equation
        )

    def _as_wrong(self, number: int) -> Observation:
        each = self.seen[number]
        return Observation(each.case, each.trace, frozenset(p for n, p in self.wrong if n == number))


_AT_THE_OUTPUT = {"B5": "B4", "F3": "F4"}


def _of_layer(equation: str, layers: Sequence[int], depth: int) -> str:
    """An activation is one for hidden layers and the last; the equations have other ids there."""
    if not layers:
        return equation
    if max(layers) == depth and min(layers) == depth:
        return _AT_THE_OUTPUT.get(equation, equation)
    if max(layers) < depth:
        return {last: hidden for hidden, last in _AT_THE_OUTPUT.items()}.get(equation, equation)
    return equation


def diagnose(judgements: Sequence[tuple[Judgement, Trace]], **more: object) -> Diagnosis:
    """The diagnosis of the first judgement; see `Diagnostician`."""
    return Diagnostician(**more).diagnose([Observation.of(*each) for each in judgements])  # type: ignore[arg-type]
