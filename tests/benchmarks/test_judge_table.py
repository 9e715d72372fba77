"""The tables say what was measured, and the README's is the one made of the results that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.judge_tables import (
    comments,
    in_readme,
    readme_part,
    readme_table,
    report,
    share,
    total,
    with_count,
)

BEGIN, END = comments("judge table")
ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def counts(count: int, of: int, silent: int = 0) -> dict[str, int]:
    return {"count": count, "not judged": silent, "of": of}


def test_the_readmes_table_is_that_of_the_results() -> None:
    results = json.loads((RESULTS / "judge.json").read_text(encoding="utf-8"))
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_part(page) == readme_table(results), (
        "make it anew: python benchmarks/judge.py --tables --write-readme"
    )


def test_the_report_is_that_of_the_results() -> None:
    results = json.loads((RESULTS / "judge.json").read_text(encoding="utf-8"))
    assert (RESULTS / "judge.md").read_text(encoding="utf-8") == report(results)


def test_a_changed_number_changes_the_table() -> None:
    results = json.loads((RESULTS / "judge.json").read_text(encoding="utf-8"))
    before = readme_table(results)
    name = results["tools"][0]["name"]
    results["measured"]["ordinary and smooth"]["float64"][name]["alarms"]["reference"]["count"] += 7
    assert readme_table(results) != before


@pytest.mark.parametrize(
    ("counted", "text"),
    [
        (counts(0, 1000), "0"),
        (counts(1, 10_000), "0.1 %"),
        (counts(5, 1000), "0.5 %"),
        (counts(127, 1000), "13 %"),
        (counts(9999, 10_000), "99.9 %"),
        (counts(30, 30), "100 %"),
        (counts(0, 0), "–"),
        (None, "–"),
    ],
)
def test_none_and_all_are_said_of_none_and_all_only(counted: dict[str, int] | None, text: str) -> None:
    assert share(counted) == text


def test_counts_are_shown_with_what_was_not_judged() -> None:
    assert with_count(counts(3, 10)) == "3/10"
    assert with_count(counts(3, 10, 2)) == "3/10, 2 not judged"
    assert total([counts(1, 2), counts(3, 4, 1)]) == counts(4, 6, 1)


def test_only_what_is_between_the_comments_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert in_readme(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert readme_part(in_readme(page, "new")) == "new"


@pytest.mark.parametrize("page", ["no comments", f"{BEGIN} and no end", f"{END} and no beginning"])
def test_a_page_without_the_comments_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="has no <!-- judge table"):
        in_readme(page, "new")
