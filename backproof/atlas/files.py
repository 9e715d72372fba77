"""An atlas on disk: atlas.json, and atlas.html, which is made of it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from backproof.errors import ReportError
from backproof.reporting.files import check_version, first_problem, json_by_rows, read_text, write_texts
from backproof.reporting.safe_text import safe_text
from refimpl import InvalidCaseError
from refimpl.serialization import parse_json

from .model import FORMAT, VERSION, Atlas
from .page import atlas_html

JSON_NAME, HTML_NAME = "atlas.json", "atlas.html"


def atlas_json(atlas: Atlas) -> str:
    """The atlas as JSON: keys sorted, a line for each function in each dtype."""
    return json_by_rows(atlas.model_dump(mode="json"), (",", ":"))


def write_atlas(atlas: Atlas, directory: str | os.PathLike[str]) -> Path:
    """Writes both files into `directory`, which is made if need be; returns the path of the page.

    Raises ReportError if anything cannot be written.
    """
    folder = Path(directory)
    write_texts(folder, {HTML_NAME: atlas_html(atlas), JSON_NAME: atlas_json(atlas)})
    return folder / HTML_NAME


def read_atlas(path: str | os.PathLike[str]) -> Atlas:
    """The atlas in the JSON file `path`, validated.

    Raises ReportError of one line for a file that cannot be read, was cut short or edited, or has a newer
    version than this reader.
    """
    place = safe_text(str(path))
    text = read_text(Path(path), f"a whole {JSON_NAME}")
    try:
        values = parse_json(text)
    except InvalidCaseError as error:
        raise ReportError(f"{place} is not a whole atlas: {safe_text(str(error))}") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ReportError(f"{place} is not an atlas: its 'format' is not {FORMAT!r}; give a {JSON_NAME}")
    check_version(values.get("version"), VERSION, place, "version", "atlas", "make it again")
    try:
        return Atlas.model_validate(values)
    except ValidationError as error:
        problem = first_problem(error, "the atlas")
        raise ReportError(f"{place} is not a valid atlas: {problem}; was it edited?") from None
