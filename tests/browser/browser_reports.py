"""The reports that are opened: with every kind of row, passing, of nothing, hostile, and large."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.diagnosis.script import script
from backproof.distribution_tally import EDGES
from backproof.judging.verdicts import Check
from backproof.reporting import Counts, Report
from backproof.reporting.files import report_json
from backproof.reporting.findings import CauseRow, EntryRow, SideBySide, SideValue
from backproof.reporting.tables import DistributionRow, Distributions, Truth, TruthRow
from backproof.reporting.wording import network_in_words
from backproof.side_by_side import MOST_RATIOS
from refimpl import Backprop, Case, case_to_dict
from tests.reporting.sample_report import finding, sample_report

CANARY = "window.canary = 1"
"""What every script in a hostile text does: where it has run, one sees it."""
HOSTILE = (
    f"<script>{CANARY}</script>",
    f"</script><script>{CANARY}</script>",
    f"</pre></code></details><img src=x onerror='{CANARY}'><svg onload='{CANARY}'>",
    "</style><style>* { display: none }</style>",
    f"</title></head><body onload='{CANARY}'>",
    f"\" autofocus onfocus='{CANARY}' onmouseover='{CANARY}' x=\"",
    f'<a href="javascript:{CANARY}">x</a> javascript:{CANARY}',
    "<base href=//example.invalid/><meta http-equiv=refresh content=0><iframe src=//example.invalid>",
    "</table></main><!-- ]]> -- &lt;b&gt; &#60;b&#62; &amp",
    "{{7*7}} {% endif %} ${7*7} `\\",
    "\x1b[2J\x1b[31mred\x1b]0;title\x07\r\n\t\x00\x7f\x9b31m",
    "\ud800\udbff\u2028\u2029\ufeff",
    "\u202eRTL\u2066\u200f",
    "W" * 5000,
    "\u5927" * 400 + "\u00e4\u0308" * 50,
)


@cache
def full_report() -> Report:
    """Every kind of row that there is; the first finding has a cause with a script."""
    judged = finding(side_by_side=_side_by_side((4, 3)))
    sample = sample_report()
    others = sample.findings[1:]
    return sample_report(
        # axe-core takes some milliseconds for each cell: few in the second dtype are enough.
        matrix=tuple(c for c in sample.matrix if c.dtype == "float32" or c.activation in {"relu", "tanh"}),
        causes=(_cause(1, _drawn(0), (1,)), _plain_cause()),
        findings=(judged, *others, finding(number=4, equation="B2", cause=None, quantity="db")),
        distributions=_distributions(),
        truth=_truth(),
    )


def passing_report() -> Report:
    """Nothing is wrong, and few functions were run."""
    sample = sample_report()
    names = ("relu", "tanh", "identity")
    return sample_report(
        run=sample.run.model_copy(update={"mistake": None, "activations": names, "losses": ("mse", "mae")}),
        counts=Counts.tally({"conforms": 1000}),
        check_counts=Counts.tally({"conforms": 52_000}),
        worst_ratio=0.41,
        equations=sample.equations[:1],
        matrix=tuple(
            cell.model_copy(update={"counts": Counts.tally({"conforms": 9}), "worst_ratio": 0.3})
            for cell in sample.matrix
            if cell.activation in names and cell.loss in {"mse", "mae"}
        ),
        findings=(),
        findings_total=0,
        distributions=_distributions(),
    )


def report_of_nothing() -> Report:
    """Interrupted before a case was judged."""
    tables = ("equations", "pairs", "matrix", "regimes", "not_judged", "deviations", "kinks", "findings")
    return sample_report(
        **dict.fromkeys(tables, ()),
        counts=Counts(),
        check_counts=Counts(),
        worst_ratio=None,
        findings_total=0,
        status="interrupted",
    )


def hostile_report() -> Report:
    """The full report with something that could do harm before each of its texts."""
    return _with_texts(full_report(), lambda text: HOSTILE[crc32(text.encode()) % len(HOSTILE)] + text)


def harmless_report() -> Report:
    """The hostile report's twin: of the same shape, with a word in the place of each harmful text."""
    return _with_texts(full_report(), lambda text: f"plain {text}")


@cache
def big_report() -> Report:
    """Of 10,000 cases 100 are wrong, in five ways, each with its values and a case as `run` draws it."""
    sample, cases = full_report(), [draw_case(7, index, "float32").case for index in range(100)]
    causes = tuple(
        _cause(i + 1, _drawn(i), tuple(range(i + 1, 101, 5)), f"B{i + 1}", cases=20) for i in range(5)
    )
    findings = tuple(
        finding(
            number=number,
            cause=causes[(number - 1) % 5].what,
            equation=f"B{(number - 1) % 5 + 1}",
            scope="local" if number % 3 else "end to end",
            case_id=case.content_hash[:16],
            index=number,
            replay=f"backproof replay cases/{case.content_hash[:16]}.json --oracles torch,jax",
            case=case_to_dict(case),
            side_by_side=_side_by_side(case.network.layers[0].W.shape),
        )
        for number, case in enumerate(cases, start=1)
    )
    tally = {"conforms": 9_780, "convention": 50, "unstable": 20, "mismatch": 100, "not judged": 50}
    return sample_report(
        run=sample.run.model_copy(update={"cases_requested": 10_000}),
        counts=Counts.tally(tally),  # type: ignore[arg-type]
        causes=causes,
        findings=findings,
        findings_total=100,
        distributions=_distributions(),
        truth=_truth(),
    )


REPORTS: dict[str, Callable[[], Report]] = {
    "full": full_report,
    "passing": passing_report,
    "nothing": report_of_nothing,
    "hostile": hostile_report,
    "big": big_report,
}


# ---------------------------------------------------------------- parts


@cache
def _drawn(index: int) -> Case:
    """A random case of the size to which a mismatch is reduced."""
    return draw_case(7, index, "float32", DrawOptions(max_depth=2, max_width=2, max_batch=2)).case


def _cause(number: int, case: Case, findings: tuple[int, ...], equation: str = "B1", cases: int = 41) -> Any:
    check = Check("dW", 1, "local", "reference", "torch", equation, "mismatch")
    as_json, name = case_to_dict(case), case.content_hash[:16]
    return CauseRow(
        number=number,
        equation=equation,
        layers=(1, 2),
        kind="mistake",
        name="input-not-transposed",
        what=f"{equation}: the input of the layer is not transposed",
        implemented=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} A^{[l-1]}",
        remedy="Transpose A[l-1].",
        evidence="strong: 40 wrong entries in 7 cases are exactly what it gives",
        declaration={"loss_scale": "sum"},
        cases=cases,
        findings=findings,
        smallest=network_in_words(as_json),
        smallest_id=name,
        smallest_case=as_json,
        smallest_values=_side_by_side((2, 2)),
        replay=f"backproof replay cases/{name}.json --oracles torch,jax",
        script=tuple(script(case, check, Backprop().run(case), "reference").splitlines()),
    )


def _plain_cause() -> CauseRow:
    """One of which nothing more is known: all that may be empty is."""
    return CauseRow(
        number=2, equation="B2", kind="unknown", what="nothing known explains it", cases=1, findings=(4,)
    )


def _side_by_side(shape: tuple[int, ...]) -> SideBySide:
    places = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
    ratios = np.array([10.0 ** ((3 * i + 5 * j) % 9 - 6) for i, j in places]).reshape(shape)
    return SideBySide(
        quantity="dW",
        layer=1,
        scope="local",
        right="torch",
        shape=shape,
        wrong=int((ratios > 1).sum()),
        entries=tuple(
            EntryRow(
                entry=place,
                observed=0.10000000149011612,
                expected=tuple(SideValue(side=side, value=-0.25) for side in ("torch", "jax", "truth")),
                whole=(SideValue(side="torch", value=-0.26),),
                bound=1.5e-7,
                excess=float(ratios[place]),
            )
            for place in places[:8]
        ),
        ratios=tuple(map(tuple, ratios.tolist())) if max(shape) <= MOST_RATIOS else (),
    )


def _distributions() -> Distributions:
    sides = (("reference", "torch"), ("reference", "jax"))
    return Distributions(
        edges=EDGES,
        rows=tuple(
            DistributionRow(
                left=left,
                right=right,
                quantity=quantity,
                scope="local",
                checks=tuple(1000 * i % 7919 for i in range(len(EDGES) + 1)),
            )
            for left, right in sides
            for quantity in ("Z", "A", "loss", "delta", "dW", "db", "dX", "W_updated", "b_updated")
        ),
    )


def _truth() -> Truth:
    row = TruthRow(side="reference", dtype="float32", scope="local", cases=20, entries=99, worst_ratio=0.4)
    return Truth(mode="disputed", asked={"disputed": 41, "odd": 3}, on_a_kink=2, rows=(row,))


# What is fixed by the schema, or read by the page as LaTeX, which has tests of its own.
_KEPT = {"format", "schema_version", "status", "verdict", "scope", "case_id", "smallest_id"}
_KEPT |= {"latex", "implemented_latex", "implemented"}
# Mappings whose keys come from outside as well.
_FREE = {"versions", "threads", "flush_subnormals", "matmul_precision", "parameters", "declaration", "asked"}


def _with_texts(report: Report, change: Callable[[str], str]) -> Report:
    """The report with each of its free texts changed; equal ones stay equal, so that its shape stays."""
    return Report.model_validate(_changed(json.loads(report_json(report)), change, ""))


def _changed(value: Any, change: Callable[[str], str], key: str) -> Any:
    if isinstance(value, str):
        return value if key in _KEPT or value in {"nan", "inf", "-inf"} else change(value)
    if isinstance(value, list):
        return [_changed(item, change, key) for item in value]
    if isinstance(value, dict):
        free = key in _FREE or (key == "not_judged" and not {"reason", "quantity"} & value.keys())
        return {
            (change(name) if free else name): _changed(item, change, "" if free else name)
            for name, item in value.items()
        }
    return value
