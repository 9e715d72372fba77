"""The commands of a campaign: what they take, what they refuse, how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backproof.campaign.options import read_options
from backproof.campaign.running import Limits, Totals
from backproof.cli_campaign import duration
from backproof.cli_campaign_session import progress_line
from tests.campaign.conftest import WORDS, Outcome
from tests.campaign.test_running import contents


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1.5h", 5400)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--for", "soon"), "'soon' is not a duration; give one, such as 30s, 10m, 2h or 1d"),
        (("--for", "0s"), "'0s' is not a duration"),
        (("--for", "10"), "'10' is not a duration"),
        (("--for", "-1h"), "'-1h' is not a duration"),
        (("--max-cases", "0"), "--max-cases must be at least 1, not 0"),
        (("--max-cases", "many"), "'many' is not a whole number"),
        (("--chunk", "0"), "--chunk must be from 1 to 65,536, not 0"),
        (("--workers", "0"), "workers must be at least 1, not 0"),
        (("--seed", "-1"), "seed must be from 0 to 2^64 - 1, not -1"),
        (("--dtype", "float16"), "unknown dtype 'float16'; known: float32, float64, both"),
        (("--oracles", "tensorflow"), "unknown oracle 'tensorflow'; known: torch, jax, truth"),
        (("--truth", "never"), "unknown way to ask the truth 'never'"),
        (("--mistake", "no-such"), "unknown mistake 'no-such'"),
        (("--losses", "bce", "--activations", "relu"), "loss bce takes predictions in"),
        (("--impl", "nowhere.py:f"), "nowhere.py"),
        (("--memory-limit", "100"), "--memory-limit says how to run an implementation"),
        (("--impl", "a.py:f", "--mistake", "skip-bias"), "mistake"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_and_makes_no_folder(
    command: Callable[..., Outcome], words: tuple[str, ...], told: str
) -> None:
    done = command("start", "campaign", *words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("backproof: error: ")
    assert told in done.err
    assert done.err.count("\n") == 1
    assert not Path("campaign").exists()


def test_the_group_and_an_empty_folder_are_told_what_to_give(command: Callable[..., Outcome]) -> None:
    assert "give one of: campaign start, campaign resume, campaign status" in command().err
    for word in ("start", "resume", "status", "report"):
        assert "DIR is empty; give the folder of a campaign" in command(word, "").err
        assert command(word).status == 2


def test_it_starts_goes_on_and_tells_how_it_ended(command: Callable[..., Outcome]) -> None:
    done = command("start", "campaign", *WORDS, "--max-cases", "3")
    assert done.status == 0
    assert done.out == (
        "Stopped: as many cases as asked for. 4 cases judged, 0 wrong, all on the disk in campaign.\n"
    )
    assert done.err.splitlines()[0] == "backproof: loading and compiling, once"
    assert "2 cases on the disk, 0 wrong, " in done.err
    assert command("resume", "campaign", "--for", "1s").out.startswith("Stopped: the time is over. ")
    done = command("resume", "campaign", "--max-cases", "4")
    assert (done.status, done.err) == (0, "")  # nothing is missing, and nothing is loaded


def test_options_may_be_repeated_and_must_be_the_same(command: Callable[..., Outcome]) -> None:
    command("start", "campaign", *WORDS, "--max-cases", "2")
    assert command("resume", "campaign", *WORDS, "--seed", "1", "--max-cases", "4").status == 0
    before = contents(Path("campaign"))
    for words, told in (
        (("--seed", "2"), "--seed was 1, is 2"),
        (("--dtype", "float32"), "--dtype was float32, float64, is float32"),
        (("--losses", "mse"), "--losses was mse, bce, is mse"),
        (("--oracles", "torch"), "--oracles was truth, is torch"),
        (("--mistake", "derivative-of-output"), "--mistake was not there, is derivative-of-output"),
        (("--chunk", "4"), "--chunk was 2, is 4"),
        (("--truth", "all"), "--truth was disputed, is all"),
    ):
        done = command("resume", "campaign", *words)
        assert done.status == 2
        assert f"campaign cannot be gone on with: {told}; make it as it was, or begin anew" in done.err
    assert contents(Path("campaign")) == before


def test_a_fork_begins_anew_with_the_same_options_but_those_given(command: Callable[..., Outcome]) -> None:
    command("start", "campaign", *WORDS, "--max-cases", "4")
    done = command("resume", "campaign", "--fork", "other", "--seed", "2", "--max-cases", "2")
    assert (done.status, sorted(contents(Path("other")))) == (0, [0])
    known, other = (read_options(Path(name)) for name in ("campaign", "other"))
    assert known.differences(other) == ["--seed was 1, is 2"]
    assert sorted(contents(Path("campaign"))) == [0, 1]
    assert "other holds a campaign already" in command("resume", "campaign", "--fork", "other").err
    assert "--fork is empty" in command("resume", "campaign", "--fork", "").err
    assert "leave out --repair" in command("resume", "campaign", "--fork", "x", "--repair").err


def test_what_is_wrong_is_the_exit_status(command: Callable[..., Outcome]) -> None:
    words = (*WORDS, "--mistake", "derivative-of-output", "--until-mismatch")
    done = command("start", "campaign", *words)
    assert done.status == 1
    assert done.out.startswith("Stopped: there is a mismatch. ")
    told = json.loads(command("status", "campaign", "--json").out)
    assert told["wrong"] > 0
    assert command("resume", "campaign", "--max-cases", "2").status == 1  # what was found stays


def test_progress_tells_rate_and_the_time_to_the_nearest_limit() -> None:
    first, now = Totals(1000, 0, 0, 5.0), Totals(2000, 3, 1000, 15.0)
    line = "2,000 cases on the disk, 3 wrong, 100 a second"
    assert progress_line(first, now, Limits()) == line
    assert progress_line(first, now, Limits(cases=362_000)) == f"{line}, 1:00:00 left"
    assert progress_line(first, now, Limits(cases=362_000, seconds=20)) == f"{line}, 0:00:05 left"
    assert progress_line(first, first, Limits(cases=10**6)).endswith("0 wrong, 0 a second")
