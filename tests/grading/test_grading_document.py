"""docs/grading.md: its commands run, its table has every key, its defaults are the defaults.

What its submission earns and what is printed of it tests/docs checks, as of every page.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from backproof.cli import main
from backproof.grading.rubric import Marking, Rubric, Submission, parse_rubric

PAGE = (Path(__file__).parents[2] / "docs" / "grading.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The code block that is written to that file."""
    found = re.search(rf"<!-- file: {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1]


@pytest.mark.long
def test_the_commands_at_the_top_run(tmp_path, monkeypatch, capsys):
    (commands,) = re.findall(r"^```\n(backproof grade --init.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("my_net.py").write_text(block("my_net.py"), encoding="utf-8")
    Path("submissions").mkdir()
    Path("submissions/ada.py").write_text(block("my_net.py"), encoding="utf-8")
    statuses = []
    for line in commands.splitlines():
        words, _, file = line.partition("#")[0].partition(">")
        capsys.readouterr()
        statuses.append(main([*shlex.split(words)[1:]]))
        if file.strip():
            Path(file.strip()).write_text(capsys.readouterr().out, encoding="utf-8")
    # The rubric to start from asks for more than this submission can.
    assert statuses == [0, 0, 1, 0]
    assert {"index.html", "pages", "grades.csv", "gradescope", "results"} <= {
        p.name for p in Path("graded").iterdir()
    }


def test_every_key_of_a_rubric_is_in_its_table():
    for model in (Rubric, Submission, Marking):
        for name, field in model.model_fields.items():
            assert re.search(rf"`{field.alias or name}`|\[(submission\.)?{name}\]", PAGE), name


def test_its_exercise_is_an_exercise():
    assert parse_rubric(block("exercise.toml"), "exercise.toml").marking.seed is None


@pytest.mark.parametrize(
    ("key", "value"), [("floor", 0.8), ("unstable", 0), ("time_limit", 2), ("cases", 40)]
)
def test_the_defaults_told_are_the_defaults(key, value):
    assert getattr(Marking(), key) == value
    assert re.search(rf"`{key}` \|.*\| {value} \|", PAGE)
