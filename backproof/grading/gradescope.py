"""gradescope/KEY.json: what a run of an autograder on Gradescope leaves as results/results.json.

The format is Gradescope's: https://gradescope-autograders.readthedocs.io/en/latest/specs/
A test for each equation is visible to students; notes that are the lecturer's only are in a test that is
hidden and has no points, since such a one changes no total.
"""

from __future__ import annotations

import json
from typing import Any

from .feedback import VERDICTS, lines, points
from .model import Result
from .rubric import Rubric


def gradescope_json(result: Result, rubric: Rubric) -> str:
    """The file's text, of one submission."""
    tests = [_test(result, number, rubric) for number in range(len(result.marks))]
    if result.integrity:
        tests.append(_for_the_lecturer(result))
    told = {
        "score": round(result.total, 4),
        "output": _whole(result),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _whole(result: Result) -> str:
    told = [f"{points(result.total)} of {points(result.out_of)} points."]
    if result.status != "graded":
        told.append(f"Not graded, {result.status}: {result.reason}")
    told += [f"Costs nothing, {line.equation}: {line.what}." for line in result.conventions]
    told += [f"Unstable, {line.equation}: {line.what}." for line in result.unstable]
    told += [f"Besides: {line.what}." for line in result.faults]
    return "\n".join(told)


def _test(result: Result, number: int, rubric: Rubric) -> dict[str, Any]:
    mark = result.marks[number]
    return {
        "name": f"{mark.equation} {mark.title}: {VERDICTS[mark.verdict]}",
        "number": str(number + 1),
        "score": round(mark.earned, 4),
        "max_score": round(mark.points, 4),
        "status": "passed" if mark.earned == mark.points else "failed",
        "output": "\n".join(lines(result, mark, rubric)),
        "output_format": "text",
        "visibility": "visible",
    }


def _for_the_lecturer(result: Result) -> dict[str, Any]:
    return {
        "name": "Notes for the lecturer: what a solution need not do",
        "number": str(len(result.marks) + 1),
        "score": 0.0,
        "max_score": 0.0,
        "status": "passed",
        "output": "\n".join(f"{note.kind}: {note.what}" for note in result.integrity),
        "output_format": "text",
        "visibility": "hidden",
    }
