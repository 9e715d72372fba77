"""The examples in C and JavaScript, as they stand: right code passes, wrong code and cut files do not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .files import few_lines

EXAMPLES = Path(__file__).parents[2] / "examples" / "vectors"
# In each language: the derivative of tanh, and without its square; the gradient of bce without its 1 - a;
# the functions that are counted.
LANGUAGES = {
    "check.c": ("1 - *a * *a", "1 - *a", "(z - y) / (z * (1 - z))", "(z - y) / z"),
    "check.js": ("1 - Math.tanh(z) ** 2", "1 - Math.tanh(z)", "(a - y) / (a * (1 - a))", "(a - y) / a"),
}
COUNTED = {
    "check.c": {"tanh", "relu", "sigmoid", "softplus", "half_squared_error", "bce"},
    "check.js": {
        *(f"activation {name}" for name in ("tanh", "relu", "sigmoid", "softplus", "softmax")),
        *(f"layer {name}" for name in ("tanh", "relu", "sigmoid", "softplus", "softmax")),
        *(f"loss {name}" for name in ("half_squared_error", "bce")),
    },
}
BOTH = pytest.mark.parametrize("name", LANGUAGES)


def _run(
    name: str, folder: Path, lines: tuple[str, ...], *changes: tuple[str, str]
) -> tuple[int, dict[str, tuple[int, int]], str]:
    """Exit status, function → (entries, outside), and all that was said."""
    source = (EXAMPLES / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1
        source = source.replace(old, new)
    (folder / name).write_text(source, encoding="utf-8")
    tool = shutil.which("cc" if name.endswith(".c") else "node")
    if tool is None:
        pytest.skip(f"{name} needs {'a C compiler' if name.endswith('.c') else 'node'}")
    command = [tool, str(folder / name)]
    if name.endswith(".c"):
        program = str(folder / "check")
        build = [tool, "-O2", "-o", program, str(folder / name), "-lm"]
        subprocess.run(build, check=True)
        command = [program]
    done = subprocess.run(
        command, input="".join(lines), capture_output=True, text=True, timeout=60, check=False
    )
    counts = re.findall(r"^(.+): (\d+) entries, (\d+) outside$", done.stdout, re.MULTILINE)
    found = {function: (int(entries), int(outside)) for function, entries, outside in counts}
    return done.returncode, found, done.stdout + done.stderr


@BOTH
def test_an_example_is_short_enough_to_be_read(name):
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 60


@BOTH
def test_right_code_passes(name, tmp_path):
    status, found, said = _run(name, tmp_path, few_lines())
    assert (status, found.keys()) == (0, COUNTED[name]), said
    assert all(entries > 20 and not outside for entries, outside in found.values()), found


@BOTH
def test_a_wrong_derivative_fails_where_it_is_wrong_and_nowhere_else(name, tmp_path):
    tanh, wrong, *_ = LANGUAGES[name]
    status, found, _ = _run(name, tmp_path, few_lines(), (tanh, wrong))
    assert status == 1
    assert {f for f, (_, outside) in found.items() if outside} == {f for f in COUNTED[name] if "tanh" in f}


@BOTH
def test_a_wrong_gradient_of_a_loss_fails(name, tmp_path):
    *_, gradient, wrong = LANGUAGES[name]
    status, found, _ = _run(name, tmp_path, few_lines(), (gradient, wrong))
    assert status == 1
    assert {f for f, (_, outside) in found.items() if outside} == {f for f in COUNTED[name] if "bce" in f}


@BOTH
def test_a_file_without_its_footer_fails(name, tmp_path):
    status, found, said = _run(name, tmp_path, few_lines()[:-1])
    assert (status, "the file is cut short" in said) == (1, True)
    assert not any(outside for _, outside in found.values())


@BOTH
def test_a_file_that_lacks_a_vector_fails(name, tmp_path):
    status, _, said = _run(name, tmp_path, (*few_lines()[:4], *few_lines()[5:]))
    assert (status, "the file is cut short" in said) == (1, True)


@BOTH
def test_a_file_in_which_there_is_nothing_to_check_fails(name, tmp_path):
    footer = few_lines()[-1]
    footer = re.sub(r'"vectors":\d+', '"vectors":0', footer)
    status, found, _ = _run(name, tmp_path, (few_lines()[0], footer))
    assert (status, sum(entries for entries, _ in found.values())) == (1, 0)
