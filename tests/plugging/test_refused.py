"""A user's mistakes in naming, declaring and calling: one line that says what to change, exit status 2."""

import contextlib
import io
import re
import sys
from pathlib import Path

import pytest

from backproof.cli import main

from .command import ROOT, Outcome, call, miniature

RIGHT = miniature("right.py:right")


def refused(folder, words, remedy, *, in_process=True):
    """Status 2, nothing on standard output, one printable line on standard error that matches, no report."""
    outcome = (here if in_process else call)(folder, *words)
    assert outcome.status == 2, outcome
    assert outcome.out == ""
    line = outcome.err.removesuffix("\n")
    assert line.isprintable(), f"not one plain line: {line!r}"
    assert line.startswith("backproof: error: ")
    assert len(line) < 2_000
    assert "line None" not in line
    assert re.search(remedy, line), f"{line!r} does not match {remedy!r}"
    assert not (folder / "out" / "report.json").exists()


def here(folder, *words: str) -> Outcome:
    """The command called in this process, in `folder`: nothing that is refused needs one of its own."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([*words, *(("--out", "out") if words[0] == "run" else ())])
    return Outcome(status, out.getvalue(), err.getvalue(), 0, folder / "out")


# ---------------------------------------------------------------- what is named


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("nowhere.py:right", r"no file.*nowhere\.py"),
        ("nowhere/at_all.py:right", r"no file.*nowhere/at_all\.py"),
        (".:right", r"'?\.'?.*FILE\.py:NAME"),
        ("/dev/null:right", r"no (Python )?file.*/dev/null|/dev/null is no Python file"),
        (miniature("right.py"), r"right\.py.* (name|NAME)"),
        (miniature("right.py:"), r"right\.py.* (name|NAME)"),
        (miniature("right.py:rihgt"), r"no 'rihgt'.*did you mean 'right'"),
        (miniature("right.py:SUPPORTED"), r"SUPPORTED is a dict.*(function|class)"),
        (miniature("right.py:Right.nothing"), r"nothing"),
        (miniature("declared_wrongly.py:A_NUMBER"), r"A_NUMBER is an int.*(function|class)"),
        (miniature("declared_wrongly.py:AN_INSTANCE"), r"AN_INSTANCE is an object.*(function|class)"),
        ("no_such_module_anywhere:right", r"no module.*no_such_module_anywhere"),
        ("os.no_such_part:right", r"os\.no_such_part"),
        ("json:dunps", r"no 'dunps'.*did you mean 'dumps'"),
        ("", r"--impl is empty|names no implementation"),
        ("right", r"'right'.*(FILE\.py:NAME|MODULE:NAME)"),
        (":right", r"':right'.*(FILE\.py:NAME|MODULE:NAME)"),
        ("\x1b[31mred\n.py:right", r"\\x1b\[31mred\\n"),
        ("nul\x00.py:right", r"nul\\x00"),
    ],
)
def test_a_source_that_leads_nowhere(source, remedy, tmp_path):
    refused(tmp_path, ("run", "--impl", source), remedy)


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (
            "x = 1\ndef right(view)\n    return {}\n",
            r"mine\.py.* line 2.*expected ':'",
        ),
        ("def right(view):\nreturn {}\n", r"line 2"),
        ("right = lambda view: {}\n\x00", r"mine\.py.*(null|source)"),
        ("\udcff = 1", r"mine\.py.*(utf-8|UTF-8|SyntaxError)"),
        ("import numpy.no_such_part\n", r"mine\.py.*ModuleNotFoundError.*numpy\.no_such_part"),
        ("from numpy import no_such_name\n", r"mine\.py.*ImportError.*no_such_name"),
        ("from . import helper\n", r"mine\.py.*ImportError.*relative import"),
        ("1 / 0\n", r"mine\.py.* line 1.*ZeroDivisionError|ZeroDivisionError.*mine\.py.* line 1"),
        ("", r"no 'right'"),
    ],
)
def test_a_file_that_is_no_module(content, remedy, tmp_path):
    (tmp_path / "mine.py").write_text(content, errors="surrogateescape")
    refused(tmp_path, ("run", "--impl", "mine.py:right"), remedy)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("needs_a_missing_package.py:right", r"'a_package_that_nobody_has'.*(install|--python)"),
        ("raises_on_import.py:right", r"raised RuntimeError: no \\x1b\[31mdata"),
        ("exits_on_import.py:right", r"raised SystemExit"),
        ("reads_input_on_import.py:right", r"raised EOFError"),
    ],
)
def test_a_module_that_cannot_be_imported(name, remedy, tmp_path):
    words = ("run", "--impl", miniature(name), "--oracles", "truth", "--out", "out")
    refused(tmp_path, words, remedy, in_process=False)


# ---------------------------------------------------------------- what it is, and declares


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("unknown_activation", r"(?=.*activations).*'tahn'.*did you mean 'tanh'"),
        ("unknown_loss", r"(?=.*losses).*'half_square_error'.*did you mean 'half_squared_error'"),
        ("unknown_key", r"'activation'.*did you mean 'activations'"),
        ("hostile_key", r"\\x1b\[31msamples\\n"),
        ("key_that_is_no_text", r"key '?1\b"),
        ("wrong_word_for_samples", r"samples.*'row'.*'?rows'?"),
        ("wrong_word_for_weights", r"weights.*'inputs times outputs'.*inputs x outputs"),
        ("wrong_word_for_bias", r"bias.*'vector'.*flat"),
        ("wrong_word_for_labels", r"labels.*'onehot'.*one-hot"),
        ("wrong_scale", r"loss_scale.*'/m'.*'1/m'"),
        ("wrong_gradient_scale", r"gradient_scale.*/m.*0\.5"),
        ("wrong_dtype", r"(?=.*dtypes).*'float16'.*float32"),
        ("wrong_reduction", r"(?=.*reductions).*'average'.*mean"),
        ("text_for_a_list", r"activations must be a list.*\['tanh'\]"),
        ("empty_list", r"activations.*(empty|at least one)"),
        ("depth_upside_down", r"depth.*\[?3, 1\]?"),
        ("depth_zero", r"depth.*at least 1.*\b0\b"),
        ("batch_in_words", r"batch.*'many'"),
        ("pair_that_does_not_fit", r"(?=.*bce).*identity"),
        ("pair_of_three", r"pairs.*\['identity', 'bce', 'mean'\]"),
        ("words_for_parameters", r"(?=.*'yes').*parameters must be true or false"),
        ("no_mapping", r"declaration is a (dict|mapping)"),
        ("activations_that_fit_no_loss", r"bce.*add one of: .*sigmoid"),
        ("takes_nothing", r"takes_nothing\(\) must take exactly one argument"),
        (
            "takes_a_network_and_data",
            r"takes_a_network_and_data\(network, data\) must take exactly one argument",
        ),
        ("takes_the_parts", r"takes_the_parts\(W, b, X\) must take exactly one argument"),
    ],
)
def test_what_cannot_be_an_implementation_or_a_declaration(name, remedy, tmp_path):
    source = miniature(f"declared_wrongly.py:{name}")
    refused(tmp_path, ("run", "--impl", source), remedy)
    refused(tmp_path, ("run", "--impl", source, "--no-isolation"), remedy)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("HasNoBackward", r"HasNoBackward lacks backward"),
        ("NeedsWidthsToBeMade", r"NeedsWidthsToBeMade.*must take the case, or nothing"),
    ],
)
def test_a_class_that_is_no_implementation(name, remedy, tmp_path):
    refused(tmp_path, ("run", "--impl", miniature(f"objects.py:{name}")), remedy)


# ---------------------------------------------------------------- how it is called


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--impl", RIGHT, "--impl-cmd", "./net"), r"--impl.*--impl-cmd"),
        (("--impl", RIGHT, "--mistake", "derivative-forgotten"), r"--impl.*--mistake|--mistake.*--impl"),
        (
            ("--impl-cmd", "./net", "--mistake", "derivative-forgotten"),
            r"--impl-cmd.*--mistake|--mistake.*--impl",
        ),
        (("--impl-cmd", "./net", "--no-isolation"), r"--no-isolation.*--impl"),
        (("--impl-cmd", "./net", "--python", sys.executable), r"--python.*--impl"),
        (("--python", sys.executable), r"--python.*--impl"),
        (("--no-isolation",), r"--no-isolation.*--impl"),
        (
            ("--impl", RIGHT, "--no-isolation", "--python", sys.executable),
            r"--no-isolation.*--python|--python.*--no",
        ),
        (("--impl", RIGHT, "--time-limit", "0"), r"time-limit.*0"),
        (("--impl", RIGHT, "--time-limit", "-1"), r"time-limit.*-1"),
        (("--impl", RIGHT, "--time-limit", "nan"), r"time-limit.*nan"),
        (("--impl", RIGHT, "--time-limit", "soon"), r"time-limit.*'soon'"),
        (("--impl", RIGHT, "--memory-limit", "0"), r"memory-limit.*0"),
        (("--impl", RIGHT, "--memory-limit", "much"), r"memory-limit.*'much'"),
        (("--impl", RIGHT, "--activations", "softmax"), r"softmax.*(declares|supports|tanh)"),
        (("--impl", RIGHT, "--losses", "bce"), r"bce.*(declares|supports|half_squared_error)"),
    ],
)
def test_options_that_do_not_go_together_or_hold_no_number(words, remedy, tmp_path):
    refused(tmp_path, ("run", *words), remedy)


@pytest.mark.parametrize(
    ("python", "remedy"),
    [
        ("no-such-python", r"--python.*no-such-python"),
        ("/nowhere/python", r"--python.*/nowhere/python"),
        ("true", r"true.*Python"),
        ("echo", r"echo.*Python"),
        (".", r"--python.*'?\.'?.*(directory|folder|program|Permission)"),
        ("a_text.txt", r"--python.*a_text\.txt"),
        ("", r"--python is empty"),
    ],
)
def test_a_python_that_is_none(python, remedy, tmp_path):
    (tmp_path / "a_text.txt").write_text("I am no program")
    refused(tmp_path, ("run", "--impl", RIGHT, "--python", python), remedy)


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        ("./no_such_net", r"no_such_net.*(No such file|not found|does not exist)"),
        ("no-such-net-on-the-path --fast", r"no-such-net-on-the-path"),
        ("./a_text.txt", r"a_text\.txt.*(Permission|executable|chmod)"),
        ("'unclosed", r"unclosed.*close the quotes"),
        ("", r"--impl-cmd is empty"),
        ("true", r"true.*(ended|closed|said nothing|status 0).*(hello|JSON)|(ended|closed).*status 0"),
        ("false", r"status 1"),
        ("echo hello", r"'hello'.*only answers on standard output"),
        ("echo null", r"'null'.*only answers on standard output"),
        ("echo []", r"(\[\]|array|list).*(object|JSON)"),
        ("head -c 4000000 /dev/zero", r"said no hello: it ended with exit status 0"),
        pytest.param("sleep 3600", r"no answer within 12 s.*flush", marks=pytest.mark.long),
        ("cat", r"JSON|hello|answer"),
    ],
)
def test_a_command_that_is_none_or_answers_garbage(command, remedy, tmp_path):
    (tmp_path / "a_text.txt").write_text("I am no program")
    refused(tmp_path, ("run", "--impl-cmd", command, "--time-limit", "2"), remedy)


def test_a_mistake_is_refused_in_a_program_of_its_own_too(tmp_path):
    words = ("run", "--impl", miniature("right.py:rihgt"), "--oracles", "truth", "--out", "out")
    refused(tmp_path, words, "did you mean 'right'", in_process=False)


def test_replay_refuses_what_run_refuses(tmp_path):
    (tmp_path / "case.json").write_text("{}")
    for words in (("--impl", "nowhere.py:right"), ("--impl", RIGHT, "--impl-cmd", "./net")):
        outcome = here(tmp_path, "replay", "case.json", *words)
        assert outcome.status == 2
        assert outcome.err.count("\n") == 1


def test_no_message_shows_where_backproof_is_installed(tmp_path):
    outcome = here(tmp_path, "run", "--impl", "nowhere.py:right")
    assert str(Path(ROOT, "backproof")) not in outcome.err
