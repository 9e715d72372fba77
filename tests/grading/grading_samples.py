"""Rubrics and submissions of the tests of grading."""

from __future__ import annotations

from pathlib import Path

from backproof.grading.grader import Grader
from backproof.grading.model import Mark, Result
from backproof.grading.rubric import Rubric, parse_rubric
from backproof.grading.submissions import one_submission

RIGHT = (Path(__file__).parent / "handed_in" / "whole.py").read_text(encoding="utf-8")
POINTS = "F2 = 2\nF3 = 1\nF4 = 1\nF5 = 2\nB4 = 3\nB1a = 2\nB5 = 3\nB1 = 2\nB3 = 2\nU1 = 1\nU2 = 1\n"
CLASS = 'class = "Network"\n'
FUNCTION = 'function = "network"\n'
SINGLE = """
[submission.functions]
forward = "forward"
loss = "loss"
output_error = "output_error"
hidden_error = "hidden_error"
gradients = "gradients"
update = "update"
"""
NETWORKS = """
depth = [1, 3]
width = [1, 4]
batch = [1, 4]
hidden = ["relu", "sigmoid", "tanh"]
output = ["identity", "sigmoid", "softmax"]
losses = ["half_squared_error", "bce", "cross_entropy"]
pairs = [["identity", "half_squared_error"], ["sigmoid", "bce"], ["softmax", "cross_entropy"]]
loss_scale = "/m"
dtypes = ["float64"]
"""
MARKING = "cases = 24\nseed = 7\ntime_limit = 0.5\n"


def rubric_text(
    submission: str = CLASS, networks: str = NETWORKS, marking: str = MARKING, points: str = POINTS
) -> str:
    return (
        f'title = "Test"\n[points]\n{points}\n[submission]\n{submission}\n'
        f"[networks]\n{networks}\n[marking]\n{marking}\n"
    )


def rubric(**parts: str) -> Rubric:
    return parse_rubric(rubric_text(**parts), "rubric.toml")


def sharing_cases(grader: Grader, submission: str) -> Grader:
    """A grader of another interface with the same cases: they are not computed again."""
    other = object.__new__(Grader)
    other.__dict__.update(grader.__dict__, rubric=rubric(submission=submission))
    return other


def graded(grader: Grader, folder: Path, text: str | bytes, name: str = "network.py") -> Result:
    """The result of one file with this text."""
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return grader.grade(one_submission(file, "network.py"))


def lost(result: Result) -> dict[str, Mark]:
    """The marks that have not all of their points."""
    return {mark.equation: mark for mark in result.marks if mark.earned < mark.points}


def without(*names: str) -> str:
    """The right submission without some of its functions."""
    text = RIGHT
    for name in names:
        assert f"def {name}(" in text
        text = text.replace(f"def {name}(", f"def not_{name}(")
    return text


def changed(old: str, new: str) -> str:
    """The right submission with one thing changed, wherever it stands."""
    assert old in RIGHT
    return RIGHT.replace(old, new)
