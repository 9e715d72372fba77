"""A mistake in the reference's place turns the conformance suite red, where its equation is tested."""

import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.long_tests import long_but_for

from .conftest import ROOT, Outcome, environment

# Mistake → a test of the suite that must catch it, and that the reference passes whenever the suite is run.
SELECTIONS = {
    "derivative-forgotten": "test_equation_holds and B5 and tanh and float32",
    "target-minus-prediction": "test_equation_holds_for_loss and B4 and half_squared_error and float32",
    "batch-mean-twice": "test_equation_holds and B1- and tanh and float32",
    "bias-from-one-column": "test_equation_holds and B3 and tanh and float64",
    "update-uphill": "test_equation_holds and U1 and tanh and float32",
}


def _run_suite(mistake: str, selection: str, environment: Mapping[str, str]) -> Outcome:
    words = ["tests/conformance/test_equations.py", "-x", "-q", "-p", "no:cacheprovider", "-k", selection]
    words += ["--backproof-oracles", "torch", "--backproof-mistake", mistake]
    words += ["-o", "addopts=--strict-markers"]  # refimpl's type checks would take half of the time
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("mistake", long_but_for({"derivative-forgotten"}, SELECTIONS))
def test_a_mistake_turns_the_suite_red(mistake, tmp_path):
    surroundings = environment(tmp_path, OMP_NUM_THREADS="1")
    outside = {name: value for name, value in surroundings.items() if not name.startswith("PYTEST_")}
    outcome = _run_suite(mistake, SELECTIONS[mistake], outside)
    assert outcome.status == 1, outcome.out
    assert "1 failed" in outcome.out
    equation = re.search(r"mismatch in equation (\w+): reference's ", outcome.out).group(1)
    assert equation in SELECTIONS[mistake]
