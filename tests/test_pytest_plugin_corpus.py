"""The plugin's option and setting for kept cases: one test each, before all others, never left out unsaid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof.pytest_session
from backproof.cases import draw_case
from backproof.pytest_session import Session
from backproof.reporting.files import read_report
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network

from .corpus.samples import case, kept, saved
from .test_pytest_plugin import JUDGES

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
ADAPTERS = ROOT / "tests" / "conformance" / "adapters" / "around_refimpl.py"
KEPT = """
    def test_kept(backproof, backproof_entry):
        backproof.require_kept(backproof_entry)
"""
AS_A_WORKER = "def pytest_configure(config):\n    config.workerinput = config.workeroutput = {}\n"
OTHER = "def test_other():\n    pass\n"


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Do once what the inner sessions do in this process: torch does not survive a second import."""
    session = Session.from_options("torch", None, None, None)
    session.judge([draw_case(1, 0, dtype).case for dtype in ("float32", "float64")])
    session.finish()
    from backproof.plugging import isolation  # noqa: F401


@pytest.fixture(autouse=True)
def _without_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failure is told as beside the judge's words is tested elsewhere, and takes seconds."""
    monkeypatch.setattr(Session, "_diagnosis", lambda *_: [])
    monkeypatch.setattr(backproof.pytest_session, "explain", lambda *_, **__: None)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Any:
    """(options …, text of a test file) → the result of a session against torch alone."""

    def session(*options: str, text: str = KEPT) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_inprocess("--backproof-oracles=torch", "-rA", *options)

    return session


def _ids(result: pytest.RunResult) -> list[str]:
    return [line.split(" - ")[0] for line in result.outlines if re.match(r"(PASSED|FAILED) ", line)]


def _beyond() -> Case:
    """A case whose every number overflows: no bound says anything of it."""
    huge = np.full((1, 1), 1e200)
    return Case(Network((Layer(huge, huge, ActivationSpec("identity")),), LossSpec("mse")), huge, huge)


def test_each_kept_case_is_one_test_whose_name_says_what_it_is(run: Any, pytester: pytest.Pytester) -> None:
    entries = [kept(), kept(case("float32", "softsign"))]
    saved(pytester.path / "mine", *entries)
    result = run("--backproof-corpus=mine", "--backproof-report=out")
    result.assert_outcomes(passed=2)
    names = [each.name for each in sorted(entries, key=lambda each: each.file_name)]
    assert [re.findall(r"\[(.*)\]", line)[0] for line in _ids(result)] == names
    assert "softsign-mse-float32-" in " ".join(names)
    result.stdout.fnmatch_lines(["judged 2 cases, not judged 0, expected at least 1; 0 mismatches, *"])
    assert {row.name for row in read_report(pytester.path / "out" / "report.json").regimes} == {"corpus"}


def test_kept_cases_come_before_all_other_tests(run: Any, pytester: pytest.Pytester) -> None:
    saved(pytester.path / "mine", kept())
    pytester.makepyfile(test_a=OTHER, test_z=JUDGES)
    result = run("--backproof-corpus=mine", "-v", text=KEPT)
    ran = [line.split()[0] for line in result.outlines if re.search(r" PASSED +\[", line)]
    assert len(ran) == 3
    assert "::test_kept[" in ran[0]


def test_a_mistake_that_a_kept_case_shows_fails_its_test_with_why_it_is_kept(
    run: Any, pytester: pytest.Pytester
) -> None:
    saved(pytester.path / "mine", kept(note="db came from one column"))
    options = ("--backproof-mistake=bias-from-one-column", "--backproof-report=out")
    result = run("--backproof-corpus=mine", *options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["mismatch in equation B3: reference's db*", "  replay *", "  kept      db came from one column"]
    )
    [finding] = [
        f for f in read_report(pytester.path / "out" / "report.json").findings if f.equation == "B3"
    ][:1]
    assert finding.regime == "corpus"


def test_the_setting_names_a_folder_beside_its_file_and_the_option_takes_its_place(
    run: Any, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(pytester.path / "set" / "here", kept())
    saved(pytester.path / "mine", kept(case(x=2.0)), kept(case(x=3.0)))
    pytester.makeini("[pytest]\nbackproof_corpus = set/here\n")
    run().assert_outcomes(passed=1)
    run("--backproof-corpus=mine").assert_outcomes(passed=2)
    below = pytester.mkdir("below")
    (below / "test_below.py").write_text("def test_kept(backproof, backproof_entry):\n    pass\n")
    monkeypatch.chdir(below)
    pytester.runpytest_inprocess("--backproof-oracles=torch").assert_outcomes(passed=1)


def test_without_a_corpus_the_test_is_skipped_and_says_so(run: Any) -> None:
    result = run()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *no cases are kept; give their folder with --backproof-corpus"])


# ---------------------------------------------------------------- what cannot be judged


def test_what_somebody_does_not_declare_is_skipped_with_the_reason_and_no_floor_asks_for_it(
    run: Any, pytester: pytest.Pytester
) -> None:
    saved(pytester.path / "mine", kept(), kept(case("float32")), kept(case(activation="relu")))
    result = run("--backproof-corpus=mine", "--impl", f"{ADAPTERS}:partial")
    result.assert_outcomes(passed=1, skipped=2)
    reasons = {
        line.rpartition(": not declared: ")[2] for line in result.outlines if line.startswith("SKIPPED ")
    }
    assert reasons == {"float32", "the activation relu"}
    result.stdout.fnmatch_lines(["judged 1 cases, not judged 2, expected at least 1; *"])
    assert result.ret == pytest.ExitCode.OK


def test_a_wrong_implementation_fails_the_kept_cases_that_show_it(
    run: Any, pytester: pytest.Pytester
) -> None:
    saved(pytester.path / "mine", kept(), kept(case(activation="relu")))
    result = run("--backproof-corpus=mine", "--impl", f"{ADAPTERS}:wrong")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["mismatch in equation B3: wrong's db*"])


def test_a_case_of_which_nothing_of_the_reference_can_be_judged_fails(
    run: Any, pytester: pytest.Pytester
) -> None:
    saved(pytester.path / "mine", kept(_beyond()))
    result = run("--backproof-corpus=mine")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nothing of this case could be judged: *"])


# ---------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("missing", "cannot read the corpus *missing: No such file or directory; give a folder that *"),
        ("none", "the corpus *none has no entries; add some with: backproof corpus add DIR CASE.json"),
        ("broken", "*.json is not a whole entry of a corpus: *; is the file complete?"),
    ],
)
def test_a_corpus_that_cannot_be_read_ends_the_session_before_anything_is_judged(
    run: Any, pytester: pytest.Pytester, folder: str, message: str
) -> None:
    pytester.mkdir("none")
    [path, _] = saved(pytester.path / "broken", kept(), kept(case(x=2.0)))
    path.write_text(path.read_text()[:-9])
    result = run(f"--backproof-corpus={folder}", text=JUDGES + KEPT)
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*backproof: error: {message}*"])
    assert "Traceback" not in "\n".join(result.outlines)
    result.stdout.fnmatch_lines(["*no tests ran in *"])


def test_the_option_is_an_error_where_no_test_judges_what_it_names(
    run: Any, pytester: pytest.Pytester
) -> None:
    saved(pytester.path / "mine", kept())
    result = run("--backproof-corpus=mine", text=OTHER)
    assert result.ret == 2
    message = "backproof: error: none of these tests judges what --backproof-corpus names; add *"
    result.stdout.fnmatch_lines([f"*{message}*", "*no tests ran in *"])
    pytester.makeconftest(AS_A_WORKER)  # which cannot end the session
    result = run("--backproof-corpus=mine", text=OTHER)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    pytester.path.joinpath("conftest.py").unlink()
    pytester.makeini("[pytest]\nbackproof_corpus = mine\n")  # a setting holds for all sessions
    run(text=OTHER).assert_outcomes(passed=1)


def test_an_empty_option_is_refused(run: Any) -> None:
    result = run("--backproof-corpus=")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --backproof-corpus is empty; give a folder, or leave it out"])
