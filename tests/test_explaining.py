"""The cause of what a run finds is named, with the smallest case that shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backproof.cases import draw_case
from backproof.cli import main
from backproof.explaining import Explainer
from backproof.judging.panel import Panel
from backproof.reporting.files import read_report
from backproof.run import RunOptions, make_panel, subject_of
from oracles.torch_oracle import TorchOracle
from refimpl import case_from_json

SMALL = ("--cases", "12", "--oracles", "torch", "--dtype", "float64")
TOY = """
import numpy as np

def net(c):
    A, Z = [c.X], []
    for W, b in zip(c.W, c.b):
        Z.append(W @ A[-1] + b)
        A.append(np.tanh(Z[-1]))
    D = (A[-1] - c.Y) * (1 - A[-1] ** 2)
    dW, db = [], []
    for l in range(len(c.W), 0, -1):
        dW.insert(0, D @ A[l - 1].T)
        db.insert(0, {db})
        if l > 1:
            D = {error}
    return {{"loss": ((A[-1] - c.Y) ** 2).sum() / 2, "dW": dW, "db": db}}

net.backproof = {{
    "activations": ["tanh"], "losses": ["half_squared_error"], "loss_scale": "sum", "depth": [2, 4]
}}
"""
RIGHT = {"db": "D.sum(1, keepdims=True)", "error": "(c.W[l - 1].T @ D) * (1 - A[l - 1] ** 2)"}


def _run(*words: str) -> Any:
    assert main(["run", *SMALL, "--out", "out", *words]) in (0, 1)
    return read_report("out/report.json")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a network whose gradients are all that it offers, wrong as told; gives its --impl words."""
    monkeypatch.chdir(tmp_path)

    def write(**wrong: str) -> tuple[str, ...]:
        (tmp_path / "toy.py").write_text(TOY.format(**(RIGHT | wrong)))
        return ("--impl", "toy.py:net", "--no-isolation")

    return write


def test_a_mistake_is_named_with_its_smallest_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = _run("--mistake", "derivative-of-output")
    (cause,) = report.causes
    assert (cause.name, cause.equation, cause.kind) == ("derivative-of-output", "B5", "mistake")
    assert cause.findings[0] == 1
    assert cause.evidence.startswith("strong: ")
    case = case_from_json(Path("out", cause.case_file).read_text())
    assert case.network.depth == 2
    assert max(*case.network.widths, case.samples) <= 2
    assert main(["replay", f"out/{cause.case_file}", "--oracles", "torch"]) == 0, "the reference is right"
    words = cause.replay.split()[3:]
    assert main(["replay", f"out/{cause.case_file}", *words]) == 1


@pytest.mark.long
def test_the_script_shows_it_without_backproof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (cause,) = _run("--mistake", "batch-mean-twice").causes
    done = subprocess.run(
        [sys.executable, "-I", Path("out", cause.script_file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("∂L/∂W[")
    assert "reference answered: " in done.stdout
    assert "torch computes: " in done.stdout


@pytest.mark.long
def test_code_that_offers_gradients_only_is_diagnosed_by_what_is_wrong_and_how(toy: Any, capsys: Any) -> None:
    (cause,) = _run(*toy(error="c.W[l - 1].T @ D")).causes
    assert (cause.name, cause.equation) == ("derivative-forgotten", "B5")
    out = capsys.readouterr().out
    assert "cause equation B5, layer" in out
    assert "   smallest 1-1-1, tanh → tanh" in out
    (cause,) = _run(*toy(db="D[:, :1]")).causes
    assert (cause.name, cause.equation) == ("bias-from-one-column", "B3")


@pytest.mark.long
def test_what_no_candidate_gives_is_unknown_and_in_its_place(toy: Any) -> None:
    (cause,) = _run(*toy(error="(c.W[l - 1].T @ D) * np.cos(3 * Z[l - 2])")).causes
    assert (cause.kind, cause.name, cause.equation) == ("unknown", "", "B5")
    assert not cause.remedy


@pytest.mark.long
def test_two_things_wrong_are_two_causes(toy: Any) -> None:
    causes = _run(*toy(error="c.W[l - 1].T @ D", db="D[:, :1]")).causes
    assert {"B5", "B3"} <= {cause.equation for cause in causes} or "and" in causes[0].name


def test_a_right_network_has_no_cause(toy: Any) -> None:
    report = _run(*toy())
    assert report.counts.wrong == 0
    assert report.causes == ()


@pytest.mark.long
def test_replay_tells_the_cause(toy: Any, capsys: Any) -> None:
    words = toy(error="c.W[l - 1].T @ D")
    report = _run(*words)
    capsys.readouterr()
    assert main(["replay", f"out/{report.findings[0].case_file}", "--oracles", "torch", *words]) == 1
    assert "cause equation B5, layer" in capsys.readouterr().out


@pytest.mark.long
def test_what_is_declared_is_no_part_of_a_cause(toy: Any, tmp_path: Path) -> None:
    """The gradients are those of the mean, the loss is that of the sum: declared, and judged so."""
    words = toy(error="c.W[l - 1].T @ D")
    text = (tmp_path / "toy.py").read_text()
    text = text.replace("D = (A[-1] - c.Y)", "D = (A[-1] - c.Y) / c.X.shape[1]")
    text = text.replace('"loss_scale": "sum"', '"loss_scale": "sum", "gradient_scale": "/m"')
    (tmp_path / "toy.py").write_text(text)
    (cause,) = _run(*words).causes
    assert (cause.name, cause.kind) == ("derivative-forgotten", "mistake")


def test_the_smallest_case_is_divided_as_declared(toy: Any, tmp_path: Path) -> None:
    """Simpler would be the sum, which the case would say and the judge would not mean."""
    words = toy(error="c.W[l - 1].T @ D")
    text = (tmp_path / "toy.py").read_text().replace('"loss_scale": "sum"', '"loss_scale": "/m"')
    for sum_, mean in (
        ("(A[-1] - c.Y) * ", "(A[-1] - c.Y) / c.samples * "),
        (".sum() / 2", ".sum() / 2 / c.samples"),
    ):
        assert sum_ in text
        text = text.replace(sum_, mean)
    (tmp_path / "toy.py").write_text(text)
    (cause,) = _run(*words).causes
    assert cause.name == "derivative-forgotten"
    assert cause.smallest.endswith("loss half_squared_error (batchmean), 1 sample")


@pytest.mark.long
def test_causes_need_not_be_looked_for(toy: Any) -> None:
    report = _run(*toy(db="D[:, :1]"), "--no-diagnosis")
    assert report.counts.mismatch
    assert report.causes == ()
    assert "--no-diagnosis" in report.run.command


def test_a_cause_is_only_looked_for_where_something_is_wrong() -> None:
    options = RunOptions(4, oracles=("torch",))
    subject = subject_of(options)
    panel = make_panel(subject, options.oracles)
    explainer = Explainer(subject, panel)
    from backproof.cases import draw_case

    judgements = panel.judge([draw_case(1, index, "float64").case for index in range(4)])
    assert all(judgement.trace is None for judgement in judgements)
    assert all(explainer.diagnosis(judgement).first is None for judgement in judgements)


@pytest.mark.long
def test_the_values_of_a_cause_are_those_of_its_own_equation(tmp_path: Path) -> None:
    """With two mistakes in one class, both wrong in nearly every network."""
    from backproof.diagnosis.mistakes import MISTAKES
    from refimpl import Backprop

    wrong = tuple(
        MISTAKES[name].implementation for name in ("target-minus-prediction", "derivative-forgotten")
    )
    both = type("Both", (*wrong, Backprop), {})
    options = RunOptions(12, 3, ("float64",), oracles=("torch",))
    subject = subject_of(options)
    panel = Panel(both(), [TorchOracle()], "both")
    explainer = Explainer(subject, panel)
    seen = set()
    for index in range(options.cases):
        (judgement,) = panel.judge([draw_case(3, index, "float64", subject.draw(options.draw)).case])
        for check in judgement.checks:
            if check.verdict != "mismatch" or check.scope != "local" or check.left != "both":
                continue
            found = explainer.explained(check, judgement)
            if found is not None and found.values is not None and found.cause.equation == check.equation:
                case = found.smallest
                assert case is not None
                last = found.values.layer == case.network.depth
                assert found.values.quantity == "delta"
                assert last == (found.cause.equation == "B4"), found.cause
                seen.add(found.cause.equation)
    assert seen == {"B4", "B5"}
