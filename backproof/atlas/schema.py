"""The JSON Schema of atlas.json, published in the package beside its model.

`python -m backproof.atlas.schema` writes it again after the model has changed.
"""

from __future__ import annotations

import json
from pathlib import Path

from .model import VERSION, Atlas

SCHEMA_FILE = Path(__file__).parent / "schema" / f"atlas-{VERSION.split('.')[0]}.schema.json"


def schema_text() -> str:
    """The schema (draft 2020-12) as the published file has it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:backproof:atlas:{VERSION}",
        **Atlas.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
