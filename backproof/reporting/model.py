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

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .fields import CaseId, CaseJson, Count, Many, Number, Text

FORMAT: Literal["backproof-report"] = "backproof-report"
VERSION: Literal["1.2"] = "1.2"

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


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Counts(_Part):
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


class Times(_Part):
    """The only things in a report that differ between two runs of one command on one machine."""

    started: Text | None = None
    """ISO 8601 with time zone."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class RunInfo(_Part):
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


class Environment(_Part):
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


class EquationRow(_Part):
    """One documented equation and how it fared."""

    id: Text
    title: Text
    latex: Text
    """As the document states it."""
    implemented_latex: Text = ""
    """As it is computed; empty if that is the same."""
    reading: Text = ""
    """Whether it holds as the document writes it."""
    condition: Text = ""
    """When it does; empty if always."""
    note: Text = ""
    """How to read it with care."""
    verdict: Verdict
    checks: Counts
    worst_ratio: Number | None = None
    """The largest error/bound among its checks; None if there was none."""


class PairRow(_Part):
    """Two sides held against each other, such as reference and torch."""

    left: Text
    right: Text
    dtype: Text
    checks: Counts
    worst_ratio: Number | None = None


class MatrixCell(_Part):
    """The cases that have this activation in some layer, and this loss. One case is in several cells."""

    activation: Text
    loss: Text
    dtype: Text
    counts: Counts
    worst_ratio: Number | None = None


class RegimeRow(_Part):
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


class NotJudgedRow(_Part):
    """Checks that were not judged, and why."""

    reason: Text
    explanation: Text = ""
    dtype: Text
    quantity: Text
    checks: Count
    entries: Count
    cases: Count


class DeviationRow(_Part):
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


class KinkAnswer(_Part):
    """What one side says at a kink."""

    value: Number
    derivative: Number


class KinkRow(_Part):
    """One kink of one function, and what each side says exactly there."""

    function: Text
    parameters: dict[Text, Number] = Field(default_factory=dict)
    at: Number
    ours: KinkAnswer
    torch: KinkAnswer | None = None
    jax: KinkAnswer | None = None


class Finding(_Part):
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


class CauseRow(_Part):
    """One thing that is wrong with the implementation, with every finding that comes from it."""

    number: Annotated[int, Field(ge=1)]
    equation: Text
    layers: Many[Count] = ()
    """Where, in the case of its first finding."""
    kind: Text
    """"mistake", "pair", "convention", "relation" or "unknown"."""
    name: Text = ""
    """Of the catalogued mistake, if it is one."""
    what: Text
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


class TruthRow(_Part):
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


class Truth(_Part):
    """What ball arithmetic was asked about, and what it said."""

    mode: Text
    asked: dict[Text, Count] = Field(default_factory=dict)
    """Why → cases."""
    on_a_kink: Count = 0
    """Cases in which some number lay on a kink: there the truth is an interval."""
    rows: Many[TruthRow] = ()


class Report(_Part):
    """All that is said about one run. See the module's docstring for versions, texts and numbers."""

    format: Literal["backproof-report"] = FORMAT
    schema_version: Literal["1.0", "1.1", "1.2"] = VERSION
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
