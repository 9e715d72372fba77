"""Whether another case fails in the same way: what reduction must keep while everything else shrinks.

A case may fail for several reasons, and a smaller one for another. So what is kept is the first wrong
equation in the order of a forward, backward and update pass: local verdicts do not spread, and what comes
first is what the rest may follow from. Without local verdicts it is the first wrong quantity.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from backproof.judging.panel import Panel
from backproof.judging.verdicts import Check, Judgement, Scope, Verdict
from oracles import Oracle
from oracles.ball_oracle import BallOracle
from refimpl import QUANTITIES, Case

from .reduce import Fails, NoFailureError, Reduced, everything, reduce

_GRAVEST: tuple[Verdict, ...] = ("mismatch", "fault", "unstable", "convention")
"""The verdict that is looked for first: a wrong number says more than a fault beside it."""
_ORDER = tuple(QUANTITIES)
_VARIES = re.compile(r"[\d.]+(e[+-]?\d+)?|\(.*?\)|'[^']*'")


@dataclass(frozen=True)
class Failure:
    """What is wrong: the verdict, with the equation if it is local, or else with the quantity."""

    verdict: Verdict
    scope: Scope
    what: str
    """An equation's id, a quantity, or what a fault's reason says without its numbers and names."""

    @classmethod
    def of(cls, check: Check) -> Failure:
        """What this check shows."""
        if check.verdict == "fault":
            return cls("fault", check.scope, f"{check.quantity} {_VARIES.sub('', check.reason)}")
        what = check.equation if check.scope == "local" and check.equation else check.quantity
        return cls(check.verdict, check.scope, what)

    def shown_by(self, judgement: Judgement, name: str) -> list[Check]:
        """The checks of the implementation called `name` that show the same."""
        return [
            check
            for check in judgement.checks
            if check.left == name and check.verdict == self.verdict and Failure.of(check) == self
        ]

    def is_shown_by(self, judgement: Judgement, name: str) -> bool:
        """Whether there is such a check."""
        return bool(self.shown_by(judgement, name))


def first_failure(judgement: Judgement, name: str) -> Check | None:
    """The check that says best what is wrong with the implementation called `name`; None if nothing is.

    Mismatches come before faults, unstable answers and conventions, local ones before those end to end; of
    several, the first in the order of the pass.
    """
    found = [c for c in judgement.checks if c.left == name and c.verdict in _GRAVEST]
    return min(found, key=_precedence, default=None)


def failure_like(check: Check, judgement: Judgement, name: str) -> Check | None:
    """The check in `judgement` that shows the same as `check` does; the first failure where none does.

    Another thing may be wrong in the same case and come before it.
    """
    same = Failure.of(check).shown_by(judgement, name)
    return min(same, key=_precedence, default=None) or first_failure(judgement, name)


def _precedence(check: Check) -> tuple[int, ...]:
    quantity = _ORDER.index(check.quantity) if check.quantity in _ORDER else -1
    layer = check.layer or 0
    # Z[1], A[1], Z[2], …; but of the backward pass the last layer comes first.
    place = (0, layer, quantity) if check.quantity in ("Z", "A") else (quantity, -layer, 0)
    return (_GRAVEST.index(check.verdict), check.scope != "local", *place)


def same_failure(panel: Panel, judgement: Judgement) -> Fails:
    """A predicate for `reduce`: the panel finds the same wrong with a case as it is found here.

    Works with any panel; what an implementation declares not to support is up to `reduce`'s `supported`.
    Raises NoFailureError if nothing is wrong with the implementation in this judgement.
    """
    check = first_failure(judgement, panel.name)
    if check is None:
        raise NoFailureError(
            f"nothing is wrong with {panel.name} in this case, so there is nothing to reduce"
        )
    wanted = Failure.of(check)

    def fails(cases: Sequence[Case]) -> list[bool]:
        return [wanted.is_shown_by(found, panel.name) for found in panel.judge(cases)]

    return fails


def cheap_oracle(oracles: Sequence[Oracle]) -> Oracle:
    """The one to ask about small cases: torch if it is among them, or else the truth.

    Measured a case of at most 2 layers, 2 units and 2 samples, in batches: torch 5 ms, the truth 5 ms, torch
    and jax 6 ms once jax has compiled, which takes half a minute for shapes that are new to it. On cases of
    any size torch takes 17 ms, the truth 200 ms.
    """
    return next((oracle for oracle in oracles if oracle.name == "torch"), None) or BallOracle()


def reduce_failure(
    panel: Panel,
    judgement: Judgement,
    seconds: float = 5.0,
    supported: Callable[[Case], bool] = everything,
    clock: Callable[[], float] = time.monotonic,
) -> Reduced:
    """The simplest case found in which the panel finds the same wrong as here.

    A panel of one cheap oracle is asked, and its answer confirmed with all oracles. Where either finds
    nothing wrong, all are asked throughout. Raises NoFailureError as `reduce` does, and if nothing is wrong.
    """
    started, check = clock(), first_failure(judgement, panel.name)
    probes = check is not None and check.right.startswith("itself,")
    cheap = same_failure(panel.with_oracles([cheap_oracle(panel.oracles)], probes=probes), judgement)
    thorough = same_failure(panel.with_oracles(panel.oracles, probes=probes), judgement)
    with suppress(NoFailureError):
        found = reduce(judgement.case, cheap, seconds, supported, clock)
        if all(thorough([found.case])):
            return found
    left = max(0.0, seconds - (clock() - started))
    return reduce(judgement.case, thorough, left, supported, clock)
