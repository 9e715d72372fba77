"""How error/bound is distributed over the checks of a run, for each quantity and each pair of sides."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from math import isnan
from typing import Any

from refimpl import QUANTITIES

from .judging.verdicts import Check
from .reporting import model

EDGES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0, 1e3, 1e6)
"""Upper ends of the classes of error/bound; there is one more beyond the last."""
_SCOPES = ("local", "end to end")


def _none() -> list[int]:
    return [0] * (len(EDGES) + 1)


class DistributionTally:
    """Counts checks by their largest error/bound."""

    def __init__(self) -> None:
        self._checks: dict[tuple[str, str, str, str], list[int]] = defaultdict(_none)

    def add(self, check: Check, ratio: float | None) -> None:
        """Count one check; not one without error/bound, such as a crash."""
        if ratio is not None and not isnan(ratio):
            self._checks[check.left, check.right, check.quantity, check.scope][bisect_left(EDGES, ratio)] += 1

    def add_classes(self, left: str, right: str, quantity: str, scope: str, checks: Sequence[int]) -> None:
        """Count so many checks of each class; `checks` has one number a class, not all 0."""
        row = self._checks[left, right, quantity, scope]
        row[:] = [known + more for known, more in zip(row, checks, strict=True)]

    def merge(self, other: DistributionTally) -> None:
        """Count what `other` has counted."""
        for key, checks in other._checks.items():
            self.add_classes(*key, checks)

    def as_json(self) -> list[Any]:
        """For a file: rows, each of [key, classes]; `add_json` reads them."""
        return sorted(self._checks.items())

    def add_json(self, told: Sequence[Any]) -> None:
        """Count what `as_json` has told of another, validated."""
        for (left, right, quantity, scope), checks in told:
            self.add_classes(left, right, quantity, scope, checks)

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
                key=lambda item: (*item[0][:2], order.index(item[0][2]), _SCOPES.index(item[0][3])),
            )
        )
        return model.Distributions(edges=EDGES, rows=rows) if rows else None
