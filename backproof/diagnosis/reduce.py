"""Reduction: from a case that fails to the smallest one that still fails.

Greedy: whatever is simpler (simplicity.py) and still fails takes the case's place, until nothing that the
passes (passes.py) know to try is. Candidates are judged in batches, because many in one call cost far less
than one by one; the first of a batch that fails is taken, so that the answer does not depend on how they are
cut into batches. Every step decreases a measure whose values are natural numbers, so it ends; nothing is
random, so that the same answers lead to the same case.

Why not Hypothesis's shrinker on `cases.strategies.cases`: it asks one example after the other, each made
anew from the integers it was drawn from, and cannot start from a given case. For 48 failing cases, 5 s
each, it reached the same sizes as this in 23 and smaller ones in 2, and took 5 s in the median where this
took 0.5 s (`python -m benchmarks.reduction --hypothesis`). Without the extra for tests it is not installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from refimpl import Case, InvalidCaseError

from .passes import PASSES, Candidate
from .simplicity import Measure, measure

Fails = Callable[[Sequence[Case]], Sequence[bool]]
_FIRST_BATCH, _LARGEST_BATCH = 4, 32
MOST_TRIED = 1000
"""Candidates that one reduction tries; nearly all need fewer: `benchmarks/reduction.py`."""
_SHARE = 0.1
"""The share of the time that one batch may take."""


class NoFailureError(ValueError):
    """There is nothing to reduce: the case does not fail, or does not fail again."""


@dataclass(frozen=True)
class Reduced:
    """The simplest case found, which was asked again at the end and failed."""

    case: Case
    asked: int
    """How many cases were judged, the given one among them."""
    steps: int
    """How often a simpler case took the place of the last."""
    out_of_time: bool
    """Whether time ran out, so that a simpler case may exist among those the passes would have tried."""


def everything(case: Case) -> bool:
    """Supports every case."""
    del case
    return True


def reduce(
    case: Case,
    fails: Fails,
    seconds: float = 5.0,
    supported: Callable[[Case], bool] = everything,
    clock: Callable[[], float] = time.monotonic,
    most: int = MOST_TRIED,
) -> Reduced:
    """The simplest case found within `seconds`, and of `most` candidates, that `fails` and is `supported`.

    How many are tried does not depend on how fast they are judged; so if it is `most` that ends the search,
    the same answers lead to the same case on any machine. `fails` judges a batch, one answer a case. What is
    not supported is never asked. Raises NoFailureError if the case given does not fail, or if neither it nor
    any other case fails when it is asked again.
    """
    search = _Search(fails, seconds, supported, clock, most)
    if search.ask([case]) != [True]:
        raise NoFailureError("the case does not fail, so there is nothing to reduce; give one that does")
    search.accepted(case)
    current, place = case, 0
    while place < len(PASSES):
        simpler = PASSES[place](current, search.first)
        # Once something is simpler, what makes more of a difference may be possible again.
        current, place = (current, place + 1) if simpler is current else (simpler, 0)
    return Reduced(search.confirmed(), search.asked, search.steps, search.out_of_time)


class _Search:
    """Asks candidates, and remembers what was asked and what was taken."""

    def __init__(
        self,
        fails: Fails,
        seconds: float,
        supported: Callable[[Case], bool],
        clock: Callable[[], float],
        most: int = MOST_TRIED,
    ) -> None:
        self.fails, self.supported, self.clock = fails, supported, clock
        self.seconds, self.started, self.most = seconds, clock(), most
        self.asked, self.out_of_time = 0, False
        self._tried: set[str] = set()
        self._answers: dict[str, bool] = {}
        """Of what was asked in one batch with others, and not yet tried."""
        self._chain: list[Case] = []
        self._measure: Measure = ()
        self._per_case = 0.0
        """Seconds that the last batch took for each case."""

    @property
    def steps(self) -> int:
        """How often a simpler case was found."""
        return len(self._chain) - 1

    def ask(self, cases: Sequence[Case]) -> list[bool]:
        """Whether each fails."""
        before = self.clock()
        answers = [bool(answer) for answer in self.fails(cases)]
        if len(answers) != len(cases):
            raise ValueError(f"`fails` gave {len(answers)} answers to {len(cases)} cases")
        self._per_case = (self.clock() - before) / len(cases)
        self.asked += len(cases)
        return answers

    def accepted(self, case: Case) -> None:
        """Takes the place of the last."""
        self._chain.append(case)
        self._measure = measure(case)

    def first(self, candidates: Iterable[Candidate]) -> Case | None:
        """The first candidate that fails, of those that are valid, supported, simpler and not known."""
        left, size = self._worth_asking(candidates), _FIRST_BATCH
        while not self._is_over():
            batch = list(islice(left, min(self._affordable(size), self.most - len(self._tried))))
            if not batch:
                return None
            new = [case for case in batch if case.content_hash not in self._answers]
            if new:
                self._answers |= zip((case.content_hash for case in new), self.ask(new), strict=True)
            for case in batch:
                self._tried.add(case.content_hash)
                if self._answers.pop(case.content_hash):
                    self.accepted(case)
                    return case
            size = min(2 * size, _LARGEST_BATCH)
        return None

    def _worth_asking(self, candidates: Iterable[Candidate]) -> Iterator[Case]:
        known: set[str] = set()
        for make in candidates:
            try:
                case = make()
            except InvalidCaseError:
                continue
            name = case.content_hash
            if name in self._tried or name in known or not measure(case) < self._measure:
                continue
            if self.supported(case):
                known.add(name)
                yield case

    def _is_over(self) -> bool:
        self.out_of_time = self.out_of_time or self.clock() - self.started >= self.seconds
        return self.out_of_time or len(self._tried) >= self.most

    def _affordable(self, size: int) -> int:
        """How many cases to ask at once, so that a batch takes a small part of the time."""
        if self._per_case <= 0:
            return size
        return max(1, min(size, int(_SHARE * self.seconds / self._per_case)))

    def confirmed(self) -> Case:
        """The last case of the chain that fails when it is asked again."""
        for case in reversed(self._chain):
            if self.ask([case]) == [True]:
                return case
        raise NoFailureError(
            "no case failed again when it was asked once more: what it answers changes from call to call"
        )
