"""How error/bound is distributed over the checks of a run, for each quantity and each pair of sides."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from math import isnan

from refimpl import QUANTITIES

from .judging.verdicts import Check
from .reporting import model

EDGES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0, 1e3, 1e6)
"""Upper ends of the classes of error/bound; there is one more beyond the last."""
_SCOPES = ("local", "end to end")


class DistributionTally:
    """Counts checks by their largest error/bound."""

    def __init__(self) -> None:
        self._checks: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0] * (len(EDGES) + 1))

    def add(self, check: Check, ratio: float | None) -> None:
        """Count one check; not one without error/bound, such as a crash."""
        if ratio is not None and not isnan(ratio):
            self._checks[check.left, check.right, check.quantity, check.scope][bisect_left(EDGES, ratio)] += 1

    def section(self) -> model.Distributions | None:
        """The part of the report; None if there is nothing to tell."""
        order = list(QUANTITIES)
        rows = tuple(
            model.DistributionRow(
                left=left,
                right=right,
                quantity=quantity,
                scope="local" if scope == "local" else "end to end",
                checks=tuple(checks),
            )
            for (left, right, quantity, scope), checks in sorted(
                self._checks.items(),
                key=lambda item: (*item[0][:2], _SCOPES.index(item[0][3]), order.index(item[0][2])),
            )
        )
        return model.Distributions(edges=EDGES, rows=rows) if rows else None
