"""The contenders train the same network, which is checked, and the page says what was measured."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import reference, reference_tables, training_steps
from benchmarks.reference_tables import page, ratio_of, ratios, spread, time_of, verdict
from benchmarks.training_steps import BARE, CONTENDERS, REFERENCE, disagreements, problem

RESULTS = Path(reference.__file__).parent / "results"
SMALL = problem((3, 5, 4), 6)


def test_all_contenders_reach_torchs_loss() -> None:
    assert disagreements(SMALL, CONTENDERS) == []


@pytest.mark.parametrize("factor", [0.5, float("nan")])
def test_a_contender_that_reaches_another_loss_is_named(factor: float) -> None:
    def other(given: Any) -> Any:
        run = training_steps.jax_jit(given)
        return lambda steps: factor * float(run(steps))

    (found,) = disagreements(SMALL, {"jax.jit": training_steps.jax_jit, "other": other})
    assert found.startswith("other: ")


def test_a_process_without_agreement_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "SIZES", (((3, 2), 4),))
    monkeypatch.setattr(training_steps, "disagreements", lambda *_: ["jax.jit: 1.0, torch: 2.0"])
    with pytest.raises(SystemExit, match=r"^not the same training of 3-2, batch 4: jax\.jit: 1\.0"):
        reference.measured(
            reference.Setting("", 1, contenders=("jax.jit",)), clock=itertools.count().__next__
        )


def test_the_fastest_round_counts() -> None:
    now = [0.0]

    def run(_steps: int) -> None:
        rounds.append(1)
        now[0] += 4.0 if len(rounds) == 5 else 7.0

    rounds: list[int] = []
    found = reference.fastest({"one": run}, lambda: now[0])
    assert found == {"one": 4.0 / reference.FEWEST_STEPS}
    assert len(rounds) == 2 + reference.ROUNDS


def test_a_process_starts_with_its_threads_and_without_what_slows_openblas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    one, two = (reference.SETTINGS[name].environment() for name in ("one", "two"))
    assert not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & (one.keys() | two.keys())
    assert (one["OPENBLAS_NUM_THREADS"], two["OPENBLAS_NUM_THREADS"]) == ("1", "2")
    assert "intra_op_parallelism_threads=1" in one["XLA_FLAGS"]
    assert "XLA_FLAGS" not in two


# ---------------------------------------------------------------- the page

# Of three processes: torch takes 2, 3 and 4 times as long as the reference, jax ½, ¾ and 1 times.
TIMES = [
    {"net": {REFERENCE: 2e-4, "torch eager": torch, "jax.jit": jax, BARE: 1e-4}}
    for torch, jax in ((4e-4, 1e-4), (6e-4, 1.5e-4), (8e-4, 2e-4))
]


def test_a_ratio_is_taken_in_each_process_and_its_median_and_ends_are_shown() -> None:
    assert ratios(TIMES, "net", "torch eager", REFERENCE) == pytest.approx([2, 3, 4])
    assert spread([4.0, 2.0, 3.0], ratio_of) == "3.00 (2.00–4.00)"
    assert spread([4.0, 4.0, 4.001], ratio_of) == "4.00"
    assert (ratio_of(9.99), ratio_of(12.6)) == ("9.99", "13")


def test_times_are_in_microseconds_below_a_millisecond() -> None:
    assert [time_of(t) for t in (4.94e-05, 9.994e-4, 9.996e-4, 0.0104)] == [
        "49 µs",
        "999 µs",
        "1 ms",
        "10.4 ms",
    ]


def test_the_sentence_names_where_the_reference_is_slower() -> None:
    expected = (
        "Of 1 networks the reference is slower than torch eager on none and than jax.jit on 1: net (0.75)."
    )
    assert verdict(TIMES) == expected


def test_the_page_is_that_of_the_results_that_are_kept() -> None:
    data = json.loads((RESULTS / "reference.json").read_text())
    titles = {name: setting.title for name, setting in reference.SETTINGS.items()}
    text = page(data, titles)
    assert (RESULTS / "reference.md").read_text() == text
    assert [line for line in text.splitlines() if line.startswith("| **reference over")]
    for network in data["times"]["one"][0]:
        assert network in text


def test_the_plot_names_every_contender_and_is_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first.svg", "again.svg", "other.svg"))
    for path, times in ((first, TIMES), (again, TIMES), (other, TIMES[:1])):
        reference_tables.plot(times, path)
    assert all(f">{name}<" in first.read_text() for name in (*TIMES[0]["net"], "net"))
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
