"""Two atlases beside each other: what is told as worse, and what is too little to be told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backproof.atlas.files import write_atlas
from backproof.atlas.model import Atlas
from backproof.atlas_changes import AtlasChange, compare_atlases, headline
from backproof.cli import main
from tests.atlas.planted import sample_atlas


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return sample_atlas()


def _edited(atlas: Atlas, **changes: Any) -> Atlas:
    """As if `exact` had had another error in the value of tanh in float32."""
    functions = []
    for row in atlas.functions:
        answers = []
        for answer in row.answers:
            quantities = [
                quantity.model_copy(update=changes)
                if (row.name, row.dtype, answer.by, quantity.quantity)
                == ("tanh", "float32", "exact", "value")
                else quantity
                for quantity in answer.quantities
            ]
            answers.append(answer.model_copy(update={"quantities": tuple(quantities)}))
        functions.append(row.model_copy(update={"answers": tuple(answers)}))
    return atlas.model_copy(update={"functions": tuple(functions)})


def _way(atlas: Atlas, old: dict[str, Any], new: dict[str, Any]) -> str | None:
    changes = compare_atlases(_edited(atlas, **old), _edited(atlas, **new)).changes
    assert all(change.name == "exact tanh, value, float32" for change in changes)
    return changes[0].way if changes else None


def _ulps(ulps: float | None, broken: int = 0) -> dict[str, Any]:
    return {"worst_ulps": ulps, "classes": {"accurate": 10, "non-finite": broken}}


def test_an_atlas_is_the_same_as_itself(atlas: Atlas) -> None:
    found = compare_atlases(atlas, atlas)
    assert (found.changes, found.unlike) == ((), ())
    assert found.compared > 8
    assert headline(found) == "No error is another one."


def test_a_value_is_held_against_a_value_where_one_atlas_has_a_derivative_more(atlas: Atlas) -> None:
    functions = []
    for row in atlas.functions:
        answers = [
            answer.model_copy(
                update={"quantities": tuple(q for q in answer.quantities if q.quantity != "value")}
            )
            for answer in row.answers
        ]
        functions.append(row.model_copy(update={"answers": tuple(answers)}))
    less = atlas.model_copy(update={"functions": tuple(functions)})
    for old, new in ((atlas, less), (less, atlas)):
        found = compare_atlases(old, new)
        assert found.changes == ()
        assert 0 < found.compared < compare_atlases(atlas, atlas).compared


@pytest.mark.parametrize(
    ("old", "new", "way", "back"),
    [
        (_ulps(2.0), _ulps(3.9), None, None),
        (_ulps(2.0), _ulps(4.0), "changed", "changed"),
        (_ulps(0.1), _ulps(0.9), None, None),
        (_ulps(2.0), _ulps(1e6), "worse", "better"),
        (_ulps(1e6), _ulps(1.9e6), None, None),
        (_ulps(1e6), _ulps(2e6), "worse", "better"),
        (_ulps(float("inf")), _ulps(float("inf")), None, None),
        (_ulps(float("inf"), 3), _ulps(float("inf"), 3), None, None),
        (_ulps(1e6), _ulps(float("inf")), "worse", "better"),
        (_ulps(2.0), _ulps(2.0, 1), "worse", "better"),
        (_ulps(1e6, 2), _ulps(2.0, 3), "worse", "better"),
        (_ulps(None), _ulps(1.5), "changed", "changed"),
    ],
)
def test_an_error_is_worse_beyond_the_threshold_only(
    atlas: Atlas, old: dict[str, Any], new: dict[str, Any], way: str | None, back: str | None
) -> None:
    assert atlas.threshold < 1e6
    assert _way(atlas, old, new) == way
    assert _way(atlas, new, old) == back


def test_what_one_alone_was_asked_about_is_left_out_and_what_is_unlike_is_told(atlas: Atlas) -> None:
    other = atlas.model_copy(
        update={
            "functions": atlas.functions[1:],
            "points": 100,
            "versions": {**atlas.versions, "planted": "2"},
        }
    )
    found = compare_atlases(atlas, other)
    assert found.changes == ()
    assert 0 < found.compared < compare_atlases(atlas, atlas).compared
    assert found.unlike == (("planted", "1", "2"), ("points", "200", "100"))


def test_another_way_to_offer_a_function_is_told(atlas: Atlas) -> None:
    first = atlas.functions[0]
    answers = tuple(
        answer.model_copy(update={"offer": "composed"} if answer.by == "exact" else {})
        for answer in first.answers
    )
    other = atlas.model_copy(
        update={"functions": (first.model_copy(update={"answers": answers}), *atlas.functions[1:])}
    )
    name = f"exact {first.name}, {first.dtype}"
    assert compare_atlases(atlas, other).changes == (AtlasChange("changed", name, "own", "composed"),)


def test_the_command_tells_atlases_from_reports_and_ends_with_1_for_what_is_worse(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_atlas(atlas, "old")
    write_atlas(_edited(atlas, **_ulps(1e6, 3)), "new")
    assert main(["compare", "old", "new/atlas.json"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("Worse: exact tanh, value, float32, ")
    assert " → 1e6 ulps, 3 not finite; 1 in all.\n" in out
    assert main(["compare", "new", "old"]) == 0
    assert capsys.readouterr().out.startswith("Better: exact tanh, value, float32, 1e6 ulps, 3 not finite → ")
    for words, told in (
        (("old", "nowhere"), "one of the two is an atlas, and the other is not; give two atlases or two rep"),
        (("old", "new", "--out", "x"), "--out is for reports and campaigns; leave it out for atlases"),
    ):
        assert main(["compare", *words]) == 2
        assert told in capsys.readouterr().err
    script = "import sys; from backproof.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    words = [sys.executable, "-c", script, "compare", "old", "new"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not {"torch", "jax", "optax"} & set(done.stdout.split())
