"""SIGKILL at random moments, of the program or of a worker: a campaign completes, its report is the same."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from backproof.campaign.lock import is_held
from backproof.campaign.status import status_of
from tests.campaign.conftest import WORDS, Outcome, ended, program, told

MISTAKE = (*WORDS, "--mistake", "derivative-of-output")


def _children(pid: int) -> list[int]:
    """Processes that it has started, now."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    return found


def _run(folder: Path, *words: str) -> Outcome:
    return ended(program(folder, *words))


def _killed(tmp_path: Path, kills: int, *how: str, seed: int) -> None:
    """Kills a campaign so many times, the parent or one of its workers, then holds it against a whole one."""
    chance = random.Random(seed)  # noqa: S311 - which moment does not matter
    words: tuple[str, ...] = ("start", "killed", *MISTAKE)
    seen = 0
    for _ in range(kills):
        process = program(tmp_path, *words, "--workers", str(chance.choice([1, 2])))
        time.sleep(chance.uniform(0.3, 2.0))
        workers = _children(process.pid)
        if workers and chance.random() < 0.4:
            os.kill(chance.choice(workers), signal.SIGKILL)
            time.sleep(chance.uniform(0, 1.0))
        assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate()
        if (tmp_path / "killed" / "campaign.json").exists():
            words = ("resume", "killed")
            status = status_of(tmp_path / "killed")
            assert not is_held(tmp_path / "killed")
            assert status.damage == ()
            assert status.cases >= seen, "what was on the disk is gone"
            seen = status.cases
    assert seen, "nothing was judged before the last kill"
    limit = ("--max-cases", str(seen + 4))
    done = _run(tmp_path, *words, *limit)
    assert done.status == 1, done.err  # there are mismatches
    assert f"{seen + 4:,} cases judged" in done.out
    assert _run(tmp_path, "start", "whole", *MISTAKE, *limit).status == 1
    for folder in ("killed", "whole"):
        assert _run(tmp_path, "report", folder, *how).status == 1
    reports = [tmp_path / folder / "report" for folder in ("killed", "whole")]
    assert told(reports[0] / "report.json") == told(reports[1] / "report.json")
    files = [sorted(each.name for each in report.rglob("*")) for report in reports]
    assert files[0] == files[1]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found by /proc")
def test_a_campaign_that_is_killed_completes_and_reports_the_same(tmp_path: Path) -> None:
    _killed(tmp_path, 4, "--no-diagnosis", seed=1)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found by /proc")
def test_a_campaign_that_is_killed_fifty_times_completes_and_reports_the_same(tmp_path: Path) -> None:
    _killed(tmp_path, 50, seed=2)
