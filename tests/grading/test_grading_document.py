"""docs/grading.md: its submission has all points, its output is what is printed, its Python runs."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from backproof.cli import main
from backproof.grading.rubric import Marking, Rubric, Submission, parse_rubric

PAGE = (Path(__file__).parents[2] / "docs" / "grading.md").read_text(encoding="utf-8")


def block(comment: str) -> str:
    """The code block after a comment."""
    found = re.search(rf"<!-- {re.escape(comment)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, comment
    return found[1]


def check(tmp_path: Path, submission: str) -> int:
    (tmp_path / "my_net.py").write_text(submission, encoding="utf-8")
    (tmp_path / "exercise.toml").write_text(block("exercise"), encoding="utf-8")
    words = [str(tmp_path / "my_net.py"), "--exercise", str(tmp_path / "exercise.toml"), "--oracles", "torch"]
    return main(["check", *words])


def test_the_submission_has_all_points(tmp_path, capsys):
    assert check(tmp_path, block("submission: full marks")) == 0
    assert capsys.readouterr().out.endswith("\n12 of 12 points\n")


def test_what_is_printed_of_a_mistake_is_what_is_shown(tmp_path, capsys):
    (mistake,) = re.findall(r"<!-- printed: (.*?) -->", PAGE)
    text = block("submission: full marks")
    right = "delta.sum(axis=1, keepdims=True)"
    assert right in text
    assert check(tmp_path, text.replace(right, mistake)) == 1
    assert capsys.readouterr().out == block(f"printed: {mistake}")


def test_the_python_in_it_runs():
    (session,) = re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(session, {}, "grading.md", "grading.md", 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0


def test_every_key_of_a_rubric_is_in_its_table():
    for model in (Rubric, Submission, Marking):
        for name, field in model.model_fields.items():
            assert re.search(rf"`{field.alias or name}`|\[(submission\.)?{name}\]", PAGE), name


def test_its_exercise_is_an_exercise():
    assert parse_rubric(block("exercise"), "exercise.toml").marking.seed is None


@pytest.mark.parametrize(
    ("key", "value"), [("floor", 0.8), ("unstable", 0), ("time_limit", 2), ("cases", 40)]
)
def test_the_defaults_told_are_the_defaults(key, value):
    assert getattr(Marking(), key) == value
    assert re.search(rf"`{key}` \|.*\| {value} \|", PAGE)
