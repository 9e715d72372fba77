"""The wheel, installed in an environment that knows nothing of the checkout, does what it should."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import backproof

from .import_graph import ROOT
from .installation import Installation

# One tanh layer under squared errors, small numbers: nothing here can be a matter of opinion.
TEST_OF_ONE_CASE = """
import numpy as np
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network

LAYER = Layer(np.array([[0.5, -1.25], [2.0, 0.1]]), np.array([[0.0], [1.0]]), ActivationSpec("tanh"))
CASE = Case(Network((LAYER,), LossSpec("mse")), np.array([[1.0, 0.3]] * 2), np.array([[0.0, 1.0]] * 2), 0.1)

def test_it(backproof):
    (judgement,) = backproof.judge([CASE])
    backproof.require((CASE, check) for check in judgement.checks)
"""

TEST_OF_A_RUN = """
def test_run():
    from backproof.cli import main

    assert main(["run", "--cases", "6", "--seed", "7", "--oracles", "torch"]) == 0
"""


def test_the_environment_sees_the_wheel_and_not_the_checkout(alone: Installation, tmp_path: Path) -> None:
    ours = "refimpl, oracles, backproof"
    script = f"import sys, {ours}; print([package.__file__ for package in ({ours})], sys.path)"
    answer = alone.run("-c", script, cwd=tmp_path)
    assert answer.out.count(str(alone.packages)) == 4
    assert str(ROOT) not in answer.out


# ---------------------------------------------------------------- commands


@pytest.mark.long
def test_help_names_the_commands_and_the_exit_statuses(alone: Installation, tmp_path: Path) -> None:
    answer = alone.run("backproof", "--help", cwd=tmp_path)
    assert (answer.status, answer.err) == (0, "")
    assert all(word in answer.out for word in ("run", "replay", "list", "Exit status: 0 if nothing is wrong"))


def test_version_is_that_of_the_package(alone: Installation, tmp_path: Path) -> None:
    assert alone.run("backproof", "--version", cwd=tmp_path) == (
        0,
        f"backproof {backproof.__version__}\n",
        "",
    )


@pytest.mark.parametrize("what", ["equations", "mistakes"])  # test_lightness.py shows all of them
@pytest.mark.long
def test_a_list_is_there_as_json(alone: Installation, tmp_path: Path, what: str) -> None:
    answer = alone.run("backproof", "list", what, "--json", cwd=tmp_path)
    assert (answer.status, answer.err) == (0, "")
    assert len(json.loads(answer.out)) >= 2


# ---------------------------------------------------------------- files beside the code


@pytest.mark.long
def test_a_report_can_be_written_and_its_published_schema_is_there(
    alone: Installation, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "tests" / "reporting" / "sample_report.py", tmp_path)
    script = (
        "from sample_report import sample_report; from backproof.reporting import files, schema;"
        "files.write_report(sample_report(), 'out'); print(schema.SCHEMA_FILE.read_text('utf-8'))"
    )
    answer = alone.run("-c", script, cwd=tmp_path)
    assert (answer.status, answer.err) == (0, "")
    properties = json.loads(answer.out)["properties"]
    written = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert set(written) <= set(properties)
    assert properties["format"]["const"] == written["format"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert "<math" in page
    assert "<style>" in page


# ---------------------------------------------------------------- beside another project's reports


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a package `reports` of its own, whose tests use backproof."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").write_text("OWNER = 'the project'\n")
    (tmp_path / "test_mine.py").write_text(
        f"import reports\n{TEST_OF_ONE_CASE}\n    assert reports.OWNER == 'the project'\n"
    )
    return tmp_path


@pytest.mark.long
def test_a_project_with_its_own_reports_package_can_use_the_fixture_and_run(
    with_oracles: Installation, project: Path
) -> None:
    with (project / "test_mine.py").open("a") as file:
        file.write(TEST_OF_A_RUN)
    answer = with_oracles.run("-m", "pytest", "-q", "--backproof-oracles", "torch", cwd=project)
    assert answer.status == 0, answer.out + answer.err
    assert "2 passed" in answer.out
    assert "judged 1 cases, not judged 0, expected at least 1; 0 mismatches" in answer.out
    (written,) = (project / "reports").glob("*-seed-7/report.json")
    report = json.loads(written.read_text(encoding="utf-8"))
    assert (report["run"]["cases_requested"], report["counts"]["mismatch"]) == (12, 0)
    assert report["environment"]["versions"]["backproof"] == backproof.__version__


@pytest.mark.long
def test_a_project_with_its_own_reports_package_can_use_the_commands(
    alone: Installation, project: Path
) -> None:
    answer = alone.run("-m", "backproof.cli", "list", "equations", cwd=project)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("F1\n")


# ---------------------------------------------------------------- without torch and jax


@pytest.mark.parametrize(
    ("oracles", "needs"),
    [
        pytest.param(
            "torch,jax",
            "torch oracle needs PyTorch; install it with: pip install 'backproof[torch]'",
            marks=pytest.mark.long,
        ),
        ("jax", "jax oracle needs JAX and optax; install them with: pip install 'backproof[jax]'"),
    ],
)
def test_a_run_without_the_framework_ends_with_one_line_that_names_the_extra(
    alone: Installation, tmp_path: Path, oracles: str, needs: str
) -> None:
    words = ["backproof", "run", "--cases", "2", "--oracles", oracles, "--out", "out"]
    instead = "or judge by exact values alone with: --oracles truth"
    assert alone.run(*words, cwd=tmp_path) == (2, "", f"backproof: error: the {needs}; {instead}\n")


@pytest.mark.long
def test_the_truth_judges_without_any_framework(alone: Installation, tmp_path: Path) -> None:
    words = ["--cases", "3", "--oracles", "truth", "--seed", "4"]
    answer = alone.run("backproof", "run", *words, "--out", "out", cwd=tmp_path)
    assert answer.status == 0, answer.err
    assert "The reference conforms: no mismatch and no fault in 6 judged cases." in answer.out
    wrong = alone.run(
        "backproof", "run", *words, "--mistake", "update-uphill", "--out", "wrong", cwd=tmp_path
    )
    assert wrong.status == 1
    assert "mismatch in U1" in wrong.out


@pytest.mark.long
def test_a_replay_without_torch_asks_the_truth(alone: Installation, tmp_path: Path) -> None:
    script = f"{TEST_OF_ONE_CASE}\nfrom refimpl import case_to_json\nprint(case_to_json(CASE))\n"
    (tmp_path / "case.json").write_text(alone.run("-c", script, cwd=tmp_path).out)
    answer = alone.run("backproof", "replay", "case.json", cwd=tmp_path)
    assert (answer.status, answer.err) == (0, "")
    assert "truth       1 case" in answer.out


@pytest.mark.long
def test_the_smallest_plug_in_is_judged_with_two_commands_and_a_wrong_one_is_not_let_pass(
    alone: Installation, tmp_path: Path
) -> None:
    text = (ROOT / "examples" / "smallest.py").read_text(encoding="utf-8")
    (tmp_path / "my_layer.py").write_text(text)
    (tmp_path / "wrong.py").write_text(text.replace("(Z > 0)", "1.5"))
    words = ["--cases", "6", "--dtype", "float64", "--out", "out"]
    answer = alone.run("backproof", "run", "--impl", "my_layer.py:layer", *words, cwd=tmp_path)
    assert (answer.status, answer.err) == (0, "")
    assert "layer conforms: no mismatch and no fault in 6 judged cases." in answer.out
    wrong = alone.run("backproof", "run", "--impl", "wrong.py:layer", *words, cwd=tmp_path)
    assert wrong.status == 1
    assert "mismatch in B1" in wrong.out


@pytest.mark.long
def test_vectors_are_there_and_the_schemas_of_all_files(alone: Installation, tmp_path: Path) -> None:
    words = ["--kinds", "activation", "--activations", "tanh", "--cases", "1"]
    answer = alone.run("backproof", "vectors", *words, cwd=tmp_path)
    assert answer.status == 0
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert lines[0]["format"] == "backproof-vectors"
    assert len(lines) > 2
    for schema in (
        "vectors/schema/vectors-1.schema.json",
        "atlas/schema/atlas-1.schema.json",
        "plugging/schema/dialogue-1.schema.json",
        "corpus/schema/corpus-entry-1.schema.json",
    ):
        json.loads((alone.packages / "backproof" / schema).read_text(encoding="utf-8"))


@pytest.mark.long
def test_the_list_of_oracles_says_that_they_are_not_installed(alone: Installation, tmp_path: Path) -> None:
    answer = alone.run("backproof", "list", "oracles", "--json", cwd=tmp_path)
    installed = {row["name"]: row["installed"] for row in json.loads(answer.out)}
    assert (installed["torch"], installed["jax"]) == (False, False)


@pytest.mark.long
def test_the_fixture_without_torch_asks_the_truth_or_ends_the_session_and_names_the_extra(
    alone: Installation, project: Path
) -> None:
    answer = alone.run("-m", "pytest", "-q", cwd=project)
    assert answer.status == 0, answer.out
    answer = alone.run("-m", "pytest", "-q", "--backproof-oracles", "torch,jax", cwd=project)
    assert answer.status == 2
    assert "backproof: error: the torch oracle needs PyTorch; install it with: pip install" in answer.out
