"""What is counted together: how often each verdict was given, and the worst error/bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .judging.verdicts import Check
from .reporting import model
from .reporting.fields import write_number

HELD_TO_BOUND = ("conforms", "mismatch", "fault")


@dataclass
class Counted:
    """How often each verdict was given to what is counted together."""

    verdicts: Counter[model.Verdict] = field(default_factory=Counter)
    worst: float | None = None

    def add(self, verdict: model.Verdict, worst: float | None, count: int = 1) -> None:
        """Count one, or so many, with the largest error/bound among them."""
        if count:
            self.verdicts[verdict] += count
        if worst is not None:
            self.worst = worst if self.worst is None else max(self.worst, worst)

    def merge(self, other: Counted) -> None:
        """Count what `other` has counted."""
        self.verdicts.update(other.verdicts)
        if other.worst is not None:
            self.worst = other.worst if self.worst is None else max(self.worst, other.worst)

    def as_json(self) -> dict[str, Any]:
        """For a file; `add_json` reads it to the last bit."""
        told: dict[str, Any] = {"verdicts": {name: times for name, times in self.verdicts.items() if times}}
        if self.worst is not None:
            told["worst"] = write_number(float(self.worst))
        return told

    def add_json(self, told: Mapping[str, Any]) -> None:
        """Count what `as_json` has told of another, validated: numbers are numbers again."""
        self.merge(Counted(Counter(told["verdicts"]), told["worst"]))

    def __reduce__(self) -> tuple[Any, ...]:
        # A tally has hundreds: pickled as a name and a number for each verdict, they are small.
        return _counted, (tuple(self.verdicts.items()), self.worst)

    @property
    def counts(self) -> model.Counts:
        """As a report has them."""
        return model.Counts.tally(self.verdicts)

    @property
    def worst_ratio(self) -> float | None:
        """To six digits: the last bits of a bound depend on which cases were judged together."""
        return None if self.worst is None else float(f"{self.worst:.6g}")


def _counted(verdicts: Iterable[tuple[model.Verdict, int]], worst: float | None) -> Counted:
    return Counted(Counter(dict(verdicts)), worst)


def held_to_bound(check: Check) -> float | None:
    """The check's error/bound; None where it may lie outside: conventions, deviations, what is unstable."""
    return check.ratio if check.verdict in HELD_TO_BOUND else None
