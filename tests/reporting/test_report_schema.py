"""The published JSON Schema is the model's, allows what is written and forbids what is not read."""

import copy
import json
from typing import Any

import pytest

from backproof.reporting.files import report_json
from backproof.reporting.model import VERSION, Report
from backproof.reporting.schema import SCHEMA_FILE, schema_text

from .json_schema import violations
from .sample_report import sample_report

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
VALUES = json.loads(report_json(sample_report()))


def _violations(values: Any) -> list[str]:
    return list(violations(values, SCHEMA, SCHEMA))


def test_the_published_schema_is_what_the_model_generates():
    remedy = "the model has changed: run python -m backproof.reporting.schema"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), remedy
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == f"urn:backproof:report:{VERSION}"


def test_the_schema_allows_what_is_written():
    assert _violations(VALUES) == []
    strange = sample_report(worst_ratio=float("nan"), equations=(), findings=(), matrix=(), kinks=())
    written = report_json(
        strange.model_copy(
            update={
                "counts": strange.counts.model_copy(update={"mismatch": 0, "judged": 939}),
                "findings_total": 0,
            }
        )
    )
    assert _violations(json.loads(written)) == []


def _edited(*path: str | int, to: Any) -> Any:
    values = copy.deepcopy(VALUES)
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return values


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "another-report"),
        (("schema_version",), 1.0),
        (("status",), "finished"),
        (("run", "seed"), -1),
        (("run", "seed"), 2**64),
        (("run", "dtypes"), "float32"),
        (("floor",), 1.5),
        (("floor",), True),
        (("worst_ratio",), "infinite"),
        (("counts", "judged"), None),
        (("counts", "passed"), 3),
        (("equations", 0, "verdict"), "right"),
        (("findings", 0, "scope"), "global"),
        (("findings", 0, "case_id"), "../../etc/passwd"),
        (("findings", 0, "layer"), 0),
        (("findings", 0, "entry"), [0, -1]),
        (("findings", 0, "number"), 0),
        (("environment", "flush_subnormals"), {"jax": "yes"}),
        (("times", "seconds"), -0.5),
        (("remarks",), "none"),
    ],
)
def test_schema_and_model_both_refuse_an_edited_report(path, value):
    edited = _edited(*path, to=value)
    assert _violations(edited), "the schema allows it"
    with pytest.raises(ValueError, match=r"validation error"):
        Report.model_validate(edited)


def test_a_report_that_lacks_a_key_that_the_schema_requires_is_refused():
    for key in SCHEMA["required"]:
        values = {name: value for name, value in VALUES.items() if name != key}
        assert _violations(values) == ["$: required"]
