"""backproof explain: what it prints, the page that it writes, and whatever it refuses."""

import json
from pathlib import Path
from typing import Never

import pytest

import backproof.oracle_names
from backproof.diagnosis.mistakes import MISTAKES
from refimpl import case_to_json
from tests.cli.test_bad_input import assert_refused

TRUTH = ("explain", "--oracles", "truth")


def test_it_prints_the_pass_and_ends_well(command):
    outcome = command(*TRUTH)
    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "2-3-1, tanh → identity, loss mse (mean), 1 sample, η = 0.1, float64"
    parts = [line.partition(" ─")[0] for line in lines if "──" in line and line[0] != "─"]
    assert parts == ["Forward", "Loss", "Backward", "Update"]
    assert lines[-1].startswith("The loss was ")
    assert max(map(len, lines)) <= 100


def test_the_same_seed_prints_the_same_and_another_one_something_else(command):
    first, again, other = (command(*TRUTH, "--seed", seed).out for seed in ("3", "3", "4"))
    assert first == again != other


def test_all_options_reach_the_network(command):
    outcome = command(
        *(*TRUTH, "--network", "3-4-2", "--activation", "relu", "--loss", "cross_entropy"),
        *("--reduction", "sum", "--samples", "2", "--learning-rate", "0.5", "--dtype", "float32"),
    )
    assert outcome.out.startswith(
        "3-4-2, relu → softmax, loss cross_entropy (sum), 2 samples, η = 0.5, float32\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--network 2-1", "2-1, identity, loss mse"),
        ("--network 2-1 --activation sigmoid --loss bce", "2-1, sigmoid, loss bce"),
        ("--network 2-2-2-1 --activation relu", "2-2-2-1, relu → relu → identity, loss mse"),
        ("--network 2-2-2-1 --activation relu,tanh,tanh", "2-2-2-1, relu → tanh → tanh, loss mse"),
        ("--loss bce", "2-3-1, tanh → sigmoid, loss bce"),
    ],
)
def test_activations_are_one_for_all_hidden_layers_or_one_for_each(command, words, said):
    assert command(*TRUTH, *words.split()).out.startswith(said)


def test_a_case_file_is_explained(command):
    from backproof.cases import draw_case

    case = draw_case(1, 3, "float32").case
    Path("one.json").write_text(case_to_json(case), encoding="utf-8")
    outcome = command(*TRUTH, "--case", "one.json")
    assert outcome.status == 0
    assert "float32" in outcome.out.partition("Forward")[0]


def test_a_mistake_is_shown_where_it_goes_wrong(command):
    outcome = command(*TRUTH, "--mistake", "bias-not-updated")
    assert outcome.status == 0
    assert "It goes wrong at step 17, U2, bias update, layer 1." in outcome.out
    assert MISTAKES["bias-not-updated"].remedy in outcome.out


def test_the_frameworks_that_are_installed_are_asked_besides_the_truth(command):
    outcome = command("explain", "--oracles", "torch,truth", "--network", "1-1")
    assert "✓ torch, the truth: equal to the last bit" in outcome.out


@pytest.mark.parametrize(
    ("usual", "asked"),
    [
        (("truth",), ("truth",)),
        (("torch",), ("torch", "truth")),
        (("torch", "jax"), ("torch", "jax", "truth")),
    ],
)
def test_by_default_what_is_installed_and_the_truth_are_asked(monkeypatch, usual, asked):
    from backproof.cli_explain import _oracle_names

    monkeypatch.setattr(backproof.oracle_names, "usual_oracles", lambda: usual)
    assert _oracle_names(None) == asked


def test_a_page_is_written_and_its_path_is_all_that_is_printed(command):
    outcome = command(*TRUTH, "--html", "pass.html")
    assert (outcome.status, outcome.out) == (0, "page: pass.html\n")
    first = Path("pass.html").read_bytes()
    assert first.startswith(b"<!doctype html>")
    command(*TRUTH, "--html", "again.html")
    assert Path("again.html").read_bytes() == first


def test_it_is_plain_in_a_pipe(program):
    outcome = program(*TRUTH, "--network", "1-1", PYTHONIOENCODING="utf-8")
    assert outcome.status == 0
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("--network 2-x", "--network '2-x' is not a list of widths; give such as 2-3-1"),
        ("--network 2--1", "is not a list of widths; give such as 2-3-1"),
        ("--network 3", "--network 3 has inputs and no layer; give one width more, such as 3-1"),
        ("--network 2-0-1", "a layer without units; each width must be at least 1"),
        ("--network 2-900-1", "too large to be explained; give at most 10 layers of 128 units"),
        ("--network 2-2-2-2-2-2-2-2-2-2-2-2", "too large to be explained; give at most 10 layers"),
        ("--network 128-128-128 --samples 9", "at most .* 50,000 products in a forward pass, not 294,912"),
        ("--activation tan", r"unknown activation 'tan'; did you mean tanh\?"),
        ("--activation nothing", "unknown activation 'nothing'; 'backproof list activations' shows all"),
        ("--activation a,b,c", "3 names for 2 layers; give one for each layer, or one for all but the last"),
        ("--activation ,", "--activation is empty; give one, such as tanh"),
        ("--loss mes", r"unknown loss 'mes'; did you mean mse\?"),
        ("--loss zzz", "unknown loss 'zzz'; 'backproof list losses' shows all"),
        ("--loss bce --activation tanh,tanh", r"takes predictions in \[0, 1\], but tanh .* end with sigmoid"),
        ("--reduction avg", "unknown reduction 'avg'; known: mean, sum, batchmean, entrymean"),
        ("--dtype half", "unknown dtype 'half'; known: float32, float64"),
        ("--samples 0", "--samples must be from 1 to 64, not 0"),
        ("--samples two", "'two' is not a whole number"),
        ("--seed -1", "seed must be from 0 to"),
        ("--learning-rate inf", "must be a number of at most a million, not inf; try 0.1"),
        ("--learning-rate fast", "'fast' is not a number"),
        ("--oracles tf", "unknown oracle 'tf'; known: torch, jax, truth"),
        ("--oracles ,", "--oracles is empty; give some of torch, jax, truth"),
        ("--mistake derivativ-forgotten", "did you mean derivative-forgotten"),
        ("--mistake zzzzzz", "unknown mistake 'zzzzzz'; 'backproof list mistakes' shows all"),
        ("--mistake softmax-elementwise", "makes no difference here: .*; try activations such as softmax"),
        ("--mistake batch-mean-twice", "makes no difference here: .* or --samples 3|--samples 3"),
        ("--case missing.json", "cannot read missing.json: .*; give a case file"),
        ("--case a.json --loss mse", "--loss draws a network, and --case gives one; leave out one"),
        ("--case a.json --learning-rate 1", "--learning-rate draws a network, and --case gives one"),
        ("--html no/such/folder/pass.html", "cannot write no/such/folder/pass.html: .*; give another file"),
        ("extra", "unexpected extra argument"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_remedy(command, words, remedy):
    assert_refused(command(*TRUTH, *words.split()), remedy)


@pytest.mark.parametrize("option", ["--html", "--mistake"])
def test_an_empty_option_is_refused(command, option):
    assert_refused(command(*TRUTH, option, ""), f"{option} is empty")


def test_a_case_file_that_is_none_is_refused_in_one_line(command):
    Path("x.json").write_text(json.dumps({"format": "something"}), encoding="utf-8")
    assert_refused(command(*TRUTH, "--case", "x.json"), "x.json: ")


def test_a_file_name_with_control_characters_is_made_safe(command):
    assert_refused(command(*TRUTH, "--case", "a\x1b[31m.json"), r"a\\x1b\[31m\.json")


def test_an_oracle_that_is_not_installed_is_told_with_the_way_out(command, monkeypatch):
    from oracles import OracleMissingError

    def missing() -> Never:
        raise OracleMissingError("torch is not installed; pip install 'backproof[torch]'")

    monkeypatch.setitem(backproof.oracle_names.ORACLES, "torch", missing)
    assert_refused(command("explain", "--oracles", "torch"), "not installed; .*: --oracles truth")
