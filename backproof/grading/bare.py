"""How a submission is asked: in a worker whose interpreter has the standard library and NumPy, and no more.

A process is no sandbox: it has the rights of who runs it. What this does is to keep expected answers, oracles
and the harness out of reach of an import, to count processor time instead of waiting, and to tell what a
solution need not do. See "Honest marks" in docs/grading.md.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from backproof.errors import UsageError
from backproof.plugging import worker
from backproof.plugging.isolation import Isolated
from backproof.plugging.links import LinkError
from backproof.plugging.processes import Child

from . import bare_worker, functions
from .model import Note

WALL_FACTOR = 10
"""So many times the processor time may pass on the wall, on machines that do other things, too."""
LOADING_FACTOR = 5
"""Starting and importing may take so many times the limit of one case."""
MOST_HANGS = 3
"""After so many cases without an answer a submission is not asked any more."""
MOST_NOTES = 50
_LONGEST_ANSWER = 16 * 2**20
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class BareInterpreter:
    """A folder with all that a worker may see, for as long as a run lasts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="grading-"))
        self._harness, packages = self.folder / "worker", self.folder / "packages"
        self._harness.mkdir()
        packages.mkdir()
        for module in (worker, functions, bare_worker):
            shutil.copy(str(module.__file__), self._harness)
        found = find_spec("numpy")
        if found is None or found.origin is None:
            raise UsageError("numpy is not where Python finds it; install it again")
        numpy = Path(found.origin).parent
        for place in (numpy, numpy.with_name("numpy.libs")):  # the second holds its BLAS in wheels for Linux
            if place.is_dir():
                (packages / place.name).symlink_to(place, target_is_directory=True)

    @property
    def command(self) -> list[str]:
        """What starts a worker: isolated from environment, user and site."""
        # The interpreter itself, not the one of a virtual environment, which would tell where that is.
        python = getattr(sys, "_base_executable", None) or sys.executable
        return [python, "-I", "-S", "-B", str(self._harness / "bare_worker.py")]

    def close(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BareLink(Isolated):
    """Asks a submission in a bare worker, and keeps what the worker tells of it."""

    most_hangs = MOST_HANGS

    def __init__(
        self,
        interpreter: BareInterpreter,
        file: Path,
        find: Mapping[str, Any],
        seconds: float,
        memory_limit: int,
    ) -> None:
        """`file` is the submission's, in a folder of its own; `find` says what to look for in it."""
        super().__init__(
            str(file), interpreter.command[0], time_limit=WALL_FACTOR * seconds, memory_limit=memory_limit
        )
        self.interpreter, self.file, self.find, self.seconds = interpreter, file, dict(find), seconds
        self.start_limit = self._limit = LOADING_FACTOR * self.time_limit
        self._seconds = LOADING_FACTOR * seconds
        self.notes: dict[tuple[str, str], None] = {}
        self.at = ""
        """The single function that is being called, or was when the worker was lost."""

    def start(self) -> Any:
        self._seconds = LOADING_FACTOR * self.seconds
        try:
            hello = super().start()
        except LinkError as error:
            if error.kind != "time":
                raise
            raise LinkError(
                "time",
                f"importing did not end within {self._seconds:g} s of processor time, {self.start_limit:g} s "
                'in all; what trains belongs under if __name__ == "__main__"',
            ) from None
        self._seconds, self._limit = self.seconds, self.time_limit
        return hello

    def _child(self) -> Child:
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(self.file.parent),
            "PYTHONHASHSEED": "0",
            **dict.fromkeys(_THREADS, "1"),
        }
        return Child(
            self.interpreter.command,
            protocol="fds",
            memory_limit_mib=self.memory_limit,
            env=environment,
            cwd=self.file.parent,
            longest_message=_LONGEST_ANSWER,
        )

    def _what(self) -> dict[str, Any]:
        return {"source": str(self.file), "find": self.find}

    def _frame(self, deadline: float) -> tuple[Any, bytes]:
        """The next answer; what the worker tells between answers is kept."""
        assert self.child is not None
        self.at = ""
        self.child.allow(self._seconds)
        while True:
            header, payload = super()._frame(deadline)
            if not isinstance(header, dict):
                raise LinkError("flood", "that is no reply")
            if "note" in header:
                self._keep(header["note"])
            elif "at" in header:
                self.at = str(header["at"])
            else:
                return header, payload

    def _keep(self, note: Any) -> None:
        if isinstance(note, Sequence) and len(note) == 2 and len(self.notes) < MOST_NOTES:
            self.notes.setdefault((str(note[0]), str(note[1])), None)

    def _told(self, error: LinkError) -> str:
        before = self._limit
        told = super()._told(error)
        if error.kind == "time":
            used = "processor time" in error.message
            limit = self._seconds if used else before
            told = f"gave no answer within {limit:g} s" + (" of processor time" if used else "")
        return f"{self.at} {told}" if self.at else told

    def integrity(self, folder: Path) -> tuple[Note, ...]:
        """What was told, with the submission's own folder and the run's called so."""
        found = []
        for kind, what in self.notes:
            text = what.replace(str(folder), "(its folder)").replace(
                str(self.interpreter.folder), "(the worker)"
            )
            found.append(Note.model_validate({"kind": kind, "what": text}))
        return tuple(found)
