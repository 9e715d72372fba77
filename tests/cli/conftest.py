"""The command line as tests use it: called in this process, or started as a program of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import jaxtyping
import pytest

import backproof
from backproof.cli import main

ROOT = Path(backproof.__file__).parent.parent

# What the document has, so that the cases and their number of kinds stay as they are when tables grow.
DOCUMENTED = (
    *("--activations", "identity,sigmoid,tanh,relu,leaky_relu,softplus,softmax"),
    *("--losses", "mse,half_squared_error,bce,cross_entropy"),
)


class Outcome(NamedTuple):
    """What a command leaves behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Calls the command in this process and in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        status = main(words)
        return Outcome(status, *capsys.readouterr())

    return call


def environment(tmp_path: Path, **changes: str) -> Mapping[str, str]:
    """The environment of a program: the tree under test, a cache of its own, nothing said about colours."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    return kept | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")} | changes


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Outcome]:
    """Runs the command as a program with pipes for its output, in a folder of its own."""

    def run(*words: str, **changes: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "backproof", *words],
            cwd=tmp_path,
            env=environment(tmp_path, **changes),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def without_type_checks() -> Iterator[None]:
    """refimpl as it is when installed: wrong values reach its own checks, not those of the test run."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
