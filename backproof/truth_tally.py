"""What the truth said, counted over a run, and who it found to be right, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .judging.verdicts import Ruling, Settled
from .reporting import model
from .reporting.fields import write_number


@dataclass
class _Side:
    cases: int = 0
    entries: int = 0
    undecided: int = 0
    outside: Counter[model.Verdict] = field(default_factory=Counter)
    worst: float = 0.0


class TruthTally:
    """Counts rulings."""

    def __init__(self, mode: str) -> None:
        """`mode` is when the truth is asked; empty for never."""
        self.mode = mode
        self._asked: Counter[str] = Counter()
        self._on_a_kink = 0
        self._sides: dict[tuple[str, str, str], _Side] = defaultdict(_Side)

    def add(self, ruling: Ruling, dtype: str) -> None:
        """Count one case."""
        self._asked[ruling.why] += 1
        self._on_a_kink += ruling.on_a_kink
        for (name, scope), held in ruling.held.items():
            side = self._sides[name, dtype, scope]
            side.cases += 1
            side.entries += held.entries
            side.undecided += held.undecided
            side.worst = max(side.worst, held.ratio)
        for check in ruling.outside:
            self._sides[check.left, dtype, check.scope].outside[check.verdict] += 1

    def merge(self, other: TruthTally) -> None:
        """Count what `other` has counted."""
        self._asked.update(other._asked)
        self._on_a_kink += other._on_a_kink
        for key, more in other._sides.items():
            side = self._sides[key]
            side.cases += more.cases
            side.entries += more.entries
            side.undecided += more.undecided
            side.outside.update(more.outside)
            side.worst = max(side.worst, more.worst)

    def as_json(self) -> dict[str, Any]:
        """For a file; `add_json` reads it to the last bit."""
        return {
            "asked": dict(self._asked),
            "on_a_kink": self._on_a_kink,
            "sides": [
                [key, side.cases, side.entries, side.undecided, side.outside, write_number(float(side.worst))]
                for key, side in sorted(self._sides.items())
            ],
        }

    def add_json(self, told: Mapping[str, Any]) -> None:
        """Count what `as_json` has told of another, validated."""
        other = TruthTally(self.mode)
        other._asked.update(told["asked"])
        other._on_a_kink = told["on_a_kink"]
        for key, cases, entries, undecided, outside, worst in told["sides"]:
            other._sides[key] = _Side(cases, entries, undecided, Counter(outside), worst)
        self.merge(other)

    def section(self) -> model.Truth | None:
        """The part of the report; None if the truth was never to be asked."""
        if not self.mode:
            return None
        rows = tuple(
            model.TruthRow(
                side=name,
                dtype=dtype,
                scope="local" if scope == "local" else "end to end",
                cases=side.cases,
                entries=side.entries,
                undecided=side.undecided,
                outside=model.Counts.tally(side.outside),
                worst_ratio=float(f"{side.worst:.6g}"),
            )
            for (name, dtype, scope), side in sorted(self._sides.items())
        )
        return model.Truth(
            mode=self.mode, asked=dict(sorted(self._asked.items())), on_a_kink=self._on_a_kink, rows=rows
        )


def truth_fields(settled: Settled) -> dict[str, Any]:
    """What a finding says of the truth."""
    return {
        "truth": settled.truth,
        "ulps": settled.left_ulps,
        "expected_ulps": settled.right_ulps,
        "ruling": ruling(settled),
    }


def ruling(settled: Settled) -> str:
    """Who is right, in one sentence: "torch is right: the exact value is 2; reference is off by 1 (…), …"."""
    left, right = settled.check.left, settled.check.right
    if np.isnan(settled.truth):
        return "the exact value is not known either"
    who = {
        (): f"neither {left} nor {right} is right",
        (left,): f"{left} is right",
        (right,): f"{right} is right",
    }.get(settled.right, "both are right")
    return (
        f"{who}: the exact value is {settled.truth:.9g}; "
        f"{left} {_off(settled.check.observed, settled.truth, settled.left_ulps)}, "
        f"{right} {_off(settled.check.expected, settled.truth, settled.right_ulps)}"
    )


def _off(answer: float | None, truth: float, ulps: float) -> str:
    if answer is None or not np.isfinite(answer):
        return "is not finite"
    # Near the smallest numbers an ulp says little, so both are told; beside an exact 0 there may be no number
    # of ulps at all.
    counted = f" ({ulps:.3g} ulp)" if np.isfinite(ulps) else ""
    return f"is off by {abs(answer - truth):.3g}{counted}"
