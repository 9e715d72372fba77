"""The diagnosis: which equation, which layers, and which mistake, convention or relation gives these numbers.

Wrong answers are compared with what every candidate gives from the same inputs. A candidate is refuted by
one array: a wrong one that it does not give, or a right one that it would have spoilt. Those that are left
are told apart by further cases, drawn so that they differ there, with the same functions. What no candidate
explains is localised and called unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from backproof.cases import DrawOptions
from backproof.judging.verdicts import Judgement
from refimpl import QUANTITIES, Case, Trace

from .agreement import Observation, Place
from .candidates import PASS_ORDER, Candidate, conventions, of_mistakes
from .causes import Cause, Diagnosis, Evidence
from .guesses import common_relations
from .localise import Suspect, suspects
from .matching import Matching, Named, by_equation, own_places
from .mistakes import MISTAKES, Mistake
from .telling_apart import telling_cases

Ask = Callable[[Sequence[Case]], Sequence[tuple[Case, Trace]]]
"""Has cases answered by the implementation under diagnosis. Each comes back as it is to be judged, which may
be with another reduction, and with the answer; a part that is malformed is missing.
"""

ROUNDS = 3
"""How often cases are asked for: any, those that tell what is left apart, and again if they did not."""
ENOUGH_ENTRIES = 4
"""Fewer matching entries, and those of one case, could be a coincidence, and name nothing."""


class Diagnostician:
    """Diagnoses one implementation: the same object for all of its findings."""

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
        matching: Matching | None = None
        for number in range(ROUNDS if self._ask is not None and seen[0].failing else 0):
            if number > 1 and matching is not None and not self._is_open(matching):
                break
            contenders = [] if matching is None else _contenders(matching)
            asked = self._asked(seen[0], contenders, number)
            if asked or matching is None:
                seen = seen + asked
                matching = Matching(seen, self._singles, self._conventions, contenders or None)
        return outcome(matching or Matching(seen, self._singles, self._conventions))

    @staticmethod
    def _is_open(matching: Matching) -> bool:
        """Whether more cases could tell candidates apart, or found what only one case shows."""
        return any(each.rivals or each.match.cases < 2 for each in matching.named)

    def _asked(self, primary: Observation, contenders: Sequence[Candidate], number: int) -> list[Observation]:
        assert self._ask is not None
        offered = [name for name in QUANTITIES if getattr(primary.trace, name) is not None]
        cases = telling_cases(primary.case, contenders, self._options, number, offered)
        return [
            Observation(case, trace)
            for case, trace in self._ask(cases)
            if all(getattr(trace, name) is not None for name in offered)
        ]


def _contenders(matching: Matching) -> list[Candidate]:
    return [c for each in matching.named for c in (each.match.candidate, *each.rivals)]


def outcome(matching: Matching) -> Diagnosis:
    """The causes of the first observation, in the order of a pass."""
    return _Outcome(matching).diagnosis


class _Outcome:
    """What is said of the first observation."""

    def __init__(self, matching: Matching) -> None:
        self.seen, self.wrong, self.is_full = matching.seen, matching.wrong, matching.is_full
        first = self.seen[0]
        self.depth = first.case.network.depth
        known = frozenset().union(*(each.match.explained for each in matching.named))
        left = {place for number, place in self.wrong - known if number == 0} - first.vague
        half_known = set(by_equation(left, self.depth))
        if not self.is_full and half_known - {"F5"}:  # errors spread: one cause explains all of them
            half_known = set(PASS_ORDER) - {"F5"}
        causes: list[Cause] = []
        explained_here: set[Place] = set()
        for named in matching.named:
            here = {place for number, place in named.match.explained if number == 0}
            equations = set(by_equation(here, self.depth))
            match = named.match
            is_little = match.entries < ENOUGH_ENTRIES and match.cases < 2
            if not here or is_little or half_known & equations:
                continue
            vague = {
                place
                for place in first.vague & first.failing
                if equations & set(by_equation([place], self.depth))
            }
            explained_here |= here | vague
            causes.append(self._named_cause(named, here))
        for suspect in matching.suspects:
            rest = suspect.places - explained_here
            if rest:
                causes.append(self._unknown(suspect, rest))
        if not self.is_full:  # one error upstream explains the rest
            causes = [cause for cause in causes if cause.name] or causes
        causes.sort(key=lambda cause: PASS_ORDER.index(cause.equation))
        self.diagnosis = Diagnosis(tuple(causes))

    def _named_cause(self, named: Named, here: set[Place]) -> Cause:
        candidate, match = named.match.candidate, named.match
        rivals = tuple(c.name for c in named.rivals if c.kind == "mistake" or candidate.kind != "mistake")
        equation, layers = self._place(candidate, here)
        return Cause(
            equation=equation,
            layers=layers,
            kind=candidate.kind,
            name=candidate.name,
            what=candidate.what,
            remedy=candidate.remedy,
            implemented=candidate.implemented,
            evidence=Evidence(match.entries, match.cases, tuple(dict.fromkeys(rivals))),
            declaration=next((dict(c.declaration) for c in (candidate, *named.rivals) if c.declaration), {}),
        )

    def _place(self, candidate: Candidate, here: set[Place]) -> tuple[str, tuple[int, ...]]:
        """Where it is wrong by itself, not where that is felt: the equation and the layers."""
        places = here if self.is_full else own_places(candidate, self.seen[0])
        found = by_equation(places, self.depth)
        first = candidate.parts[0] if candidate.parts else candidate
        own = [_AT_THE_OUTPUT.get(e, e) for e in first.equations]
        equations = [e for e in (*first.equations, *own) if e in found]
        if not equations:
            equations = sorted(found, key=PASS_ORDER.index)[:1]
        if not equations:
            return candidate.equation, tuple(sorted(candidate.layers or ()))
        layers = set().union(*(found[e] for e in equations))
        return equations[0], tuple(sorted(layers))

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
        quantities = {place[0] for _, place in wrong}
        return Cause(
            equation=suspect.equation,
            layers=suspect.layers,
            kind="relation",
            name=relations[0].said,
            what=f"{min(quantities)} is {relations[0].said}.",
            implemented=relations[0].implemented(suspect.equation, quantities),
            evidence=Evidence(entries, cases, tuple(other.said for other in relations[1:])),
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
"""An activation is one for hidden layers and the last; the equations have other ids there."""


def diagnose(judgements: Sequence[tuple[Judgement, Trace]], **more: object) -> Diagnosis:
    """The diagnosis of the first judgement; see `Diagnostician`."""
    return Diagnostician(**more).diagnose([Observation.of(*each) for each in judgements])  # type: ignore[arg-type]
