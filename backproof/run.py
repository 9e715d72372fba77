"""A run: cases drawn, judged, counted, and told as a report. This is what the commands and pytest call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from oracles import Oracle
from oracles.ball_oracle import BallOracle
from refimpl import ACTIVATIONS, DTYPES, LOSSES, Case

from .cases import DrawOptions, draw_case
from .diagnosis.mistakes import MISTAKES
from .environment import environment
from .errors import UsageError
from .explaining import Explainer
from .judging.adjudication import MODES, Truth
from .judging.panel import Panel
from .judging.verdicts import Judgement
from .kink_table import kink_table
from .plugging.plugged import fault
from .plugging.sources import Source
from .reporting.model import Report, RunInfo, Times
from .subject import PluggedSubject, Subject
from .tally import CORPUS, Origin, Tally, replay_options

CHUNK = 256
FLOOR = 0.9
"""The share of the requested cases that must have been judged for a run to count."""
Progress = Callable[[int, int, int], None]


def _torch() -> Oracle:
    from oracles.torch_oracle import TorchOracle

    return TorchOracle()


def _jax() -> Oracle:
    from oracles.jax_oracle import JaxOracle

    return JaxOracle()


ORACLES: dict[str, Callable[[], Oracle]] = {"torch": _torch, "jax": _jax, "truth": BallOracle}
MODULES = {"torch": ("torch",), "jax": ("jax", "optax"), "truth": ("flint",)}
"""What each oracle needs to be importable."""
USUAL_ORACLES = ("torch", "jax")


def usual_oracles() -> tuple[str, ...]:
    """Those of `USUAL_ORACLES` that are installed; the truth if none is."""
    found = (name for name in USUAL_ORACLES if all(find_spec(module) for module in MODULES[name]))
    return tuple(found) or ("truth",)


@dataclass(frozen=True)
class RunOptions:
    """What a run shall do; checked when made. Raises UsageError for anything that cannot be done."""

    cases: int
    """How many cases in each dtype."""
    seed: int = 1
    dtypes: tuple[str, ...] = DTYPES
    activations: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    oracles: tuple[str, ...] = USUAL_ORACLES
    mistake: str | None = None
    truth: str = "disputed"
    """Which cases to ask the truth about: see `MODES`."""
    source: Source | None = None
    """Somebody's implementation, in the reference's place."""
    diagnose: bool = True
    """Whether to look for the causes of what is wrong."""
    command: str = ""
    """The command line that repeats this run."""
    corpus: tuple[Case, ...] = ()
    """Kept cases, judged first. With them, there may be no other `cases`."""

    def __post_init__(self) -> None:
        if self.cases < (0 if self.corpus else 1):
            raise UsageError(f"cases must be at least 1, not {self.cases}")
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"seed must be from 0 to 2^64 - 1, not {self.seed}")
        for kind, given, known in (
            ("dtype", self.dtypes, DTYPES),
            ("oracle", self.oracles, tuple(ORACLES)),
            ("way to ask the truth", (self.truth,), MODES),
            ("mistake", (self.mistake,) if self.mistake is not None else tuple(MISTAKES), tuple(MISTAKES)),
        ):
            if not given:
                raise UsageError(f"give at least one {kind} of: {', '.join(known)}")
            for name in given:
                if name not in known:
                    raise UsageError(f"unknown {kind} {name!r}; {_known(kind, name, known)}")
        if self.source is not None and self.mistake is not None:
            raise UsageError("--mistake is put in the reference's place; leave it out, or --impl")
        try:
            object.__setattr__(self, "draw", DrawOptions(self.activations, self.losses))
        except ValueError as error:
            raise UsageError(str(error)) from None

    draw: DrawOptions = field(init=False)


def _known(kind: str, name: str, known: tuple[str, ...]) -> str:
    """What could be meant: all there are, or of the many mistakes those of a similar name."""
    if kind != "mistake":
        return f"known: {', '.join(known)}"
    near = get_close_matches(name, known, 3, 0.3)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}'backproof list mistakes' shows all {len(known)}"


def floor_of(requested: int, share: float = FLOOR) -> int:
    """The fewest of the requested cases that must have been judged: at least one, if any was requested."""
    return min(requested, max(1, int(requested * share)))


def subject_of(options: RunOptions) -> Subject:
    """What these options judge; started, if it is a program of its own."""
    return PluggedSubject.of(options.source) if options.source is not None else Subject(options.mistake)


def make_panel(subject: Subject, oracles: Sequence[str], truth: str = "disputed") -> Panel:
    """The subject with these oracles; OracleMissingError if a framework is not installed."""
    return subject.panel([ORACLES[name]() for name in oracles], Truth(mode=truth, oracle=BallOracle()))


def tally_of(subject: Subject, oracles: tuple[str, ...], truth: str) -> Tally:
    """Counts judgements of the subject."""
    return Tally(subject.name, replay_options(oracles, subject.options), truth)


def run(options: RunOptions, progress: Progress | None = None) -> Report:
    """Draw, judge and count; Ctrl-C ends it early with status "interrupted" and all that was judged."""
    started, clock = datetime.now(UTC), time.monotonic()
    subject = subject_of(options)
    try:
        cases = min(options.cases, subject.most_cases or options.cases)
        corpus = options.corpus[: subject.most_cases]
        # Where nothing is drawn, a corpus of dtypes that are not supported is no error: it is not judged.
        dtypes = subject.dtypes(options.dtypes) if cases else options.dtypes
        options = replace(options, cases=cases, corpus=corpus, dtypes=dtypes)
        draw = subject.draw(options.draw)
        panel = make_panel(subject, options.oracles, options.truth)
        tally = tally_of(subject, options.oracles, options.truth)
        total = cases * len(dtypes) + len(corpus)
        floor = max(1, floor_of(total - sum(bool(subject.outside(case)) for case in corpus)))
        done, status = 0, "complete"

        def count(judgements: Sequence[Judgement], origins: Iterable[Origin]) -> None:
            nonlocal done
            for judgement, origin in zip(judgements, origins, strict=True):
                tally.add(judgement, origin)
            done += len(judgements)
            if progress is not None:
                progress(done, total, tally.mismatches)

        try:
            for first in range(0, len(corpus), CHUNK):
                judged = judge_kept(subject, panel, corpus[first : first + CHUNK])
                count(judged, [Origin(CORPUS)] * len(judged))
            for drawn in _chunks(options, draw):
                judged = panel.judge([one.case for one in drawn])
                count(judged, [Origin(one.regime, one.seed, one.index) for one in drawn])
        except KeyboardInterrupt:
            status = "interrupted"
        if status == "complete":  # who interrupts does not wait for more
            explain(tally, Explainer(subject, panel, draw), diagnose=options.diagnose)
    finally:
        subject.close()
    times = Times(started=started.isoformat(timespec="seconds"), seconds=time.monotonic() - clock)
    return report_of(options, subject, panel, tally, status, times, total, floor, draw)


def judge_kept(subject: Subject, panel: Panel, cases: Sequence[Case]) -> list[Judgement]:
    """One judgement a case, in order. What the subject does not declare is not asked, and not judged."""
    whys = [subject.outside(case) for case in cases]
    judged = iter(panel.judge([case for case, why in zip(cases, whys, strict=True) if not why]))
    return [
        Judgement(case, (fault(subject.name, f"not declared: {why}", "not judged"),), subject.name)
        if why
        else next(judged)
        for case, why in zip(cases, whys, strict=True)
    ]


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
    return report_of(options, subject, panel, tally, "complete", Times(), 1, 0)


def explain(tally: Tally, explainer: Explainer, *, diagnose: bool = True) -> None:
    """Has the values of all findings put side by side and, unless `diagnose` is off, their causes found.

    While the implementation can still be asked. Ctrl-C ends it: what is not known by then is left out.
    """
    with suppress(KeyboardInterrupt):
        tally.put_side_by_side(explainer.values)
        if diagnose:
            tally.explain(explainer.explained)


def _chunks(options: RunOptions, draw: DrawOptions) -> Iterator[list[Any]]:
    for dtype in options.dtypes:
        for first in range(0, options.cases, CHUNK):
            indices = range(first, min(first + CHUNK, options.cases))
            yield [draw_case(options.seed, index, dtype, draw) for index in indices]


def report_of(
    options: RunOptions,
    subject: Subject,
    panel: Panel,
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
        environment=environment(panel.oracles),
        floor=floor,
        deviations=tally.deviation_rows(options.oracles, options.dtypes),
        kinks=kink_table(panel.oracles),
        **tally.rows(),
    )
