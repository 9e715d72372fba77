"""Processes that judge the chunks of a run. What they find does not depend on how many they are.

The chunks' results are taken in the order of the chunks. One that was judged as if more, or less, was left to
do than turns out to be left is judged again: see `JudgedChunk.stands`. That happens about once for each thing
that is done so many times a run only.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Self

from oracles import OracleMissingError

from .chunks import Chunk, ChunkJudge, JudgedChunk, Left, subject_of
from .errors import UsageError
from .one_thread import ONE_THREAD
from .run_options import RunOptions
from .subject import Subject

MOST_LOST = 3
"""So often in a row, without a result between, workers may die before the run is given up."""
AHEAD = 2
"""Chunks for each worker that are judged, or wait for it, so that none waits for the parent."""


class Workers:
    """Judges chunks in processes of their own. An iterator over the results, in the order of the chunks."""

    def __init__(self, options: RunOptions, subject: Subject, chunks: Sequence[Chunk], count: int) -> None:
        """`subject` is what the parent has of what is judged: each worker starts its own, alike."""
        self._options, self._count, self._greeting = options, count, _greeting(subject)
        self._todo = deque(chunks)
        self._told = min(1, len(chunks) - 1)
        """The chunk with whose result the surroundings come: not the first, which is to be there soon."""
        self._waiting: deque[tuple[Chunk, Any]] = deque()
        self._left: Left | None = None
        self._lost = 0
        self._executor = self._started()

    def _started(self) -> Any:
        from loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            self._count,
            initializer=_start,
            initargs=(self._options, self._greeting, os.getpid()),
            # loky would replace a worker that has grown, in the midst of a run.
            env={**ONE_THREAD, "LOKY_MAX_MEMORY_LEAK_SIZE": str(2**62)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is not None or bool(self._waiting))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> JudgedChunk:
        """The next result. UsageError if the workers die again and again, or cannot start what is judged."""
        while True:
            while self._todo and len(self._waiting) < AHEAD * self._count:
                chunk = self._todo.popleft()
                self._waiting.append((chunk, self._submitted(chunk, self._left)))
            if not self._waiting:
                raise StopIteration
            chunk, future = self._waiting[0]
            found = self._result(chunk, future)
            if found is None:
                continue
            if self._left is not None and not found.stands(self._left):
                self._waiting[0] = chunk, self._submitted(chunk, self._left)
                continue
            self._waiting.popleft()
            self._left = found.left_after(found.given if self._left is None else self._left)
            self._lost = 0
            return found

    @property
    def left(self) -> Left | None:
        """What is left to do after the chunks whose results were taken; None before the first."""
        return self._left

    def add(self, chunk: Chunk) -> None:
        """One more chunk to judge, after those that wait."""
        self._todo.append(chunk)

    def stop(self) -> None:
        """Begins no chunk any more; those at hand still come."""
        self._todo.clear()
        while self._waiting and self._waiting[-1][1].cancel():
            self._waiting.pop()

    def close(self, *, at_once: bool = False) -> None:
        """Ends the processes."""
        self._executor.shutdown(wait=True, kill_workers=at_once)

    def _submitted(self, chunk: Chunk, left: Left | None) -> Any:
        from loky import BrokenProcessPool

        told = chunk.number == self._told
        try:
            with unheard():
                return self._executor.submit(_judged, chunk, left, told)
        except BrokenProcessPool as error:
            return _Broken(error)

    def _result(self, chunk: Chunk, future: Any) -> JudgedChunk | None:
        """The result of what was submitted; None if a worker died, and all that waits is judged again."""
        from loky import BrokenProcessPool

        try:
            return future.result()
        except BrokenProcessPool as error:
            self._lost += 1
            if self._lost >= MOST_LOST:
                raise UsageError(
                    f"worker processes died {self._lost} times over {chunk}{_how(error)}; if the memory ran "
                    "out, take fewer --workers"
                ) from None
        self._executor.shutdown(wait=True, kill_workers=True)
        self._executor = self._started()
        self._waiting = deque(
            (each, known if _is_good(known) else self._submitted(each, self._left))
            for each, known in self._waiting
        )
        return None


class _Broken:
    """In the place of a result that will not come."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def result(self) -> Any:
        raise self.error

    def cancel(self) -> bool:
        return True


def _is_good(future: Any) -> bool:
    return not isinstance(future, _Broken) and future.done() and future.exception() is None


def _how(error: BaseException) -> str:
    """How they died, as loky tells it beside its advice."""
    told = re.search(r"exit codes of the workers are \{([^}]*)\}", str(error))
    return f": {told[1]}" if told else ""


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Processes started meanwhile do not hear Ctrl-C: the parent, which hears it afterwards, ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _greeting(subject: Subject) -> tuple[Any, ...]:
    """What must be the same of what each process judges."""
    return subject.name, subject.declared, subject.most_cases


# ---------------------------------------------------------------- in a worker

_given: tuple[RunOptions, tuple[Any, ...]] | None = None
_judge: ChunkJudge | None = None


def _start(options: RunOptions, greeting: tuple[Any, ...], parent: int) -> None:
    """Called once in each worker. What can fail is left to the first chunk: there, errors are told."""
    global _given  # noqa: PLW0603 - a worker has one run
    _given = options, greeting
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be blocked
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this process soon after its parent was killed, which cannot tell it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _judged(chunk: Chunk, left: Left | None, told: bool) -> JudgedChunk:
    global _judge  # noqa: PLW0603 - as is what it judges by
    if _judge is None:
        assert _given is not None
        options, greeting = _given
        try:
            subject = subject_of(options)
        except UsageError as error:
            raise UsageError(
                f"{error} (in a worker, beside another; if only one can run, leave out --workers)"
            ) from None
        if _greeting(subject) != greeting:
            subject.close()
            raise UsageError(
                f"{subject.place} starts otherwise a second time, beside the first; leave out --workers"
            )
        judge = ChunkJudge(options, subject)
        try:
            assert judge.oracles
        except OracleMissingError as error:
            raise UsageError(str(error)) from None
        # What the frameworks have made lives as long as the process: the collector need not look at it again.
        gc.freeze()
        _judge = judge
    return _judge.judge(chunk, left, with_surroundings=told)
