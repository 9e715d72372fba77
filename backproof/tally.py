"""What a run has found so far: judgements go in one by one, the rows of the report come out.

Memory does not grow with the number of cases: only counts are kept, and of the findings one for each cause.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from refimpl import QUANTITIES, case_to_dict

from .cases import REGIMES
from .cause_rows import Explained, cause_rows
from .counted import Counted, held_to_bound
from .distribution_tally import DistributionTally
from .equation_tally import EquationTally
from .judging.deviations import DEVIATIONS
from .judging.verdicts import SEVERITY, Check, Judgement, Settled
from .reporting import model
from .truth_tally import TruthTally, truth_fields

if TYPE_CHECKING:
    from .judging.chain import ChainJudgement

FINDINGS_SHOWN = 50
_DIGITS = re.compile(r"\d+")  # what differs in numbers only is one cause
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


@dataclass(frozen=True)
class Origin:
    """Where a case comes from: a seed and an index, a corpus, or a file."""

    regime: str | None = None
    seed: int | None = None
    index: int | None = None


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
        self._not_judged: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._seen: Counter[tuple[str, str]] = Counter()
        self._findings: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._cases_of: dict[tuple[Any, ...], list[Any]] = {}
        self._to_explain: dict[tuple[Any, ...], tuple[Check, Judgement]] = {}
        self._explained: dict[tuple[Any, ...], Explained] = {}
        self._values: dict[tuple[Any, ...], model.SideBySide | None] = {}

    @property
    def mismatches(self) -> int:
        """Cases that are a mismatch or a fault."""
        return self.cases.verdicts["mismatch"] + self.cases.verdicts["fault"]

    def add(self, judgement: Judgement, origin: Origin) -> None:
        """Count one judged case."""
        case, dtype = judgement.case, judgement.case.dtype.name
        held = map(held_to_bound, judgement.checks)
        worst = max((ratio for ratio in held if ratio is not None), default=None)
        self.cases.add(judgement.verdict, worst)
        network = case.network
        for activation in {layer.activation.name for layer in network.layers}:
            self._matrix[activation, network.loss.name, dtype].add(judgement.verdict, worst)
        regime = self._regimes[origin.regime or "given", dtype]
        regime.cases += 1
        regime.judged += judgement.verdict != "not judged"
        regime.fully_resolved += judgement.resolved("local") and judgement.verdict != "not judged"
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
            self._add_finding(check, judgement, origin, settled)
        return worst

    def _add_finding(
        self, check: Check, judgement: Judgement, origin: Origin, settled: Settled | None
    ) -> None:
        case = judgement.case
        key = (
            SEVERITY.index(check.verdict), check.scope != "local", check.left,
            check.right.startswith("its"), check.right,  # oracles before what it says itself
            _PASS.index(check.quantity), check.equation, _DIGITS.sub("0", check.reason), case.dtype.name,
        )  # fmt: skip
        counted = self._cases_of.setdefault(key, [0, None])
        if counted[1] is not case:
            counted[:] = counted[0] + 1, case
        known = self._findings.get(key)
        if known is not None:
            known["occurrences"] += 1
            return
        if check.left == self.implementation and judgement.trace is not None:
            self._to_explain[key] = check, judgement
        replay = f"backproof replay cases/{case.content_hash[:16]}.json {self.replay_options}".strip()
        self._findings[key] = {
            "verdict": check.verdict,
            "reason": check.reason,
            "scope": check.scope,
            "left": check.left,
            "right": check.right,
            "quantity": check.quantity,
            "layer": check.layer,
            "equation": check.equation or None,
            "entry": check.entry,
            "observed": check.observed,
            "expected": check.expected,
            "bound": check.bound,
            "excess": excess(check),
            **(truth_fields(settled) if settled else {}),
            "message": message(check),
            "case_id": case.content_hash[:16],
            "seed": origin.seed,
            "index": origin.index,
            "dtype": case.dtype.name,
            "regime": origin.regime,
            "occurrences": 1,
            "replay": replay,
            "case": case_to_dict(case),
        }

    def explain(self, explain: Callable[[Check, Judgement], Explained | None]) -> None:
        """Has the findings about the implementation explained, the gravest first."""
        for key in sorted(self._to_explain):
            found = explain(*self._to_explain[key])
            if found is not None:
                self._explained[key] = found

    def put_side_by_side(self, values: Callable[[Check, Judgement], model.SideBySide | None]) -> None:
        """Has the values of all sides found for those findings that are shown."""
        for key in sorted(self._findings)[:FINDINGS_SHOWN]:
            if key in self._to_explain:
                self._values[key] = values(*self._to_explain[key])

    # ---------------------------------------------------------------- rows

    def rows(self) -> dict[str, Any]:
        """The fields of a Report that come from judgements."""
        keys = sorted(self._findings)
        ordered = [self._findings[key] for key in keys]
        explained = [self._explained.get(key) for key in keys]
        shown = [
            model.Finding(
                number=number,
                cause=known.cause.title if known else None,
                side_by_side=self._values.get(key),
                **self._findings[key],
            )
            for number, (key, known) in enumerate(
                zip(keys[:FINDINGS_SHOWN], explained, strict=False), start=1
            )
        ]
        counted = [self._cases_of[key][0] for key in keys]
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
            "causes": cause_rows(shown, explained, counted, self.replay_options),
            "findings": tuple(shown),
            "findings_total": sum(finding["occurrences"] for finding in ordered),
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


# In the order of a forward, backward, update pass: a cause comes before its effects.
_PASS = ("trace", *QUANTITIES)


def excess(check: Check) -> float | None:
    """|observed - expected| / bound of the entry that decided; None where there is none."""
    if check.observed is None or check.expected is None or not check.bound:
        return None
    return abs(check.observed - check.expected) / check.bound


def message(check: Check) -> str:
    """One line: what was observed, what was expected, under which bound, by what factor it is out, where."""
    place = check.quantity + (f"[{check.layer}]" if check.layer else "")
    if check.entry:
        place += f", entry {list(check.entry)}"
    held = "on its own inputs" if check.scope == "local" else "end to end"
    if check.observed is None:
        return f"{check.verdict}: {check.left}'s {place}: {check.reason}"
    factor = excess(check)
    out = (
        ""
        if factor is None or not np.isfinite(factor)
        else f", {factor:.3g} times the bound {check.bound:.3g}"
    )
    return (
        f"{check.verdict} in {check.equation}: {check.left}'s {place} is {check.observed:.9g}, "
        f"{check.right} has {check.expected:.9g} {held}{out} ({check.reason})"
    )


def replay_options(oracles: tuple[str, ...], subject: Sequence[str] | None = None) -> str:
    """The options with which `backproof replay` repeats a judgement; `subject` are those that name it."""
    return shlex.join(["--oracles", ",".join(oracles), *(subject or ())])
