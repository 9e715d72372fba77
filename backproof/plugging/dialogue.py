"""Asks a program in any language, one case a line: `--impl-cmd './my_net'`.

One case at a time, so that whatever happens is known to belong to that case. After an answer that cannot be
read, or none in time, the program is started again, so that answers never get out of step.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backproof.errors import UsageError

from .dialogue_messages import (
    LONGEST_LINE,
    GarbageError,
    hello_line,
    read_hello,
    read_reply,
    run_line,
    stop_line,
)
from .links import Hello, LinkError, Reply, Request
from .printed import one_line
from .processes import Child

_GRACE = 1.0
_STARTS_AT_MOST = 3


class DialogueLink:
    """A link to a program that reads and writes JSON lines; the command is split into words as a shell would.

    `before` of a request is asked as cases of their own. `predict` and `arrays` mean nothing to a program
    that gets text, and are ignored. Raises UsageError for a command that cannot be split.
    """

    def __init__(
        self,
        command: str,
        time_limit: float = 10.0,
        memory_limit: int | None = None,
        *,
        start_limit: float = 30.0,
        longest_line: int = LONGEST_LINE,
    ) -> None:
        """time_limit: seconds for one case. memory_limit: in MiB, kept on Linux.

        start_limit: seconds to say hello, if time_limit is not more; a virtual machine may start slowly.
        """
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"the command {command!r} cannot be split: {error}; close the quotes") from None
        if not self._command:
            raise UsageError("the command is empty; give one, such as --impl-cmd './my_net'")
        self._time_limit, self._memory_limit, self._longest_line = time_limit, memory_limit, longest_line
        self._start_limit = max(start_limit, time_limit)
        self._child: Child | None = None
        self._number = 0
        self._failed_starts = 0
        self.ended_when_told = True
        """Whether the program ended by itself each time it was told to stop."""

    @property
    def lost(self) -> tuple[Any, ...]:
        """How often it could not be started, one time after the other."""
        return (self._failed_starts,)

    @lost.setter
    def lost(self, lost: tuple[Any, ...]) -> None:
        (self._failed_starts,) = lost

    def afresh(self) -> bool:
        """Ends the program; the next question starts it again."""
        self.close()
        return True

    def start(self) -> Hello:
        """Starts the program and greets it. LinkError of kind "start" if it does not greet back."""
        self._drop()
        what = "the program"
        try:
            self._child = Child(
                self._command, memory_limit_mib=self._memory_limit, longest_message=self._longest_line
            )
            what = "the program said no hello: it"
            line = self._asked(hello_line(), self._start_limit)
            what = "the program"
            hello = read_hello(line)
        except LinkError as error:
            why = self._with_limit(error, self._start_limit)
            self._drop()
            remedy = "; give a program that can be run, such as ./my_net" if error.kind == "start" else ""
            raise LinkError("start", f"{what} {why}{remedy}") from None
        except GarbageError as error:
            self._drop()
            raise LinkError("start", f"{what} {error}") from None
        except BaseException:
            self._drop()
            raise
        return hello

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """One reply a request, in order; after a fault the program goes on or is started again."""
        for request in requests:
            try:
                reply = self._reply(request)
            except BaseException:
                self._drop()  # its answer would be taken for the next case's
                raise
            yield reply

    def close(self) -> None:
        """Tells the program to stop, gives it a second to end, and kills it if it does not."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(LinkError):  # it has ended already, or does not listen
            child.send(stop_line(), time.monotonic() + _GRACE)
        self.ended_when_told &= child.stop(_GRACE)

    def _drop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def _reply(self, request: Request) -> Reply:
        early = ""
        if self._child is not None and not self._child.running:
            early = f"the program {self._child.why_dead()} before it was told to stop"
            self._drop()
        if self._child is None:
            if self._failed_starts >= _STARTS_AT_MOST:
                return Reply(None, (f"the program was not started again after {_STARTS_AT_MOST} failures",))
            try:
                self.start()
            except LinkError as error:
                self._failed_starts += 1
                return Reply(None, (str(error),))
            self._failed_starts = 0
        for fields in request.before:
            reply = self._run(fields)
            if self._child is None:
                return Reply(None, tuple(f"in a case run before this one: {fault}" for fault in reply.faults))
        reply = self._run(request.fields)
        return replace(reply, faults=(early, *reply.faults)) if early else reply

    def _run(self, fields: Mapping[str, Any]) -> Reply:
        """The reply to one case; after what was no reply to it, there is no child any more."""
        self._number += 1
        try:
            self._check_silent("before this case was sent")
            line = self._asked(run_line(self._number, fields), self._time_limit)
            reply = read_reply(line, self._number, str(fields["dtype"]))
            self._check_silent("after its answer")
        except LinkError as error:
            reason = self._with_limit(error, self._time_limit)
        except GarbageError as error:
            reason = str(error)
        else:
            return reply
        self._drop()
        return Reply(None, (f"the program {reason}",))

    def _asked(self, line: bytes, limit: float) -> bytes:
        assert self._child is not None
        deadline = time.monotonic() + limit
        try:
            self._child.send(line, deadline)
        except LinkError as error:
            if error.kind != "ended":
                raise
            # It may have written something all the same; if not, this tells again how it ended.
        return self._child.read_line(deadline)

    def _check_silent(self, when: str) -> None:
        """GarbageError if the program has written what nobody asked for."""
        assert self._child is not None
        extra = self._child.look()
        if extra:
            shown = one_line(extra[:400].decode("utf-8", "replace"))[:60]
            raise GarbageError(
                f"wrote more {when}: {shown!r}; write one line a case, and logs on standard error"
            )

    def _with_limit(self, error: LinkError, limit: float) -> str:
        if error.kind != "time" or self._child is None:
            return error.message
        pending = self._child.pending
        if pending:
            shown = one_line(pending[-400:].decode("utf-8", "replace"))[-60:]
            return f"wrote no end of line within {limit:g} s, only … {shown!r}; end each answer with one"
        return (
            f"gave no answer within {limit:g} s; if it does answer, "
            "let it flush standard output after each line"
        )
