"""One writer: a lock on an open file, which the system takes away from a process that has died.

It is the system's own (flock, or msvcrt's on Windows), so that no crash leaves it behind. Whoever only looks
whether it is held takes it shared for a moment; a writer that comes just then tries again for a second.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Self

from backproof.errors import CampaignError

LOCK_NAME = "lock"
PATIENCE = 1.0
"""Seconds for which a writer tries."""

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, *, shared: bool) -> None:
        del shared
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int, *, shared: bool) -> None:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


class WriterLock:
    """Held while entered, or until the process ends, however it does."""

    def __init__(self, folder: Path) -> None:
        """Of the campaign in `folder`."""
        self.path = folder / LOCK_NAME
        self._file = -1

    def __enter__(self) -> Self:
        """Raises CampaignError if another process has it, or the folder cannot be written."""
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise CampaignError(
                f"cannot write into {self.path.parent}: {error.strerror}; make the folder writable"
            ) from None
        end = time.monotonic() + PATIENCE
        while True:
            try:
                _lock(self._file, shared=False)
            except OSError:
                if time.monotonic() < end:
                    time.sleep(0.05)
                    continue
                self.__exit__()
                raise CampaignError(
                    f"another process is writing the campaign in {self.path.parent}; wait until it has "
                    "ended, or stop it with Ctrl-C or SIGTERM"
                ) from None
            return self

    def __exit__(self, *_: object) -> None:
        if self._file != -1:
            os.close(self._file)
            self._file = -1


def is_held(folder: Path) -> bool:
    """Whether a process is writing the campaign; False where that cannot be seen."""
    try:
        file = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        _lock(file, shared=True)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
