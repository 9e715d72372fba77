"""report.html: the report as one page that needs no network, no script and no other file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache

import jinja2
from markupsafe import Markup, escape

from . import wording
from .mathml import mathml
from .model import VERDICTS, Finding, MatrixCell, Report

# Upper ends of the shades of error/bound; beyond the last one the bound is exceeded.
SHADES = (0.1, 0.3, 0.6, 1.0)

_GROUPS = (
    ("mismatches", "Mismatches and faults", ("mismatch", "fault")),
    ("unstable", "Unstable answers", ("unstable",)),
    ("conventions", "Conventions", ("convention",)),
    ("further", "Further findings", ("known deviation", "not judged", "conforms")),
)


def report_html(report: Report) -> str:
    """The page as text. The same report gives the same bytes."""
    groups = [
        (anchor, title, [finding for finding in report.findings if finding.verdict in verdicts])
        for anchor, title, verdicts in _GROUPS
    ]
    page = _template().render(
        report=report,
        sentence=wording.verdict_sentence(report),
        tone=_tone(report),
        meanings=wording.MEANINGS,
        verdicts=VERDICTS,
        matrices=_matrices(report),
        groups=[group for group in groups if group[2]],
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
        mathml=mathml,
        shade=shade,
        breakable=breakable,
        case_json=case_json,
    )
    environment.globals.update(plural=wording.plural)
    return environment.get_template("report.html.j2")


def _tone(report: Report) -> str:
    if report.counts.wrong:
        return "bad"
    return "good" if report.passed else "warn"


def shade(ratio: float | None) -> str:
    """The CSS class of a worst error/bound: s0 … s3 within the bound, "over" beyond it or if NaN, or none."""
    if ratio is None:
        return "none"
    return next((f"s{i}" for i, end in enumerate(SHADES) if ratio <= end), "over")


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores."""
    return Markup("_<wbr>").join(escape(name).split("_"))


def case_json(finding: Finding) -> str:
    """A case as JSON to be read: one line for each member."""
    case = finding.case or {}
    members = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in case.items()]
    return "{\n" + ",\n".join(members) + "\n}"


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
