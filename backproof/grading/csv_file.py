"""grades.csv: a row a submission, for a spreadsheet or a course's own system."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from .feedback import points
from .model import Result
from .rubric import Rubric

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = ("name", "status", "total", "out of")
LATER = ("interface", "mistakes", "integrity notes", "reason", "key")


def safe_cell(text: str) -> str:
    """`text` as a spreadsheet takes it for a text: what looks like a formula gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_STARTS) else text


def grades_csv(results: Sequence[Result], rubric: Rubric) -> str:
    """The file's text. The columns depend on the rubric only: points of each equation, then its verdict."""
    asked = list(rubric.asked)
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([*COLUMNS, *asked, *(f"{equation} verdict" for equation in asked), *LATER])
    for result in results:
        marks = {mark.equation: mark for mark in result.marks}
        found = [marks.get(equation) for equation in asked]
        names = dict.fromkeys(finding.name or finding.kind for finding in result.findings)
        texts = [result.interface, " ".join(names), str(len(result.integrity)), result.reason, result.key]
        writer.writerow(
            [
                *(safe_cell(result.name), result.status, points(result.total), points(result.out_of)),
                *("" if mark is None else points(mark.earned) for mark in found),
                *("" if mark is None else mark.verdict for mark in found),
                *map(safe_cell, texts),
            ]
        )
    return target.getvalue()
