"""A session of a campaign: whatever chunk is missing is judged and written, until a limit is reached.

A chunk is a pure function of the options and its number, so nothing but results is kept, and sessions may end
anywhere. Ctrl-C and SIGTERM end one with the chunks at hand; the second one drops these.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from backproof.chunks import Alone, Chunk, ChunkJudge, subject_of
from backproof.errors import CampaignError, UsageError

from . import store
from .counts import Done
from .identity import campaign_of
from .lock import LOCK_NAME, WriterLock
from .options import OPTIONS_NAME, Asked, CampaignFile, read_options, refuse_differences, write_options
from .plan import missing, place_of

if TYPE_CHECKING:
    from backproof.workers import Workers

_OURS = {LOCK_NAME, store.RESULTS_NAME, f".{store.RESULTS_NAME}.partial", f".{OPTIONS_NAME}.partial"}
"""What a start that was killed leaves behind."""


@dataclass(frozen=True)
class Limits:
    """When a session ends; the chunk that reaches a limit is kept whole."""

    cases: int | None = None
    """Of the whole campaign, earlier sessions included."""
    seconds: float | None = None
    """Of this session, by a clock that is never set."""
    until_mismatch: bool = False
    """Whether it ends with the first chunk of this session that has a mismatch or a fault."""


class Totals(NamedTuple):
    """What is there, all of it on the disk."""

    cases: int
    wrong: int
    """Cases that are a mismatch or a fault."""
    session_cases: int
    """Of this session."""
    seconds: float
    """That this session has taken."""


class Session(NamedTuple):
    """How a session ended."""

    totals: Totals
    reason: str
    """"cases", "time", "mismatch" or "interrupted"."""


class Watch:
    """Told how it goes; says whether to stop. This one is silent, and never does."""

    def load(self) -> None:
        """Called before the first chunk, to load what takes long."""

    def tell(self, totals: Totals) -> None:
        """Called before the first chunk, and after each."""

    def check(self) -> None:
        """Called where nothing is half done. KeyboardInterrupt ends the session with the chunks at hand."""


def create(folder: Path, asked: Asked) -> CampaignFile:
    """Makes the folder of a new campaign. Raises UsageError and CampaignError, and leaves nothing then."""
    _check_free(folder)
    options = asked.run_options()
    subject = subject_of(options)
    try:
        campaign = campaign_of(asked, options, subject)
    finally:
        subject.close()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with WriterLock(folder):
            _check_free(folder)
            store.create(folder / store.RESULTS_NAME, campaign.digest)
            write_options(folder, campaign)  # last: with it, the folder is a campaign
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise CampaignError(
            f"cannot make a campaign in {folder}: {reason}; remove the cause or choose another folder"
        ) from None
    return campaign


def _check_free(folder: Path) -> None:
    if (folder / OPTIONS_NAME).exists():
        raise CampaignError(
            f"{folder} holds a campaign already; go on with it: 'backproof campaign resume', or choose "
            "another folder"
        )
    try:
        names = sorted(each.name for each in folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise CampaignError(f"cannot read {folder}: {error.strerror}; choose another folder") from None
    others = [name for name in names if name not in _OURS]
    if others:
        raise CampaignError(f"{folder} holds other files, such as {others[0]}; choose an empty or new folder")


def go_on(
    folder: Path,
    limits: Limits,
    workers: int = 1,
    watch: Watch | None = None,
    *,
    repair: bool = False,
    dask: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Session:
    """Judges what is missing until a limit is reached: here, by `workers` processes, or by a Dask cluster.

    With `repair`, what is damaged is dropped, and judged again. `dask` is the address of a scheduler, or
    "local" for a cluster of `workers` on this machine. Raises CampaignError if another process writes, if
    anything differs from what the campaign was started with, or if results cannot be written; UsageError if
    what is judged cannot be started, if workers die again and again, or if the cluster cannot be used.
    """
    began = clock()
    campaign = read_options(folder)
    path = folder / store.RESULTS_NAME
    with ExitStack() as ending:
        ending.enter_context(WriterLock(folder))
        if repair:
            store.repair(path, campaign.digest)
        found = store.scan(path, campaign.digest, contents=True)
        if found.damage:
            raise store.damaged(path, found.damage)
        options = campaign.asked.run_options(workers)
        subject = subject_of(options)
        ending.callback(subject.close)
        refuse_differences(folder, campaign.differences(campaign_of(campaign.asked, options, subject)))
        records = [record for record, _ in found.records.values()]
        writer = ending.enter_context(store.Writer(path, found.end))
        writing = _Writing(campaign, writer, records, began, clock)
        if limits.cases is not None and writing.totals.cases >= limits.cases:
            return Session(writing.totals, "cases")
        watch = watch or Watch()
        watch.load()
        if dask is not None:
            from .cluster import Cluster

            in_order = limits.until_mismatch
            cluster = ending.enter_context(Cluster(dask, campaign, workers, in_order=in_order))
            return _judge(writing, limits, cluster, watch)
        if workers > 1:
            from backproof.workers import AHEAD, Workers

            pool = ending.enter_context(Workers(options, subject, [], workers))
            return _judge(writing, limits, _InOrder(pool, AHEAD * workers), watch)
        return _judge(writing, limits, _InOrder(Alone(ChunkJudge(options, subject), []), 1), watch)


class _Writing:
    """Judged chunks go to the disk, and are counted once they are there."""

    def __init__(
        self,
        campaign: CampaignFile,
        writer: store.Writer,
        records: list[store.Record],
        began: float,
        clock: Callable[[], float],
    ) -> None:
        self.campaign, self._writer, self._began, self._clock = campaign, writer, began, clock
        self.done = {record.number for record in records}
        self._session = 1 + max((record.session for record in records), default=0)
        cases, wrong = sum(record.cases for record in records), sum(record.wrong for record in records)
        self.totals = Totals(cases, wrong, 0, self.seconds)

    @property
    def seconds(self) -> float:
        return self._clock() - self._began

    def write(self, done: Done) -> None:
        """Returns once it is on the disk, and counted."""
        seconds = self.seconds
        self._writer.append(
            done.number,
            done.content,
            cases=done.cases,
            wrong=done.wrong,
            session=self._session,
            seconds=seconds,
        )
        cases, wrong, session_cases, _ = self.totals
        self.totals = Totals(cases + done.cases, wrong + done.wrong, session_cases + done.cases, seconds)


class Pool(Protocol):
    """What judges the chunks it is given, and gives what they come to, in any order."""

    @property
    def ahead(self) -> int:
        """How many chunks it can have at hand."""
        ...

    def add(self, chunk: Chunk) -> None:
        """One more chunk to judge."""
        ...

    def __iter__(self) -> Iterator[Done]: ...

    def __next__(self) -> Done: ...

    def stop(self) -> None:
        """Begins no chunk any more; those at hand still come."""
        ...

    def close(self, *, at_once: bool = False) -> None:
        """Ends what was started."""
        ...


class _InOrder:
    """Judges on this machine, and gives what chunks come to in the order in which they were given."""

    def __init__(self, pool: Alone | Workers, ahead: int) -> None:
        self._pool, self.ahead = pool, ahead
        self._given: deque[Chunk] = deque()

    def add(self, chunk: Chunk) -> None:
        self._given.append(chunk)
        self._pool.add(chunk)

    def __iter__(self) -> Iterator[Done]:
        return self

    def __next__(self) -> Done:
        judged = next(self._pool)
        return Done.of(self._given.popleft(), judged)

    def stop(self) -> None:
        self._pool.stop()

    def close(self, *, at_once: bool = False) -> None:
        self._pool.close(at_once=at_once)


def _judge(writing: _Writing, limits: Limits, pool: Pool, watch: Watch) -> Session:
    asked = writing.campaign.asked
    numbers = missing(writing.done)
    planned, at_hand = writing.totals.cases, 0
    reason = "cases"
    try:
        watch.tell(writing.totals)
        while True:
            try:
                watch.check()
            except KeyboardInterrupt:
                reason = "interrupted"
                break
            while at_hand < pool.ahead and (limits.cases is None or planned < limits.cases):
                number = next(numbers)
                place = place_of(number, asked.dtypes, asked.chunk)
                pool.add(Chunk(number, place.dtype, place.first, asked.chunk))
                planned, at_hand = planned + asked.chunk, at_hand + 1
            if not at_hand:
                break
            done = next(pool)
            at_hand -= 1
            writing.write(done)
            watch.tell(writing.totals)
            if limits.until_mismatch and done.wrong:
                # What is at hand beyond it is dropped: what is there does not depend on the workers.
                pool.close(at_once=True)
                return Session(writing.totals, "mismatch")
            if limits.seconds is not None and writing.seconds >= limits.seconds:
                reason = "time"
                break
        pool.stop()
        for done in pool:
            writing.write(done)
            watch.tell(writing.totals)
        pool.close()
    except KeyboardInterrupt:  # raised wherever it happened to be: what is at hand is dropped
        pool.close(at_once=True)
        return Session(writing.totals, "interrupted")
    return Session(writing.totals, reason)
