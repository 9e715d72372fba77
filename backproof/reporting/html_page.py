"""report.html: the report as one page that needs no network and no other file.

Its one script copies texts and opens what a link leads to; the page says all without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import jinja2
from markupsafe import Markup, escape

from . import pictures, wording
from .mathml import mathml
from .model import (
    VERDICTS,
    CauseRow,
    DeviationRow,
    DistributionRow,
    Finding,
    MatrixCell,
    NotJudgedRow,
    RegimeRow,
    Report,
    Verdict,
)
from .templating import environment, own_script

_MOST_CASES_INLINE = 600_000
"""Characters of cases as JSON that stand in the page; the rest in their own files only."""

Row = TypeVar("Row")


@dataclass
class Group:
    """Causes and findings that are to be taken in one way. A finding that a cause explains is in its card."""

    anchor: str
    title: str
    note: str
    verdicts: tuple[Verdict, ...]
    causes: list[tuple[CauseRow, list[Finding]]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    first: bool = False


def report_html(report: Report) -> str:
    """The page as text. The same report gives the same bytes."""
    page = _template().render(
        report=report,
        sentence=wording.verdict_sentence(report),
        tone=wording.tone(report),
        meanings=wording.MEANINGS,
        verdicts=VERDICTS,
        matrices=_matrices(report),
        distributions=_distributions(report),
        edges=report.distributions.edges if report.distributions else (),
        not_judged=_not_judged(report),
        regimes=_grouped(report.regimes, _regime),
        deviations=_grouped(report.deviations, _deviation),
        equations={row.id: row for row in report.equations},
        unchecked=[row for row in report.equations if not row.checks.total],
        groups=_groups(report),
        leading=_leading(report),
        inlined=_inlined(report),
        shades=pictures.SHADES,
        excesses=pictures.EXCESSES,
        **own_script("backproof.reporting", "report.js"),
    )
    return page.strip() + "\n"


@cache
def _template() -> jinja2.Template:
    templates = environment("backproof.reporting")
    templates.filters.update(
        count=wording.count,
        ratio=wording.ratio,
        value=wording.value,
        percent=wording.percent,
        place=wording.place,
        symbol=wording.symbol,
        cause_place=wording.cause_place,
        capitalised=capitalised,
        index=index,
        mathml=mathml,
        cell_class=pictures.cell_class,
        drawing=pictures.drawing,
        heat_map=pictures.heat_map,
        bars=pictures.bars,
        beyond=pictures.beyond,
        breakable=breakable,
        case_json=case_json,
        numbers=wording.numbers_of,
        network=wording.network,
        worst=wording.worst,
    )
    templates.globals.update(plural=wording.plural)
    return templates.get_template("report.html.j2")


# ---------------------------------------------------------------- causes and findings


def _groups(report: Report) -> list[Group]:
    """Bugs, then what is set apart from them; only groups in which there is something."""
    tested = report.run.implementation
    groups = [
        Group(
            "wrong",
            "What is wrong",
            f"Mismatches and faults of {tested}, those that come from one thing together.",
            ("mismatch", "fault"),
        ),
        Group(
            "unstable",
            "Unstable answers",
            "The right equation, but answers that overflow or lose digits.",
            ("unstable",),
        ),
        Group(
            "conventions",
            "Conventions",
            "Answers that are right under another convention: a kink decided differently, or a scale, a "
            "layout or a form of labels that can be declared.",
            ("convention",),
        ),
        Group("further", "Further findings", "What counts for or against nobody.", ()),
    ]
    by_verdict = {verdict: group for group in groups for verdict in group.verdicts}
    explained: set[int] = set()
    for cause in report.causes:
        group = groups[2] if cause.kind == "convention" else by_verdict.get(cause.verdict, groups[-1])
        numbers = set(cause.findings)
        group.causes.append((cause, [f for f in report.findings if f.number in numbers]))
        explained |= numbers
    for finding in report.findings:
        if finding.number not in explained:
            by_verdict.get(finding.verdict, groups[-1]).findings.append(finding)
    found = [group for group in groups if group.causes or group.findings]
    for group in found[:1]:
        group.first = True
    return found


def _leading(report: Report) -> set[int]:
    """The numbers of findings that stand unfolded, and whose heat maps are drawn."""
    return {finding.number for finding in report.leading}


def _inlined(report: Report) -> set[int]:
    """The numbers of findings whose case stands in the page: the leading ones first, while there is room."""
    leading = _leading(report)
    room, found = _MOST_CASES_INLINE, set()
    for finding in sorted(report.findings, key=lambda f: (f.number not in leading, f.number)):
        if finding.case is not None:
            room -= len(json.dumps(finding.case, ensure_ascii=False))
            if room >= 0:
                found.add(finding.number)
    return found


# ---------------------------------------------------------------- texts


def capitalised(text: str) -> str:
    """With a capital letter; the rest as it is."""
    return text[:1].upper() + text[1:]


def index(entry: Sequence[int]) -> str:
    """An entry's index as in "[0, 3]"; the only one of a scalar is a dash."""
    return f"[{', '.join(map(str, entry))}]" if entry else "–"


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores."""
    return Markup("_<wbr>").join(escape(name).split("_"))


def case_json(case: Any) -> Markup:
    """A case as JSON to be read: one line for each member. Quotes stay: it is no attribute."""
    members = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, sort_keys=True)}"
        for key, value in sorted(case.items())
    ]
    text = "{\n" + ",\n".join(members) + "\n}"
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(escaped)  # noqa: S704 - escaped on the line before


# ---------------------------------------------------------------- rows that belong together


def _grouped(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> list[list[Row]]:
    """The rows with equal keys together, in the order in which each key comes first."""
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def _regime(row: RegimeRow) -> Hashable:
    return row.name, row.description


def _deviation(row: DeviationRow) -> Hashable:
    """All but the dtype and how often it was seen."""
    return tuple(sorted(row.model_dump(exclude={"dtype", "seen"}).items()))


def _not_judged(report: Report) -> list[dict[str, Any]]:
    """For each reason: its dtypes, and a line for each quantity with the row of each dtype or None."""
    tables = []
    for rows in _grouped(report.not_judged, lambda row: (row.reason, row.explanation)):
        dtypes = list(dict.fromkeys(row.dtype for row in rows))
        lines: dict[str, dict[str, NotJudgedRow]] = {}
        for row in rows:
            lines.setdefault(row.quantity, {})[row.dtype] = row
        tables.append(
            {
                "reason": rows[0].reason,
                "explanation": rows[0].explanation,
                "checks": sum(row.checks for row in rows),
                "dtypes": dtypes,
                "lines": [(quantity, [line.get(d) for d in dtypes]) for quantity, line in lines.items()],
            }
        )
    return tables


@dataclass(frozen=True)
class _Pair:
    """The distributions of two sides: a line for each quantity, with the row of each scope or None."""

    left: str
    right: str
    scopes: list[str]
    lines: list[tuple[str, list[DistributionRow | None]]]


def _distributions(report: Report) -> list[tuple[bool, list[_Pair]]]:
    """Those of the implementation under test (True), then those of the oracles against each other."""
    rows = report.distributions.rows if report.distributions is not None else ()
    pairs: dict[bool, list[_Pair]] = {True: [], False: []}
    for group in _grouped(rows, lambda row: (row.left, row.right)):
        scopes = [scope for scope in ("local", "end to end") if any(row.scope == scope for row in group)]
        lines: dict[str, dict[str, DistributionRow]] = {}
        for row in group:
            lines.setdefault(row.quantity, {})[row.scope] = row
        table = [(quantity, [line.get(scope) for scope in scopes]) for quantity, line in lines.items()]
        own = group[0].left == report.run.implementation
        pairs[own].append(_Pair(group[0].left, group[0].right, scopes, table))
    return [(own, found) for own, found in pairs.items() if found]


Grid = tuple[str, list[str], list[tuple[str, list[MatrixCell | None]]]]


def _matrices(report: Report) -> list[Grid]:
    """For each dtype: the losses as columns, and a row for each activation; in the order of the run."""
    tables: dict[str, dict[tuple[str, str], MatrixCell]] = {}
    for cell in report.matrix:
        tables.setdefault(cell.dtype, {})[cell.activation, cell.loss] = cell
    grids = []
    for dtype, table in tables.items():
        activations = _in_order(report.run.activations, (activation for activation, _ in table))
        losses = _in_order(report.run.losses, (loss for _, loss in table))
        rows = [(name, [table.get((name, loss)) for loss in losses]) for name in activations]
        grids.append((dtype, losses, rows))
    return grids


def _in_order(order: Iterable[str], names: Iterable[str]) -> list[str]:
    """The distinct `names`: those in `order` as there, then the others as they come."""
    found = dict.fromkeys(names)
    return list(dict.fromkeys([*(name for name in order if name in found), *found]))
