"""A report each of whose texts begins with something that could do harm on a page or a terminal."""

from __future__ import annotations

import json
from typing import Any

from backproof.reporting.files import report_json
from backproof.reporting.model import Report

from .sample_report import sample_report

HOSTILE = (
    "</td></table></main><script>alert(1)</script><!-- \"'><img src=//x onerror=alert(1)>{{7*7}}{% endif %}"
    "[bold red]\x1b[2J\x1b]0;title\x07\r\n\t\x00\x7f\x9b31m\u202eRTL\u2066\ufeff\ud800\u2028 &amp;"
)

# Not free: fixed by the schema, or read by the page as LaTeX, which has tests of its own.
_KEPT = {
    *("format", "schema_version", "status", "verdict", "scope", "case_id", "smallest_id"),
    *("latex", "implemented_latex", "implemented"),
}
_FREE_KEYS = {
    "versions",
    "threads",
    "flush_subnormals",
    "matmul_precision",
    "parameters",
    "declaration",
    "asked",
}


def hostile_report(prefix: str) -> Report:
    """The sample report with `prefix` before every free text, keys of mappings included."""
    return Report.model_validate(_prefixed(json.loads(report_json(sample_report())), prefix, ""))


def _prefixed(value: Any, prefix: str, key: str) -> Any:
    if isinstance(value, str):
        number = value in {"nan", "inf", "-inf"}
        return value if key in _KEPT or number else prefix + value
    if isinstance(value, list):
        return [_prefixed(item, prefix, key) for item in value]
    if isinstance(value, dict):
        free = key in {
            "versions",
            "threads",
            "flush_subnormals",
            "matmul_precision",
            "parameters",
            "declaration",
        }
        free = free or (key == "not_judged" and not {"reason", "quantity"} & value.keys())
        return {
            (prefix + name if free else name): _prefixed(item, prefix, name) for name, item in value.items()
        }
    return value
