"""The JSON Schema of report.json, published in the package beside the model it is generated from.

`python -m backproof.reporting.schema` writes it again after the model has changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .model import VERSION, Report

SCHEMA_FILE = Path(__file__).parent / "schema" / f"report-{VERSION.split('.')[0]}.schema.json"


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `write_report` writes."""
    schema = Report.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:backproof:report:{VERSION}",
        **schema,
    }


def schema_text() -> str:
    """The schema as the published file has it."""
    return json.dumps(report_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
