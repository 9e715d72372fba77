"""What all comparisons of cases judged together came to, in columns; checks are made of them when asked for.

A chunk of a thousand cases has a quarter of a million comparisons, nearly all of which conform. So they are
kept as a few arrays, and counted as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np

from .verdicts import GRADIENTS, Check, PlainChecks, Scope, Verdict, equation_of

REASONS = ("", "ill-posed", "oracle not finite", "unresolved")
"""Why nothing of a tensor could be judged, by its code; 0 is for what conforms."""
SINGLY = -1
"""The code of what lies outside its bound: it is decided entry by entry, and has a check of its own."""


class Row(NamedTuple):
    """One comparison that many cases have in common."""

    quantity: str
    layer: int | None
    scope: Scope
    left: str
    right: str


@dataclass(frozen=True, eq=False)
class Columns:
    """The comparisons of `rows`, row after row; row r is one of cases 0 … counts[r] - 1, case after case.

    Cases are sorted by depth, the deepest first, so that those which have a layer are the first so many.
    """

    depths: tuple[int, ...]
    """Of each case."""
    rows: tuple[Row, ...]
    counts: tuple[int, ...]
    entries: Any
    unjudged: Any
    """Entries whose bound is infinite or too wide to say anything."""
    ratio: Any
    """The largest |observed - expected| / bound over the judged entries."""
    code: Any
    """An index into `REASONS`, or `SINGLY`."""

    @cached_property
    def starts(self) -> Any:
        """Where each row begins."""
        return np.cumsum([0, *self.counts])[:-1]

    @cached_property
    def case_of(self) -> Any:
        """The case of each comparison."""
        return np.arange(len(self.code)) - np.repeat(self.starts, self.counts)

    def of_rows(self, chosen: Any) -> Any:
        """A mask over the comparisons from one over the rows."""
        return np.repeat(chosen, self.counts)

    def per_case(self, chosen: Any) -> Any:
        """For each case whether some comparison is chosen."""
        return np.bincount(self.case_of, chosen, len(self.depths)) > 0

    @cached_property
    def plain(self) -> Any:
        """For each case whether nothing lies outside its bound."""
        return ~self.per_case(self.code == SINGLY)

    @cached_property
    def nearest(self) -> Any:
        """For each case the largest error/bound of a loss or gradient end to end that conforms."""
        rows = [row.scope == "end to end" and row.quantity in GRADIENTS for row in self.rows]
        chosen = self.of_rows(rows) & (self.code == 0)
        found = np.zeros(len(self.depths))
        np.maximum.at(found, self.case_of[chosen], self.ratio[chosen])
        return found

    def resolved(self, scope: Scope) -> Any:
        """For each case whether every entry of that scope could be judged."""
        if scope not in self._resolved:
            rows = [row.scope == scope for row in self.rows]
            self._resolved[scope] = ~self.per_case(self.of_rows(rows) & (self.unjudged > 0))
        return self._resolved[scope]

    @cached_property
    def _resolved(self) -> dict[Scope, Any]:
        return {}

    def conforms(self, left: str) -> Any:
        """For each case whether some comparison of that side conforms; of any side if it is empty."""
        if left not in self._conforming:
            rows = [left in ("", row.left) for row in self.rows]
            self._conforming[left] = self.per_case(self.of_rows(rows) & (self.code == 0))
        return self._conforming[left]

    @cached_property
    def _conforming(self) -> dict[str, Any]:
        return {}

    def checks(self, case: int, singly: Mapping[int, Check]) -> tuple[Check, ...]:
        """All comparisons of a case; `singly` has the checks of what lies outside its bound, by place."""
        rows = [row for row, count in enumerate(self.counts) if case < count]
        if not singly:
            return tuple(self._checks(rows, case))
        places = (self.starts[rows] + case).tolist()
        made = zip(places, self._checks(rows, case), strict=True)
        return tuple(singly.get(place, check) for place, check in made)

    def _checks(self, rows: Sequence[int], case: int) -> Iterator[Check]:
        at = self.starts[rows] + case
        columns = (self.code[at], self.ratio[at], self.entries[at], self.unjudged[at])
        told = zip(rows, *(column.tolist() for column in columns), strict=True)
        for row, code, ratio, entries, unjudged in told:
            named: Row = self.rows[row]
            verdict: Verdict = "not judged" if code else "conforms"
            equation = equation_of(named.quantity, named.layer, self.depths[case])
            yield Check(*named, equation, verdict, REASONS[code], ratio, entries, unjudged)


class ColumnChecks(PlainChecks):
    """The checks of one plain case: all conform or are not judged. They are made when they are looked at."""

    def __init__(self, columns: Columns, case: int) -> None:
        self.columns, self.case = columns, case

    @cached_property
    def _made(self) -> tuple[Check, ...]:
        return self.columns.checks(self.case, {})

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, place: int) -> Check: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Check, ...]: ...
    def __getitem__(self, place: Any) -> Any:
        return self._made[place]

    def __iter__(self) -> Iterator[Check]:
        return iter(self._made)

    def resolved(self, scope: Scope) -> bool:
        """Whether every entry of that scope could be judged."""
        return bool(self.columns.resolved(scope)[self.case])

    def nearest(self) -> float:
        """The largest error/bound of a loss or gradient end to end."""
        return float(self.columns.nearest[self.case])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (ColumnChecks, tuple)) and self._made == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def verdict(self, subject: str) -> Verdict:
        """That of the case, "conforms" or "not judged": see `Judgement`."""
        return "conforms" if self.columns.conforms(subject)[self.case] else "not judged"
