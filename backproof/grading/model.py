"""What is said of one submission: validated, immutable data. results/NAME.json is exactly this.

Nothing in it depends on when, where, in what order or how fast it was graded: the same bytes under the same
rubric give the same result. Texts are made safe when they come in, and numbers that JSON has not are "nan",
"inf" and "-inf", as in reports. A version reads as in `reporting.model`.

A result holds all that was found, whatever feedback the rubric allows: `Finding.named`, `implemented`,
`remedy` and the values expected in `values` give answers away, and who writes a page for a student leaves
them out where the rubric says so.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from backproof.reporting.fields import CaseId, CaseJson, Count, Many, Text
from backproof.reporting.findings import SideBySide
from backproof.reporting.parts import Part

FORMAT: Literal["backproof-grade"] = "backproof-grade"
VERSION: Literal["1.0"] = "1.0"

Status = Literal["graded", "empty", "not loadable"]
"""Whether it could be asked; if not, every equation is "not shown", and `Result.reason` says why."""
Interface = Literal["class", "function", "functions", ""]
"""What was found in it; empty if nothing was."""
MarkVerdict = Literal["conforms", "convention", "unstable", "mismatch", "fault", "not judged", "not shown"]
"""As in reports; "not judged" where it gave answers of which too little could be judged, "not shown" where it
gave none."""
How = Literal["step by step", "end to end", "by the diagnosis", ""]
"""On its own values of the step before; by the loss and gradients it is part of; by what is known to be wrong
with those; not at all."""
NoteKind = Literal["import", "file", "process", "network", "native code", "sleep", "harness"]
Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Mark(Part):
    """One equation: what it is worth, what was earned, and why."""

    equation: Text
    """Its id: F2 … U2."""
    title: Text
    points: Points
    earned: Points
    verdict: MarkVerdict
    how: How
    reason: Text
    """One sentence for the person graded. It gives no right answer away."""
    cases: Count
    """In how many cases the equation can be judged, of the rubric's."""
    judged: Count
    """In how many of them it was."""
    wrong: Count = 0
    """In how many it was a mismatch or a fault."""
    findings: Many[Count] = ()
    """The numbers of what was found about it."""

    @model_validator(mode="after")
    def _fits(self) -> Mark:
        if self.earned > self.points:
            raise ValueError(f"{self.equation} has earned {self.earned} of {self.points} points")
        if max(self.judged, self.wrong) > self.cases:
            raise ValueError(f"{self.equation} was judged in more than {self.cases} cases")
        return self


class Finding(Part):
    """One thing that is wrong, with the smallest case that shows it."""

    number: Annotated[int, Field(ge=1)]
    equation: Text
    layers: Many[Count] = ()
    """Where, in the case it was found in."""
    verdict: Literal["mismatch", "fault", "unstable"]
    reason: Text = ""
    """What was observed, finer than the verdict, such as "outside the bound" or "dW[1] has shape …"."""
    kind: Literal["mistake", "pair", "convention", "relation", "unknown", "fault"]
    """What the diagnosis is: as in reports; "fault" where there is nothing to diagnose."""
    name: Text = ""
    """Of the catalogued mistake, the convention or the relation."""
    what: Text
    """What is wrong, in a sentence, also if that is unknown."""
    remedy: Text = ""
    documented: Text = ""
    """The equation, in LaTeX."""
    implemented: Text = ""
    """The equation as it seems to be implemented, in LaTeX; empty where that is not known."""
    evidence: Text = ""
    strength: Literal["strong", "fair", "weak", ""] = ""
    certain: bool = True
    """Whether the equation is known, rather than the likeliest."""
    cases: Count
    """In how many of the rubric's cases this equation is wrong."""
    smallest: Text = ""
    """The smallest network that shows it, in words."""
    smallest_id: CaseId | None = None
    smallest_case: CaseJson | None = None
    """That case, as `backproof replay` reads it. It is made of a sealed case: who sees it sees that one."""
    values: SideBySide | None = None
    """The submission's and the expected values in that case."""
    fingerprint: Text = ""
    """Of the wrong numbers in the rubric's cases: the same for submissions that have the same ones."""


class Line(Part):
    """Something that has a line of its own, and how often it was seen."""

    equation: Text = ""
    """Empty if it is no equation's."""
    layers: Many[Count] = ()
    what: Text
    cases: Annotated[int, Field(ge=1)]


class Note(Part):
    """Something that a solution need not do, or the attempt; it changes no mark."""

    kind: NoteKind
    what: Text


class Result(Part):
    """All that is said about one submission."""

    format: Literal["backproof-grade"] = FORMAT
    schema_version: Literal["1.0"] = VERSION
    backproof: Text
    """The version that graded it."""
    name: Text
    """Of its file, without .py, or of its folder."""
    key: CaseId
    """The same as a file name: this result is results/KEY.json."""
    file: Text
    """The file that was loaded, relative to the folder of submissions; empty if there is none."""
    source_hash: Text
    """SHA-256 of its files."""
    rubric_hash: Text
    """SHA-256 of what the rubric says."""
    status: Status
    reason: Text = ""
    """Why it could not be graded; empty if it was."""
    interface: Interface = ""
    offers: Many[Text] = ()
    """What it gives: quantities of a trace, or names of functions."""
    lacks: Many[Text] = ()
    """What it does not, of the same."""
    declared: Many[Text] = ()
    """The layout and scale under which it was judged, a few words each."""
    marks: Many[Mark]
    """One for each equation that the rubric gives points for, in the order of a pass."""
    findings: Many[Finding] = ()
    conventions: Many[Line] = ()
    """What was decided differently where that is a matter of choice; costs nothing."""
    unstable: Many[Line] = ()
    """Right, but for overflow or error that a stable formula avoids; costs the share that the rubric says."""
    faults: Many[Line] = ()
    """What is no single equation's: crashes, hangs, arguments changed; costs only what it left unjudged."""
    integrity: Many[Note] = ()
    total: Points
    out_of: Points

    @model_validator(mode="after")
    def _adds_up(self) -> Result:
        for name, given, marks in (
            ("total", self.total, [mark.earned for mark in self.marks]),
            ("out_of", self.out_of, [mark.points for mark in self.marks]),
        ):
            if abs(given - sum(marks)) > 1e-6:
                raise ValueError(f"{name} is {given}, but its marks add up to {sum(marks)}")
        if [finding.number for finding in self.findings] != list(range(1, len(self.findings) + 1)):
            raise ValueError("findings must be numbered 1, 2, 3, …")
        known = range(1, len(self.findings) + 1)
        for mark in self.marks:
            if not all(number in known for number in mark.findings):
                raise ValueError(f"{mark.equation} names a finding that is not there")
        if bool(self.reason) == (self.status == "graded"):
            raise ValueError("a reason is given if, and only if, it was not graded")
        return self

    @property
    def is_right(self) -> bool:
        """Whether all points were earned."""
        return self.status == "graded" and all(mark.earned == mark.points for mark in self.marks)

    def findings_of(self, mark: Mark) -> tuple[Finding, ...]:
        """What was found about one equation."""
        return tuple(self.findings[number - 1] for number in mark.findings)
