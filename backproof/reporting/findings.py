"""What a report says of single answers: findings, what they come from, and values side by side."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .fields import CaseId, CaseJson, Count, Many, Number, Text
from .parts import Part, Verdict


class Finding(Part):
    """One answer that needs a human: where it is, both values, the bound, and how to see it again."""

    number: Annotated[int, Field(ge=1)]
    verdict: Verdict
    reason: Text = ""
    """Finer than the verdict, e.g. "overflow"."""
    cause: Text | None = None
    """The diagnosis in one line; findings of equal cause belong together."""
    scope: Literal["local", "end to end"]
    """Judged on the implementation's own inputs of one step, or through the whole network."""
    left: Text
    right: Text
    quantity: Text
    layer: Annotated[int, Field(ge=1)] | None = None
    equation: Text | None = None
    entry: Many[Count] = ()
    """Index of the worst entry, counted from 0; empty for a scalar."""
    observed: Number | None = None
    """What `left` answered there."""
    expected: Number | None = None
    """What `right` answered there."""
    bound: Number | None = None
    excess: Number | None = None
    """|observed - expected| / bound."""
    ulps: Number | None = None
    """|observed - truth| in ulps of the exact value in the case's dtype; None if unknown."""
    truth: Number | None = None
    """The exact value, where it was asked for, rounded to float64."""
    expected_ulps: Number | None = None
    """Like `ulps`, of `expected`."""
    ruling: Text = ""
    """Who is right, in one sentence."""
    message: Text
    case_id: CaseId
    seed: Annotated[int, Field(ge=0, lt=2**64)] | None = None
    index: Count | None = None
    """The case is number `index` of `seed`; neither is known for a case read from a file."""
    dtype: Text
    regime: Text | None = None
    occurrences: Annotated[int, Field(ge=1, le=2**53)] = 1
    """How many findings of the run this one stands for."""
    replay: Text
    """One line that judges this case again; it names `case_file` relative to the report's folder."""
    side_by_side: SideBySide | None = None
    """The values of all sides, where they were kept."""
    case: CaseJson | None = None
    """The case itself, which writing the report saves as `case_file`; None if it is long and only there."""

    @property
    def case_file(self) -> str:
        """Where the case is saved, relative to the report's folder."""
        return f"cases/{self.case_id}.json"

    @property
    def wrong(self) -> bool:
        """Whether this counts against the implementation."""
        return self.verdict in ("mismatch", "fault")


class SideValue(Part):
    """What one side has for one entry."""

    side: Text
    """Such as "torch", "truth", or "arithmetic" for the exact sum of products."""
    value: Number


class EntryRow(Part):
    """One entry of a quantity, as every side has it."""

    entry: Many[Count] = ()
    """Its index, counted from 0; empty for a scalar."""
    observed: Number
    """What the implementation under test answered."""
    expected: Many[SideValue] = ()
    """What others have on the same inputs: the implementation's own for a local check."""
    whole: Many[SideValue] = ()
    """What others have that compute the whole network by themselves, if that is something else."""
    bound: Number
    excess: Number
    """|observed - expected| / bound against the side that the check is about; > 1 is wrong."""


class SideBySide(Part):
    """The values of one quantity of one layer in one case."""

    quantity: Text
    layer: Annotated[int, Field(ge=1)] | None = None
    scope: Literal["local", "end to end"]
    right: Text
    """Whose bound, and whose error/bound, this is."""
    shape: Many[Count] = ()
    """Empty for a scalar."""
    wrong: Count
    """Entries beyond their bound."""
    entries: Many[EntryRow] = ()
    """The worst ones, in the order of their indices; all, if they are few."""
    ratios: Many[Many[Number]] = ()
    """Error/bound of each entry, row by row; empty where `entries` says it all, or it is too large."""

    @model_validator(mode="after")
    def _fits(self) -> SideBySide:
        if any(len(row) != len(self.ratios[0]) for row in self.ratios):
            raise ValueError("the rows of ratios differ in length")
        return self


class CauseRow(Part):
    """One thing that is wrong with the implementation, with every finding that comes from it."""

    number: Annotated[int, Field(ge=1)]
    equation: Text
    layers: Many[Count] = ()
    """Where, in the case of its first finding."""
    kind: Text
    """"mistake", "pair", "convention", "relation" or "unknown"."""
    name: Text = ""
    """Of the catalogued mistake, if it is one."""
    verdict: Verdict = "mismatch"
    """The gravest of its findings."""
    what: Text
    implemented: Text = ""
    """The equation as it seems to be implemented, in LaTeX; empty where that is not known."""
    remedy: Text = ""
    evidence: Text = ""
    """How strong it is, and on what it rests."""
    declaration: dict[Text, Text] = Field(default_factory=dict)
    """What to declare if it is meant and no error."""
    certain: bool = True
    """Whether the equation is known for certain, rather than the likeliest."""
    cases: Count
    """Cases in which it shows, at least."""
    findings: Many[Count]
    """The numbers of those listed that it explains, the first one first."""
    smallest: Text = ""
    """The smallest network that shows it, in words."""
    smallest_id: CaseId | None = None
    smallest_case: CaseJson | None = None
    """That case, which writing the report saves under its id."""
    smallest_values: SideBySide | None = None
    """What all sides have there for the quantity that is wrong first."""
    replay: Text = ""
    """One line that judges the smallest case again."""
    script: Many[Text] = ()
    """The lines of a program that shows it without backproof, saved beside the case."""

    @property
    def case_file(self) -> str | None:
        """Where the smallest case is saved, relative to the report's folder."""
        return f"cases/{self.smallest_id}.json" if self.smallest_id else None

    @property
    def script_file(self) -> str | None:
        """Where the script is saved, likewise."""
        return f"cases/{self.smallest_id}.py" if self.smallest_id and self.script else None
