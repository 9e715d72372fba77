"""The examples in C and JavaScript conform, with one wrong sign they do not; the page is what happens."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof.plugging
from backproof.cases import draw_case
from backproof.judging.panel import Panel
from backproof.plugging.declaration import Declaration
from backproof.plugging.dialogue import DialogueLink
from backproof.plugging.dialogue_messages import hello_line, run_line, stop_line
from backproof.plugging.layouts import in_layout, trace_of
from backproof.plugging.links import Link, Request
from refimpl import Case, Trace

ROOT = Path(__file__).parents[2]
C, JAVASCRIPT = (ROOT / "examples" / "dialogue" / f"net.{ending}" for ending in ("c", "js"))
PAGE = ROOT / "docs" / "dialogue.md"
SCHEMA = Path(backproof.plugging.__file__).parent / "schema" / "dialogue-1.schema.json"
CASES = 100


def _compiled(folder: Path, source: str, *options: str) -> str:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler, cc")
    (folder / "net.c").write_text(source, encoding="utf-8")
    command = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", *options, "-o", "my_net", "net.c", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    return shlex.quote(str(folder / "my_net"))


def _javascript(folder: Path, source: str) -> str:
    if shutil.which("node") is None:
        pytest.skip("there is no node")
    (folder / "net.js").write_text(source, encoding="utf-8")
    return shlex.join(["node", str(folder / "net.js")])


def _command(
    language: str, folder: Path, change: tuple[str, str] = ("", ""), options: Sequence[str] = ()
) -> str:
    path = C if language == "C" else JAVASCRIPT
    source = path.read_text(encoding="utf-8")
    assert change[0] in source
    source = source.replace(*change, 1) if change[0] else source
    return _compiled(folder, source, *options) if language == "C" else _javascript(folder, source)


class _Asked:
    """A program in dialogue as the panel's implementation."""

    def __init__(self, link: Link) -> None:
        self.link, self.declaration = link, Declaration.read(link.start().declaration, "hello")

    def run(self, case: Case) -> Trace:
        (reply,) = self.link.ask([Request(in_layout(case, self.declaration))])
        assert reply.faults == ()
        assert not reply.unsupported
        trace, faults = trace_of(case, self.declaration, reply.values)
        assert faults == []
        return trace


def _verdicts(command: str, count: int = CASES) -> list[str]:
    pytest.importorskip("torch", reason="torch, of the extra torch, is not installed")
    from oracles.torch_oracle import TorchOracle

    link = DialogueLink(command)
    try:
        program = _Asked(link)
        (dtype,) = program.declaration.dtypes
        options = program.declaration.draw_options()
        cases = [draw_case(3, index, dtype, options).case for index in range(count)]
        judgements = Panel(program, [TorchOracle()], name="program").judge(cases)
        return [judgement.verdict for judgement in judgements]
    finally:
        link.close()


@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "options"),
    [("C", ()), ("C", ("-DREAL=float",)), ("JavaScript", ())],
    ids=["C", "C float", "JS"],
)
def test_an_example_conforms(tmp_path, language, options):
    assert set(_verdicts(_command(language, tmp_path, options=options))) == {"conforms"}


@pytest.mark.parametrize(
    ("language", "change"),
    [
        ("C", ("A[L].at[e] - Y.at[e]", "A[L].at[e] + Y.at[e]")),
        ("C", ("AT(dW[l], i, k) +=", "AT(dW[l], i, k) -=")),
        ("C", ("sigmoid(z) * sigmoid(-z)", "sigmoid(z) * sigmoid(z)")),
        ("JavaScript", ("(g, z) => g *", "(g, z) => -g *")),
    ],
)
def test_an_example_with_one_wrong_sign_is_a_mismatch(tmp_path, language, change):
    assert "mismatch" in _verdicts(_command(language, tmp_path, change), 30)


def test_the_example_in_c_says_what_it_does_not_support(tmp_path):
    link = DialogueLink(_command("C", tmp_path))
    fields = _documented_case() | {"W": [np.array([[1.0]])] * 65}
    try:
        (reply,) = link.ask([Request(fields)])
    finally:
        link.close()
    assert reply.unsupported == "more than 64 layers"


# ---------------------------------------------------------------- the documented exchange


def _exchange() -> list[tuple[str, str]]:
    block = re.search(r"```\n(→.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return [(line[0], line[2:]) for line in block[1].splitlines()]


def _documented_case() -> dict[str, Any]:
    fields = json.loads(_exchange()[2][1])["case"]
    for name in ("X", "Y"):
        fields[name] = np.array(fields[name])
    for name in ("W", "b"):
        fields[name] = [np.array(each) for each in fields[name]]
    return fields


def test_the_documented_messages_are_those_that_are_sent():
    sent = [line.encode() + b"\n" for arrow, line in _exchange() if arrow == "→"]
    assert sent == [hello_line(), run_line(1, _documented_case()), stop_line()]


@pytest.mark.parametrize("language", ["C", "JavaScript"])
def test_the_documented_exchange_is_what_the_examples_answer(tmp_path, language):
    exchange = _exchange()
    given = "".join(line + "\n" for arrow, line in exchange if arrow == "→")
    expected = [json.loads(line) for arrow, line in exchange if arrow == "←"]
    command = shlex.split(_command(language, tmp_path))
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if language == "C":
        assert answers[0].pop("name") == "net.c"
        del expected[0]["name"]
    assert answers == expected


def test_the_schema_allows_every_line_of_the_documented_exchange():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema, of the extra dev, is not installed")
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for _, line in _exchange():
        validator.validate(json.loads(line))


@pytest.mark.parametrize(("path", "most"), [(C, 200), (JAVASCRIPT, 80)], ids=["C", "JavaScript"])
def test_an_example_stays_short(path, most):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most
