"""`backproof vectors` writes a file, or standard output, and says on standard error what it wrote."""

from __future__ import annotations

import json

import pytest

from backproof.cli import main
from backproof.vectors import read_vectors

SMALL = ["vectors", "--cases", "1", "--activations", "tanh", "--losses", "mse"]


def test_a_file_is_written_and_counted(tmp_path, capsys):
    path = tmp_path / "vectors.jsonl"
    assert main([*SMALL, "--out", str(path)]) == 0
    found = read_vectors(path)
    assert (found.header.activations, found.header.losses) == (["tanh"], ["mse"])
    assert set(found.footer.counts) == {"activation", "loss", "layer", "network"}
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"backproof: {found.footer.vectors} vectors; left out")


def test_standard_output_holds_nothing_but_lines(capsys):
    assert main([*SMALL, "--kinds", "layer", "--dtype", "float64", "--seed", "5"]) == 0
    header, vector, footer = map(json.loads, capsys.readouterr().out.splitlines())
    assert (header["kinds"], header["dtypes"], header["seed"]) == (["layer"], ["float64"], 5)
    assert (vector["id"], footer["vectors"]) == ("layer/tanh/float64/drawn-1", 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kinds", "layers"], "unknown kind of vectors 'layers'; known: activation, loss, layer, network"),
        (["--kinds", ""], "give at least one kind of vectors of"),
        (["--dtype", "float16"], "unknown dtype 'float16'; known: float32, float64, both"),
        (["--cases", "0"], "cases must be from 1 to 1,000,000, not 0"),
        (["--cases", "many"], "'many' is not a whole number"),
        (["--activations", "tahn"], "unknown activation 'tahn'"),
        (["--out", ""], "--out is empty; give a file, or - for standard output"),
    ],
)
def test_bad_options_are_said_in_one_line(words, message, capsys):
    assert main(["vectors", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
