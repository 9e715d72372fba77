"""`--no-isolation`: what comes back is named as it is in a process of its own, and nothing is lost."""

import pytest

from tests.long_tests import long_but_for

from .command import CASES, call, miniature, run
from .expected import CONFORMING, EXPECTED
from .faults import assert_found, assert_whole

HARMLESS = [name for name, expected in EXPECTED.items() if expected.harmless]
QUICK = {
    "raises.py:raises_a_value_error",
    "raises.py:raises_system_exit",
    "answers.py:has_nan_gradients",
    "answers.py:answers_none",
    "tensors.py:answers_with_tensors_that_require_gradients",
    "state.py:updates_W_in_place",
    "state.py:seeds_numpy",
    "objects.py:RaisesInBackward",
}
"""One of each kind; all of them run in a process of their own, and there always."""
STATEFUL = ("meddles.py", "floods.py", "prints_on_import.py")


@pytest.mark.long
@pytest.mark.parametrize("name", long_but_for(QUICK, HARMLESS))
def test_what_goes_wrong_in_the_same_process_is_a_finding_and_the_run_goes_on(name, tmp_path):
    source = miniature(name)
    outcome = run(tmp_path, source, "--no-isolation", *EXPECTED[name].words)
    assert_found(outcome, source, EXPECTED[name])


@pytest.mark.parametrize(
    "name",
    long_but_for(
        {"right.py:right", "right.py:Right", "state.py:has_a_generator_of_its_own"},
        [name for name in CONFORMING if not name.startswith(STATEFUL)],
    ),
)
def test_what_is_odd_but_right_conforms_in_the_same_process(name, tmp_path):
    outcome = run(tmp_path, miniature(name), "--no-isolation")
    assert (outcome.status, assert_whole(outcome).counts.conforms) == (0, CASES)


@pytest.mark.parametrize("name", ["changes_the_folder", "replaces_the_standard_streams"])
def test_the_report_goes_where_it_shall_although_code_changes_the_process(name, tmp_path):
    outcome = run(tmp_path, miniature(f"meddles.py:{name}"), "--no-isolation", "--out", "out")
    assert outcome.report.counts.total == CASES
    assert "report.json" in outcome.out


def test_what_is_printed_without_isolation_is_seen_as_debugging_wants_it(tmp_path):
    outcome = run(tmp_path, miniature("floods.py:prints_a_line_with_each_call"), "--no-isolation")
    assert outcome.status == 0
    assert "loss " in outcome.out + outcome.err


@pytest.mark.long
def test_limits_without_isolation_are_refused(tmp_path):
    source = miniature("right.py:right")
    for option in ("--time-limit", "--memory-limit"):
        outcome = call(tmp_path, "run", "--impl", source, "--no-isolation", option, "64")
        assert outcome.status == 2
        assert f"{option}" in outcome.err
        assert "--no-isolation" in outcome.err
