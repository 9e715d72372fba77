"""atlas.json holds the whole atlas, its published schema is the model's, and what is no atlas is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backproof.atlas.files import HTML_NAME, JSON_NAME, atlas_json, read_atlas, write_atlas
from backproof.atlas.model import FORMAT, VERSION
from backproof.atlas.schema import SCHEMA_FILE, schema_text
from backproof.errors import ReportError

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def _validator() -> Any:
    reason = "needs the package jsonschema, which the extra 'dev' brings"
    return pytest.importorskip("jsonschema", reason=reason).Draft202012Validator(SCHEMA)


def test_what_is_written_is_read_again(atlas, tmp_path):
    page = write_atlas(atlas, tmp_path / "new")
    assert page == tmp_path / "new" / HTML_NAME
    found = read_atlas(tmp_path / "new" / JSON_NAME)
    assert atlas_json(found) == atlas_json(atlas)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [HTML_NAME, JSON_NAME]


def test_each_function_and_dtype_has_a_line(atlas):
    lines = atlas_json(atlas).splitlines()
    assert sum(line.startswith('  {"answers"') for line in lines) == len(atlas.functions) == 6


def test_the_published_schema_is_what_the_model_generates():
    remedy = "the model has changed: run python -m backproof.atlas.schema"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), remedy
    assert SCHEMA["$id"] == f"urn:backproof:atlas:{VERSION}"
    _validator().check_schema(SCHEMA)


def test_the_schema_allows_what_is_written(atlas):
    assert list(_validator().iter_errors(json.loads(atlas_json(atlas)))) == []


def _edited(atlas, path, value) -> Any:
    values = json.loads(atlas_json(atlas))
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return values


QUANTITY = ("functions", 0, "answers", 0, "quantities", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "backproof-report"),
        (("points",), -1),
        (("threshold",), 0),
        (("functions", 0, "dtype"), "float16"),
        (("functions", 0, "kind"), "layer"),
        (("functions", 0, "answers", 0, "offer"), "maybe"),
        ((*QUANTITY, "quantity"), "slope"),
        ((*QUANTITY, "classes"), {"wrong": 1}),
        ((*QUANTITY, "worst_ulps"), "many"),
        ((*QUANTITY, "colour"), "red"),
    ],
)
def test_what_is_not_written_is_forbidden_and_refused(atlas, path, value, tmp_path):
    values = _edited(atlas, path, value)
    assert not _validator().is_valid(values)
    (tmp_path / JSON_NAME).write_text(json.dumps(values))
    with pytest.raises(ReportError, match=r"is not an atlas|is not a valid atlas: .*; was it edited\?"):
        read_atlas(tmp_path / JSON_NAME)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("functions", 0, "answers", 0, "quantities"), [], "has quantities"),
        ((*QUANTITY, "profile"), [1.0], "different lengths"),
    ],
)
def test_what_the_schema_cannot_tell_is_refused(atlas, path, value, told, tmp_path):
    (tmp_path / JSON_NAME).write_text(json.dumps(_edited(atlas, path, value)))
    with pytest.raises(ReportError, match=told):
        read_atlas(tmp_path / JSON_NAME)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("{", "is not a whole atlas"),
        ("[]", "is not an atlas: its 'format' is not 'backproof-atlas'"),
        (
            json.dumps({"format": FORMAT, "version": "2.0"}),
            "has atlas version 2.0; this backproof reads up to",
        ),
        (json.dumps({"format": FORMAT, "version": 1}), "its 'version' is not like"),
    ],
)
def test_a_file_that_is_no_atlas_is_refused(text, told, tmp_path):
    (tmp_path / JSON_NAME).write_text(text)
    with pytest.raises(ReportError, match=told):
        read_atlas(tmp_path / JSON_NAME)


def test_a_folder_that_cannot_be_written_is_told(atlas, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"cannot write a report into .*; choose another folder"):
        write_atlas(atlas, tmp_path / "file")
