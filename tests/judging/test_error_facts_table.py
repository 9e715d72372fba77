"""docs/error-facts.md by itself: whole, readable, and with nothing above 8 that is not declared.

What it says is held against what is measured by the tests that measure, `test_error_facts` and
`test_vector_facts`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import error_facts_table
import pytest
from error_facts_table import (
    FILE,
    INTRODUCTION,
    Cell,
    Environment,
    Table,
    cell,
    committed,
    complaints,
    disagreements,
    here,
    keys,
    read,
    require_in_table,
    written,
)
from measuring import Measured

KEY = ("tanh", "value", "jax", "float64")
BEYOND = ("softplus", "value", "torch", "float64")
"""Of which torch returns z itself beyond a threshold."""


def _measured(times: float, key: tuple[str, str, str, str] = KEY, beside: float = 1.0) -> Measured:
    return Measured(*key, times, beside, 3.5, "z = 0.5", 300)


def _with(key: tuple[str, str, str, str], **fields: Any) -> Table:
    """The committed table with one cell changed."""
    changed = committed().cells[key]._replace(**fields)
    return replace(committed(), cells={**committed().cells, key: changed})


def test_the_committed_table_is_whole_and_nothing_in_it_exceeds_8_undeclared() -> None:
    assert len(keys()) == len(set(keys())) > 600
    found = complaints(committed())
    assert FILE.read_text(encoding="utf-8").startswith(INTRODUCTION)
    assert not found, "\n".join([*found, "run make error-facts"])


def test_its_numbers_are_held_against_those_measured_here() -> None:
    if committed().environment != here():
        there = committed().environment
        pytest.skip(f"numbers are not compared: the table is of {there.versions}, {there.features}")


def test_the_seen_errors_are_in_it() -> None:
    """JAX's tanh in float64 is 6.9 u off; torch's softplus beyond its threshold is a declared deviation."""
    assert committed().cells[BEYOND].deviation == "torch-softplus-threshold"
    assert 4 < committed().cells[KEY].times < 8


# ---------------------------------------------------------------- wrong tables are seen


@pytest.mark.parametrize(
    ("key", "fields", "complaint"),
    [
        (KEY, {"times": 8.1}, "tanh value jax float64 has 8.1, and no declared deviation"),
        (KEY, {"times": 9.0, "deviation": "jax-log1p"}, "tanh value jax float64 has 9, and no declared"),
        (BEYOND, {"deviation": "torch-tanh"}, "softplus value torch float64 has .* and no declared"),
        (BEYOND, {"beside": 8.2}, "softplus value torch float64 has 8.2 beside torch-softplus-threshold"),
    ],
)
def test_more_than_8_needs_a_deviation_that_is_declared_and_explains_it(
    key: tuple[str, str, str, str], fields: dict[str, Any], complaint: str
) -> None:
    (found,) = complaints(_with(key, **fields))
    with pytest.raises(AssertionError, match=complaint):
        raise AssertionError(found)


def test_a_line_too_few_and_one_too_many_are_named() -> None:
    cells = {key: said for key, said in committed().cells.items() if key != KEY}
    cells["tanh", "value", "jax", "float16"] = Cell(1.0, "", 0.0)
    assert complaints(replace(committed(), cells=cells)) == [
        "no line for tanh value jax float64",
        "a line for tanh value jax float16, which there is not",
    ]


@pytest.mark.parametrize("times", [1.0, 20.0], ids=["less", "more"])
def test_a_number_that_differs_from_what_is_measured_is_named(times: float) -> None:
    said = committed().cells[KEY].times
    assert disagreements(committed(), [_measured(said)]) == []
    (found,) = disagreements(committed(), [_measured(times)])
    assert found == f"tanh value jax float64: the table has {said:g}, measured is {times:g} at z = 0.5"


def test_what_is_measured_and_has_no_line_is_named() -> None:
    found = disagreements(committed(), [_measured(1.0, ("newly", "value", "jax", "float64"))])
    assert found == ["newly value jax float64 has no line"]


@pytest.mark.parametrize("same", [True, False], ids=["the same machine", "another machine"])
def test_numbers_are_compared_under_the_same_versions_and_processor_only(
    same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = here() if same else Environment("numpy 1.0", here().features)
    monkeypatch.setattr(error_facts_table, "committed", lambda: replace(committed(), environment=environment))
    require_in_table([_measured(committed().cells[KEY].times)])
    if same:
        with pytest.raises(AssertionError, match=r"measured is 1 at z = 0\.5; run make error-facts"):
            require_in_table([_measured(1.0)])
    else:
        require_in_table([_measured(1.0)])
    with pytest.raises(AssertionError, match=r"^tanh: Measured.*beside=8\.5"):  # on any machine
        require_in_table([_measured(8.5, beside=8.5)])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Versions: ", "Version ", "does not say with which versions"),
        ("| tanh | value | float64 | ", "| tanh | value | float64 | exact | ", "a line has 7 cells: . tanh"),
        ("| tanh | value | float64 | ", "| tanh | value | float64 | about ", "'about .*' is no cell"),
        ("| tanh | value | float64 | ", "| tanh | value | float32 | ", "tanh value .* float32 has two lines"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(old: str, new: str, complaint: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text.count(old) == 1
    with pytest.raises(ValueError, match=complaint):
        read(text.replace(old, new))


# ---------------------------------------------------------------- what is written is read


@pytest.mark.parametrize(
    ("found", "text", "said"),
    [
        (_measured(0.0), "exact", (0.0, "", 0.0)),
        (_measured(1.234), "1.2, 3.5 ulp, at z = 0.5", (1.2, "", 0.0)),
        (_measured(4.01)._replace(ulps=float("nan")), "**4**, at z = 0.5", (4.0, "", 0.0)),
        (
            _measured(12345.0, BEYOND),
            "**1.2e+04** (1 beside torch-softplus-threshold), 3.5 ulp, at z = 0.5",
            (12000.0, "torch-softplus-threshold", 1.0),
        ),
        (
            _measured(float("inf"), beside=9.0),
            "**inf** (9 beside nothing), 3.5 ulp, at z = 0.5",
            (float("inf"), "nothing", 9.0),
        ),
    ],
)
def test_a_cell_is_read_as_it_was_written(found: Measured, text: str, said: Any) -> None:
    assert cell(found) == text
    all_found = [_measured(1.0, key) for key in keys()]
    table = read(written([*all_found, found], Environment("numpy 2.4.6, jax 0.10.2", "SSE AVX")))
    assert table.environment == Environment("numpy 2.4.6, jax 0.10.2", "SSE AVX")
    assert set(table.cells) == set(keys())
    assert table.cells[found.function, found.quantity, found.source, found.dtype] == said
