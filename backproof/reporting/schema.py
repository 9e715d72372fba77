"""The JSON Schema of report.json, published in the package beside the model it is generated from.

`python -m backproof.reporting.schema` writes it again after the model has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .model import VERSION, Report

SCHEMA_FILE = Path(__file__).parent / "schema" / f"report-{VERSION.split('.')[0]}.schema.json"


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `write_report` writes."""
    schema = Report.model_json_schema(mode="serialization")
    return published("report", VERSION, schema)


def published(name: str, version: str | int, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of backproof's with the dialect and the name by which it is known."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:backproof:{name}:{version}",
        **schema,
    }


def text_of(schema: Mapping[str, Any]) -> str:
    """A schema as a published file has it."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def schema_text() -> str:
    """The schema as the published file has it."""
    return text_of(report_schema())


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
