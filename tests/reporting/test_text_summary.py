"""The summary on a terminal: one screen, the verdict first, plain where it must be, no colours but ours."""

import io
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backproof.cli import main
from backproof.cli_options import console
from backproof.reporting.model import CauseRow, Counts, Report
from backproof.reporting.text import print_summary, summary

from .hostile_report import HOSTILE, hostile_report
from .sample_report import finding, sample_report

_SGR = re.compile(r"\x1b\[[0-9;]*m")
PATH = Path("out") / "report.json"


def _passing(**changes: Any) -> Report:
    counts = Counts.tally({"conforms": 900, "convention": 11, "unstable": 1, "known deviation": 6})
    convention = finding(verdict="convention", cause=None, reason="on a kink", occurrences=53)
    fields: dict[str, Any] = {
        "counts": counts,
        "check_counts": Counts.tally({"conforms": 52000, "convention": 53}),
    }
    fields |= {"floor": 800, "findings": (convention,), "findings_total": 53, "worst_ratio": 0.71}
    run = sample_report().run.model_copy(update={"mistake": None})
    return sample_report(**(fields | {"run": run} | changes))


def _screen_lines(report: Report, width: int = 80) -> list[str]:
    lines = [line.plain for line in summary(report, PATH)]
    return [row for line in lines for row in (textwrap.wrap(line, width) or [""])]


def _printed(report: Report, **console: Any) -> str:
    file = io.StringIO()
    print_summary(report, Console(file=file, width=80, **console), PATH)
    return file.getvalue()


@pytest.mark.long
def test_a_passing_run_fits_a_screen_of_24_lines_and_a_failing_one_40():
    assert len(_screen_lines(_passing())) <= 24
    many = tuple(finding(number=n, equation=f"B{n}", right=f"side {n}", cause=None) for n in range(1, 51))
    deviations = tuple(
        row.model_copy(update={"id": f"torch-deviation-number-{n}", "seen": n})
        for n in range(1, 60)
        for row in sample_report().deviations
    )
    failing = sample_report(findings=many, findings_total=12345, deviations=deviations)
    assert len(_screen_lines(failing)) <= 40
    assert "and 12,263 further findings" in _printed(failing)  # 12345 less two of 41
    assert "56 others" in _printed(failing)


def test_what_counts_against_nobody_is_counted_and_not_told_at_length():
    lines = [line.plain for line in summary(_passing(), PATH)]
    assert lines[0] == "The reference conforms: no mismatch and no fault in 918 judged cases."
    assert "set apart   53 convention (checks; the page tells each)" in lines
    assert not [line for line in lines if line.startswith("#")]
    assert not [line for line in lines if "further" in line]


def test_the_first_finding_of_each_equation_is_told_before_another_of_the_same():
    report = sample_report(
        causes=(),
        findings=(
            finding(cause=None),
            finding(number=2, right="jax", cause=None),
            finding(number=3, scope="end to end", cause=None),
            finding(number=4, equation="U1", cause=None),
        ),
        findings_total=164,
    )
    heads = [line.plain for line in summary(report, PATH) if line.plain.startswith("#")]
    assert [head[:2] for head in heads] == ["#1", "#3", "#4"]
    assert heads[0] == (
        "#1 mismatch in B1: dW of layer 1, entry [1, 0] (reference against torch, float32, on its own inputs)"
    )


def test_findings_of_one_cause_are_one_entry_with_a_count():
    cause = CauseRow(
        number=1,
        equation="B1",
        layers=(1, 3),
        kind="mistake",
        name="input-not-transposed",
        what="The input of the layer is not transposed.",
        remedy="Transpose it.",
        evidence="strong: 40 wrong entries in 7 cases are exactly what it gives",
        cases=12,
        findings=(1, 2),
        smallest="1-1, tanh → identity, loss mse (sum), 1 sample",
        smallest_id="0123456789abcdef",
        smallest_case={},
        replay="backproof replay cases/0123456789abcdef.json --oracles torch",
        script=("import torch",),
    )
    findings = (finding(), finding(number=2, scope="end to end", equation="B5"))
    report = sample_report(causes=(cause,), findings=findings, findings_total=82)
    lines = [line.plain for line in summary(report, PATH)]
    start = lines.index("cause equation B1, layers 1 and 3: The input of the layer is not transposed.")
    assert lines[start + 1 : start + 9] == [
        "   mend     Transpose it.",
        "   named    input-not-transposed",
        "   evidence strong: 40 wrong entries in 7 cases are exactly what it gives",
        "   seen     in at least 12 cases",
        "   smallest 1-1, tanh → identity, loss mse (sum), 1 sample",
        f"   replay   backproof replay {PATH.parent}/cases/0123456789abcdef.json --oracles torch",
        f"   script   {PATH.parent}/cases/0123456789abcdef.py",
        "",
    ]
    assert [line[:2] for line in lines if line.startswith("#")] == ["#1"]
    assert not [line for line in lines if "further" in line]


def test_an_unstable_answer_of_the_implementation_is_told_and_a_frameworks_is_not():
    ours = finding(verdict="unstable", cause=None, reason="overflow", observed=float("nan"), excess=None)
    theirs = ours.model_copy(update={"left": "jax", "number": 1})
    unstable = "The reference is unstable: no mismatch and no fault in 918 judged cases, but answers that "
    text = _printed(_passing(findings=(ours,)))
    assert text.startswith(unstable)
    assert "#1 unstable in B1" in text
    assert "observed NaN, expected -0.25" in text
    text = _printed(_passing(findings=(theirs,)))
    assert text.startswith("The reference conforms: ")
    assert "#1" not in text


def test_a_fault_is_told_without_numbers_that_it_has_not():
    none: dict[str, Any] = dict.fromkeys(("observed", "expected", "bound", "excess", "equation"))
    reason = "db[1] has shape (2, 3), expected (3,) (biases are flat)"
    fault = finding(verdict="fault", cause=None, quantity="trace", entry=(), reason=reason, **none)
    lines = [line.plain for line in summary(sample_report(causes=(), findings=(fault,)), PATH)]
    start = next(number for number, line in enumerate(lines) if line.startswith("#1 fault"))
    assert lines[start + 1 : start + 3] == ["   seen 41 times", f"   {reason}"]
    assert "observed" not in "".join(lines)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "The reference conforms: no mismatch and no fault in 918 judged cases."),
        (
            {"floor": 919},
            "No verdict: only 918 judged cases, fewer than the floor of 919, but none is wrong.",
        ),
        ({"status": "interrupted"}, "Interrupted after 918 of 1,000 cases. The reference conforms: no mis"),
        ({"counts": Counts.tally({"not judged": 9})}, "Nothing was judged: no verdict on the reference."),
    ],
)
def test_the_first_line_is_the_verdict_in_one_sentence(changes, says):
    assert _printed(_passing(**changes)).startswith(says)


def test_a_failing_run_says_how_many_cases_are_mismatches_and_how_many_faults():
    counts = Counts.tally({"conforms": 7, "mismatch": 1, "fault": 2})
    assert _printed(sample_report(counts=counts)).startswith(
        "Does not conform: the reference with the mistake untransposed_input is wrong "
        "in 3 of 10 judged cases (1 mismatch, 2 faults)."
    )


def test_a_worst_ratio_above_1_in_a_passing_run_is_explained():
    assert "worst error/bound 0.71\n" in _printed(_passing())
    assert "worst error/bound 9e+07 (in an answer that is set apart)\n" in _printed(_passing(worst_ratio=9e7))
    assert "worst error/bound 2.33e+06\n" in _printed(sample_report())


def test_commands_are_whole_lines_that_name_the_case_from_where_one_is():
    path = Path("a folder", "of", "x" * 90, "report.json")
    file = io.StringIO()
    print_summary(sample_report(), Console(file=file, width=80), path)
    case = path.parent / sample_report().findings[0].case_file
    assert f"   backproof replay '{case}'\n" in file.getvalue()
    file = io.StringIO()
    print_summary(sample_report(), Console(file=file, width=80), None, Path("case.json"))
    assert "backproof replay" not in file.getvalue()


def test_no_text_of_a_report_reaches_the_terminal_as_a_control_character():
    hostile, plain = hostile_report(HOSTILE), hostile_report("plain ")
    text = _printed(hostile, force_terminal=True, color_system="truecolor")
    styles = _SGR.findall(text)
    assert styles == _SGR.findall(_printed(plain, force_terminal=True, color_system="truecolor"))
    rest = _SGR.sub("", text)
    assert {character for character in rest if not character.isprintable()} == {"\n"}
    assert rest.count("\n") == _printed(plain).count("\n")
    assert "[bold red]" in rest, "markup of a text was taken for ours"


def test_a_pipe_gets_plain_text_and_a_terminal_colours_unless_no_color_is_set(monkeypatch, tmp_path, capsys):
    assert not _SGR.search(_printed(sample_report()))
    assert _SGR.search(_printed(sample_report(), force_terminal=True, color_system="standard"))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert console().color_system is not None
    monkeypatch.setenv("NO_COLOR", "1")
    print_summary(sample_report(), console(), PATH)
    assert not _SGR.search(capsys.readouterr().out)
    assert main(["list", "mistakes"]) == 0
    assert not _SGR.search(capsys.readouterr().out)
