"""The workflow of docs/guides/compare-versions-in-ci.md does what it says: its steps are run with bash.

Replaced are the steps that install, as the guide says: each environment gets the torch that is installed
here, the new one, if a test asks for it, with a mistake in autograd of tanh. And there are fewer cases.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.docs.blocks import ROOT
from tests.docs.running import Page

WORKFLOW = ROOT / "examples" / "ci" / "compare-versions.yml"
INSTALLS = {"Install backproof": "", "Install the old version": "old", "Install the new version": "new"}
ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}
CASES = "12"
# What a bad release might do: autograd of tanh is off in the sixth digit.
WRONG_TANH = """
import torch

class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(context, z):
        a = z.tanh()
        context.save_for_backward(a)
        return a

    @staticmethod
    def backward(context, g):
        (a,) = context.saved_tensors
        return g * (1 - a * a) * 1.00001

torch.tanh = Tanh.apply
"""


class Ran(NamedTuple):
    """The exit status of each step that was run, the summary, and all that was printed."""

    statuses: dict[str, int]
    summary: str
    said: str


def steps() -> list[dict[str, Any]]:
    """The steps of the workflow's only job."""
    (job,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"].values()
    return job["steps"]


def _environment_of_torch(name: str, mistake: str) -> str:
    """A script that makes a virtual environment with what is installed here, and a mistake."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = f"{name}/lib/{python}/site-packages"
    script = f"python -m venv --without-pip {name}\n"
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        script += f"echo '{folder}' >> {packages}/installed.pth\n"
    return f"{script}cat > {packages}/sitecustomize.py <<'END'\n{mistake}\nEND\n"


def run(folder: Path, mistake: str) -> Ran:
    """The steps as GitHub runs them: after a failure, only those that are to run always."""
    page = Page(folder)
    (page.folder / "examples").symlink_to(ROOT / "examples")
    summary = folder / "summary.md"
    given = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["env"]
    defaults = {
        name: re.sub(r"\$\{\{ inputs\.\w+ \|\| '([^']*)' \}\}", r"\1", value) for name, value in given.items()
    }
    environment = page.environment | defaults | {"CASES": CASES, "GITHUB_STEP_SUMMARY": str(summary)}
    statuses: dict[str, int] = {}
    said = ""
    for step in steps():
        if "run" not in step or (any(statuses.values()) and step.get("if") != "always()"):
            continue
        script, name = step["run"], step["name"]
        if name in INSTALLS:
            made = INSTALLS[name]
            script = _environment_of_torch(made, mistake if made == "new" else "") if made else ""
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=page.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        statuses[name] = done.returncode
        said += f"--- {name}\n{done.stdout}"
    return Ran(statuses, summary.read_text(encoding="utf-8") if summary.exists() else "", said)


@pytest.mark.long
def test_the_same_version_on_both_sides_is_no_worse(tmp_path: Path) -> None:
    ran = run(tmp_path, "")
    assert set(ran.statuses.values()) == {0}, ran.said
    assert ran.said.count(f"no mismatch and no fault in {2 * int(CASES)} judged cases") >= 2
    assert ran.summary.startswith("## No difference in what was found")


@pytest.mark.long
def test_a_new_version_with_a_mistake_fails_the_step_that_compares_and_is_shown(tmp_path: Path) -> None:
    ran = run(tmp_path, WRONG_TANH)
    assert [name for name, status in ran.statuses.items() if status] == ["Compare"], ran.said
    assert ran.statuses["Compare"] == 1
    assert "B5" in ran.summary
    assert list(ran.statuses) == [step["name"] for step in steps() if "run" in step]


def test_only_known_steps_are_left_out_or_replaced() -> None:
    assert {step["uses"].partition("@")[0] for step in steps() if "uses" in step} == ACTIONS
    installing = {step["name"] for step in steps() if re.search(r"\bpip install\b", step.get("run", ""))}
    assert installing == INSTALLS.keys()


def test_the_workflow_asks_both_versions_the_same() -> None:
    judging = [step["run"] for step in steps() if "backproof run" in step.get("run", "")]
    assert len(judging) == 2
    assert judging[0] == judging[1].replace("new", "old")
