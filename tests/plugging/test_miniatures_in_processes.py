"""The miniatures that take their process with them do so, seen without the harness."""

import os
import subprocess
import sys

import pytest

from .command import MINIATURES, NOTES, ROOT
from .expected import EXPECTED

ASK = """
import sys
from tests.plugging.views import case_where, view_of
import {module}
view = view_of(case_where(lambda v: v.samples == 3))
print("asked", flush=True)
answer = {module}.{name}(view)
print("answered", sorted(answer), flush=True)
"""


def alone(tmp_path, source, timeout=60.0, before=""):
    """Status (None if it had to be killed) and output of a process that asks a miniature one case."""
    file, _, name = source.partition(":")
    code = before + ASK.format(module=file.removesuffix(".py"), name=name)
    path = os.pathsep.join((str(ROOT), str(MINIATURES)))
    waiting, kept_open = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path, NOTES: str(tmp_path)},
            stdin=waiting,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        return None, expired.stdout or b"", expired.stderr or b""
    finally:
        os.close(waiting)
        os.close(kept_open)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "sleeps",
        "spins",
        "ignores_every_signal_that_can_be_ignored",
        "swallows_whatever_is_raised_in_it",
        "hangs_in_c_and_lets_no_other_thread_run",
        "stops_its_own_process",
        "reads_standard_input",
    ],
)
def test_what_hangs_has_been_asked_and_does_not_answer(name, tmp_path):
    status, out, _ = alone(tmp_path, f"hangs.py:{name}", timeout=2.5)
    assert status is None
    assert out.startswith(b"asked")
    assert b"answered" not in out


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("segfaults", -11),
        ("aborts", -6),
        ("kills_itself", -9),
        ("ends_its_process_with_status_3", 3),
        ("ends_its_process_with_status_0", 0),
        ("becomes_another_program", 0),
    ],
)
def test_what_dies_dies_like_that(name, ends, tmp_path):
    status, out, _ = alone(tmp_path, f"dies.py:{name}")
    assert status == ends
    assert out == b"asked\n"


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"


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
    assert out.startswith(b"asked")
    assert says in err.decode()


@pytest.mark.parametrize("name", [source for source in EXPECTED if source.startswith("floods.py")])
def test_what_floods_prints_more_than_anyone_reads(name, tmp_path):
    endless = name.endswith("without_end")
    status, out, err = alone(tmp_path, name, timeout=3 if endless else 60)
    assert status == (None if endless else 0)
    assert len(out) + len(err) > 60 * 2**20


def test_who_meddles_answers_all_the_same(tmp_path):
    for name in ("closes_every_descriptor", "writes_noise_into_every_descriptor", "changes_the_folder"):
        assert alone(tmp_path, f"meddles.py:{name}")[:2] == (0, b"asked\nanswered ['dW', 'db', 'loss']\n")
    forked = alone(tmp_path, "meddles.py:forks_and_lets_the_child_answer_too")
    assert forked[1].count(b"answered") == 2
    assert alone(tmp_path, "meddles.py:replaces_the_standard_streams")[0] != 0
    assert alone(tmp_path, "meddles.py:leaves_a_thread_running", timeout=2.5)[0] is None
    assert alone(tmp_path, "meddles.py:hangs_when_its_process_ends", timeout=2.5)[0] is None


@pytest.mark.parametrize(
    ("source", "status", "says"),
    [
        ("trains_on_import_briefly.py:right", 0, ""),
        ("prints_on_import.py:right", 0, "a warning"),
        ("raises_on_import.py:right", 1, "RuntimeError: no"),
        ("needs_a_missing_package.py:right", 1, "ModuleNotFoundError"),
        ("exits_on_import.py:right", 0, ""),
        ("dies_on_import.py:right", 0, ""),
        ("reads_input_on_import.py:right", None, ""),
        ("trains_on_import_for_hours.py:right", None, ""),
    ],
)
def test_what_happens_on_import_happens_on_import(source, status, says, tmp_path):
    seen, out, err = alone(tmp_path, source, timeout=60 if status is not None else 2.5)
    assert seen == status
    assert says in err.decode()
    assert (b"answered" in out) is (source.startswith(("trains_on_import_briefly", "prints")))
    assert (b"asked" in out) is (b"answered" in out)


def test_what_leaves_a_lock_cannot_be_imported_again(tmp_path):
    source = "cannot_be_imported_again.py:dies_and_leaves_a_lock"
    assert alone(tmp_path, source)[0] == 3
    status, out, err = alone(tmp_path, source)
    assert (status, out) == (1, b"")
    assert "the lock is still held" in err.decode()
