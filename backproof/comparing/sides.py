"""Two reports whose rows are held against each other: how grave a row is, and what excuses a difference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from backproof.reporting.model import Counts, EquationRow, Finding, PairRow, Report, Verdict
from backproof.reporting.wording import plural, ratio

from .likeness import Extra, alike
from .model import Change, Kind, Way

OURS = "what is tested"
"""Stands for the implementation under test, which may be called otherwise in the two runs."""
_RANKS: dict[Verdict, int] = {"unstable": 1, "mismatch": 2, "fault": 3}
# Error/bound is told where it doubled or halved: less is what another summation order gives. Below a tenth of
# the bound nobody need look.
_MOVED, _NEAR = 2.0, 0.1


def rank(verdict: Verdict, own: bool = True) -> int:
    """How grave a verdict is: 0 if it counts against nobody, as where a framework is unstable."""
    return _RANKS.get(verdict, 0) if own or verdict != "unstable" else 0


def rank_of(counts: Counts, own: bool = True) -> int:
    """How grave the gravest is."""
    return 3 if counts.fault else 2 if counts.mismatch else int(own and counts.unstable > 0)


def told(counts: Counts, what: str, worst: float | None = None) -> str:
    """Counts in words, such as "mismatch, 23 of 61 checks"."""
    if not counts.judged:
        return f"not judged, {plural(counts.total, what)}" if counts.total else "not judged"
    number = counts.wrong or counts.unstable
    many = f"{number:,} of {plural(counts.judged, what)}" if number else plural(counts.judged, what)
    return f"{counts.worst()}, {many}" + (f", worst error/bound {ratio(worst)}" if worst is not None else "")


def moved(old: float | None, new: float | None) -> bool:
    """Whether a worst error/bound is another one, and worth telling."""
    if old is None or new is None or math.isnan(old) or math.isnan(new) or max(old, new) < _NEAR:
        return False
    return max(old, new) >= _MOVED * min(old, new)


def more(before: float, after: float, excuse: str = "") -> Way:
    """What it is if there is more, or less, of something bad; not a regression if there is an excuse."""
    if after > before:
        return "new" if excuse else "worse"
    return "gone" if excuse else "better"


@dataclass(frozen=True)
class Sides:
    """The two reports, and what is found out about them once."""

    old: Report
    new: Report
    alike: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alike", alike(self.old, self.new))

    @cached_property
    def extra(self) -> dict[Way, Extra]:
        """What only the new run asked for, and what only the old one did."""
        return {"new": Extra.of(self.new, self.old), "gone": Extra.of(self.old, self.new)}

    def role(self, report: Report, side: str) -> str:
        """Who a side is, whatever the implementation is called in that run."""
        return OURS if side == report.run.implementation else side

    def counts_against(self, report: Report, finding: Finding) -> bool:
        """Whether a finding is one that must not be."""
        return rank(finding.verdict, finding.left == report.run.implementation) > 0

    def excuse(self, before: float, after: float, about: Callable[[Finding], bool]) -> str:
        """Why what is graver in one run is no regression: all of it lies in what the other did not ask for.

        `about` says which findings it consists of; where none of them is listed, all findings speak for it.
        """
        report, extra = (self.new, self.extra["new"]) if after > before else (self.old, self.extra["gone"])
        if not extra:
            return ""
        against = [finding for finding in report.findings if self.counts_against(report, finding)]
        chosen = [finding for finding in against if about(finding)] or against
        reasons = [extra.reason(finding) for finding in chosen]
        if not reasons or not all(reasons):
            return ""
        return self.only_with(before, after, ", ".join(dict.fromkeys(reasons)))

    def only_with(self, before: float, after: float, what: str) -> str:
        """The sentence of an excuse."""
        return f"seen only with {what}, which the {'old' if after > before else 'new'} run did not ask for"

    def lost(self, kind: Kind, without: Report, counts: Counts) -> bool:
        """Whether it is a loss that nothing was judged in the run `without`, and no chance of the drawing.

        It is where cases were drawn and not judged, and where the other run judged some of the same cases; of
        what occurs in every case, also where no fewer cases were asked for.
        """
        other = self.old if without is self.new else self.new
        everywhere = kind in ("equation", "pair")
        enough = everywhere and without.run.cases_requested >= other.run.cases_requested
        return counts.total > 0 or self.alike or enough

    def counted(
        self,
        kind: Kind,
        name: str,
        rows: tuple[EquationRow | PairRow | None, EquationRow | PairRow | None],
        about: Callable[[Finding], bool],
        note: str = "",
        own: bool = True,
        standing: bool = True,
    ) -> Iterator[Change]:
        """What became of the checks of one row; None stands for a row without any.

        A row that is not `standing` is there only if something made it so, such as the truth that was asked
        about a mismatch: that it is missing is no loss.
        """
        old, new = (row.checks if row is not None else Counts() for row in rows)
        count = self.alike and kind == "equation"
        worst = tuple(row.worst_ratio if row is not None else None for row in rows)
        ranks = rank_of(old, own), rank_of(new, own)
        if not old.judged and not new.judged:
            return
        excuse = ""
        way: Way | None = None
        texts = told(old, "check"), told(new, "check")
        if not standing and ranks[0] == ranks[1] and not (old.judged and new.judged):
            way = "new" if new.judged else "gone"
        elif standing and not new.judged:
            way = "worse" if self.lost(kind, self.new, new) else "gone"
        elif standing and not old.judged and not ranks[1]:
            way = "better" if self.lost(kind, self.old, old) else "new"
        elif ranks[0] != ranks[1]:
            excuse = self.excuse(*ranks, about)
            way = more(*ranks, excuse)
        elif ranks[0]:
            numbers = old.wrong or old.unstable, new.wrong or new.unstable
            way = more(*numbers) if self.alike and numbers[0] != numbers[1] else None
        elif (
            old.worst() != new.worst()
            or (self.alike and moved(*worst))
            or (count and old.judged != new.judged)
        ):
            way = "changed"
            texts = told(old, "check", worst[0]), told(new, "check", worst[1])
        if way is not None:
            yield Change(way, kind, name, texts, "; ".join(filter(None, (note, excuse))))


def seen(finding: Finding) -> str:
    """A finding in words, as one of two."""
    size = f", error/bound {ratio(finding.excess)}" if finding.excess is not None else ""
    said = f" ({finding.reason})" if finding.reason and finding.verdict != "mismatch" else ""
    return f"{finding.verdict}{said}, seen {plural(finding.occurrences, 'time')}{size}"
