"""The command as a user calls it on a miniature, and the report that it leaves."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import backproof
from backproof.cli import main
from backproof.reporting.files import read_report
from backproof.reporting.model import Finding, Report

ROOT = Path(backproof.__file__).parent.parent
MINIATURES = Path(__file__).parent / "miniatures"
NOTES = "BACKPROOF_MINIATURE_NOTES"

CASES, SEED, TIME_LIMIT, MEMORY_LIMIT = 20, 1, 30, 1024
"""With this seed some of the cases that miniatures declare have three samples, most have not.

The time limit is for busy machines: where something is to hang, the test names a shorter one.
"""
LONGEST = 240
"""Seconds after which a run is held to hang: some cases take the time limit, and machines are slow."""


@dataclass(frozen=True)
class Outcome:
    """What a command leaves behind."""

    status: int
    out: str
    err: str
    seconds: float
    folder: Path
    """Where the report went."""

    @property
    def report(self) -> Report:
        """The report, read and validated."""
        return read_report(self.folder / "report.json")

    def findings(self, verdict: str, reason: str) -> list[Finding]:
        """The findings of this verdict whose reason matches."""
        return [f for f in self.report.findings if f.verdict == verdict and re.search(reason, f.reason)]


def miniature(name: str) -> str:
    """`file.py:name` as --impl wants it."""
    return str(MINIATURES / name)


def environment(folder: Path, changes: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: the tree under test, a cache of its own, nothing said about colours."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    own = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache"), NOTES: str(folder)}
    return kept | own | dict(changes)


def call(folder: Path, *words: str, **changes: str) -> Outcome:
    """Runs the command in `folder`.

    Its standard input is a pipe that stays open and holds nothing: code that reads from it waits for ever.
    """
    waiting, kept_open = os.pipe()
    started = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "backproof", *words],
            cwd=folder,
            env=environment(folder, changes),
            stdin=waiting,
            capture_output=True,
            errors="backslashreplace",
            timeout=LONGEST,
            check=False,
        )
    finally:
        os.close(waiting)
        os.close(kept_open)
    seconds = time.monotonic() - started
    return Outcome(done.returncode, done.stdout, done.stderr, seconds, folder / "out")


def here(folder: Path, *words: str, **changes: str) -> Outcome:
    """The command called in this process, in `folder`: what the code under test does happens in its own."""
    out, err = io.StringIO(), io.StringIO()
    started = time.monotonic()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, environment(folder, changes)),
    ):
        status = main(words)
    seconds = time.monotonic() - started
    return Outcome(status, out.getvalue(), err.getvalue(), seconds, folder / "out")


def run(folder: Path, implementation: str, *words: str, **changes: str) -> Outcome:
    """`backproof run` on a miniature, judged by exact values alone: neither PyTorch nor JAX are loaded.

    Called in this process, unless the code under test is to run in that of the command. Later words go
    before earlier ones, so that `words` may name other options.
    """
    usual = {
        "--impl": implementation,
        "--cases": str(CASES),
        "--seed": str(SEED),
        "--dtype": "float64",
        "--oracles": "truth",
        "--time-limit": str(TIME_LIMIT),
        "--memory-limit": str(MEMORY_LIMIT),
        "--out": "out",
    }
    if "--no-isolation" in words:  # limits need a process of their own
        del usual["--time-limit"], usual["--memory-limit"]
    given = [word for option, value in usual.items() if option not in words for word in (option, value)]
    given.append("--no-diagnosis")  # it takes longer than all the rest; tests/test_explaining.py has it
    return (call if "--no-isolation" in words else here)(folder, "run", *given, *words, **changes)
