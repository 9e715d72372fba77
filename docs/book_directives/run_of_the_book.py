"""The run that gives the book its live verdicts: a report, and what no run of networks judges.

`make book` makes both before Sphinx starts; a book is never built on verdicts of which nobody knows whence.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from backproof.errors import ReportError
from backproof.reporting import Counts, Report
from backproof.reporting.files import read_report
from backproof.reporting.parts import VERDICTS

REMEDY = "run `make book`, which makes it first"
MEASURED = "measured.json"


class NoRunError(ValueError):
    """The book has no run to show."""


@dataclass(frozen=True)
class Live:
    """How one equation fared."""

    verdict: str
    cases: int
    of_what: str
    """What was judged: "networks" or "compositions"."""
    checks: Counts
    worst_ratio: float | None
    command: str

    @property
    def headline(self) -> str:
        """The verdict in one word: "conforms" where nothing is wrong and something was found right.

        A report takes the gravest. But a convention or a framework's declared deviation among thousands of
        checks that conform says nothing against the equation; they are counted beside.
        """
        wrong = self.checks.mismatch + self.checks.fault
        return "conforms" if self.checks.conforms and not wrong else self.verdict

    @property
    def in_words(self) -> str:
        """How often each verdict was given: "2,000 of 2,048 checks conform; 10 convention, 38 not judged"."""
        given = [f"{self.checks.of(v):,} {v}" for v in VERDICTS if v != "conforms" and self.checks.of(v)]
        said = f"{self.checks.conforms:,} of {self.checks.total:,} checks conform"
        return f"{said}; {', '.join(given)}" if given else said

    @property
    def ratio_in_words(self) -> str:
        """The largest error/bound to three digits, cut and not rounded: below 1 it stays below 1."""
        if self.worst_ratio is None or not 1e-3 < self.worst_ratio < 1e3:
            return "" if self.worst_ratio is None else f"{self.worst_ratio:.2g}"
        return f"{math.floor(self.worst_ratio * 1000) / 1000:g}"


@dataclass(frozen=True)
class Run:
    """What was judged for the book."""

    report: Report
    chains: dict[str, Any]
    """As `measured.chains` has it."""
    loss_kinks: list[dict[str, Any]]
    """As `measured.loss_kinks` has it."""

    def of(self, id: str) -> Live | None:  # noqa: A002 - the document's equations have ids
        """The verdict on an equation; None if the run did not come to it."""
        if id in self.chains["equations"]:
            row = self.chains["equations"][id]
            checks = Counts.model_validate(row["checks"])
            return Live(
                checks.worst(),
                row["cases"],
                "compositions",
                checks,
                row["worst_ratio"],
                self.chains["judged"],
            )
        for row in self.report.equations:
            if row.id == id:
                ratio = None if row.worst_ratio is None else float(row.worst_ratio)
                command = self.report.run.command
                return Live(row.verdict, row.cases, "networks", row.checks, ratio, command)
        return None


@cache
def read_run(folder: Path) -> Run:
    """The run in a folder; NoRunError, in one line with the remedy, if it is not there or cannot be read."""
    try:
        report = read_report(folder / "report.json")
    except ReportError as error:
        raise NoRunError(f"{' '.join(str(error).split())}; {REMEDY}") from None
    file = folder / MEASURED
    try:
        measured = json.loads(file.read_text("utf-8"))
        return Run(report, measured["chains"], measured["loss_kinks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoRunError(f"cannot read {file}: {type(error).__name__}; {REMEDY}") from None


def folder_of(app: Sphinx) -> Path:
    """Where the configuration says that the run is."""
    return (Path(app.confdir) / app.config.book_run).resolve()


def _check(app: Sphinx) -> None:
    try:
        read_run(folder_of(app))
    except NoRunError as error:  # one line, and not what Sphinx makes of an exception
        raise SystemExit(f"the book has no verdicts to show: {error}") from None


def setup(app: Sphinx) -> None:
    """The setting `book_run`; a book without a run ends before a page is read."""
    app.add_config_value("book_run", "../reports/book", "env", (str,))
    app.connect("builder-inited", _check)
