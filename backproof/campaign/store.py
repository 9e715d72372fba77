"""The results of a campaign on disk: one file that only grows, with a checksummed record for each chunk.

A record is a header of fixed size and what the chunk came to as compressed JSON. This is a file rather than
a database because a campaign asks for so little: one writer appends, a chunk at a time, and readers go from
header to header. A reader needs no lock and no permission to write, which SQLite's write-ahead log does; each
byte is under a checksum, which a page of SQLite's is not; and what a crash leaves is always the same thing, a
last record that is cut short, which is dropped. Nothing depends on the order of the records, or on a clock.

What was appended stays when the process dies. It is also synced to the disk (`fsync`) before `append`
returns, so what a progress line shows as done outlasts a power failure, as far as the disk keeps its word.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from backproof.errors import CampaignError

RESULTS_NAME = "results.log"
DAMAGED_NAME = "results.damaged"
HEAD = b"backproof campaign results 1\n"
"""The first bytes of the file; then come 32 bytes that name the options it belongs to."""
HEAD_SIZE = len(HEAD) + 32
_MAGIC = b"BPch"
_FIELDS = struct.Struct(">4sQIIIdI16s")
_CRC = struct.Struct(">I")
HEADER_SIZE = _FIELDS.size + _CRC.size
"""Bytes of a record besides its content."""
MOST_CONTENT = 256 * 2**20
"""Bytes of JSON in one record, uncompressed; more is no result of a chunk."""


class Record(NamedTuple):
    """What the header of a record tells of one chunk."""

    number: int
    """Of the chunk."""
    cases: int
    wrong: int
    """Cases that are a mismatch or a fault."""
    session: int
    """How often the campaign had been gone on with."""
    seconds: float
    """After which it was done, from the start of its session, by a clock that is never set."""
    length: int
    """Bytes of its content, compressed."""
    digest: bytes
    """The checksum of these."""

    def header(self) -> bytes:
        """As the file has it."""
        packed = _FIELDS.pack(_MAGIC, *self)
        return packed + _CRC.pack(zlib.crc32(packed))


class Scan(NamedTuple):
    """What is in a file of results."""

    records: dict[int, tuple[Record, int]]
    """Number of a chunk → its record, and where in the file its content begins."""
    end: int
    """Where the last whole record ends."""
    size: int
    """Of the file."""
    damage: tuple[str, ...]
    """What is wrong with it, and where; empty if all is well."""

    @property
    def torn(self) -> int:
        """Bytes of a last record that is cut short, as it is while it is written, and after a crash."""
        return 0 if self.damage else self.size - self.end


def header_of(packed: bytes) -> Record | None:
    """The header in these bytes; None if they are none, or are damaged."""
    if len(packed) < HEADER_SIZE or packed[:4] != _MAGIC:
        return None
    fields = packed[: _FIELDS.size]
    if _CRC.unpack(packed[_FIELDS.size : HEADER_SIZE])[0] != zlib.crc32(fields):
        return None
    return Record(*_FIELDS.unpack(fields)[1:])


def scan(path: Path, belongs_to: bytes, *, contents: bool) -> Scan:
    """Reads the headers, and with `contents` holds every content against its checksum.

    `belongs_to` are the 32 bytes that name the options. Raises CampaignError if the file is missing, or
    belongs to another campaign. What is damaged is in the answer.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEAD_SIZE)
            if not head.startswith(HEAD):
                raise CampaignError(
                    f"{path} does not begin as results do: damaged, or not written by backproof campaign; "
                    f"bring it back from a copy, or begin anew with 'backproof campaign resume --fork NEWDIR'"
                )
            if head[len(HEAD) :] != belongs_to:
                raise CampaignError(
                    f"{path} belongs to another campaign than the options beside it; bring back the file "
                    "that does"
                )
            return _scanned(file, size, contents=contents)
    except OSError as error:
        raise CampaignError(f"cannot read {path}: {error.strerror}; make it readable") from None


def _scanned(file: BinaryIO, size: int, *, contents: bool) -> Scan:
    records: dict[int, tuple[Record, int]] = {}
    damage: list[str] = []
    place = HEAD_SIZE
    while place < size:
        file.seek(place)
        packed = file.read(HEADER_SIZE)
        record = header_of(packed)
        if record is None:
            if len(packed) < HEADER_SIZE and _MAGIC.startswith(packed[:4]):
                break
            damage.append(f"byte {place:,}: not the beginning of a record")
            after = _next_header(file, place + 1, size)
            if after is None:
                break
            place = after
            continue
        start = place + HEADER_SIZE
        if start + record.length > size:
            break
        if contents:
            content = file.read(record.length)
            if _digest(content) != record.digest:
                damage.append(f"byte {start:,}: what chunk {record.number} came to is not what was written")
                place = start + record.length
                continue
        records.setdefault(record.number, (record, start))
        place = start + record.length
    return Scan(records, place, size, tuple(damage))


def _next_header(file: BinaryIO, place: int, size: int) -> int | None:
    """Where the next sound header begins; None if there is none."""
    block = 2**20
    while place < size:
        file.seek(place)
        found = file.read(block + HEADER_SIZE)
        at = found.find(_MAGIC)
        while at != -1 and at < block:
            if header_of(found[at : at + HEADER_SIZE]) is not None:
                return place + at
            at = found.find(_MAGIC, at + 1)
        place += block
    return None


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def damaged(path: Path, damage: tuple[str, ...]) -> CampaignError:
    """The error that says so, with the remedy."""
    more = f" (and {len(damage) - 1} more)" if len(damage) > 1 else ""
    return CampaignError(
        f"{path} is damaged at {damage[0]}{more}; bring it back from a copy, or have what is damaged judged "
        "again with 'backproof campaign resume --repair'"
    )


def content_of(path: Path, record: Record, start: int) -> bytes:
    """The JSON of a record. Raises CampaignError if it is damaged."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(record.length)
    except OSError as error:
        raise CampaignError(f"cannot read {path}: {error.strerror}; make it readable") from None
    wrong = f"byte {start:,}: what chunk {record.number} came to is not what was written"
    if _digest(content) != record.digest:
        raise damaged(path, (wrong,))
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(content, MOST_CONTENT)
    except zlib.error:
        raise damaged(path, (wrong,)) from None
    if not unpacking.eof:
        raise damaged(path, (wrong,))
    return text


class Writer:
    """Appends records. There must be one only: see `lock`."""

    def __init__(self, path: Path, end: int) -> None:
        """Goes on at `end`, where the last whole record ends; what lies behind it is dropped.

        Raises CampaignError if the file cannot be written.
        """
        self.path, self._end = path, end
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            os.ftruncate(self._file, end)
            os.fsync(self._file)
        except OSError as error:
            self.close()
            raise self._unwritable(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self, number: int, content: bytes, *, cases: int, wrong: int, session: int, seconds: float
    ) -> None:
        """Adds what one chunk came to, JSON, and returns once it is on the disk.

        Raises CampaignError if it cannot be written; then the file is as it was before.
        """
        packed = zlib.compress(content, 9)
        record = Record(number, cases, wrong, session, seconds, len(packed), _digest(packed))
        whole = record.header() + packed
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            _write(self._file, whole)
            os.fsync(self._file)
        except OSError as error:
            self._undo()
            raise self._unwritable(error) from None
        except BaseException:  # a second Ctrl-C
            self._undo()
            raise
        self._end += len(whole)

    def close(self) -> None:
        """Ends writing."""
        if self._file != -1:
            os.close(self._file)
            self._file = -1

    def _undo(self) -> None:
        try:
            os.ftruncate(self._file, self._end)
        except OSError:  # then a record is left that is cut short, which whoever reads drops
            return

    def _unwritable(self, error: OSError) -> CampaignError:
        return CampaignError(
            f"cannot write {self.path}: {error.strerror}; all that was shown as done is kept: remove the "
            "cause, then go on with 'backproof campaign resume'"
        )


def _write(file: int, whole: bytes) -> None:
    """All of it: a disk that fills up takes a part, and says so only when it is asked to take the rest."""
    rest = memoryview(whole)
    while rest:
        rest = rest[os.write(file, rest) :]


def create(path: Path, belongs_to: bytes) -> None:
    """Writes a file of results without any. Raises OSError."""
    write_whole(path, HEAD + belongs_to)


def repair(path: Path, belongs_to: bytes) -> tuple[str, ...]:
    """Leaves the sound records only, and keeps the file as it was beside them; gives what was wrong.

    Raises CampaignError if that cannot be done.
    """
    found = scan(path, belongs_to, contents=True)
    if not found.damage:
        return ()
    try:
        with path.open("rb") as file:
            parts = [HEAD + belongs_to]
            for record, start in found.records.values():
                file.seek(start)
                parts.append(record.header() + file.read(record.length))
            file.seek(0)
            write_whole(path.with_name(DAMAGED_NAME), file.read())
        write_whole(path, b"".join(parts))
    except OSError as error:
        raise CampaignError(f"cannot repair {path}: {error.strerror}; remove the cause, then again") from None
    return found.damage


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file in one step and syncs it: it is whole, or as it was before. Raises OSError."""
    partial = path.with_name(f".{path.name}.partial")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    try:
        _write(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Has the names in a folder reach the disk, where a folder can be asked to."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
