"""The summary that fits one screen of a terminal. rich leaves colours out when piped or NO_COLOR is set."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.text import Text

from . import wording
from .model import VERDICTS, Finding, Report, Verdict

_STYLES: dict[Verdict, str] = {
    "conforms": "green",
    "unstable": "yellow",
    "mismatch": "bold red",
    "fault": "bold red",
}
_REASONS_SHOWN = 3
_FINDINGS_SHOWN = 3


def print_summary(report: Report, console: Console, path: Path | None = None) -> None:
    """Prints the verdict, the counts and the first findings; and `path`, where the whole report is."""
    for line in summary(report, path):
        # Lines are left to the terminal to wrap: a command broken in two cannot be copied.
        console.print(line, soft_wrap=True, highlight=False)


def summary(report: Report, path: Path | None = None) -> list[Text]:
    """The lines of the summary."""
    folder = None if path is None else path.parent
    tone = "bold red" if report.counts.wrong else "bold green" if report.passed else "bold yellow"
    lines = [Text(wording.verdict_sentence(report), style=tone), Text(), _counts(report)]
    worst = wording.ratio(report.worst_ratio)
    lines.append(_labelled("checks", f"{report.check_counts.judged:,} judged, worst error/bound {worst}"))
    if report.not_judged:
        lines.append(_labelled("not judged", _reasons(report)))
    seen = [row for row in report.deviations if row.seen]
    if seen:
        named = ", ".join(f"{row.id} {row.dtype} ({row.seen:,})" for row in seen)
        lines.append(_labelled("deviations", f"seen: {named}"))
    for finding in report.findings[:_FINDINGS_SHOWN]:
        lines += [Text(), *_finding(finding, folder)]
    rest = report.findings_total - sum(f.occurrences for f in report.findings[:_FINDINGS_SHOWN])
    if rest > 0:
        lines += [Text(), Text(f"and {wording.plural(rest, 'further finding')}")]
    if path is not None:
        lines += [Text(), _labelled("report", str(path)), _labelled("page", str(path.with_suffix(".html")))]
    return lines


def _labelled(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<11}", "dim"), text)


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
    shown = [f"{reason} {number:,}" for reason, number in checks.most_common(_REASONS_SHOWN)]
    rest = len(checks) - len(shown)
    more = [wording.plural(rest, "further reason")] if rest else []
    return f"{checks.total():,} checks: {', '.join(shown + more)}"


def _finding(finding: Finding, folder: Path | None) -> list[Text]:
    sides = f"{finding.left} against {finding.right}, {finding.dtype}"
    where = f"{wording.place(finding)} ({', '.join(filter(None, [finding.equation, sides]))})"
    head = Text.assemble(
        f"#{finding.number} ", (finding.verdict, _STYLES.get(finding.verdict, "")), f" {where}"
    )
    times = f", seen {finding.occurrences:,} times" if finding.occurrences > 1 else ""
    values = (
        f"observed {wording.value(finding.observed, finding.dtype)}, "
        f"expected {wording.value(finding.expected, 'float64')}, bound {wording.ratio(finding.bound)}, "
        f"difference / bound {wording.ratio(finding.excess)}{times}"
    )
    reason = " · ".join(filter(None, [finding.reason, finding.cause]))
    replay = finding.replay
    if folder is not None:  # the command names the file relative to the report's folder
        replay = replay.replace(finding.case_file, shlex.quote(str(folder / finding.case_file)))
    return [head, *(Text(f"   {line}") for line in (values, reason, replay) if line)]
