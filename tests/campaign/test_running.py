"""Sessions: whatever is missing is judged, and where one ended does not show."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from backproof.campaign import store
from backproof.campaign.options import ProgramSource, read_options
from backproof.campaign.running import Limits, Totals, Watch, create, go_on
from backproof.errors import CampaignError, UsageError
from tests.campaign.conftest import ASKED, WRONG, begun


def contents(folder: Path) -> dict[int, bytes]:
    """Number of a chunk → what it came to."""
    path = folder / store.RESULTS_NAME
    found = store.scan(path, read_options(folder).digest, contents=True)
    assert (found.damage, found.torn) == ((), 0)
    return {number: store.content_of(path, *place) for number, place in found.records.items()}


class Interrupted(Watch):
    """Ctrl-C after so many chunks."""

    def __init__(self, after: int) -> None:
        self.seen: list[Totals] = []
        self._after = after

    def tell(self, totals: Totals) -> None:
        self.seen.append(totals)

    def check(self) -> None:
        if len(self.seen) > self._after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted campaign of 24 cases, in which a mistake is found."""
    folder = tmp_path_factory.mktemp("campaigns") / "whole"
    session = begun(folder, 24, WRONG)
    assert (session.reason, session.totals.cases) == ("cases", 24)
    assert 0 < session.totals.wrong < 24
    return folder


@pytest.mark.long
def test_a_campaign_that_was_stopped_again_and_again_comes_to_the_same(whole: Path, tmp_path: Path) -> None:
    create(tmp_path, WRONG)
    for chunks in (1, 2):
        watch = Interrupted(chunks)
        session = go_on(tmp_path, Limits(24), 1, watch)
        assert session.reason == "interrupted"
        assert [totals.session_cases for totals in watch.seen] == [4 * n for n in range(chunks + 1)]
        assert session.totals.cases == sum(json.loads(text)["cases"] for text in contents(tmp_path).values())
    assert go_on(tmp_path, Limits(24)).totals.session_cases == 12
    assert contents(tmp_path) == contents(whole)


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.long)])
def test_any_number_of_workers_comes_to_the_same(whole: Path, tmp_path: Path, workers: int) -> None:
    create(tmp_path, WRONG)
    session = go_on(tmp_path, Limits(24), workers, Interrupted(1))
    assert session.reason == "interrupted"
    assert 4 < session.totals.cases <= 4 * (2 + 2 * workers)  # those at hand are kept
    go_on(tmp_path, Limits(24), workers)
    assert contents(tmp_path) == contents(whole)


def test_a_limit_of_cases_is_one_of_the_whole_campaign_and_keeps_chunks_whole(tmp_path: Path) -> None:
    assert begun(tmp_path, 5).totals.cases == 8
    assert go_on(tmp_path, Limits(8)).totals == (8, 0, 0, pytest.approx(0, abs=60))
    assert go_on(tmp_path, Limits(9)).totals.session_cases == 4
    assert sorted(contents(tmp_path)) == [0, 1, 2]


def test_a_limit_of_time_ends_with_the_chunk_at_hand(tmp_path: Path) -> None:
    create(tmp_path, ASKED)
    seconds = count(0, 10)
    session = go_on(tmp_path, Limits(seconds=60), clock=lambda: float(next(seconds)))
    assert session.reason == "time"
    assert 0 < session.totals.cases < 24


@pytest.mark.parametrize("workers", [1, 2])
def test_until_mismatch_ends_with_the_first_new_one(whole: Path, tmp_path: Path, workers: int) -> None:
    wrong = [number for number, text in contents(whole).items() if b'"mismatch"' in text]
    create(tmp_path, WRONG)
    for first in wrong[:2]:
        assert go_on(tmp_path, Limits(until_mismatch=True), workers).reason == "mismatch"
        assert sorted(contents(tmp_path)) == list(range(first + 1))


def test_a_hole_is_filled_first(whole: Path, tmp_path: Path) -> None:
    begun(tmp_path, 12, WRONG)
    path = tmp_path / store.RESULTS_NAME
    places = store.scan(path, read_options(tmp_path).digest, contents=False).records
    whole_file = bytearray(path.read_bytes())
    whole_file[places[1][1]] ^= 1
    path.write_bytes(whole_file)
    with pytest.raises(CampaignError, match=r"damaged at byte [\d,]+: what chunk 1 came to .* --repair'"):
        go_on(tmp_path, Limits(24))
    assert go_on(tmp_path, Limits(24), repair=True).totals.session_cases == 16
    assert contents(tmp_path) == contents(whole)


@pytest.fixture
def _own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        """
asked = 0

def layer(c):
    global asked
    asked += 1
    Z = c.W[0] @ c.X + c.b[0]
    D = (Z.clip(0) - c.Y) * (Z > 0)
    loss = ((Z.clip(0) - c.Y) ** 2).sum() / 2 * (2 if asked > 14 else 1)  # it remembers
    return {"loss": loss, "dW": [D @ c.X.T], "db": [D.sum(1, keepdims=True)]}

layer.backproof = {
    "depth": 1, "activations": ["relu"], "losses": ["half_squared_error"], "loss_scale": "sum",
    "width": [1, 4], "batch": [1, 4],
}
"""
    )


MINE = ASKED.model_copy(
    update={"activations": None, "losses": None, "chunk": 8}
    | {"source": ProgramSource(impl="mine.py:layer", time_limit=10.0, memory_limit=4096)}
)


@pytest.mark.usefixtures("_own_code")
def test_somebodys_code_is_judged_and_must_not_change() -> None:
    folder = Path("campaign")
    create(folder, MINE)
    started = read_options(folder)
    assert list(started.implementation.files) == ["mine.py"]
    assert started.implementation.place == "mine.py:layer"
    assert (started.activations, started.losses) == (("relu",), ("half_squared_error",))
    assert go_on(folder, Limits(8)).totals.cases == 8
    Path("mine.py").write_text(Path("mine.py").read_text() + "\n")
    with pytest.raises(CampaignError, match=r"campaign cannot be gone on with: mine\.py was \w+, is \w+; "):
        go_on(folder, Limits(16))


@pytest.mark.usefixtures("_own_code")
def test_what_an_implementation_remembers_does_not_reach_the_next_chunk() -> None:
    one, other = Path("one"), Path("other")
    assert begun(one, 32, MINE).totals.wrong > 0
    create(other, MINE)
    go_on(other, Limits(24), 2)
    go_on(other, Limits(32))
    assert contents(other) == contents(one)


def test_what_cannot_be_judged_leaves_no_folder_behind(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    source = ProgramSource(impl="nowhere.py:f", time_limit=10.0, memory_limit=4096)
    for asked in (
        ASKED.model_copy(update={"source": source}),
        ASKED.model_copy(update={"mistake": "no-such"}),
        ASKED.model_copy(update={"losses": ("bce",), "activations": ("relu",)}),
    ):
        with pytest.raises(UsageError):
            create(folder, asked)
    assert not folder.exists()
