"""The JSON Schema of atlas.json, published in the package beside its model.

`python -m backproof.atlas.schema` writes it again after the model has changed.
"""

from __future__ import annotations

from pathlib import Path

from backproof.reporting.schema import published, text_of

from .model import VERSION, Atlas

SCHEMA_FILE = Path(__file__).parent / "schema" / f"atlas-{VERSION.split('.')[0]}.schema.json"


def schema_text() -> str:
    """The schema (draft 2020-12) as the published file has it."""
    schema = Atlas.model_json_schema(mode="serialization")
    return text_of(published("atlas", VERSION, schema))


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
