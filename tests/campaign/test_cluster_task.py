"""What a worker of a cluster makes of what it is sent; no cluster is started."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from backproof.campaign import cluster_task
from backproof.campaign.cluster import refusal
from backproof.campaign.cluster_task import REFUSAL, RESULT, judge_chunk
from backproof.campaign.options import ProgramSource, read_options
from backproof.campaign.running import create
from backproof.oracle_names import ORACLES
from oracles import OracleMissingError
from tests.campaign.conftest import ASKED, WRONG, begun
from tests.campaign.test_running import contents

WORKER = "tcp://10.0.0.7:4711"


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this process were one; its environment and its campaign are put back."""
    monkeypatch.setattr(cluster_task, "_place", lambda: (WORKER, 1))
    monkeypatch.setattr(cluster_task, "_known", None)
    monkeypatch.setattr(cluster_task, "ONE_THREAD", {"BACKPROOF_ONE_THREAD": "1"})
    monkeypatch.setenv("BACKPROOF_ONE_THREAD", "0")


def _refused(answer: bytes) -> dict[str, Any]:
    assert answer.startswith(REFUSAL)
    told = json.loads(answer[len(REFUSAL) :])
    assert told["worker"] == WORKER
    assert refusal(answer[len(REFUSAL) :]).startswith(f"worker {WORKER} cannot judge this campaign: ")
    return told


@pytest.mark.usefixtures("worker")
def test_a_worker_answers_with_the_bytes_that_are_written_here(tmp_path: Path) -> None:
    begun(tmp_path, 12, WRONG)
    text = read_options(tmp_path).model_dump_json()
    expected = contents(tmp_path)
    for number in (2, 0, 1, 2):
        assert judge_chunk(text, number) == RESULT + expected[number]
    assert os.environ["BACKPROOF_ONE_THREAD"] == "1"
    other = create(tmp_path / "other", ASKED).model_dump_json()
    assert judge_chunk(other, 0) != judge_chunk(text, 0) == RESULT + expected[0]


@pytest.mark.usefixtures("worker")
def test_a_worker_with_other_versions_refuses_and_names_both(tmp_path: Path) -> None:
    campaign = create(tmp_path, ASKED)
    was = campaign.versions
    versions = {**was, "torch": "0.1", "code of backproof": "abc", "tensorflow": "2.0"}
    del versions["numpy"]
    answer = judge_chunk(campaign.model_copy(update={"versions": versions}).model_dump_json(), 0)
    told = _refused(answer)
    assert told["changes"] == [
        ["torch", "0.1", was["torch"]],
        ["code of backproof", "abc", was["code of backproof"]],
        ["tensorflow", "2.0", "not there"],
        ["numpy", "not there", was["numpy"]],
    ]
    assert refusal(answer[1:]).startswith(
        f"worker {WORKER} cannot judge this campaign: torch is {was['torch']} on it, 0.1 in the campaign; "
    )
    assert "; and 1 more; make it the same on every worker" in refusal(answer[1:])


@pytest.mark.usefixtures("worker")
def test_a_worker_of_another_backproof_names_the_versions_before_it_reads_the_options(tmp_path: Path) -> None:
    values = json.loads(create(tmp_path, ASKED).model_dump_json())
    values |= {"asked": {"something": "new"}, "versions": {**values["versions"], "backproof": "9.0"}}
    assert [row[:2] for row in _refused(judge_chunk(json.dumps(values), 0))["changes"]] == [
        ["backproof", "9.0"]
    ]
    values["versions"]["backproof"] = json.loads(create(tmp_path / "b", ASKED).model_dump_json())["versions"][
        "backproof"
    ]
    assert "it cannot read the campaign: " in _refused(judge_chunk(json.dumps(values), 0))["why"]


@pytest.mark.usefixtures("worker")
def test_a_worker_without_the_implementation_or_with_another_one_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = "def layer(c):\n    return {'loss': 0.0}\n"
    source += "layer.backproof = {'depth': 1, 'activations': ['relu'], 'losses': ['mse']}\n"
    Path("mine.py").write_text(source)
    mine = ProgramSource(impl="mine.py:layer", time_limit=10.0, memory_limit=4096)
    asked = ASKED.model_copy(update={"activations": None, "losses": None, "source": mine})
    text = create(tmp_path / "campaign", asked).model_dump_json()
    assert judge_chunk(text, 0).startswith(RESULT)
    monkeypatch.setattr(cluster_task, "_known", None)
    Path("mine.py").write_text(source + "\n")
    ((name, was, is_),) = _refused(judge_chunk(text, 0))["changes"]
    assert name == "mine.py"
    assert was != is_
    Path("mine.py").unlink()
    assert "mine.py" in _refused(judge_chunk(text, 0))["why"]


@pytest.mark.usefixtures("worker")
def test_a_worker_of_several_threads_or_without_an_oracle_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = create(tmp_path, ASKED).model_dump_json()

    def missing() -> None:
        raise OracleMissingError("the truth oracle needs FLINT")

    monkeypatch.setitem(ORACLES, "truth", missing)
    assert _refused(judge_chunk(text, 0))["why"] == "the truth oracle needs FLINT"
    monkeypatch.setattr(cluster_task, "_place", lambda: (WORKER, 8))
    assert (
        "it has 8 threads, and a chunk takes one; start workers with --nthreads 1"
        in (_refused(judge_chunk(text, 0))["why"])
    )
