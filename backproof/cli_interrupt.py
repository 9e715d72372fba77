"""Ctrl-C: pressed once, a run ends with the cases at hand; pressed twice, at once.

Python would raise KeyboardInterrupt wherever it happens to be, and both frameworks swallow it while they
import or compile: the run goes on, or ends in an error of theirs. So the first is noted and told, and
raised where nothing is half done.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, Self


class Stopper:
    """While entered, notes the first Ctrl-C and calls `tell`; raises KeyboardInterrupt at the second.

    Does nothing outside the main thread, or where someone else handles or ignores the signal.
    """

    def __init__(self, tell: Callable[[], object], also: Sequence[signal.Signals] = ()) -> None:
        """`also` are further signals that are heard as Ctrl-C is, such as SIGTERM."""
        self.tell, self.asked = tell, False
        self._signals = (signal.SIGINT, *also)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if current_thread() is main_thread():
            for each in self._signals:
                if signal.getsignal(each) in (signal.default_int_handler, signal.SIG_DFL):
                    self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.check()
        self.asked = True
        self.tell()
