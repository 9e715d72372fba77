"""Small campaigns: few functions, so that each takes a second or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jaxtyping
import pytest

import backproof
from backproof.campaign.options import Asked
from backproof.campaign.running import Limits, Session, create, go_on
from backproof.cli import main

ROOT = Path(backproof.__file__).parent.parent
# The truth alone starts in a second, torch takes three.
WORDS = ("--oracles", "truth", "--chunk", "2", "--activations", "relu,sigmoid", "--losses", "mse,bce")
ASKED = Asked(
    seed=1,
    dtypes=("float32", "float64"),
    activations=("relu", "sigmoid"),
    losses=("mse", "bce"),
    oracles=("truth",),
    truth="disputed",
    chunk=4,
)
WRONG = ASKED.model_copy(update={"mistake": "derivative-of-output"})


class Outcome(NamedTuple):
    """What a command leaves behind."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _as_installed() -> Iterator[None]:
    """refimpl without the type checks of the test run, as the programs and workers of a campaign have it."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Calls `backproof campaign` in this process and in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        return Outcome(main(["campaign", *words]), *capsys.readouterr())

    return call


def program(folder: Path, *words: str, **options: Any) -> subprocess.Popen[str]:
    """`backproof campaign` as a program of its own, in a session of its own."""
    # Started in the background by a shell, the tests ignore SIGINT, and so would the program.
    hearing = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from backproof.cli import main; sys.exit(main())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", hearing, "campaign", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def ended(process: subprocess.Popen[str]) -> Outcome:
    """Waits for a program."""
    out, err = process.communicate(timeout=300)
    return Outcome(process.returncode, out, err)


def begun(folder: Path, cases: int, asked: Asked = ASKED, workers: int = 1) -> Session:
    """A new campaign in `folder` with so many cases."""
    create(folder, asked)
    return go_on(folder, Limits(cases), workers)


def told(report: Path) -> str:
    """The text of a report but its times."""
    values = json.loads(report.read_text())
    del values["times"]
    return json.dumps(values)
