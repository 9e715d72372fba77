"""Distributions built from a copy of the checkout, and virtual environments that have them installed.

An environment holds backproof as a user gets it, from the wheel, and links to just those packages that it
is given. It needs no network and no time, and it cannot see the checkout: the environment that runs the
tests has an editable installation, so it must not be inherited.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from .import_graph import ROOT
from .requirement_closure import closure

_NO_SOURCES = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "build", "dist", "*.egg-info")
# What must not reach a distribution, wherever it lies.
DEBRIS = (
    ".venv/lib/left.py",
    "backproof/__pycache__/left.pyc",
    "reports/run/report.json",
    "build/lib/left.py",
)


def copy_of_checkout(folder: Path) -> Path:
    """The checkout's sources in `folder`, with some files beside them that git ignores."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_NO_SOURCES))
    for name in DEBRIS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left over")
    return folder


def build(source: Path, folder: Path, *options: str) -> Path:
    """Builds distributions of `source` into `folder`: with --wheel straight, without by way of an sdist."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        str(folder),
        *options,
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Answer(NamedTuple):
    """What a command ended with."""

    status: int
    out: str
    err: str


class Installation:
    """A virtual environment in `folder` with the wheel and links to what `requirements` need."""

    def __init__(self, folder: Path, wheel: Path, requirements: Iterable[Requirement]) -> None:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
        self.scripts = folder / "bin"
        self.python = self.scripts / "python"
        variables = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", vars=variables))
        for name in closure(requirements):
            self._link(name)
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        options = ["--quiet", "--no-deps", "--no-index", "--no-compile"]
        subprocess.run([*pip, "install", *options, str(wheel)], check=True, capture_output=True)

    def _link(self, name: str) -> None:
        """Make the files of an installed distribution, its metadata among them, visible here too."""
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            link = self.packages / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))

    def run(self, *words: str, cwd: Path, **variables: str) -> Answer:
        """Runs a program of the environment, or python for -c and -m, in `cwd`; nothing of ours leaks in."""
        ours = ("PYTHON", "PYTEST", "HYPOTHESIS", "VIRTUAL_ENV", "BACKPROOF", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        program = (
            [str(self.python), *words]
            if words[0] in {"-c", "-m"}
            else [str(self.scripts / words[0]), *words[1:]]
        )
        done = subprocess.run(
            program, cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False, timeout=120
        )
        return Answer(done.returncode, done.stdout, done.stderr)
