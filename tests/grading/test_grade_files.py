"""What grading writes besides pages: the same bytes each time, whole, and nothing of earlier runs."""

from __future__ import annotations

import csv
import io
import json

import pytest
from made_up_results import EXAMPLE, HOSTILE, class_of_forty, finding_of, made_up, not_graded, rubric_of

from backproof.errors import ReportError
from backproof.grading.csv_file import grades_csv, safe_cell
from backproof.grading.gradescope import gradescope_json
from backproof.grading.model import Note
from backproof.grading.outputs import write_outputs
from backproof.grading.overview import overview
from backproof.grading.overview_page import histogram

# https://gradescope-autograders.readthedocs.io/en/latest/specs/
WHOLE = {
    *("score", "execution_time", "output", "output_format", "test_output_format", "test_name_format"),
    *("visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"),
}
TEST = {
    *("score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags"),
    *("visibility", "extra_data"),
}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}
VISIBLE = {"hidden", "after_due_date", "after_published", "visible"}


def files_in(folder):
    """Name → bytes of all files."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- all of them


def test_in_whatever_order_results_come_the_same_bytes_are_written(tmp_path):
    results, rubric = class_of_forty(), rubric_of()
    shuffled = [*results[1::2], *reversed(results[::2])]
    write_outputs(results, rubric, tmp_path / "a")
    write_outputs(shuffled, rubric, tmp_path / "b")
    written = files_in(tmp_path / "a")
    assert written == files_in(tmp_path / "b")
    keys = {result.key for result in results}
    expected = {f"pages/{key}.html" for key in keys} | {f"gradescope/{key}.json" for key in keys}
    assert set(written) == expected | {"grades.csv", "index.html"}
    write_outputs(results[:-1], rubric, tmp_path / "b")
    assert written["index.html"] != files_in(tmp_path / "b")["index.html"]


def test_what_earlier_runs_left_is_removed_and_all_else_is_kept(tmp_path):
    results, rubric = [made_up("ada"), made_up("bela")], rubric_of()
    write_outputs(results, rubric, tmp_path)
    kept = {"results/ada.json": "{}", "pages/notes.txt": "mine", "notes.html": "mine"}
    left = {"pages/gone.html": "", "gradescope/gone.json": "", "pages/.ada.html.17.partial": "half"}
    for name, text in {**kept, **left}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    write_outputs(results[:1], rubric, tmp_path)
    found = set(files_in(tmp_path))
    assert set(kept) <= found
    assert not set(left) & found
    assert f"pages/{results[0].key}.html" in found
    assert f"pages/{results[1].key}.html" not in found


def test_what_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ReportError, match=r"cannot write a report into .*out"):
        write_outputs([made_up("ada")], rubric_of(), tmp_path / "out")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "pages").write_text("a file")
    with pytest.raises(ReportError, match="cannot write"):
        write_outputs([made_up("ada")], rubric_of(), tmp_path / "folder")


# ---------------------------------------------------------------- grades.csv


def rows_of(results):
    return list(csv.DictReader(io.StringIO(grades_csv(results, rubric_of()))))


def unsafe(text):
    """Cells that a spreadsheet would take for formulas."""
    rows = csv.reader(io.StringIO(text))
    return [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r\n＝＋－＠")]


def test_a_row_has_the_points_and_the_verdict_of_each_equation():
    [row] = rows_of([EXAMPLE])
    assert (row["name"], row["status"], row["total"], row["out of"]) == ("ada", "graded", "15.5", "20")
    assert (row["B5"], row["B5 verdict"]) == ("0", "mismatch")
    assert (row["F4"], row["F4 verdict"]) == ("0.5", "unstable")
    assert (row["U2"], row["U2 verdict"]) == ("0", "not shown")
    assert (row["mistakes"], row["integrity notes"], row["key"]) == ("derivative-forgotten", "2", "ada")


def test_the_columns_are_those_of_the_rubric_whatever_was_handed_in():
    heads = {grades_csv(each, rubric_of()).splitlines()[0] for each in ([], [EXAMPLE], class_of_forty())}
    assert len(heads) == 1
    assert len(rows_of(class_of_forty())) == len(class_of_forty())


def test_no_cell_is_a_formula_for_a_spreadsheet():
    assert unsafe(grades_csv(class_of_forty(), rubric_of())) == []
    assert unsafe("=1+1,a\nb,@c\n") == ["=1+1", "@c"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_cell_that_begins_like_a_formula_gets_an_apostrophe(start):
    assert safe_cell(f"{start}1") == f"'{start}1"
    assert safe_cell(f"1{start}") == f"1{start}"


def test_a_name_with_commas_quotes_and_lines_is_one_cell():
    name = 'a, "b"\nc'
    [row] = rows_of([made_up(name)])
    assert row["name"] == 'a, "b"\\nc'


# ---------------------------------------------------------------- Gradescope


def wrong_with(told):
    """What in a results.json is not as Gradescope's specification has it, one line each."""
    found = [f"unknown key {key}" for key in told.keys() - WHOLE]
    found += [f"unknown key {key} of a test" for test in told["tests"] for key in test.keys() - TEST]
    for part in (told, *told["tests"]):
        found += [f"visibility {part['visibility']}"] if part["visibility"] not in VISIBLE else []
        found += [f"format {part['output_format']}"] if part["output_format"] not in FORMATS else []
        found += ["no number as a score"] if not isinstance(part["score"], float) else []
    found += [
        f"status {test['status']}" for test in told["tests"] if test["status"] not in ("passed", "failed")
    ]
    seen = [test for test in told["tests"] if test["visibility"] == "visible"]
    if abs(told["score"] - sum(test["score"] for test in seen)) > 1e-3:
        found.append("its scores do not add up")
    if any(test["max_score"] for test in told["tests"] if test["visibility"] == "hidden"):
        found.append("a hidden test has points, which hides the total from students")
    return found


@pytest.mark.parametrize("level", ["verdict", "diagnosis", "solution"])
def test_each_file_is_one_that_gradescope_reads(level):
    for result in class_of_forty():
        told = json.loads(gradescope_json(result, rubric_of(level)))
        assert wrong_with(told) == []
        assert told["score"] == pytest.approx(result.total)
        assert sum(test["max_score"] for test in told["tests"]) == pytest.approx(result.out_of)


def test_what_looks_for_that_sees_what_is_wrong():
    told = json.loads(gradescope_json(EXAMPLE, rubric_of()))
    first = told["tests"][0]
    for doctored in (
        {**told, "points": 1},
        {**told, "score": told["score"] + 1},
        {**told, "visibility": "always"},
        {**told, "tests": [{**first, "status": "right"}, *told["tests"][1:]]},
        {**told, "tests": [*told["tests"][:-1], {**told["tests"][-1], "max_score": 3.0}]},
    ):
        assert wrong_with(doctored)


def test_notes_for_the_lecturer_are_in_a_hidden_test():
    result = made_up("ada", integrity=(Note(kind="import", what="import torch"),))
    tests = json.loads(gradescope_json(result, rubric_of()))["tests"]
    assert [test["visibility"] for test in tests if "import torch" in test["output"]] == ["hidden"]
    tests = json.loads(gradescope_json(made_up("ada"), rubric_of()))["tests"]
    assert {test["visibility"] for test in tests} == {"visible"}


def test_why_it_was_not_graded_stands_above_the_tests():
    result = not_graded("xu", "not loadable", "xu.py, line 1: invalid syntax")
    assert "xu.py, line 1: invalid syntax" in json.loads(gradescope_json(result, rubric_of()))["output"]


# ---------------------------------------------------------------- the overview's numbers


def with_total(total):
    result = made_up(f"of {total}")
    mark = result.marks[0].model_copy(update={"points": 20.0, "earned": total})
    return result.model_copy(update={"marks": (mark,), "total": total})


@pytest.mark.parametrize(
    ("total", "bar"), [(0.0, 0), (1.99, 0), (2.0, 1), (10.0, 5), (19.99, 9), (20.0, 10), (0.1 + 5.9, 3)]
)
def test_a_total_is_in_the_bar_that_holds_it(total, bar):
    bars = overview([with_total(total)], rubric_of()).bars
    assert [each.count for each in bars] == [int(place == bar) for place in range(11)]


def test_bars_hold_all_that_were_graded_and_no_other():
    results = class_of_forty()
    seen = overview(results, rubric_of())
    assert sum(bar.count for bar in seen.bars) == len(seen.graded) == len(results) - 2
    assert [result.name for result in seen.not_graded] == ["broken", "nothing"]
    drawn = histogram(seen.bars)
    assert sum(column.count for column in drawn.columns) == len(seen.graded)
    assert max(column.height for column in drawn.columns) == 150


def test_mistakes_are_counted_by_submission_the_commonest_first():
    results = [
        made_up("a", [finding_of("bias-forgotten")]),
        made_up("b", [finding_of("bias-forgotten"), finding_of("update-uphill", 2)]),
        made_up("c", [finding_of("bias-forgotten")]),
        made_up("d"),
    ]
    seen = overview(results, rubric_of())
    counted = [(each.finding.name, [result.name for result in each.who]) for each in seen.mistakes]
    assert counted == [("bias-forgotten", ["a", "b", "c"]), ("update-uphill", ["b"])]
    assert {row.equation: row.verdicts for row in seen.equations}["F2"] == {"mismatch": 3, "conforms": 1}


def test_equal_fingerprints_are_told_apart_by_whether_a_mistake_explains_them():
    seen = overview(class_of_forty(), rubric_of())
    assert [(row.equations, {result.name for result in row.who}) for row in seen.alike] == [
        (("B1",), {"dora", "hugo"})
    ]
    assert all(row.what for row in seen.alike_known)
    assert "bias-forgotten" in {row.what for row in seen.alike_known}


def test_one_submission_with_a_fingerprint_of_its_own_is_like_no_other():
    seen = overview([made_up("a", [finding_of("bias-forgotten")]), made_up("b")], rubric_of())
    assert (seen.alike, seen.alike_known) == ((), ())


def test_those_alike_in_two_equations_are_one_entry():
    both = [finding_of("bias-forgotten"), finding_of("update-uphill", 2)]
    [row] = overview([made_up("a", both), made_up("b", both)], rubric_of()).alike_known
    assert row.equations == ("F2", "U1")
    assert row.what == "bias-forgotten, update-uphill"


def test_the_same_bytes_are_told_only_of_what_was_graded():
    results = [made_up("a", source="x"), made_up("b", source="x"), made_up("c")]
    empty = [not_graded(name, "empty", "there is nothing in it", source_hash="0" * 64) for name in "de"]
    [same] = overview([*results, *empty], rubric_of()).same_bytes
    assert [result.name for result in same] == ["a", "b"]


def test_hostile_names_are_all_there():
    names = {result.name for result in class_of_forty()}
    assert len([name for name in HOSTILE if name in names]) == len(HOSTILE) - 1  # one has marks of direction
    assert "\\u202e\\u2066reversed" in names
