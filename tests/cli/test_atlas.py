"""`backproof atlas` prints a table, and writes a page and a file where it is told to."""

from __future__ import annotations

import pytest

import backproof.atlas
from backproof.atlas.files import read_atlas
from backproof.cli import main

SMALL = ["atlas", "--activations", "relu", "--dtype", "float32", "--points", "100", "--oracles", "reference"]


def test_a_table_is_printed_and_nothing_written_without_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(SMALL) == 0
    out, err = capsys.readouterr()
    assert "relu                              0.0" in out
    assert (err, list(tmp_path.iterdir())) == ("", [])


def test_a_folder_gets_the_page_and_the_file(tmp_path, capsys):
    assert main([*SMALL, "--out", str(tmp_path / "out")]) == 0
    assert f"Page: {tmp_path}/out/atlas.html" in capsys.readouterr().out
    found = read_atlas(tmp_path / "out" / "atlas.json")
    assert [row.name for row in found.functions] == ["relu"]
    assert found.command == (
        "backproof atlas --dtype float32 --activations relu --oracles reference --points 100"
    )


def test_losses_alone_leave_out_the_activations(capsys):
    assert main(["atlas", "--losses", "l1,mse", "--points", "100", "--oracles", "reference"]) == 0
    out = capsys.readouterr().out
    assert [word for word in ("l1", "mse", "relu", "huber") if f"\n{word} " in out] == ["l1", "mse"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dtype", "float16"], "unknown dtype 'float16'; known: float32, float64, both"),
        (["--points", "99"], "points must be from 100 to 100,000, not 99"),
        (["--points", "many"], "'many' is not a whole number"),
        (["--activations", "tahn"], "unknown activation 'tahn'; known: identity"),
        (["--activations", ""], "give at least one activation of"),
        (["--losses", "mes"], "unknown loss 'mes'"),
        (["--oracles", "truth"], "unknown oracle of the atlas 'truth'; known: reference, torch, jax, optax"),
        (["--out", ""], "--out is empty; give a folder"),
    ],
)
def test_bad_options_are_said_in_one_line(words, message, capsys):
    assert main(["atlas", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_who_is_not_installed_is_told(monkeypatch, capsys):
    monkeypatch.setattr("backproof.atlas.options.is_installed", lambda name: name == "reference")
    assert main(["atlas", "--oracles", "torch"]) == 2
    assert "torch is not installed; leave it out, or install backproof[torch,jax]" in capsys.readouterr().err
    assert main(["atlas", "--activations", "relu", "--points", "100"]) == 0


def test_ctrl_c_writes_nothing(tmp_path, monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backproof.atlas, "make_atlas", interrupted)
    assert main([*SMALL, "--out", str(tmp_path)]) == 130
    assert "interrupted; no atlas was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(backproof.atlas, "make_atlas", lambda *_: 1 / 0)
    assert main([*SMALL, "--out", str(tmp_path / "file")]) == 2
    assert "cannot write a report into" in capsys.readouterr().err
