"""The tables of a report: what each row of equations, pairs, functions, regimes and deviations says."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .fields import Count, Many, Number, Text
from .parts import Counts, Part, Verdict


class EquationRow(Part):
    """One documented equation and how it fared."""

    id: Text
    title: Text
    latex: Text
    """As the document states it."""
    implemented_latex: Text = ""
    """As it is computed; empty if that is the same."""
    code: Text = ""
    """The method that is it, such as "Backprop.hidden_error"."""
    source: Many[Text] = ()
    """The lines of that method, without its docstring."""
    reading: Text = ""
    """Whether it holds as the document writes it."""
    condition: Text = ""
    """When it does; empty if always."""
    note: Text = ""
    """How to read it with care."""
    verdict: Verdict
    cases: Count = 0
    """Cases in which it was judged."""
    checks: Counts
    worst_ratio: Number | None = None
    """The largest error/bound among its checks; None if there was none."""


class PairRow(Part):
    """Two sides held against each other, such as reference and torch."""

    left: Text
    right: Text
    dtype: Text
    checks: Counts
    worst_ratio: Number | None = None


class MatrixCell(Part):
    """The cases that have this activation in some layer, and this loss. One case is in several cells."""

    activation: Text
    loss: Text
    dtype: Text
    counts: Counts
    worst_ratio: Number | None = None


class DistributionRow(Part):
    """The checks of one quantity of `left` against `right`, by their largest error/bound."""

    left: Text
    right: Text
    quantity: Text
    scope: Literal["local", "end to end"]
    checks: Many[Count]
    """How many have an error/bound up to the first edge, from there up to the second, …, beyond the last."""


class Distributions(Part):
    """How error/bound is distributed. What is set apart by a verdict of its own is not counted."""

    edges: Many[Number]
    """Ascending. 1 is among them: beyond it the bound is exceeded."""
    rows: Many[DistributionRow] = ()

    @model_validator(mode="after")
    def _fits(self) -> Distributions:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must ascend")
        for row in self.rows:
            if len(row.checks) != len(self.edges) + 1:
                raise ValueError(f"{len(row.checks)} numbers of checks do not fit {len(self.edges)} edges")
        return self


class RegimeRow(Part):
    """One regime of random cases in one dtype."""

    name: Text
    dtype: Text
    description: Text = ""
    cases: Count
    judged: Count
    fully_resolved: Count
    """Cases of which every check was judged."""
    not_judged: dict[Text, Count] = Field(default_factory=dict)
    """Reason → checks."""

    @model_validator(mode="after")
    def _nested(self) -> RegimeRow:
        if not self.fully_resolved <= self.judged <= self.cases:
            raise ValueError(
                f"{self.fully_resolved} fully resolved of {self.judged} judged of {self.cases} cases"
            )
        return self


class NotJudgedRow(Part):
    """Checks that were not judged, and why."""

    reason: Text
    explanation: Text = ""
    dtype: Text
    quantity: Text
    checks: Count
    entries: Count
    cases: Count


class DeviationRow(Part):
    """A declared deviation of an oracle: where it is inexact, by how much, and how often that was seen."""

    id: Text
    oracle: Text
    function: Text
    dtype: Text
    region: Text
    size: Text
    evidence: Text
    reproduction: Text
    """One line of code that shows it."""
    versions: Text
    seen: Count = 0


class KinkAnswer(Part):
    """What one side says at a kink."""

    value: Number
    derivative: Number


class KinkRow(Part):
    """One kink of one function, and what each side says exactly there."""

    function: Text
    parameters: dict[Text, Number] = Field(default_factory=dict)
    at: Number
    ours: KinkAnswer
    torch: KinkAnswer | None = None
    jax: KinkAnswer | None = None


class TruthRow(Part):
    """How one side's answers fared against the truth: entries within the bound that they are judged by."""

    side: Text
    dtype: Text
    scope: Literal["local", "end to end"]
    cases: Count
    entries: Count
    """Held against it."""
    undecided: Count = 0
    """Entries where the exact value is not known narrowly: on a kink."""
    outside: Counts = Counts()
    """Checks with an entry outside, by the verdict on it."""
    worst_ratio: Number | None = None
    """The largest |answer - truth| / bound of those held that lie inside."""


class Truth(Part):
    """What ball arithmetic was asked about, and what it said."""

    mode: Text
    asked: dict[Text, Count] = Field(default_factory=dict)
    """Why → cases."""
    on_a_kink: Count = 0
    """Cases in which some number lay on a kink: there the truth is an interval."""
    rows: Many[TruthRow] = ()
