"""The JSON Schema of a line of a file of vectors, published in the package beside its model.

`python -m backproof.vectors.schema` writes it again after the model has changed.
"""

from __future__ import annotations

from pathlib import Path

from backproof.reporting.schema import published, text_of

from .model import LINE, VERSION

SCHEMA_FILE = Path(__file__).parent / "schema" / f"vectors-{VERSION}.schema.json"


def schema_text() -> str:
    """The schema (draft 2020-12) as the published file has it."""
    schema = {"title": "A line of a file of known-answer vectors", **LINE.json_schema()}
    return text_of(published("vectors", VERSION, schema))


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
