"""Whatever is asked for and cannot be done: one line on standard error that names the remedy, status 2."""

import copy
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import backproof.oracle_names
import backproof.run
from refimpl import ACTIVATIONS, LOSSES
from tests.reporting.sample_report import sample_report

CASE: dict[str, Any] = {
    "format": "backproof-case",
    "version": 1,
    "dtype": "float32",
    "learning_rate": 0.5,
    "network": {
        "layers": [
            {"activation": "leaky_relu", "parameters": {"negative_slope": 0.25}, "W": [[2]], "b": [1]}
        ],
        "loss": {"name": "mse", "reduction": "mean", "parameters": {}},
    },
    "X": [[1, -2]],
    "Y": [[0.5, 0.5]],
}


def assert_refused(outcome: Any, remedy: str) -> None:
    """Status 2, nothing on standard output, one printable line on standard error that matches `remedy`."""
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.endswith("\n")
    line = outcome.err.removesuffix("\n")
    assert line.isprintable(), f"not one plain line: {line!r}"
    assert line.startswith("backproof: error: ")
    assert re.search(remedy, line), f"{line!r} does not match {remedy!r}"


# ---------------------------------------------------------------- what is asked for


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("", "give a command, for example 'backproof run'"),
        ("frobnicate", "No such command 'frobnicate'; see 'backproof --help'"),
        ("--frobnicate", "No such option: --frobnicate.*; see 'backproof --help'"),
        ("run --frobnicate", "No such option: --frobnicate.*; see 'backproof run --help'"),
        ("run 7", r"unexpected extra argument.*\(7\).*; see 'backproof run --help'"),
        ("run --cases", "'--cases' requires an argument; see 'backproof run --help'"),
        ("run --workers 0", "workers must be at least 1, not 0"),
        ("run --workers two", "'two' is not a whole number; give one, such as 100"),
        ("run --cases 0", "cases must be at least 1, not 0"),
        ("run --cases -3", "cases must be at least 1, not -3"),
        ("run --cases ten", "'--cases': 'ten' is not a whole number; give one, such as 100"),
        ("run --cases 1.5", "'1.5' is not a whole number"),
        ("run --cases 99999999999999999999", "cases must be at most 1,000,000,000.*several seeds"),
        ("run --seed x", "'--seed': 'x' is not a whole number"),
        ("run --seed -1", r"seed must be from 0 to 2\^64 - 1, not -1"),
        ("run --seed 18446744073709551616", r"seed must be from 0 to 2\^64 - 1"),
        ("run --dtype float16", "unknown dtype 'float16'; known: float32, float64, both"),
        ("run --activations sigmoidal", "'sigmoidal' in activations; known: .*sigmoid, .*tanh"),
        ("run --activations ,", "activations must be .*at least one name.*leave it out"),
        ("run --losses logloss", "'logloss' in losses; known: .*bce"),
        ("run --losses ,", "losses must be .*at least one name.*leave it out"),
        ("run --losses bce --activations relu,tanh", r"bce takes .*\[0, 1\].*add one of: .*sigmoid"),
        ("run --oracles tensorflow", "unknown oracle 'tensorflow'; known: torch, jax"),
        ("run --oracles ,", "give at least one oracle of: torch, jax"),
        ("run --mistake bias-forgoten", "unknown mistake .*did you mean bias-forgotten.*list mistakes"),
        ("run --mistake 1", r"unknown mistake '1'; 'backproof list mistakes' shows all \d+"),
        ("run --cases 1 --mistake=", "--mistake is empty; give one of 'backproof list mistakes'"),
        ("run --cases 1 --out=", "--out is empty; give a folder"),
        ("replay", "Missing argument 'CASE.json'; see 'backproof replay --help'"),
        ("replay one.json two.json", r"unexpected extra argument.*\(two.json\)"),
        ("list", "Missing argument 'WHAT'; see 'backproof list --help'"),
        ("list functions", "unknown list 'functions'; known: equations, activations, losses"),
        ("list mistakes --yaml", "No such option: --yaml"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_with_its_remedy(command, words, remedy):
    assert_refused(command(*words.split()), remedy)


HOSTILE = "\x1b[31mred\n\u202eleft\ud800\x00"


@pytest.mark.parametrize(
    "words",
    [
        (HOSTILE,),
        (f"--{HOSTILE}",),
        ("run", HOSTILE),
        ("run", f"--{HOSTILE}"),
        ("run", "--cases", HOSTILE),
        ("run", "--activations", HOSTILE),
        ("run", "--oracles", HOSTILE),
        ("run", "--mistake", HOSTILE),
        ("run", "--out", f"/dev/null/{HOSTILE}"),
        ("replay", HOSTILE),
        ("list", HOSTILE),
    ],
)
def test_control_characters_in_the_command_come_back_escaped(command, words):
    assert_refused(command(*words), r"\\x1b\[31mred\\(n|x0a)\\u202eleft\\ud800\\x00")


def test_every_known_name_is_listed_when_one_is_unknown(command):
    for option, table in (("--activations", ACTIVATIONS), ("--losses", LOSSES)):
        line = command("run", option, "nope").err
        assert [name for name in table if not re.search(rf"\b{name}\b", line)] == []


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_missing_framework_names_the_extra_to_install(command, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    assert_refused(
        command("run", "--cases", "1", "--oracles", name, "--out", "out"),
        rf"pip install 'backproof\[{name}\]'",
    )
    Path("case.json").write_text(json.dumps(CASE))
    assert_refused(command("replay", "case.json", "--oracles", name), rf"'backproof\[{name}\]'")


# ---------------------------------------------------------------- where the report shall go


def test_a_report_cannot_go_where_a_file_is_in_the_way(command):
    Path("file").write_text("kept")
    for folder in ("file", "file/below", "/dev/null/below", "x" * 300):
        outcome = command("run", "--cases", "1", "--oracles", "torch", "--out", folder)
        assert_refused(outcome, "cannot write a report into .*; choose another folder")
    assert Path("file").read_text() == "kept"


# ---------------------------------------------------------------- case files


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ("", "case.json is empty; give a case file"),
        ("{", "not valid JSON at line 1, column 2.* is the file complete"),
        ("[" * 200_000, "nests too deep"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "nests too deep"),
        ("1" * 5_000, "too many digits"),
        ("NaN", "NaN is not JSON"),
        ("null", "must be an object, not null"),
        ("[]", "must be an object, not an array"),
        ("{}", "'format' is not 'backproof-case'.*give a case file"),
        ('{"format": "backproof-report"}', "'format' is not 'backproof-case'.*give a case file"),
        ('{"format": "backproof-case", "format": 1}', "'format' stands twice"),
        ('{"\\u001b[31m": "\\ud800\\u202e"}', "'format' is not 'backproof-case'"),
        (b"\xff\xfe\x00\x01" * 99, "is not UTF-8 text; give a case file"),
        (b"\x00" * 99, "not valid JSON"),
    ],
)
def test_a_file_that_holds_no_case_is_refused(command, content, remedy):
    Path("case.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(command("replay", "case.json"), remedy)


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("missing.json", "cannot read missing.json: No such file or directory; give a case file"),
        (".", "cannot read .: Is a directory; give a case file"),
        ("/dev/null", "/dev/null is empty; give a case file"),
        ("/dev/zero", "is longer than 67108864 bytes; give a case file"),
        ("loop.json", "Too many levels of symbolic links; give a case file"),
    ],
)
def test_what_is_no_file_of_a_case_is_refused(command, file, remedy):
    Path("loop.json").symlink_to("loop.json")
    assert_refused(command("replay", file), remedy)


def test_a_case_of_which_the_end_is_missing_is_refused_wherever_it_is_cut(command):
    text = json.dumps(CASE)
    for length in range(1, len(text), 7):
        Path("case.json").write_text(text[:length])
        assert_refused(command("replay", "case.json"), "is the file complete")


def places_in(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places_in(item, (*place, key))


def put(case: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(case)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


NONSENSE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e300,
    10**400,
    "nan",
    "\x1b[2J",
    [],
    [[]],
    [[1], []],
    {},
    {"W": []},
    [None],
)


@pytest.mark.long
@pytest.mark.usefixtures("without_type_checks")
def test_a_case_with_nonsense_in_any_one_place_is_refused_or_still_a_case(command, monkeypatch):
    # How such a case is judged is not what is tested here.
    monkeypatch.setattr(backproof.run, "replay", lambda *_: sample_report())
    monkeypatch.setattr(backproof.oracle_names, "ORACLES", {"torch": lambda: None, "jax": lambda: None})
    refused = 0
    for place in places_in(CASE):
        for value in NONSENSE:
            Path("case.json").write_text(json.dumps(put(CASE, place, value)))
            outcome = command("replay", "case.json")
            if outcome.status == 2:
                refused += 1
                assert_refused(outcome, "case.json: ")
            else:
                here = CASE
                for key in place:
                    here = here[key]
                number = isinstance(value, (int, float)) and isinstance(here, (int, float))
                assert number or (value == {} and place[-1] == "parameters"), (place, value)
    assert refused > 300
