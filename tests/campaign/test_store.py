"""The file of results: a chunk is there entirely or not at all, and every damage is told."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from backproof.campaign import store
from backproof.campaign.store import HEAD_SIZE, HEADER_SIZE, Writer, content_of, repair, scan
from backproof.errors import CampaignError

OWNER = bytes(range(32))


def _content(number: int) -> bytes:
    return b'{"number": %d, "rest": "%s"}' % (number, hashlib.sha512(bytes([number])).hexdigest().encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Results of chunks 0 to 4."""
    made = tmp_path / "results.log"
    store.create(made, OWNER)
    with Writer(made, HEAD_SIZE) as writer:
        for number in range(5):
            writer.append(number, _content(number), cases=8, wrong=number == 3, session=1, seconds=number)
    return made


def test_what_is_appended_is_read_again(path: Path) -> None:
    found = scan(path, OWNER, contents=True)
    assert (found.damage, found.torn, found.end) == ((), 0, path.stat().st_size)
    assert list(found.records) == [0, 1, 2, 3, 4]
    assert [record.wrong for record, _ in found.records.values()] == [0, 0, 0, 1, 0]
    assert [content_of(path, *place) for place in found.records.values()] == [_content(n) for n in range(5)]


def test_wherever_it_is_cut_the_whole_records_are_there_and_writing_goes_on(path: Path) -> None:
    whole = path.read_bytes()
    ends = [start + record.length for record, start in scan(path, OWNER, contents=True).records.values()]
    for size in range(HEAD_SIZE, len(whole)):
        path.write_bytes(whole[:size])
        found = scan(path, OWNER, contents=True)
        expected = sum(end <= size for end in ends)
        assert (found.damage, list(found.records)) == ((), list(range(expected)))
        assert found.torn == size - ([HEAD_SIZE, *ends][expected])
    with Writer(path, found.end) as writer:  # the last byte of the last record is missing
        writer.append(4, _content(4), cases=8, wrong=0, session=1, seconds=4)
    assert path.read_bytes() == whole


def test_a_flipped_bit_anywhere_behind_the_head_is_damage_and_repair_keeps_the_others(path: Path) -> None:
    whole = path.read_bytes()
    places = scan(path, OWNER, contents=True).records
    for at in range(HEAD_SIZE, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        found = scan(path, OWNER, contents=True)
        hit = max(number for number, (_, start) in places.items() if start - HEADER_SIZE <= at)
        assert len(found.damage) == 1
        assert set(found.records) == {0, 1, 2, 3, 4} - {hit}
    damaged = path.read_bytes()
    assert repair(path, OWNER) == found.damage
    assert path.with_name(store.DAMAGED_NAME).read_bytes() == damaged
    assert scan(path, OWNER, contents=True).damage == ()
    assert set(scan(path, OWNER, contents=True).records) == {0, 1, 2, 3}
    assert repair(path, OWNER) == ()


def test_headers_alone_do_not_read_the_contents(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    path.write_bytes(whole)
    assert scan(path, OWNER, contents=False).damage == ()
    with pytest.raises(CampaignError, match=r"is damaged at byte [\d,]+: what chunk 4 came to .*--repair"):
        content_of(path, *scan(path, OWNER, contents=False).records[4])


@pytest.mark.parametrize("after", [b"\0" * 200, b"BPch" + b"\1" * 200, b"garbage"])
def test_what_was_never_written_here_is_damage_and_not_a_record_cut_short(path: Path, after: bytes) -> None:
    path.write_bytes(path.read_bytes() + after)
    found = scan(path, OWNER, contents=True)
    assert len(found.records) == 5
    assert "not the beginning of a record" in found.damage[0]


def test_results_of_another_campaign_and_other_files_are_refused(path: Path) -> None:
    with pytest.raises(CampaignError, match=r"results\.log belongs to another campaign"):
        scan(path, bytes(32), contents=False)
    path.write_bytes(b"something else")
    with pytest.raises(CampaignError, match=r"does not begin as results do.*--fork"):
        scan(path, OWNER, contents=False)
    path.unlink()
    with pytest.raises(CampaignError, match=r"cannot read .*results\.log: No such file"):
        scan(path, OWNER, contents=False)


def test_a_record_that_cannot_be_written_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, real = path.read_bytes(), os.write
    with Writer(path, len(whole)) as writer:
        calls = iter([10, OSError(28, "No space left on device")])

        def full(file: int, data: memoryview) -> int:
            answer = next(calls)
            if isinstance(answer, OSError):
                raise answer
            return real(file, data[:answer])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(CampaignError, match=r"cannot write .*: No space left on device; all that was"):
            writer.append(5, _content(5), cases=8, wrong=0, session=1, seconds=5)
        assert path.read_bytes() == whole
        monkeypatch.setattr(os, "write", real)
        writer.append(5, _content(5), cases=8, wrong=0, session=1, seconds=5)
    assert list(scan(path, OWNER, contents=True).records) == [0, 1, 2, 3, 4, 5]


def test_each_record_is_synced_before_it_counts_as_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, real = [], os.fsync
    with Writer(path, path.stat().st_size) as writer:
        monkeypatch.setattr(os, "fsync", lambda file: (sizes.append(os.fstat(file).st_size), real(file)))
        writer.append(5, _content(5), cases=8, wrong=0, session=1, seconds=5)
    assert sizes == [path.stat().st_size]


def test_content_that_unpacks_to_more_than_a_result_can_be_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_CONTENT", 20)
    with pytest.raises(CampaignError, match="what chunk 0 came to is not what was written"):
        content_of(path, *scan(path, OWNER, contents=False).records[0])
