"""reports/sample: a real report, in the present version, that shows a mistake found and named."""

import json
from pathlib import Path

import pytest

from backproof.reporting.files import read_report, report_json
from backproof.reporting.html_page import report_html
from backproof.reporting.junit import report_junit
from backproof.reporting.markdown import report_markdown
from backproof.reporting.model import VERSION

SAMPLE = Path(__file__).parents[2] / "reports" / "sample"
REMEDY = "run make sample-report, and make screenshots"


@pytest.fixture(scope="module")
def report():
    return read_report(SAMPLE / "report.json")


def test_it_is_of_the_present_version_and_written_as_it_is_today(report):
    assert report.schema_version == VERSION, REMEDY
    assert (SAMPLE / "report.json").read_text("utf-8") == report_json(report), REMEDY
    assert (SAMPLE / "report.html").read_text("utf-8") == report_html(report), REMEDY
    assert (SAMPLE / "summary.md").read_text("utf-8") == report_markdown(report), REMEDY
    assert (SAMPLE / "junit.xml").read_text("utf-8") == report_junit(report), REMEDY


def test_the_mistake_that_was_planted_is_the_cause_that_is_named(report):
    assert report.run.mistake == "derivative-of-output"
    [cause] = report.causes
    assert (cause.equation, cause.name) == ("B5", report.run.mistake)
    assert cause.implemented
    assert cause.smallest_values.quantity == "delta"


def test_every_case_and_script_that_it_names_stands_beside_it(report):
    named = {f.case_file for f in report.findings} | {c.case_file for c in report.causes}
    named |= {c.script_file for c in report.causes}
    kept = {f"cases/{path.name}" for path in (SAMPLE / "cases").iterdir()}
    assert kept == named
    assert (
        json.loads((SAMPLE / report.causes[0].case_file).read_text("utf-8")) == report.causes[0].smallest_case
    )
