"""The truth at the command line: as the only oracle, without any framework, and beside others as asked."""

import re
from pathlib import Path

import pytest

from backproof.reporting.files import read_report

from .conftest import ROOT, Outcome

ALONE = (
    "run",
    "--oracles",
    "truth",
    "--cases",
    "4",
    "--activations",
    "identity,sigmoid,tanh",
    "--losses",
    "mse",
)
BESIDE = (
    *("run", "--oracles", "torch", "--cases", "16", "--dtype", "float64", "--seed", "4"),
    *("--activations", "identity,sigmoid,tanh", "--losses", "mse"),
)

# Run by Python itself before anything else: importing a framework fails as if it were not installed.
BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "jax", "jaxlib", "optax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture
def bare(program, tmp_path: Path):
    """The command as a program in an environment without frameworks."""
    folder = tmp_path / "blocked"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER)

    def run(*words: str) -> Outcome:
        return program(*words, PYTHONPATH=f"{folder}:{ROOT}")

    return run


@pytest.mark.long
def test_the_truth_judges_everything_without_a_framework(bare, tmp_path):
    outcome = bare(*ALONE, "--out", "out")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("The reference conforms: no mismatch and no fault in 8 judged cases.")
    report = read_report(tmp_path / "out" / "report.json")
    assert report.counts.total == report.counts.conforms == 8
    assert report.run.oracles == ("truth",)
    assert {(row.left, row.right) for row in report.pairs} <= {
        ("reference", "truth"),
        ("reference", "arithmetic"),
    }


def test_without_frameworks_others_cannot_answer(bare):
    outcome = bare("run", "--oracles", "torch", "--cases", "1")
    assert outcome.status == 2
    assert re.fullmatch(r"backproof: error: .*torch.*\n", outcome.err)


@pytest.mark.long
def test_a_mistake_is_named_by_the_truth_alone(bare):
    outcome = bare(*ALONE, "--mistake", "derivative-forgotten", "--out", "out")
    assert (outcome.status, outcome.err) == (1, "")
    assert outcome.out.startswith("Does not conform: the reference with the mistake derivative-forgotten is ")
    assert re.search(r"#1 mismatch in B5: delta of layer \d+", outcome.out)
    assert "(reference against truth," in outcome.out


@pytest.mark.parametrize("value", ["some", "", "All"])
def test_an_unknown_way_to_ask_is_told_in_one_line(command, value):
    outcome = command("run", "--cases", "1", "--truth", value)
    assert (outcome.status, outcome.out) == (2, "")
    said = f"backproof: error: unknown way to ask the truth '{value}'; known: all, disputed, sample\n"
    assert outcome.err == said


@pytest.mark.parametrize("mode", ["all", "sample", "disputed"])
def test_the_report_says_when_the_truth_was_asked(command, mode):
    outcome = command(*BESIDE, "--truth", mode, "--out", "out")
    assert outcome.status == 0
    truth = read_report("out/report.json").truth
    assert truth is not None
    assert truth.mode == mode
    asked = sum(truth.asked.values())
    assert asked == 16 if mode == "all" else asked < 16
    assert all(row.outside.total == 0 for row in truth.rows)
    assert ("sample" in truth.asked) <= (mode == "sample")
    lines = [line for line in outcome.out.splitlines() if line.split()[:1] == ["truth"]]
    if not asked:
        assert lines == []
    else:
        entries = sum(row.entries for row in truth.rows)
        assert len(lines) == 1
        assert f"{asked} case" in lines[0]
        assert f"{entries:,} entries held; no answer is outside its bound" in lines[0]
    if mode == "all":
        assert entries > 1000
        assert {(row.side, row.scope) for row in truth.rows} == {
            (side, scope) for side in ("reference", "torch") for scope in ("local", "end to end")
        }
