"""The commands grade and check, as they are typed."""

from __future__ import annotations

import pytest
from grading_samples import CLASS, RIGHT, changed, rubric_text
from hand_made_result import made_by_hand

from backproof.cli import main
from backproof.grading.telling import lines_of

WRONG = changed("back * DERIVATIVES[self.activations[l - 1]](self.Z[l - 1])", "back")
FEW = "cases = 10\ntime_limit = 0.5\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "exercise.toml").write_text(rubric_text(submission=CLASS, marking=FEW), encoding="utf-8")
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    return tmp_path


def check(files, name):
    words = [str(files / name), "--exercise", str(files / "exercise.toml"), "--oracles", "torch"]
    return main(["check", *words])


def test_check_of_a_right_submission_is_green(files, capsys):
    assert check(files, "right.py") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "20 of 20 points"
    assert printed[0].startswith("F2   right          2/2  Pre-activation. Right in all 10 cases.")


def test_check_of_a_wrong_one_says_what_is_wrong(files, capsys):
    assert check(files, "wrong.py") == 1
    printed = capsys.readouterr().out
    assert "B5   wrong" in printed
    assert "without the factor σ'(Z)" in printed
    assert "smallest 1-1-1" in printed
    assert "17 of 20 points" in printed


@pytest.mark.parametrize(
    ("feedback", "has", "lacks"),
    [
        ("verdict", ("B5   wrong",), ("without the factor", "mend", "smallest", "torch 0.125")),
        ("diagnosis", ("without the factor σ'(Z)", "smallest 1-1-1"), ("mend", "torch 0.125")),
        ("solution", ("mend     Multiply elementwise", "delta[1][0, 0] is 0.5; torch 0.125"), ()),
    ],
)
def test_as_much_is_told_as_the_rubric_allows(feedback, has, lacks):
    printed = "\n".join(lines_of(made_by_hand(), feedback))
    assert [words for words in has if words not in printed] == []
    assert [words for words in lacks if words in printed] == []
    assert "15.5 of 20 points" in printed
    assert "noted       import torch (import); a solution need not" in printed


def test_check_of_what_cannot_be_loaded_says_why(files, capsys):
    (files / "wrong.py").write_text("import torch\n", encoding="utf-8")
    assert check(files, "wrong.py") == 1
    printed = capsys.readouterr().out
    assert "not loadable: wrong.py, line 1: it imports torch" in printed
    assert "noted       import torch (import)" in printed


def test_grade_writes_results_and_prints_a_line_each(files, capsys):
    folder = files / "in"
    folder.mkdir()
    (folder / "ada.py").write_text(RIGHT, encoding="utf-8")
    (folder / "bob.py").write_text("import torch\n", encoding="utf-8")
    rubric = files / "rubric.toml"
    rubric.write_text(rubric_text(submission=CLASS, marking=FEW + "seed = 99\n"), encoding="utf-8")
    words = [str(folder), "--rubric", str(rubric), "--out", str(files / "out"), "--workers", "1"]
    assert main(["grade", *words, "--oracles", "torch"]) == 0
    printed = capsys.readouterr().out
    assert "ada      20 of 20\n" in printed
    assert "bob       0 of 20  not loadable: bob.py, line 1: it imports torch" in printed
    assert "integrity: import torch" in printed
    assert (files / "out" / "grades.csv").exists()


def test_init_and_exercise_of_write_a_rubric_and_what_students_get(tmp_path, capsys):
    file = tmp_path / "rubric.toml"
    assert main(["grade", "--init", str(file)]) == 0
    assert "keep the file to yourself" in capsys.readouterr().out
    assert main(["grade", "--exercise-of", str(file)]) == 0
    exercise = capsys.readouterr().out
    assert "[points]" in exercise
    assert "\nseed" not in exercise


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grade"], "give the folder of submissions, as in: backproof grade submissions --rubric"),
        (["grade", "DIR"], "give --rubric, as in"),
        (["grade", "DIR", "--rubric", "EX", "--out", "OUT"], "marking.seed is missing"),
        (["grade", "DIR", "--rubric", "none.toml", "--out", "OUT"], "none.toml cannot be read"),
        (
            ["grade", "DIR", "--rubric", "EX", "--out", "OUT", "--workers", "0"],
            "--workers must be at least 1",
        ),
        (["check", "none.py", "--exercise", "EX"], "there is no none.py"),
        (["check", "none.py", "--exercise", "EX", "--oracles", "maple"], "there is no none.py"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(files, capsys, words, said):
    places = {"EX": str(files / "exercise.toml"), "DIR": str(files), "OUT": str(files / "out")}
    assert main([places.get(word, word) for word in words]) == 2
    assert said in capsys.readouterr().err
