"""report.html: the report as one page that needs no network, no script and no other file."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from typing import Any, TypeVar

import jinja2
from markupsafe import Markup, escape

from . import wording
from .mathml import mathml
from .model import VERDICTS, DeviationRow, Finding, MatrixCell, NotJudgedRow, RegimeRow, Report

# Upper ends of the shades of error/bound; beyond the last one the bound is exceeded.
SHADES = (0.1, 0.3, 0.6, 1.0)

_GROUPS = (
    ("mismatches", "Mismatches and faults", ("mismatch", "fault")),
    ("unstable", "Unstable answers", ("unstable",)),
    ("conventions", "Conventions", ("convention",)),
    ("further", "Further findings", ("known deviation", "not judged", "conforms")),
)
_AT_THE_TOP = ("mismatches", "unstable")

Row = TypeVar("Row")


def report_html(report: Report) -> str:
    """The page as text. The same report gives the same bytes."""
    groups = [
        (anchor, title, [finding for finding in report.findings if finding.verdict in verdicts])
        for anchor, title, verdicts in _GROUPS
    ]
    page = _template().render(
        report=report,
        sentence=wording.verdict_sentence(report),
        tone=wording.tone(report),
        meanings=wording.MEANINGS,
        verdicts=VERDICTS,
        matrices=_matrices(report),
        not_judged=_not_judged(report),
        regimes=_grouped(report.regimes, _regime),
        deviations=_grouped(report.deviations, _deviation),
        unchecked=[row for row in report.equations if not row.checks.total],
        groups=[group for group in groups if group[2]],
        at_the_top=_AT_THE_TOP,
        leading={finding.number for finding in report.leading},
        shades=SHADES,
    )
    return page.rstrip() + "\n"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("backproof.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=wording.count,
        ratio=wording.ratio,
        value=wording.value,
        percent=wording.percent,
        place=wording.place,
        cause_place=wording.cause_place,
        mathml=mathml,
        cell_class=cell_class,
        breakable=breakable,
        case_json=case_json,
        network=wording.network,
        worst=wording.worst,
    )
    environment.globals.update(plural=wording.plural)
    return environment.get_template("report.html.j2")


def cell_class(cell: MatrixCell) -> str:
    """The CSS class of a cell: "over" if a case is wrong, else by its worst error/bound, s0 … s3 within it.

    An answer beyond its bound that is not wrong has been set apart by a verdict of its own: "apart".
    """
    if cell.counts.wrong:
        return "over"
    if cell.counts.unstable:
        return "shaky"
    if cell.worst_ratio is None:
        return "none"
    return next((f"s{i}" for i, end in enumerate(SHADES) if cell.worst_ratio <= end), "apart")


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores."""
    return Markup("_<wbr>").join(escape(name).split("_"))


def case_json(finding: Finding) -> str:
    """A case as JSON to be read: one line for each member, in the order in which report.json has them."""
    members = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, sort_keys=True)}"
        for key, value in sorted((finding.case or {}).items())
    ]
    return "{\n" + ",\n".join(members) + "\n}"


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
