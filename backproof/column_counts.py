"""Comparisons that were decided in columns, counted as such: no check of theirs is ever made.

A chunk of a thousand cases has a quarter of a million of them; one by one they would cost more than the
gradients that they are about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .counted import Counted
from .distribution_tally import EDGES
from .equation_tally import equations_of
from .judging.columns import REASONS, Columns, Row
from .judging.verdicts import equation_of

_CLASSES = len(EDGES) + 1


class RowCounts(NamedTuple):
    """One comparison that many cases have in common, counted over them."""

    row: Row
    counted: Counted
    classes: Sequence[int]
    """How many of those that conform are in each class of error/bound, see `EDGES`."""


class Unjudged(NamedTuple):
    """Comparisons of a quantity that could not be judged, for one reason."""

    reason: str
    quantity: str
    checks: int
    entries: int
    cases: int


class ColumnCounts:
    """What the comparisons of some plain cases come to. R rows and S cases make grids of shape (R, S)."""

    def __init__(self, columns: Columns, cases: Sequence[int]) -> None:
        """`cases` are places in `columns`, in any order, each once; nothing of them is outside its bound."""
        self.columns = columns
        self._cases = np.asarray(cases)
        counts = np.asarray(columns.counts)[:, None]
        self._exists = self._cases < counts
        self._at = np.where(self._exists, columns.starts[:, None] + self._cases, 0)
        code = columns.code[self._at]
        self._conforms = self._exists & (code == 0)
        # -1 is below every ratio: it stands where there is none.
        self._ratio = np.where(self._conforms, columns.ratio[self._at], -1.0)
        # Of what could not be judged: row, case and reason.
        self._open = np.nonzero(self._exists & (code > 0))
        self._code = code[self._open]

    def rows(self) -> Iterator[RowCounts]:
        """Each row that some of the cases have."""
        existing, conforming = self._exists.sum(axis=1).tolist(), self._conforms.sum(axis=1).tolist()
        worst = self._ratio.max(axis=1, initial=-1.0).tolist()
        classes = self._classes.tolist()
        for row, total, good, ratio, numbers in zip(
            self.columns.rows, existing, conforming, worst, classes, strict=True
        ):
            if total:
                yield RowCounts(row, _counted(good, total - good, ratio), numbers)

    @property
    def worst(self) -> list[float | None]:
        """For each case the largest error/bound of what conforms; None if nothing does."""
        return [None if ratio < 0 else ratio for ratio in self._ratio.max(axis=0, initial=-1.0).tolist()]

    def unjudged(self) -> Iterator[Unjudged]:
        """What could not be judged, by reason and quantity."""
        names = list(dict.fromkeys(row.quantity for row in self.columns.rows))
        of_row = np.array([names.index(row.quantity) for row in self.columns.rows])
        rows, cases = self._open
        key = self._code * len(names) + of_row[rows]
        size = len(REASONS) * len(names)
        checks = np.bincount(key, minlength=size)
        entries = np.bincount(key, self.columns.entries[self._at[self._open]], minlength=size)
        seen = np.zeros((size, len(self._cases)), dtype=bool)
        seen[key, cases] = True
        for at in np.flatnonzero(checks).tolist():
            code, name = divmod(at, len(names))
            counted = (int(checks[at]), int(entries[at]), int(seen[at].sum()))
            yield Unjudged(REASONS[code], names[name], *counted)

    def unjudged_in(self, groups: Sequence[int]) -> Iterator[tuple[int, str, int]]:
        """(group, "reason, scope", comparisons) of what could not be judged; `groups` has one a case."""
        scopes = ("local", "end to end")
        of_row = np.array([scopes.index(row.scope) for row in self.columns.rows])
        rows, cases = self._open
        key = (np.asarray(groups)[cases] * len(REASONS) + self._code) * 2 + of_row[rows]
        found = np.bincount(key)
        for at in np.flatnonzero(found).tolist():
            rest, scope = divmod(at, 2)
            group, code = divmod(rest, len(REASONS))
            yield group, f"{REASONS[code]}, {scopes[scope]}", int(found[at])

    def equations(self, left: str) -> Iterator[tuple[str, Counted, int]]:
        """(equation, its local checks, cases in which it was judged) of one side."""
        depths = np.asarray(self.columns.depths)[self._cases]
        judged: dict[str, Any] = {}
        counted: dict[str, Counted] = {}
        for place, row in enumerate(self.columns.rows):
            if row.scope != "local" or row.left != left:
                continue
            last = depths == row.layer
            for depth, chosen in ((row.layer, last), (None, ~last)):
                exists, conforms = self._exists[place] & chosen, self._conforms[place] & chosen
                total, good = int(exists.sum()), int(conforms.sum())
                if not total:
                    continue
                worst = float(self._ratio[place][exists].max())
                # Only whether the layer is the last one matters: any other depth stands for all of them.
                equation = equation_of(row.quantity, row.layer, -1 if depth is None else depth)
                for each in equations_of(equation, row.layer):
                    counted.setdefault(each, Counted()).merge(_counted(good, total - good, worst))
                    judged[each] = judged.get(each, False) | conforms
        for equation, found in counted.items():
            yield equation, found, int(judged[equation].sum())

    @cached_property
    def _classes(self) -> Any:
        """(R, classes): how many ratios of what conforms are in each."""
        rows = np.nonzero(self._conforms)[0]
        place = np.searchsorted(EDGES, self._ratio[self._conforms], side="left")
        found = np.bincount(rows * _CLASSES + place, minlength=len(self.columns.rows) * _CLASSES)
        return found.reshape(-1, _CLASSES)


def _counted(conforming: int, not_judged: int, worst: float) -> Counted:
    found = Counted()
    found.add("conforms", None if worst < 0 else worst, conforming)
    found.add("not judged", None, not_judged)
    return found
