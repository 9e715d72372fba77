"""What is in the wheel and in the source distribution."""

from __future__ import annotations

import tarfile
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

import backproof

from .import_graph import ROOT
from .installation import DEBRIS, build
from .requirement_closure import pyproject

PACKAGES = {"refimpl", "oracles", "backproof"}


def contents(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def files(wheel: Path) -> dict[str, bytes]:
    return contents(wheel)


@pytest.fixture(scope="module")
def information(files: dict[str, bytes]) -> str:
    (folder,) = {name.split("/")[0] for name in files if ".dist-info/" in name}
    return folder


def test_the_wheel_installs_three_packages_and_no_other_name(
    files: dict[str, bytes], information: str
) -> None:
    assert {name.split("/")[0] for name in files} == PACKAGES | {information}
    assert information == f"backproof-{backproof.__version__}.dist-info"
    assert {name.split("/")[1] for name in files if name.startswith(information)} == {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses",
    }  # fmt: skip


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(
    files: dict[str, bytes], source: Path
) -> None:
    wanted = {
        path.relative_to(source).as_posix()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in files if name.split("/")[0] in PACKAGES} == wanted
    assert {"py.typed", "templates", "schema"} <= {part for name in wanted for part in name.split("/")}
    assert all(f"{package}/py.typed" in wanted for package in PACKAGES)


def test_the_wheel_carries_the_licence_and_says_which_one_it_is(
    files: dict[str, bytes], information: str
) -> None:
    assert files[f"{information}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    headers = HeaderParser().parsestr(files[f"{information}/METADATA"].decode())
    assert (headers["License-Expression"], headers.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])


def test_the_version_is_the_same_in_the_package_and_in_its_metadata() -> None:
    assert backproof.__version__ == pyproject()["project"]["version"]


@pytest.mark.long
def test_the_source_distribution_builds_the_same_wheel_and_holds_nothing_left_over(
    files: dict[str, bytes], source: Path, tmp_path: Path
) -> None:
    first, second = sorted(build(source, tmp_path).iterdir())
    wheel, archive = (first, second) if first.suffix == ".whl" else (second, first)
    assert contents(wheel) == files
    with tarfile.open(archive) as sources:
        names = {name.partition("/")[2] for name in sources.getnames()}
    assert {"README.md", "LICENSE", "Makefile", "constraints.txt", "reports/README.md"} <= names
    assert "tests/packaging/test_distributions.py" in names
    assert names.isdisjoint(DEBRIS)
    assert not any("left" in Path(name).name for name in names)
