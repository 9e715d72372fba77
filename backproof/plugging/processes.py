"""A process under test: it may hang, flood, crash or eat memory, and who talks to it never blocks or leaks.

All pipes are non-blocking and served together, so that a full pipe in one direction never stops the other.
What is printed elsewhere than on the protocol's pipe is drained, counted, and its end kept. The process leads
a group of its own, which is killed as a whole. POSIX only; the memory limit is kept on Linux only.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from .links import LinkError
from .printed import Tail, one_line
from .processor_time import processor_time

LONGEST_MESSAGE = 256 * 2**20
_CHUNK = 2**16
_TICK = 0.02
_MOMENT = 2.0  # between the end of its pipes and its own, on a busy machine
_MEMORY_WORDS = ("MemoryError", "bad_alloc", "out of memory", "Out of memory", "annot allocate memory")


class Child:
    """A process that is talked to over standard input and output, or over two more pipes.

    protocol: "stdio", the rest being standard error; or "fds": the numbers of the descriptors that the
    process reads from and writes to are appended to its command, it reads nothing on standard input, and both
    standard output and standard error are drained. A deadline is a time of `time.monotonic()`, or None.

    Every method that talks raises LinkError: kind "time" when the deadline has passed, "ended" or "closed"
    when no more will come, "flood" when one message is longer than `longest_message`. The process runs on
    after "time", "closed" and "flood": `close` it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        protocol: Literal["stdio", "fds"] = "stdio",
        pass_fds: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        memory_limit_mib: int | None = None,
        longest_message: int = LONGEST_MESSAGE,
    ) -> None:
        """Starts the process. LinkError of kind "start" if that cannot be done."""
        if os.name != "posix":
            raise LinkError("start", "cannot be started: processes under test need Linux or macOS")
        self.command, self.longest_message = tuple(command), longest_message
        self.memory_limit_mib = memory_limit_mib
        self._protocol = protocol
        self._inbox = bytearray()
        self._most_memory, self._looked = 0, 0.0
        self._most_processor_time, self._timed = math.inf, 0.0
        theirs: list[int] = []
        ours: list[int] = []
        try:
            if protocol == "fds":
                (child_reads, to_child), (from_child, child_writes) = os.pipe(), os.pipe()
                theirs, ours = [child_reads, child_writes], [to_child, from_child]
            process = self._started(theirs, pass_fds, env, cwd)
        except (OSError, ValueError) as error:
            for descriptor in ours:
                os.close(descriptor)
            what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise LinkError("start", f"cannot be started: {what}: {one_line(self.command[0])!r}") from None
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self._group = _Group(process, ours)
        self._end = weakref.finalize(self, self._group.end)  # at exit, too
        files = (process.stdin, process.stdout, process.stderr)
        if protocol == "fds":
            self._to, self._from = ours
        else:
            assert files[0] is not None
            assert files[1] is not None
            self._to, self._from = files[0].fileno(), files[1].fileno()
        self.printed: dict[str, Tail] = {}
        """What was printed elsewhere than on the protocol's pipe, by "stdout" and "stderr"."""
        self._drained: dict[int, Tail] = {}
        for name, file in (("stdout", files[1]), ("stderr", files[2])):
            if file is not None and file.fileno() != self._from:
                self._drained[file.fileno()] = self.printed[name] = Tail()
        self._selector = self._group.selector
        for descriptor in (self._from, *self._drained):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        os.set_blocking(self._to, False)
        self._can_write = True

    def _started(
        self,
        theirs: Sequence[int],
        pass_fds: Sequence[int],
        env: Mapping[str, str] | None,
        cwd: str | os.PathLike[str] | None,
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - running the user's own command is what this is for
            [*self.command, *map(str, theirs)],
            stdin=subprocess.DEVNULL if theirs else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=(*theirs, *pass_fds),
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        if self.memory_limit_mib is not None and sys.platform == "linux":
            import resource

            # RLIMIT_AS would count what JAX and V8 only reserve.
            most = self.memory_limit_mib * 2**20
            with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
                resource.prlimit(process.pid, resource.RLIMIT_DATA, (most, most))
        return process

    # ------------------------------------------------------------ processor time

    def allow(self, seconds: float) -> None:
        """From now on so much processor time; more is a LinkError of kind "time". Counted on Linux only."""
        now = processor_time(self.pid)
        self._most_processor_time = math.inf if now is None else now + seconds

    def _watch_processor_time(self) -> None:
        now = time.monotonic()
        if self._most_processor_time == math.inf or now - self._timed < _TICK:
            return
        self._timed = now
        used = processor_time(self.pid)
        if used is not None and used > self._most_processor_time:
            raise LinkError("time", "used more processor time than it may")

    # ------------------------------------------------------------ talking

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Writes all of `data`; reads meanwhile, so that a child that answers early goes on."""
        if not self._can_write:
            raise self._no_more()
        left = memoryview(data)
        self._selector.register(self._to, selectors.EVENT_WRITE)
        try:
            while left and self._can_write:
                left = left[self._turn(deadline, left) :]
        except BrokenPipeError:
            self._can_write = False
        finally:
            self._selector.unregister(self._to)
        if not self._can_write:
            raise self._no_more()

    def read_exactly(self, count: int, deadline: float | None = None) -> bytes:
        """The next `count` bytes of the protocol's pipe."""
        if not 0 <= count <= self.longest_message:
            raise LinkError("flood", f"announced {count} bytes; the most is {self.longest_message}")
        while len(self._inbox) < count:
            self._more(deadline)
        return self._take(count)

    def read_line(self, deadline: float | None = None) -> bytes:
        """The next line of the protocol's pipe, without its newline."""
        seen = 0
        while (end := self._inbox.find(b"\n", seen)) < 0:
            seen = len(self._inbox)
            self._more(deadline)
        line = self._take(end)
        del self._inbox[:1]
        return line

    @property
    def pending(self) -> bytes:
        """What has been read from the protocol's pipe and not been taken."""
        return bytes(self._inbox)

    def look(self) -> bytes:
        """Serves the pipes without waiting, and gives what is pending."""
        for _ in range(64):  # a flood must not keep us
            if not self._serve(0.0)[1]:
                break
        return self.pending

    def _take(self, count: int) -> bytes:
        data = bytes(self._inbox[:count])
        del self._inbox[:count]
        return data

    def _more(self, deadline: float | None) -> None:
        if self._from not in (self._selector.get_map() or ()):
            raise self._no_more()
        self._turn(deadline)

    def _turn(self, deadline: float | None, left: memoryview | None = None) -> int:
        """Waits at most a moment for a pipe to be ready and serves it; how much of `left` was written."""
        if len(self._inbox) > self.longest_message:
            raise LinkError("flood", f"wrote more than {self.longest_message} bytes in one message")
        wait = _TICK if deadline is None else deadline - time.monotonic()
        if wait <= 0:
            raise LinkError("time", "gave no answer in time")
        self._watch_processor_time()
        written, busy = self._serve(min(wait, _TICK), left)
        if not busy and self._group.poll() is not None:
            self.look()
            self._forget(self._from)  # who escaped from the group may hold the pipe open
            self._can_write = False
        return written

    def _serve(self, wait: float, left: memoryview | None = None) -> tuple[int, bool]:
        """Bytes written, and whether any pipe was ready."""
        self._watch_memory()
        written = 0
        ready = self._selector.select(wait) if self._selector.get_map() else []
        if not ready and not self._selector.get_map():
            time.sleep(wait)
        for key, _ in ready:
            descriptor = key.fd
            if descriptor == self._to:
                if left is not None:
                    with contextlib.suppress(BlockingIOError):
                        written = os.write(descriptor, left[:_CHUNK])
                continue
            with contextlib.suppress(BlockingIOError):
                data = os.read(descriptor, _CHUNK)
                if not data:
                    self._forget(descriptor)
                elif descriptor == self._from:
                    self._inbox += data
                else:
                    self._drained[descriptor].add(data)
        return written, bool(ready)

    def _forget(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    # ------------------------------------------------------------ its end

    def _no_more(self) -> LinkError:
        why = self.why_dead()
        if why:
            return LinkError("ended", why)
        which = "output" if self._can_write else "input"
        place = f"standard {which}" if self._protocol == "stdio" else f"its {which} pipe"
        return LinkError("closed", f"closed {place} and runs on")

    def wait(self, deadline: float) -> bool:
        """Serves the pipes until the process has ended or the deadline has passed; whether it has ended."""
        while self._group.poll() is None:
            if time.monotonic() >= deadline:
                return False
            self._serve(_TICK)
        self.look()
        return True

    def why_dead(self) -> str:
        """How the process ended, and the end of its standard error; "" if it runs.

        Waits a moment: its pipes are closed before it is dead.
        """
        if not self.wait(time.monotonic() + _MOMENT):
            return ""
        code = self._group.poll() or 0
        words = self.printed["stderr"].line()
        how = f"ended with exit status {code}" if code >= 0 else f"was killed by {_signal_name(-code)}"
        if self.memory_limit_mib is not None:
            said = self.printed["stderr"].text()
            near = self._most_memory >= 0.7 * self.memory_limit_mib * 2**20
            if near or any(word in said for word in _MEMORY_WORDS):
                how += f", its memory being limited to {self.memory_limit_mib} MiB"
        return how + (f"; the end of its standard error: {words}" if words else "")

    def _watch_memory(self) -> None:
        """Notes how much the memory limit counts; the process that has ended does not tell."""
        now = time.monotonic()
        if self.memory_limit_mib is None or sys.platform != "linux" or now - self._looked < _TICK:
            return
        self._looked = now
        with contextlib.suppress(OSError, ValueError, IndexError):
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
            used = int(status.split("VmData:", 1)[1].split(None, 1)[0]) * 1024
            self._most_memory = max(self._most_memory, used)

    @property
    def pid(self) -> int:
        """The number of the process and of its group."""
        return self._group.process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._group.poll() is None

    def stop(self, grace: float = 1.0) -> bool:
        """Closes the pipe to the process and gives it `grace` seconds to end; whether it did. Closes."""
        if not self._end.alive:
            return True
        self._can_write = False
        self._group.hang_up()
        ended = self.wait(time.monotonic() + grace)
        self.close()
        return ended

    def kill(self) -> None:
        """Kills the process and all its children at once, and reaps it."""
        self._group.kill()

    def close(self) -> None:
        """Kills the process and its children if they run, reaps it and closes all pipes. Twice is fine."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Group:
    """A process that leads a group, and what must be given back when it has ended."""

    def __init__(self, process: subprocess.Popen[bytes], pipes: list[int]) -> None:
        self.process, self._pipes = process, pipes  # pipes: first the one to the process
        self.selector = selectors.DefaultSelector()
        self._killed = False

    def poll(self) -> int | None:
        """The exit status, or None while it runs. What is left of its group when it ends is killed."""
        code = self.process.poll()
        if code is not None:
            self.kill()
        return code

    def kill(self) -> None:
        if self._killed:  # by now the number may be another's
            return
        self._killed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def hang_up(self) -> None:
        """Closes the pipe to the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        elif self._pipes:
            os.close(self._pipes.pop(0))

    def end(self) -> None:
        self.kill()
        self.selector.close()
        for file in (self.process.stdin, self.process.stdout, self.process.stderr):
            if file is not None:
                file.close()
        while self._pipes:
            os.close(self._pipes.pop())


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    what = signal.strsignal(number)
    return f"{name} ({what.lower()})" if what else name
