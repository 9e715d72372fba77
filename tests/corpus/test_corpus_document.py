"""docs/corpus.md: its commands end as the page says, and its table and its names are those of an entry."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest

from backproof.cli import main
from backproof.corpus import Entry, read_corpus
from backproof.reporting.files import read_report

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "corpus.md").read_text(encoding="utf-8")
SUITE = ROOT / "tests" / "conformance"


def _commands() -> list[tuple[list[str], int]]:
    """Each command of the page, and the exit status that it says."""
    lines = re.findall(r"^\$ (.*)$", PAGE, flags=re.MULTILINE)
    parts = [line.partition("  # exit status ") for line in lines]
    return [(shlex.split(command), int(status or 0)) for command, _, status in parts]


@pytest.fixture
def _without_type_checks() -> Iterator[None]:
    """The diagnosis follows steps in long doubles, which no signature of refimpl allows."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.mark.long
@pytest.mark.usefixtures("_without_type_checks")
def test_the_commands_of_the_page_end_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = _commands()
    assert [words[0] for words, _ in commands] == [*["backproof"] * 5, "pytest"]
    monkeypatch.chdir(tmp_path)
    for words, status in commands[:-1]:
        assert main(words[1:]) == status, words
    assert {kept.entry.note for kept in read_corpus("kept")} == {"db was that of one column"}
    assert all(kept.entry.cause for kept in read_corpus("kept"))
    assert {kept.entry.found.mistake for kept in read_corpus("kept")} == {"bias-from-one-column"}
    assert "corpus" in {row.name for row in read_report("both/report.json").regimes}
    words, status = commands[-1]
    words = [str(tmp_path / word) if word == "kept" else word for word in words]
    done = subprocess.run(
        [sys.executable, "-m", *words, "-p", "no:cacheprovider", "-o", "addopts=", "-q"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stdout
    assert f"{len(read_corpus('kept'))} passed" in done.stdout


def test_the_table_has_every_key_of_an_entry_and_no_other() -> None:
    table = PAGE.partition("## An entry")[2]
    named = re.findall(
        r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines() if row[:3] == "| `")
    )
    assert set(named) == set(Entry.model_fields)
    fields = Entry.model_fields
    assert f'`"{fields["format"].annotation.__args__[0]}"`' in table  # type: ignore[union-attr]
    assert f'`"{fields["version"].annotation.__args__[0]}"`' in table  # type: ignore[union-attr]


def test_the_test_that_the_page_names_is_one_of_the_suites_corpus() -> None:
    [name] = re.findall(r"one test, such as `([^`]+)`", PAGE)
    assert name in {kept.name for kept in read_corpus(SUITE / "corpus")}


def test_the_test_that_the_page_shows_is_the_suites() -> None:
    [shown] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    suite = (SUITE / "test_corpus.py").read_text(encoding="utf-8")
    assert shown.splitlines()[-1] == suite.splitlines()[-1]
    compile(shown, "docs/corpus.md", "exec")


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 60
