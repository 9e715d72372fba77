"""The wheel, and two environments that have it installed: one without torch and jax, one with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .installation import Installation, build, copy_of_checkout
from .requirement_closure import declared


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_checkout(tmp_path_factory.mktemp("source") / "backproof")


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (wheel,) = build(source, tmp_path_factory.mktemp("wheel"), "--wheel").iterdir()
    return wheel


def _installed(folder: Path, wheel: Path, requirements: dict[str, Requirement]) -> Installation:
    if os.name != "posix":
        pytest.skip("the environments are made of symbolic links")
    return Installation(folder, wheel, requirements.values())


@pytest.fixture(scope="session")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """backproof and pytest: no torch, no jax."""
    requirements = declared() | {"pytest": declared("test")["pytest"]}
    return _installed(tmp_path_factory.mktemp("alone"), wheel, requirements)


@pytest.fixture(scope="session")
def with_oracles(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """backproof with its extras torch, jax and test."""
    return _installed(tmp_path_factory.mktemp("with_oracles"), wheel, declared("all"))
