"""What can be said about a run: the report as validated, immutable data. report.json is exactly this.

Every text in a report is made safe when it comes in (`safe_text`), so nothing that renders a report has
to think of control characters. Numbers that may be infinite or NaN are the strings "inf", "-inf" and
"nan" in JSON, which has no others. Verdicts are counted in cases (`counts`) and in checks: one check is
one quantity of one layer of one implementation under one oracle.

A version reads as MAJOR.MINOR. A new minor version only adds keys that have defaults: this reader takes
every minor version up to its own and refuses a newer one, major or minor, rather than drop what it does
not know. An unknown key is an error.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .fields import Count, Many, Number, Text
from .findings import CauseRow, EntryRow, Finding, SideBySide, SideValue
from .parts import SEVERITY, VERDICTS, Counts, Part, Verdict
from .tables import (
    DeviationRow,
    DistributionRow,
    Distributions,
    EquationRow,
    KinkAnswer,
    KinkRow,
    MatrixCell,
    NotJudgedRow,
    PairRow,
    RegimeRow,
    Truth,
    TruthRow,
)

__all__ = [
    "FORMAT",
    "SEVERITY",
    "VERDICTS",
    "VERSION",
    "CauseRow",
    "Counts",
    "DeviationRow",
    "DistributionRow",
    "Distributions",
    "EntryRow",
    "Environment",
    "EquationRow",
    "Finding",
    "KinkAnswer",
    "KinkRow",
    "MatrixCell",
    "NotJudgedRow",
    "PairRow",
    "Part",
    "RegimeRow",
    "Report",
    "RunInfo",
    "SideBySide",
    "SideValue",
    "Times",
    "Truth",
    "TruthRow",
    "Verdict",
]

FORMAT: Literal["backproof-report"] = "backproof-report"
VERSION: Literal["1.3"] = "1.3"


class Times(Part):
    """The only things in a report that differ between two runs of one command on one machine."""

    started: Text | None = None
    """ISO 8601 with time zone."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class RunInfo(Part):
    """What was asked for."""

    command: Text
    """One line that repeats the run."""
    implementation: Text
    """What was under test."""
    mistake: Text | None = None
    """The mistake planted on purpose, if one was."""
    source: Text = ""
    """Where somebody's implementation was found; empty for the reference."""
    declared: Many[Text] = ()
    """What it declares, other than the usual."""
    not_offered: Many[Text] = ()
    """Quantities of a trace that it never gave, and that were therefore not judged."""
    versions: dict[Text, Text] = Field(default_factory=dict)
    """What it runs on, where that is a process of its own."""
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    cases_requested: Count
    dtypes: Many[Text]
    activations: Many[Text]
    losses: Many[Text]
    oracles: Many[Text]


class Environment(Part):
    """Where it ran: all that can change a last digit."""

    versions: dict[Text, Text]
    """Package → version."""
    python: Text
    platform: Text
    threads: dict[Text, Count] = Field(default_factory=dict)
    """Thread pool → size."""
    blas: Text | None = None
    cpu_features: Many[Text] = ()
    flush_subnormals: dict[Text, bool] = Field(default_factory=dict)
    """Who computes → whether it flushes subnormal numbers to zero."""
    matmul_precision: dict[Text, Text] = Field(default_factory=dict)
    xla_flags: Text = ""


class Report(Part):
    """All that is said about one run. See the module's docstring for versions, texts and numbers."""

    format: Literal["backproof-report"] = FORMAT
    schema_version: Literal["1.0", "1.1", "1.2", "1.3"] = VERSION
    status: Literal["complete", "interrupted"]
    times: Times = Times()
    run: RunInfo
    environment: Environment
    counts: Counts
    """In cases."""
    check_counts: Counts
    """In checks."""
    worst_ratio: Number | None = None
    """The largest error/bound of what was judged and is not set apart by a verdict of its own."""
    floor: Count
    """The fewest judged cases with which the run counts."""
    equations: Many[EquationRow] = ()
    pairs: Many[PairRow] = ()
    matrix: Many[MatrixCell] = ()
    distributions: Distributions | None = None
    regimes: Many[RegimeRow] = ()
    not_judged: Many[NotJudgedRow] = ()
    deviations: Many[DeviationRow] = ()
    kinks: Many[KinkRow] = ()
    truth: Truth | None = None
    """None if nothing was to be asked."""
    causes: Many[CauseRow] = ()
    """What is wrong with the implementation, gravest finding first."""
    findings: Many[Finding] = ()
    """At most as many as are shown; the first of each cause before further ones."""
    findings_total: Count = 0

    @model_validator(mode="after")
    def _consistent(self) -> Report:
        if [finding.number for finding in self.findings] != list(range(1, len(self.findings) + 1)):
            raise ValueError("findings must be numbered 1, 2, 3, …")
        if self.findings_total < len(self.findings):
            raise ValueError(f"findings_total is {self.findings_total}, but {len(self.findings)} are listed")
        # The other way round is possible: a crash is a fault of the case and leaves nothing to check.
        if self.check_counts.wrong and not self.counts.wrong:
            raise ValueError(f"{self.check_counts.wrong} checks are mismatches or faults, but no case is")
        if self.counts.wrong and not self.findings_total:
            raise ValueError(f"{self.counts.wrong} cases are mismatches or faults, but no finding says why")
        if not self.counts.wrong and any(finding.wrong for finding in self.findings):
            raise ValueError("a finding is a mismatch or a fault, but no case is counted as one")
        return self

    @property
    def findings_shown(self) -> int:
        """How many of `findings_total` are listed."""
        return len(self.findings)

    @property
    def floor_met(self) -> bool:
        """Whether enough cases were judged for the run to count."""
        return self.counts.judged >= self.floor

    @property
    def leading(self) -> tuple[Finding, ...]:
        """The first finding of each cause, else of each verdict, side, equation and scope."""
        first: dict[tuple[str | None, ...], Finding] = {}
        for finding in self.findings:
            kind = (finding.verdict, finding.left, finding.equation, finding.scope)
            first.setdefault((finding.cause,) if finding.cause else kind, finding)
        return tuple(first.values())

    @property
    def unstable(self) -> bool:
        """Whether the implementation under test, and not only a framework, is unstable somewhere."""
        return any(f.verdict == "unstable" and f.left == self.run.implementation for f in self.findings)

    @property
    def passed(self) -> bool:
        """Whether the run was completed, judged enough, and found no mismatch and no fault."""
        return self.status == "complete" and self.floor_met and not self.counts.wrong
