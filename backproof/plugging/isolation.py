"""Two ways to ask Python code: in this process, or in a worker process that may crash, hang or flood."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backproof.errors import UsageError

from . import worker
from .frames import reply_of, request_frame, request_parts
from .limits import MEMORY_LIMIT, START_FACTOR, TIME_LIMIT
from .links import Hello, LinkError, Reply, Request
from .processes import Child

AHEAD = 16
"""How many requests are under way, so that a worker need not wait while answers are judged."""
MOST_DEATHS, MOST_IN_A_ROW, MOST_HANGS = 50, 5, 10
PRINTED_AT_MOST = 2**20
"""Bytes that one case may print; more is a flood."""


class InProcess:
    """Calls an implementation in this process: quick, debuggable, and without protection."""

    def __init__(self, target: Any, name: str = "") -> None:
        """`target` is the implementation itself, or the text that names it."""
        self.target, self.name = target, name

        self.lost: tuple[Any, ...] = ()

    def afresh(self) -> bool:
        """It is part of this process."""
        return False

    def start(self) -> Hello:
        """Loads it; UsageError says what is wrong with it."""
        try:
            target, name = self.target, self.name
            if isinstance(target, str):
                target, name = worker.loaded(target), target.rpartition(":")[2]
            implementation = worker.Implementation(
                target, name or getattr(target, "__name__", "implementation")
            )
        except worker.LoadError as error:
            raise UsageError(str(error)) from None
        self.caller = worker.Caller(implementation, interruptible=True)
        declared: Any = implementation.declaration
        return Hello(implementation.name, declared, worker.versions(), implementation.is_object)

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """One reply a request, in order."""
        for number, request in enumerate(requests):
            yield reply_of(*self.caller.reply(*request_parts(number, request)))

    def close(self) -> None:
        """Nothing is to be ended."""


class Isolated:
    """Calls an implementation in a worker process, which is replaced when it dies or hangs."""

    most_hangs = MOST_HANGS

    def __init__(
        self,
        source: str,
        python: str | None = None,
        time_limit: float = TIME_LIMIT,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        """`python` is another interpreter; `time_limit` in seconds a case, `memory_limit` in MiB."""
        self.source, self.python = source, python or sys.executable
        self.time_limit, self.memory_limit = time_limit, memory_limit
        self.child: Child | None = None
        self.given_up = ""
        self._deaths = self._hangs = self._in_a_row = 0
        self.start_limit = self._limit = START_FACTOR * time_limit
        self._printed = 0

    @property
    def lost(self) -> tuple[Any, ...]:
        """Deaths, hangs, both in a row, and why no more is asked."""
        return self._deaths, self._hangs, self._in_a_row, self.given_up

    @lost.setter
    def lost(self, lost: tuple[Any, ...]) -> None:
        self._deaths, self._hangs, self._in_a_row, self.given_up = lost

    def afresh(self) -> bool:
        """Ends the worker; the next question starts another."""
        self.close()
        self._limit = self.start_limit
        return True

    def start(self) -> Hello:
        """Loads it. UsageError if it cannot be used; LinkError if loading it crashes or does not end."""
        self.close()
        try:
            self.child = self._child()
        except LinkError as error:
            raise UsageError(f"{self.python} {error}; give a Python interpreter") from None
        deadline = time.monotonic() + self.start_limit
        self._greet(deadline)
        try:
            self.child.send(worker.frame({"do": "load", **self._what()}), deadline)
            header, _ = self._frame(deadline)
        except LinkError as error:
            self.close()
            if error.kind == "time":
                raise LinkError(
                    "time",
                    f"importing did not end within {self.start_limit:g} s; if it trains when imported, put "
                    'that under if __name__ == "__main__"',
                ) from None
            raise LinkError(error.kind, f"importing: the process {error}") from None
        if "error" in header:
            self.close()
            raise UsageError(header["error"])
        self._printed = self._total_printed()
        return Hello(header["name"], header["declaration"], header["versions"], header["stateful"])

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """One reply a request, in order; what kills the worker is a fault of the request that it was at."""
        sent, cut = 0, ""
        for number in range(len(requests)):
            if self.given_up:
                yield Reply(None, (), self.given_up)
                continue
            try:
                if cut == "time" and number >= sent:
                    self.close()  # it was slow, not wrong: of this request it has got the beginning only
                if self.child is None:
                    self._start_again()
                    sent, cut = number, ""
                deadline = time.monotonic() + self._limit
                if not cut:
                    sent, cut = self._sent_ahead(requests, sent, number, deadline)
                header, payload = self._frame(deadline)
                reply = self._checked(number, header, payload)
            except LinkError as error:
                yield self._lost(self._told(error))
            else:
                self._in_a_row, self._limit = 0, self.time_limit
                if header.get("exhausted"):
                    limit = f"ran out of memory: the limit is {self.memory_limit:,} MiB"
                    yield self._lost(limit, reply.faults)
                else:
                    yield self._with_flood(reply)

    def _sent_ahead(
        self, requests: Sequence[Request], sent: int, number: int, deadline: float
    ) -> tuple[int, str]:
        """Sends what may be under way while `number` is; how many are sent then, and what ended it, if so.

        A worker that has died or hangs did so over the first request whose reply is missing. That need not be
        `number`: replies may be there already. So this raises nothing, and reading does.
        """
        assert self.child is not None
        try:
            while sent < len(requests) and sent < number + AHEAD:
                self.child.send(request_frame(sent, requests[sent]), deadline)
                sent += 1
        except LinkError as error:
            return sent, error.kind
        return sent, ""

    def _child(self) -> Child:
        """The worker, started. LinkError if that cannot be done."""
        command = [self.python, str(Path(worker.__file__))]
        return Child(command, protocol="fds", memory_limit_mib=self.memory_limit)

    def _what(self) -> dict[str, Any]:
        """What it is to load."""
        return {"source": self.source}

    def _greet(self, deadline: float) -> None:
        """Waits until the worker speaks; UsageError if the interpreter cannot run it."""
        assert self.child is not None
        try:
            header, _ = self._frame(deadline)
            if header == {"worker": worker.PROTOCOL}:
                return
            said = "answers otherwise"
        except LinkError as error:
            said = self.child.why_dead() or str(error)
        self.close()
        raise UsageError(f"{self.python} is no Python from 3.7 on that can run {worker.__file__}: it {said}")

    def _start_again(self) -> None:
        try:
            self.start()
        except (UsageError, LinkError) as error:
            raise LinkError("start", f"cannot be started again: {error}") from None

    def close(self) -> None:
        """Ends the worker."""
        if self.child is not None:
            self.child.close()
            self.child = None

    def _frame(self, deadline: float) -> tuple[Any, bytes]:
        assert self.child is not None
        child = self.child
        try:
            received = worker.read_frame(lambda count: child.read_exactly(count, deadline))
        except ValueError:
            raise LinkError("flood", "that is no reply") from None
        assert received is not None  # a pipe that ends is a LinkError
        return received

    @staticmethod
    def _checked(number: int, header: Any, payload: bytes) -> Reply:
        """The reply in a frame; LinkError if somebody else than the worker wrote it."""
        try:
            if header["id"] == number:
                return reply_of(header, payload)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            pass
        raise LinkError("flood", "that is no reply")

    def _total_printed(self) -> int:
        return 0 if self.child is None else sum(tail.total for tail in self.child.printed.values())

    def _told(self, error: LinkError) -> str:
        """What happened to the process, as a clause about the implementation."""
        printed, said = self._total_printed() - self._printed, str(error)
        flood = f", and {_flood(printed)}" if printed > PRINTED_AT_MOST else ""
        if error.kind == "time":
            self._hangs += 1
            return f"gave no answer within {self._limit:g} s{flood}"
        if error.kind == "start":
            return said
        if error.kind == "flood":
            return "wrote into the connection to the harness"
        if error.kind == "closed" or f"exit status {worker.PIPE_LOST}" in said:
            return "closed the connection to the harness"
        if "memory being limited" in said:
            return f"ran out of memory: its process {said}{flood}"
        if said.startswith("ended with exit status"):
            return f"ended its process with status{said.removeprefix('ended with exit status')}{flood}"
        return f"its process {said.replace('was killed by', 'died of')}{flood}"

    def _lost(self, reason: str, faults: Sequence[str] = ()) -> Reply:
        """The reply of a request that ended the worker; after too many of them no more is asked."""
        self.close()
        self._deaths += 1
        self._in_a_row += 1
        self._limit = self.time_limit
        if self._in_a_row >= MOST_IN_A_ROW:
            self.given_up = f"not asked: the process had been lost {self._in_a_row} times in a row"
        elif self._hangs >= self.most_hangs:
            self.given_up = f"not asked: no answer had come in time {self._hangs} times"
        elif self._deaths >= MOST_DEATHS:
            self.given_up = f"not asked: the process had been lost {self._deaths} times"
        return Reply(None, (reason, *(fault for fault in faults if "MemoryError" not in fault)))

    def _with_flood(self, reply: Reply) -> Reply:
        total = self._total_printed()
        printed, self._printed = total - self._printed, total
        if printed <= PRINTED_AT_MOST:
            return reply
        return Reply(reply.values, (*reply.faults, _flood(printed)), reply.unsupported)


def _flood(printed: int) -> str:
    return f"printed more than {PRINTED_AT_MOST >> 20} MiB for one case: {printed / 2**20:.1f}"
