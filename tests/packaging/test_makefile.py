"""`make` sets up what it needs, once, and takes up again what was interrupted; python is a stand-in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from .import_graph import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

PYTHONS = ("python", "python3", "python3.11", "python3.12", "python3.13", "python3.14")
# Writes down how it was called; makes a virtual environment of itself; fails where a file says so.
STAND_IN = r"""#!/bin/sh
name=$(basename "$0")
case "$1 $2" in
"-c "*) test ! -e "$0.old"; exit ;;
"-m pip") if test "$3" = --version; then test ! -e "$0.nopip"; exit; fi ;;
esac
echo "$name $*" >> calls
case "$1 $2" in
"-m venv")
    rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
"-m pip")
    test ! -e fail ;;
esac
"""

INSTALLS = [
    "python -m pip install --quiet -c constraints.txt torch==2.13.0 hatchling",
    "python -m pip install --quiet -c constraints.txt --no-build-isolation -e .[dev]",
]
TESTS = "python -m pytest -n auto --maxprocesses 4 --dist worksteal"


class Checkout(NamedTuple):
    """A folder with the Makefile, and another one that is all of the PATH but for the system's tools."""

    folder: Path
    path: Path

    def make(self, *words: str) -> tuple[int, list[str], str]:
        """The status, the calls of python since the last time, and standard error."""
        variables = os.environ | {"PATH": f"{self.path}:/usr/bin:/bin"}
        for name in ("MAKEFLAGS", "MAKELEVEL", "PYTHON"):
            variables.pop(name, None)
        done = subprocess.run(
            ["make", *words], cwd=self.folder, env=variables, capture_output=True, text=True, check=False
        )
        calls = self.folder / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return done.returncode, lines, done.stderr

    def mark(self, name: str, python: str = "") -> None:
        """`old` or `nopip` for a python of the PATH; `fail` for what is installed next."""
        (self.path / f"{python}.{name}" if python else self.folder / name).touch()

    def touch(self, name: str, later: int) -> None:
        """Make a file newer than it is, by seconds."""
        time = (self.folder / name).stat().st_mtime + later
        os.utime(self.folder / name, (time, time))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "a folder, with spaces", tmp_path / "bin")
    for folder in made:
        folder.mkdir()
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, made.folder)
    for name in PYTHONS:
        (made.path / name).write_text(STAND_IN)
        (made.path / name).chmod(0o755)
    return made


def test_the_first_time_the_environment_is_made_and_the_second_time_pip_is_not_called(
    checkout: Checkout,
) -> None:
    assert checkout.make("test") == (0, ["python3 -m venv --clear .venv", *INSTALLS, TESTS], "")
    assert checkout.make("test") == (0, [TESTS], "")
    assert checkout.make("test-long") == (0, [f"{TESTS} -m long"], "")
    assert checkout.make("test-all") == (0, [f"{TESTS} --long"], "")
    assert checkout.make("test-exhaustive") == (0, [f"{TESTS} -m exhaustive"], "")
    run = "python -m backproof run --cases 5120 --dtype both --out reports/conformance"
    assert checkout.make("conformance") == (0, [run], "")
    lint = ["python -m ruff check .", "python -m ruff format --check .", "python -m mypy"]
    assert checkout.make("lint") == (0, lint, "")


def test_the_book_is_made_of_a_run_that_is_made_anew_only_if_judged_code_is_newer(checkout: Checkout) -> None:
    checkout.make("test")
    code = ("refimpl/backprop.py", "docs/book_directives/measured.py")
    made = ("reports/book/report.json", "reports/book/measured.json")
    for name in (*code, *made):
        (checkout.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.folder / name).touch()
    for name, later in ((code[0], -3600), (code[1], -3600), (made[0], -1800), (made[1], -1800)):
        checkout.touch(name, later)
    book = "python -m sphinx -E -n -W --keep-going -q -b html -d build/doctrees docs build/book"
    run = "python -m backproof run --cases 512 --dtype both --out reports/book"
    measured = "python -m book_directives.measured reports/book/measured.json"
    assert checkout.make("book") == (0, [book], "")
    checkout.touch(code[1], later=3000)
    assert checkout.make("book") == (0, [measured, book], "")
    checkout.touch(code[0], later=3000)
    assert checkout.make("book") == (0, [run, measured, book], "")


def test_the_commands_of_the_readme_are_there(checkout: Checkout) -> None:
    shown = re.findall(r"^make ([\w-]+) ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert shown == ["conformance", "test"]
    assert [checkout.make(target)[0] for target in shown] == [0, 0]


def test_mutmut_is_installed_for_the_mutants_only_and_they_are_made_anew(checkout: Checkout) -> None:
    checkout.make("test")
    (checkout.folder / "mutants").mkdir()
    install = "python -m pip install --quiet -c constraints.txt --no-build-isolation -e .[mutants]"
    assert checkout.make("mutants") == (0, [install, "python -m benchmarks.mutants"], "")
    assert not (checkout.folder / "mutants").exists()


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_other_requirements_are_installed_into_the_same_environment(checkout: Checkout, changed: str) -> None:
    checkout.make("test")
    checkout.touch(changed, later=3600)
    assert checkout.make("test")[1] == [*INSTALLS, TESTS]


def test_an_installation_that_failed_is_taken_up_again(checkout: Checkout) -> None:
    checkout.mark("fail")
    status, calls, _ = checkout.make("test")
    assert (status, calls) == (2, ["python3 -m venv --clear .venv", INSTALLS[0]])
    (checkout.folder / "fail").unlink()
    assert checkout.make("test") == (0, [*INSTALLS, TESTS], "")


@pytest.mark.parametrize("flaw", ["old", "nopip"])
def test_an_environment_that_is_old_or_not_whole_is_made_anew(checkout: Checkout, flaw: str) -> None:
    checkout.make("test")
    (checkout.folder / ".venv" / "installed").unlink()
    (checkout.folder / ".venv" / "bin" / f"python.{flaw}").touch()
    assert checkout.make("test") == (0, ["python3 -m venv --clear .venv", *INSTALLS, TESTS], "")


def test_a_python3_that_is_too_old_is_passed_over(checkout: Checkout) -> None:
    for python in ("python3", "python3.14", "python3.13"):
        checkout.mark("old", python)
    assert checkout.make("test")[1][0] == "python3.12 -m venv --clear .venv"


def test_without_a_new_python_one_line_says_what_is_needed(checkout: Checkout) -> None:
    for python in PYTHONS:
        checkout.mark("old", python)
    status, calls, errors = checkout.make("test")
    assert (status, calls) == (2, [])
    needed = "backproof needs Python 3.11 or newer with venv; none was found on the PATH"
    assert errors.splitlines()[0] == needed


def test_a_python_can_be_named_also_by_a_path_with_spaces(checkout: Checkout) -> None:
    other = checkout.folder / "other python"
    shutil.copy(checkout.path / "python3", other)
    assert checkout.make("test", f"PYTHON={other}")[1][0] == "other python -m venv --clear .venv"


def test_a_named_python_that_is_too_old_is_refused(checkout: Checkout) -> None:
    checkout.mark("old", "python3.11")
    status, calls, errors = checkout.make("test", "PYTHON=python3.11")
    assert (status, calls) == (2, [])
    assert "backproof needs Python 3.11 or newer" in errors
