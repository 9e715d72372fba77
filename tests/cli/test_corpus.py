"""`backproof corpus add|run`, `run --corpus`: cases are kept, judged first, never skipped in silence."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof.chunks
import backproof.run
from backproof.corpus import read_corpus
from backproof.reporting.files import read_report, write_report
from backproof.reporting.model import CauseRow, Report
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network, case_to_dict, case_to_json
from tests.corpus.samples import case, kept, saved

from .conftest import DOCUMENTED
from .test_bad_input import assert_refused

pytestmark = pytest.mark.usefixtures("without_type_checks")

PLUGGED = """
import numpy as np

def layer(c):
    A = np.tanh(c.W[0] @ c.X + c.b[0])
    D = FACTOR * 2 * (A - c.Y) * (1 - A * A)
    return {"loss": ((A - c.Y) ** 2).sum(), "dW": [D @ c.X.T], "db": [D.sum(1, keepdims=True)]}
layer.backproof = {
    "depth": 1, "activations": ["tanh"], "losses": ["mse"], "loss_scale": "sum", "dtypes": ["float64"]
}
"""


@pytest.fixture(autouse=True)
def _without_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mistake is told as is tested elsewhere, and takes seconds."""
    monkeypatch.setattr(backproof.run, "explain", lambda *_, **__: None)


def plugged(factor: float = 1) -> tuple[str, ...]:
    """The options that name an implementation of one layer of tanh in float64; right if the factor is 1."""
    # Of another length if it is wrong: Python takes files of the same second and length for the same.
    number = "1" if factor == 1 else f"({factor})"
    Path("mine.py").write_text(PLUGGED.replace("FACTOR", number))
    return ("--impl", "mine.py:layer", "--oracles", "torch")


def wrong_report(command: Any, mistake: str = "bias-from-one-column") -> Report:
    """The report in `wrong/` of a run in which that mistake is found, once in each dtype."""
    saved(Path("judged"), kept(case("float32")), kept(case("float64")))
    words = ("--oracles", "torch", "--mistake", mistake, "--out", "wrong")
    assert command("corpus", "run", "judged", *words).status == 1
    return read_report("wrong/report.json")


def unjudged() -> Case:
    """A case whose every number overflows: no bound says anything of it."""
    huge = np.full((1, 1), 1e200)
    return Case(Network((Layer(huge, huge, ActivationSpec("identity")),), LossSpec("mse")), huge, huge)


# ---------------------------------------------------------------- add


def test_the_findings_of_a_report_are_kept_each_case_once_and_break_again(command):
    report = wrong_report(command)
    outcome = command("corpus", "add", "kept", "wrong/report.json")
    assert (outcome.status, outcome.err) == (0, "")
    wanted = {finding.case_id for finding in report.findings if finding.wrong}
    *lines, last = outcome.out.splitlines()
    assert len(lines) == len(wanted) == 2
    assert last == f"{len(lines)} added, 0 there already; kept now has {len(lines)} entries"
    entries = {each.file_name.removesuffix(".json"): each for each in read_corpus("kept")}
    assert wanted == entries.keys()
    first = entries[report.findings[0].case_id]
    assert first.entry.note == report.findings[0].message
    assert (first.entry.equation, first.entry.cause) == (report.findings[0].equation, "")
    assert first.entry.found.mistake == "bias-from-one-column"
    assert case_to_dict(first.case) == report.findings[0].case
    again = command("corpus", "run", "kept", "--oracles", "torch", "--mistake", "bias-from-one-column")
    assert again.status == 1
    assert again.out.startswith("Does not conform: the reference with the mistake bias-from-one-column")
    assert command("corpus", "run", "kept", "--oracles", "torch").status == 0


def test_the_cause_that_a_report_names_is_kept(command):
    report = wrong_report(command)
    named = report.findings[0].model_copy(update={"cause": "db taken from column 1 alone"})
    write_report(report.model_copy(update={"findings": (named, *report.findings[1:])}), "named")
    assert command("corpus", "add", "kept", "named/report.json").status == 0
    causes = {each.file_name: each.entry.cause for each in read_corpus("kept")}
    assert causes[f"{named.case_id}.json"] == "db taken from column 1 alone"


@pytest.mark.parametrize("inline", [True, False], ids=["in the report", "in its own file"])
def test_of_a_cause_whose_smallest_case_is_known_that_one_is_kept(command, inline):
    report = wrong_report(command)
    small = case(x=8.0)
    of_double = tuple(finding.number for finding in report.findings if finding.dtype == "float64")
    cause = CauseRow(
        number=1, equation="B3", kind="mistake", what="db of one column", cases=1, findings=of_double,
        smallest_id=small.content_hash[:16], smallest_case=case_to_dict(small),
    )  # fmt: skip
    write_report(report.model_copy(update={"causes": (cause,)}), "small")
    if not inline:
        bare = cause.model_copy(update={"smallest_case": None})
        write_report(report.model_copy(update={"causes": (bare,)}), "small")
    assert command("corpus", "add", "kept", "small/report.json").status == 0
    assert {each.case for each in read_corpus("kept")} == {small, case("float32")}


def test_a_saved_case_is_kept_with_its_note_and_a_second_time_left_as_it_is(command):
    Path("case.json").write_text(case_to_json(case()))
    name = f"{case().content_hash[:16]}.json"
    outcome = command("corpus", "add", "kept", "case.json", "--note", "tanh, once wrong")
    assert outcome.out.splitlines() == [
        f"added          {name}  tanh-mse-float64-{name[:8]}",
        "1 added, 0 there already; kept now has 1 entry",
    ]
    before = (Path("kept") / name).read_bytes()
    outcome = command("corpus", "add", "kept", "case.json", "case.json", "--note", "another")
    assert outcome.status == 0
    assert outcome.out.splitlines() == [
        f"there already  {name}  tanh-mse-float64-{name[:8]}",
        "0 added, 1 there already; kept now has 1 entry",
    ]
    assert (Path("kept") / name).read_bytes() == before
    assert b'"note": "tanh, once wrong"' in before


def test_an_entry_of_another_corpus_keeps_what_it_says(command):
    found = kept(case(), note="why", cause="because", equation="B5")
    [path] = saved(Path("theirs"), found)
    assert command("corpus", "add", "ours", str(path)).status == 0
    assert read_corpus("ours") == (found,)
    assert command("corpus", "add", "noted", str(path), "--note", "mine").status == 0
    [noted] = read_corpus("noted")
    assert (noted.entry.note, noted.entry.cause) == ("mine", "because")


def test_a_case_that_is_long_is_taken_from_its_own_file(command):
    report = wrong_report(command)
    bare = tuple(finding.model_copy(update={"case": None}) for finding in report.findings)
    write_report(report, "long")
    write_report(report.model_copy(update={"findings": bare}), "long")
    assert command("corpus", "add", "kept", "long/report.json").status == 0
    command("corpus", "add", "same", "wrong/report.json")
    assert read_corpus("kept") == read_corpus("same")
    for file in Path("long/cases").iterdir():
        file.unlink()
    assert_refused(
        command("corpus", "add", "none", "long/report.json"), "cannot read long/cases/.*give the folder"
    )


def test_a_report_in_which_nothing_is_wrong_leaves_nothing_to_keep(command):
    words = ("--cases", "10", "--seed", "5", "--oracles", "torch", "--out", "right")
    assert command("run", *words, *DOCUMENTED).status == 0
    outcome = command("corpus", "add", "kept", "right/report.json")
    assert outcome.status == 0
    assert outcome.out.splitlines() == [
        "right/report.json: no mismatch, no fault and nothing unstable to keep",
        "0 added, 0 there already; kept now has 0 entries",
    ]


def test_one_file_that_holds_no_case_leaves_nothing_half_added(command):
    Path("case.json").write_text(case_to_json(case()))
    Path("broken.json").write_text(case_to_json(case())[:-9])
    assert_refused(
        command("corpus", "add", "kept", "case.json", "broken.json"), "broken.json: .*the file complete"
    )
    assert not Path("kept").exists()


def test_a_case_that_is_not_the_one_that_its_report_names_is_refused(command):
    report = wrong_report(command)
    other = report.findings[0].model_copy(update={"case": case_to_dict(case())})
    write_report(report.model_copy(update={"findings": (other, *report.findings[1:])}), "odd")
    assert_refused(
        command("corpus", "add", "kept", "odd/report.json"), "case of finding 1 is not .*was it edited"
    )


# ---------------------------------------------------------------- run


def test_every_entry_is_judged_with_the_truth_and_the_report_says_that_it_was_kept(command):
    saved(Path("kept"), kept(case("float32")), kept(case("float64")), kept(case("float64", x=2.0)))
    outcome = command("corpus", "run", "kept", "--oracles", "torch", "--out", "out")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("The reference conforms: no mismatch and no fault in 3 judged cases.")
    report = read_report("out/report.json")
    assert [(row.name, row.dtype, row.cases) for row in report.regimes] == [
        ("corpus", "float32", 1),
        ("corpus", "float64", 2),
    ]
    assert report.regimes[0].description == "kept cases of earlier findings, judged first"
    assert report.truth is not None
    assert sum(report.truth.asked.values()) == 3
    assert (report.run.cases_requested, report.floor) == (3, 2)
    words = shlex.split(report.run.command)
    assert command(*words[1:]).out.splitlines()[:3] == outcome.out.splitlines()[:3]


def test_without_out_no_report_is_written(command):
    saved(Path("kept"), kept())
    outcome = command("corpus", "run", "kept", "--oracles", "truth")
    assert outcome.status == 0
    assert "report" not in outcome.out
    assert [path.name for path in Path().iterdir()] == ["kept"]


def test_a_mistake_that_an_entry_shows_fails_the_run_and_the_finding_comes_from_the_corpus(command):
    saved(Path("kept"), kept(case("float32")), kept())
    words = ("--oracles", "torch", "--mistake", "bias-from-one-column", "--out", "out")
    assert command("corpus", "run", "kept", *words).status == 1
    report = read_report("out/report.json")
    assert report.counts.mismatch == 2
    finding = report.findings[0]
    assert (finding.equation, finding.regime, finding.seed, finding.index) == ("B3", "corpus", None, None)
    saved_case = json.loads((Path("out") / finding.case_file).read_text())
    assert saved_case in [case_to_dict(case(dtype)) for dtype in ("float32", "float64")]


def test_two_runs_make_the_same_report(command):
    texts = []
    saved(Path("kept"), kept(), kept(case("float32")), kept(case(x=2.0)))
    for out in ("one", "two"):
        command("corpus", "run", "kept", "--oracles", "torch", "--mistake", "update-uphill", "--out", out)
        lines = (Path(out) / "report.json").read_text().splitlines()
        texts.append([line for line in lines if not line.startswith('"times":')])
    assert texts[0] == texts[1]


def test_what_an_implementation_does_not_declare_is_not_judged_with_the_reason(command):
    saved(Path("kept"), *map(kept, (case(), case("float32"), case(activation="relu"), case(loss="l1"))))
    outcome = command("corpus", "run", "kept", *plugged(), "--no-isolation", "--out", "out")
    assert outcome.status == 0, outcome.out
    report = read_report("out/report.json")
    assert (report.counts.conforms, report.counts.not_judged, report.floor) == (1, 3, 1)
    assert {row.reason for row in report.not_judged if row.quantity == "trace"} == {
        "not declared: float32",
        "not declared: the activation relu",
        "not declared: the loss l1",
    }
    outcome = command("corpus", "run", "kept", *plugged(2), "--no-isolation")
    assert outcome.status == 1
    assert "wrong in 1 of 1 judged case" in outcome.out


def test_a_corpus_in_which_nothing_can_be_judged_fails(command):
    saved(Path("kept"), kept(case("float32")), kept(case(activation="relu")))
    outcome = command("corpus", "run", "kept", *plugged(), "--no-isolation")
    assert outcome.status == 1
    assert outcome.out.startswith("Nothing was judged: no verdict on layer.")
    saved(Path("beyond"), kept(unjudged()))
    outcome = command("corpus", "run", "beyond", "--oracles", "truth")
    assert outcome.status == 1
    assert outcome.out.startswith("Nothing was judged: no verdict on the reference.")


def test_a_corpus_of_which_too_little_can_be_judged_fails(command):
    saved(Path("kept"), kept(), kept(unjudged()))
    assert command("corpus", "run", "kept", "--oracles", "truth").status == 0
    saved(Path("kept"), kept(Case(unjudged().network, 2 * unjudged().X, unjudged().Y)))
    outcome = command("corpus", "run", "kept", "--oracles", "truth")
    assert outcome.status == 1
    assert outcome.out.startswith("No verdict: only 1 judged case, fewer than the floor of 2")


def test_an_implementation_in_a_process_of_its_own_is_judged_alike(command):
    saved(Path("kept"), kept(), kept(case("float32")))
    assert command("corpus", "run", "kept", *plugged()).status == 0
    Path("dead.py").write_text("import os\nos.abort()\n")
    outcome = command("corpus", "run", "kept", "--oracles", "torch", "--impl", "dead.py:net")
    assert outcome.status == 1
    assert "1 fault" in outcome.out


def test_who_interrupts_gets_what_was_judged_until_then(command, monkeypatch):
    saved(Path("kept"), kept(), kept(case("float32")))
    monkeypatch.setattr(backproof.chunks, "SIZES", (1,))

    def once(*arguments: Any, judge: Any = backproof.chunks.judge_kept, told: list[int] = []) -> Any:  # noqa: B006
        if told:
            raise KeyboardInterrupt
        told.append(1)
        return judge(*arguments)

    monkeypatch.setattr(backproof.chunks, "judge_kept", once)
    outcome = command("corpus", "run", "kept", "--oracles", "truth", "--out", "out")
    assert outcome.status == 130
    assert outcome.out.startswith("Interrupted after 1 of 2 cases.")
    assert read_report("out/report.json").status == "interrupted"


# ---------------------------------------------------------------- run --corpus


@pytest.mark.long
def test_a_run_judges_its_corpus_before_its_random_cases(command, monkeypatch):
    saved(Path("kept"), kept(), kept(case("float32")))
    order: list[str] = []
    judge, draw = backproof.chunks.judge_kept, backproof.chunks.draw_case
    monkeypatch.setattr(backproof.chunks, "judge_kept", lambda *a: order.append("kept") or judge(*a))
    monkeypatch.setattr(backproof.chunks, "draw_case", lambda *a: order.append("drawn") or draw(*a))
    words = ("--cases", "3", "--oracles", "torch", *DOCUMENTED, "--corpus", "kept", "--out", "out")
    outcome = command("run", *words)
    assert outcome.status == 0
    assert order == ["kept", *["drawn"] * 6]
    report = read_report("out/report.json")
    assert (report.run.cases_requested, report.counts.total, report.floor) == (8, 8, 7)
    assert sum(row.cases for row in report.regimes if row.name == "corpus") == 2
    assert "--corpus kept" in report.run.command
    wrong = command("run", *words, "--mistake", "bias-from-one-column")
    assert wrong.status == 1
    assert {f.regime for f in read_report("out/report.json").findings if f.equation == "B3"} == {"corpus"}


def test_with_a_corpus_no_random_cases_are_needed(command):
    saved(Path("kept"), kept())
    outcome = command("run", "--cases", "0", "--oracles", "truth", "--corpus", "kept", "--out", "out")
    assert outcome.status == 0
    assert read_report("out/report.json").counts.total == 1


@pytest.mark.parametrize("words", ["corpus run kept", "run --corpus kept"])
def test_a_broken_entry_is_an_error_before_anything_is_computed(command, monkeypatch, words):
    def forbidden(*_: Any) -> None:
        raise AssertionError("something was computed")

    monkeypatch.setattr(backproof.run, "run", forbidden)
    monkeypatch.setattr(backproof.chunks, "ORACLES", {"torch": forbidden})
    [path] = saved(Path("kept"), kept())
    path.write_text(path.read_text()[:-20])
    outcome = command(*words.split(), "--oracles", "torch", "--out", "out")
    assert_refused(outcome, f"kept/{path.name} is not a whole entry of a corpus: .*is the file complete")
    assert not Path("out").exists()


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("corpus", "give one of: corpus add, corpus run; 'backproof corpus --help' explains them"),
        ("corpus list", "No such command 'list'; see 'backproof corpus --help'"),
        ("corpus --all", "No such option: --all; see 'backproof corpus --help'"),
        ("corpus add", "Missing argument 'DIR'; see 'backproof corpus add --help'"),
        ("corpus add kept", "Missing argument 'CASE.json'; see 'backproof corpus add --help'"),
        (
            "corpus add kept missing.json",
            "cannot read missing.json: No such file.*give a case as reports save",
        ),
        ("corpus add kept empty.json", "empty.json is empty; give a case as reports save them under cases/"),
        (
            "corpus add kept other.json",
            "other.json holds no case: its 'format' is not 'backproof-case'; give",
        ),
        ("corpus add kept report.json", "report.json has report version 9.0; .*install a newer one"),
        ("corpus add kept new.json", "new.json has corpus entry version 1.1; .*install a newer one"),
        (
            "corpus add file case.json",
            "cannot write into the corpus file: File exists; choose another folder",
        ),
        ("corpus run", "Missing argument 'DIR'; see 'backproof corpus run --help'"),
        ("corpus run missing", "cannot read the corpus missing: No such file or directory; give a folder"),
        ("corpus run none", "the corpus none has no entries; add some with: backproof corpus add DIR"),
        ("corpus run file", "cannot read the corpus file: Not a directory"),
        ("corpus run kept --oracles pytorch", "unknown oracle 'pytorch'; known: torch, jax, truth"),
        ("corpus run kept --mistake sign", "unknown mistake 'sign'; .*'backproof list mistakes'"),
        ("corpus run kept --mistake=", "--mistake is empty"),
        ("corpus run kept --out=", "--out is empty; give a folder, or leave it out for no report"),
        (
            "corpus run kept --python python3",
            "--python says how to run an implementation; give one with --impl",
        ),
        ("corpus run kept --impl nowhere.py:net", "there is no file nowhere.py"),
        ("corpus run kept --oracles truth --out file", "cannot write a report into file: .*choose another"),
        ("run --corpus=", "--corpus is empty; give a folder, or leave it out"),
        ("run --corpus missing", "cannot read the corpus missing: No such file or directory"),
        ("run --cases 0", "cases must be at least 1, not 0"),
        ("run --cases -1 --corpus kept", "cases must be at least 1, not -1"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_with_its_remedy(command, words, remedy):
    saved(Path("kept"), kept())
    Path("none").mkdir()
    Path("file").write_text("a file")
    Path("empty.json").write_text("")
    Path("other.json").write_text('{"format": "other"}')
    Path("report.json").write_text('{"format": "backproof-report", "schema_version": "9.0"}\n')
    Path("new.json").write_text('{"format": "backproof-corpus-entry", "version": "1.1"}')
    Path("case.json").write_text(case_to_json(case()))
    assert_refused(command(*words.split()), remedy)


def test_a_note_must_fit_and_an_empty_folder_is_none(command):
    Path("case.json").write_text(case_to_json(case()))
    assert_refused(
        command("corpus", "add", "kept", "case.json", "--note", "\n" * 251), "--note has 502 .*most is 500"
    )
    assert_refused(command("corpus", "add", "", "case.json"), "DIR is empty; give a folder")
    assert_refused(command("corpus", "run", ""), "DIR is empty; give the folder of a corpus")
    assert not Path("kept").exists()


def test_control_characters_come_back_escaped(command):
    hostile = "\x1b[31mred\n\u202eleft\ud800\x00"
    for words in (("add", hostile, "case.json"), ("add", "kept", hostile), ("run", hostile)):
        Path("case.json").write_text(case_to_json(case()))
        assert_refused(command("corpus", *words), r"\\x1b\[31mred\\(n|x0a)\\u202eleft\\ud800\\x00")
    assert command("corpus", "add", "kept", "case.json", "--note", "\x1b[31mred\n").status == 0
    [found] = read_corpus("kept")
    assert found.entry.note == r"\x1b[31mred\n"
