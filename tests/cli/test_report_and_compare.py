"""`backproof report` and `backproof compare`: from real runs to their exit status, and what is no report."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from backproof.reporting.files import read_report, report_json, write_report
from backproof.reporting.markdown_text import MOST_LINES
from tests.comparing.run_reports import environment, report, wrong_report
from tests.reporting.sample_report import sample_report

from .conftest import environment as program_environment
from .test_bad_input import HOSTILE, assert_refused, places_in, put

RUN = (
    *("run", "--cases", "16", "--dtype", "float64", "--oracles", "truth"),
    *("--activations", "tanh,identity", "--losses", "mse"),
)
RENDERED = ("report.html", "summary.md", "junit.xml")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of two real runs, one of them with a mistake planted."""
    folder = tmp_path_factory.mktemp("judged")
    for name, mistake in (("right", ()), ("wrong", ("--mistake", "derivative-forgotten"))):
        done = subprocess.run(
            [sys.executable, "-m", "backproof", *RUN, *mistake, "--out", name],
            cwd=folder,
            env=program_environment(folder),
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == len(mistake) // 2, done.stderr
    return folder


@pytest.fixture
def runs(judged: Path, tmp_path: Path) -> None:
    """Copies of them in the folder in which commands are called."""
    for name in ("right", "wrong"):
        shutil.copytree(judged / name, tmp_path / name)


@pytest.fixture
def both(tmp_path: Path) -> tuple[str, str]:
    """The folders of a report that conforms and of one with B5 wrong."""
    write_report(report(), tmp_path / "old")
    write_report(wrong_report(), tmp_path / "new")
    return "old", "new"


# ---------------------------------------------------------------- real runs


def test_a_mistake_is_found_by_comparing_with_a_run_without_it(command, program, runs):
    outcome = command("compare", "right", "wrong", "--out", "comparison")
    assert outcome.status == 1
    assert outcome.err == ""
    first = outcome.out.splitlines()[0]
    assert (
        first == "Worse: equation B5, conforms → mismatch: A hidden error is W^T δ without the factor σ'(Z)."
    )
    assert "unlike are mistake – → derivative-forgotten" in outcome.out
    (replay,) = re.findall(r"replay (backproof replay \S+ .*)", outcome.out)
    assert program(*replay.split()[1:]).status == 1, "the command that it prints does not show it"
    markdown = Path("comparison/comparison.md").read_text()
    assert "| **worse** | equation B5 |" in markdown
    assert len(markdown.splitlines()) <= MOST_LINES
    assert "<h1>Worse: equation B5" in Path("comparison/comparison.html").read_text()
    assert not list(Path("comparison").glob(".*"))

    outcome = command("compare", "wrong/report.json", "right/report.json")
    assert outcome.status == 0
    assert outcome.out.startswith("Better: equation B5, mismatch → conforms")

    for name in ("right", "wrong"):
        outcome = command("compare", name, name)
        assert outcome.status == 0
        assert outcome.out.startswith("No difference in what was found.\n")


def test_what_a_run_writes_is_written_again_the_same(command, runs):
    before = {name: Path("wrong", name).read_bytes() for name in (*RENDERED, "report.json")}
    cases = {path.name: path.read_bytes() for path in Path("wrong/cases").iterdir()}
    for name in RENDERED:
        Path("wrong", name).unlink()
    outcome = command("report", "wrong")
    assert outcome.status == 0, "rendering is no verdict"
    assert outcome.out.startswith("Does not conform: the reference with the mistake derivative-forgotten")
    assert {name: Path("wrong", name).read_bytes() for name in before} == before
    assert command("report", "wrong/report.json", "--out", "copy").status == 0
    assert {name: Path("copy", name).read_bytes() for name in before} == before
    # All cases that are in the report; the long ones stand in files of their own only.
    copied = {path.name: path.read_bytes() for path in Path("copy/cases").iterdir()}
    assert copied
    assert copied.items() <= cases.items()
    failures = ET.parse("copy/junit.xml").getroot().get("failures")  # noqa: S314
    assert int(failures or 0) >= 3


# ---------------------------------------------------------------- report


def test_a_report_is_rendered_beside_itself_or_elsewhere(command, both):
    outcome = command("report", "new")
    assert outcome.status == 0
    assert outcome.out.splitlines()[-1].split() == ["page", "new/report.html"]
    outcome = command("report", "new/report.json", "--out", "deep/er")
    assert outcome.out.splitlines()[-2].split() == ["report", "deep/er/report.json"]
    assert sorted(path.name for path in Path("deep/er").iterdir()) == sorted(
        [*RENDERED, "cases", "report.json"]
    )
    Path("old/report.json").rename("old/kept.json")
    outcome = command("report", "old/kept.json", "--out", "old")
    assert outcome.out.splitlines()[-1].split() == ["page", "old/report.html"]
    assert not Path("old/report.json").exists()


def test_an_older_report_keeps_its_file_and_is_brought_up_to_date_elsewhere(command, tmp_path):
    file = tmp_path / "report.json"
    values = json.loads(report_json(report())) | {"schema_version": "1.0"}
    for key in ("causes", "truth", "distributions"):
        values.pop(key)
    file.write_text(json.dumps(values) + "\n")
    before = file.read_bytes()
    assert command("report", "report.json").status == 0
    assert file.read_bytes() == before
    assert command("report", "report.json", "--out", "new").status == 0
    assert read_report("new/report.json") == report()


def test_the_summary_of_a_report_is_what_the_run_printed(command):
    said = command("run", "--cases", "6", "--dtype", "float64", "--oracles", "truth", "--out", "out").out
    assert command("report", "out").out == said


# ---------------------------------------------------------------- compare


def test_the_exit_status_of_a_comparison_is_1_for_a_regression_only(command, both):
    assert command("compare", "old", "new").status == 1
    assert command("compare", "new", "old").status == 0
    assert command("compare", "new", "new").status == 0, "both are wrong, and nothing got worse"


def test_another_version_of_a_framework_reads_as_an_upgrade(command, both, tmp_path):
    upgraded = report(environment=environment(versions={"numpy": "2.4.0", "torch": "2.13.0"}))
    write_report(upgraded, tmp_path / "upgraded")
    outcome = command("compare", "old", "upgraded")
    assert outcome.status == 0
    assert "Both judged the same 40 cases of seed 7; unlike are torch 2.12.0 → 2.13.0." in outcome.out


def test_a_pipe_gets_plain_text_and_colours_can_be_turned_off(both, program):
    outcome = program("compare", "old", "new")
    assert outcome.status == 1
    assert outcome.err == ""
    assert all(line.isprintable() for line in outcome.out.splitlines())
    colours = program("compare", "old", "new", FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[" in colours.out
    plain = program("compare", "old", "new", FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1")
    assert plain.out == outcome.out


def test_neither_command_loads_a_framework(both, tmp_path):
    script = (
        "import sys; from backproof.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    )
    for words in (("compare", "old", "new", "--out", "out"), ("report", "old")):
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            cwd=tmp_path,
            env=program_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        modules = set(done.stderr.split())
        assert "backproof.reporting.files" in modules
        assert not {"torch", "jax", "optax", "flint", "oracles"} & modules


# ---------------------------------------------------------------- what is no report


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["report"], "Missing argument 'FILE'; see 'backproof report --help'"),
        (["report", ""], r"FILE is empty; give a report\.json or the folder that holds one"),
        (["report", "missing"], r"cannot read missing: No such file or directory; give a whole report\.json"),
        (["report", "."], r"cannot read report\.json: No such file"),
        (
            ["report", "old", "--out="],
            "--out is empty; give a folder, or leave it out for the folder of FILE",
        ),
        (
            ["report", "old", "--out", "old/report.json"],
            "cannot write a report into .*; choose another folder",
        ),
        (["report", HOSTILE], r"\\x1b\[31mred\\n\\u202eleft\\ud800\\x00"),
        (["compare", "old"], "Missing argument 'NEW'; see 'backproof compare --help'"),
        (["compare", "", "old"], "OLD is empty; give a report"),
        (["compare", "old", ""], "NEW is empty; give a report"),
        (["compare", "old", "missing/report.json"], "cannot read missing/report.json: No such file"),
        (["compare", "old", "new", "--out="], "--out is empty; give a folder, or leave it out for no files"),
        (["compare", "old", "new", "--out", "/dev/null/x"], "cannot write a report into .*; choose another"),
        (["compare", "old", "new", "old"], "unexpected extra argument"),
        (["compare", "old", HOSTILE], r"\\x1b\[31mred\\n\\u202eleft\\ud800\\x00"),
        (
            ["compare", "old", "cases.json"],
            "cases.json is not a report: its 'format' is not 'backproof-report'",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_remedy(command, both, words, remedy):
    Path("cases.json").write_text('{"format": "backproof-case"}\n')
    assert_refused(command(*words), remedy)


@pytest.mark.long
def test_a_report_cut_anywhere_or_of_a_newer_version_is_refused_in_one_line(command, both):
    content = Path("new/report.json").read_bytes()
    for length in (*range(0, 200, 7), *range(200, len(content), 401), len(content) - 1):
        Path("cut.json").write_bytes(content[:length])
        for words in (("report", "cut.json"), ("compare", "old", "cut.json"), ("compare", "cut.json", "old")):
            assert_refused(command(*words), r"^backproof: error: cut\.json is ")
    newer = json.loads(content) | {"schema_version": "1.99"}
    Path("newer.json").write_text(json.dumps(newer) + "\n")
    assert_refused(command("compare", "newer.json", "new"), "report version 1.99; .*: install a newer one")


@pytest.mark.long
def test_a_report_edited_to_nonsense_in_any_one_place_is_refused_or_rendered(command, both):
    """No place of a report, whatever stands there, ends in a traceback."""
    whole = json.loads(report_json(wrong_report(findings=sample_report().findings[:1])))
    refused = rendered = 0
    nonsense = (None, -1, 1e300, "nan", "\x1b[2J|`<b>", [], {}, [None], {"W": 7})
    for place, value in zip(places_in(whole), itertools.cycle(nonsense), strict=False):
        Path("edited.json").write_text(json.dumps(put(whole, place, value)) + "\n")
        for words in (("compare", "old", "edited.json"), ("report", "edited.json")):
            outcome = command(*words, "--out", "out")
            if outcome.status == 2:
                refused += 1
                assert_refused(outcome, "edited.json ")
            else:
                rendered += 1
                assert outcome.err == ""
                assert "Traceback" not in outcome.out
    assert refused > 100
    assert rendered > 20
