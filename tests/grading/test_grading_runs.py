"""Many submissions: interrupted runs go on, and neither order nor processes change a mark."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from grading_samples import CLASS, RIGHT, SINGLE, changed, rubric, rubric_text

from backproof.errors import UsageError
from backproof.grading import diagnosing, running
from backproof.grading.model import Result
from backproof.grading.running import Run
from backproof.grading.submissions import submissions_in

WRONG = changed("back * DERIVATIVES[self.activations[l - 1]](self.Z[l - 1])", "back")
TEXTS = {
    "ada.py": RIGHT,
    "bob.py": WRONG,
    "carl.py": "x = (",
    "dora.py": "",
    "emil.py": RIGHT.replace("class Network", "class Net").replace("gradients(", "grads("),
}


def handed_in(folder: Path) -> Path:
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def results_in(out: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted((out / "results").glob("*.json"))}


@pytest.fixture
def run_of(whole, monkeypatch):
    """Makes runs in this process that share cases and oracle."""

    class Shared(running.Grader):
        def __init__(self, given, *_: object) -> None:
            self.__dict__.update(whole.__dict__, rubric=given)

        def close(self) -> None:
            pass

    monkeypatch.setattr(running, "Grader", Shared)
    monkeypatch.setattr(diagnosing, "MOST_CASES", 1)  # which takes seconds for each

    def make(folder: Path, out: Path, order: int = 1) -> Run:
        given = rubric(submission=CLASS + SINGLE)
        return Run(given, submissions_in(folder, "network.py")[::order], out, ("torch",))

    return make


def test_a_run_that_was_interrupted_goes_on_and_comes_to_the_same_in_any_order(run_of, tmp_path):
    folder = handed_in(tmp_path / "in")
    whole_run = run_of(folder, tmp_path / "whole").results()
    assert [result.total for result in whole_run] == [20, 17, 0, 0, 16]

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_of(folder, tmp_path / "cut", -1).results(stop)
    assert len(results_in(tmp_path / "cut")) == 2
    assert not (tmp_path / "cut" / "grades.csv").exists()
    seen: list[int] = []
    again = run_of(folder, tmp_path / "cut").results(lambda done, _: seen.append(done))
    assert seen == [2, 3, 4, 5]  # those that are there are not graded again
    assert again == whole_run
    assert results_in(tmp_path / "cut") == results_in(tmp_path / "whole")
    for name in ("grades.csv",):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    rows = list(csv.DictReader((tmp_path / "cut" / "grades.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["name"], row["total"]) for row in rows][:2] == [("ada", "20"), ("bob", "17")]


def test_what_has_changed_is_graded_again_and_a_broken_result_too(run_of, tmp_path, monkeypatch):
    folder = handed_in(tmp_path / "in")
    for name in ("ada.py", "bob.py", "emil.py"):
        (folder / name).write_text("x = (", encoding="utf-8")
    run_of(folder, tmp_path / "out").results()
    (folder / "dora.py").write_text("y = (", encoding="utf-8")
    results = tmp_path / "out" / "results"
    (results / "carl.json").write_text('{"format": "backproof-gra', encoding="utf-8")
    forged = json.loads((results / "bob.json").read_text(encoding="utf-8")) | {"rubric_hash": "0" * 64}
    (results / "bob.json").write_text(json.dumps(forged), encoding="utf-8")
    graded = []
    original = running.Grader.grade
    monkeypatch.setattr(
        running.Grader, "grade", lambda self, each: graded.append(each.name) or original(self, each)
    )
    run_of(folder, tmp_path / "out").results()
    assert graded == ["bob", "carl", "dora"]


def test_a_result_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    from hand_made_result import made_by_hand

    (tmp_path / "results").mkdir()
    file = tmp_path / "results" / "ada.json"
    running.write_result(made_by_hand(), file)
    assert Result.model_validate_json(file.read_text(encoding="utf-8")) == made_by_hand()
    assert [path.name for path in file.parent.iterdir()] == ["ada.json"]
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        running.write_result(made_by_hand(), tmp_path / "none" / "ada.json")


def command(folder: Path, out: Path, rubric_file: Path, workers: int) -> list[str]:
    words = ["grade", str(folder), "--rubric", str(rubric_file), "--out", str(out)]
    return [sys.executable, "-m", "backproof", *words, "--workers", str(workers), "--oracles", "torch"]


@pytest.mark.long
def test_a_run_that_is_killed_at_any_time_comes_to_the_same_grades_with_any_number_of_processes(tmp_path):
    folder = handed_in(tmp_path / "in")
    for number in range(6):
        (folder / f"more{number}.py").write_text(f"# {number}\n{WRONG}", encoding="utf-8")
    rubric_file = tmp_path / "rubric.toml"
    rubric_file.write_text(rubric_text(submission=CLASS + SINGLE), encoding="utf-8")
    subprocess.run(command(folder, tmp_path / "whole", rubric_file, 1), check=True, capture_output=True)
    expected = results_in(tmp_path / "whole")
    assert len(expected) == 11
    out = tmp_path / "cut"
    for wanted in (2, 5, 8):
        process = subprocess.Popen(
            command(folder, out, rubric_file, 2), start_new_session=True, stdout=subprocess.DEVNULL
        )
        while process.poll() is None and (not out.exists() or len(results_in(out)) < wanted):
            time.sleep(0.05)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command(folder, out, rubric_file, 2), check=True, capture_output=True)
    assert results_in(out) == expected
    assert (out / "grades.csv").read_bytes() == (tmp_path / "whole" / "grades.csv").read_bytes()


@pytest.mark.long
def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(tmp_path):
    folder = handed_in(tmp_path / "in")
    for number in range(6):
        (folder / f"more{number}.py").write_text(f"# {number}\n{WRONG}", encoding="utf-8")
    rubric_file = tmp_path / "rubric.toml"
    rubric_file.write_text(rubric_text(submission=CLASS + SINGLE), encoding="utf-8")
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(folder, out, rubric_file, 2), start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and (not out.exists() or len(results_in(out)) < 2):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; the same command goes on from here" in said
    assert "Traceback" not in said
