"""Reports on disk: report.json, what is made of it and each finding's case, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backproof.errors import ReportError
from refimpl import InvalidCaseError
from refimpl.serialization import parse_json

from .html_page import report_html
from .junit import report_junit
from .markdown import report_markdown
from .model import FORMAT, VERSION, Report
from .safe_text import safe_text

JSON_NAME = "report.json"
HTML_NAME = "report.html"
MARKDOWN_NAME = "summary.md"
JUNIT_NAME = "junit.xml"
_LONGEST_FILE = 64 * 2**20
CASE_INLINE = 20_000
"""A case of more characters than this stands in its own file only, lest a hundred of them fill the report."""


# ---------------------------------------------------------------- writing


def report_json(report: Report) -> str:
    """The report as JSON: keys sorted, a line for each key and each row of a table, to keep diffs small."""
    return json_by_rows(report.model_dump(mode="json"))


def json_by_rows(values: Mapping[str, Any], separators: tuple[str, str] | None = None) -> str:
    """An object as JSON: keys sorted, a line for each key, and for each item of one that is a list."""

    def rows(value: Any) -> str:
        if isinstance(value, list) and value:
            return "[\n  " + ",\n  ".join(_compact(row, separators) for row in value) + "\n]"
        return _compact(value, separators)

    members = [f"{_compact(key)}: {rows(values[key])}" for key in sorted(values)]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _compact(value: Any, separators: tuple[str, str] | None = None) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=separators)


def write_report(report: Report, directory: str | os.PathLike[str]) -> Path:
    """Writes the report into `directory`, which is made if need be; returns the path of report.json.

    report.json comes last: where it stands, what is made of it and the cases stand too. Each file replaces an
    older one in one step. A long case (`CASE_INLINE`) stands in its own file only.

    Raises ReportError if anything cannot be written.
    """
    folder = Path(directory)
    cases = _cases(report)
    findings = tuple(
        f.model_copy(update={"case": None}) if len(cases.get(f.case_file, "")) > CASE_INLINE else f
        for f in report.findings
    )
    report = report.model_copy(update={"findings": findings})
    # Whatever version it was read from, the keys that are written are those of this one.
    whole = report.model_copy(update={"schema_version": VERSION})
    write_texts(folder, cases | _rendered(report) | {JSON_NAME: report_json(whole)})
    return folder / JSON_NAME


def write_renderings(report: Report, directory: str | os.PathLike[str]) -> Path:
    """Writes all that `write_report` does but report.json itself; returns what would be its path.

    Raises ReportError if anything cannot be written.
    """
    folder = Path(directory)
    write_texts(folder, _cases(report) | _rendered(report))
    return folder / JSON_NAME


def _cases(report: Report) -> dict[str, str]:
    """File → text of each case and script in the report."""
    cases = {f.case_file: _compact(f.case) + "\n" for f in report.findings if f.case is not None}
    for cause in report.causes:
        if cause.case_file is not None and cause.smallest_case is not None:
            cases[cause.case_file] = _compact(cause.smallest_case) + "\n"
        if cause.script_file is not None:
            cases[cause.script_file] = "\n".join(cause.script) + "\n"
    return cases


def _rendered(report: Report) -> dict[str, str]:
    """File → text of what people and CI services read."""
    return {
        HTML_NAME: report_html(report),
        MARKDOWN_NAME: report_markdown(report),
        JUNIT_NAME: report_junit(report),
    }


def write_texts(directory: str | os.PathLike[str], files: dict[str, str]) -> None:
    """Writes files, name → text, into `directory`, which is made if need be. Raises ReportError."""
    folder = Path(directory)
    _make(folder)
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            replace_text(folder / name, text)
    except OSError as error:
        raise _unwritable(folder, error) from None


def check_writable(directory: str | os.PathLike[str]) -> None:
    """Makes `directory` and writes a file there, to learn before a long run whether a report can be.

    Raises ReportError if not.
    """
    folder = Path(directory)
    _make(folder)
    try:
        probe = _partial(folder / JSON_NAME)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(folder, error) from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what no file name can be encoded from
        raise _unwritable(folder, error) from None


def _reason(error: Exception) -> str:
    return safe_text(getattr(error, "strerror", None) or str(error))


def _unwritable(folder: Path, error: Exception) -> ReportError:
    reason = _reason(error)
    return ReportError(
        f"cannot write a report into {safe_text(str(folder))}: {reason}; choose another folder"
    )


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def replace_text(path: Path, text: str) -> None:
    """Writes a file in one step: whoever breaks in, it is whole, or as it was before. Raises OSError."""
    partial = _partial(path)
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


# ---------------------------------------------------------------- reading


def read_report(path: str | os.PathLike[str]) -> Report:
    """The report in the JSON file `path`, validated.

    Raises ReportError of one line for a file that cannot be read, was cut short or edited, or has a
    newer version than this reader.
    """
    place = safe_text(str(path))
    text = read_text(Path(path), f"a whole {JSON_NAME}")
    try:
        values = parse_json(text)
    except InvalidCaseError as error:
        raise ReportError(f"{place} is not a whole report: {safe_text(str(error))}") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ReportError(f"{place} is not a report: its 'format' is not {FORMAT!r}; give a {JSON_NAME}")
    check_version(values.get("schema_version"), VERSION, place, "schema_version", "report", "run again")
    if not text.endswith("\n"):
        raise ReportError(f"{place} is not a whole report: its last line is cut short; write it again")
    try:
        return Report.model_validate(values)
    except ValidationError as error:
        problem = first_problem(error, "the report")
        raise ReportError(f"{place} is not a valid report: {problem}; was it edited?") from None


def first_problem(error: ValidationError, whole: str) -> str:
    """The first thing that a validation found, in one line: where, or `whole`, and what."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = safe_text(".".join(str(part)[:40] for part in first["loc"])) or whole
    return f"{where}: {safe_text(first['msg'].removeprefix('Value error, '))}"


def read_text(path: Path, wanted: str) -> str:
    """The text of a file; ReportError of one line, ending in "give `wanted`", if it is not a file of text."""
    place = safe_text(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what no file name can be encoded from
        raise ReportError(f"cannot read {place}: {_reason(error)}; give {wanted}") from None
    if len(content) > _LONGEST_FILE:
        raise ReportError(f"{place} is longer than {_LONGEST_FILE} bytes; give {wanted}")
    if not content:
        raise ReportError(f"{place} is empty; give {wanted}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ReportError(f"{place} is not UTF-8 text; give {wanted}") from None


def check_version(version: Any, ours: str, place: str, key: str, what: str, remedy: str) -> None:
    """ReportError unless a `what` of this version, MAJOR.MINOR, is one that a reader of version `ours` knows.

    It knows every minor version up to its own, and no other major one; `remedy` is for an older one.
    """
    parts = version.split(".") if isinstance(version, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 6 for part in parts):
        raise ReportError(f"{place} is not a valid {what}: its {key!r} is not like {ours!r}")
    major, minor = (int(part) for part in ours.split("."))
    theirs = (int(parts[0]), int(parts[1]))
    if theirs > (major, minor):
        raise ReportError(
            f"{place} has {what} version {version}; this backproof reads up to {ours}: install a newer one"
        )
    if theirs[0] < major:
        raise ReportError(f"{place} has {what} version {version}, which is no longer read; {remedy}")
