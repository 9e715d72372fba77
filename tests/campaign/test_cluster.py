"""What the parent makes of a cluster's answers; no cluster is started."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import CancelledError, KilledWorker

from backproof.campaign import cluster, cluster_address
from backproof.campaign.cluster import AHEAD, Cluster
from backproof.campaign.cluster_address import check_address, check_reachable
from backproof.campaign.cluster_task import RESULT, judge_chunk
from backproof.campaign.options import CampaignFile
from backproof.campaign.running import Limits, create, go_on
from backproof.chunks import Chunk
from backproof.errors import UsageError
from tests.campaign.conftest import WORDS, WRONG, Outcome, begun
from tests.campaign.test_options import CAMPAIGN
from tests.campaign.test_running import contents

WORKER = "tcp://10.0.0.7:4711"


# ---------------------------------------------------------------- where it is


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--dask", "somewhere"),
            "--dask must be the address of a scheduler, such as tcp://10.0.0.7:8786, o",
        ),
        (("--dask", ""), "or local, not ''"),
        (("--dask", "tcp://10.0.0.7"), "or local, not 'tcp://10.0.0.7'"),
        (("--dask", "tcp://10.0.0.7:0"), "or local, not 'tcp://10.0.0.7:0'"),
        (("--dask", "tcp://10.0.0.7:65536"), "or local, not 'tcp://10.0.0.7:65536'"),
        (("--dask", "http://10.0.0.7:8786"), "or local, not 'http://10.0.0.7:8786'"),
        (("--dask", "tcp://10.0.0.7:8786", "--workers", "2"), "leave out one of --workers and --dask"),
        (("--dask", "local", "--workers", "0"), "workers must be at least 1, not 0"),
    ],
)
def test_what_is_no_address_is_told_in_one_line_and_makes_no_folder(
    command: Callable[..., Outcome], words: tuple[str, ...], told: str
) -> None:
    done = command("start", "campaign", *WORDS, *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert told in done.err
    assert not Path("campaign").exists()


@pytest.mark.parametrize(
    "address", ["local", "tcp://10.0.0.7:8786", "tls://head.example:1", "tcp://[::1]:8786"]
)
def test_an_address_is_one(address: str) -> None:
    check_address(address)


def test_where_nothing_listens_it_is_told_before_a_folder_is_made(command: Callable[..., Outcome]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        check_reachable(address)
    done = command("start", "campaign", *WORDS, "--dask", address)
    assert done.status == 2
    assert (
        f"no Dask scheduler answers at {address} (Connection refused); start one with 'dask sch" in done.err
    )
    assert f"'dask worker {address} --nthreads 1'" in done.err
    assert not Path("campaign").exists()


def test_without_dask_the_extra_is_named(
    command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_address, "find_spec", lambda _: None)
    done = command("start", "campaign", *WORDS, "--dask", "local")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "backproof: error: --dask needs Dask, which is not installed; install it with: pip install "
        "'backproof[cluster]'\n"
    )
    assert not Path("campaign").exists()


# ---------------------------------------------------------------- in the parent


class _Future:
    """An answer, or what comes in its place."""

    def __init__(self, key: str, answer: Any, status: str) -> None:
        self.key, self.status, self._answer = key, status, answer
        self.is_cancelled = False

    def done(self) -> bool:
        return self.status != "pending"

    def add_done_callback(self, call: Callable[[Any], object]) -> None:
        self.call = call
        if self.done():
            call(self)

    def result(self, *, timeout: float) -> Any:
        assert timeout > 0
        answer = self._answer
        if isinstance(answer, list):  # one after the other
            answer = answer.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def exception(self) -> Any:
        return self._answer


class _Client:
    """In the place of Dask's: answers as it is told, chunk by chunk."""

    status = "running"

    def __init__(self, answers: dict[int, Any], workers: int = 2) -> None:
        self.answers, self.workers = answers, workers
        self.futures: dict[int, _Future] = {}
        self.cancelled: list[int] = []

    def submit(self, task: Any, campaign: str, number: int, *, pure: bool) -> _Future:
        assert (task, pure) == (judge_chunk, False)
        CampaignFile.model_validate_json(campaign)
        answer = self.answers.get(number)
        status = "pending" if answer is None else "finished"
        if isinstance(answer, BaseException):
            status = "cancelled" if isinstance(answer, CancelledError) else "error"
        self.futures[number] = _Future(f"task-{number}", answer, status)
        return self.futures[number]

    def nthreads(self) -> dict[str, int]:
        return {f"worker {number}": 1 for number in range(self.workers)}

    def cancel(self, futures: list[_Future]) -> None:
        self.cancelled += [number for number, each in self.futures.items() if each in futures]


@pytest.fixture
def cluster_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Cluster, _Client]]]:
    """A cluster whose workers answer so."""
    made: list[Cluster] = []

    def make(answers: dict[int, Any], campaign: CampaignFile = CAMPAIGN, **options: Any) -> Any:
        client = _Client(answers, options.pop("workers", 2))
        monkeypatch.setattr(Cluster, "_connected", lambda *_: client)
        made.append(Cluster("tcp://head:8786", campaign, **options))
        for number in answers:
            made[-1].add(_chunk(number))
        return made[-1], client

    yield make
    for each in made:
        each.close()


def _chunk(number: int) -> Chunk:
    return Chunk(number, ("float32", "float64")[number % 2], number // 2 * 4, 4)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """What the chunks of a campaign come to, as workers answer."""
    folder = tmp_path_factory.mktemp("campaigns") / "whole"
    begun(folder, 16, WRONG)
    return {number: RESULT + text for number, text in contents(folder).items()}


def test_results_come_as_they_are_there_or_in_order(
    cluster_of: Callable[..., Any], results: dict[int, bytes]
) -> None:
    for in_order in (False, True):
        judging, client = cluster_of({0: None, 1: results[1], 2: results[2]}, in_order=in_order)
        assert judging.ahead == 2 * AHEAD
        if not in_order:
            assert [next(judging).number, next(judging).number] == [1, 2]
        first = client.futures[0]
        first.status, first._answer = "finished", results[0]
        first.call(first)
        done = next(judging)
        assert (done.number, done.content, done.cases) == (0, results[0][1:], 4)
        assert [each.number for each in judging] == ([1, 2] if in_order else [])


def test_wrong_cases_are_counted_from_what_comes(
    cluster_of: Callable[..., Any], results: dict[int, bytes]
) -> None:
    judging, _ = cluster_of(results)
    found = sum(done.wrong for done in judging)
    assert found == sum(
        times
        for text in results.values()
        for verdict, times in json.loads(text[1:])["tally"]["cases"]["verdicts"].items()
        if verdict in ("mismatch", "fault")
    )
    assert found > 0


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (7, "what a worker answers to float32 cases 0 to 3 cannot be used: it is no answer of a worker"),
        (b"", "it is no answer of a worker of backproof; make backproof the same on every worker"),
        (b"+{}", "cannot be used: chunk: Field required"),
        (b"+" + b"\x80", "cannot be used: "),
        (b"-{}", "cannot be used: "),
        (b"-" + json.dumps({"worker": WORKER, "changes": [["torch", "2.1", "2.0"]], "why": ""}).encode(),
         f"^worker {WORKER} cannot judge this campaign: torch is 2.0 on it, 2.1 in the campaign; make"),
        (CancelledError("gone"), "^the Dask scheduler at tcp://head:8786 is gone; start it again; what was"),
        ([TimeoutError(), ConnectionError()], "is gone; .*: go on with 'backproof campaign resume'"),
        (ModuleNotFoundError("No module named 'backproof'"), "^a worker cannot judge: No module named 'back"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_ends_the_session_with_one_line(
    cluster_of: Callable[..., Any], answer: Any, told: str
) -> None:
    judging, client = cluster_of({0: answer})
    client.futures[0].status = "error" if isinstance(answer, ImportError) else "finished"
    with pytest.raises(UsageError, match=told) as raised:
        next(judging)
    assert "\n" not in str(raised.value)


def test_a_result_of_other_cases_is_refused(
    cluster_of: Callable[..., Any], results: dict[int, bytes]
) -> None:
    judging, _ = cluster_of({0: results[2]})
    with pytest.raises(UsageError, match=r"the result is of chunk 2, 4 float32 cases from 4 on; make backpr"):
        next(judging)


def _killed() -> KilledWorker:
    class State:
        address = WORKER

    return KilledWorker("task-0", State(), 2)


def test_a_chunk_that_costs_worker_after_worker_is_given_up(cluster_of: Callable[..., Any]) -> None:
    judging, _ = cluster_of({0: _killed()})
    with pytest.raises(UsageError, match=f"workers died again and again over float32 .* at {WORKER}; look"):
        next(judging)


def test_a_chunk_whose_result_is_lost_and_whose_workers_die_then_is_given_up(
    cluster_of: Callable[..., Any],
) -> None:
    class Lost(_Future):
        def result(self, *, timeout: float) -> Any:
            assert timeout > 0
            self.status = "error"  # it was finished; the worker that kept the answer died, and those after it
            raise self._answer

    judging, client = cluster_of({0: _killed()})
    client.futures[0].status, client.futures[0].__class__ = "finished", Lost
    with pytest.raises(UsageError, match=f"workers died again and again over float32 .* at {WORKER}; look"):
        next(judging)


def test_an_error_that_is_none_of_these_is_not_hidden(cluster_of: Callable[..., Any]) -> None:
    judging, _ = cluster_of({0: ZeroDivisionError("a bug")})
    with pytest.raises(ZeroDivisionError, match="a bug"):
        next(judging)


def test_a_scheduler_that_is_gone_is_noticed_while_nothing_comes(cluster_of: Callable[..., Any]) -> None:
    judging, client = cluster_of({0: None})
    client.status = "connecting"
    with pytest.raises(UsageError, match="the Dask scheduler at tcp://head:8786 is gone"):
        next(judging)


def test_a_cluster_that_stays_without_workers_is_given_up(
    cluster_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    judging, _ = cluster_of({0: None}, workers=0)
    assert judging.ahead == AHEAD
    with pytest.raises(UsageError, match=r"tcp://head:8786 has had no worker for 0 s; start some with 'dask"):
        next(judging)


def test_stopped_it_finishes_one_chunk_for_each_worker_and_what_is_there(
    cluster_of: Callable[..., Any], results: dict[int, bytes]
) -> None:
    judging, client = cluster_of({0: None, 1: results[1], 2: None, 3: None})
    assert judging.ahead
    judging.stop()
    assert client.cancelled == [3]
    for number in (2, 0):
        future = client.futures[number]
        future.status, future._answer = "finished", results[number]
        future.call(future)
    assert sorted(done.number for done in judging) == [0, 1, 2]


def test_a_session_writes_what_workers_answer_and_keeps_it_when_the_cluster_fails(
    cluster_of: Callable[..., Any], results: dict[int, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path, WRONG)
    _, client = cluster_of({})
    client.answers = {**results, 2: CancelledError("gone")}
    client.futures = {}
    with pytest.raises(UsageError, match="is gone; start it again; what was shown as done is kept"):
        go_on(tmp_path, Limits(16), dask="tcp://head:8786")
    assert sorted(contents(tmp_path)) == [0, 1]
    client.answers = results
    assert go_on(tmp_path, Limits(16), dask="tcp://head:8786").totals.session_cases == 8
    assert contents(tmp_path) == {number: text[1:] for number, text in results.items()}
