"""junit.xml: well-formed, counted right, and red where the run is."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from backproof.reporting import Counts, EquationRow, MatrixCell, Report
from backproof.reporting.junit import report_junit
from backproof.reporting.model import Finding

from .hostile_report import HOSTILE, hostile_report
from .large_report import cause, large_report
from .sample_report import finding, sample_report

COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def miscounts(root: ET.Element) -> list[str]:
    """The attributes of suites that do not say what is in them."""
    wrong = []
    for suite in [root, *root.iter("testsuite")]:
        cases = list(suite.iter("testcase"))
        counted = {"tests": len(cases)}
        counted |= {name: sum(case.find(tag) is not None for case in cases) for name, tag in COUNTED.items()}
        wrong += [f"{suite.get('name')}: {name}" for name, n in counted.items() if suite.get(name) != str(n)]
        seconds = sum(float(case.get("time", "nan")) for case in cases)
        if abs(float(suite.get("time", "nan")) - seconds) > 1e-9:
            wrong.append(f"{suite.get('name')}: time")
    return wrong


def _read(report: Report) -> ET.Element:
    text = report_junit(report)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    root = ET.fromstring(text.encode())  # noqa: S314
    assert miscounts(root) == []
    return root


def _case(root: ET.Element, suite: str, name: str) -> ET.Element:
    (found,) = [
        case for case in root.iterfind(f"testsuite[@name='{suite}']/testcase") if case.get("name") == name
    ]
    return found


def _passing(**changes: Any) -> Report:
    good = Counts.tally({"conforms": 980})
    cell = MatrixCell(activation="tanh", loss="mse", dtype="float32", counts=good)
    row = EquationRow(id="F2", title="pre-activation", latex="x", verdict="conforms", checks=good)
    fields = {"counts": good, "check_counts": good, "findings": (), "findings_total": 0}
    return sample_report(**(fields | {"equations": (row,), "matrix": (cell,)} | changes))


def test_the_counting_of_the_tests_finds_a_wrong_number():
    text = report_junit(sample_report())
    for attribute in ("tests", "failures", "errors", "skipped", "time"):
        broken = re.sub(rf' {attribute}="[\d.]+"', f' {attribute}="77"', text, count=1)
        assert miscounts(ET.fromstring(broken)) == [f"backproof: {attribute}"]  # noqa: S314


def test_every_equation_and_every_cell_is_a_test_case():
    report = sample_report()
    root = _read(report)
    assert root.tag == "testsuites"
    assert [suite.get("name") for suite in root] == ["run", "equations", "functions"]
    sizes = [len(suite.findall("testcase")) for suite in root]
    assert sizes == [3, len(report.equations), len(report.matrix)]
    for case in root.iter("testcase"):
        assert {"name", "classname", "time"} <= set(case.keys())
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names))
    assert ("backproof.functions.float32", "tanh × mse") in names
    assert root.get("time") == "12.500"
    assert root[0].get("timestamp") == "2026-01-02T03:04:05+00:00"


def test_a_passing_run_has_no_failure_no_error_and_nothing_skipped():
    root = _read(_passing())
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["5", "0", "0", "0"]


def test_a_wrong_equation_is_a_failure_with_its_cause_and_its_command():
    report = sample_report(causes=(cause(1, equation="B1"),))
    failure = _case(_read(report), "equations", "B1 gradient of the weights").find("failure")
    assert failure is not None
    assert failure.get("message") == "mismatch: 41 of 941 judged checks wrong"
    assert failure.get("type") == "mismatch"
    text = failure.text or ""
    for words in (
        "Thing 1 is wrong.",
        "mend: Mend it.",
        "replay: backproof replay cases/",
        report.findings[0].message,
    ):
        assert words in text
    assert "overflows" not in text, "the finding of another equation"


def test_a_wrong_cell_is_a_failure_and_a_fault_an_error():
    names = {(c.activation, c.loss, c.dtype): c for c in sample_report().matrix if c.counts.wrong}
    root = _read(sample_report())
    for activation, loss, dtype in names:
        (found,) = [
            case
            for case in root.iter("testcase")
            if (case.get("classname"), case.get("name"))
            == (f"backproof.functions.{dtype}", f"{activation} × {loss}")
        ]
        assert found.find("failure") is not None
    faulty = Counts.tally({"conforms": 3, "mismatch": 1, "fault": 2})
    crash = finding(verdict="fault", message="it crashed", scope="local", equation="F2")
    row = _passing().equations[0].model_copy(update={"verdict": "fault", "checks": faulty})
    cell = _passing().matrix[0].model_copy(update={"counts": faulty})
    root = _read(sample_report(counts=faulty, equations=(row,), matrix=(cell,), findings=(crash,), floor=1))
    for suite, name in (
        ("equations", "F2 pre-activation"),
        ("functions", "tanh × mse"),
        ("run", "nothing wrong"),
    ):
        error = _case(root, suite, name).find("error")
        assert error is not None
        assert "it crashed" in (error.text or "")
    assert (root.get("failures"), root.get("errors")) == ("0", "3")


def test_what_was_not_judged_is_skipped_and_says_so():
    none = Counts.tally({"not judged": 7})
    row = _passing().equations[0]
    rows = (
        row.model_copy(update={"verdict": "not judged", "checks": none}),
        row.model_copy(update={"id": "C1", "verdict": "not judged", "checks": Counts()}),
    )
    cell = _passing().matrix[0].model_copy(update={"counts": none})
    root = _read(_passing(equations=rows, matrix=(cell,)))
    messages = [skipped.get("message") for skipped in root.iter("skipped")]
    assert messages == ["nothing judged; 7 checks not judged", "no check", "7 cases, none judged"]


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"status": "interrupted"}, "completed", "interrupted after 980 of 1,000 cases"),
        ({"floor": 981}, "judged enough", "980 judged cases, fewer than the floor of 981"),
    ],
)
def test_an_interrupted_run_and_one_that_misses_its_floor_are_errors(changes, name, message):
    root = _read(_passing(**changes))
    error = _case(root, "run", name).find("error")
    assert error is not None
    assert error.get("message") == message
    assert (root.get("failures"), root.get("errors")) == ("0", "1")


def test_a_run_that_is_wrong_end_to_end_only_is_red_too():
    end_to_end = finding(scope="end to end", cause=None)
    report = sample_report(equations=_passing().equations, matrix=(), findings=(end_to_end,))
    assert _read(report).get("failures") == "1"


def test_any_text_leaves_it_well_formed_and_as_it_is():
    forbidden = "".join(map(chr, [*range(32), 0x7F, 0xD800, 0xFFFE, 0xFFFF, 0x1FFFE])) + "]]>"
    for prefix in (HOSTILE, forbidden):
        root = _read(hostile_report(prefix))
        assert len(list(root.iter("testcase"))) == len(list(_read(hostile_report("plain ")).iter("testcase")))
        tags = {element.tag for element in root.iter()}
        assert tags <= {"testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"}
    # Also where a text has not been made safe, as that of a copy.
    copied = sample_report().findings[0].model_copy(update={"message": "a\x00b\x1b]]>"})
    assert isinstance(copied, Finding)
    assert r"a\x00b\x1b]]&gt;" in report_junit(sample_report().model_copy(update={"findings": (copied,)}))


@pytest.mark.long
def test_a_large_report_lists_few_findings_in_one_case_and_counts_the_rest():
    failure = _case(_read(large_report()), "run", "nothing wrong").find("failure")
    assert failure is not None
    assert (failure.text or "").endswith("\nand 95 further findings")


def test_the_same_report_gives_the_same_bytes(tmp_path: Path):
    assert report_junit(sample_report()) == report_junit(sample_report())
