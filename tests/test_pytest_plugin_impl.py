"""The plugin's options for somebody's implementation: for the fixture, and for the conformance suite."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from backproof.cases import draw_case
from backproof.pytest_session import Session

from .test_pytest_plugin import JUDGES

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
ADAPTERS = ROOT / "tests" / "conformance" / "adapters" / "around_refimpl.py"


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Do once what the inner sessions do in this process: torch does not survive a second import."""
    session = Session.from_options("torch", None, None, None)
    session.judge([draw_case(1, 0, dtype).case for dtype in ("float32", "float64")])
    session.finish()
    import tests.conformance.conftest  # noqa: F401
    from backproof.plugging import isolation  # noqa: F401


@pytest.fixture
def run(pytester: pytest.Pytester) -> Any:
    def session(*options: str) -> pytest.RunResult:
        pytester.makepyfile(JUDGES)
        return pytester.runpytest_inprocess("--backproof-oracles=torch", *options)

    return session


@pytest.fixture
def conformance(pytester: pytest.Pytester) -> Any:
    """(name of an adapter, rows of the suite as -k has it) → the result of these rows in a clone."""

    def session(name: str, rows: str, files: str = "test_equations.py") -> pytest.RunResult:
        paths = [str(ROOT / "tests" / "conformance" / file) for file in files.split()]
        where = ("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-o", "addopts=")
        options = (
            "-p",
            "no:cacheprovider",
            "-rA",
            "--backproof-oracles=torch",
            "--impl",
            f"{ADAPTERS}:{name}",
        )
        return pytester.runpytest_inprocess(*paths, *where, *options, "-k", rows)

    return session


def _skips(result: pytest.RunResult) -> set[str]:
    return {line.rpartition(": ")[2] for line in result.outlines if line.startswith("SKIPPED ")}


# ---------------------------------------------------------------- the fixture


def test_the_fixture_judges_the_implementation_that_the_option_names(run: Any) -> None:
    result = run("--impl", f"{ADAPTERS}:full")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["judged 6 cases, not judged 0, *"])


@pytest.mark.long
def test_in_process_it_is_judged_alike_and_a_failure_names_the_options_of_the_replay(
    run: Any, pytester: pytest.Pytester
) -> None:
    # Not around refimpl: in these tests, what watches shapes draws random numbers within it.
    pytester.makepyfile(my_net="def net(case):\n    return {'loss': -1.0}")
    result = run("--impl", "my_net.py:net", "--impl-no-isolation")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "mismatch in equation F5: net's loss, end to end",
            "  replay *.json --oracles torch --impl my_net.py:net --no-isolation",
        ]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--impl", "no_such.py:net"), "there is no file no_such.py"),
        (("--impl", f"{ADAPTERS}:fulll"), "* has no 'fulll'; did you mean 'full'?"),
        (("--impl", "a.py:b", "--impl-cmd", "c"), "give either --impl or --impl-cmd, not both"),
        (
            ("--impl-python", "python3"),
            "--impl-python says how to run an implementation; give one with --impl, too",
        ),
        (("--impl-no-isolation",), "--impl-no-isolation says how to run an implementation; give one *"),
        (
            ("--impl", "a.py:b", "--impl-python", "/no/such"),
            "--impl-python /no/such: there is no such program; give a Python interpreter",
        ),
        (
            ("--impl", "a.py:b", "--impl-python", "python3", "--impl-no-isolation"),
            "--impl-python needs a process of its own; leave out --impl-no-isolation",
        ),
        (
            ("--impl", f"{ADAPTERS}:full", "--backproof-mistake", "update-uphill"),
            "--mistake is put in the reference's place; leave it out, or --impl",
        ),
    ],
)
def test_options_that_cannot_be_used_end_the_session_with_status_2_and_one_line(
    run: Any, options: tuple[str, ...], message: str
) -> None:
    result = run(*options)
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*backproof: error: {message}*"])
    assert "Traceback" not in "\n".join(result.outlines)


# ---------------------------------------------------------------- the conformance suite


EVERY_KIND = "test_equations.py test_gradients.py test_gradient_descent.py"
"""Files of the suite; the equations alone take a third of their time."""


@pytest.mark.parametrize(
    ("rows", "files", "at_least"),
    [
        ("tanh-float64 and (F3 or B5 or U1)", "test_equations.py", 3),
        pytest.param(
            "(tanh and (B5 or U1 or torch)) or (mse and (F5 or torch) and not torch-jax) or descent",
            EVERY_KIND,
            10,
            marks=pytest.mark.long,
        ),
    ],
)
def test_of_a_full_implementation_nothing_is_skipped(
    conformance: Any, rows: str, files: str, at_least: int
) -> None:
    result = conformance("full", rows, files)
    assert not _skips(result)
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"passed", "deselected"}
    assert outcomes["passed"] >= at_least


@pytest.mark.parametrize(
    ("rows", "files", "passes"),
    [
        (
            "torch-tanh-float64 or F2-tanh-float or U1-tanh-float or B4-relu-float64 or F5-nll-float64",
            "test_equations.py test_gradients.py",
            ["torch-tanh-float64"],
        ),
        pytest.param(
            "(torch-tanh-float64 or F2-tanh-float or U1-tanh-float or B4-relu-float64 or torch-mse-float64"
            " or F5-nll-float64 or descent) and not frameworks",
            EVERY_KIND,
            ["torch-tanh-float64", "torch-mse-float64"],
            marks=pytest.mark.long,
        ),
    ],
)
def test_of_a_partial_one_what_it_does_not_declare_or_offer_is_skipped_with_the_reason(
    conformance: Any, rows: str, files: str, passes: list[str]
) -> None:
    result = conformance("partial", rows, files)
    assert set(result.parseoutcomes()) == {"passed", "skipped", "deselected"}
    assert _skips(result) == {
        "not offered",
        "the implementation does not declare float32",
        "the implementation does not declare the activation relu",
        "the implementation does not declare the loss nll",
    }
    passed = [line for line in result.outlines if line.startswith("PASSED ")]
    assert [row for row in passes if not any(row in line for line in passed)] == []


def test_a_wrong_one_fails_exactly_the_rows_of_its_equation(conformance: Any) -> None:
    result = conformance("wrong", "tanh-float64")
    failed = [line for line in result.outlines if line.startswith("FAILED ")]
    rows = {tuple(re.findall(r"test_equation_holds\[(\w+)-(\w+)-float64\]", line)[0]) for line in failed}
    assert ("B3", "tanh") in rows
    assert {equation for equation, _ in rows} == {"B3"}


@pytest.mark.long
def test_a_crashing_one_fails_every_row_with_the_fault_and_the_session_ends(conformance: Any) -> None:
    result = conformance("crashing", "tanh-float64")
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"failed", "deselected"}
    result.stdout.fnmatch_lines(
        ["fault: crashing, as a whole", "  reason *its process died of SIGABRT*", "judged *"]
    )
