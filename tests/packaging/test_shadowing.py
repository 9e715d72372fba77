"""Another package called `oracles` or `refimpl` on the path is explained in one line, and nothing is run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from backproof import shadowing
from backproof.shadowing import ShadowedPackageError, check_shadowing

from .import_graph import ROOT
from .installation import Answer, Installation

NAMES = ["oracles", "refimpl"]
REMEDY = "start from another folder, take it off PYTHONPATH or rename it"


def explanation(name: str, found: Path, installation: Installation) -> str:
    expected = installation.packages.resolve() / name / "__init__.py"
    return f"another {name!r} hides backproof's own: found {found}, expected {expected}; {REMEDY}"


def own_package(folder: Path, name: str) -> Path:
    """A package called `name` in `folder`, which says so when it is imported."""
    file = folder / name / "__init__.py"
    file.parent.mkdir(parents=True)
    file.write_text("print('the wrong package was run')\n")
    return file


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize("name", ["oracles", pytest.param("refimpl", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "words", [["--help"], pytest.param(["run", "--cases", "1"], marks=pytest.mark.long)], ids=" ".join
)
def test_a_package_on_pythonpath_is_named_with_ours(
    alone: Installation, tmp_path: Path, name: str, words: list[str]
) -> None:
    file = own_package(tmp_path / "lib", name)
    answer = alone.run("backproof", *words, cwd=tmp_path, PYTHONPATH=str(tmp_path / "lib"))
    assert answer == (2, "", f"backproof: error: {explanation(name, file, alone)}\n")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.long
def test_a_package_in_the_folder_that_python_starts_in_is_named_with_ours(
    alone: Installation, tmp_path: Path, name: str
) -> None:
    file = own_package(tmp_path, name)
    answer = alone.run("-m", "backproof.cli", "list", "oracles", cwd=tmp_path)
    assert answer == (2, "", f"backproof: error: {explanation(name, file, alone)}\n")


@pytest.mark.long
def test_the_same_folder_is_harmless_to_the_installed_command(alone: Installation, tmp_path: Path) -> None:
    own_package(tmp_path, "oracles")
    assert alone.run("backproof", "--version", cwd=tmp_path).status == 0


@pytest.mark.long
def test_a_single_file_of_that_name_is_named_too(alone: Installation, tmp_path: Path) -> None:
    file = tmp_path / "oracles.py"
    file.write_text("")
    answer = alone.run("-m", "backproof.cli", "list", "oracles", cwd=tmp_path)
    assert answer == (2, "", f"backproof: error: {explanation('oracles', file, alone)}\n")


@pytest.mark.long
def test_a_folder_of_data_hides_nothing(alone: Installation, tmp_path: Path) -> None:
    (tmp_path / "oracles").mkdir()
    (tmp_path / "oracles" / "delphi.txt").write_text("")
    answer = alone.run("-m", "backproof.cli", "list", "oracles", cwd=tmp_path)
    assert (answer.status, answer.err) == (0, "")


# ---------------------------------------------------------------- pytest


def session(installation: Installation, folder: Path, name: str) -> Answer:
    own_package(folder, name).write_text("")
    (folder / "test_mine.py").write_text(
        f"import {name}\n\ndef test_it(backproof):\n    raise SystemExit(3)\n"
    )
    return installation.run("-m", "pytest", "-q", cwd=folder)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.long
def test_the_fixture_ends_the_session_with_the_same_explanation(
    alone: Installation, tmp_path: Path, name: str
) -> None:
    answer = session(alone, tmp_path, name)
    assert answer.status == 2
    assert f"backproof: error: {explanation(name, tmp_path / name / '__init__.py', alone)}" in answer.out


# ---------------------------------------------------------------- within one process


def test_the_packages_of_this_environment_are_taken_for_what_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_shadowing()
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    check_shadowing()


def test_a_package_that_is_missing_is_an_error_that_says_to_install_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shadowing, "NEIGHBOURS", ("no_such_neighbour",))
    with pytest.raises(
        ShadowedPackageError,
        match=r"^backproof needs its own package 'no_such_neighbour' and finds none, "
        r"expected .*no_such_neighbour.__init__\.py; install backproof again$",
    ):
        check_shadowing()


def test_a_package_that_was_imported_before_is_found_by_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("oracles")
    other.__file__ = "/elsewhere/oracles/__init__.py"
    monkeypatch.setitem(sys.modules, "oracles", other)
    with pytest.raises(ShadowedPackageError, match=r"found /elsewhere/oracles/__init__\.py, expected "):
        check_shadowing()


def test_a_folder_without_init_that_was_imported_before_is_found_by_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "oracles").mkdir()
    other = ModuleType("oracles")
    other.__path__ = [str(tmp_path / "oracles")]
    monkeypatch.setitem(sys.modules, "oracles", other)
    with pytest.raises(ShadowedPackageError, match=r"another 'oracles' hides .* found .*/oracles, expected "):
        check_shadowing()


def test_a_module_made_by_hand_is_no_package_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "oracles", ModuleType("oracles"))
    with pytest.raises(
        ShadowedPackageError, match=r"another 'oracles' hides .* found a module without a file, expected "
    ):
        check_shadowing()


def test_packages_that_are_links_to_elsewhere_are_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # As link farms install: the harness in one place, each neighbour a link to another.
    for name in NAMES:
        own_package(tmp_path / "store" / name, name)
        (tmp_path / name).symlink_to(tmp_path / "store" / name / name)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(shadowing, "__file__", str(tmp_path / "backproof" / "shadowing.py"))
    monkeypatch.syspath_prepend(tmp_path)
    check_shadowing()
    assert Path(ROOT) not in tmp_path.parents
