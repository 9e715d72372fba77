"""Runs mutmut with its tests collected once: a mutant then costs a fork and the tests that reach it.

mutmut's own runner starts pytest anew for each mutant, and collecting the tests of refimpl takes longer than
most mutants live. Here a server process collects them, and forks for each mutant from inside pytest's loop.
The tests that killed a function's other mutants come first: one test mostly kills all of them.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import mutmut.__main__
import pytest
from hypothesis import Phase, settings
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.utils.file_utils import change_cwd
from mutmut.utils.format_utils import mangled_name_from_mutant_name
from mutmut.workers.isolation import ForkRunner, MutantResult

# The exit codes that mean so to mutmut.
SURVIVED, KILLED, TIMED_OUT = 0, 1, 36
STOPPED = (signal.SIGPROF, signal.SIGALRM)


class Request(NamedTuple):
    """A mutant, the tests that reach its function, the fastest first, and the seconds that they may take."""

    mutant: str
    tests: Sequence[str]
    seconds: int


def unescaped(test: str) -> str:
    r"""The id with single backslashes: pytest escapes ids again whenever it collects in the same process."""
    return re.sub(r"\\+", r"\\", test)


def use_repeatable_examples() -> None:
    """The same examples in every run, and none shrunk: that something fails is all that is asked."""
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", settings.get_profile("ci"), phases=phases)
    settings.load_profile("mutants")


class Repeatable:
    """The pytest plugin that does so."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """After the conftest has registered the profiles."""
        use_repeatable_examples()


class Server(Repeatable):
    """A pytest plugin whose loop answers requests instead of running the tests that were collected."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.failed = False
        self.killers: defaultdict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Of any phase: what fails to set up is killed, too."""
        self.failed |= report.failed

    def pytest_runtestloop(self, session: Any) -> bool:
        """Until there are no more requests."""
        items = {unescaped(item.nodeid): item for item in session.items}
        gc.freeze()  # so that forks share it
        self.connection.send("ready")
        while (request := self.connection.recv()) is not None:
            self.connection.send(self.tried(request, items))
        return True

    def tried(self, request: Request, items: dict[str, Any]) -> int:
        """The exit code of a process in which the mutant runs."""
        known = self.killers[mangled_name_from_mutant_name(request.mutant)]
        chosen = [items[test] for test in dict.fromkeys([*known, *map(unescaped, request.tests)])]
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            for alarm in STOPPED:
                signal.signal(alarm, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, request.seconds)  # of its own: the machine may be busy
            signal.alarm(20 * request.seconds)  # lest it waits for ever
            set_mutant_under_test(request.mutant)
            try:
                os.write(write, self.first_failing(chosen).encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            killer = answer.read().decode()
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:  # it crashed or hung
            return TIMED_OUT if -code in STOPPED else KILLED
        if killer == "none":
            return SURVIVED
        assert killer in items, "the process ended before its tests did"
        known[:] = [killer, *(test for test in known if test != killer)]
        return KILLED

    def first_failing(self, items: Sequence[Any]) -> str:
        """The id of the first test that fails, or "none"."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return unescaped(item.nodeid)
        return "none"


class CollectedOnce(ForkRunner):
    """mutmut's runner, with the server in place of a fork that starts pytest."""

    def startup(self) -> None:
        """Start the server and wait until it has collected the tests."""
        self.connection, theirs = Pipe()
        self.submitted: list[tuple[str, datetime]] = []
        self.server = os.fork()
        if self.server == 0:
            self.connection.close()
            serve(theirs)
        theirs.close()
        self.connection.recv()  # or EOFError, if they cannot be collected

    def submit(self, mutant_name: str, tests: list[str], cpu_time_limit: int, estimated_time: float) -> None:
        """Send the mutant to the server."""
        del cpu_time_limit  # an alarm limits the time there
        seconds = (estimated_time + config().timeout_constant) * config().timeout_multiplier
        fastest_first = sorted(tests, key=lambda test: (state().duration_by_test[test], test))
        self.connection.send(Request(mutant_name, fastest_first, round(seconds)))
        self.submitted.append((mutant_name, datetime.now()))  # noqa: DTZ005 - as mutmut has it

    def has_capacity(self) -> bool:
        """One at a time."""
        return not self.submitted

    def pending_count(self) -> int:
        """0 or 1."""
        return len(self.submitted)

    def wait_for_result(self, timeout: float | None = None) -> MutantResult:
        """What has become of it."""
        del timeout
        name, start = self.submitted.pop()
        code = self.connection.recv()
        return MutantResult(name, code, (datetime.now() - start).total_seconds())  # noqa: DTZ005

    def stop_all_workers(self) -> None:
        """The server ends with its connection."""

    def shutdown(self) -> None:
        """Let the server end."""
        self.connection.send(None)
        os.waitpid(self.server, 0)


def serve(connection: Connection) -> None:
    """Be the server: never returns."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    set_mutant_under_test("")
    with change_cwd("mutants"):
        tests = config().pytest_add_cli_args_test_selection
        PytestRunner().execute_pytest(["-q", "--tb=no", *tests], plugins=[Server(connection)])
    os._exit(0)


class RepeatablePytestRunner(PytestRunner):
    """mutmut's, for what is run without a mutant."""

    def execute_pytest(self, params: list[str], **kwargs: Any) -> int:
        """With the examples that the mutants get."""
        return super().execute_pytest(params, plugins=[*kwargs.pop("plugins", []), Repeatable()], **kwargs)


def run_mutmut() -> None:
    """`mutmut run`, of all mutants that have no result yet."""
    mutmut.__main__.get_mutant_runner = lambda workers=1: CollectedOnce(workers, RepeatablePytestRunner())
    mutmut.__main__._run((), 1)
