"""Files of vectors: written line by line and whole or not at all; validated when read."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from backproof.errors import ReportError, UsageError
from backproof.reporting.files import first_problem
from backproof.reporting.safe_text import safe_text
from refimpl import InvalidCaseError
from refimpl.serialization import parse_json

from .making import vectors
from .model import FORMAT, LINE, VERSION, Footer, Header, Vector
from .options import VectorOptions

_LONGEST_LINE = 2**24
_WANTED = "give a file that 'backproof vectors' wrote"


# ---------------------------------------------------------------- writing


def line_of(values: dict[str, Any]) -> str:
    """One line: no spaces, keys in the order of the format, so that a program can search for `"value":[`."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False) + "\n"


def write_vectors(options: VectorOptions, out: str | os.PathLike[str]) -> dict[str, Any]:
    """Writes the vectors to a file, or to standard output if `out` is "-"; returns the footer.

    The file takes its name when it is whole, replacing an older one. If who reads standard output stops
    before the end, there is no footer: the result is empty. Raises UsageError if `out` is empty and
    ReportError if it cannot be written.
    """
    if str(out) == "":
        raise UsageError("--out is empty; give a file, or - for standard output")
    footer: dict[str, Any] = {}
    with _standard_output() if str(out) == "-" else _whole_file(Path(out)) as stream:
        for footer in vectors(options):
            stream.write(line_of(footer))
    return footer if footer.get("kind") == "footer" else {}


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        if path.exists() and not path.is_file():  # a pipe or a device is written to, not replaced
            with path.open("w", encoding="ascii", newline="\n") as stream:
                yield stream
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="ascii", newline="\n") as stream:
            yield stream
        partial.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what no file name can be encoded from
        if isinstance(error, UsageError):
            raise
        reason = safe_text(getattr(error, "strerror", None) or str(error))
        raise ReportError(f"cannot write {safe_text(str(path))}: {reason}; choose another file") from None
    finally:
        _remove(partial)


def _remove(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except (OSError, ValueError):  # no such folder, no such name: then nothing was written either
        return


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """Standard output; who reads it may stop reading."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has nowhere to go: else Python complains of it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class VectorFile:
    """A whole file of vectors."""

    header: Header
    vectors: tuple[Vector, ...]
    footer: Footer


def read_vectors(path: str | os.PathLike[str]) -> VectorFile:
    """The vectors in a file, validated.

    Raises ReportError of one line for a file that cannot be read, was cut short or edited, or has another
    version than this reader.
    """
    place = safe_text(str(path))
    found: list[Any] = []
    ids: set[str] = set()
    for number, text in enumerate(_lines(Path(path), place), start=1):
        line = _line(text, number, place)
        if isinstance(line, Header) != (number == 1):
            what = "is not a header" if number == 1 else "is a second header"
            raise ReportError(f"{place}: line {number} {what}; {_WANTED}")
        if found and isinstance(found[-1], Footer):
            raise ReportError(f"{place}: line {number} comes after the footer; {_WANTED}")
        if not isinstance(line, (Header, Footer)):
            if line.id in ids:
                raise ReportError(f"{place}: line {number} has the id {line.id} a second time; {_WANTED}")
            ids.add(line.id)
        found.append(line)
    if not found:
        raise ReportError(f"{place} is empty; {_WANTED}")
    if not isinstance(found[-1], Footer):
        raise ReportError(f"{place} is cut short: its last line is no footer; write it again")
    header, *rest, footer = found
    if footer.vectors != len(rest):
        raise ReportError(
            f"{place} is not whole: its footer counts {footer.vectors} vectors, and it holds {len(rest)}; "
            "write it again"
        )
    return VectorFile(header, tuple(rest), footer)


def _lines(path: Path, place: str) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            while content := file.readline(_LONGEST_LINE + 1):
                if len(content) > _LONGEST_LINE:
                    raise ReportError(f"{place} has a line of more than {_LONGEST_LINE} bytes; {_WANTED}")
                if not content.endswith(b"\n"):
                    raise ReportError(f"{place} is cut short within its last line; write it again")
                yield content.decode("utf-8")
    except UnicodeDecodeError:
        raise ReportError(f"{place} is not UTF-8 text; {_WANTED}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ReportError):
            raise
        reason = safe_text(getattr(error, "strerror", None) or str(error))
        raise ReportError(f"cannot read {place}: {reason}; {_WANTED}") from None


def _line(text: str, number: int, place: str) -> Any:
    try:
        values = parse_json(text)
    except InvalidCaseError as error:
        raise ReportError(f"{place}: line {number}: {safe_text(str(error))}; {_WANTED}") from None
    if number == 1:
        _check_format(values, place)
    try:
        return LINE.validate_python(values)
    except ValidationError as error:
        problem = first_problem(error, "the line")
        raise ReportError(f"{place}: line {number}: {problem}; was it edited?") from None


def _check_format(values: Any, place: str) -> None:
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ReportError(f"{place} is not a file of vectors: its 'format' is not {FORMAT!r}; {_WANTED}")
    version = values.get("version")
    if version != VERSION or isinstance(version, bool):
        newer = isinstance(version, int) and version > VERSION
        remedy = "install a newer backproof" if newer else "write it again"
        raise ReportError(
            f"{place} has version {safe_text(repr(version)[:40])}; this backproof reads {VERSION}: {remedy}"
        )
