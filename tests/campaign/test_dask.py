"""Real Dask clusters on this machine: what is killed, and what dies, changes no report."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backproof.campaign.status import status_of
from tests.campaign.conftest import ROOT, WORDS, Outcome, ended, program, told
from tests.campaign.test_kills import MISTAKE
from tests.campaign.test_running import contents

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found by /proc")


def _run(folder: Path, *words: str) -> Outcome:
    return ended(program(folder, *words))


def _wait_for(folder: Path, cases: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (folder / "campaign.json").exists() and status_of(folder).cases >= cases:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was judged")


def _workers_of(pid: int) -> list[int]:
    """The workers that a program has started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    # Dask gives them another title once they run, where setproctitle is installed, as it is with mutmut.
    titles = {each: Path(f"/proc/{each}/cmdline").read_bytes() for each in found}
    return [each for each, said in titles.items() if b"spawn_main" in said or said.startswith(b"dask worker")]


@contextlib.contextmanager
def _started(*words: str, folder: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Dask's, killed at the end with all that it has started."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def _scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler of its own, and its address."""
    file = folder / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    with _started("distributed.cli.dask_scheduler", *words, folder=folder) as process:
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, json.loads(file.read_text())["address"]


def _worker(
    address: str, folder: Path, **variables: str
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    words = (address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder / "dask"))
    return _started("distributed.cli.dask_worker", *words, folder=folder, **variables)


# ---------------------------------------------------------------- what must not show


@pytest.mark.long
@needs_proc
def test_a_campaign_whose_worker_is_killed_reports_the_same_as_an_uninterrupted_one(tmp_path: Path) -> None:
    limit = ("--max-cases", "120")
    with program(
        tmp_path, "start", "killed", *MISTAKE, "--dask", "local", "--workers", "2", *limit
    ) as killed:
        _wait_for(tmp_path / "killed", 8)
        (victim, _) = workers = _workers_of(killed.pid)
        os.kill(victim, signal.SIGKILL)
        done = ended(killed)
    assert victim in workers
    assert done.status == 1, done  # there are mismatches
    assert "120 cases judged" in done.out
    assert "Traceback" not in done.err
    assert _run(tmp_path, "start", "whole", *MISTAKE, *limit).status == 1
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    for folder in ("killed", "whole"):
        assert _run(tmp_path, "report", folder, "--no-diagnosis").status == 1
    reports = [tmp_path / folder / "report" for folder in ("killed", "whole")]
    assert told(reports[0] / "report.json") == told(reports[1] / "report.json")
    files = [sorted(each.name for each in report.rglob("*")) for report in reports]
    assert files[0] == files[1]


@pytest.mark.long
def test_chunks_of_torch_and_jax_come_to_the_same_on_a_cluster(tmp_path: Path) -> None:
    words = ("--oracles", "torch,jax", "--chunk", "8", "--activations", "relu,tanh", "--losses", "mse")
    assert _run(tmp_path, "start", "one", *words, "--max-cases", "32").status == 0
    done = _run(tmp_path, "start", "other", *words, "--max-cases", "32", "--dask", "local", "--workers", "2")
    assert done.status == 0, done
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


@pytest.mark.long
def test_until_mismatch_is_the_first_one_also_on_a_cluster(tmp_path: Path) -> None:
    for name, more in (("one", ()), ("other", ("--dask", "local", "--workers", "2"))):
        done = _run(tmp_path, "start", name, *MISTAKE, "--until-mismatch", *more)
        assert done.status == 1, done
        assert done.out.startswith("Stopped: there is a mismatch. ")
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


# ---------------------------------------------------------------- what ends a session


@pytest.mark.long
def test_a_scheduler_that_dies_is_told_and_what_was_written_is_gone_on_with(tmp_path: Path) -> None:
    with _scheduler(tmp_path) as (scheduler, address), _worker(address, tmp_path):
        with program(tmp_path, "start", "campaign", *WORDS, "--dask", address) as process:
            _wait_for(tmp_path / "campaign", 8)
            os.killpg(scheduler.pid, signal.SIGKILL)
            began = time.monotonic()
            done = ended(process)
        assert time.monotonic() - began < 30
    assert (done.status, done.out) == (2, ""), done
    assert done.err.splitlines()[-1] == (
        f"backproof: error: the Dask scheduler at {address} is gone; start it again; what was shown as done "
        "is kept: go on with 'backproof campaign resume'"
    )
    assert "Traceback" not in done.err
    before = contents(tmp_path / "campaign")
    assert len(before) >= 4
    cases = 2 * len(before) + 2
    assert _run(tmp_path, "resume", "campaign", "--max-cases", str(cases)).status == 0
    after = contents(tmp_path / "campaign")
    assert len(after) == len(before) + 1
    assert {number: after[number] for number in before} == before


@pytest.mark.long
def test_a_worker_with_another_torch_is_refused_by_name(tmp_path: Path) -> None:
    """Its torch is the same, but says that it is an old one."""
    folder = tmp_path / "old" / "torch-0.1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n")
    old = os.pathsep.join((str(folder.parent), str(ROOT)))
    with _scheduler(tmp_path) as (_, address), _worker(address, tmp_path, PYTHONPATH=old):
        done = _run(tmp_path, "start", "campaign", *WORDS, "--dask", address, "--max-cases", "4")
    assert (done.status, done.out) == (2, ""), done
    last = done.err.splitlines()[-1]
    assert last.startswith("backproof: error: worker tcp://127.0.0.1:")
    assert " cannot judge this campaign: torch is 0.1 on it, 2." in last
    assert contents(tmp_path / "campaign") == {}


@pytest.mark.long
@needs_proc
def test_a_chunk_that_kills_each_worker_is_given_up_and_names_the_cases(tmp_path: Path) -> None:
    """As where the memory runs out: whatever worker has it is killed."""
    words = ("--chunk", "4000", "--oracles", "truth", "--dtype", "float64")
    with program(tmp_path, "start", "campaign", *words, "--dask", "local") as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            for each in _workers_of(process.pid):
                time.sleep(2.0)  # it has begun, or will be replaced before it has
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            time.sleep(0.1)
        done = ended(process)
    assert done.status == 2, done
    # Whichever of its chunks is told first: the death of a worker counts for all that wait for it.
    told = r"workers died again and again over float64 cases ([\d,]+) to ([\d,]+), the last one at tcp://127\.0\.0"
    found = re.search(told, done.err)
    assert found, done.err
    first, last = (int(each.replace(",", "")) for each in found.groups())
    assert (first % 4000, last - first) == (0, 3999)
    assert "Traceback" not in done.err


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_the_chunks_at_hand_and_a_second_one_at_once(
    tmp_path: Path, how: signal.Signals
) -> None:
    local = ("--dask", "local", "--workers", "2")
    with program(tmp_path, "start", "campaign", *WORDS, *local) as process:
        _wait_for(tmp_path / "campaign", 2)
        os.killpg(process.pid, how) if how is signal.SIGINT else process.send_signal(how)
        done = ended(process)
    assert done.status == 130, done
    assert "stopping with the chunks at hand; Ctrl-C or SIGTERM again drops them" in done.err
    assert "Traceback" not in done.err
    kept = len(contents(tmp_path / "campaign"))
    assert f"Stopped: interrupted. {2 * kept:,} cases judged, 0 wrong" in done.out
    words = ("--chunk", "4000", "--oracles", "truth", "--dtype", "float64")
    with program(tmp_path, "start", "large", *words, *local) as process:
        _wait_for(tmp_path / "large", 0)
        time.sleep(8)  # it is judging
        process.send_signal(how)
        time.sleep(0.5)
        process.send_signal(how)
        began = time.monotonic()
        done = ended(process)
    assert time.monotonic() - began < 30  # of the minutes that the chunks take
    assert done.status == 130, done
    assert "Traceback" not in done.err
    assert contents(tmp_path / "large") == {}


# ---------------------------------------------------------------- what is not loaded

_MODULES = """
import sys
from backproof.cli import main
assert main(sys.argv[1:]) == 0
print(sorted({"dask", "distributed", "tornado"} & set(sys.modules)))
"""


@pytest.mark.parametrize("more", [(), pytest.param(("--dask", "local"), marks=pytest.mark.long)])
def test_dask_is_imported_where_it_is_asked_for_only(tmp_path: Path, more: tuple[str, ...]) -> None:
    words = ("campaign", "start", "campaign", *WORDS, "--max-cases", "2", *more)
    done = subprocess.run(
        [sys.executable, "-c", _MODULES, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == ("['dask', 'distributed', 'tornado']" if more else "[]")
