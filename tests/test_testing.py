"""`backproof.testing`, as somebody's own suite uses it: which ids there are, which fail, how that reads."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from backproof.cases import draw_case
from backproof.cli import main
from backproof.pytest_session import Session

pytest_plugins = ["pytester"]

NET = """
import numpy as np

HABITS = {"samples": "rows", "losses": ["half_squared_error"], "activations": ["tanh"], "loss_scale": "sum"}
HABITS |= {"depth": 2, "width": 3, "batch": 3}

def net(case):
    Z, A, X = [], [], case.X.T
    for W, b in zip(case.W, case.b):
        Z.append(W @ (A[-1] if A else X) + b)
        A.append(np.tanh(Z[-1]))
    dW, db, delta = [], [], []
    dA = A[-1] - case.Y.T
    for l in reversed(range(case.depth)):
        delta.insert(0, dA * (1 - A[l] ** 2))
        dW.insert(0, delta[0] @ (A[l - 1] if l else X).T)
        db.insert(0, delta[0].sum(axis=1, keepdims=True))
        dA = case.W[l].T @ delta[0]
    loss = ((A[-1] - case.Y.T) ** 2).sum() / 2
    per_sample = {"Z": Z, "A": A, "delta": delta}
    return {"loss": loss, "dW": dW, "db": db} | {k: [x.T.copy() for x in v] for k, v in per_sample.items()}

net.backproof = HABITS

def wrong(case):
    answer = net(case)
    answer["dW"][-1] = answer["dW"][-1] * 2
    return answer

wrong.backproof = HABITS

def nothing(case):
    raise NotImplementedError("not today")

def seldom(case):
    if case.samples < 3:
        raise NotImplementedError("too few samples")
    return net(case)

seldom.backproof = HABITS

def forgetful(case):
    answer = net(case)
    return answer if case.samples == 1 else {k: v for k, v in answer.items() if k != "db"}

forgetful.backproof = HABITS

def crashing(case):
    return {"loss": case.Y / 0 @ "nonsense"}

def misdeclared(case):
    return {}

misdeclared.backproof = {"sample": "rows"}
"""


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Do once what the inner sessions do in this process: torch does not survive a second import."""
    session = Session.from_options("torch", None, None, None)
    session.judge([draw_case(1, 0, dtype).case for dtype in ("float32", "float64")])
    session.finish()
    import backproof.testing  # noqa: F401
    from backproof.plugging import isolation  # noqa: F401


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Any:
    """(arguments of parametrize_with_checks, options …) → the result of a suite with 12 cases a dtype."""

    def session(arguments: str, *options: str, body: str = "check()", **more: Any) -> pytest.RunResult:
        pytester.makepyfile(
            my_net=NET,
            test_mine=f"""
            import my_net
            from my_net import *
            from backproof.testing import parametrize_with_checks

            @parametrize_with_checks({arguments}, cases=12, oracles=["torch"])
            def test_net(check):
                {body}
            """,
        )
        pytester.syspathinsert()
        return pytester.runpytest_inprocess("-p", "no:randomly", "-rA", *options, **more)

    return session


def _ids(result: pytest.RunResult, word: str) -> set[str]:
    """The ids that the closing summary tells as PASSED, FAILED, …"""
    found = (re.match(rf"{word} test_mine\.py::test_net\[(.*?)\]", line) for line in result.outlines)
    return {match[1] for match in found if match}


def _skipped(result: pytest.RunResult) -> list[str]:
    return [line.partition(": ")[2] for line in result.outlines if line.startswith("SKIPPED ")]


# ---------------------------------------------------------------- right and wrong


def test_a_right_network_passes_all_that_it_offers_and_skips_the_rest_with_the_reason(suite: Any) -> None:
    result = suite("net")
    assert result.ret == pytest.ExitCode.OK
    assert not _ids(result, "FAILED")
    offered = {
        "answers are sound", "loss", "weight gradients", "bias gradients", "pre-activations", "activations",
        "errors of layers", "F2 pre-activation", "F3 activation", "F4 output activation", "F5 loss",
        "B1 weight gradient", "B3 bias gradient", "B4 output error", "B5 hidden error", "itself, asked again",
        "itself, samples duplicated", "enough was judged",
    }  # fmt: skip
    passed = _ids(result, "PASSED")
    assert {f"{kind}-{dtype}" for kind in offered for dtype in ("float32", "float64")} <= passed
    assert "input gradient: not offered" in _skipped(result)
    assert "U1 weight update: not offered" in _skipped(result)
    result.stdout.fnmatch_lines(["judged 2? cases, *, expected at least 21; 0 mismatches, 0 faults, *"])


def test_of_a_wrong_gradient_exactly_the_checks_of_that_gradient_fail(suite: Any) -> None:
    result = suite("wrong")
    kinds = ("weight gradients", "B1 weight gradient")
    assert _ids(result, "FAILED") == {f"{kind}-{dtype}" for kind in kinds for dtype in ("float32", "float64")}


@pytest.mark.long
def test_a_failure_is_short_and_names_place_numbers_and_network(suite: Any) -> None:
    result = suite("wrong", "-k", "B1 and float64 and gradient and weight")
    first = result.outlines.index(next(line for line in result.outlines if line.startswith("mismatch in")))
    told = result.outlines[first : first + 25]
    assert re.fullmatch(r"mismatch in equation B1: wrong's dW\[\d\], on its own inputs", told[0])
    labels = [line.split()[0] for line in told[1:10]]
    assert labels == [
        "reason", "entry", "observed", "expected", "bound", "excess", "network", "loss", "replay"
    ]  # fmt: skip
    assert "Traceback" not in "\n".join(result.outlines)
    end = next(n for n, line in enumerate(result.outlines) if n > first and line.startswith("===="))
    assert end - first <= 25


@pytest.mark.long
def test_the_replay_command_of_a_failure_repeats_it(suite: Any, capsys: pytest.CaptureFixture[str]) -> None:
    result = suite("wrong", "-k", "B1 and weight and float64")
    command = next(line for line in result.outlines if line.startswith("  replay ")).split(maxsplit=1)[1]
    program, *words = shlex.split(command)
    assert program == "backproof"
    assert words[-3:] == ["--impl", "my_net.py:wrong", "--no-isolation"]
    capsys.readouterr()
    assert main(words) == 1
    assert "B1" in capsys.readouterr().out


@pytest.mark.long
def test_what_a_command_line_cannot_name_is_replayed_in_python(suite: Any, pytester: pytest.Pytester) -> None:
    result = suite('wrong, declaration={"batch": [2, 3]}', "-k", "B1 and weight and float64")
    line = next(line for line in result.outlines if line.startswith("  replay "))
    told = re.fullmatch(r"  replay    in Python: (print\((.*)\))", line)
    assert told is not None
    import backproof.testing

    text = eval(told[2], {"backproof": backproof})  # noqa: S307 - it is what the user shall type
    assert "B1" in text
    assert "mismatch" in text


def test_a_crash_is_told_by_the_check_of_soundness_and_nothing_passes(suite: Any) -> None:
    result = suite("crashing", "-k", "float64")
    assert _ids(result, "FAILED") == {"answers are sound-float64", "enough was judged-float64"}
    assert not _ids(result, "PASSED") - {"itself, asked again-float64"}
    result.stdout.fnmatch_lines(
        ["fault: crashing, as a whole", "  reason *raised *Error: *(my_net.py, line *"]
    )


# ---------------------------------------------------------------- expected failures


@pytest.mark.long
def test_an_expected_failure_is_expected_with_its_reason(suite: Any) -> None:
    known = {
        f"{kind}-float64": "known: 2 dW"
        for kind in ("weight gradients", "B1 weight gradient")
    }  # fmt: skip
    result = suite(f"wrong, dtypes=['float64'], expected_failures={known!r}")
    assert result.ret == pytest.ExitCode.OK
    assert _ids(result, "XFAIL") == set(known)
    result.stdout.fnmatch_lines(["XFAIL *weight gradients-float64* - known: 2 dW"])


@pytest.mark.long
def test_an_expected_failure_is_told_in_full_under_runxfail(suite: Any) -> None:
    known = {"weight gradients-float64": "known"}
    result = suite(
        f"wrong, expected_failures={known!r}", "--runxfail", "-k", "weight and gradients and float64"
    )
    result.stdout.fnmatch_lines(["mismatch in equation B1: wrong's dW*"])


def test_a_stale_expected_failure_fails_and_says_that_it_can_go(suite: Any) -> None:
    result = suite("net, expected_failures={'loss-float32': 'once it was 1/2'}", "-k", "loss and float32")
    assert "loss-float32" in _ids(result, "FAILED")
    result.stdout.fnmatch_lines(
        ["loss-float32 passes now: take it out of expected_failures (the reason given: once it was 1/2)"]
    )


def test_an_expected_failure_of_what_is_not_offered_says_nothing(suite: Any) -> None:
    result = suite("net, expected_failures={'updates-float32': 'known'}", "-k", "updates and float32")
    assert _skipped(result) == ["updates: not offered; its entry in expected_failures says nothing"]


# ---------------------------------------------------------------- too little


def test_too_few_judged_cases_fail_the_last_check_with_the_reason(suite: Any) -> None:
    result = suite("seldom", "-k", "float64")
    assert _ids(result, "FAILED") == {"enough was judged-float64"}
    result.stdout.fnmatch_lines(
        [
            "too little was judged in float64",
            "judged * of 12 cases, expected at least 10; most often: not supported: NotImplementedError: *",
        ]
    )


def test_a_lower_floor_lets_a_partial_network_pass(suite: Any) -> None:
    result = suite("seldom, floor=0.1", "-k", "float64")
    assert not _ids(result, "FAILED")


def test_a_quantity_offered_now_and_then_fails_the_last_check(suite: Any) -> None:
    result = suite("forgetful", "-k", "float64")
    assert _ids(result, "FAILED") == {"enough was judged-float64"}
    result.stdout.re_match_lines([r"bias gradients: offered in \d of 12 answers only"])


def test_where_nothing_is_answered_nothing_passes(suite: Any) -> None:
    result = suite("nothing", "-k", "float64")
    assert _ids(result, "FAILED") == {"enough was judged-float64"}
    assert not _ids(result, "PASSED")
    assert "answers are sound: not offered: no case was answered" in _skipped(result)


def test_a_test_that_does_not_call_its_check_fails(suite: Any) -> None:
    result = suite("net", "-k", "float64", body="pass")
    assert not _ids(result, "PASSED")
    result.stdout.fnmatch_lines(["loss-float64 was not called: write check() in test_net"])
