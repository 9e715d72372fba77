"""Where an implementation is found and how it is run: what the options of the commands say."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backproof.errors import UsageError

from .limits import MEMORY_LIMIT, START_FACTOR, TIME_LIMIT

if TYPE_CHECKING:
    from .links import Link


@dataclass(frozen=True)
class Source:
    """An implementation and how to run it. Raises UsageError for options that do not go together."""

    impl: str | None = None
    """FILE.py:NAME or package.module:NAME."""
    command: str | None = None
    """A command to speak with, in JSON lines."""
    python: str | None = None
    """Another interpreter for `impl`."""
    isolated: bool = True
    time_limit: float = TIME_LIMIT
    memory_limit: int = MEMORY_LIMIT

    def __post_init__(self) -> None:
        if (self.impl is None) == (self.command is None):
            raise UsageError("give either --impl or --impl-cmd, not both")
        if self.command is not None and (self.python is not None or not self.isolated):
            option = "--python" if self.python is not None else "--no-isolation"
            raise UsageError(f"{option} goes with --impl; a command is a process of its own as it is")
        if self.python is not None and not self.isolated:
            raise UsageError("--python needs a process of its own; leave out --no-isolation")
        for option, value in (("--impl", self.impl), ("--impl-cmd", self.command), ("--python", self.python)):
            if value is not None and not value.strip():
                raise UsageError(f"{option} is empty; give one, or leave it out")
        if self.python is not None and shutil.which(self.python) is None:
            raise UsageError(f"--python {self.python}: there is no such program; give a Python interpreter")
        if not 0 < self.time_limit < 1e6:
            raise UsageError(f"--time-limit must be a number of seconds above 0, not {self.time_limit:g}")
        if not 16 <= self.memory_limit < 2**30:
            raise UsageError(f"--memory-limit must be at least 16 (MiB), not {self.memory_limit}")

    @property
    def options(self) -> dict[str, str | None]:
        """Option → value, those only that differ from the defaults; a flag has None."""
        found: dict[str, str | None] = {}
        if self.impl is not None:
            found["--impl"] = self.impl
        if self.command is not None:
            found["--impl-cmd"] = self.command
        if self.python is not None:
            found["--python"] = self.python
        if not self.isolated:
            found["--no-isolation"] = None
        if self.time_limit != TIME_LIMIT:
            found["--time-limit"] = f"{self.time_limit:g}"
        if self.memory_limit != MEMORY_LIMIT:
            found["--memory-limit"] = str(self.memory_limit)
        return found

    @property
    def words(self) -> list[str]:
        """The options as words of a command line."""
        return [word for option in self.options.items() for word in option if word is not None]

    @property
    def place(self) -> str:
        """What error messages call it."""
        return self.impl or f"the command {shlex.quote(self.command or '')}"

    def link(self) -> Link:
        """A way to ask it; nothing is started yet."""
        if self.command is not None:
            from .dialogue import DialogueLink

            limits = (self.time_limit, self.memory_limit)
            return DialogueLink(self.command, *limits, start_limit=START_FACTOR * self.time_limit)
        assert self.impl is not None
        from .isolation import InProcess, Isolated

        if not self.isolated:
            return InProcess(self.impl)
        return Isolated(self.impl, self.python, self.time_limit, self.memory_limit)
