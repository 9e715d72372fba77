"""The cases of a run in chunks, and what a chunk comes to: a function of the chunk and of what is left to do.

Some things are done so many times a run only, such as confirming a finding, which takes seconds. What a
chunk may still do of that is an argument of its judgement, and what is left after it is part of the result.
So it does not matter which process judges a chunk, or when. In a campaign, every chunk has as much left to do
as if nothing was wrong before it, and what is judged starts anew: so nothing matters but the chunk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from oracles import Oracle
from oracles.ball_oracle import BallOracle
from refimpl import Case

from .cases import draw_case, draw_in_stratum
from .environment import environment
from .findings_tally import Origin
from .judging.adjudication import Truth
from .judging.panel import Panel
from .judging.verdicts import Judgement
from .kink_table import kink_table
from .oracle_names import ORACLES
from .plugging.plugged import fault
from .reporting.model import Environment, KinkRow
from .run_options import RunOptions
from .subject import PluggedSubject, Subject
from .tally import CORPUS, Tally, replay_options

SIZES = (16, 64, 256, 512)
"""Cases of the first chunks; the last one is that of all that follow. A case of a large chunk costs less, but
the first results are to be seen soon. Of the full range of networks, 1,024 cost as much a case as 512 do, and
take 0.6 GB more memory.
"""
CHUNK = SIZES[-1]
Left = Mapping[str, Any]
"""What may still be done in a run: see `Panel.left`."""
Surroundings = tuple[Environment, tuple[KinkRow, ...]]
"""Where oracles compute, and what they answer on kinks."""


@dataclass(frozen=True)
class Chunk:
    """Cases that are judged together: of a dtype, from the first index on, or of the corpus."""

    number: int
    dtype: str | None
    """None for kept cases."""
    first: int
    count: int

    def __str__(self) -> str:
        where = f"{self.dtype} cases" if self.dtype else "kept cases"
        return f"{where} {self.first:,} to {self.first + self.count - 1:,}"


def chunks_of(options: RunOptions) -> list[Chunk]:
    """All chunks of a run, in order: kept cases first, then those drawn, one dtype after the other."""
    found: list[Chunk] = []
    groups: list[tuple[str | None, int]] = [(None, len(options.corpus))]
    groups += [(dtype, options.cases) for dtype in options.dtypes]
    for dtype, total in groups:
        first = 0
        while first < total:
            size = min(SIZES[min(len(found), len(SIZES) - 1)], total - first)
            found.append(Chunk(len(found), dtype, first, size))
            first += size
    return found


@dataclass(frozen=True)
class JudgedChunk:
    """What a chunk came to."""

    tally: Tally
    cases: int
    given: Left
    """What was left before."""
    after: Left
    offered: Mapping[str, int]
    """Quantity → how often somebody's implementation offered it."""
    is_faulty: bool
    """Whether there was a fault, after which an implementation is started anew."""
    surroundings: Surroundings | None = None

    def stands(self, left: Left) -> bool:
        """Whether it would be the same if so much was left before."""
        return all(self._unaffected(key, left[key]) for key in self.given)

    def left_after(self, left: Left) -> Left:
        """What is left after it, if so much was left before; for what `stands`."""
        return {key: self.after[key] if self.given[key] == left[key] else left[key] for key in left}

    def _unaffected(self, key: str, left: Any) -> bool:
        given, after = self.given[key], self.after[key]
        # What could have been done, and was not done, did not matter.
        return given == left or (isinstance(given, (int, float)) and given == after and given > 0)


def subject_of(options: RunOptions) -> Subject:
    """What these options judge; started, if it is a program of its own."""
    return PluggedSubject.of(options.source) if options.source is not None else Subject(options.mistake)


def make_panel(subject: Subject, oracles: Sequence[str], truth: str = "disputed") -> Panel:
    """The subject with these oracles; OracleMissingError if a framework is not installed."""
    return subject.panel([ORACLES[name]() for name in oracles], Truth(mode=truth, oracle=BallOracle()))


def tally_of(subject: Subject, oracles: tuple[str, ...], truth: str) -> Tally:
    """Counts judgements of the subject."""
    return Tally(subject.name, replay_options(oracles, subject.options), truth)


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


class ChunkJudge:
    """Judges chunks of one run, in any order; each as if all before it had been judged here."""

    def __init__(self, options: RunOptions, subject: Subject) -> None:
        """Loads no framework yet."""
        self.options, self.subject = options, subject
        self.draw = subject.draw(options.draw)
        self._is_fresh = True
        self._at_start: Left | None = None

    @cached_property
    def oracles(self) -> tuple[Oracle, ...]:
        """Loaded when they are first needed; OracleMissingError if a framework is not installed."""
        return tuple(ORACLES[name]() for name in self.options.oracles)

    def panel(self, left: Left | None) -> Panel:
        """A table at which nothing was judged yet, with so much left to do; None is all of it."""
        panel = self.subject.panel(self.oracles, Truth(mode=self.options.truth, oracle=BallOracle()))
        if left is not None:
            panel.left = left
        return panel

    def judge(self, chunk: Chunk, left: Left | None, *, with_surroundings: bool = False) -> JudgedChunk:
        """Judges and counts one chunk; if `left` is None, as much as usual is left."""
        if self.options.is_campaign:
            left, with_surroundings = None, with_surroundings or chunk.number == 0
        given = self._usual(chunk) if left is None else left
        if given.get("afresh") and not self._is_fresh:
            self.afresh()
        found = self._judged(chunk, given)
        if found.is_faulty and not self._is_fresh and self.afresh():
            # What was asked before may have left something behind: only a new start tells for sure what this
            # chunk comes to, wherever it is judged. So do all that follow: see `_usual`.
            found = self._judged(chunk, given)
        self._is_fresh = False
        if self.options.is_campaign:  # nothing is handed on, and whatever is left before, it stands
            found = replace(found, given={}, after={})
        return replace(found, surroundings=surroundings_of(self.oracles)) if with_surroundings else found

    def _usual(self, chunk: Chunk) -> Left:
        """What a chunk of this number finds left to do, where nothing was wrong before."""
        if self._at_start is None:
            self._at_start = self.panel(None).left
        left = dict(self._at_start)
        if isinstance(self.subject, PluggedSubject):
            left["first"] *= chunk.number == 0  # the first cases are those of the first chunk
            # True after the first fault, and in a campaign: then each chunk begins with a new start.
            left["afresh"] = self.options.is_campaign
        return left

    def afresh(self) -> bool:
        """Has somebody's implementation start anew before it is asked again, if that can be done."""
        self._is_fresh = self.subject.afresh()
        return self._is_fresh

    def _judged(self, chunk: Chunk, left: Left) -> JudgedChunk:
        panel = self.panel(left)
        self.subject.offered.clear()
        judgements, origins = self._of(chunk, panel)
        tally = tally_of(self.subject, self.options.oracles, self.options.truth)
        tally.add_all(judgements, origins)
        is_faulty = any(judgement.verdict == "fault" for judgement in judgements)
        after = dict(panel.left)
        if "afresh" in left:
            after["afresh"] = left["afresh"] or is_faulty
        return JudgedChunk(tally, len(judgements), left, after, dict(self.subject.offered), is_faulty)

    def _of(self, chunk: Chunk, panel: Panel) -> tuple[list[Judgement], list[Origin]]:
        if chunk.dtype is None:
            kept = self.options.corpus[chunk.first : chunk.first + chunk.count]
            return judge_kept(self.subject, panel, kept), [Origin(CORPUS)] * len(kept)
        indices = range(chunk.first, chunk.first + chunk.count)
        draw = draw_in_stratum if self.options.is_campaign else draw_case
        drawn = [draw(self.options.seed, index, chunk.dtype, self.draw) for index in indices]
        judgements = panel.judge([one.case for one in drawn])
        return judgements, [Origin(one.regime, one.seed, one.index) for one in drawn]


class Alone:
    """Judges chunks in this process. An iterator over the results, as `Workers` is."""

    def __init__(self, judge: ChunkJudge, chunks: Sequence[Chunk]) -> None:
        self._judge, self._todo = judge, deque(chunks)
        self.left: Left | None = None
        """What is left to do after the chunks that were judged; None before the first."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> JudgedChunk:
        if not self._todo:
            raise StopIteration
        found = self._judge.judge(self._todo.popleft(), self.left)
        self.left = found.after
        return found

    def add(self, chunk: Chunk) -> None:
        """One more chunk to judge, after those that wait."""
        self._todo.append(chunk)

    def stop(self) -> None:
        """Begins no chunk any more."""
        self._todo.clear()

    def close(self, *, at_once: bool = False) -> None:
        """Nothing was started."""


def surroundings_of(oracles: Sequence[Oracle]) -> Surroundings:
    """Where these oracles compute, and what they answer on kinks."""
    return environment(oracles), kink_table(oracles)
