"""Causes and findings of two reports, matched by what they are about."""

from __future__ import annotations

import operator
import re
from collections.abc import Hashable, Iterator
from functools import partial

from backproof.reporting.model import SEVERITY, CauseRow, Finding, Report
from backproof.reporting.wording import cause_place, functions_in, plural

from .model import NONE, Change, Way, only
from .sides import Sides, more, rank, seen

_DIGITS = re.compile(r"\d+")  # what differs in numbers only is the same


# ---------------------------------------------------------------- causes


def _cause_key(cause: CauseRow) -> Hashable:
    return cause.kind, cause.name or _DIGITS.sub("0", cause.what), cause.equation


def causes(sides: Sides) -> Iterator[Change]:
    """What became of the things that are wrong."""
    old = {_cause_key(cause): cause for cause in sides.old.causes}
    new = {_cause_key(cause): cause for cause in sides.new.causes}
    for key in [key for key in old if key in new]:
        one, other = old.pop(key), new.pop(key)
        if (change := _same_place(sides, one, other)) is not None:
            yield change
    # Another cause in the same equation is another name for what is wrong there.
    for key, cause in list(new.items()):
        if _undrawn(sides, sides.new, cause):
            continue
        before = next((former for former, each in old.items() if each.equation == cause.equation), None)
        if before is not None and not _undrawn(sides, sides.old, old[before]):
            yield _renamed(old.pop(before), new.pop(key))
    for cause in old.values():
        yield _alone(sides, sides.old, cause)
    for cause in new.values():
        yield _alone(sides, sides.new, cause)


def _same_place(sides: Sides, old: CauseRow, new: CauseRow) -> Change | None:
    ranks = rank(old.verdict), rank(new.verdict)
    texts = _shows(old), _shows(new)
    if ranks[0] != ranks[1]:
        return Change(more(*ranks), "cause", cause_place(new), texts, new.what, new.remedy, new.replay)
    if sides.alike and old.cases != new.cases:
        return Change("changed", "cause", cause_place(new), texts, new.what, new.remedy, new.replay)
    return None


def _renamed(old: CauseRow, new: CauseRow) -> Change:
    ranks = rank(old.verdict), rank(new.verdict)
    way: Way = more(*ranks) if ranks[0] != ranks[1] else "changed"
    return Change(way, "cause", cause_place(new), (old.what, new.what), "", new.remedy, new.replay)


def _shows(cause: CauseRow) -> str:
    return f"{cause.verdict}, in at least {plural(cause.cases, 'case')}"


def _alone(sides: Sides, report: Report, cause: CauseRow) -> Change:
    """A cause that the other report does not have."""
    is_new = report is sides.new
    steps = (0, 1) if is_new else (1, 0)
    excuse = _undrawn(sides, report, cause) or _undiagnosed(sides, sides.old if is_new else sides.new)
    texts = only(_shows(cause), new=is_new)
    note = cause.what + (f" ({excuse})" if excuse else "")
    seen_again = (cause.remedy, cause.replay) if is_new else ("", "")
    return Change(more(*steps, excuse), "cause", cause_place(cause), texts, note, *seen_again)


def _undrawn(sides: Sides, report: Report, cause: CauseRow) -> str:
    """Why the other run could not see it, if it shows only in what that run did not ask for."""
    steps = (0, 1) if report is sides.new else (1, 0)
    extra = sides.extra["new" if report is sides.new else "gone"]
    activations, loss = functions_in(cause.smallest_case)
    used = {*activations, loss, str((cause.smallest_case or {}).get("dtype"))}
    if activations and not extra.oracles and not used & (extra.activations | extra.losses | extra.dtypes):
        return ""  # the smallest case is one that the other run could have drawn
    numbers = set(cause.findings)
    reasons = [extra.reason(finding) for finding in report.findings if finding.number in numbers]
    if not reasons or not all(reasons):
        return ""
    return sides.only_with(*steps, ", ".join(dict.fromkeys(reasons)))


def _undiagnosed(sides: Sides, other: Report) -> str:
    """Why the other report may have no causes although something is wrong there."""
    wrong = any(sides.counts_against(other, finding) for finding in other.findings)
    if not wrong or other.causes:
        return ""
    return f"the {'old' if other is sides.old else 'new'} run was not diagnosed"


# ---------------------------------------------------------------- findings


def findings(sides: Sides) -> Iterator[Change]:
    """What became of single answers. A finding is matched by all that it is about, then by its place."""
    old, new = ({_about(sides, report, f): f for f in report.findings} for report in (sides.old, sides.new))
    for key in [key for key in old if key in new]:
        one, other = old.pop(key), new.pop(key)
        counts = sides.counts_against(sides.new, other)
        if sides.alike and counts and one.occurrences != other.occurrences:
            yield _change("changed", sides.new, one, other)
    places: dict[Hashable, list[Finding]] = {}
    for finding in old.values():
        places.setdefault(_place(sides, sides.old, finding), []).append(finding)
    alone = []
    for other in new.values():
        former = places.get(_place(sides, sides.new, other))
        if not former:
            alone.append(other)
            continue
        one = former.pop(0)
        ranks = _rank(sides.old, one), _rank(sides.new, other)
        yield _change(more(*ranks) if ranks[0] != ranks[1] else "changed", sides.new, one, other)
    yield from _listed(sides, sides.new, alone)
    yield from _listed(sides, sides.old, [finding for former in places.values() for finding in former])


def _about(sides: Sides, report: Report, finding: Finding) -> Hashable:
    return finding.verdict, _DIGITS.sub("0", finding.reason), _place(sides, report, finding)


def _place(sides: Sides, report: Report, finding: Finding) -> Hashable:
    left, right = sides.role(report, finding.left), sides.role(report, finding.right)
    return finding.scope, left, right, finding.quantity, finding.equation, finding.dtype


def _rank(report: Report, finding: Finding) -> int:
    return rank(finding.verdict, finding.left == report.run.implementation)


def _listed(sides: Sides, report: Report, alone: list[Finding]) -> Iterator[Change]:
    """Findings that only this report lists; where the other's list is cut short, it may have them, too."""
    is_new = report is sides.new
    other = sides.old if is_new else sides.new
    cut = sum(finding.occurrences for finding in other.findings) < other.findings_total and other.findings
    reached = SEVERITY.index(other.findings[-1].verdict) if cut else len(SEVERITY)
    known = {_cause_key(cause) for cause in other.causes}
    explained = {number: _cause_key(cause) for cause in report.causes for number in cause.findings}
    unknown = 0
    for finding in alone:
        if SEVERITY.index(finding.verdict) >= reached:
            unknown += 1
            continue
        steps = (0, _rank(report, finding)) if is_new else (_rank(report, finding), 0)
        excuse = sides.excuse(*steps, partial(operator.is_, finding))
        if not excuse and not sides.alike and explained.get(finding.number) in known:
            excuse = "its cause is known in both runs, which drew other cases"
        way = more(*steps, excuse) if any(steps) else "new" if is_new else "gone"
        yield _change(way, report, None if is_new else finding, finding if is_new else None, excuse)
    if unknown:
        texts = (
            f"lists {plural(other.findings_shown, 'kind')}, not all",
            f"{unknown:,} that are not among them",
        )
        yield Change("changed", "finding", "further findings", texts if is_new else texts[::-1])


def _change(way: Way, report: Report, old: Finding | None, new: Finding | None, note: str = "") -> Change:
    finding = new or old
    if finding is None:
        raise ValueError("a change needs at least one finding")
    held = "on its own inputs" if finding.scope == "local" else "end to end"
    where = f"{finding.equation}, " if finding.equation else ""
    name = f"{where}{finding.quantity}, {finding.left} against {finding.right}, {finding.dtype}, {held}"
    texts = seen(old) if old is not None else NONE, seen(new) if new is not None else NONE
    command = finding.replay if new is not None and _rank(report, finding) else ""
    explained = any(finding.number in cause.findings for cause in report.causes)
    return Change(way, "finding", name, texts, note, "", command, explained)
