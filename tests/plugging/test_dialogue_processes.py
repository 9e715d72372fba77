"""A process under test neither blocks nor outlives who started it, and how it ended is told precisely."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backproof.plugging.links import LinkError
from backproof.plugging.printed import Tail
from backproof.plugging.processes import Child

ECHO = "while data := os.read(0, 65536): os.write(1, data)"


@contextlib.contextmanager
def _python(code: str, **limits: Any) -> Iterator[Child]:
    with Child([sys.executable, "-c", f"import os, signal, sys, time\n{code}"], **limits) as child:
        yield child


def _soon(seconds: float = 30.0) -> float:
    return time.monotonic() + seconds


def _runs(pid: int) -> bool:
    """Whether there is such a process; one that only waits to be reaped by somebody else has ended."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def _ends(pid: int) -> bool:
    deadline = _soon(10)
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _runs(pid)


def test_what_is_sent_comes_back_line_by_line_or_byte_by_byte():
    with _python(ECHO) as child:
        child.send(b"one\ntwo\nthree", _soon())
        assert child.read_line(_soon()) == b"one"
        assert child.read_exactly(2, _soon()) == b"tw"
        assert child.read_line(_soon()) == b"o"
        assert child.read_exactly(5, _soon()) == b"three"
        assert child.stop()


def test_both_pipes_full_at_once_do_not_block():
    message = b"x" * 2**23 + b"\n"
    with _python("while data := os.read(0, 65536): os.write(1, data); os.write(2, data)") as child:
        child.send(message, _soon())
        assert child.read_line(_soon()) + b"\n" == message
        assert child.stop()
        assert child.printed["stderr"].total == len(message)


def test_over_two_more_pipes_all_that_is_printed_is_drained_and_counted():
    code = 'r, w = map(int, sys.argv[1:]); print("noise" * 10**5)\nwhile d := os.read(r, 9): os.write(w, d)'
    with _python(code, protocol="fds") as child:
        child.send(b"0123456789", _soon())
        assert child.read_exactly(10, _soon()) == b"0123456789"
        assert child.stop()
        assert child.printed["stdout"].total == 5 * 10**5 + 1


def test_a_process_that_does_not_read_ends_with_the_time():
    with (
        _python("time.sleep(60)") as child,
        pytest.raises(LinkError, match="gave no answer in time") as raised,
    ):
        child.send(b"x" * 2**20, _soon(0.3))
    assert raised.value.kind == "time"


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("sys.exit(3)", "ended", "ended with exit status 3"),
        (
            "sys.exit('no\\nlayer')",
            "ended",
            "ended with exit status 1; the end of its standard error: no layer",
        ),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "ended", "was killed by SIGSEGV (segmentation fault)"),
        ("os.abort()", "ended", "was killed by SIGABRT (aborted)"),
        ("os.close(1); time.sleep(60)", "closed", "closed standard output and runs on"),
        (
            "os.write(1, bytes(2**21)); time.sleep(60)",
            "flood",
            "wrote more than 1048576 bytes in one message",
        ),
    ],
)
def test_how_it_ended_is_told_precisely(code, kind, message):
    with (
        _python(code, longest_message=2**20) as child,
        pytest.raises(LinkError, match=f"^{re.escape(message)}$") as raised,
    ):
        child.read_line(_soon())
    assert raised.value.kind == kind


def test_sending_to_a_process_that_has_ended_tells_how_it_ended():
    with _python("sys.exit(7)") as child:
        assert child.wait(_soon())
        with pytest.raises(LinkError, match="ended with exit status 7"):
            child.send(b"x", _soon())


def test_what_was_written_before_the_end_is_still_read():
    with _python("os.write(1, b'last words\\n'); os._exit(1)") as child:
        assert child.wait(_soon())
        assert child.read_line(_soon()) == b"last words"
        with pytest.raises(LinkError, match="ended with exit status 1"):
            child.read_line(_soon())


def test_a_message_announced_as_too_long_is_a_flood():
    with _python(ECHO, longest_message=100) as child:
        with pytest.raises(LinkError, match="announced 101 bytes; the most is 100") as raised:
            child.read_exactly(101, _soon())
        assert raised.value.kind == "flood"


@pytest.mark.parametrize("command", [["./none"], ["/"], ["a\0b"]])
def test_what_cannot_be_started_is_said_at_once_and_leaves_no_file_open(command):
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir())) if folder.exists() else 0
    for protocol in ("stdio", "fds"):
        with pytest.raises(LinkError, match="cannot be started") as raised:
            Child(command, protocol=protocol)
        assert raised.value.kind == "start"
    assert (len(list(folder.iterdir())) if folder.exists() else 0) == before


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits are kept on Linux only")
def test_a_process_that_the_memory_limit_kills_names_the_limit():
    # As a program does that does not check malloc: it touches what it did not get.
    code = """
try:
    while True: sys.hoard = [getattr(sys, "hoard", None), bytearray(2**20)]
except MemoryError:
    os.kill(os.getpid(), signal.SIGSEGV)
"""
    with _python(code, memory_limit_mib=256) as child:
        expected = r"was killed by SIGSEGV \(segmentation fault\), its memory being limited to 256 MiB"
        with pytest.raises(LinkError, match=expected):
            child.read_line(_soon(60))


def test_a_segmentation_fault_with_memory_to_spare_is_not_blamed_on_the_limit():
    with _python("os.kill(os.getpid(), signal.SIGSEGV)", memory_limit_mib=4096) as child:
        with pytest.raises(LinkError, match="SIGSEGV") as raised:
            child.read_line(_soon())
        assert "memory" not in raised.value.message


FAMILY = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
os.write(1, b"%d\\n" % child.pid)
"""


@pytest.mark.parametrize("then", ["time.sleep(60)", "os._exit(0)"], ids=["it is closed", "it ends"])
def test_its_own_children_are_killed_when(then):
    with _python(FAMILY + then) as child:
        grandchild = int(child.read_line(_soon()))
        if "exit" in then:
            with pytest.raises(LinkError, match="ended with exit status 0"):  # though the pipe is still open
                child.read_line(_soon())
            assert _ends(grandchild)
    assert _ends(grandchild)
    assert not _runs(child.pid)


def test_a_child_of_it_that_left_its_group_and_holds_its_pipes_does_not_hide_its_end():
    escaped = FAMILY.replace('60)"]', '60)"], start_new_session=True')
    with _python(escaped + "os._exit(6)") as child:
        grandchild = int(child.read_line(_soon()))
        try:
            with pytest.raises(LinkError, match="ended with exit status 6"):
                child.read_line(_soon())
            with pytest.raises(LinkError, match="ended with exit status 6"):
                child.send(b"x" * 2**20, _soon())
        finally:
            os.kill(grandchild, signal.SIGKILL)


def test_it_ends_when_its_parent_does_and_when_it_is_forgotten(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(
        "import sys\n"
        "from backproof.plugging.processes import Child\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "forgotten = Child(sleep); pid = forgotten.pid; del forgotten\n"
        "kept = Child(sleep); print(pid, kept.pid, flush=True)\n"
        "raise KeyboardInterrupt\n",
        encoding="utf-8",
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode in (1, -signal.SIGINT, 128 + signal.SIGINT)
    forgotten, kept = map(int, done.stdout.split())
    assert _ends(forgotten)
    assert _ends(kept)


def test_close_and_kill_may_come_in_any_order_and_twice():
    with _python("time.sleep(60)") as child:
        assert child.running
        child.kill()
        assert not child.running
        child.kill()
        child.close()
        child.close()
        assert child.stop()


def test_a_tail_keeps_the_end_in_one_printable_line():
    tail = Tail()
    for _ in range(1000):
        tail.add(b"much before ")
    tail.add(b"the\n end\x1b[31m \xff")
    assert tail.total == 12_015
    assert tail.line(14) == "…the end\ufffd[31m \ufffd"
    assert len(tail.text()) == 4096
