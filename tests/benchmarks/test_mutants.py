"""Survivors are held against the page that lists them, and the page against the code."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import mutants
from benchmarks.mutants import PAGE, ROOT, Mutant, Outcome, compared, listed_in, mutant, with_numbers

PLUS = Mutant("losses._error", ("- return A - Y", "+ return A + Y"))
CLOSED = Mutant("domains.Interval.contains", ("- return a < b", "+ return a <= b"))
BLOCK = """
### A reason

Because.

```diff
@@ losses._error
-        return A - Y
+        return A + Y
@@ domains.Interval.contains
- return a < b
+ return a <= b
```
"""


def outcome(found: Mutant, status: str) -> Outcome:
    return Outcome("name", found, status)


# ---------------------------------------------------------------- what is listed


def test_the_mutants_of_a_page_are_read_from_its_diffs_however_they_are_indented():
    assert listed_in(f"# Title\n{BLOCK}") == Counter([PLUS, CLOSED])
    assert listed_in(BLOCK * 2) == Counter([PLUS, CLOSED] * 2)
    assert listed_in("# Title\n\n```python\n@@ losses._error\n```\n") == Counter()


def test_a_mutant_is_printed_as_a_page_lists_it():
    printed = f"```diff\n{PLUS}\n{CLOSED}\n```"
    assert listed_in(printed) == Counter([PLUS, CLOSED])
    assert mutant("losses._error", ["-      return A - Y", "+      return A + Y", "-"]) == PLUS


# ---------------------------------------------------------------- the judgement


def test_survivors_that_are_listed_are_in_order():
    found = compared([outcome(PLUS, "survived"), outcome(CLOSED, "killed")], Counter([PLUS]))
    assert (found.exit_code, found.unlisted, found.stale) == (0, Counter(), Counter())
    assert str(found) == "2 mutants, 1 killed, 0 timeout, 1 survived"


@pytest.mark.parametrize("status", ["survived", "no tests"])
def test_a_survivor_that_is_not_listed_is_shown_and_is_a_failure(status: str):
    found = compared([outcome(PLUS, "survived"), outcome(CLOSED, status)], Counter([PLUS]))
    assert (found.exit_code, found.unlisted, found.stale) == (1, Counter([CLOSED]), Counter())
    assert "1 survived, and not listed in docs/mutants.md" in str(found)
    assert str(found).endswith(f"\n\n{CLOSED}")


def test_each_of_two_mutants_that_read_alike_is_listed():
    twice = [outcome(PLUS, "survived")] * 2
    assert compared(twice, Counter([PLUS])).unlisted == Counter([PLUS])
    assert compared(twice, Counter([PLUS, PLUS])).exit_code == 0


def test_a_run_that_was_not_finished_is_a_failure():
    found = compared([outcome(PLUS, "killed"), outcome(CLOSED, "not checked")], Counter())
    assert (found.exit_code, found.unlisted, found.stale) == (1, Counter(), Counter())
    assert str(found) == "2 mutants, 1 killed, 0 timeout, 0 survived, 1 not checked"


@pytest.mark.parametrize("status", ["killed", "timeout"])
def test_a_listed_mutant_that_no_longer_survives_is_shown_and_is_no_failure(status: str):
    found = compared([outcome(PLUS, status)], Counter([PLUS]))
    assert (found.exit_code, found.unlisted, found.stale) == (0, Counter(), Counter([PLUS]))
    assert "1 listed there, and no longer a survivor:" in str(found)
    # A mutant that is not made any more, since its line has changed, is as stale.
    assert compared([], Counter([PLUS])).stale == Counter([PLUS])


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize(("status", "exit_code"), [("survived", 1), ("killed", 0)])
def test_the_command_fails_on_a_survivor_without_a_reason_and_writes_the_numbers(
    status: str,
    exit_code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    page = tmp_path / "docs" / "mutants.md"
    page.parent.mkdir()
    page.write_text(
        "# Mutants\n\n<!-- numbers: begin -->\nold\n<!-- numbers: end -->\nrest\n", encoding="utf-8"
    )
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    monkeypatch.setattr(mutants, "PAGE", page)
    monkeypatch.setattr(mutants, "outcomes", lambda: iter([outcome(PLUS, status)]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert mutants.main(["--judge", "--write"]) == exit_code
    assert (str(PLUS) in capsys.readouterr().out) == (status == "survived")
    written = page.read_text(encoding="utf-8")
    assert "\n| all | 1 |\n" in written
    assert f"\n| {status} | 1 |\n" in written
    assert written.endswith("|\n<!-- numbers: end -->\nrest\n")
    assert "old" not in written


def test_to_run_again_forgets_all_but_what_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    meta = tmp_path / "mutants" / "refimpl" / "losses.py.meta"
    meta.parent.mkdir(parents=True)
    meta.write_text(
        '{"exit_code_by_key": {"a": 1, "b": 0, "c": 36, "d": null}, "other": 2}', encoding="utf-8"
    )
    (tmp_path / "mutants" / "mutmut-stats.json").touch()
    monkeypatch.chdir(tmp_path)
    mutants.forget_survivors()
    assert [path.name for path in (tmp_path / "mutants").iterdir()] == ["refimpl"]
    kept = json.loads(meta.read_text(encoding="utf-8"))
    assert kept == {"exit_code_by_key": {"a": 1, "b": None, "c": None, "d": None}, "other": 2}


def test_numbers_are_put_between_the_marks_only():
    page = "before\n<!-- numbers: begin -->\nold\n<!-- numbers: end -->\nafter\n"
    assert with_numbers(page, "new\n") == page.replace("old", "new")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("refimpl.losses.x__error__mutmut_12", "losses._error"),
        ("refimpl.activations.x_softmax__mutmut_1", "activations.softmax"),
        ("refimpl.network.xǁCaseǁ__post_init____mutmut_3", "network.Case.__post_init__"),
        ("refimpl.functions.xǁ_Entryǁcomplete__mutmut_9", "functions._Entry.complete"),
    ],
)
def test_a_function_is_called_what_it_is_called_in_the_code(name: str, function: str):
    assert mutants.readable(name) == function


# ---------------------------------------------------------------- the page


def test_every_group_of_the_page_has_a_reason_and_every_line_that_is_changed_is_in_the_code():
    page = PAGE.read_text(encoding="utf-8")
    groups = page.partition("\n## Survivors\n")[2].split("\n### ")[1:]
    assert groups
    assert all(len(group.partition("\n")[2].partition("```diff")[0].split()) >= 8 for group in groups)
    listed = listed_in(page)
    assert sum(listed_in(group).total() for group in groups) == listed.total()
    for function, diff in listed:
        code = (ROOT / "refimpl" / f"{function.partition('.')[0]}.py").read_text(encoding="utf-8")
        lines = {line.strip() for line in code.splitlines()}
        assert {line[2:] for line in diff if line[0] == "-"} <= lines, f"{function} has changed: {diff}"


def test_the_page_s_numbers_are_those_of_its_list():
    page = PAGE.read_text(encoding="utf-8")
    numbers = {status: int(n) for status, n in re.findall(r"^\| ([a-z ]+) \| (\d+) \|$", page, re.MULTILINE)}
    assert numbers["survived"] == listed_in(page).total()
    assert numbers["all"] == sum(numbers.values()) - numbers["all"]
