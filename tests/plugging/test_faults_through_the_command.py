"""Runs on miniatures as a whole: what is odd but right, what is left behind, and that nothing is lost."""

import re
import time
from pathlib import Path

import pytest

from tests.long_tests import long_but_for

from .command import CASES, call, miniature, run
from .expected import CONFORMING, EXPECTED, FLOAT32, NO_ANSWER
from .faults import assert_found, assert_whole

QUICK = {"right.py:right", "right.py:Right", "right.py:right_training_step", "meddles.py:changes_the_folder"}


@pytest.mark.parametrize("name", long_but_for(QUICK, CONFORMING))
def test_what_is_odd_but_right_conforms(name, tmp_path):
    outcome = run(tmp_path, miniature(name))
    report = assert_whole(outcome)
    assert (outcome.status, report.counts.conforms) == (0, CASES), [f.message for f in report.findings]
    assert not re.search("epoch|loss 0|a warning", outcome.out + outcome.err), "what code prints is kept away"


def test_the_right_one_conforms_in_float32_too(tmp_path):
    outcome = run(tmp_path, miniature("right.py:right"), *FLOAT32)
    assert (outcome.status, assert_whole(outcome).counts.conforms) == (0, CASES)


def test_a_right_implementation_is_not_taken_for_a_wrong_one(tmp_path):
    source = miniature("right.py:right")
    with pytest.raises(AssertionError):
        assert_found(run(tmp_path, source), source, EXPECTED["raises.py:raises_a_value_error"])


@pytest.mark.long
def test_all_cases_that_hang_are_faults_and_no_other(tmp_path):
    report = run(tmp_path, miniature("hangs.py:sleeps"), "--time-limit", "2").report
    raising = run(tmp_path, miniature("raises.py:raises_a_value_error")).report
    assert report.counts.fault == raising.counts.fault > 1
    assert report.counts.conforms == raising.counts.conforms == CASES - report.counts.fault


@pytest.mark.long
def test_a_longer_time_limit_is_waited_for(tmp_path):
    outcome = run(tmp_path, miniature("hangs.py:sleeps"), "--time-limit", "3", "--cases", "8")
    assert outcome.findings("fault", NO_ANSWER.replace("2", "3"))
    assert outcome.seconds > 3


def test_what_is_not_supported_is_not_judged_and_is_no_fault(tmp_path):
    outcome = run(tmp_path, miniature("raises.py:does_not_support_three_samples"))
    report = assert_whole(outcome)
    assert report.counts.wrong == 0
    assert report.counts.not_judged > 0
    assert report.counts.conforms == CASES - report.counts.not_judged
    assert outcome.status == (0 if report.floor_met else 1)
    assert any("not supported" in row.reason for row in report.not_judged)


def test_an_implementation_that_cannot_be_started_again_ends_no_run(tmp_path):
    outcome = run(tmp_path, miniature("cannot_be_imported_again.py:dies_and_leaves_a_lock"))
    assert outcome.status == 1
    assert assert_whole(outcome).counts.fault > 0
    assert outcome.findings("fault", "ended its process with status 3")
    assert outcome.findings("fault", "cannot be started again.*raised RuntimeError: the lock is still held")


def test_nothing_that_was_started_is_left_running(tmp_path):
    run(tmp_path, miniature("meddles.py:leaves_a_child_running"))
    children = [int(note.name) for note in tmp_path.iterdir() if note.name.isdecimal()]
    assert children
    until = time.monotonic() + 5
    while any(is_running(child) for child in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(is_running(child) for child in children)


def is_running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # a zombie has ended, and waits for its parent to notice


def test_a_finding_is_shown_again_by_its_replay_line(tmp_path):
    outcome = run(tmp_path, miniature("raises.py:raises_a_value_error"))
    (finding, *_) = outcome.findings("fault", "raised ValueError")
    words = finding.replay.replace("backproof ", "", 1).replace("cases/", f"{outcome.folder}/cases/").split()
    again = call(tmp_path, *words)
    assert again.status == 1
    assert "raised ValueError: no rule for 3 samples" in again.out


def test_an_implementation_that_loses_its_process_time_and_again_is_asked_every_case(tmp_path):
    outcome = run(tmp_path, miniature("dies.py:segfaults"), "--cases", "60", "--seed", "2")
    report = outcome.report
    assert report.counts.total == 60
    assert report.counts.fault > 3
    assert report.counts.conforms == 60 - report.counts.fault


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param(
            "trains_on_import_for_hours.py:right",
            r"^importing did not end within 12 s; if it trains when imported",
            marks=pytest.mark.long,
        ),
        ("dies_on_import.py:right", r"^importing: the process ended with exit status 0"),
    ],
)
def test_what_hangs_or_dies_when_imported_is_a_fault_of_the_first_case(name, reason, tmp_path):
    outcome = run(tmp_path, miniature(name), "--cases", "500", "--time-limit", "2")
    assert outcome.status == 1
    report = assert_whole(outcome, 1)  # it would say the same of every case
    assert report.counts.fault == 1
    assert outcome.findings("fault", reason)
