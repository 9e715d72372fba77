"""Ctrl-C: pressed once, a run ends with the cases at hand; pressed twice, at once.

Python would raise KeyboardInterrupt wherever it happens to be, and both frameworks swallow it while they
import or compile: the run goes on, or ends in an error of theirs. So the first is noted and told, and
raised where nothing is half done.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, Self


class Stopper:
    """While entered, notes the first Ctrl-C and calls `tell`; raises KeyboardInterrupt at the second.

    Does nothing outside the main thread, or where someone else handles or ignores the signal.
    """

    def __init__(self, tell: Callable[[], object]) -> None:
        self.tell, self.asked = tell, False
        self._before: Any = None

    def __enter__(self) -> Self:
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours and current_thread() is main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.check()
        self.asked = True
        self.tell()
