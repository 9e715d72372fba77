"""`backproof run`: a summary, a report and an exit status; the same seed gives the same bytes anywhere."""

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from backproof.cli_options import exit_status
from backproof.reporting.files import read_report
from backproof.reporting.model import Counts
from tests.reporting.sample_report import sample_report

from .conftest import DOCUMENTED, environment

SMALL = ("run", "--cases", "12", "--seed", "5", "--oracles", "torch", *DOCUMENTED)


def _without_times(file: Path) -> bytes:
    lines = file.read_bytes().splitlines(keepends=True)
    assert sum(line.startswith(b'"times":') for line in lines) == 1
    return b"".join(line for line in lines if not line.startswith(b'"times":'))


def test_a_run_says_what_it_found_and_where_the_report_is(command):
    outcome = command(*SMALL, "--out", "mine")
    assert outcome.status == 0
    assert outcome.err == ""
    first, *_, report, page = outcome.out.splitlines()
    assert first == "The reference conforms: no mismatch and no fault in 24 judged cases."
    assert report.split() == ["report", "mine/report.json"]
    assert page.split() == ["page", "mine/report.html"]
    written = read_report("mine/report.json")
    assert written.status == "complete"
    assert written.counts.total == written.run.cases_requested == 24
    assert (written.run.seed, written.run.dtypes, written.run.oracles) == (
        5,
        ("float32", "float64"),
        ("torch",),
    )
    assert "<h1>The reference conforms" in Path("mine/report.html").read_text()


def test_the_same_seed_gives_the_same_report_wherever_it_runs(command, program, tmp_path):
    # The second and third are run from the command that the first report records.
    command(*SMALL, "--out", "first")
    words = shlex.split(read_report("first/report.json").run.command)
    assert words[0] == "backproof"
    command(*words[1:], "--out", "second")
    piped = program(*words[1:], "--out", "third")
    assert piped.status == 0
    assert piped.err == "", "a progress bar although standard error is no terminal"
    assert all(line.isprintable() for line in piped.out.splitlines())
    texts = [_without_times(tmp_path / name / "report.json") for name in ("first", "second", "third")]
    assert texts[0] == texts[1], "twice in one process"
    assert texts[0] == texts[2], "in a process of its own"
    command(*words[1:], "--seed", "6", "--out", "other")
    assert _without_times(tmp_path / "other" / "report.json") != texts[0]


def test_without_out_the_report_goes_into_a_new_folder_below_reports(command):
    outcome = command("run", "--cases", "1", "--dtype", "float64", "--oracles", "torch", "--seed", "3")
    [report] = Path("reports").glob("*/report.json")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-seed-3", report.parent.name)
    assert str(report) in outcome.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_told_in_one_line(program, tmp_path):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "backproof", "list", "mistakes"],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert re.fullmatch(r"backproof: error: cannot write the output: .*; send it elsewhere\n", done.stderr)


GOOD, WRONG, FEW = (
    Counts.tally({"conforms": 100}),
    Counts.tally({"conforms": 99, "mismatch": 1}),
    Counts.tally({"conforms": 9, "not judged": 91}),
)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"counts": GOOD}, 0),
        ({"counts": Counts.tally({"convention": 60, "unstable": 20, "known deviation": 20})}, 0),
        ({"counts": WRONG}, 1),
        ({"counts": Counts.tally({"conforms": 99, "fault": 1})}, 1),
        ({"counts": FEW}, 1),
        ({"counts": GOOD, "status": "interrupted"}, 130),
        ({"counts": FEW, "status": "interrupted"}, 130),
        ({"counts": WRONG, "status": "interrupted"}, 1),
    ],
)
def test_the_exit_status_tells_conforming_wrong_and_interrupted_apart(changes, status):
    wrong = changes["counts"].wrong
    findings = {} if wrong else {"findings": (), "check_counts": Counts.tally({"conforms": 9})}
    assert exit_status(sample_report(floor=90, **findings, **changes)) == status


def test_by_default_both_frameworks_judge_and_their_versions_are_recorded(command):
    assert command("run", "--cases", "2", "--dtype", "float64", *DOCUMENTED, "--out", "out").status == 0
    report = read_report("out/report.json")
    sides = {(row.left, row.right) for row in report.pairs}
    assert {("reference", "torch"), ("reference", "jax"), ("torch", "jax"), ("jax", "torch")} <= sides
    assert {"numpy", "torch", "jax", "jaxlib", "optax"} <= report.environment.versions.keys()
    assert {"numpy", "torch", "jax"} == report.environment.flush_subnormals.keys()


def test_help_of_every_command_names_every_option(command):
    assert command("--help").status == 0
    for words, options in (
        (["run"], "--cases --seed --dtype --activations --losses --oracles --mistake --out"),
        (["replay"], "--mistake --oracles"),
        (["list"], "--json"),
    ):
        text = command(*words, "--help").out
        assert [option for option in options.split() if option not in text] == []


def test_options_may_name_several_things_with_blanks_between(command):
    outcome = command(
        *("run", "--cases", "6", "--dtype", "float64", "--oracles", " torch ", "--out", "out"),
        *("--activations", "relu, tanh", "--losses", "mse ,half_squared_error"),
    )
    assert outcome.status == 0
    report = read_report("out/report.json")
    drawn = {(cell.activation, cell.loss) for cell in report.matrix}
    assert drawn <= set(itertools.product(("relu", "tanh"), ("mse", "half_squared_error")))
    assert len({activation for activation, _ in drawn}) == 2
