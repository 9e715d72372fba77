"""What can go wrong around a campaign: one clear line, nothing that was shown as done is lost, it goes on."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backproof.campaign import lock, store
from backproof.campaign.running import Limits, create, go_on
from backproof.campaign.status import status_of
from tests.campaign.conftest import ASKED, WORDS, Outcome, begun, ended, program
from tests.campaign.test_running import contents


def _refused(done: Outcome, told: str) -> None:
    """Status 2, and one line on standard error that says why."""
    assert done.status == 2, done
    assert done.out == ""
    last = done.err.splitlines()[-1]
    assert last.startswith("backproof: error: ")
    assert re.search(told, last), last
    assert "Traceback" not in done.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 KiB, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here: the limit of a file's size stands for a full disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_a_session_and_more_room_lets_it_go_on(
    small_disk: Path, command: Callable[..., Outcome]
) -> None:
    folder = str(small_disk / "campaign")
    _refused(
        command("start", folder, *WORDS, "--max-cases", "60"),
        r"cannot write .*results\.log: No space left on device; all that was shown as done is kept: re",
    )
    before = contents(Path(folder))
    assert 0 < len(before) < 30
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert command("resume", folder, "--max-cases", "60").status == 0
    after = contents(Path(folder))
    assert len(after) == 30
    assert {number: after[number] for number in before} == before


def test_where_a_file_may_not_grow_it_is_as_on_a_full_disk(
    tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, before[1]))
    try:
        done = command("start", "campaign", *WORDS, "--max-cases", "40")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    _refused(done, r"cannot write campaign/results\.log: File too large; all that was shown as done is kept")
    kept = contents(Path("campaign"))
    assert 0 < len(kept) < 20
    assert command("resume", "campaign", "--max-cases", "40").status == 0
    assert len(contents(Path("campaign"))) == 20


def test_a_read_only_folder_is_told_and_can_still_be_read(
    small_disk: Path, command: Callable[..., Outcome]
) -> None:
    folder = small_disk / "campaign"
    begun(folder, 4)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    _refused(command("resume", str(folder)), r"cannot write into .*: Read-only file system; make the folder")
    _refused(
        command("start", str(small_disk / "new")), r"cannot make a campaign in .*: Read-only file system"
    )
    assert command("status", str(folder)).out.startswith("4 cases of reference judged, 0 wrong")
    _refused(command("report", str(folder)), r"cannot write a report into .*report: Read-only file system")
    assert command("report", str(folder), "--out", "elsewhere").status == 0
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert command("resume", str(folder), "--max-cases", "8").status == 0


def test_where_nothing_can_be_opened_for_writing_it_is_told(
    tmp_path: Path, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, where nothing can be mounted, and root may write anywhere."""
    begun(tmp_path / "campaign", 4)
    real = os.open

    def refuse(path: Path, flags: int, *more: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY) and "campaign" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        _refused(command("resume", "campaign"), "cannot write into campaign: Permission denied; make the fol")
    assert command("resume", "campaign", "--max-cases", "8").status == 0


def test_a_flipped_byte_is_refused_until_it_is_repaired(
    tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    begun(tmp_path / "campaign", 16)
    before = contents(tmp_path / "campaign")
    path = tmp_path / "campaign" / store.RESULTS_NAME
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)
    told = r"results\.log is damaged at byte [\d,]+: .*; bring it back from a copy, or .*resume --repair'"
    for words in (("resume", "campaign", "--max-cases", "16"), ("report", "campaign")):
        _refused(command(*words), told)
    assert command("resume", "campaign", "--max-cases", "16", "--repair").status == 0
    assert contents(tmp_path / "campaign") == before
    assert (tmp_path / "campaign" / store.DAMAGED_NAME).read_bytes() == whole


def test_what_was_cut_off_is_judged_again(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    begun(tmp_path / "campaign", 16)
    before = contents(tmp_path / "campaign")
    path = tmp_path / "campaign" / store.RESULTS_NAME
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cut short" in command("status", "campaign").out
    assert command("report", "campaign").status == 0  # of what is whole
    assert command("resume", "campaign", "--max-cases", "16").status == 0
    assert contents(tmp_path / "campaign") == before
    path.write_bytes(b"")
    _refused(command("resume", "campaign"), r"does not begin as results do: .*--fork NEWDIR'")


def test_a_folder_with_something_else_in_it_is_left_alone(
    tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("miaow")
    _refused(
        command("start", "photos"), r"photos holds other files, such as cat\.jpg; choose an empty or new"
    )
    for words in (("resume", "photos"), ("status", "photos"), ("report", "photos")):
        _refused(command(*words), r"photos is no campaign: it has no campaign\.json")
    (tmp_path / "file").write_text("")
    _refused(command("start", "file"), "cannot .* file: Not a directory")
    assert [each.name for each in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_results_of_another_campaign_are_not_taken_for_its_own(
    tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    begun(tmp_path / "one", 4)
    begun(tmp_path / "other", 4, ASKED.model_copy(update={"seed": 2}))
    shutil.copy(tmp_path / "other" / store.RESULTS_NAME, tmp_path / "one" / store.RESULTS_NAME)
    _refused(
        command("resume", "one"), r"one/results\.log belongs to another campaign than the options beside"
    )


def test_a_start_that_was_killed_halfway_can_be_started_again(
    tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    folder = tmp_path / "campaign"
    begun(folder, 4)
    (folder / "campaign.json").unlink()
    _refused(command("resume", "campaign"), "is no campaign")
    assert command("start", "campaign", *WORDS, "--max-cases", "4").status == 0
    _refused(
        command("start", "campaign"), "campaign holds a campaign already; go on with it: 'backproof camp"
    )


def _wait_for(folder: Path, cases: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / "campaign.json").exists() and status_of(folder).cases >= cases:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was judged")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_two_writers_and_a_signal_that_ends_the_first_one(
    tmp_path: Path, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    with program(tmp_path, "start", "campaign", *WORDS) as first:
        _wait_for(tmp_path / "campaign", 2)
        _refused(command("resume", "campaign"), "another process is writing the campaign in campaign; wait ")
        assert "; running" in command("status", "campaign").out
        first.send_signal(how)
        done = ended(first)
    assert done.status == 130, done
    assert "stopping with the chunks at hand; Ctrl-C or SIGTERM again drops them" in done.err
    cases = status_of(tmp_path / "campaign").cases
    assert done.out == (
        f"Stopped: interrupted. {cases:,} cases judged, 0 wrong, all on the disk in campaign.\n"
    )
    assert command("resume", "campaign", "--max-cases", str(cases + 2)).status == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_drops_the_chunk_at_hand(tmp_path: Path, workers: str) -> None:
    words = ("--chunk", "5000", "--oracles", "truth", "--dtype", "float64", "--workers", workers)
    with program(tmp_path, "start", "campaign", *words) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "campaign" / "campaign.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2)  # it is judging
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        done = ended(process)
    assert time.monotonic() - began < 20  # of the minutes that the chunk takes
    assert done.status == 130, done
    assert "Traceback" not in done.err
    assert contents(tmp_path / "campaign") == {}


def test_a_clock_that_is_set_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(tmp_path / "whole", 16)
    create(tmp_path / "back", ASKED)
    now = [2e9]

    def back() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", back)
    assert go_on(tmp_path / "back", Limits(8)).totals.cases == 8
    session = go_on(tmp_path / "back", Limits(16, seconds=3600))
    assert (session.reason, session.totals.cases) == ("cases", 16)
    assert 0 <= session.totals.seconds < 3600
    os.utime(tmp_path / "back" / store.RESULTS_NAME, (0, 0))
    assert contents(tmp_path / "back") == contents(tmp_path / "whole")
    rate = status_of(tmp_path / "back").rate
    assert rate is not None
    assert rate > 0
