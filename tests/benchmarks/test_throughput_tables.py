"""What is made of the numbers: medians with their spread, ratios of the same round, and what was reached."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.judge_tables import readme_part
from benchmarks.throughput_plots import write_plots
from benchmarks.throughput_tables import (
    FULL,
    OURS,
    OURS_BY_TWO,
    PLACE,
    SMALL,
    Spread,
    bare_milliseconds,
    milliseconds,
    number,
    readme_table,
    report,
    speed_up,
    times_bare,
    times_faster,
)

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
JIT, EAGER, SLOW = "obvious test, jax.jit", "obvious test, eager jax.grad", "gradcheck"


def ours(ms: float, bare: float) -> dict[str, Any]:
    """A process of ours: 100 cases of so many milliseconds each, and of half as much processor time."""
    each = {"ms": bare / 3, "processor ms": bare / 6}
    return {
        **of(ms, 100),
        "shorter": [of(2 * ms, 50)],
        "imported": 1,
        "first": 5,
        "parts": {"float32": {"drawing": 0.25 * ms, "the rest": 0.75 * ms}},
        "end": 0.5,
        "programs": 0,
        "bare": dict.fromkeys(("reference", "torch", "jax"), each),
    }


def of(ms: float, cases: int) -> dict[str, Any]:
    return {"cases": cases, "seconds": ms * cases / 1e3, "processor": ms * cases / 2e3}


def numbers() -> dict[str, Any]:
    """Three processes of each, with round numbers: ours takes 1, 2 and 4 ms a case."""
    found = {
        OURS: [ours(1, 0.5), ours(2, 0.5), ours(4, 4)],
        OURS_BY_TWO: [{"cases": 10, "seconds": ms / 100} for ms in (0.5, 1, 4)],
        JIT: [of(ms, 5) for ms in (300, 320, 600)],
        EAGER: [of(ms, 5) for ms in (3000, 2000, 2000)],
        SLOW: [of(ms, 5) for ms in (100, 200, 400)],
    }
    growth = {
        axis: {"1": {"ours": 1.0, "bare": 0.5}, "8": {"ours": 3.0, "bare": 1.0}}
        for axis in ("depth", "width", "batch")
    }
    return {
        "made": {
            "command": "a command",
            "date": "2026-11-28",
            "processor": "a processor",
            "processes": 3,
            "seconds": 600,
            "python": "3.11",
            "versions": {"numpy": "2.0"},
            "cores": 2,
            "threads": {"OMP_NUM_THREADS": "1"},
            "system": "Linux",
        },
        "sizes": {
            SMALL: {"depth": 5, "width": 32, "batch": 16},
            FULL: {"depth": 8, "width": 64, "batch": 32},
        },
        "rates": {SMALL: found, FULL: {OURS: [ours(3, 1)] * 3}},
        "growth": [growth],
        "start": {"first": 30, "cases": 256},
    }


def row(text: str, first: str) -> list[str]:
    """The cells after the first, of the only row that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


# ---------------------------------------------------------------- what is kept


def kept() -> dict[str, Any]:
    return json.loads((RESULTS / "throughput.json").read_text(encoding="utf-8"))


def test_the_readmes_table_is_that_of_the_results() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_part(page, PLACE) == readme_table(kept()), (
        "make it anew: python -m benchmarks.throughput --tables --write"
    )


def test_the_report_is_that_of_the_results() -> None:
    assert (RESULTS / "throughput.md").read_text(encoding="utf-8") == report(kept())


def test_the_plots_that_the_report_shows_are_there() -> None:
    for line in (RESULTS / "throughput.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("!["):
            assert (RESULTS / line.partition("](")[2].removesuffix(")")).is_file(), line


def test_every_number_was_measured_in_as_many_processes_as_is_said() -> None:
    results = kept()
    for found in results["rates"].values():
        assert {len(parts) for parts in found.values()} == {results["made"]["processes"]}


# ---------------------------------------------------------------- statistics


def test_a_spread_is_the_median_the_least_and_the_most() -> None:
    assert Spread.of([5, 1, 3]) == (3, 1, 5)
    assert Spread.of([4, 1, 2, 3]) == (2.5, 1, 4)
    assert str(Spread.of([5, 1, 3])) == "3.00 (1.00–5.00)"
    assert str(Spread.of([1.001, 1.002])) == "1.00"


def test_nothing_measured_is_no_spread() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.00123, "0.00123"), (0.0456, "0.0456"), (0.123, "0.123"), (1.234, "1.23"), (12.34, "12.3"),
     (123.4, "123"), (1234.5, "1,234"), (99.96, "100.0")],
)  # fmt: skip
def test_numbers_have_the_digits_that_say_something(value: float, text: str) -> None:
    assert number(value) == text


def test_a_case_takes_the_seconds_by_the_cases() -> None:
    assert milliseconds({"cases": 4, "seconds": 2.0}) == 500
    assert milliseconds({"cases": 4, "seconds": 2.0, "processor": 1.0}, "processor") == 250


def test_the_bare_gradients_are_added_up() -> None:
    assert bare_milliseconds(ours(1, 0.75)) == pytest.approx(0.75)


def test_ratios_are_of_the_same_round_and_not_of_medians() -> None:
    found = numbers()["rates"][SMALL]
    # 300 / 1, 320 / 2 and 600 / 4; the ratio of the medians would be 160.
    assert times_faster(found, JIT) == pytest.approx((160, 150, 300))
    assert times_faster(found, EAGER) == pytest.approx((1000, 500, 3000))
    assert times_bare(found[OURS]) == pytest.approx((2, 1, 4))
    # Of processor time there is half, of both.
    assert times_bare(found[OURS], processor=True) == pytest.approx((2, 1, 4))
    assert speed_up(found) == pytest.approx((2, 1, 2))


def test_two_workers_that_were_not_measured_have_no_speed_up() -> None:
    results = numbers()
    del results["rates"][SMALL][OURS_BY_TWO]
    assert speed_up(results["rates"][SMALL]) is None
    assert "two workers / one" not in report(results)
    assert "as fast as one" not in readme_table(results)


# ---------------------------------------------------------------- tables


def test_a_tools_row_has_its_cases_its_times_and_ours_beside() -> None:
    text = report(numbers()).partition("## Full range")[0]
    assert row(text, OURS) == ["100", "2.00 (1.00–4.00)", "500 (250–1,000)", "1.00", "50 %"]
    assert row(text, JIT) == ["5", "320 (300–600)", "3.12 (1.67–3.33)", "160 (150–300)", "50 %"]
    assert row(text, OURS_BY_TWO)[-2:] == ["0.500 (0.500–1.00)", "–"]


def test_what_was_asked_for_is_said_to_be_reached_only_where_it_is() -> None:
    text = report(numbers()).partition("## What was to be reached")[2]
    assert row(text, "judged / bare, small") == ["≤ 2.5", "2.00", "yes"]
    assert row(text, "judged / bare, full range") == ["≤ 2.5", "3.00", "no"]
    assert row(text, "two workers / one") == ["≥ 1.8", "2.00", "yes"]
    assert row(text, f"faster than {JIT}") == ["≥ 150 ×", "160 ×", "yes"]
    assert row(text, f"faster than {EAGER}") == ["≥ 1,000 ×", "1,000 ×", "yes"]
    assert row(text, f"faster than {SLOW}") == ["≥ 100 ×", "100 ×", "yes"]


@pytest.mark.parametrize(("name", "slower"), [(JIT, 1.1), (EAGER, 1.1), (SLOW, 1.1)])
def test_a_tool_that_is_faster_than_it_may_be_is_not_reached(name: str, slower: float) -> None:
    results = numbers()
    for part in results["rates"][SMALL][name]:
        part["seconds"] /= slower
    assert row(report(results), f"faster than {name}")[-1] == "no"


@pytest.mark.parametrize(("peak", "reached"), [(1040, "yes"), (1060, "no")])
def test_memory_may_grow_by_a_twentieth(peak: float, reached: str) -> None:
    results = numbers()
    assert "Not measured" in report(results)
    runs = [{"cases": 200_000, "seconds": 200, "peak": peak}, {"cases": 10_000, "seconds": 10, "peak": 1000}]
    results["memory"] = {"date": "2026-11-28", "sizes": SMALL, "runs": runs}
    text = report(results)
    assert row(text, "more memory at most than at fewest cases")[-1] == reached
    assert row(text, "200,000") == [f"{peak:,}", "1.00"]


def test_the_parts_of_a_case_are_added_up() -> None:
    text = report(numbers()).partition("## Where the time of a case goes")[2]
    assert row(text, "drawing") == ["0.500 (0.250–1.00)", "0.750"]
    assert row(text, "all") == ["2.00 (1.00–4.00)", "3.00"]


def test_programs_that_were_compiled_in_between_are_told() -> None:
    results = numbers()
    assert "No program was compiled or read" in report(results)
    results["rates"][FULL][OURS][0] = {**ours(3, 1), "programs": 7}
    assert "up to 7 programs were compiled or read" in report(results)


def test_the_readmes_table_has_every_tool_and_where_and_when() -> None:
    text = readme_table(numbers())
    assert row(text, "")[:2] == [OURS, OURS_BY_TWO]
    assert row(text, "ms a judged case") == ["2.00", "1.00", "320", "2,000", "200"]
    assert row(text, "times ours") == ["1.00", "0.500", "160", "1,000", "100"]
    for told in ("3 processes on 2026-11-28, a processor", "500 judged cases a second", "2.00 ×", "3.00 ×"):
        assert told in text
    assert "2.00 × as fast as one" in text


def test_a_changed_number_changes_the_tables() -> None:
    before = numbers()
    after = copy.deepcopy(before)
    after["rates"][SMALL][JIT][1]["seconds"] *= 3
    assert readme_table(after) != readme_table(before)
    assert report(after) != report(before)


def test_the_same_numbers_give_the_same_plots(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "other")]
    other = copy.deepcopy(numbers())
    other["rates"][SMALL][JIT][1]["seconds"] *= 3
    other["growth"][0]["depth"]["8"]["ours"] = 30.0
    for folder, results in zip(folders, (numbers(), numbers(), other), strict=True):
        folder.mkdir()
        write_plots(results, folder)
    for name in ("throughput.svg", "throughput-growth.svg"):
        first, second, changed = ((folder / name).read_text(encoding="utf-8") for folder in folders)
        assert first == second
        assert first != changed
    assert all(tool in (folders[0] / "throughput.svg").read_text(encoding="utf-8") for tool in (OURS, JIT))
