"""The command report, which works from a report alone. It loads no framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import console
from .errors import UsageError

if TYPE_CHECKING:
    from .reporting.model import Report

_REPORT = "A report.json, or the folder that holds one."


def report(
    file: Annotated[str, typer.Argument(help=_REPORT, metavar="FILE", show_default=False)],
    out: Annotated[
        str | None,
        typer.Option(help="Folder for the files; by default that of FILE.", metavar="DIR"),
    ] = None,
) -> int:
    """Print a report's summary, and write its page, summary.md and junit.xml again.

    With --out the report itself is written there, too, in the format of this version, with the cases that are
    in it. Rendering is no verdict: the exit status is 0 whatever the report says.
    """
    from .reporting.files import write_renderings, write_report
    from .reporting.text import print_summary

    path, found = read(file, "FILE")
    check_out(out, "leave it out for the folder of FILE")
    here = out is None or (Path(out).is_dir() and Path(out).samefile(path.parent))
    written = path if here else write_report(found, Path(out or ""))
    if here:
        write_renderings(found, path.parent)
    print_summary(found, console(), written)
    return 0


def read(given: str, what: str) -> tuple[Path, Report]:
    """The file of a report and what it holds; a folder stands for the report.json in it.

    Raises UsageError for an empty name, and ReportError for what is no whole report.
    """
    from .reporting.files import JSON_NAME, read_report

    if given == "":
        raise UsageError(f"{what} is empty; give a {JSON_NAME} or the folder that holds one")
    try:
        path = Path(given) / JSON_NAME if Path(given).is_dir() else Path(given)
    except (OSError, ValueError):  # what is wrong with it, reading says
        path = Path(given)
    return path, read_report(path)


def check_out(out: str | None, otherwise: str) -> None:
    """Raises UsageError if an option was given without a folder."""
    if out == "":
        raise UsageError(f"--out is empty; give a folder, or {otherwise}")
