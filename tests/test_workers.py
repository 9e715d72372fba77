"""Processes that judge: the same report for any number of them, whatever happens to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import jaxtyping
import pytest

import backproof.chunks
import backproof.workers
from backproof.cases import DrawOptions, draw_case
from backproof.chunks import Alone, Chunk, ChunkJudge, JudgedChunk, chunks_of, subject_of
from backproof.errors import UsageError
from backproof.plugging.sources import Source
from backproof.run import RunOptions, run
from backproof.tally import Tally
from backproof.workers import Workers

MINIATURES = Path(__file__).parent / "plugging" / "miniatures"
SMALL = DrawOptions(activations=("relu", "tanh"), losses=("mse",), max_depth=2, max_width=3, max_batch=3)
KEPT = tuple(draw_case(5, index, dtype, SMALL).case for index in range(7) for dtype in ("float32", "float64"))
EXACT = RunOptions(0, corpus=KEPT, oracles=("truth",))
"""Needs no framework, so that a worker starts within a second."""


def plugged(name: str, **more: Any) -> RunOptions:
    source = Source(str(MINIATURES / name), time_limit=60)
    return RunOptions(20, dtypes=("float64",), oracles=("truth",), source=source, diagnose=False, **more)


RUNS = {
    "a mistake": replace(EXACT, mistake="last-sample-only"),
    "a mistake that remembers": replace(EXACT, mistake="gradients-accumulated", diagnose=False),
    "an implementation": plugged("right.py:right", corpus=KEPT[:3]),
    "an implementation that remembers": plugged("state.py:alternates_between_right_and_wrong"),
    "an implementation with one memory": plugged("state.py:answers_in_the_same_memory_each_time"),
    "an implementation that dies": plugged("dies.py:kills_itself"),
}
FINDINGS = {
    "a mistake": "mismatch",
    "a mistake that remembers": "fault",
    "an implementation": "",
    "an implementation that remembers": "fault",
    "an implementation with one memory": "fault",
    "an implementation that dies": "fault",
}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(backproof.chunks, "SIZES", (2, 3, 4))
    # Workers have refimpl as it is when installed, without the type checks of the test run.
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def told(options: RunOptions, workers: int) -> dict[str, Any]:
    """The report but its times."""
    report = json.loads(run(replace(options, workers=workers)).model_dump_json())
    del report["times"]
    return report


@pytest.mark.parametrize("name", RUNS)
def test_two_workers_find_what_one_finds(name):
    one = told(RUNS[name], 1)
    assert {finding["verdict"] for finding in one["findings"]} >= ({FINDINGS[name]} - {""})
    assert bool(one["findings"]) == bool(FINDINGS[name])
    assert json.dumps(told(RUNS[name], 2)) == json.dumps(one)


@pytest.mark.long
@pytest.mark.parametrize("name", RUNS)
def test_three_workers_find_what_one_finds(name):
    assert json.dumps(told(RUNS[name], 3)) == json.dumps(told(RUNS[name], 1))


@pytest.mark.long
@pytest.mark.parametrize("mistake", [None, "error-of-layer-above"])
def test_workers_with_both_frameworks_find_what_one_finds(mistake):
    drawn = RunOptions(15, oracles=("torch", "jax"), mistake=mistake, corpus=KEPT)
    assert json.dumps(told(drawn, 2)) == json.dumps(told(drawn, 1))


# ---------------------------------------------------------------- chunks


def test_chunks_grow_and_hold_every_case_once(monkeypatch):
    monkeypatch.setattr(backproof.chunks, "SIZES", (2, 3, 5))
    chunks = chunks_of(RunOptions(8, dtypes=("float64", "float32"), corpus=KEPT[:3]))
    assert [(c.number, c.dtype, c.first, c.count) for c in chunks] == [
        (0, None, 0, 2),
        (1, None, 2, 1),
        (2, "float64", 0, 5),
        (3, "float64", 5, 3),
        (4, "float32", 0, 5),
        (5, "float32", 5, 3),
    ]
    assert [str(chunks[k]) for k in (1, 3)] == ["kept cases 2 to 2", "float64 cases 5 to 7"]


def test_the_split_does_not_depend_on_the_workers():
    assert chunks_of(replace(EXACT, workers=7)) == chunks_of(EXACT)


def _judged(given: Any, after: Any) -> JudgedChunk:
    return JudgedChunk(Tally("reference"), 1, given, after, {}, is_faulty=False)


@pytest.mark.parametrize(
    ("given", "after", "left", "stands"),
    [
        (5, 5, 5, True),
        (5, 3, 5, True),
        (5, 5, 2, True),  # nothing was to be done
        (5, 5, 0, True),
        (5, 3, 4, False),
        (0, 0, 1, False),  # something might have been done
        ((0, ""), (0, ""), (1, ""), False),
        (False, False, True, False),
    ],
)
def test_a_result_stands_if_what_is_left_makes_no_difference(given, after, left, stands):
    found = _judged({"x": given}, {"x": after})
    assert found.stands({"x": left}) == stands
    if stands:
        assert found.left_after({"x": left}) == {"x": after if given == left else left}


class _Here(Workers):
    """In the place of processes: what is submitted is judged at once, and noted."""

    def _started(self) -> Any:
        self.submitted: list[tuple[int, Any]] = []
        return self

    def submit(self, _: Any, chunk: Chunk, left: Any, *_told: bool) -> Future[JudgedChunk]:
        self.submitted.append((chunk.number, left and left["x"]))
        given = left or {"x": 3}
        used = min(given["x"], (1, 0, 2, 1, 0)[chunk.number])
        future: Future[JudgedChunk] = Future()
        future.set_result(replace(_judged(given, {"x": given["x"] - used}), cases=chunk.number))
        return future

    def shutdown(self, **_: Any) -> None:
        pass


def test_a_chunk_is_judged_again_if_less_was_left_than_was_thought():
    options = replace(EXACT, corpus=KEPT[:13])
    chunks = chunks_of(options)
    workers = _Here(options, subject_of(options), chunks, 1)
    assert [found.cases for found in workers] == [0, 1, 2, 3]
    # Two at a time are under way. Number 2 takes the last two, and 3 was judged as if they were there.
    assert workers.submitted == [(0, None), (1, None), (2, 2), (3, 2), (3, 0)]
    assert workers.left == {"x": 0}


# ---------------------------------------------------------------- processes that are lost


def _workers(options: RunOptions, count: int = 2) -> Workers:
    return Workers(options, subject_of(options), chunks_of(options), count)


def _merged(results: Any) -> dict[str, Any]:
    tally = Tally("reference", "--oracles truth", "disputed")
    for found in results:
        tally.merge(found.tally)
    return tally.rows()


def test_a_worker_computes_on_one_core_and_does_not_hear_ctrl_c():
    with _workers(EXACT) as workers:
        next(workers)
        ask = workers._executor.submit
        assert {ask(os.getenv, name).result() for name in backproof.workers.ONE_THREAD} == {"1"}
        assert ask(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        blocked = ask(signal.pthread_sigmask, signal.SIG_BLOCK, []).result()
        assert signal.SIGINT in blocked
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def _kill_one(workers: Workers) -> None:
    os.kill(next(iter(workers._executor._processes)), signal.SIGKILL)


def test_what_a_killed_worker_was_at_is_judged_again():
    options = RUNS["a mistake"]
    with _workers(options) as workers:
        first = next(workers)
        _kill_one(workers)
        found = _merged([first, *workers])
    assert found == _merged(Alone(ChunkJudge(options, subject_of(options)), chunks_of(options)))


def test_workers_that_die_again_and_again_are_an_error(monkeypatch):
    monkeypatch.setattr(backproof.workers, "MOST_LOST", 2)
    started = Workers._submitted

    def submitted(workers: Workers, *arguments: Any) -> Any:
        future = started(workers, *arguments)
        _kill_one(workers)
        return future

    monkeypatch.setattr(Workers, "_submitted", submitted)
    with pytest.raises(UsageError, match=r"worker processes died 2 times over kept cases 0 to 1: .*SIGKILL"):
        list(_workers(EXACT))


def test_an_error_in_a_worker_is_told(tmp_path):
    (tmp_path / "once.py").write_text(
        "import pathlib, sys\n"
        f"mark = pathlib.Path({str(tmp_path / 'mark')!r})\n"
        "if mark.exists(): sys.exit('the port is taken')\n"
        "mark.touch()\n"
        "def net(case): return {}\n"
    )
    options = replace(plugged("right.py:right"), source=Source(f"{tmp_path / 'once.py'}:net"), workers=2)
    with pytest.raises(UsageError, match=r"once\.py.*leave out --workers"):
        run(options)


def test_an_implementation_in_this_process_has_no_workers():
    with pytest.raises(UsageError, match="--no-isolation runs the implementation in this process, and --wor"):
        RunOptions(3, source=Source("a.py:f", isolated=False), workers=2)


def test_no_workers_is_an_error():
    with pytest.raises(UsageError, match="workers must be at least 1, not 0"):
        RunOptions(3, workers=0)


def test_one_worker_starts_no_process(monkeypatch):
    monkeypatch.setattr(Workers, "__init__", lambda *_: pytest.fail("a process was started"))
    assert run(replace(EXACT, corpus=KEPT[:3], workers=1)).counts.total == 3
    assert run(replace(EXACT, corpus=KEPT[:2], workers=4)).counts.total == 2, "one chunk"


# ---------------------------------------------------------------- the end

_KILLED = """
import os, signal
import backproof.chunks
from backproof.run import run
from tests.test_workers import EXACT, replace
backproof.chunks.SIZES = (2, 3, 4)
run(replace(EXACT, workers=2), lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def _group(leader: int) -> list[int]:
    """The processes of a group."""
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _in(entry, leader)
    ]


def _in(entry: Path, leader: int) -> bool:
    try:
        state, _, group = entry.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return False
    return state != "Z" and int(group) == leader


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes under /proc")
def test_no_worker_outlives_a_parent_that_was_killed():
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen([sys.executable, "-c", _KILLED], cwd=root, start_new_session=True)
    assert process.wait(timeout=300) == -signal.SIGKILL
    assert _group(process.pid), "there was no worker"
    deadline = time.monotonic() + 60
    while _group(process.pid):
        assert time.monotonic() < deadline, "a worker is left"
        time.sleep(0.2)


def test_who_interrupts_gets_what_is_at_hand():
    seen = []

    def progress(done: int, total: int, wrong: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    report = run(replace(EXACT, workers=2), progress)
    assert report.status == "interrupted"
    assert seen == [2]
    assert 2 < report.counts.total < len(KEPT)
