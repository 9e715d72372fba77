"""Finding submissions: files and folders, their names, and what cannot be graded."""

from __future__ import annotations

import pytest
from grading_samples import RIGHT, graded

from backproof.errors import UsageError
from backproof.grading.submissions import one_submission, submissions_in


def test_files_and_folders_are_submissions_in_the_order_of_their_names(tmp_path):
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "network.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "bob" / "helper.py").write_text("y = 1", encoding="utf-8")
    (tmp_path / "ada.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / ".DS_Store").write_text("", encoding="utf-8")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "link.py").symlink_to(tmp_path / "ada.py")
    (tmp_path / "notes.txt").write_text("I have no time", encoding="utf-8")
    found = submissions_in(tmp_path, "network.py")
    assert [each.name for each in found] == ["ada", "bob", "notes.txt"]
    assert [each.shown for each in found] == ["ada.py", "bob/network.py", ""]
    assert found[2].why_not() == ("not loadable", "notes.txt is no Python file; its name must end in .py")


def test_the_only_python_file_of_a_folder_is_taken_whatever_its_name(tmp_path):
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "deep" / "mine.py").write_text("x = 1", encoding="utf-8")
    assert one_submission(tmp_path / "a", "network.py").shown == "a/deep/mine.py"
    (tmp_path / "a" / "other.py").write_text("x = 1", encoding="utf-8")
    several = one_submission(tmp_path / "a", "network.py")
    assert several.why_not() == ("not loadable", "there is 2 Python files, none of them network.py")


def test_keys_are_names_of_files_and_no_two_are_the_same(tmp_path):
    for name in ("Ada.py", "ada b.py", "ada_b.py", "-x.py", "é.py"):
        (tmp_path / name).write_text("x = 1", encoding="utf-8")
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "network.py").write_text("x = 1", encoding="utf-8")
    keys = [each.key for each in submissions_in(tmp_path, "network.py")]
    assert len({key.lower() for key in keys}) == 6
    assert all(key.isascii() and key[0].isalnum() for key in keys)


def test_the_hash_is_of_names_and_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "network.py").write_text("x = 1", encoding="utf-8")
    first = one_submission(tmp_path / "a", "network.py").source_hash
    assert one_submission(tmp_path / "a", "network.py").source_hash == first
    (tmp_path / "a" / "data.txt").write_text("1", encoding="utf-8")
    assert one_submission(tmp_path / "a", "network.py").source_hash != first


def test_links_in_a_folder_are_not_followed(tmp_path):
    (tmp_path / "secret").write_text("seed", encoding="utf-8")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "network.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "a" / "secret").symlink_to(tmp_path / "secret")
    assert [str(file) for file in one_submission(tmp_path / "a", "network.py").files] == ["network.py"]


def test_a_folder_without_submissions_and_one_that_is_not_there_are_errors(tmp_path):
    with pytest.raises(UsageError, match="there is no submission in"):
        submissions_in(tmp_path, "network.py")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        submissions_in(tmp_path / "none", "network.py")
    with pytest.raises(UsageError, match="give your Python file, or the folder it is in"):
        one_submission(tmp_path / "none.py", "network.py")


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("", "empty", "there is nothing in it"),
        ('"""To do."""\n# soon\npass\n', "empty", "network.py has no code"),
        ("x = (", "not loadable", "network.py, line 1: '(' was never closed"),
        ("x = 'é'\n".encode("latin-1"), "not loadable", "utf-8"),
        ("x = 1\0\n", "not loadable", "null bytes"),
        ("x = 1\n", "not loadable", "network.py has none of what is looked for: class Network"),
        (
            "import torch\n",
            "not loadable",
            "network.py, line 1: it imports torch, and has the standard library",
        ),
        ("import my_helper\n", "not loadable", "network.py, line 1: it imports my_helper"),
        ("1 / 0\n", "not loadable", "importing network.py raised ZeroDivisionError: division by zero"),
        ("exit()\n", "not loadable", "importing network.py raised SystemExit"),
        ("import os\nos._exit(3)\n", "not loadable", "importing: the process ended with exit status 3"),
        ("class Network:\n    pass\n", "not loadable", "Network is a class without forward"),
    ],
)
def test_what_cannot_be_loaded_has_no_points_and_the_reason(whole, tmp_path, text, status, reason):
    result = graded(whole, tmp_path, text)
    assert result.status == status
    assert reason in result.reason
    assert str(tmp_path) not in result.model_dump_json()
    assert result.total == 0
    assert result.out_of == 20
    assert {mark.verdict for mark in result.marks} == {"not shown"}


def test_a_submission_that_hangs_when_imported_ends_at_the_time_limit(whole, tmp_path):
    result = graded(whole, tmp_path, "while True: pass\n")
    assert (result.status, result.total) == ("not loadable", 0)
    assert "importing did not end within" in result.reason


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no')", "raised ValueError: no (network.py, line 4)"),
        ("import os; os._exit(3)", "ended its process with status 3"),
        ("import os; os.kill(os.getpid(), 11)", "its process died of SIGSEGV"),
        ("while True: pass", "gave no answer within 0.5 s of processor time"),
        ("return None", "returned None, which has none of loss"),
    ],
)
def test_what_crashes_or_hangs_in_each_case_has_no_points(function, tmp_path, body, said):
    result = graded(function, tmp_path, f"import numpy as np\n\ndef network(c):\n    {body}\n")
    assert result.status == "graded"
    assert result.total == 0
    assert said in result.faults[0].what
    assert {mark.verdict for mark in result.marks} == {"not shown"}


def test_after_three_hangs_no_more_is_asked(function, tmp_path):
    result = graded(function, tmp_path, "def network(c):\n    while True: pass\n")
    assert [line.cases for line in result.faults] == [3, 21]
    assert result.faults[1].what == "not asked: no answer had come in time 3 times"


def test_a_submission_that_fails_in_few_cases_is_judged_by_the_others(whole, tmp_path):
    body = "    def forward(self, X):\n        if X.shape == (2, 2): raise ValueError('two')"
    result = graded(whole, tmp_path, RIGHT.replace("    def forward(self, X):", body))
    (line,) = result.faults
    assert 1 <= line.cases <= 4
    assert result.is_right
