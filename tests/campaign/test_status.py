"""How far a campaign is: told by another process, while it runs, in no time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backproof.campaign import store
from backproof.campaign.lock import WriterLock
from backproof.campaign.options import CampaignFile, read_options, write_options
from backproof.campaign.status import status_of
from tests.campaign.conftest import ASKED, ROOT, Outcome, begun
from tests.campaign.test_options import CAMPAIGN


def _large(folder: Path, chunks: int) -> CampaignFile:
    """A campaign of so many chunks of 512 cases, without judging any."""
    campaign = CAMPAIGN.model_copy(
        update={"asked": ASKED.model_copy(update={"chunk": 512}), "strata": 17_874}
    )
    store.create(folder / store.RESULTS_NAME, campaign.digest)
    content = os.urandom(8000)
    with (folder / store.RESULTS_NAME).open("ab") as file:
        for number in range(chunks):
            record = store.Record(number, 512, number == 7, 1, 2.0 * number, len(content), bytes(16))
            file.write(record.header() + content)
    write_options(folder, campaign)
    return campaign


def test_it_tells_cases_what_is_wrong_rate_and_coverage(
    tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    _large(tmp_path, 100)
    done = command("status", str(tmp_path))
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:5] == [
        "51,200 cases of reference judged, 1 wrong; not running",
        "  float32: 25,600 cases",
        "  float64: 25,600 cases",
        "  coverage: 35,748 of 35,748 strata, with 1 to 2 cases each",
        "  sessions: 1, 256 cases a second in the last one",
    ]
    told = json.loads(command("status", str(tmp_path), "--json").out)
    assert (told["cases"], told["wrong"], told["rate"], told["is_running"]) == (51_200, 1, 256.0, False)
    assert told["coverage"] == {"strata": 35_748, "visited": 35_748, "least": 1, "most": 2}


def test_it_sees_a_writer_and_what_is_just_being_written(tmp_path: Path) -> None:
    _large(tmp_path, 3)
    path = tmp_path / store.RESULTS_NAME
    with WriterLock(tmp_path):
        path.write_bytes(path.read_bytes()[:-100])
        found = status_of(tmp_path)
        assert (found.is_running, found.cases, found.damage) == (True, 1024, ())
        assert "cut short" not in str(found)
    assert "a last record of 7,956 bytes is cut short; it will be judged again" in str(status_of(tmp_path))


def test_it_tells_damage_of_headers(tmp_path: Path) -> None:
    _large(tmp_path, 3)
    path = tmp_path / store.RESULTS_NAME
    whole = bytearray(path.read_bytes())
    whole[store.HEAD_SIZE] ^= 1
    path.write_bytes(whole)
    found = status_of(tmp_path)
    assert found.cases == 1024
    assert f"damaged at byte {store.HEAD_SIZE}: not the beginning of a record" in str(found)


_TIMED = """
import sys, time
from pathlib import Path
import backproof.cli
from backproof.campaign import status
begin = time.perf_counter()
print(status.status_of(Path(sys.argv[1])).cases, time.perf_counter() - begin)
print(sorted({"torch", "jax", "numpy", "flint", "refimpl"} & set(sys.modules)))
"""


def test_a_million_cases_take_under_100_ms_and_no_framework(tmp_path: Path) -> None:
    _large(tmp_path, 2000)
    seconds = []
    for _ in range(3):  # the best of three: others may compute on this machine
        done = subprocess.run(
            [sys.executable, "-c", _TIMED, str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        first, modules = done.stdout.splitlines()
        cases, taken = first.split()
        assert (cases, modules) == ("1024000", "[]")
        seconds.append(float(taken))
    assert min(seconds) < 0.1


def test_a_campaign_without_results_has_a_status(tmp_path: Path) -> None:
    _large(tmp_path, 0)
    found = status_of(tmp_path)
    assert (found.cases, found.sessions, found.rate) == (0, 0, None)
    assert str(found.coverage) == "0 of 35,748 strata, with 0 to 0 cases each"


def test_the_status_of_a_real_one(tmp_path: Path) -> None:
    began = time.monotonic()
    begun(tmp_path, 16)
    found = status_of(tmp_path)
    assert (found.cases, found.dtypes, found.sessions) == (16, {"float32": 8, "float64": 8}, 1)
    assert found.coverage.strata == 2 * read_options(tmp_path).strata
    assert found.rate is not None
    assert found.rate > 12 / (time.monotonic() - began)


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_without_a_campaign_is_told_so(command: Callable[..., Outcome], folder: str) -> None:
    done = command("status", folder)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"backproof: error: {folder} is no campaign: it has no campaign.json;")
