"""What is counted together: how often each verdict was given, and the worst error/bound."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .judging.verdicts import Check
from .reporting import model

HELD_TO_BOUND = ("conforms", "mismatch", "fault")


@dataclass
class Counted:
    """How often each verdict was given to what is counted together."""

    verdicts: Counter[model.Verdict] = field(default_factory=Counter)
    worst: float | None = None

    def add(self, verdict: model.Verdict, worst: float | None) -> None:
        """Count one."""
        self.verdicts[verdict] += 1
        if worst is not None:
            self.worst = worst if self.worst is None else max(self.worst, worst)

    @property
    def counts(self) -> model.Counts:
        """As a report has them."""
        return model.Counts.tally(self.verdicts)

    @property
    def worst_ratio(self) -> float | None:
        """To six digits: the last bits of a bound depend on which cases were judged together."""
        return None if self.worst is None else float(f"{self.worst:.6g}")


def held_to_bound(check: Check) -> float | None:
    """The check's error/bound; None where it may lie outside: conventions, deviations, what is unstable."""
    return check.ratio if check.verdict in HELD_TO_BOUND else None
