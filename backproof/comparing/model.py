"""What can be said of two reports beside each other: how the runs differ, what became of what they found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backproof.reporting.model import Report

Way = Literal["worse", "better", "new", "gone", "changed"]
WAYS: tuple[Way, ...] = ("worse", "better", "new", "gone", "changed")
MEANINGS: dict[Way, str] = {
    "worse": "a regression: newly wrong, unstable or no longer judged, in what both runs asked for",
    "better": "the other way round: no longer wrong, no longer unstable, or judged for the first time",
    "new": "seen in the new run only, and no regression: it asked for more, or it counts against nobody",
    "gone": "seen in the old run only, likewise",
    "changed": "different, and within what is allowed in both",
}
SWAPPED: dict[Way, Way] = {
    "worse": "better",
    "better": "worse",
    "new": "gone",
    "gone": "new",
    "changed": "changed",
}
"""What becomes of each way where old and new change places."""

Kind = Literal["run", "equation", "cause", "finding", "pair", "function", "deviation", "not judged"]
KINDS: dict[Kind, str] = {
    "run": "the run",
    "equation": "equations",
    "cause": "causes",
    "finding": "findings",
    "pair": "pairs",
    "function": "functions",
    "deviation": "deviations",
    "not judged": "not judged",
}
"""Each with its plural, in the order in which they are told."""
NONE = "–"


def only(text: str, *, new: bool) -> tuple[str, str]:
    """The texts of what one run alone says."""
    return (NONE, text) if new else (text, NONE)


@dataclass(frozen=True)
class Change:
    """One thing that the two reports say differently."""

    way: Way
    kind: Kind
    name: str
    """What it is about, such as "B5" or "tanh × mse, float64"."""
    texts: tuple[str, str]
    """What either run says of it, the old one first; a dash for nothing."""
    note: str = ""
    """What helps to judge it: what it is, or why it is no regression."""
    mend: str = ""
    """How to mend it."""
    command: str = ""
    """What shows it again, in the folder of the new report."""
    explained: bool = False
    """Whether it comes from a cause, which is compared by itself."""

    @property
    def old(self) -> str:
        """What the old run says of it."""
        return self.texts[0]

    @property
    def new(self) -> str:
        """What the new one says."""
        return self.texts[1]


@dataclass(frozen=True)
class Difference:
    """Something in which the runs themselves are unlike."""

    label: str
    old: str
    new: str
    about: Literal["tested", "asked", "where"]
    """What is under test, what was asked about it, or where it ran."""


@dataclass(frozen=True)
class Comparison:
    """Two reports beside each other."""

    old: Report
    new: Report
    differences: tuple[Difference, ...]
    alike: bool
    """Whether both judged the same cases in the same way, so that counts can be held against each other."""
    changes: tuple[Change, ...]
    note: str = ""
    """What else is known of both runs, such as how many chunks of two campaigns came to the same."""

    def of(self, way: Way) -> tuple[Change, ...]:
        """The changes of one way, in the order of `KINDS`."""
        order = list(KINDS)
        return tuple(sorted((c for c in self.changes if c.way == way), key=lambda c: order.index(c.kind)))

    @property
    def regressed(self) -> bool:
        """Whether anything got worse."""
        return any(change.way == "worse" for change in self.changes)
