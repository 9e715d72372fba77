"""What every part of a report is made of: a frozen model, the verdicts, and how often each was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from .fields import Count

Verdict = Literal["conforms", "convention", "unstable", "mismatch", "fault", "known deviation", "not judged"]
VERDICTS: tuple[Verdict, ...] = (
    "conforms",
    "convention",
    "unstable",
    "mismatch",
    "fault",
    "known deviation",
    "not judged",
)


class Part(BaseModel):
    """A part of a report: immutable, and nothing in it that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Counts(Part):
    """How often each verdict was given. `judged` is all of them but "not judged"."""

    judged: Count = 0
    conforms: Count = 0
    convention: Count = 0
    unstable: Count = 0
    mismatch: Count = 0
    fault: Count = 0
    known_deviation: Count = 0
    not_judged: Count = 0

    @model_validator(mode="after")
    def _adds_up(self) -> Counts:
        total = sum(self.of(verdict) for verdict in VERDICTS) - self.not_judged
        if self.judged != total:
            raise ValueError(f"judged is {self.judged}, but the verdicts add up to {total}")
        return self

    def of(self, verdict: Verdict) -> int:
        """How often `verdict` was given."""
        return int(getattr(self, verdict.replace(" ", "_")))

    @classmethod
    def tally(cls, verdicts: Mapping[Verdict, int]) -> Counts:
        """Counts from verdict → how often; `judged` follows. A verdict that is not given counts 0."""
        fields = {verdict.replace(" ", "_"): number for verdict, number in verdicts.items()}
        judged = sum(number for verdict, number in verdicts.items() if verdict != "not judged")
        return cls(judged=judged, **fields)

    @property
    def wrong(self) -> int:
        """Mismatches and faults."""
        return self.mismatch + self.fault

    @property
    def total(self) -> int:
        """Judged or not."""
        return self.judged + self.not_judged

    def worst(self) -> Verdict:
        """The verdict on the whole: the gravest of those given; "not judged" if none was."""
        for verdict in SEVERITY:
            if self.of(verdict):
                return verdict
        return "not judged"


SEVERITY: tuple[Verdict, ...] = (
    "fault",
    "mismatch",
    "unstable",
    "convention",
    "known deviation",
    "conforms",
    "not judged",
)
"""The verdicts, gravest first: the verdict on a group is the first of these that occurs in it."""
