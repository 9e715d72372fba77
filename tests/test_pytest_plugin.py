"""The pytest plugin, as another project's suite meets it: fixture, floor, report, and how a failure reads."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies
import pytest

from backproof.cases import draw_case
from backproof.cli import main
from backproof.pytest_session import Session
from backproof.reporting.files import read_report
from refimpl import case_from_json

pytest_plugins = ["pytester"]

JUDGES = """
    from backproof.cases import DrawOptions, draw_case

    OPTIONS = DrawOptions(("tanh", "identity"), ("mse",), ("ordinary",), 3, 6, 4)

    def test_networks_conform(backproof):
        drawn = [draw_case(3, index, "float64", OPTIONS) for index in range(6)]
        judgements = backproof.judge([one.case for one in drawn])
        backproof.require((j.case, check) for j in judgements for check in j.checks)
"""
UNJUDGED = """
    import numpy as np
    from refimpl import ActivationSpec, Case, Layer, LossSpec, Network

    def test_nothing_is_wrong_where_nothing_can_be_judged(backproof):
        huge = np.full((1, 1), 1e200)
        network = Network((Layer(huge, huge, ActivationSpec("identity")),), LossSpec("mse"))
        cases = [Case(network, huge * scale, huge) for scale in (1.0, 2.0, 3.0)]
        backproof.require((j.case, check) for j in backproof.judge(cases) for check in j.checks)
"""


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Do once what the inner sessions do, which run in this process.

    What a session imports first is forgotten when it ends, and torch does not survive a second import.
    """
    session = Session.from_options("torch", None, str(tmp_path_factory.mktemp("report")), None)
    session.judge([draw_case(1, 0, dtype).case for dtype in ("float32", "float64")])
    session.finish()


@pytest.fixture
def run(pytester: pytest.Pytester) -> Any:
    """(text of a test file, options …) → the result of a session against torch alone."""

    def session(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_inprocess("--backproof-oracles=torch", *options)

    return session


# ---------------------------------------------------------------- fixture and floor


def test_the_fixture_judges_and_the_session_ends_with_how_much(run: Any) -> None:
    result = run(JUDGES)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["*judged 6 cases, not judged 0, expected at least 5; 0 mismatches, 0 faults, 0 known deviations"]
    )


def test_a_session_that_judged_less_than_its_floor_is_red_although_its_tests_pass(run: Any) -> None:
    result = run(UNJUDGED)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["judged 0 cases, not judged 3, expected at least 2; *", "FAILED: fewer cases were judged than*"]
    )


def test_a_session_that_judged_nothing_of_its_only_case_is_red(run: Any) -> None:
    result = run(UNJUDGED.replace("(1.0, 2.0, 3.0)", "(1.0,)"))
    result.stdout.fnmatch_lines(["judged 0 cases, not judged 1, *"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


WORKER = """
    from types import SimpleNamespace

    def pytest_runtestloop(session):
        judged = {"judged": %d, "not judged": 4, "floor": 9}
        judged |= {"mismatches": 0, "faults": 1, "known deviations": 2}
        node = SimpleNamespace(config=session.config, workeroutput={"backproof": judged})
        session.config.hook.pytest_testnodedown(node=node, error=None)
"""
"""A process of pytest-xdist that has ended, as its controller hears of it."""


@pytest.mark.parametrize(("judged", "status"), [(9, pytest.ExitCode.OK), (7, pytest.ExitCode.TESTS_FAILED)])
def test_what_other_processes_judged_counts_for_the_floor(
    run: Any, pytester: pytest.Pytester, judged: int, status: pytest.ExitCode
) -> None:
    """With the 6 of 6 cases that this process judged, 14 must have been judged in all."""
    pytester.makeconftest(WORKER % judged)
    result = run(JUDGES)
    summary = f"judged {judged + 6} cases, not judged 4, expected at least 14; "
    result.stdout.fnmatch_lines([summary + "0 mismatches, 1 faults, 2 known deviations"])
    assert result.ret == status


AS_A_WORKER = """
    def pytest_configure(config):
        config.workeroutput = {}

    def pytest_unconfigure(config):
        print("handed over:", config.workeroutput["backproof"])
"""
"""What pytest-xdist does to a session that it runs as a worker."""


@pytest.mark.parametrize(("text", "judged"), [("JUDGES", 6), ("UNJUDGED", 0)])
def test_a_worker_hands_over_what_it_judged_and_leaves_the_decision(
    run: Any, pytester: pytest.Pytester, text: str, judged: int
) -> None:
    pytester.makeconftest(AS_A_WORKER)
    result = run(globals()[text])
    result.stdout.fnmatch_lines([f"*handed over: {{'judged': {judged}, *"])
    assert result.ret == pytest.ExitCode.OK


def test_a_session_without_the_fixture_says_nothing_and_is_green(run: Any) -> None:
    result = run("def test_something_else(): pass")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*backproof*judged*")
    result.stdout.no_fnmatch_line("*= backproof =*")


def test_every_fixture_of_a_session_is_one_and_the_same(run: Any) -> None:
    result = run(JUDGES + JUDGES.replace("test_networks_conform", "test_networks_conform_again"))
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["judged 12 cases, not judged 0, expected at least 10; *"])


# ---------------------------------------------------------------- a failure

MISTAKE = "--backproof-mistake=derivative-forgotten"


def _failure(result: pytest.RunResult) -> dict[str, str]:
    """Label → text, of the one failure that the session tells."""
    # On CI pytest's closing summary repeats the whole message behind the test's name.
    (head,) = [n for n in result.outlines if " in equation " in n and not n.startswith("FAILED")]
    first = result.outlines.index(head)
    told = {"head": head}
    for line in result.outlines[first + 1 : first + 26]:
        found = re.fullmatch(r"  (\w+) +(.*)", line)
        if found is None:
            break
        told.setdefault(found[1], found[2])
    return told


def test_a_mistake_fails_the_test_with_all_that_the_judge_knows(run: Any) -> None:
    result = run(JUDGES, MISTAKE)
    result.assert_outcomes(failed=1)
    told = _failure(result)
    assert re.fullmatch(r"mismatch in equation B5: reference's delta\[\d\], on its own inputs", told["head"])
    assert told["reason"] == "outside the bound"
    assert re.fullmatch(r"\[\d+, \d+\]", told["entry"])
    observed = float(told["observed"])
    expected, oracle = re.fullmatch(r"(\S+)  \((\w+)\)", told["expected"]).groups()
    assert oracle == "torch"
    bound = float(told["bound"])
    excess = float(re.fullmatch(r"(\S+) times the bound", told["excess"])[1])
    assert excess == pytest.approx(abs(observed - float(expected)) / bound, rel=0.01)
    assert excess > 1e6
    assert re.fullmatch(r"[\d-]+, (tanh|identity)( → (tanh|identity))+", told["network"])
    assert re.fullmatch(r"mse \(\w+\), batch \d, float64", told["loss"])
    assert re.fullmatch(
        r"equation B5, layers? [\d, and]+: A hidden error is W\^T δ without the factor σ'\(Z\)\.",
        told["cause"],
    )
    assert told["mend"] == "Multiply elementwise by σ'(Z[l])."
    assert told["evidence"].startswith("strong: ")
    assert re.match(r"1-1-1, \w+ → \w+, loss \w+ \(\w+\), 1 sample", told["smallest"])
    assert told["minimal"].startswith("backproof replay ")
    assert re.fullmatch(r"\d+ more checks of this test fail", told["and"])


@pytest.mark.long
def test_the_smallest_case_of_a_failure_is_judged_again_by_its_line(run: Any) -> None:
    told = _failure(run(JUDGES, MISTAKE))
    program, command, file, *options = shlex.split(told["minimal"])
    assert program == "backproof"
    assert main([command, file, *options]) == 1
    assert main([command, file, "--oracles", "torch"]) == 0


def test_while_hypothesis_shrinks_nobody_reads_and_nothing_is_diagnosed() -> None:
    from backproof.pytest_session import _is_told

    told: list[bool] = []

    @hypothesis.settings(database=None, max_examples=50, deadline=None)
    @hypothesis.given(hypothesis.strategies.integers())
    def fails(number: int) -> None:
        told.append(_is_told())
        assert number < 100

    with pytest.raises(AssertionError):
        fails()
    assert told.count(True) == 1
    assert told[-1]
    assert _is_told()


@pytest.mark.long
def test_a_failure_is_short_and_dumps_no_arrays(run: Any) -> None:
    result = run(JUDGES, MISTAKE)
    text = "\n".join(result.outlines)
    assert "array(" not in text
    assert "Traceback" not in text
    assert not re.search(r"\[\[?-?\d+\.\d", text)
    failure = text.split("= FAILURES =")[1].split("= backproof =")[0]
    # Counted by itself: where the variable CI is set, pytest's summary repeats the whole message.
    assert len(failure.splitlines()) < 25


@pytest.mark.long
def test_the_replay_command_of_a_failure_repeats_it(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told = _failure(run(JUDGES, MISTAKE))
    program, command, file, *options = shlex.split(told["replay"])
    assert (program, command) == ("backproof", "replay")
    assert options == ["--oracles", "torch", "--mistake", "derivative-forgotten"]
    case = case_from_json(Path(file).read_text("utf-8"))
    assert file.endswith(f"{case.content_hash[:16]}.json")
    capsys.readouterr()
    assert main([command, file, *options]) == 1
    assert "B5" in capsys.readouterr().out
    assert main([command, file, "--oracles", "torch"]) == 0


@pytest.mark.long
def test_without_pytests_cache_the_failure_says_that_its_case_was_not_saved(run: Any) -> None:
    told = _failure(run(JUDGES, MISTAKE, "-p", "no:cacheprovider"))
    assert re.fullmatch(
        r"backproof replay [0-9a-f]{16}\.json \(not saved: pytest's cache is off\)", told["replay"]
    )


# ---------------------------------------------------------------- the report


@pytest.mark.long
def test_a_report_is_written_that_reads_back_with_what_was_judged(
    run: Any, pytester: pytest.Pytester
) -> None:
    result = run(JUDGES, "--backproof-report=out", MISTAKE)
    directory = pytester.path / "out"
    report = read_report(directory / "report.json")
    assert (report.status, report.counts.total, report.floor) == ("complete", 6, 5)
    assert report.counts.mismatch > 0
    assert report.counts.mismatch + report.counts.conforms == 6  # networks of one layer have no B5
    result.stdout.fnmatch_lines([f"judged 6 cases, *; {report.counts.mismatch} mismatches, *"])
    assert report.run.mistake == "derivative-forgotten"
    assert report.run.command == f"pytest --backproof-oracles=torch --backproof-report=out {MISTAKE}"
    assert "<title>" in (directory / "report.html").read_text("utf-8")
    result.stdout.fnmatch_lines(["report: *out*"])


def test_without_the_option_no_report_is_written(run: Any, pytester: pytest.Pytester) -> None:
    run(JUDGES)
    assert not list(pytester.path.rglob("report.*"))


# ---------------------------------------------------------------- what cannot be done


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--backproof-mistake=no-such",
            "unknown mistake 'no-such'; did you mean *? 'backproof list mistakes' *",
        ),
        ("--backproof-oracles=torch,abacus", "unknown oracle 'abacus'; known: torch, jax*"),
        ("--backproof-oracles=,", "give at least one oracle of: torch, jax*"),
    ],
)
def test_what_does_not_exist_ends_the_session_with_status_2_and_one_line(
    run: Any, option: str, message: str
) -> None:
    result = run(JUDGES, option)
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*backproof: error: {message}"])
    told = [line for line in (*result.outlines, *result.errlines) if "error:" in line]
    assert len(told) == 1
    assert "Traceback" not in "\n".join(result.outlines)


def test_a_report_is_refused_under_several_processes_before_anything_runs(run: Any) -> None:
    result = run(JUDGES, "--backproof-report=out", "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines == ["ERROR: --backproof-report needs one process: leave out -n", ""]


def test_without_several_processes_the_option_n_of_xdist_is_no_obstacle(run: Any) -> None:
    run(JUDGES, "--backproof-report=out", "-n", "0").assert_outcomes(passed=1)


def test_loading_the_plugin_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_heavy_is_there():
            heavy = {"torch", "jax", "numpy", "refimpl", "oracles", "pydantic", "flint"}
            assert "backproof.pytest_plugin" in sys.modules
            assert not heavy & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-p", "no:jaxtyping").assert_outcomes(passed=1)
