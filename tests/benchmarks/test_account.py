"""The judge's account: what a chunk counts, that an interrupted run goes on, and what the summary says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backproof.diagnosis.mistakes import MISTAKES
from benchmarks import account, account_chunk, account_summary
from benchmarks.account_chunk import Chunk

CHUNK = Chunk("small", 7, "float32", 0, 24, (3, 8, 8), 4)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return account.judged(CHUNK)


def test_correct_cases_raise_no_alarm_and_are_held_against_the_truth(found: dict[str, Any]) -> None:
    counters = found["counters"]
    assert sum(counters["verdicts"].values()) == CHUNK.count
    assert found["findings"] == []
    assert sum(counters["truth: why"].values()) >= 2
    assert min(counters["truth: entries"].values()) > 100
    assert set(found["worst"]) == {
        f"{side}, {scope}" for side in ("reference", "torch", "jax") for scope in ("local", "end to end")
    }
    assert max(found["worst"].values()) <= 1


def test_errors_of_three_bounds_are_found_and_those_of_a_tenth_are_not(found: dict[str, Any]) -> None:
    for scope in ("local", "end to end"):
        injected = found["counters"][f"injected, {scope}"]
        assert injected["3.0 of"] >= 15
        assert injected["3.0 found"] == injected["3.0 of"]
        assert injected["0.1 found"] == 0


def test_a_wrong_equation_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_chunk, "Backprop", MISTAKES["update-uphill"].implementation)
    wrong = account_chunk.judged(Chunk("small", 7, "float64", 0, 4, (3, 8, 8), 4, injects=False))
    assert wrong["counters"]["verdicts"]["mismatch"] >= 1
    assert "W_updated" in wrong["findings"][0]
    assert any(name.endswith("mismatch") for name in wrong["counters"]["truth: outside"])


def test_the_plan_has_a_million_cases_half_in_each_dtype_and_100_000_of_all_sizes() -> None:
    chunks = account.plan()
    assert len({chunk.key for chunk in chunks}) == len(chunks)
    cases = {dtype: sum(c.count for c in chunks if c.dtype == dtype) for dtype in ("float32", "float64")}
    assert cases["float32"] == cases["float64"] >= 500_000
    assert sum(chunk.count for chunk in chunks if chunk.population == "full range") >= 100_000
    assert len({chunk.population for chunk in chunks[:40]}) == 3


def test_a_line_that_was_cut_off_is_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]
) -> None:
    other = Chunk("small", 7, "float64", 0, 24, (3, 8, 8), 4)
    lines = [json.dumps(found), json.dumps(found | {"key": other.key})]
    path = tmp_path / "chunks.jsonl"
    path.write_text(lines[0] + "\n" + lines[1][:-40], encoding="utf-8")
    assert [result["key"] for result in account.results(tmp_path)] == [CHUNK.key]
    monkeypatch.setattr(account, "plan", lambda: [CHUNK])
    account.run(tmp_path, 1, None)  # nothing is missing, and the rest of the line is gone
    assert path.read_text(encoding="utf-8") == lines[0] + "\n"


def test_the_summary_adds_up_and_names_what_was_found(tmp_path: Path, found: dict[str, Any]) -> None:
    wrong = json.loads(json.dumps(found)) | {"findings": ["small 7 float32, case 3: dW is wrong"]}
    wrong["counters"]["verdicts"] = {"mismatch": 2, "conforms": CHUNK.count - 2}
    account_summary.summarise([found, wrong], tmp_path)
    facts = json.loads((tmp_path / "account.json").read_text(encoding="utf-8"))
    whole = facts["totals"]["all"]
    assert whole["cases"] == 2 * CHUNK.count
    assert whole["verdicts"]["mismatch"] == 2
    text = (tmp_path / "account.md").read_text(encoding="utf-8")
    assert "**48 correct cases, 2 mismatches and faults.**" in text
    assert "- small 7 float32, case 3: dW is wrong" in text


@pytest.mark.parametrize(("q", "expected"), [(0.1, 1), (0.5, 2), (0.75, 2), (0.76, 10), (1.0, 10)])
def test_quantiles_of_counts(q: float, expected: int) -> None:
    assert account_summary.quantile({"1": 1, "2": 2, "10": 1}, q) == expected
