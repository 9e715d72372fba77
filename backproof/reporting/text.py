"""The summary that fits one screen of a terminal. rich leaves colours out when piped or NO_COLOR is set."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from . import wording
from .model import VERDICTS, CauseRow, Finding, Report, Verdict
from .safe_text import safe_text

_STYLES: dict[Verdict, str] = {
    "conforms": "green",
    "unstable": "yellow",
    "mismatch": "bold red",
    "fault": "bold red",
}
_TONES = {"good": "bold green", "warn": "bold yellow", "bad": "bold red"}
_SHOWN = 3
"""At most so many reasons, deviations and findings."""


def print_summary(
    report: Report, console: Console, path: Path | None = None, case: Path | None = None
) -> None:
    """Prints the verdict, the counts and the first findings.

    `path` is where the whole report is; `case` is the file that was replayed, if that is what was done.
    """
    for line in summary(report, path, case):
        # Lines are left to the terminal to wrap: a command broken in two cannot be copied.
        console.print(line, soft_wrap=True, highlight=False)


def summary(report: Report, path: Path | None = None, case: Path | None = None) -> list[Text]:
    """The lines of the summary."""
    lines = [Text(wording.verdict_sentence(report), style=_TONES[wording.tone(report)]), Text()]
    lines.append(_counts(report))
    if report.run.declared:
        lines.append(_labelled("declared", "; ".join(report.run.declared)))
    if report.run.not_offered:
        lines.append(_labelled("not offered", f"{', '.join(report.run.not_offered)}: not judged"))
    checks = f"{report.check_counts.judged:,} judged, worst error/bound {wording.worst(report)}"
    lines.append(_labelled("checks", checks))
    if report.truth is not None and report.truth.asked:
        lines.append(_labelled("truth", wording.asked(report.truth)))
    if report.not_judged:
        lines.append(_labelled("not judged", _reasons(report)))
    if any(row.seen for row in report.deviations):
        lines.append(_labelled("deviations", _deviations(report)))
    causes = report.causes[:_SHOWN]
    for cause in causes:
        lines += [Text(), *_cause(cause, path)]
    told = [finding for finding in report.leading if _tells(finding, report)][: max(1, _SHOWN - len(causes))]
    apart = Counter(f.verdict for f in report.findings if not _tells(f, report) for _ in range(f.occurrences))
    if apart:
        listed = ", ".join(f"{number:,} {verdict}" for verdict, number in apart.most_common())
        lines.append(_labelled("set apart", f"{listed} (checks; the page tells each)"))
    for finding in told:
        lines += [Text(), *_finding(finding, path, case)]
    explained = {number for cause in causes for number in cause.findings}
    known = [f for f in report.findings if _tells(f, report) and (f in told or f.number in explained)]
    rest = report.findings_total - apart.total() - sum(finding.occurrences for finding in known)
    if rest > 0 and told:
        lines += [Text(), Text(f"and {wording.plural(rest, 'further finding')}")]
    if path is not None:
        page = path.with_name("report.html")
        lines += [Text(), _labelled("report", _quoted(path)), _labelled("page", _quoted(page))]
    return lines


def _tells(finding: Finding, report: Report) -> bool:
    """Whether it says something about the implementation under test, or is wrong whoever's it is."""
    own = finding.left == report.run.implementation
    return finding.wrong or (own and (finding.verdict == "unstable" or finding.right == "its own loss"))


def _labelled(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<12}", "dim"), text)


def _counts(report: Report) -> Text:
    line = _labelled("cases", f"{report.counts.judged:,} judged:")
    for number, verdict in enumerate(VERDICTS):
        times = report.counts.of(verdict)
        line.append("; " if verdict == "not judged" else ", " if number else " ")
        line.append(f"{times:,} {verdict}", style=_STYLES.get(verdict, "") if times else "dim")
    return line


def _reasons(report: Report) -> str:
    checks: Counter[str] = Counter()
    for row in report.not_judged:
        checks[row.reason] += row.checks
    shown = (f"{reason} {number:,}" for reason, number in checks.most_common())
    return f"{wording.plural(checks.total(), 'check')}: {_first(shown, 'further reason')}"


def _deviations(report: Report) -> str:
    seen = sorted((row for row in report.deviations if row.seen), key=lambda row: -row.seen)
    return _first((f"{row.id} {row.dtype} ({row.seen:,})" for row in seen), "other")


def _first(texts: Iterable[str], further: str) -> str:
    texts = list(texts)
    rest = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN] + ([wording.plural(rest, further)] if rest > 0 else []))


def _finding(finding: Finding, path: Path | None, case: Path | None) -> list[Text]:
    held = "on its own inputs" if finding.scope == "local" else "end to end"
    sides = f"{finding.left} against {finding.right}, {finding.dtype}, {held}"
    equation = f" in {finding.equation}" if finding.equation else ""
    head = Text.assemble(
        f"#{finding.number} ",
        (finding.verdict, _STYLES.get(finding.verdict, "")),
        f"{equation}: {wording.place(finding)} ({sides})",
    )
    times = f", seen {finding.occurrences:,} times" if finding.occurrences > 1 else ""
    values = (
        f"observed {wording.value(finding.observed, finding.dtype)}, "
        f"expected {wording.value(finding.expected, 'float64')}, bound {wording.ratio(finding.bound)}, "
        f"difference / bound {wording.ratio(finding.excess)}{times}"
    )
    if finding.observed is None and finding.excess is None:  # a fault has no numbers
        values = times.removeprefix(", ")
    replay = finding.replay if case is None else ""  # it is what was just done
    if path is not None:  # the command names the file relative to the report's folder
        replay = replay.replace(finding.case_file, _quoted(path.parent / finding.case_file))
    return [head, *(Text(f"   {line}") for line in (values, finding.ruling, finding.reason, replay) if line)]


def _cause(cause: CauseRow, path: Path | None) -> list[Text]:
    """What is wrong, how to mend it, on what that rests, and the smallest case that shows it."""
    head = Text.assemble(("cause ", "dim"), (wording.cause_place(cause), "bold"), f": {cause.what}")
    told = told_of(cause)
    if path is not None and cause.case_file is not None:
        told["replay"] = cause.replay.replace(cause.case_file, _quoted(path.parent / cause.case_file))
        if cause.script_file is not None:
            told["script"] = _quoted(path.parent / cause.script_file)
    return [head, *(Text.assemble("   ", (f"{label:<9}", "dim"), text) for label, text in told.items())]


def told_of(cause: CauseRow) -> dict[str, str]:
    """Label → what there is to say of a cause beside its place and what it is."""
    seen = f"in at least {wording.plural(cause.cases, 'case')}" if cause.cases > 1 else ""
    named = cause.name if cause.kind in ("mistake", "pair") else ""  # for `backproof explain --mistake`
    told = {"mend": cause.remedy, "named": named, "evidence": cause.evidence, "seen": seen}
    told["smallest"] = cause.smallest
    return {label: text for label, text in told.items() if text}


def _quoted(path: Path) -> str:
    """A path to be copied into a shell, without the characters that would change the terminal."""
    return shlex.quote(safe_text(str(path)))
