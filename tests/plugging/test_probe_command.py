"""`backproof probe` as a user calls it: what it prints, and its exit status."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backproof.plugging import worker
from backproof.plugging.declaration import Declaration
from backproof.plugging.dialogue import DialogueLink
from backproof.plugging.probing import propose
from tests.long_tests import long_but_for

from .command import MINIATURES, ROOT, Outcome, here, miniature
from .expected import CONFORMING
from .test_probe import meaning, probed

EXAMPLES = ROOT / "examples"
SMALLEST = (EXAMPLES / "smallest.py").read_text(encoding="utf-8")
UNDECLARED = SMALLEST.partition("layer.backproof")[0]


def probe(folder: Path, source: str, *words: str) -> Outcome:
    return here(folder, "probe", "--impl", source, *words)


# ---------------------------------------------------------------- the command


@pytest.mark.long
def test_the_smallest_example_without_its_declaration_gets_it_back(tmp_path: Path):
    (tmp_path / "my_layer.py").write_text(UNDECLARED, encoding="utf-8")
    outcome = probe(tmp_path, "my_layer.py:layer")
    assert outcome.status == 0, outcome.out + outcome.err
    assert "then: backproof run --impl my_layer.py:layer" in outcome.out
    said = json.loads(re.findall(r"^  (\{.*\})$", outcome.out, re.MULTILINE)[0])["declaration"]
    assert said == {
        "loss_scale": "sum", "activations": ["relu"], "losses": ["half_squared_error"], "depth": 1,
    }  # fmt: skip


@pytest.mark.long
def test_what_is_printed_can_be_pasted_and_then_conforms(tmp_path: Path):
    file = tmp_path / "my_layer.py"
    file.write_text(UNDECLARED, encoding="utf-8")
    out = probe(tmp_path, "my_layer.py:layer").out
    pasted = out.partition("declare, in Python:\n")[2].partition("\n\n")[0]
    file.write_text(UNDECLARED + "\n" + "\n".join(line[2:] for line in pasted.splitlines()), encoding="utf-8")
    words = ("run", "--impl", "my_layer.py:layer", "--oracles", "truth", "--cases", "5", "--out", "out")
    ran = here(tmp_path, *words)
    assert ran.status == 0, ran.out + ran.err
    assert ran.report.counts.conforms == 10


@pytest.mark.long
def test_without_a_proposal_the_status_is_1_and_the_reason_is_told(tmp_path: Path):
    outcome = probe(tmp_path, miniature("raises.py:always_raises"))
    assert outcome.status == 1
    assert re.search(r"no declaration fits: .*raised ValueError: never right", outcome.out)


def test_a_process_that_dies_each_time_is_told_and_not_asked_for_ever(tmp_path: Path):
    outcome = probe(tmp_path, miniature("dies.py:always_segfaults"))
    assert outcome.status == 1
    assert "the process had been lost 5 times in a row" in outcome.out
    assert "SIGSEGV" in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), r"give an implementation with --impl or --impl-cmd"),
        (("--impl", "nowhere.py:net"), r"there is no file nowhere\.py"),
        (("--impl", "a.py:b", "--impl-cmd", "./net"), r"give either --impl or --impl-cmd, not both"),
        (("--python", sys.executable), r"--python says how to run an implementation; give one with --impl"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(tmp_path: Path, words: tuple[str, ...], message: str):
    outcome = here(tmp_path, "probe", *words)
    assert outcome.status == 2
    assert re.search(message, outcome.err)
    assert outcome.err.count("\n") == 1


# ---------------------------------------------------------------- the examples


def undeclared(source: str) -> tuple[Any, Declaration]:
    """An example without what it declares, and that."""
    target = worker.loaded(source)
    declared = Declaration.read(target.backproof, source)
    target.backproof = {}
    return target, declared


def essence(declaration: Declaration) -> dict[str, Any]:
    """What a declaration means, without sizes and dtypes: authors declare less than what would be right."""
    found = meaning(declaration)
    return {key: found[key] for key in found if key not in {"sizes", "ends", "dtypes", "hidden"}}


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("smallest.py:layer", "numpy"),
        ("student.py:Student", "numpy"),
        ("hips_autograd.py:network", "autograd"),
        pytest.param("micrograd_mlp.py:network", "micrograd", marks=pytest.mark.exhaustive),
        pytest.param("mygrad_mlp.py:network", "mygrad", marks=pytest.mark.long),
        pytest.param("sklearn_regressor.py:network", "sklearn", marks=pytest.mark.long),
        ("sklearn_classifier.py:network", "sklearn"),
        pytest.param("reference.py:network", "numpy", marks=pytest.mark.long),
    ],
)
def test_what_each_example_declares_is_proposed(file: str, package: str):
    pytest.importorskip(package)
    target, declared = undeclared(str(EXAMPLES / file))
    proposal = probed(target)
    assert proposal.keys is not None
    found = Declaration.read(proposal.keys, "the proposal")
    assert essence(found) == essence(declared), proposal
    assert set(found.dtypes) <= {"float32", "float64"}
    if declared.depth is not None:
        assert found.depth is None or found.depth[0] <= declared.depth[0]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "name", [name for name in CONFORMING if name.startswith(("right", "answers", "objects"))]
)
def test_right_miniatures_get_what_they_declare(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(MINIATURES))
    target, declared = undeclared(miniature(name))
    proposal = probed(target)
    assert proposal.keys is not None
    assert essence(Declaration.read(proposal.keys, "the proposal")) == essence(declared), proposal


def _without_declaration(folder: Path, source: str, pattern: str, to: str) -> Path:
    text, count = re.subn(
        pattern, to, (EXAMPLES / "dialogue" / source).read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert count == 1
    (folder / source).write_text(text, encoding="utf-8")
    return folder / source


DECLARED_IN_DIALOGUE = {
    "activations": ["identity", "sigmoid", "tanh", "relu"],
    "losses": ["half_squared_error"],
}


@pytest.mark.long
@pytest.mark.parametrize("language", long_but_for({"c"}, ["js", "c"]))
def test_programs_in_dialogue_get_what_they_declare(language: str, tmp_path: Path):
    if language == "js":
        if shutil.which("node") is None:
            pytest.skip("there is no node")
        pattern = r"const declaration = \{.*?\n\};"
        command = f"node {_without_declaration(tmp_path, 'net.js', pattern, 'const declaration = {};')}"
    else:
        if shutil.which("cc") is None:
            pytest.skip("there is no C compiler, cc")
        pattern = r'\\"declaration\\":\{.*?\}\}\\n", DTYPE\)'
        file = _without_declaration(tmp_path, "net.c", pattern, r'\\"declaration\\":{}}\\n")')
        words = ["cc", "-O2", "-w", "-o", str(tmp_path / "my_net"), str(file), "-lm"]
        subprocess.run(words, check=True)
        command = str(tmp_path / "my_net")
    proposal = propose(DialogueLink(command), "the command")
    assert proposal.keys is not None, proposal
    assert {key: proposal.keys[key] for key in ("activations", "losses")} == DECLARED_IN_DIALOGUE
    assert set(proposal.keys) <= {"activations", "losses", "dtypes"}
