"""summary.md: the verdict first, never more than sixty lines, and nothing in it that is active."""

import re

import pytest

from backproof.reporting import Counts, Report
from backproof.reporting.markdown import report_markdown
from backproof.reporting.markdown_text import MOST_LINES

from .hostile_report import HOSTILE, hostile_report
from .large_report import MANY, cause, large_report
from .markdown_reading import active_in, cells_of, tokens_of
from .sample_report import finding, sample_report

GITHUB = "@octocat #1 GH-2 https://x.example [a](b) ![c](d) **x** ~~y~~ | `z` $w$ <b> :tada: "


def _passing() -> Report:
    return sample_report(
        counts=Counts.tally({"conforms": 980}),
        check_counts=Counts.tally({"conforms": 52000}),
        findings=(),
        findings_total=0,
        causes=(),
        equations=sample_report().equations[:1],
        run=sample_report().run.model_copy(update={"mistake": None}),
    )


def test_the_heading_is_the_verdict_and_the_rest_says_what_was_run():
    lines = report_markdown(sample_report()).splitlines()
    assert lines[0] == (
        "## Does not conform: the reference with the mistake untransposed\\_input is wrong in 41 of 980 "
        "judged cases (41 mismatches)."
    )
    assert lines[2] == (
        "`reference` against `torch`, `jax`; seed 7; float32, float64; jax 0.10.2, numpy 2.4.0, "
        "torch 2.13.0, Python 3.11.7."
    )
    assert "- command: `backproof run --cases 1000 --seed 7 --dtype both --oracles torch,jax`" in lines
    assert "- not judged: 311 checks: unresolved 300, ill-posed 11" in lines
    assert "- deviations seen: `torch-gelu-float32` float32 (6)" in lines
    assert "| B1 gradient of the weights | **mismatch** | 941 | 41 | 12 | 2.33e+06 |" in lines


def test_a_cause_has_its_remedy_the_smallest_case_its_command_and_its_script():
    report = sample_report(causes=(cause(1, equation="B1"),))
    lines = report_markdown(report).splitlines()
    start = lines.index(
        "- **mismatch**, equation B1, layers 1 and 3: Thing 1 is wrong. In at least 12 cases."
    )
    assert lines[start + 1 : start + 5] == [
        "  - mend: Mend it.",
        "  - evidence: strong: 40 wrong entries in 7 cases are exactly what it gives",
        "  - smallest: 1-1, tanh → identity, loss mse (sum), 1 sample; script `cases/0000000000000001.py`",
        "  - replay: `backproof replay cases/0000000000000001.json --oracles torch`",
    ]
    assert not [line for line in lines if line.startswith("- **mismatch**, B1")], "told twice"
    assert [
        line for line in lines if line.startswith("- **unstable**, F5, loss, `reference` against `torch`")
    ]


def test_a_passing_run_is_short_and_tells_no_finding():
    lines = report_markdown(_passing()).splitlines()
    assert len(lines) < 20
    assert lines[0] == "## The reference conforms: no mismatch and no fault in 980 judged cases."
    assert not [line for line in lines if line.startswith("###")]


def test_a_missed_floor_is_said():
    assert "- floor: **missed**: 981 judged cases are asked for" in report_markdown(sample_report(floor=981))
    assert "floor" not in report_markdown(sample_report())


def test_a_report_of_a_hundred_causes_and_findings_fits_and_says_how_many_more():
    text = report_markdown(large_report())
    lines = text.splitlines()
    assert MOST_LINES - 15 < len(lines) <= MOST_LINES
    assert f"| … and {MANY - 10} more |  |  |  |  |  |" in lines
    assert "- … and 47 more causes" in lines
    assert "- … and 47 more of other kinds" in lines
    assert "and 94 more" in text
    assert len(text) < 65_536
    declared = large_report().run.model_copy(
        update={
            "declared": ("a",) * MANY,
            "not_offered": ("b",) * MANY,
            "versions": {str(n): "1" for n in range(MANY)},
        }
    )
    assert len(report_markdown(large_report(run=declared, floor=2000)).splitlines()) <= MOST_LINES


def test_where_equations_are_many_those_that_are_right_are_counted():
    right = (
        sample_report()
        .equations[0]
        .model_copy(update={"verdict": "conforms", "checks": Counts.tally({"conforms": 5})})
    )
    rows = tuple(right.model_copy(update={"id": f"F{n}"}) for n in range(14))
    text = report_markdown(sample_report(equations=(*rows, sample_report().equations[1])))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert table[2].startswith("| B1 gradient of the weights | **mismatch** |")
    assert table[3] == "| … and 14 more, all judged in full and none wrong |  |  |  |  |  |"


@pytest.mark.parametrize("prefix", [HOSTILE, GITHUB, "</td>|`", "`` ` ", "\\"])
def test_no_text_of_a_report_is_active(prefix):
    hostile, plain = hostile_report(prefix), hostile_report("plain ")
    text = report_markdown(hostile)
    assert active_in(text) == []
    assert len(text.splitlines()) == len(report_markdown(plain).splitlines())
    assert all(character.isprintable() for line in text.splitlines() for character in line)
    kinds = [
        [
            token.type
            for token in tokens_of(report_markdown(each))
            if not token.type.startswith(("text", "code"))
        ]
        for each in (hostile, plain)
    ]
    assert kinds[0] == kinds[1], "a text changed what surrounds it"
    for line in text.splitlines():
        if line.startswith("| "):
            assert len(cells_of(line)) == 6, line


@pytest.mark.parametrize("prefix", [HOSTILE, GITHUB])
def test_no_text_of_a_cause_is_active(prefix):
    texts = ("equation", "name", "what", "remedy", "evidence", "smallest", "replay")

    def of(text: str) -> str:
        return report_markdown(sample_report(causes=(cause(1, **{key: text + key for key in texts}),)))

    assert active_in(of(prefix)) == []
    assert len(of(prefix).splitlines()) == len(of("plain ").splitlines())
    for key in texts[2:]:
        assert key in of("plain "), "not told at all"


def test_a_command_stands_in_one_piece_whatever_it_holds():
    command = "backproof run --impl-cmd './a ``b`` | c'"
    run = sample_report().run.model_copy(update={"command": command})
    assert f"- command: ```{command}```" in report_markdown(sample_report(run=run))


def test_the_same_report_gives_the_same_bytes_and_ends_in_one_line_break():
    text = report_markdown(sample_report())
    assert text == report_markdown(sample_report())
    assert re.search(r"[^\n]\n\Z", text)
    assert "\n\n\n" not in text


def test_a_fault_is_told_by_its_reason_and_not_by_numbers_that_it_has_not():
    numbers = {"observed": None, "expected": None, "bound": None, "excess": None}
    odd = finding(cause=None, verdict="fault", equation=None, reason="it crashed", **numbers)
    lines = report_markdown(sample_report(findings=(odd,), causes=())).splitlines()
    (told,) = [line for line in lines if line.startswith("- **fault**")]
    assert "on its own inputs, seen 41 times: it crashed. `backproof replay" in told
    assert "observed" not in told


def test_equations_without_a_check_are_one_row():
    none = [row.model_copy(update={"checks": Counts()}) for row in sample_report().equations]
    lines = report_markdown(sample_report(equations=tuple(none))).splitlines()
    assert [line for line in lines if line.startswith("|")][2:] == [
        "| without any check: F2, B1 | not judged |  |  |  |  |"
    ]


def test_what_an_implementation_runs_on_is_told_where_it_is_something_else():
    run = sample_report().run.model_copy(update={"versions": {"numpy": "2.4.0", "python": "3.8.1"}})
    assert "torch 2.13.0, Python 3.11.7, python 3.8.1 (of reference)." in report_markdown(
        sample_report(run=run)
    )
