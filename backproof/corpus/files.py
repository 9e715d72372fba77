"""A corpus on disk: a folder of entries, each in a file named after the content of its case.

An entry is written whole or not at all, and never changed: a case that is there already stays as it is. A
folder may hold other files, such as a README; those whose names end in .json are entries, or errors.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backproof.errors import ReportError
from backproof.reporting.files import check_version, first_problem, read_text, replace_text
from backproof.reporting.safe_text import safe_text
from refimpl import Case, InvalidCaseError, case_from_dict
from refimpl.serialization import parse_json

from .model import FORMAT, VERSION, Entry

_WANTED = "a whole entry of a corpus"
_NAMED = 3
"""At most so many activations stand in a name."""


@dataclass(frozen=True)
class Kept:
    """One entry, with its case read."""

    entry: Entry
    case: Case

    @property
    def file_name(self) -> str:
        """Named after the content: the same case has the same name."""
        return f"{self.case.content_hash[:16]}.json"

    @property
    def name(self) -> str:
        """What it is, in a word: activations, loss and dtype, and which one."""
        network = self.case.network
        activations = tuple(dict.fromkeys(layer.activation.name for layer in network.layers))[:_NAMED]
        words = (*activations, network.loss.name, self.case.dtype.name, self.case.content_hash[:8])
        return "-".join(words)

    @property
    def remark(self) -> str:
        """Why it is kept."""
        return self.entry.note or self.entry.cause


# ---------------------------------------------------------------- writing


def entry_json(entry: Entry) -> str:
    """The entry as JSON: a line for each key, the short ones first."""
    values = entry.model_dump(mode="json")
    order = ("format", "version", "note", "equation", "cause", "found", "case")
    members = [f"{_compact(key)}: {_compact(values[key])}" for key in order]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def keep(kept: Kept, directory: str | os.PathLike[str]) -> bool:
    """Writes the entry into the folder, which is made if need be; False if its case is there already.

    Raises ReportError if it cannot be written, or what is there under its name is no entry.
    """
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / kept.file_name
        if os.path.lexists(path):
            read_entry(path)
            return False
        replace_text(path, entry_json(kept.entry))
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what no file name can be encoded from
        if isinstance(error, ReportError):
            raise
        raise ReportError(
            f"cannot write into the corpus {safe_text(str(folder))}: {_reason(error)}; choose another folder"
        ) from None
    return True


def _reason(error: Exception) -> str:
    return safe_text(getattr(error, "strerror", None) or str(error))


# ---------------------------------------------------------------- reading


def read_corpus(directory: str | os.PathLike[str]) -> tuple[Kept, ...]:
    """All entries of a folder, in the order of their names. Raises ReportError, also if there is none."""
    place = safe_text(str(directory))
    remedy = "add some with: backproof corpus add DIR CASE.json"
    found = tuple(read_entry(Path(directory) / name) for name in entry_names(directory))
    if not found:
        raise ReportError(f"the corpus {place} has no entries; {remedy}")
    return found


def entry_names(directory: str | os.PathLike[str]) -> list[str]:
    """The names of the files that are entries, sorted. Raises ReportError for what is no folder."""
    try:
        names = [path.name for path in Path(directory).iterdir()]
    except (OSError, ValueError) as error:
        raise ReportError(
            f"cannot read the corpus {safe_text(str(directory))}: {_reason(error)}; give a folder that "
            "'backproof corpus add' made"
        ) from None
    return sorted(name for name in names if name.lower().endswith(".json") and not name.startswith("."))


def read_entry(path: str | os.PathLike[str]) -> Kept:
    """The entry in a file, validated, and its case.

    Raises ReportError of one line for a file that cannot be read, was cut short, edited or renamed, or has a
    newer version than this reader.
    """
    path = Path(path)
    place = safe_text(str(path))
    if path.exists() and not path.is_file():  # a pipe would keep us waiting
        raise ReportError(f"cannot read {place}: it is no file; give {_WANTED}")
    kept = entry_of(read_text(path, _WANTED), place)
    if path.name != kept.file_name:
        raise ReportError(
            f"{place} is not named after its case, {kept.file_name}; was it edited? If not, rename it"
        )
    return kept


def entry_of(text: str, place: str) -> Kept:
    """The entry in a text. Raises ReportError, whose message starts with `place`."""
    try:
        values = parse_json(text)
    except InvalidCaseError as error:
        raise ReportError(f"{place} is not {_WANTED}: {safe_text(str(error))}") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ReportError(
            f"{place} is no entry of a corpus: its 'format' is not {FORMAT!r}; move it elsewhere, or add it "
            "with: backproof corpus add"
        )
    check_version(values.get("version"), VERSION, place, "version", "corpus entry", "add its case again")
    try:
        entry = Entry.model_validate(values)
        return Kept(entry, case_from_dict(values["case"]))
    except ValidationError as error:
        problem = first_problem(error, "the entry")
        raise ReportError(f"{place} is not a valid entry of a corpus: {problem}; was it edited?") from None
    except InvalidCaseError as error:
        raise ReportError(f"{place} holds no valid case: {safe_text(str(error))}; was it edited?") from None
