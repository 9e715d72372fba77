"""What is written for people when all are graded: pages, an overview, grades.csv and files for Gradescope.

The same results under the same rubric give the same bytes, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backproof.errors import ReportError
from backproof.reporting.files import write_texts
from backproof.reporting.safe_text import safe_text

from .csv_file import grades_csv
from .gradescope import gradescope_json
from .model import Result
from .overview_page import overview_html
from .rubric import Rubric
from .student_page import student_html

PAGES = "pages"
GRADESCOPE = "gradescope"
CSV_NAME = "grades.csv"
INDEX_NAME = "index.html"


def write_outputs(results: Sequence[Result], rubric: Rubric, out: Path) -> None:
    """Writes OUT/pages/KEY.html, OUT/gradescope/KEY.json, OUT/grades.csv and, last, OUT/index.html.

    Each file replaces an older one in one step; pages of submissions that are no longer there are removed.
    Raises ReportError if anything cannot be written.
    """
    ordered = sorted(results, key=lambda result: (result.name, result.key))
    _remove_stale(out / PAGES, "html", {result.key for result in ordered})
    _remove_stale(out / GRADESCOPE, "json", {result.key for result in ordered})
    for result in ordered:
        write_texts(
            out,
            {
                f"{PAGES}/{result.key}.html": student_html(result, rubric),
                f"{GRADESCOPE}/{result.key}.json": gradescope_json(result, rubric),
            },
        )
    write_texts(out, {CSV_NAME: grades_csv(ordered, rubric), INDEX_NAME: overview_html(ordered, rubric)})


def _remove_stale(folder: Path, ending: str, keys: set[str]) -> None:
    """Removes what earlier runs wrote of other submissions, and what a killed one left half written."""
    if not folder.is_dir():
        return
    try:
        for path in folder.iterdir():
            partial = path.name.startswith(".") and path.name.endswith(".partial")
            stale = path.suffix == f".{ending}" and path.stem not in keys
            if (partial or stale) and not path.is_dir():
                path.unlink()
    except OSError as error:
        place = safe_text(str(folder))
        raise ReportError(
            f"cannot remove old files in {place}: {error.strerror}; give another --out"
        ) from None
