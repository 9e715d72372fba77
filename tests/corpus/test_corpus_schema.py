"""The published JSON Schema of an entry: the model's, allows what is written, forbids what is not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backproof.corpus.files import entry_json
from backproof.corpus.model import VERSION
from backproof.corpus.schema import SCHEMA_FILE, schema_text
from tests.reporting.json_schema import violations

from .samples import kept

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
SEEDS = sorted((Path(__file__).parents[1] / "conformance" / "corpus").glob("*.json"))
FULL = {
    "equation": "B5",
    "cause": "σ' forgotten",
    "found": {"implementation": "mine", "mistake": "update-uphill"},
}


def _violations(values: Any) -> list[str]:
    return list(violations(values, SCHEMA, SCHEMA))


def test_the_published_schema_is_what_the_model_generates() -> None:
    remedy = "the model has changed: run python -m backproof.corpus.schema"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), remedy
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == f"urn:backproof:corpus-entry:{VERSION}"


def test_the_schema_allows_what_is_written() -> None:
    for entry in (kept().entry, kept(**FULL).entry):
        assert _violations(json.loads(entry_json(entry))) == []
    assert len(SEEDS) > 8
    for path in SEEDS:
        assert _violations(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "backproof-case"),
        ("version", "1.1"),
        ("version", 1.0),
        ("note", None),
        ("note", "x" * 501),
        ("equation", "B9"),
        ("cause", 1),
        ("found", {"date": "2026"}),
        ("case", []),
        ("date", "2026"),
    ],
)
def test_the_schema_forbids_what_is_not_read(key: str, value: Any) -> None:
    assert _violations({**json.loads(entry_json(kept().entry)), key: value})


@pytest.mark.parametrize("key", ["format", "version", "case"])
def test_the_schema_requires_what_an_entry_is(key: str) -> None:
    values = json.loads(entry_json(kept().entry))
    del values[key]
    assert _violations(values)
