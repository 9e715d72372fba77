"""What must hold after a run on a miniature, whatever it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backproof.reporting.model import Report
from refimpl import case_from_json
from tests.long_tests import long_but_for

from .command import CASES, Outcome
from .expected import EXPECTED, QUICK, Expected


def quick_and_long(files: tuple[str, ...]) -> list[Any]:
    """The names of all wrong miniatures in these files, as pytest parameters."""
    names = [name for name in EXPECTED if name.startswith(files)]
    return long_but_for(QUICK.intersection(names), names)


def assert_whole(outcome: Outcome, cases: int = CASES) -> Report:
    """The run has gone to its end: a valid report of all cases, and nothing but printable text said."""
    assert "Traceback" not in outcome.err
    report = outcome.report
    assert report.status == "complete"
    assert report.counts.total == cases
    assert all(line.isprintable() for line in (outcome.out + outcome.err).splitlines())
    assert len(outcome.out) + len(outcome.err) < 50_000, "what the implementation prints is no answer of ours"
    assert all(line.isprintable() for line in Path(outcome.folder, "report.json").read_text().splitlines())
    assert (outcome.folder / "report.html").exists()
    return report


def assert_found(outcome: Outcome, source: str, expected: Expected) -> Report:
    """Exit status 1, the expected finding with the case that shows it, and the other cases judged."""
    assert outcome.status == 1, outcome.err
    cases = int(dict(zip(expected.words, expected.words[1:], strict=False)).get("--cases", CASES))
    report = assert_whole(outcome, cases)
    found = outcome.findings(expected.verdict, expected.reason)
    assert found, [(finding.verdict, finding.reason) for finding in report.findings]
    for finding in found:
        case = case_from_json((outcome.folder / finding.case_file).read_text())
        assert case.content_hash.startswith(finding.case_id)
        assert source in finding.replay, "the line that shows it again names the implementation"
    if expected.partial:
        assert report.counts.conforms > 0
        assert report.counts.wrong < cases
    return report
