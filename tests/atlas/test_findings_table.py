"""docs/findings-by-function.md has every place that an atlas finds in torch, JAX and optax, and no other."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from backproof.atlas.making import make_atlas
from backproof.atlas.model import Atlas
from backproof.atlas.options import AtlasOptions
from tests.atlas import findings_table
from tests.atlas.findings_table import (
    BROKEN,
    FILE,
    FINDINGS,
    OF_THE_COMPOSITION,
    OFF,
    OURS,
    OURS_OFF,
    WHY,
    Key,
    differences,
    found_in,
    processor,
    read,
    unknown,
    whole_atlas,
    written,
)
from tests.atlas.planted import Planted

PAGE = FILE.read_text(encoding="utf-8")


def test_each_line_of_the_page_has_its_reason_and_each_reason_a_line():
    assert read(PAGE).keys() == WHY.keys() | OF_THE_COMPOSITION.keys()


def test_each_reason_is_told_somewhere():
    page = FINDINGS.read_text(encoding="utf-8")
    assert unknown((why for reasons in WHY.values() for why in reasons), page) == []
    assert unknown(["torch-softplus-threshold", "jax-squareplus-squares", "nothing"], page) == ["nothing"]


@pytest.fixture(scope="module")
def planted() -> Atlas:
    """A small atlas of one who errs in tanh, beside one who composes what is wrong."""

    def plant(sweep, value, slope) -> None:
        if sweep.spec.name == "tanh":
            value[:, (sweep.at > 2) & (sweep.at < 30)] *= 1.5
            slope[:, sweep.at > 1e30] = np.nan

    answerers = {"exact": Planted(), "wrong": Planted(plant), "composed": Planted(plant, "composed")}
    return make_atlas(AtlasOptions(activations=("tanh",), points=200), lambda *_: None, answerers)


def test_what_the_page_has_not_and_what_it_has_too_much_are_told(planted, monkeypatch):
    keys = Key("wrong", "tanh", "value", OFF), Key("wrong", "tanh", "derivative", BROKEN)
    monkeypatch.setattr(findings_table, "WHY", dict.fromkeys(keys, ("torch-celu-alpha", "large-powers")))
    page = written(planted)
    assert read(page) == dict.fromkeys(keys, ("float32", "float64"))
    assert page.count("| `torch-celu-alpha`; [Large powers](findings.md#large-powers) |") == 2
    assert differences(page, planted) == []
    assert differences(
        page.replace("tanh | value | float32, float64", "relu | value | float32"), planted
    ) == [
        "new: wrong tanh value inaccurate in float32",
        "new: wrong tanh value inaccurate in float64",
        "no longer: wrong relu value inaccurate in float32",
    ]
    assert differences(page.replace("derivative | float32, float64", "derivative | float64"), planted) == [
        "new: wrong tanh derivative non-finite in float32"
    ]


def test_the_page_says_on_which_processor_it_was_written():
    assert processor()
    assert "\nVersions: " in PAGE
    assert "\nProcessor: " in PAGE


def test_a_line_that_cannot_be_read_is_told():
    with pytest.raises(ValueError, match="a line has 2 cells, not 9"):
        read("## torch\n\n| tanh | value |\n")


@pytest.mark.long
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "jax", "optax")),
    reason="torch, jax and optax are not all installed",
)
def test_an_atlas_finds_what_the_page_has_and_nothing_else():
    if f"Processor: {processor()}.\n" not in PAGE:
        pytest.skip("the page is of another processor, on which other errors are just beyond 100 ulps")
    atlas = whole_atlas()
    assert differences(PAGE, atlas) == [], "look at what has changed, then run make findings-table"
    assert {key for key in found_in(atlas) if key.by == OURS} == OURS_OFF
    assert read(written(atlas)) == read(PAGE)
