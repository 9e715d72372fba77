"""`--python PATH`: an interpreter of one's own, that knows neither backproof nor NumPy."""

import subprocess
import sys
from pathlib import Path

import pytest

from .command import Outcome, here, miniature

# Lists and the standard library only.
PURE = """
import math

def layer(c):
    W, b = c.W[0], c.b[0]
    Z = [[sum(w * x[j] for w, x in zip(row, c.X)) + n[0] for j in range(c.samples)] for row, n in zip(W, b)]
    A = [[math.tanh(z) for z in row] for row in Z]
    D = [[(a - y) * (1 - a * a) for a, y in zip(*rows)] for rows in zip(A, c.Y)]
    return {
        "loss": sum((a - y) ** 2 for rows in zip(A, c.Y) for a, y in zip(*rows)) / 2,
        "dW": [[[sum(d * x for d, x in zip(row, inputs)) for inputs in c.X] for row in D]],
        "db": [[[sum(row)] for row in D]],
    }

layer.backproof = {"depth": 1, "activations": ["tanh"], "losses": ["half_squared_error"], "loss_scale": "sum"}
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter without any package."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    assert subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode != 0
    return python


def _judged(folder: Path, source: str, python: Path, *words: str) -> Outcome:
    usual = ("--cases", "12", "--dtype", "float64", "--oracles", "torch", "--out", "out")
    return here(folder, "run", "--impl", source, "--python", str(python), *usual, *words)


def test_an_implementation_in_plain_python_is_judged(bare: Path, tmp_path: Path):
    (tmp_path / "pure.py").write_text(PURE)
    outcome = _judged(tmp_path, "pure.py:layer", bare)
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.report.counts.conforms == 12
    assert set(outcome.report.run.versions) == {"python"}
    assert f"--python {bare}" in outcome.report.run.command


@pytest.mark.long
def test_a_wrong_one_is_found(bare: Path, tmp_path: Path):
    (tmp_path / "pure.py").write_text(PURE.replace("1 - a * a", "1 - a"))
    outcome = _judged(tmp_path, "pure.py:layer", bare)
    assert outcome.status == 1
    assert outcome.report.counts.mismatch == 12


@pytest.mark.long
def test_changed_arguments_are_seen_there_too(bare: Path, tmp_path: Path):
    (tmp_path / "pure.py").write_text(PURE.replace("    return {", "    c.X[0][0] = 7.0\n    return {"))
    outcome = _judged(tmp_path, "pure.py:layer", bare)
    assert outcome.status == 1
    assert outcome.findings("fault", "^changed its argument X")


def test_what_it_lacks_is_named_with_the_interpreter(bare: Path, tmp_path: Path):
    outcome = _judged(tmp_path, miniature("right.py:right"), bare)
    assert outcome.status == 2
    assert "No module named 'numpy'" in outcome.err
    assert f"install it for {bare}" in outcome.err
