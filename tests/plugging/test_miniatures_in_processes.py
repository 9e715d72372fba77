"""The miniatures that take their process with them do so, seen without the harness.

Of each way to go one is always shown, the others in the long tests: miniatures seldom change.
"""

import os
import subprocess
import sys
import time

import pytest

from tests.long_tests import long_but_for

from .command import MINIATURES, NOTES, ROOT
from .expected import EXPECTED

LONG = pytest.mark.long
ASK = """
import sys
from tests.plugging.views import case_where, view_of
print("importing", flush=True)
import {module}
view = view_of(case_where(lambda v: v.samples == 3))
print("asked", flush=True)
answer = {module}.{name}(view)
print("answered", sorted(answer), flush=True)
"""


ASKED = b"importing\nasked\n"
PATIENCE, MEANWHILE = 60.0, 1.0
"""Seconds: after these a process is held to hang, and in these it would have done what it is not to do."""


def alone(tmp_path, source, before="", until=None, meanwhile=MEANWHILE):
    """Status (None if it had to be killed) and output of a process that asks a miniature one case.

    It is left to end; or, until `until(out, err)` holds, and killed if it still runs a while after that.
    """
    file, _, name = source.partition(":")
    code = before + ASK.format(module=file.removesuffix(".py"), name=name)
    path = os.pathsep.join((str(ROOT), str(MINIATURES)))
    waiting, kept_open = os.pipe()
    out, err = tmp_path / "out", tmp_path / "err"
    try:
        with out.open("wb") as its_out, err.open("wb") as its_err:
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=tmp_path,
                env=os.environ | {"PYTHONPATH": path, NOTES: str(tmp_path)},
                stdin=waiting,
                stdout=its_out,
                stderr=its_err,
            )
        deadline = time.monotonic() + PATIENCE
        while until is not None and process.poll() is None and time.monotonic() < deadline:
            if until(out, err):
                deadline = time.monotonic() + meanwhile
                break
            time.sleep(0.02)
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None, out.read_bytes(), err.read_bytes()
    finally:
        os.close(waiting)
        os.close(kept_open)
    return process.returncode, out.read_bytes(), err.read_bytes()


def said(word):
    return lambda out, _: word in out.read_bytes()


def flooded(out, err):
    return out.stat().st_size + err.stat().st_size > 60 * 2**20


@pytest.mark.parametrize(
    "name",
    long_but_for(
        {"sleeps"},
        [
            "sleeps",
            "spins",
            "ignores_every_signal_that_can_be_ignored",
            "swallows_whatever_is_raised_in_it",
            "hangs_in_c_and_lets_no_other_thread_run",
            "stops_its_own_process",
            "reads_standard_input",
        ],
    ),
)
def test_what_hangs_has_been_asked_and_does_not_answer(name, tmp_path):
    status, out, _ = alone(tmp_path, f"hangs.py:{name}", until=said(b"asked"))
    assert status is None
    assert out.startswith(ASKED)
    assert b"answered" not in out


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("segfaults", -11),
        pytest.param("aborts", -6, marks=LONG),
        pytest.param("kills_itself", -9, marks=LONG),
        pytest.param("ends_its_process_with_status_3", 3, marks=LONG),
        pytest.param("ends_its_process_with_status_0", 0, marks=LONG),
        pytest.param("becomes_another_program", 0, marks=LONG),
    ],
)
def test_what_dies_dies_like_that(name, ends, tmp_path):
    status, out, _ = alone(tmp_path, f"dies.py:{name}")
    assert status == ends
    assert out == ASKED


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"


@LONG
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("exhausts_memory_at_once", "MemoryError"),
        ("exhausts_memory_bit_by_bit", "MemoryError"),
        ("exhausts_memory_and_keeps_quiet", ""),
    ],
)
def test_what_exhausts_memory_does_under_a_limit(name, says, tmp_path):
    _, out, err = alone(tmp_path, f"dies.py:{name}", before=LIMITED)
    assert out.startswith(ASKED)
    assert says in err.decode()


@pytest.mark.parametrize(
    "name",
    long_but_for(
        {"floods.py:floods_without_end"}, [source for source in EXPECTED if source.startswith("floods.py")]
    ),
)
def test_what_floods_prints_more_than_anyone_reads(name, tmp_path):
    endless = name.endswith("without_end")
    status, out, err = alone(tmp_path, name, until=flooded if endless else None, meanwhile=0)
    assert status == (None if endless else 0)
    assert len(out) + len(err) > 60 * 2**20


@LONG
def test_who_meddles_answers_all_the_same(tmp_path):
    for name in ("closes_every_descriptor", "writes_noise_into_every_descriptor", "changes_the_folder"):
        assert alone(tmp_path, f"meddles.py:{name}")[:2] == (0, ASKED + b"answered ['dW', 'db', 'loss']\n")
    forked = alone(tmp_path, "meddles.py:forks_and_lets_the_child_answer_too")
    assert forked[1].count(b"answered") == 2
    assert alone(tmp_path, "meddles.py:replaces_the_standard_streams")[0] != 0
    assert alone(tmp_path, "meddles.py:leaves_a_thread_running", until=said(b"answered"))[0] is None
    assert alone(tmp_path, "meddles.py:hangs_when_its_process_ends", until=said(b"answered"))[0] is None


@pytest.mark.parametrize(
    ("source", "status", "says"),
    [
        pytest.param("trains_on_import_briefly.py:right", 0, "", marks=LONG),
        pytest.param("prints_on_import.py:right", 0, "a warning", marks=LONG),
        ("raises_on_import.py:right", 1, "RuntimeError: no"),
        pytest.param("needs_a_missing_package.py:right", 1, "ModuleNotFoundError", marks=LONG),
        pytest.param("exits_on_import.py:right", 0, "", marks=LONG),
        pytest.param("dies_on_import.py:right", 0, "", marks=LONG),
        pytest.param("reads_input_on_import.py:right", None, "", marks=LONG),
        ("trains_on_import_for_hours.py:right", None, ""),
    ],
)
def test_what_happens_on_import_happens_on_import(source, status, says, tmp_path):
    seen, out, err = alone(tmp_path, source, until=said(b"importing") if status is None else None)
    assert seen == status
    assert says in err.decode()
    assert (b"answered" in out) is (source.startswith(("trains_on_import_briefly", "prints")))
    assert (b"asked" in out) is (b"answered" in out)


@LONG
def test_what_leaves_a_lock_cannot_be_imported_again(tmp_path):
    source = "cannot_be_imported_again.py:dies_and_leaves_a_lock"
    assert alone(tmp_path, source)[0] == 3
    status, out, err = alone(tmp_path, source)
    assert (status, out) == (1, b"importing\n")
    assert "the lock is still held" in err.decode()
