"""What a run has found so far: judgements go in one by one, the rows of the report come out.

Memory does not grow with the number of cases: only counts are kept, and of the findings one for each cause.
"""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .cases import REGIMES
from .cause_rows import Explained
from .column_counts import ColumnCounts
from .counted import Counted, held_to_bound
from .distribution_tally import DistributionTally
from .equation_tally import EquationTally
from .findings_tally import Cause, FindingsTally, Origin
from .judging.columns import ColumnChecks, Columns
from .judging.deviations import DEVIATIONS
from .judging.verdicts import Check, Judgement, Settled
from .reporting import model
from .truth_tally import TruthTally

if TYPE_CHECKING:
    from .judging.chain import ChainJudgement

_REPORTED = ("fault", "mismatch", "unstable", "convention")

CORPUS = "corpus"
"""Where cases come from that were kept: a regime of its own."""
_OTHER_REGIMES = {CORPUS: "kept cases of earlier findings, judged first"}

EXPLANATIONS = {
    "ill-posed": "the bound is infinite: overflow, or the logarithm of a probability that may be 0",
    "oracle not finite": "the oracle's own answer is NaN or infinite although a finite one exists",
    "unresolved": "the bound exceeds 1 % of the tensor's largest magnitude and could say nothing",
}


@dataclass
class _Regime:
    cases: int = 0
    judged: int = 0
    fully_resolved: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def merge(self, other: _Regime) -> None:
        self.cases += other.cases
        self.judged += other.judged
        self.fully_resolved += other.fully_resolved
        self.reasons.update(other.reasons)


def _nothing() -> list[int]:
    """No checks, entries and cases."""
    return [0, 0, 0]


class Tally:
    """Counts judgements of one implementation under a mistake or none."""

    def __init__(self, implementation: str, replay_options: str = "", truth: str = "") -> None:
        """`replay_options` is what `backproof replay` needs besides the case file; `truth` one of `MODES`."""
        self.implementation, self.replay_options = implementation, replay_options
        self.cases, self.checks, self.truth = Counted(), Counted(), TruthTally(truth)
        self._distributions = DistributionTally()
        self._equations = EquationTally()
        self._pairs: dict[tuple[str, str, str], Counted] = defaultdict(Counted)
        self._matrix: dict[tuple[str, str, str], Counted] = defaultdict(Counted)
        self._regimes: dict[tuple[str, str], _Regime] = defaultdict(_Regime)
        self._not_judged: dict[tuple[str, str, str], list[int]] = defaultdict(_nothing)
        self._seen: Counter[tuple[str, str]] = Counter()
        self._findings = FindingsTally(implementation, replay_options)

    @property
    def mismatches(self) -> int:
        """Cases that are a mismatch or a fault."""
        return self.cases.verdicts["mismatch"] + self.cases.verdicts["fault"]

    def add(self, judgement: Judgement, origin: Origin) -> None:
        """Count one judged case."""
        self._equations.next_case()
        dtype = judgement.case.dtype.name
        held = map(held_to_bound, judgement.checks)
        worst = max((ratio for ratio in held if ratio is not None), default=None)
        regime = self._regimes[origin.regime or "given", dtype]
        self._add_case(judgement, dtype, worst, regime, is_resolved=judgement.resolved("local"))
        settled: dict[int, Settled] = {}
        beyond: set[int] = set()
        if judgement.ruling is not None:
            beyond = {id(check) for check in judgement.ruling.outside}
            self.truth.add(judgement.ruling, dtype)
            settled = {id(each.check): each for each in judgement.ruling.settled}
        touched = set()
        for check in judgement.checks:
            ratio = self._add_check(check, judgement, dtype, origin, regime, settled.get(id(check)))
            if id(check) not in beyond:  # of those against the truth, only these are checks
                self._distributions.add(check, ratio)
            if check.verdict == "not judged":
                touched.add((check.reason, dtype, check.quantity))
        for key in touched:
            self._not_judged[key][2] += 1

    def add_all(self, judgements: Sequence[Judgement], origins: Sequence[Origin]) -> None:
        """Count judged cases as `add` does, one after the other; those decided in columns all at once."""
        columns: dict[int, dict[int, tuple[Judgement, Origin]]] = {}
        for judgement, origin in zip(judgements, origins, strict=True):
            checks = judgement.checks
            if isinstance(checks, ColumnChecks):
                known = columns.setdefault(id(checks.columns), {})
                if checks.case not in known:
                    known[checks.case] = judgement, origin
                    continue
            self.add(judgement, origin)
        for found in columns.values():
            self._add_columns(*zip(*found.values(), strict=True))

    def _add_columns(self, judgements: Sequence[Judgement], origins: Sequence[Origin]) -> None:
        """Count cases of one `Columns`, each once."""
        columns: Columns = judgements[0].checks.columns  # type: ignore[attr-defined]
        counts = ColumnCounts(columns, [each.checks.case for each in judgements])  # type: ignore[attr-defined]
        dtype, resolved = judgements[0].case.dtype.name, columns.resolved("local")
        regimes: dict[str, int] = {}
        groups = []
        for judgement, origin, worst in zip(judgements, origins, counts.worst, strict=True):
            name = origin.regime or "given"
            groups.append(regimes.setdefault(name, len(regimes)))
            is_resolved = bool(resolved[judgement.checks.case])  # type: ignore[attr-defined]
            self._add_case(judgement, dtype, worst, self._regimes[name, dtype], is_resolved=is_resolved)
            if judgement.ruling is not None:
                self.truth.add(judgement.ruling, dtype)
        for row, counted, classes in counts.rows():
            self.checks.merge(counted)
            self._pairs[row.left, row.right, dtype].merge(counted)
            if any(classes):
                self._distributions.add_classes(row.left, row.right, row.quantity, row.scope, classes)
        for equation, counted, cases in counts.equations(self.implementation):
            self._equations.add_many(equation, counted, cases)
        for reason, quantity, *numbers in counts.unjudged():
            open_ = self._not_judged[reason, dtype, quantity]
            open_[:] = [known + more for known, more in zip(open_, numbers, strict=True)]
        names = list(regimes)
        for group, why, checks in counts.unjudged_in(groups):
            self._regimes[names[group], dtype].reasons[why] += checks

    def _add_case(
        self, judgement: Judgement, dtype: str, worst: float | None, regime: _Regime, *, is_resolved: bool
    ) -> None:
        """Count a case, whatever its checks are; `worst` is its largest error/bound."""
        verdict, network = judgement.verdict, judgement.case.network
        self.cases.add(verdict, worst)
        for activation in {layer.activation.name for layer in network.layers}:
            self._matrix[activation, network.loss.name, dtype].add(verdict, worst)
        regime.cases += 1
        regime.judged += verdict != "not judged"
        regime.fully_resolved += is_resolved and verdict != "not judged"

    def merge(self, other: Tally) -> None:
        """Count what `other` has counted, as if all that had been added here, after what is here.

        Findings keep the first case, so the order of merging is that of adding.
        """
        self.cases.merge(other.cases)
        self.checks.merge(other.checks)
        self.truth.merge(other.truth)
        self._distributions.merge(other._distributions)
        self._equations.merge(other._equations)
        for ours, theirs in ((self._pairs, other._pairs), (self._matrix, other._matrix)):
            for key, counted in theirs.items():
                ours[key].merge(counted)
        for place, regime in other._regimes.items():
            self._regimes[place].merge(regime)
        for reason, numbers in other._not_judged.items():
            row = self._not_judged[reason]
            row[:] = [known + more for known, more in zip(row, numbers, strict=True)]
        self._seen.update(other._seen)
        self._findings.merge(other._findings)

    def as_json(self) -> dict[str, Any]:
        """For a file; `add_json` reads it. Findings are without cases."""
        return {
            "cases": self.cases.as_json(),
            "checks": self.checks.as_json(),
            "truth": self.truth.as_json(),
            "distributions": self._distributions.as_json(),
            "equations": self._equations.as_json(),
            "pairs": [[key, counted.as_json()] for key, counted in sorted(self._pairs.items())],
            "matrix": [[key, counted.as_json()] for key, counted in sorted(self._matrix.items())],
            "regimes": [
                [place, regime.cases, regime.judged, regime.fully_resolved, regime.reasons]
                for place, regime in sorted(self._regimes.items())
            ],
            "not_judged": sorted(self._not_judged.items()),
            "deviations": sorted(self._seen.items()),
            "findings": self._findings.as_json(),
        }

    def add_json(self, told: Mapping[str, Any]) -> list[Cause]:
        """Count what `as_json` has told of another, validated, as `merge` does.

        Gives the causes of findings that are new here; these lack what `findings` can put in.
        """
        other = Tally(self.implementation, self.replay_options, self.truth.mode)
        other.cases.add_json(told["cases"])
        other.checks.add_json(told["checks"])
        other.truth.add_json(told["truth"])
        other._distributions.add_json(told["distributions"])
        other._equations.add_json(told["equations"])
        for counts, rows in ((other._pairs, told["pairs"]), (other._matrix, told["matrix"])):
            for key, counted in rows:
                counts[key].add_json(counted)
        for place, cases, judged, resolved, reasons in told["regimes"]:
            other._regimes[place] = _Regime(cases, judged, resolved, Counter(reasons))
        other._not_judged.update((key, list(numbers)) for key, numbers in told["not_judged"])
        other._seen.update(dict(told["deviations"]))
        self.merge(other)
        return self._findings.add_json(told["findings"])

    @property
    def findings(self) -> FindingsTally:
        """What is wrong or decided differently."""
        return self._findings

    def add_chain(self, judgement: ChainJudgement) -> None:
        """Count the derivative of one judged composition under the chain rule's equations that it has."""
        self._equations.add_chain(judgement)

    def _add_check(
        self,
        check: Check,
        judgement: Judgement,
        dtype: str,
        origin: Origin,
        regime: _Regime,
        settled: Settled | None,
    ) -> float | None:
        """Its error/bound, where that is to lie within."""
        worst = held_to_bound(check)
        self.checks.add(check.verdict, worst)
        self._pairs[check.left, check.right, dtype].add(check.verdict, worst)
        if check.scope == "local" and check.left == self.implementation:
            self._equations.add(check, worst, judgement.case)
        if check.verdict == "not judged":
            regime.reasons[f"{check.reason}, {check.scope}"] += 1
            row = self._not_judged[check.reason, dtype, check.quantity]
            row[0] += 1
            row[1] += check.entries
        elif check.verdict == "known deviation":
            for name in check.reason.split(", "):
                self._seen[name, dtype] += 1
        elif check.verdict in _REPORTED:
            self._findings.add(check, judgement, origin, settled)
        return worst

    @property
    def is_to_be_explained(self) -> bool:
        """Whether there are findings about the implementation, with an answer that can be looked at."""
        return self._findings.is_to_be_explained

    def explain(self, explain: Callable[[Check, Judgement], Explained | None]) -> None:
        """Has the findings about the implementation explained, the gravest first."""
        self._findings.explain(explain)

    def put_side_by_side(self, values: Callable[[Check, Judgement], model.SideBySide | None]) -> None:
        """Has the values of all sides found for those findings that are shown."""
        self._findings.put_side_by_side(values)

    # ---------------------------------------------------------------- rows

    def rows(self) -> dict[str, Any]:
        """The fields of a Report that come from judgements."""
        return {
            "counts": self.cases.counts,
            "check_counts": self.checks.counts,
            "worst_ratio": self.checks.worst_ratio,
            "equations": self._equations.rows(),
            "pairs": tuple(
                model.PairRow(left=left, right=right, dtype=dtype, checks=g.counts, worst_ratio=g.worst_ratio)
                for (left, right, dtype), g in sorted(self._pairs.items())
            ),
            "matrix": tuple(
                model.MatrixCell(activation=a, loss=l, dtype=d, counts=g.counts, worst_ratio=g.worst_ratio)
                for (a, l, d), g in sorted(self._matrix.items())
            ),
            "regimes": tuple(
                model.RegimeRow(
                    name=name,
                    dtype=dtype,
                    description=REGIMES[name].description
                    if name in REGIMES
                    else _OTHER_REGIMES.get(name, ""),
                    cases=r.cases,
                    judged=r.judged,
                    fully_resolved=r.fully_resolved,
                    not_judged=dict(sorted(r.reasons.items())),
                )
                for (name, dtype), r in sorted(self._regimes.items())
            ),
            "not_judged": tuple(
                model.NotJudgedRow(
                    reason=reason,
                    explanation=EXPLANATIONS.get(reason, ""),
                    dtype=dtype,
                    quantity=quantity,
                    checks=checks,
                    entries=entries,
                    cases=cases,
                )
                for (reason, dtype, quantity), (checks, entries, cases) in sorted(self._not_judged.items())
            ),
            "distributions": self._distributions.section(),
            "truth": self.truth.section(),
            **self._findings.rows(),
        }

    def deviation_rows(self, oracles: tuple[str, ...], dtypes: tuple[str, ...]) -> tuple[Any, ...]:
        """Every declared deviation of these oracles, seen or not."""
        return tuple(
            model.DeviationRow(
                id=d.id,
                oracle=d.oracle,
                function=d.function,
                dtype=dtype,
                region=d.region,
                size=d.size,
                evidence=d.evidence,
                reproduction=d.reproduction,
                versions=d.versions,
                seen=self._seen[d.id, dtype],
            )
            for d in DEVIATIONS
            if d.oracle in oracles
            for dtype in dtypes
        )


def replay_options(oracles: tuple[str, ...], subject: Sequence[str] | None = None) -> str:
    """The options with which `backproof replay` repeats a judgement; `subject` are those that name it."""
    return shlex.join(["--oracles", ",".join(oracles), *(subject or ())])
