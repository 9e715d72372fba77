"""Reports on disk: written whole or not at all, read back equal, refused in one line if anything is off."""

import copy
import errno
import json
import math
from pathlib import Path
from typing import Any

import pytest

from backproof.errors import ReportError
from backproof.reporting.files import CASE_INLINE, read_report, report_json, write_report
from refimpl import case_from_json

from .sample_report import CASE, finding, sample_report


@pytest.fixture(scope="module")
def text() -> str:
    return report_json(sample_report())


def _refusal(path: Path) -> str:
    """The one printable line with which a file is refused."""
    with pytest.raises(ReportError, match=r".") as error:
        read_report(path)
    message = str(error.value)
    assert message.isprintable(), message
    assert message.startswith((str(path), f"cannot read {path}"))
    return message


# ---------------------------------------------------------------- writing


def test_a_report_is_read_back_equal_and_writes_the_same_bytes_again(tmp_path):
    report = sample_report()
    path = write_report(report, tmp_path / "one")
    assert path == tmp_path / "one" / "report.json"
    again = read_report(path)
    assert again == report
    assert write_report(again, tmp_path / "two").read_bytes() == path.read_bytes()
    for name in ("report.html", "summary.md", "junit.xml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_numbers_that_json_has_not_come_back(tmp_path):
    odd = finding(observed=math.nan, expected=-math.inf, bound=5e-324, excess=math.inf)
    report = read_report(write_report(sample_report(findings=(odd,)), tmp_path))
    back = report.findings[0]
    assert math.isnan(back.observed)
    assert (back.expected, back.bound, back.excess) == (-math.inf, 5e-324, math.inf)
    members = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert members["findings"][0]["observed"] == "nan"


def test_the_case_of_each_finding_is_saved_as_a_case_file(tmp_path):
    report = sample_report()
    write_report(report, tmp_path)
    saved = {path.name for path in (tmp_path / "cases").iterdir()}
    assert saved == {f"{report.findings[0].case_id}.json", "smallest.json", "smallest.py"}
    assert case_from_json((tmp_path / "cases" / "smallest.json").read_text()) == CASE
    assert (tmp_path / "cases" / "smallest.py").read_text() == 'import torch\n\nprint("<dW>")\n'
    assert case_from_json((tmp_path / report.findings[0].case_file).read_text()) == CASE
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"report.json", "report.html", "summary.md", "junit.xml", "cases"}


def test_a_long_case_stands_in_its_own_file_only(tmp_path):
    long = {"format": "backproof-case", "X": [[0.125] * CASE_INLINE]}
    report = sample_report(findings=(finding(case=long), finding(number=2, case_id="short")))
    written = read_report(write_report(report, tmp_path))
    assert written.findings[0].case is None
    assert written.findings[1].case is not None
    assert json.loads((tmp_path / report.findings[0].case_file).read_text()) == long
    page = len((tmp_path / "report.html").read_text())
    short = sample_report(findings=(finding(case_id="other"), finding(number=2, case_id="short")))
    write_report(short, tmp_path)
    assert page < len((tmp_path / "report.html").read_text()) + CASE_INLINE / 4


def test_writing_again_replaces_the_report(tmp_path):
    write_report(sample_report(), tmp_path)
    write_report(sample_report(status="interrupted"), tmp_path)
    assert read_report(tmp_path / "report.json").status == "interrupted"


def test_a_report_that_cannot_be_written_names_the_folder_and_leaves_the_old_one(tmp_path):
    write_report(sample_report(), tmp_path)
    before = (tmp_path / "report.json").read_bytes()
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").mkdir()
    with pytest.raises(
        ReportError, match=rf"cannot write a report into {tmp_path}: .*; choose another folder"
    ):
        write_report(sample_report(status="interrupted"), tmp_path)
    assert (tmp_path / "report.json").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_a_disk_that_fills_up_half_way_leaves_the_old_report_whole(tmp_path, monkeypatch):
    path = write_report(sample_report(), tmp_path)
    whole = Path.write_text

    def half(self: Path, text: str, **options: Any) -> int:
        whole(self, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(ReportError, match="No space left on device; choose another folder"):
        write_report(sample_report(status="interrupted"), tmp_path)
    assert read_report(path) == sample_report()
    assert not list(tmp_path.rglob("*.partial"))


# ---------------------------------------------------------------- reading


@pytest.mark.long
def test_a_report_cut_at_any_byte_is_refused(tmp_path, text):
    content = text.encode()
    path = tmp_path / "report.json"
    lengths = {*range(1, 400), *range(400, len(content) - 400, 499), *range(len(content) - 400, len(content))}
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        message = _refusal(path)
        assert "whole report" in message or "UTF-8" in message, f"cut at {length}: {message}"


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("1.4", "has report version 1.4; this backproof reads up to 1.3: install a newer one"),
        ("2.0", "has report version 2.0; .* install a newer one"),
        ("0.9", "has report version 0.9, which is no longer read; run again"),
        ("1", "'schema_version' is not like '1.3'"),
        ("1.0.0", "'schema_version' is not like '1.3'"),
        ("١.٠", "'schema_version' is not like '1.3'"),
        ("9" * 5000 + ".0", "'schema_version' is not like '1.3'"),
        (None, "'schema_version' is not like '1.3'"),
        (1.0, "'schema_version' is not like '1.3'"),
    ],
)
def test_a_report_of_another_version_says_what_to_do(tmp_path, text, version, says):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(json.loads(text) | {"schema_version": version, "new": "key"}) + "\n")
    with pytest.raises(ReportError, match=says):
        read_report(path)
    _refusal(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty; give a whole report.json"),
        (b"\xff\xfe\x00", "is not UTF-8 text; give a whole report.json"),
        (b"[1, 2]\n", "is not a report: its 'format' is not 'backproof-report'; give a report.json"),
        (b'{"format": "backproof-case"}\n', "is not a report"),
        (b"<!doctype html>\n", "is not a whole report: not valid JSON at line 1"),
        (b"[" * 100_000, "is not a whole report: the JSON nests too deep"),
        (b'{"format": "backproof-report", "floor": ' + b"9" * 5000 + b"}\n", "too many digits"),
        (b'{"format": "backproof-report", "floor": NaN}\n', "NaN is not JSON"),
        (b'{"format": "backproof-report", "format": "backproof-report"}\n', "stands twice"),
    ],
)
def test_a_file_that_is_no_report_is_refused(tmp_path, content, says):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    assert says in _refusal(path)


def test_what_is_no_file_is_refused(tmp_path):
    assert "No such file or directory; give a whole report.json" in _refusal(tmp_path / "missing.json")
    assert "Is a directory; give a whole report.json" in _refusal(tmp_path)
    with pytest.raises(ReportError, match=r"cannot read .*\\x00.*; give a whole report.json"):
        read_report("a\0b")


def _path_to(values: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        values = values[key]
    return values


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("counts", "judged"), 5, "counts: judged is 5, but the verdicts add up to 980"),
        (("counts", "judged"), "980", "counts.judged: "),
        (("findings", 1, "number"), 7, "findings must be numbered 1, 2, 3"),
        (("findings_total",), 1, "findings_total is 1, but 3 are listed"),
        (("findings", 0, "case_id"), "../../../etc/passwd", "findings.0.case_id: "),
        (
            ("findings", 0, "case"),
            {"deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
            "nests",
        ),
        (("regimes", 0, "judged"), 401, "regimes.0: 398 fully resolved of 401 judged of 400 cases"),
        (("worst_ratio",), True, 'worst_ratio: must be a number, "nan", "inf" or "-inf"'),
        (("worst_ratio",), 10**400, "worst_ratio: is too large for a float64"),
        (("run", "\x1b[31m\u202e"), "x", r"run.\x1b[31m\u202e: "),
        (("kinks", 0, "ours"), [], "kinks.0.ours: "),
        (("equations",), {}, "equations: "),
    ],
)
def test_a_report_edited_to_nonsense_is_refused_with_the_place(tmp_path, text, path, value, says):
    values = copy.deepcopy(json.loads(text))
    _path_to(values, path[:-1])[path[-1]] = value
    file = tmp_path / "report.json"
    file.write_text(json.dumps(values) + "\n")
    message = _refusal(file)
    assert f"is not a valid report: {says}" in message or says in message
    assert message.endswith("; was it edited?")


def test_a_run_whose_counts_hide_its_mismatches_is_refused(tmp_path, text):
    values = json.loads(text)
    values["counts"] |= {"mismatch": 0, "conforms": 961}
    file = tmp_path / "report.json"
    file.write_text(json.dumps(values) + "\n")
    assert "41 checks are mismatches or faults, but no case is" in _refusal(file)
    values["check_counts"] |= {"mismatch": 0, "conforms": 52041}
    file.write_text(json.dumps(values) + "\n")
    assert "a finding is a mismatch or a fault, but no case is counted as one" in _refusal(file)
