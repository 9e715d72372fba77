"""A session of a campaign at the terminal: progress, Ctrl-C and SIGTERM, how it ended."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import typer

from .campaign.options import CampaignFile, read_options
from .campaign.running import Limits, Session, Totals, Watch, go_on
from .cli_interrupt import Stopper
from .cli_options import INTERRUPTED, load

EVERY = 10.0
"""Seconds between two lines of progress where no terminal shows one line in place."""


def session(
    folder: Path, limits: Limits, workers: int, *, dask: str | None = None, repair: bool = False
) -> int:
    """Judges until a limit, and tells how it ended. Gives the exit status."""
    known = read_options(folder)
    with Stopper(lambda: None, also=(signal.SIGTERM,)) as stopper:
        watch = _Watch(known, limits, stopper, workers_load=workers > 1 or dask is not None)
        try:
            ended = go_on(folder, limits, workers, watch, dask=dask, repair=repair)
        finally:
            watch.end()
    return _told(folder, ended)


def _told(folder: Path, ended: Session) -> int:
    totals = ended.totals
    reason = {
        "cases": "as many cases as asked for",
        "time": "the time is over",
        "mismatch": "there is a mismatch",
        "interrupted": "interrupted",
    }[ended.reason]
    typer.echo(
        f"Stopped: {reason}. {totals.cases:,} cases judged, {totals.wrong:,} wrong, all on the disk in "
        f"{folder}."
    )
    if totals.wrong:
        return 1
    return INTERRUPTED if ended.reason == "interrupted" else 0


class _Watch(Watch):
    """Shows progress on standard error, and hears Ctrl-C and SIGTERM."""

    def __init__(self, known: CampaignFile, limits: Limits, stopper: Stopper, *, workers_load: bool) -> None:
        self._oracles, self._limits, self._workers_load = known.asked.oracles, limits, workers_load
        self._stopper = stopper
        stopper.tell = self._stopping
        self._screen = sys.stderr.isatty()
        self._first: Totals | None = None
        self._last = -EVERY
        self._open = False

    def load(self) -> None:
        """Loads the frameworks, unless workers do."""
        self._line("loading and compiling, once")
        load(self._oracles, missing_only=self._workers_load)

    def tell(self, totals: Totals) -> None:
        """Shows what is there, how fast it goes and how long it will take."""
        if self._first is None:
            self._first = totals
            return
        now = time.monotonic()
        if self._screen or now - self._last >= EVERY:
            self._last = now
            self._line(progress_line(self._first, totals, self._limits))

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed or SIGTERM came."""
        self._stopper.check()

    def end(self) -> None:
        """Leaves the line where progress was shown."""
        if self._open:
            typer.echo("", err=True)
            self._open = False

    def _stopping(self) -> None:
        self._line("stopping with the chunks at hand; Ctrl-C or SIGTERM again drops them")

    def _line(self, text: str) -> None:
        if self._screen:
            typer.echo(f"\r\x1b[K{text}", err=True, nl=False)
            self._open = True
        else:
            typer.echo(f"backproof: {text}", err=True)


def progress_line(first: Totals, now: Totals, limits: Limits) -> str:
    """What is there, at which rate since `first`, and how long it takes to the nearest limit."""
    seconds = now.seconds - first.seconds
    rate = now.session_cases / seconds if seconds > 0 else 0.0
    left = []
    if limits.cases is not None and rate:
        left.append(max(0.0, (limits.cases - now.cases) / rate))
    if limits.seconds is not None:
        left.append(max(0.0, limits.seconds - now.seconds))
    ending = f", {_clock(min(left))} left" if left else ""
    return f"{now.cases:,} cases on the disk, {now.wrong:,} wrong, {rate:,.0f} a second{ending}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
