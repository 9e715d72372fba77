"""What `throughput.py` measures of ours, each part in a process of its own: rates, parts, growth, memory.

Cases are judged by `backproof.run.run`, as the command `backproof run` does it: drawing, the reference, torch
and JAX, the judge, the truth where sides dispute, counting. Seconds are counted from its start to the last
case counted; what comes once a run, the report and the examples' values, is told beside it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from typing import Any
from unittest.mock import patch

import backproof.cases
from backproof.cases import DrawOptions
from backproof.judging import adjudication
from backproof.judging.panel import Panel
from backproof.run import RunOptions, run
from backproof.tally import Tally
from benchmarks.machine import peak_memory, running
from oracles.ball_oracle import BallOracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import DTYPES, Backprop

SIZES = {"small": DrawOptions(max_depth=5, max_width=32, max_batch=16), "full range": DrawOptions()}
WARM_UP = 1024
"""How many cases in each dtype are judged before anything is measured: all programs are compiled or read."""
Json = dict[str, Any]
Mark = tuple[int, float, float]
"""How many cases are counted, after how many seconds and how much processor time."""


@dataclass(frozen=True)
class SizedRun(RunOptions):
    """A run of networks of given sizes, for which the command has no option."""

    sizes: DrawOptions = field(default_factory=DrawOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "draw", self.sizes)


def options_of(
    cases: int, seed: int, sizes: DrawOptions, workers: int = 1, dtypes: Sequence[str] = DTYPES
) -> SizedRun:
    """So many cases in each dtype, all else by default. LookupError if a run cannot have several workers."""
    several: Json = {}
    if workers > 1:
        if "workers" not in {each.name for each in fields(RunOptions)}:
            raise LookupError("RunOptions has no workers")
        several = {"workers": workers}
    return SizedRun(cases, seed, tuple(dtypes), sizes=sizes, **several)


def judged(options: RunOptions, each_time: Callable[[], object] = lambda: None) -> Json:
    """One run: its cases, seconds and processor time, the seconds that its end took, and its progress.

    And how many programs JAX compiled, or read from its cache, until the last case was counted. `each_time`
    is called when some cases have been counted. RuntimeError if the run did not pass: then it is no measure
    of anything.
    """
    marks: list[Mark] = []
    programs: list[int] = []
    began, busy = time.perf_counter(), time.process_time()

    def progress(done: int, *_: int) -> None:
        marks.append((done, time.perf_counter() - began, time.process_time() - busy))
        programs.append(len(compiled))
        each_time()

    with compilations() as compiled:
        report = run(options, progress)
    if not report.passed:
        raise RuntimeError(f"the reference did not pass: {report.model_dump_json()[:2000]}")
    done, seconds, processor = marks[-1]
    end = time.perf_counter() - began - seconds
    return {
        "cases": done,
        "seconds": seconds,
        "processor": processor,
        "end": end,
        "programs": programs[-1],
        "marks": marks,
    }


def steady(marks: Sequence[Mark], skipped: float = 1 / 3) -> tuple[int, float]:
    """Cases and seconds without the first share of the cases, in which processes are still being started.

    The seconds follow from the line that fits the progress best: results of several processes come in bursts,
    as each waits for those before it, so that from one mark to another it may be a chunk more, or less.
    StatisticsError if there are not two marks.
    """
    counted = [mark for mark in marks if mark[0] >= skipped * marks[-1][0]]
    done = [mark[0] for mark in counted]
    rate = statistics.linear_regression([mark[1] for mark in counted], done).slope
    return done[-1] - done[0], (done[-1] - done[0]) / rate


@contextmanager
def compilations() -> Iterator[list[float]]:
    """An entry for each program that JAX compiles, or reads from its cache, in the block: its seconds."""
    import jax

    found: list[float] = []
    listening = True

    def listen(event: str, seconds: float, **_: Any) -> None:
        if listening and event == "/jax/core/compile/backend_compile_duration":
            found.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        listening = False


# ---------------------------------------------------------------- parts


def rates(sizes: str, cases: int, bare_cases: int, seed: int) -> Json:
    """One worker on one core: runs of a quarter, half and all of the cases; then of what they consist.

    With how long the first cases took from the start of the process, and the bare gradients of some cases.
    """
    from benchmarks.throughput_bare import bare

    imported, chosen = running(), SIZES[sizes]
    warm_up = judged(options_of(max(cases, WARM_UP), seed + 1, chosen))
    runs = [judged(options_of(cases // part, seed, chosen)) for part in (4, 2, 1)]
    return {
        **_told(runs[-1]),
        "shorter": list(map(_told, runs[:-1])),
        "imported": imported,
        "first": imported + warm_up["marks"][0][1],
        "parts": parts(sizes, bare_cases, seed),
        "bare": bare(bare_cases, seed, chosen),
    }


def _told(run: Json) -> Json:
    """A run without its progress."""
    return {name: value for name, value in run.items() if name != "marks"}


def several_workers(sizes: str, cases: int, seed: int, workers: int) -> Json:
    """A run by several processes, of which the first third of each dtype does not count: they start then."""
    found = judged(options_of(cases, seed, SIZES[sizes], workers))
    done, seconds = 0, 0.0
    for part in by_dtype(found["marks"], cases):
        counted = steady(part)
        done, seconds = done + counted[0], seconds + counted[1]
    return {"cases": done, "seconds": seconds, "whole": found["seconds"]}


def by_dtype(marks: Sequence[Mark], cases: int) -> list[list[Mark]]:
    """The progress within each dtype, of so many cases each, that were judged one after the other."""
    return [
        [(done - before, *rest) for done, *rest in marks if before < done <= before + cases]
        for before in (k * cases for k in range(len(DTYPES)))
    ]


def start(seed: int) -> Json:
    """A process's first judged cases, of the full range: with what it takes to import and compile."""
    imported = running()
    found = judged(options_of(256, seed, SIZES["full range"]))
    cases, seconds, _ = found["marks"][0]
    return {"imported": imported, "cases": cases, "first": imported + seconds}


def parts(sizes: str, cases: int, seed: int) -> Json:
    """Dtype → part of the work → milliseconds of processor time a case, until the last case is counted."""
    clock = Clock()
    found = {}
    with clock.watching(WATCHED):
        for dtype in DTYPES:
            clock.seconds.clear()
            spent: dict[str, float] = {}
            options = options_of(cases, seed, SIZES[sizes], dtypes=(dtype,))
            whole = judged(options, lambda spent=spent: spent.update(clock.seconds))["processor"]
            own = {name: spent.get(name, 0.0) for name in WATCHED}
            own["the rest"] = whole - sum(own.values())
            found[dtype] = {name: 1e3 * seconds / cases for name, seconds in own.items()}
    return found


AXES = {
    "depth": ((1, 2, 4, 8), {"width": 16, "batch": 8}),
    "width": ((1, 8, 16, 32, 64), {"depth": 3, "batch": 8}),
    "batch": ((1, 8, 16, 32), {"depth": 3, "width": 16}),
}
"""Axis → its sizes, and those of the others."""


def fixed(**sizes: int) -> DrawOptions:
    """Networks of exactly these sizes: depth, the width of every layer and of the inputs, and batch."""
    return DrawOptions(**{f"{end}_{axis}": size for axis, size in sizes.items() for end in ("min", "max")})


def growth(cases: int, seed: int) -> Json:
    """Axis → a size → milliseconds of processor time a case: ours, and the bare gradients."""
    from benchmarks.throughput_bare import bare

    judged(options_of(WARM_UP, seed + 1, SIZES["full range"]))
    found: Json = {}
    for axis, (values, others) in AXES.items():
        found[axis] = {}
        for value in values:
            sizes = fixed(**{**others, axis: value})
            judged(options_of(32, seed + 1, sizes))
            whole = judged(options_of(cases, seed, sizes))
            gradients = bare(cases, seed, sizes).values()
            found[axis][str(value)] = {
                "ours": 1e3 * whole["processor"] / whole["cases"],
                "bare": sum(each["processor ms"] for each in gradients),
            }
    return found


def memory(sizes: str, cases: int, seed: int) -> Json:
    """The most memory that a process had in use, in MB, with so many cases in all."""
    found = judged(options_of(cases // 2, seed, SIZES[sizes]))
    return {"cases": found["cases"], "seconds": found["seconds"], "peak": peak_memory()}


# ---------------------------------------------------------------- where time goes


class Clock:
    """Adds up the processor time of functions by name, without that of watched functions which they call."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._within: list[float] = []
        """For each call that is under way, the time spent in watched calls within it."""

    def timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function, counted under `name`."""

        def counted(*arguments: Any, **keywords: Any) -> Any:
            self._within.append(0.0)
            began = time.process_time()
            try:
                return function(*arguments, **keywords)
            finally:
                spent = time.process_time() - began
                self.seconds[name] += spent - self._within.pop()
                if self._within:
                    self._within[-1] += spent

        return counted

    @contextmanager
    def watching(self, watched: dict[str, tuple[tuple[Any, str], ...]]) -> Iterator[None]:
        """Counts what `watched` names: name → (owner, attribute) …, of which some may not be there.

        A function is replaced in every module that has imported it by name. LookupError if there is nothing
        of a name.
        """
        patches = []
        for name, places in watched.items():
            there = [(owner, attribute) for owner, attribute in places if hasattr(owner, attribute)]
            if not there:
                raise LookupError(f"nothing of what is to be counted as {name!r} exists any more")
            for owner, attribute in there:
                original = getattr(owner, attribute)
                owners = [owner] if isinstance(owner, type) else _importers(original, attribute)
                patches += [patch.object(each, attribute, self.timed(original, name)) for each in owners]
        with ExitStack() as stack:
            for each in patches:
                stack.enter_context(each)
            yield


def _importers(function: Any, name: str) -> list[Any]:
    """The modules in which a function is known by its name."""
    return [module for module in [*sys.modules.values()] if getattr(module, name, None) is function]


def _asked(oracle: type) -> tuple[tuple[Any, str], ...]:
    methods = ("steps", "step_batch", "activation", "loss_terms", "activation_pieces", "loss_pieces")
    return tuple((oracle, method) for method in methods)


WATCHED: dict[str, tuple[tuple[Any, str], ...]] = {
    "drawing": ((backproof.cases, "draw_case"), (backproof.cases, "draw_cases")),
    "reference": ((Backprop, "run"),),
    "torch: whole networks": ((TorchOracle, "traces"),),
    "torch: single steps": _asked(TorchOracle),
    "jax: whole networks": ((JaxOracle, "traces"),),
    "jax: single steps": _asked(JaxOracle),
    "truth": (
        *((BallOracle, method) for method in ("traces", "enclosed", "enclosed_steps")),
        *_asked(BallOracle),
        (adjudication, "ruled"),
    ),
    "judging": ((Panel, "judge"), (Panel, "judge_runs")),
    "counting": tuple((Tally, method) for method in ("add", "add_all", "merge")),
}
