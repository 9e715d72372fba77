"""`backproof.testing` with processes: isolated, and under pytest-xdist; the example and the documentation."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from backproof.cases import draw_case
from backproof.pytest_session import Session

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
NET = """
    import os

    HABITS = {"activations": ["identity"], "losses": ["mse"], "loss_scale": "sum"}
    HABITS |= {"depth": 1, "width": 2, "batch": 3}

    def net(case):
        if os.environ.get("PYTEST_CURRENT_TEST") and %r:
            os.abort()
        A = case.W[0] @ case.X + case.b[0]
        D = 2 * (A - case.Y)
        return {"loss": ((A - case.Y) ** 2).sum(), "dW": [D @ case.X.T], "db": [D.sum(1, keepdims=True)]}

    net.backproof = HABITS
"""
TEST = """
    from my_net import net
    from backproof.testing import parametrize_with_checks

    @parametrize_with_checks(%s, cases=6, oracles=["torch"], dtypes=["float64"], isolated=%r)
    def test_net(check):
        check()
"""


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Do once what the inner sessions do in this process: torch does not survive a second import."""
    session = Session.from_options("torch", None, None, None)
    session.judge([draw_case(1, 0, dtype).case for dtype in ("float32", "float64")])
    session.finish()
    import backproof.testing  # noqa: F401
    from backproof.plugging import isolation  # noqa: F401


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.syspathinsert()
    return pytester


@pytest.mark.parametrize("target", ["net", '"my_net.py:net"'])
def test_an_isolated_network_is_asked_in_a_process_of_its_own(folder: Any, target: str) -> None:
    folder.makepyfile(my_net=NET % False, test_mine=TEST % (target, True))
    result = folder.runpytest_inprocess("-rA")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["judged 6 cases, *", "PASSED *weight gradients-float64*"])


def test_an_isolated_network_that_aborts_is_a_fault_and_the_session_goes_on(folder: Any) -> None:
    folder.makepyfile(my_net=NET % True, test_mine=TEST % ("net", True))
    result = folder.runpytest_inprocess("-rA")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["fault: net, as a whole", "  reason *its process died of SIGABRT*"])
    failed = [line for line in result.outlines if line.startswith("FAILED ")]
    assert len(failed) == 2  # soundness, and that enough was judged
    assert not [line for line in result.outlines if line.startswith("ERROR ")]


def test_what_is_not_there_for_the_other_process_fails_in_one_line(folder: Any) -> None:
    folder.makepyfile(my_net=NET % False, test_mine=TEST % ('"my_net.py:nett"', True))
    result = folder.runpytest_inprocess()
    result.stdout.fnmatch_lines(["backproof: error: *my_net.py has no 'nett'; did you mean 'net'?"])


@pytest.mark.long
def test_under_several_processes_every_check_runs_once(folder: Any) -> None:
    pytest.importorskip("xdist")
    folder.makepyfile(my_net=NET % False, test_mine=TEST % ("net", False))
    alone = folder.runpytest_inprocess("-n", "0").parseoutcomes()
    result = folder.runpytest_subprocess("-n", "2", "--dist", "loadscope", "-p", "no:jaxtyping")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == alone
    result.stdout.fnmatch_lines(["judged 6 cases, not judged 0, expected at least 5; *"])


@pytest.mark.long
def test_the_example_passes_as_it_stands(folder: Any) -> None:
    for name in ("my_net.py", "test_my_net.py"):
        shutil.copy(ROOT / "examples" / "pytest" / name, folder.path / name)
    result = folder.runpytest_inprocess("--backproof-oracles=torch")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["judged 1?? cases, *"])


@pytest.mark.long
def test_the_code_in_the_documentation_runs(folder: Any) -> None:
    text = (ROOT / "docs" / "pytest.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    shutil.copy(ROOT / "examples" / "pytest" / "my_net.py", folder.path / "my_net.py")
    with (folder.path / "my_net.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\ndef doubled(case):\n    answer = net(case)\n    answer['dW'][-1] = 2 * answer['dW'][-1]\n"
            "    return answer\n\n\ndoubled.backproof = net.backproof\n"
        )
    for number, block in enumerate(blocks):
        (folder.path / f"test_block_{number}.py").write_text(block, encoding="utf-8")
    result = folder.runpytest_inprocess("--backproof-oracles=torch", "-k", "float64 or small")
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped", "xfailed", "deselected"}, outcomes
    assert outcomes["xfailed"] == 1
