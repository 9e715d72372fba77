"""The JSON Schema of an entry of a corpus, published in the package beside its model.

`python -m backproof.corpus.schema` writes it again after the model has changed.
"""

from __future__ import annotations

from pathlib import Path

from backproof.reporting.schema import published, text_of

from .model import VERSION, Entry

SCHEMA_FILE = Path(__file__).parent / "schema" / f"corpus-entry-{VERSION.split('.')[0]}.schema.json"


def schema_text() -> str:
    """The schema (draft 2020-12) as the published file has it."""
    schema = Entry.model_json_schema(mode="validation")
    return text_of(published("corpus-entry", VERSION, schema))


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
