"""The published JSON Schema is the model's, allows every line that is written, and forbids nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backproof.vectors.model import FORMAT, VERSION
from backproof.vectors.schema import SCHEMA_FILE, schema_text

from .files import edited, few_values

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def _validator() -> Any:
    reason = "needs the package jsonschema, which the extra 'dev' brings"
    return pytest.importorskip("jsonschema", reason=reason).Draft202012Validator(SCHEMA)


def _forbidden(value) -> bool:
    return not _validator().is_valid(value)


def test_the_published_schema_is_what_the_model_generates():
    remedy = "the model has changed: run python -m backproof.vectors.schema"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), remedy
    assert SCHEMA["$id"] == f"urn:backproof:vectors:{VERSION}"
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_is_one():
    _validator().check_schema(SCHEMA)


def test_the_schema_allows_every_line_that_is_written():
    values = few_values()
    assert (values[0]["format"], len(values) > 80) == (FORMAT, True)
    assert [line for line in values if _forbidden(line)] == []


@pytest.mark.parametrize(
    ("number", "key", "value"),
    [
        (0, "version", 2),
        (0, "format", "backproof-report"),
        (0, "seed", -1),
        (1, "dtype", "float16"),
        (1, "on_a_kink", "no"),
        (1, "note", 1),
        (1, "kind", "layers"),
        (1, "inputs", {"Z": {"shape": [1], "value": [0.0]}}),
        (1, "answers", {"A": {"shape": [1, 1], "value": [0.0], "bound": [-1.0]}}),
        (1, "answers", {"A": {"shape": [1, 1], "value": ["nan"], "bound": [1.0]}}),
        (-1, "vectors", -1),
    ],
)
def test_the_schema_forbids_what_is_not_written(number, key, value):
    line = json.loads(edited(number, lambda values: values.update({key: value}))[number])
    assert _forbidden(line)
