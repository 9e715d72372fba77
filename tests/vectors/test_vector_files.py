"""A file of vectors is written whole or not at all, and what is not one is refused in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backproof.errors import ReportError, UsageError
from backproof.vectors import VectorOptions, files, read_vectors, write_vectors
from backproof.vectors.files import line_of

from .files import FEW, edited, few_lines, written

ONE = VectorOptions(("activation",), ("float64",), cases=1, activations=("tanh",))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "few.jsonl"
    footer = write_vectors(FEW, path)
    assert path.read_text(encoding="ascii") == "".join(few_lines())
    assert _names(path.parent) == ["few.jsonl"]
    found = read_vectors(path)
    assert found.header.seed == FEW.seed
    assert found.footer.vectors == footer["vectors"] == len(found.vectors) == len(few_lines()) - 2
    assert found.footer.counts == footer["counts"]


def test_every_line_has_no_space_outside_texts_and_its_keys_once():
    for line in few_lines()[1:-1]:
        assert " " not in line
        values = json.loads(line)
        for name in (*values["inputs"], *values["answers"]):  # as the example in C searches for them
            assert line.count(f'"{name}":{{"shape":[') == 1


def test_counts_of_the_footer_are_those_of_the_lines(tmp_path):
    found = read_vectors(written(tmp_path, few_lines()))
    for kind, count in found.footer.counts.items():
        assert count == sum(vector.kind == kind for vector in found.vectors) > 0


def test_a_line_cannot_hold_a_number_that_is_not_finite():
    with pytest.raises(ValueError, match="not JSON compliant"):
        line_of({"value": [float("inf")]})


def test_nothing_is_left_half_written(tmp_path, monkeypatch):
    path = tmp_path / "vectors.jsonl"
    path.write_text("older\n", encoding="utf-8")

    def breaks(options) -> Iterator[Any]:
        yield {"kind": "header"}
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "vectors", breaks)
    with pytest.raises(KeyboardInterrupt):
        write_vectors(ONE, path)
    assert _names(tmp_path) == ["vectors.jsonl"]
    assert path.read_text(encoding="utf-8") == "older\n"


@pytest.mark.parametrize("name", ["", "file/below", "a\0b", "x" * 300])
def test_what_cannot_be_written_is_said_in_one_line(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match=r"cannot write [^\n]*; choose another file$"):
        write_vectors(ONE, f"{tmp_path}/{name}")
    assert _names(tmp_path) == ["file"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        write_vectors(ONE, pipe)
        said = reader.communicate(timeout=60)[0]
    write_vectors(ONE, tmp_path / "one.jsonl")
    assert said == (tmp_path / "one.jsonl").read_text(encoding="ascii")
    assert pipe.is_fifo()


def test_an_empty_name_is_refused():
    with pytest.raises(UsageError, match="--out is empty; give a file, or - for standard output"):
        write_vectors(ONE, "")


def test_standard_output_gets_the_same_lines(tmp_path, capsys):
    write_vectors(ONE, "-")
    write_vectors(ONE, tmp_path / "one.jsonl")
    assert capsys.readouterr().out == (tmp_path / "one.jsonl").read_text(encoding="ascii")


def test_who_stops_reading_gets_no_traceback():
    script = (
        "from backproof.vectors import VectorOptions, write_vectors\n"
        "assert write_vectors(VectorOptions(cases=1), '-') == {}"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), said) == (0, b"")


# ---------------------------------------------------------------- reading what is not whole


def _refused(tmp_path: Path, lines: list[str] | tuple[str, ...], message: str) -> None:
    with pytest.raises(ReportError, match=message) as caught:
        read_vectors(written(tmp_path, lines))
    assert "\n" not in str(caught.value)


def test_a_file_without_its_footer_is_cut_short(tmp_path):
    _refused(tmp_path, few_lines()[:-1], "is cut short: its last line is no footer; write it again")


def test_a_file_that_ends_within_a_line_is_cut_short(tmp_path):
    _refused(tmp_path, [*few_lines()[:-1], few_lines()[-1][:-1]], "is cut short within its last line")
    _refused(tmp_path, [*few_lines()[:5], few_lines()[5][:-40]], "is cut short within its last line")


def test_a_file_that_lacks_a_vector_is_not_whole(tmp_path):
    _refused(tmp_path, [*few_lines()[:5], *few_lines()[6:]], "its footer counts .* vectors, and it holds")


def test_a_vector_that_stands_twice_is_refused(tmp_path):
    lines = [*few_lines()[:5], few_lines()[4], *few_lines()[6:]]
    _refused(tmp_path, lines, "line 6 has the id .* a second time")


def test_a_newer_version_asks_for_a_newer_backproof(tmp_path):
    newer = edited(0, lambda header: header.update(version=2))
    _refused(tmp_path, newer, "has version 2; this backproof reads 1: install a newer backproof")
    _refused(tmp_path, edited(0, lambda header: header.update(version="1")), "has version '1'")


def test_lines_in_the_wrong_place_are_refused(tmp_path):
    few = few_lines()
    _refused(tmp_path, [*few, few[3]], "comes after the footer")
    _refused(tmp_path, [few[0], *few], "line 2 is a second header")
    _refused(tmp_path, few[1:], "is not a file of vectors: its 'format' is not 'backproof-vectors'")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\n", "is not UTF-8 text"),
        (b"[]\n", "is not a file of vectors"),
        (b"{\n", "line 1: "),
        (b'{"format":NaN}\n', "line 1: NaN is not JSON"),
    ],
)
def test_what_is_no_file_of_vectors_is_refused(tmp_path, content, message):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=message):
        read_vectors(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ReportError, match=r"cannot read .*none: No such file or directory; give a file"):
        read_vectors(tmp_path / "none")
    with pytest.raises(ReportError, match="cannot read"):
        read_vectors("a\0b")


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_LONGEST_LINE", 100)
    _refused(tmp_path, few_lines(), "has a line of more than 100 bytes")


# ---------------------------------------------------------------- nonsense in a line


def _set(*path: str | int, to: object) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = to

    return change


NONSENSE = [
    (_set("answers", "A", "bound", 0, to=-1.0), "greater than or equal to 0"),
    (_set("answers", "A", "bound", 0, to="nan"), "valid number"),
    (_set("answers", "A", "value", 0, to=None), "valid number"),
    (_set("answers", "A", "value", to=[1.0]), "value has 1 entries, but the shape is"),
    (_set("answers", "A", "bound", to=[1.0]), "bound has 1 entries, but value has"),
    (_set("answers", "A", "shape", to=[0, 2]), "greater than or equal to 1"),
    (_set("answers", "A", "shape", to=[2]), "at least 2 items"),
    (_set("answers", to={}), "answers lack A, delta"),
    (_set("answers", "B", to={"shape": [1, 1], "value": [0.0], "bound": [0.0]}), "the unknown B; known: A"),
    (_set("inputs", to={}), "inputs lack Z, dA"),
    (_set("inputs", "Z", "bound", to=[]), "Extra inputs are not permitted"),
    (_set("kind", to="layers"), "does not match any of the expected tags"),
    (_set("dtype", to="float16"), "'float32' or 'float64'"),
    (_set("on_a_kink", to=0), "valid boolean"),
    (_set("id", to="../etc"), "match pattern"),
    (_set("note", to=1), "Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("change", "message"), NONSENSE)
def test_a_vector_that_makes_no_sense_is_refused(tmp_path, change, message):
    _refused(tmp_path, edited(1, change), f"line 2: .*{message}.*; was it edited")


def test_a_footer_must_add_up(tmp_path):
    wrong = edited(-1, lambda footer: footer["counts"].update(loss=0))
    _refused(tmp_path, wrong, "counts add up to")
