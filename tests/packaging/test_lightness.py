"""What is not imported: starting is quick where nothing heavy is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backproof.cli_lists import LISTS

from .installation import Installation

HEAVY = {"numpy", "torch", "jax", "optax", "flint", "pydantic", "jinja2", "rich", "typer", "hypothesis"}
OURS = {"refimpl", "oracles"}
TYPERS = {"typer", "rich", "pydantic"}  # what the command line is made of, and what that imports
# Packages that bring a pytest plugin of their own, which pytest loads beside ours.
OTHERS = ("-p", "no:jaxtyping", "-p", "no:hypothesispytest")

WRITE_MODULES = """
import json, sys

def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def imported_by(installation: Installation, folder: Path, *commands: str) -> tuple[str, set[str]]:
    """What these backproof commands print, and the modules that are imported when they have ended."""
    calls = "".join(f"assert main({command.split()!r}) == 0; print();" for command in commands)
    script = f"import json, sys; from backproof.cli import main; {calls}"
    script += "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    answer = installation.run("-c", script, cwd=folder)
    assert answer.status == 0, answer.err
    return answer.out, set(json.loads(answer.err))


def test_help_and_version_import_nothing_heavy(with_oracles: Installation, tmp_path: Path) -> None:
    printed, modules = imported_by(
        with_oracles,
        tmp_path,
        "--version",
        "--help",
        "run --help",
        "explain --help",
        "atlas --help",
        "corpus add --help",
        "campaign start --help",
    )
    assert printed.count("Usage: backproof") == 6
    assert "backproof.cli" in modules
    assert modules & ((HEAVY | OURS) - TYPERS) == set()


@pytest.mark.long
def test_the_lists_import_neither_torch_nor_jax_although_they_are_there(
    with_oracles: Installation, tmp_path: Path
) -> None:
    commands = [f"list {what} --json" for what in LISTS]
    printed, modules = imported_by(with_oracles, tmp_path, *commands)
    lists = [json.loads(text) for text in printed.strip().split("\n\n")]
    assert len(lists) == len(LISTS)
    oracles = {row["name"]: row["installed"] for row in lists[list(LISTS).index("oracles")]}
    assert (oracles["torch"], oracles["jax"]) == (True, True)
    assert modules & {"torch", "jax", "optax"} == set()


def test_a_pytest_session_that_does_not_use_backproof_pays_nothing_for_it(
    with_oracles: Installation, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text(WRITE_MODULES)
    (tmp_path / "test_other.py").write_text("def test_other():\n    assert True\n")
    answer = with_oracles.run("-m", "pytest", "-q", *OTHERS, cwd=tmp_path)
    assert answer.status == 0, answer.out + answer.err
    assert "backproof" not in answer.out  # no section of ours in the summary
    modules = set(json.loads((tmp_path / "modules.json").read_text()))
    assert {name for name in modules if name.startswith("backproof")} == {
        "backproof",
        "backproof.pytest_plugin",
    }
    assert modules & (HEAVY | OURS) == set()


@pytest.mark.long
def test_the_plugin_shows_its_options_to_every_pytest(alone: Installation, tmp_path: Path) -> None:
    answer = alone.run("-m", "pytest", "--help", cwd=tmp_path)
    for option in ("--backproof-report=DIR", "--backproof-mistake=NAME", "--backproof-oracles=NAMES"):
        assert option in answer.out
