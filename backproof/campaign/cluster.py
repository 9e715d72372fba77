"""Many machines: the chunks of a campaign judged by the workers of a Dask cluster.

Dask pickles what it sends. It gets the name of a function of ours with a text and a number, and brings bytes,
which are validated as all that is read is: see `cluster_task`. This process alone writes. A worker that dies
costs the chunks it has at hand: the scheduler gives them to another. What was written stays, whatever
becomes of the cluster.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from backproof.chunks import Chunk
from backproof.errors import UsageError
from backproof.reporting.files import first_problem
from backproof.workers import MOST_LOST, unheard

from .cluster_address import CONNECT, LOCAL, check_address, unreachable
from .cluster_task import REFUSAL, RESULT, judge_chunk
from .counts import Done
from .options import CampaignFile

AHEAD = 3
"""Chunks for each worker that are judged, or wait for it, so that none waits for this process."""
PATIENCE = 120.0
"""Seconds that a cluster may be without any worker, before it is given up."""
_LOOK = 5.0
"""Seconds between two looks at how many workers there are."""
_SHOWN = 3
_RESUME = "what was shown as done is kept: go on with 'backproof campaign resume'"


class Cluster:
    """Judges chunks on a cluster. An iterator over what they come to, in the order in which that comes."""

    def __init__(
        self, address: str, campaign: CampaignFile, count: int = 1, *, in_order: bool = False
    ) -> None:
        """Connects to the scheduler at `address`, or starts a cluster of `count` workers if it is LOCAL.

        With `in_order`, results come in the order in which chunks were added. Raises UsageError if there is
        no such scheduler, or Dask is not installed.
        """
        check_address(address)
        self._address, self._in_order = address, in_order
        self._campaign = campaign.model_dump_json()
        self._waiting: dict[str, tuple[Chunk, Any]] = {}
        """Key of a task → its chunk, and the future of its answer; in the order in which they were added."""
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._came: dict[str, None] = {}
        """Keys of tasks that have ended, in that order."""
        self._ending = contextlib.ExitStack()
        self._workers, self._looked, self._empty_since = 0, 0.0, time.monotonic()
        try:
            self._ending.enter_context(_restored())
            if hasattr(signal, "pthread_sigmask"):
                resource_tracker.ensure_running()  # else whatever thread starts it hears the signal again
            # Processes that are started meanwhile, and threads that start others, do not hear Ctrl-C.
            with unheard():
                self._client = self._connected(count)
        except BaseException:
            self._ending.close()
            raise

    def _connected(self, count: int) -> Any:
        import dask
        import distributed

        untyped: Any = distributed
        to: Any = self._address
        if self._address == LOCAL:
            # Else the scheduler's own setting says how many workers a chunk may cost.
            with dask.config.set({"distributed.scheduler.allowed-failures": MOST_LOST - 1}):
                to = untyped.LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    memory_limit=0,  # Dask would replace a worker that has grown, in the midst of a chunk
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
            self._ending.callback(to.close, timeout=CONNECT)
        try:
            client = untyped.Client(to, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:  # OSError: also where the time is over
            raise unreachable(self._address, _first_line(error)) from None
        self._ending.callback(_closed, client)
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is not None)

    def __iter__(self) -> Iterator[Done]:
        return self

    @property
    def ahead(self) -> int:
        """How many chunks it can have at hand: some for each worker there is now."""
        self._look()
        return AHEAD * max(1, self._workers)

    def add(self, chunk: Chunk) -> None:
        """One more chunk to judge, after those that wait."""
        future = self._client.submit(judge_chunk, self._campaign, chunk.number, pure=False)
        self._waiting[future.key] = chunk, future
        future.add_done_callback(lambda ended: self._ended.put(ended.key))

    def __next__(self) -> Done:
        """The next result.

        Raises UsageError if the scheduler is gone, if there are no workers for PATIENCE, if workers die
        over a chunk again and again, and if one is not what the campaign was started with.
        """
        if not self._waiting:
            raise StopIteration
        while (key := self._next_key()) is None:
            try:
                self._came[self._ended.get(timeout=1.0)] = None
            except queue.Empty:
                self._look()
        chunk, future = self._waiting[key]
        done = self._done(chunk, self._answer(chunk, future))
        del self._waiting[key], self._came[key]
        return done

    def stop(self) -> None:
        """Begins no chunk any more; those at hand still come: the oldest, one for each worker."""
        running = [key for key in self._waiting if not self._waiting[key][1].done()]
        dropped = [self._waiting.pop(key)[1] for key in running[self._workers :]]
        if dropped:
            with contextlib.suppress(OSError):
                self._client.cancel(dropped)

    def close(self, *, at_once: bool = False) -> None:
        """Ends the connection, and the cluster if it was started here.

        What a worker elsewhere has begun it finishes, for nobody.
        """
        del at_once
        self._waiting.clear()
        self._ending.close()

    # ------------------------------------------------------------ how the cluster is

    def _next_key(self) -> str | None:
        if self._in_order:
            first = next(iter(self._waiting))
            return first if first in self._came else None
        return next((key for key in self._came if key in self._waiting), None)

    def _look(self) -> None:
        """Counts the workers, now and then. Raises UsageError if scheduler or workers are gone."""
        if self._client.status != "running":
            raise self._gone()
        now = time.monotonic()
        if self._workers and now - self._looked < _LOOK:
            return
        try:
            self._workers = len(self._client.nthreads())
        except OSError:
            raise self._gone() from None
        self._looked = now
        if self._workers:
            self._empty_since = now
        elif now - self._empty_since > PATIENCE:
            raise UsageError(
                f"{self._address} has had no worker for {PATIENCE:.0f} s; start some with 'dask worker "
                f"{self._address} --nthreads 1'; {_RESUME}"
            )

    def _gone(self) -> UsageError:
        return UsageError(f"the Dask scheduler at {self._address} is gone; start it again; {_RESUME}")

    # ------------------------------------------------------------ what it answers

    def _answer(self, chunk: Chunk, future: Any) -> Any:
        from distributed import CancelledError, KilledWorker

        while future.status != "error":
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:  # the worker that had the answer is gone, say, and another one judges again
                self._look()
            except Exception as raised:
                if future.status == "error":  # a task's own error, also of a kind that connections have
                    break
                if isinstance(raised, (CancelledError, OSError)):
                    raise self._gone() from None
                raise
        error = future.exception()
        if isinstance(error, KilledWorker):
            raise UsageError(
                f"workers died again and again over {chunk}, the last one at {error.last_worker.address}; "
                f"look into its log: if the memory ran out, start fewer workers there; {_RESUME}"
            )
        if isinstance(error, ImportError):
            raise UsageError(
                f"a worker cannot judge: {_first_line(error)}; install backproof on every worker, with the "
                f"versions that are here; {_RESUME}"
            )
        raise error

    def _done(self, chunk: Chunk, answer: Any) -> Done:
        try:
            if isinstance(answer, bytes) and answer.startswith(REFUSAL):
                why = refusal(answer[len(REFUSAL) :])
            elif isinstance(answer, bytes) and answer.startswith(RESULT):
                return Done.read(chunk, answer[len(RESULT) :])
            else:
                why = _unusable(chunk, "it is no answer of a worker of backproof")
        except ValueError as error:
            why = _unusable(chunk, str(error))
        raise UsageError(why)


def _unusable(chunk: Chunk, why: str) -> str:
    return (
        f"what a worker answers to {chunk} cannot be used: {why}; make backproof the same on every worker; "
        f"{_RESUME}"
    )


def refusal(answer: bytes) -> str:
    """Why a worker cannot judge, in one line, from its JSON. Raises ValueError for anything else."""
    try:
        told = _Refusal.model_validate_json(answer)
    except ValidationError as error:
        raise ValueError(first_problem(error, "the answer")) from None
    changes = [f"{name} is {here} on it, {was} in the campaign" for name, was, here in told.changes]
    rest = len(changes) - _SHOWN
    why = "; ".join(changes[:_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
    return (
        f"worker {told.worker} cannot judge this campaign: {told.why or why}; make it the same on every "
        f"worker, and start the workers again; {_RESUME}"
    )


class _Refusal(BaseModel):
    """What follows REFUSAL."""

    worker: str
    changes: list[tuple[str, str, str]]
    why: str


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _closed(client: Any) -> None:
    """Ends a connection, also one whose other end is gone."""
    with contextlib.suppress(OSError):
        client.close(timeout=2)


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Keeps Dask from logging what is told here in one line; puts its levels and the environment back.

    A cluster on this machine sets variables for its workers here.
    """
    import distributed  # noqa: F401 - it sets the levels when it is imported

    loggers = [
        logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado.application")
    ]
    levels = [logger.level for logger in loggers]
    environment = dict(os.environ)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
