"""What is written for people when all are graded."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from .model import Result
from .rubric import Rubric


def write_outputs(results: Sequence[Result], rubric: Rubric, out: Path) -> None:
    """Writes OUT/grades.csv: a row a submission, in the order of their names."""
    with (out / "grades.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "status", "total", "out of", *rubric.asked])
        for result in results:
            earned = [f"{mark.earned:g}" for mark in result.marks]
            writer.writerow([result.name, result.status, f"{result.total:g}", f"{result.out_of:g}", *earned])
