"""Ctrl-C: the run ends at a place where nothing is half done, and its report is valid."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from backproof.cli_interrupt import Stopper
from backproof.reporting.files import read_report

from .conftest import environment

# Started in the background by a shell, the tests ignore SIGINT, and so would the program.
_HEARING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("backproof", run_name="__main__", alter_sys=True)
"""
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def _press_ctrl_c_once(tmp_path, when: bytes, *more: str, **changes: str) -> tuple[int, str, str]:
    """Status, standard output and terminal of a long run that gets SIGINT once `when` is on the terminal."""
    terminal, inside = pty.openpty()
    words = ["run", "--cases", "1000000", "--dtype", "float32", "--oracles", "torch", "--out", "out", *more]
    process = subprocess.Popen(
        [sys.executable, "-c", _HEARING, *words],
        cwd=tmp_path,
        env=environment(tmp_path, TERM="xterm", COLUMNS="100", **changes),
        stdout=subprocess.PIPE,
        stderr=inside,
        text=True,
        start_new_session=True,
    )
    os.close(inside)
    guard = threading.Timer(300, process.kill)
    guard.start()
    seen, pressed = b"", False
    try:
        while piece := os.read(terminal, 65536):
            seen += piece
            if not pressed and re.search(when, seen):
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers hear it, too
                pressed = True
    except OSError:  # how a terminal tells that the other side has left
        pass
    finally:
        os.close(terminal)
    out, _ = process.communicate()
    guard.cancel()
    return process.returncode, out, seen.decode()


def test_ctrl_c_in_mid_run_leaves_a_valid_report_of_what_was_judged(tmp_path):
    status, out, terminal = _press_ctrl_c_once(tmp_path, rb"judged [\d,]{3,} of 1,000,000 cases, 0 wrong")
    assert status == 130
    report = read_report(tmp_path / "out" / "report.json")
    assert report.status == "interrupted"
    assert 100 <= report.counts.total < 10_000
    assert sum(row.cases for row in report.regimes) == report.counts.total
    assert report.check_counts.total == sum(row.checks.total for row in report.pairs)
    assert out.startswith(f"Interrupted after {report.counts.total:,} of 1,000,000 cases. ")
    plain = _STYLE.sub("", terminal)
    assert "Ctrl-C again stops at once" in plain
    assert plain.splitlines()[-1].startswith("backproof: interrupted; the report is valid")
    assert "Traceback" not in plain
    assert terminal.rstrip().count("\x1b[?25l") == terminal.count("\x1b[?25h"), "the cursor stays hidden"


@pytest.mark.long
def test_ctrl_c_ends_a_run_with_workers_and_leaves_none_behind(tmp_path):
    seen = rb"judged [\d,]{3,} of 1,000,000 cases, 0 wrong"
    status, out, terminal = _press_ctrl_c_once(tmp_path, seen, "--workers", "2")
    assert status == 130
    report = read_report(tmp_path / "out" / "report.json")
    assert (report.status, report.environment.versions["torch"]) == ("interrupted", metadata.version("torch"))
    assert 100 <= report.counts.total < 20_000
    assert out.startswith(f"Interrupted after {report.counts.total:,} of 1,000,000 cases. ")
    assert "Traceback" not in terminal
    assert "KeyboardInterrupt" not in terminal
    left = [
        entry for entry in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in _environment_of(entry)
    ]
    assert left == []


def _environment_of(entry: Path) -> str:
    """The environment of a process, which names the folder of its cache; empty if it is not ours, or gone."""
    try:
        return entry.with_name("environ").read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.long
def test_ctrl_c_while_the_frameworks_load_ends_without_a_traceback(tmp_path):
    status, out, terminal = _press_ctrl_c_once(tmp_path, rb"loading and compiling", NO_COLOR="1")
    assert status == 130
    assert out == ""
    assert _STYLE.sub("", terminal).splitlines()[-1] == "backproof: interrupted; no report was written"
    assert not re.search(r"\x1b\[[0-9;]*m", terminal), "a colour in spite of NO_COLOR"
    assert not (tmp_path / "out" / "report.json").exists()


@pytest.fixture
def _heard() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, as where a person starts the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heard")
def test_the_first_ctrl_c_is_noted_and_the_second_stops_at_once():
    told = []
    with Stopper(lambda: told.append("told")) as stopper:
        stopper.check()
        signal.raise_signal(signal.SIGINT)
        assert (stopper.asked, told) == (True, ["told"])
        with pytest.raises(KeyboardInterrupt):
            stopper.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert told == ["told"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_someone_else_handles_or_ignores_is_left_to_them():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stopper(lambda: None) as stopper:
            signal.raise_signal(signal.SIGINT)
            assert not stopper.asked
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
