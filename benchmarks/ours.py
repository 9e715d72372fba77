"""Our judge as one of the tools: with a full trace, or with loss and gradients only."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING, Check, Judgement
from backproof.run import CHUNK, ORACLES
from backproof.subject import REFERENCE
from benchmarks.peers import Answer, Problem
from refimpl import Case, Trace

GRADIENTS = ("loss", "dW", "db")
FULL_TRACE, GRADIENTS_ONLY = "backproof, full trace", "backproof, loss and gradients only"


class Replayed:
    """An implementation that answers what it is told to, each time that it is asked for a case."""

    def __init__(self, problems: Sequence[Problem], quantities: Sequence[str] | None) -> None:
        self._quantities = quantities
        self._traces: dict[int, deque[Trace]] = defaultdict(deque)
        for problem in problems:
            self._traces[id(problem.case)].append(problem.trace)

    def run(self, case: Case) -> Trace:
        """The next trace of that case, or the part of it that is offered."""
        trace = self._traces[id(case)].popleft()
        if self._quantities is None:
            return trace
        return Trace(**{quantity: getattr(trace, quantity) for quantity in self._quantities})


class Judge:
    """The panel of the conformance run, with torch and JAX, unchanged."""

    source = "README: a mismatch or a fault rejects; unstable, convention and known deviation do not"
    not_for_float32 = ""

    def __init__(self, *, full: bool, oracles: Sequence[Any] | None = None) -> None:
        self.name = FULL_TRACE if full else GRADIENTS_ONLY
        self._quantities = None if full else GRADIENTS
        own = oracles or [make() for make in ORACLES.values()]
        self._panel = Panel(Replayed((), None), own, REFERENCE)

    @property
    def oracles(self) -> Sequence[Any]:
        """Torch and JAX."""
        return self._panel.oracles

    def judgements(self, problems: Sequence[Problem]) -> list[Judgement]:
        """What the panel says."""
        found = []
        for start in range(0, len(problems), CHUNK):
            some = problems[start : start + CHUNK]
            self._panel.implementation = Replayed(some, self._quantities)
            found += self._panel.judge([problem.case for problem in some])
        return found

    def answers(self, problems: Sequence[Problem]) -> list[Answer]:
        """Rejects what a run of backproof would count as a mismatch or a fault."""
        return [answer_of(judgement) for judgement in self.judgements(problems)]

    def rejects_oracle(self, judgement: Judgement, oracle: str) -> bool:
        """Whether it finds an oracle's own answers wrong, of those that it takes from an implementation."""
        return any(check.verdict in FAILING and self._concerns(check, oracle) for check in judgement.checks)

    def leaves_out(self, judgement: Judgement) -> bool:
        """Whether there is some tensor of the implementation of which it could judge nothing.

        With a full trace, by the local verdicts, which see every step; else by those end to end.
        """
        scope = "end to end" if self._quantities else "local"
        return any(
            check.verdict == "not judged" and check.left == REFERENCE and check.scope == scope
            for check in judgement.checks
        )

    def _concerns(self, check: Check, oracle: str) -> bool:
        if check.left != oracle:
            return False
        return self._quantities is None or (
            check.scope == "end to end" and check.quantity in self._quantities
        )


def answer_of(judgement: Judgement) -> Answer:
    """The verdict as an answer."""
    if judgement.verdict in FAILING:
        return "rejects"
    return "not judged" if judgement.verdict == "not judged" else "accepts"
