"""summary.md: what a run found as Markdown that fits a comment on a pull request, whatever the run found."""

from __future__ import annotations

from collections import Counter

from . import wording
from .markdown_text import LONGEST, cell, clipped, code, command, first, listed, prose, table
from .model import VERDICTS, CauseRow, EquationRow, Finding, Report

EQUATIONS, CAUSES, FINDINGS = 10, 3, 3
"""At most so many of each: with all else, `MOST_LINES` are never exceeded."""
_NAMES = 6


def report_markdown(report: Report) -> str:
    """The summary as text that ends in a line break. The same report gives the same bytes."""
    parts = (_head(report), _facts(report), _equations(report), _causes(report), _findings(report))
    lines = [line for part in parts if part for line in (*part, "")]
    lines.append("Every number, and each case to judge again, is in `report.html` and `report.json`.")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- what was run, and what came of it


def _head(report: Report) -> list[str]:
    run = report.run
    versions = [f"{name} {version}" for name, version in sorted(report.environment.versions.items())]
    versions.append(f"Python {report.environment.python}")
    # What the implementation runs on, as far as that is something else.
    known = {version.lower() for version in versions}
    own = (f"{name} {version}" for name, version in sorted(run.versions.items()))
    versions += [f"{version} (of {run.implementation})" for version in own if version.lower() not in known]
    what = [
        f"{code(run.implementation)} against {listed(run.oracles, _NAMES)}",
        f"seed {prose(str(run.seed))}",
        listed(map(prose, run.dtypes), _NAMES, wrap=False),
        listed(map(prose, versions), _NAMES, wrap=False),
    ]
    return [f"## {prose(wording.verdict_sentence(report))}", "", "; ".join(what) + "."]


def _facts(report: Report) -> list[str]:
    counts = report.counts
    cases = ", ".join(f"{counts.of(verdict):,} {verdict}" for verdict in VERDICTS if counts.of(verdict))
    checks = f"{report.check_counts.judged:,} judged, worst error/bound {wording.worst(report)}"
    facts = {
        "command": command(report.run.command),
        "cases": f"{counts.judged:,} judged of {report.run.cases_requested:,}: {cases or 'none'}",
        "floor": "" if report.floor_met else f"**missed**: {report.floor:,} judged cases are asked for",
        "checks": checks,
        "mistake planted": code(report.run.mistake) if report.run.mistake is not None else "",
        "declared": listed(report.run.declared, _NAMES) if report.run.declared else "",
        "not offered": listed(report.run.not_offered, _NAMES) if report.run.not_offered else "",
        "not judged": _not_judged(report),
        "deviations seen": _deviations(report),
    }
    return [f"- {label}: {text}" for label, text in facts.items() if text]


def _not_judged(report: Report) -> str:
    checks: Counter[str] = Counter()
    for row in report.not_judged:
        checks[row.reason] += row.checks
    if not checks:
        return ""
    reasons = [f"{prose(reason)} {number:,}" for reason, number in checks.most_common()]
    return f"{wording.plural(checks.total(), 'check')}: {listed(reasons, _NAMES, wrap=False)}"


def _deviations(report: Report) -> str:
    seen = sorted((row for row in report.deviations if row.seen), key=lambda row: -row.seen)
    texts = [f"{code(row.id)} {prose(row.dtype)} ({row.seen:,})" for row in seen]
    return listed(texts, _NAMES, wrap=False) if texts else ""


# ---------------------------------------------------------------- equations


def _equations(report: Report) -> list[str]:
    """All, or where they are too many those that are not simply right; those without a check in one row."""
    if not report.equations:
        return []
    asked = [row for row in report.equations if row.checks.total]
    rows = asked if len(asked) <= EQUATIONS else sorted((row for row in asked if _notable(row)), key=_order)
    shown = [
        (
            cell(f"{row.id} {row.title}"),
            f"**{row.verdict}**" if row.checks.wrong or row.checks.unstable else row.verdict,
            f"{row.checks.judged:,}",
            f"{row.checks.wrong:,}",
            f"{row.checks.not_judged:,}",
            wording.ratio(row.worst_ratio),
        )
        for row in rows[:EQUATIONS]
    ]
    left = len(asked) - len(shown)
    if left:
        further = ", all judged in full and none wrong" if len(rows) <= EQUATIONS else ""
        shown.append((f"… and {left:,} more{further}", "", "", "", "", ""))
    without = [row.id for row in report.equations if not row.checks.total]
    if without:
        names = listed(map(clipped, without), 2 * EQUATIONS, wrap=False)
        shown.append((cell(f"without any check: {names}"), "not judged", "", "", "", ""))
    heads = ("equation", "verdict", "judged", "wrong", "not judged", "worst error/bound")
    return table(heads, shown, right=(2, 3, 4, 5))


def _notable(row: EquationRow) -> bool:
    checks = row.checks
    return bool(checks.wrong or checks.unstable or checks.not_judged)


def _order(row: EquationRow) -> tuple[int, ...]:
    """Wrong before unstable before what was judged in part only."""
    checks = row.checks
    return (-checks.fault, -checks.mismatch, -checks.unstable, -checks.not_judged)


# ---------------------------------------------------------------- causes and findings


def _causes(report: Report) -> list[str]:
    if not report.causes:
        return []
    lines = ["### Causes", ""]
    for cause in report.causes[:CAUSES]:
        lines += _cause(cause)
    rest = len(report.causes) - CAUSES
    return [*lines, f"- … and {wording.plural(rest, 'more cause')}"] if rest > 0 else lines


def _cause(cause: CauseRow) -> list[str]:
    """Five lines at most."""
    cases = f" In at least {wording.plural(cause.cases, 'case')}." if cause.cases > 1 else ""
    where = prose(wording.cause_place(cause))
    smallest = prose(cause.smallest) if cause.smallest else ""
    if smallest and cause.script_file is not None:
        smallest += f"; script {code(cause.script_file)}"
    told = {
        "mend": prose(cause.remedy) if cause.remedy else "",
        "evidence": prose(cause.evidence) if cause.evidence else "",
        "smallest": smallest,
        "replay": command(cause.replay) if cause.replay else "",
    }
    inner = [f"  - {label}: {text}" for label, text in told.items() if text]
    return [f"- **{cause.verdict}**, {where}: {prose(cause.what)}{cases}", *inner]


def _findings(report: Report) -> list[str]:
    """Those that count and that no cause explains: of each kind one."""
    own = report.run.implementation
    explained = {number for cause in report.causes for number in cause.findings}
    told = [
        finding
        for finding in report.leading
        if finding.number not in explained
        and (finding.wrong or (finding.verdict == "unstable" and finding.left == own))
    ]
    if not told:
        return []
    lines = first([_finding(finding) for finding in told], FINDINGS, "- … and {} more of other kinds")
    return ["### Findings without a cause" if report.causes else "### Findings", "", *lines]


def _finding(finding: Finding) -> str:
    held = "on its own inputs" if finding.scope == "local" else "end to end"
    where = f"{prose(finding.equation)}, " if finding.equation else ""
    values = (
        f": observed {code(wording.value(finding.observed, finding.dtype))}, "
        f"expected {code(wording.value(finding.expected, 'float64'))}, "
        f"difference / bound {wording.ratio(finding.excess)}"
    )
    if finding.observed is None and finding.excess is None:  # a fault has no numbers
        values = ""
    times = f", seen {finding.occurrences:,} times" if finding.occurrences > 1 else ""
    said = f": {prose(clipped(finding.reason, LONGEST // 2))}" if finding.reason else ""
    sides = f"{code(finding.left)} against {code(finding.right)}, {prose(finding.dtype)}, {held}"
    head = f"- **{finding.verdict}**, {where}{prose(wording.place(finding))}, {sides}"
    return f"{head}{values}{times}{said}. {command(finding.replay)}"
