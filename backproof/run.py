"""A run: cases drawn, judged, counted, and told as a report. This is what the commands and pytest call."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from refimpl import ACTIVATIONS, LOSSES, Case

from .cases import DrawOptions
from .chunks import (
    CHUNK,
    Alone,
    ChunkJudge,
    JudgedChunk,
    Surroundings,
    chunks_of,
    judge_kept,
    make_panel,
    subject_of,
    surroundings_of,
    tally_of,
)
from .explaining import Explainer
from .findings_tally import Origin
from .oracle_names import ORACLES, USUAL_ORACLES, usual_oracles
from .plugging.sources import Source
from .reporting.model import Report, RunInfo, Times
from .run_options import FLOOR, RunOptions, floor_of
from .subject import Subject
from .tally import Tally, replay_options

__all__ = [
    "CHUNK",
    "FLOOR",
    "ORACLES",
    "USUAL_ORACLES",
    "Progress",
    "RunOptions",
    "explain",
    "floor_of",
    "judge_kept",
    "make_panel",
    "replay",
    "report_of",
    "run",
    "subject_of",
    "surroundings_of",
    "tally_of",
    "usual_oracles",
]

Progress = Callable[[int, int, int], None]
"""Called with the cases judged, those requested, and those that are wrong."""


def run(options: RunOptions, progress: Progress | None = None) -> Report:
    """Draw, judge and count; Ctrl-C ends it early with status "interrupted" and all that was judged."""
    started, clock = datetime.now(UTC), time.monotonic()
    subject = subject_of(options)
    with ExitStack() as ending:
        ending.callback(subject.close)
        cases = min(options.cases, subject.most_cases or options.cases)
        corpus = options.corpus[: subject.most_cases]
        # Where nothing is drawn, a corpus of dtypes that are not supported is no error: it is not judged.
        dtypes = subject.dtypes(options.dtypes) if cases else options.dtypes
        options = replace(options, cases=cases, corpus=corpus, dtypes=dtypes)
        judge, chunks = ChunkJudge(options, subject), chunks_of(options)
        tally = tally_of(subject, options.oracles, options.truth)
        total = cases * len(dtypes) + len(corpus)
        floor = max(1, floor_of(total - sum(bool(subject.outside(case)) for case in corpus)))
        around: Surroundings | None = None
        status, done, is_faulty = "complete", 0, False
        workers = 1 if subject.most_cases else min(options.workers, len(chunks))
        if workers > 1:
            from .workers import Workers

            results: Alone | Workers = ending.enter_context(Workers(options, subject, chunks, workers))
        else:
            results = Alone(judge, chunks)
        offered: Counter[str] = Counter()

        def count(found: JudgedChunk) -> None:
            nonlocal around, done, is_faulty
            done += found.cases
            is_faulty |= found.is_faulty
            around = found.surroundings or around
            offered.update(found.offered)
            tally.merge(found.tally)

        try:
            for found in results:
                count(found)
                if progress is not None:
                    progress(done, total, tally.mismatches)
        except KeyboardInterrupt:
            status = "interrupted"
            with suppress(KeyboardInterrupt):
                results.stop()
                for found in results:  # those at hand
                    count(found)
        results.close(at_once=status != "complete")
        if status == "complete" and tally.is_to_be_explained:  # who interrupts does not wait for more
            if is_faulty:
                judge.afresh()
            explain(
                tally, Explainer(subject, judge.panel(results.left), judge.draw), diagnose=options.diagnose
            )
        around = around or surroundings_of(judge.oracles)
        subject.offered.update(offered)
    times = Times(started=started.isoformat(timespec="seconds"), seconds=time.monotonic() - clock)
    return report_of(options, subject, around, tally, status, times, total, floor, judge.draw)


def replay(
    case: Case,
    oracles: Sequence[str] = USUAL_ORACLES,
    mistake: str | None = None,
    source: Source | None = None,
) -> Report:
    """Judge one given case, and ask the truth about it."""
    options = RunOptions(
        1,
        0,
        (case.dtype.name,),
        oracles=tuple(oracles),
        mistake=mistake,
        truth="all",
        source=source,
    )
    subject = subject_of(options)
    try:
        words = replay_options(options.oracles, subject.options)
        command = f"backproof replay cases/{case.content_hash[:16]}.json {words}"
        options = replace(options, command=command)
        panel = make_panel(subject, options.oracles, options.truth)
        tally = tally_of(subject, options.oracles, options.truth)
        tally.add(panel.judge([case])[0], Origin())
        explain(tally, Explainer(subject, panel))
    finally:
        subject.close()
    around = surroundings_of(panel.oracles)
    return report_of(options, subject, around, tally, "complete", Times(), 1, 0)


def explain(tally: Tally, explainer: Explainer, *, diagnose: bool = True) -> None:
    """Has the values of all findings put side by side and, unless `diagnose` is off, their causes found.

    While the implementation can still be asked. Ctrl-C ends it: what is not known by then is left out.
    """
    with suppress(KeyboardInterrupt):
        tally.put_side_by_side(explainer.values)
        if diagnose:
            tally.explain(explainer.explained)


def report_of(
    options: RunOptions,
    subject: Subject,
    surroundings: Surroundings,
    tally: Tally,
    status: Any,
    times: Times,
    requested: int,
    floor: int,
    draw: DrawOptions | None = None,
) -> Report:
    """The report of what `tally` counted, with at least `floor` cases to be judged; `draw` says of what."""
    draw = draw or options.draw
    return Report(
        status=status,
        times=times,
        run=RunInfo(
            command=options.command,
            implementation=subject.name,
            source=subject.place,
            declared=subject.declared,
            not_offered=subject.not_offered,
            versions=dict(subject.versions),
            mistake=options.mistake,
            seed=options.seed,
            cases_requested=requested,
            dtypes=options.dtypes,
            activations=draw.activations or tuple(ACTIVATIONS),
            losses=draw.losses or tuple(LOSSES),
            oracles=options.oracles,
        ),
        environment=surroundings[0],
        floor=floor,
        deviations=tally.deviation_rows(options.oracles, options.dtypes),
        kinks=surroundings[1],
        **tally.rows(),
    )
