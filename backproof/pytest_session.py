"""What the pytest plugin's fixture is: a panel of oracles, a tally of what was judged, failure messages."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from refimpl import Case, Trace, case_to_json

from .cause_rows import one_row
from .corpus import Kept
from .explaining import Explainer
from .findings_tally import Origin, excess
from .judging.verdicts import FAILING, Check, Judgement
from .plugging.sources import Source
from .reporting.files import write_report
from .reporting.model import Report, Times
from .reporting.safe_text import safe_text
from .reporting.text import told_of
from .reporting.wording import cause_place
from .run import (
    FLOOR,
    RunOptions,
    explain,
    floor_of,
    judge_kept,
    make_panel,
    report_of,
    subject_of,
    surroundings_of,
    tally_of,
    usual_oracles,
)
from .subject import PluggedSubject, Subject
from .tally import CORPUS

_MOST_KEPT = 200
"""Failing cases that are kept to be diagnosed."""


def _is_told() -> bool:
    """Whether this failure will be shown: while Hypothesis shrinks, a test fails often, unread."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is None or not hypothesis.currently_in_test_context():
        return True
    from hypothesis.control import current_build_context

    return bool(getattr(current_build_context(), "is_final", True))


class Session:
    """Judges cases for tests, counts them, and tells failures."""

    def __init__(
        self,
        subject: Subject,
        options: RunOptions,
        report: Path | None,
        case_directory: Path | None,
        *,
        replay: Callable[[Path], str] | None = None,
        floor: float = FLOOR,
    ) -> None:
        """`replay` gives the words that judge a saved case again; `floor` is the share to be judged."""
        self.subject, self.options = subject, options
        try:
            self.panel = make_panel(subject, options.oracles, options.truth)
        except BaseException:
            subject.close()
            raise
        self.mistake = options.mistake
        self.tally = tally_of(subject, options.oracles, options.truth)
        self.expected = self._excused = 0
        self._share, self._how = floor, replay
        self._report_directory, self._case_directory = report, case_directory
        self._report_path: Path | None = None
        self._failing: dict[Case, Judgement] = {}
        self._explainer: Explainer | None = None

    @classmethod
    def from_options(
        cls,
        oracles: str | None,
        mistake: str | None,
        report: str | None,
        case_directory: Path | None,
        arguments: Sequence[Any] = (),
        source: Source | None = None,
    ) -> Session:
        """From the command line's values; raises UsageError or OracleMissingError."""
        command = shlex.join(["pytest", *map(str, arguments)])
        given = (name.strip() for name in oracles.split(",")) if oracles is not None else usual_oracles()
        names = tuple(name for name in given if name)
        options = RunOptions(1, 0, oracles=names, mistake=mistake, source=source, command=command)
        return cls(subject_of(options), options, Path(report) if report else None, case_directory)

    @property
    def plugged(self) -> PluggedSubject | None:
        """Somebody's implementation, if that is what is judged."""
        return self.subject if isinstance(self.subject, PluggedSubject) else None

    @property
    def name(self) -> str:
        """What is judged, as the checks name it."""
        return self.subject.name

    def trace(self, case: Case) -> Trace:
        """What the implementation answers, in the reference's layout; what it does not offer is None."""
        if self.plugged is None:
            return self.subject.implementation.run(case)
        asked = self.plugged.plugged
        judged = asked.declaration.judged_cases(case).gradients
        return asked.runs([judged], [asked.request(judged)])[0][0]

    def judge(
        self, cases: Sequence[Case], origins: Iterable[Origin] = (), *, excused: bool = False
    ) -> list[Judgement]:
        """Judge and count; see `require` for the verdict. `excused` ones do not count for the floor."""
        judgements = self.panel.judge(cases)
        self._count(judgements, list(origins) or [Origin()] * len(cases), excused=excused)
        return judgements

    def _count(self, judgements: Sequence[Judgement], origins: Sequence[Origin], *, excused: bool) -> None:
        self.expected += len(judgements)
        self._excused += len(judgements) if excused else 0
        self.tally.add_all(judgements, origins)
        for judgement in judgements:
            if judgement.trace is not None and len(self._failing) < _MOST_KEPT:
                self._failing[judgement.case] = judgement

    def require(self, checks: Iterable[tuple[Case, Check]], remark: str = "") -> None:
        """Fail the test with the first mismatch or fault among these checks, told in full, and a remark."""
        failing = [(case, check) for case, check in checks if check.verdict in FAILING]
        gravest = self.gravest(failing)
        if gravest is not None:
            told = self.failure(*gravest, len(failing))
            pytest.fail(f"{told}\n  {remark}" if remark else told, pytrace=False)

    def require_kept(self, kept: Kept) -> None:
        """Judge and count a case of a corpus, and fail the test if something is wrong in it.

        The test is skipped where somebody's implementation does not declare, or offer, what the case has.
        """
        outside = self.subject.outside(kept.case)
        judgements = judge_kept(self.subject, self.panel, [kept.case])
        self._count(judgements, [Origin(CORPUS)], excused=bool(outside))
        checks = judgements[0].checks
        self.require(((kept.case, check) for check in checks), f"kept      {kept.remark}".rstrip())
        if judgements[0].verdict == "not judged":
            own = dict.fromkeys(safe_text(check.reason) for check in checks if check.left == self.name)
            reason = ", ".join(own) or "it offers nothing to judge"
            if self.plugged is None:
                pytest.fail(f"nothing of this case could be judged: {reason}", pytrace=False)
            pytest.skip(reason)

    @staticmethod
    def gravest(failing: Sequence[tuple[Case, Check]]) -> tuple[Case, Check] | None:
        """The one to tell: on its own inputs, if there is such a one, and of the smallest network."""
        if not failing:
            return None
        return min(failing, key=lambda item: (item[1].scope != "local", sum(item[0].network.widths)))

    def failure(self, case: Case, check: Check, total: int = 1) -> str:
        """What the judge knows of one failed check, in a few lines."""
        network = case.network
        layers = " → ".join(layer.activation.name for layer in network.layers)
        place = check.quantity + (f"[{check.layer}]" if check.layer else "")
        held = "on its own inputs" if check.scope == "local" else "end to end"
        head = f"{check.verdict} in equation {check.equation}: {check.left}'s {place}, {held}"
        lines = [
            head if check.equation else f"{check.verdict}: {check.left}, as a whole",
            f"  reason    {safe_text(check.reason)}",
        ]
        if check.observed is not None:
            lines += [
                f"  entry     {list(check.entry)}",
                f"  observed  {check.observed!r}",
                f"  expected  {check.expected!r}  ({check.right})",
                f"  bound     {check.bound:.3g}",
                f"  excess    {excess(check):.3g} times the bound",
            ]
        lines += [
            f"  network   {'-'.join(map(str, network.widths))}, {layers}",
            f"  loss      {network.loss.name} ({network.loss.reduction}), batch {case.samples}, {case.dtype}",
            f"  replay    {self._replay(case)}",
        ]
        lines += self._diagnosis(case, check)
        if total > 1:
            lines.append(f"  and {total - 1} more checks of this test fail")
        return "\n".join(lines)

    def _diagnosis(self, case: Case, check: Check) -> list[str]:
        """What the check's failure comes from, as far as that is known."""
        judgement = self._failing.get(case)
        if judgement is None or check.left != self.name or not _is_told():
            return []
        explained = self.explainer.explained(check, judgement)
        if explained is None:
            return []
        row = one_row(explained)
        told = {"cause": f"{cause_place(row)}: {row.what}", **told_of(row)}
        if explained.smallest is not None:
            told["minimal"] = self._replay(explained.smallest)
        return [f"  {label:<9} {text}" for label, text in told.items()]

    @property
    def explainer(self) -> Explainer:
        """Diagnoses what this session has judged."""
        if self._explainer is None or self._explainer.panel is not self.panel:
            self._explainer = Explainer(self.subject, self.panel)
        return self._explainer

    def _replay(self, case: Case) -> str:
        name = f"{case.content_hash[:16]}.json"
        if self._case_directory is None:
            return f"{self._told(Path(name))} (not saved: pytest's cache is off)"
        path = self._case_directory / name
        path.write_text(case_to_json(case) + "\n", encoding="utf-8")
        return self._told(path)

    def _told(self, path: Path) -> str:
        if self._how is not None:
            return self._how(path)
        saved = "" if self._case_directory is None else f" {self.tally.replay_options}"
        return f"backproof replay {shlex.quote(str(path))}{saved}"

    @property
    def floor(self) -> int:
        """The fewest cases that must have been judged."""
        return floor_of(self.expected - self._excused, self._share)

    def finish(self) -> None:
        """Write the report if one was asked for, and end what was started."""
        if self._report_directory is not None:
            explain(self.tally, self.explainer)
        self.subject.close()
        if self._report_directory is not None:
            self._report_path = write_report(self.report(), self._report_directory)

    def report(self) -> Report:
        """What was judged, as the same report that the command line writes."""
        done = (self.tally, "complete", Times(), self.expected, self.floor)
        return report_of(self.options, self.subject, surroundings_of(self.panel.oracles), *done)

    def totals(self) -> dict[str, int]:
        """What was judged, as plain values that `pytest_plugin` adds up and tells."""
        counts = self.tally.cases.counts
        return {
            "judged": counts.judged,
            "not judged": counts.not_judged,
            "floor": self.floor,
            "mismatches": counts.mismatch,
            "faults": counts.fault,
            "known deviations": counts.known_deviation,
        }

    @property
    def report_path(self) -> Path | None:
        """Where the report was written; None if none was asked for."""
        return self._report_path
