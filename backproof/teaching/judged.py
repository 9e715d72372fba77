"""Where a mistake's pass is wrong: each step, on the mistake's own numbers, under the judge's bound of it.

A trace has no ∂L/∂A, so that the judge decides δ from the step before it; here those two are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.judging.judge import Tables
from backproof.judging.local import LocalSteps
from backproof.judging.panel import Answered, Panel
from backproof.judging.verdicts import Judgement, Verdict
from oracles.ball_oracle import BallOracle
from refimpl import Case

from .recording import Recording

Place = tuple[str, int | None]
"""A quantity, "dA" and "A_0" included, and its layer."""

_WRONG: frozenset[Verdict] = frozenset({"fault", "mismatch", "unstable", "convention"})
_SUBJECT = "mistake"


def wrong_places(case: Case, own: Recording) -> frozenset[Place]:
    """The steps whose result is not what the equation gives on the recording's own numbers before it.

    Held against exact values, under the bounds of docs/bounds.md: L1 and L2 for all that a trace has, and
    the bound of ∂L/∂A that is part of L2's. The input must be X to the last bit.
    """
    gradients: set[Place] = set()

    def watch(tables: Tables, _judgements: Sequence[Judgement]) -> None:
        gradients.update(_wrong_gradients(tables, oracle, own))

    oracle = BallOracle()
    panel = Panel(Answered(), [oracle], _SUBJECT, watch=watch)
    (judgement,) = panel.judge_runs([case], [(own.trace, ())])
    found: set[Place] = {
        (check.quantity, check.layer)
        for check in judgement.checks
        if check.scope == "local" and check.left == _SUBJECT and check.verdict in _WRONG
    }
    if not np.array_equal(own.A_0, case.X):
        found.add(("A_0", None))
    # δ is judged from the numbers before ∂L/∂A: where that is wrong, δ is so by carrying it on.
    found -= {("delta", layer) for _, layer in gradients}
    return frozenset(found | gradients)


def _wrong_gradients(tables: Tables, oracle: BallOracle, own: Recording) -> set[Place]:
    """Layers whose ∂L/∂A lies outside its bound on the trace's own A[L], or W[l+1] and δ[l+1]."""
    found: set[Place] = set()
    for sides in tables.sides:
        if _SUBJECT not in sides.names or not sides.nonlinear:
            continue
        side = list(sides.names).index(_SUBJECT)
        for layer, (centre, bound) in LocalSteps(sides, oracle, {}).gradients(side, 0).items():
            values = own.of("dA", layer)
            with np.errstate(all="ignore"):
                apart = np.abs(np.asarray(values, np.float64) - centre)
            # A bound that is not finite says nothing; NaN is within no finite one.
            if not np.all((apart <= bound) | ~np.isfinite(bound)):
                found.add(("dA", layer))
    return found
