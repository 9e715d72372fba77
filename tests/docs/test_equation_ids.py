"""Each equation of the document is in its table, the code, the book, the report and a test, by its id."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from refimpl import equations

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "docs" / "book"
SAMPLE = ROOT / "reports" / "sample"

# The document's own numbering, typed from the note: what all the places below are held against.
IDS = ("F1", "F2", "F3", "F4", "F5", "C1", "C2", "B1", "B1a", "B2", "B3", "B4", "B5", "U1", "U2")
EVERY_ID = pytest.mark.parametrize("id_", IDS)

_EVERY = "tests/judging/test_every_equation_is_judged.py"
_CHANGED = f"{_EVERY}::test_an_equation_that_is_wrong_by_a_hundredth_fails_in_its_row_and_in_no_unrelated_one"
_NETWORKS = "tests/conformance/test_equations.py::test_equation_holds"
_LOSSES = "tests/conformance/test_equations.py::test_equation_holds_for_loss"
_ONE = "tests/conformance/test_chain_rule.py::test_the_chain_rule_for_one_variable_holds"
_TWO = "tests/conformance/test_chain_rule.py::test_the_chain_rule_for_two_variables_holds"

# Equation → the tests that judge it: one in which it is wrong, and those of the conformance suite that are
# named by it. F1 is judged there with F2 in the first layer, and B2 with B3, of which it is the other name.
JUDGED_BY: Mapping[str, tuple[str, ...]] = {
    "F1": (_CHANGED,),
    "F2": (_CHANGED, _NETWORKS),
    "F3": (_CHANGED, _NETWORKS),
    "F4": (_CHANGED, _NETWORKS),
    "F5": (_CHANGED, _LOSSES),
    "C1": (_CHANGED, _ONE),
    "C2": (_CHANGED, _TWO),
    "B1": (_CHANGED, _NETWORKS),
    "B1a": (_CHANGED, _NETWORKS),
    "B2": (_CHANGED,),
    "B3": (_CHANGED, _NETWORKS),
    "B4": (_CHANGED, _NETWORKS, _LOSSES),
    "B5": (_CHANGED, _NETWORKS),
    "U1": (_CHANGED, _NETWORKS),
    "U2": (_CHANGED, _NETWORKS),
}

# ---------------------------------------------------------------- how each place is read


def rows_of(page: str) -> list[str]:
    """The first cells of the rows of a Markdown page's tables, as they stand; headings and rules are none."""
    cells = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("|")]
    return [cell for cell in cells if re.fullmatch(r"[A-Z]\d[a-z]?", cell)]


def boxes_of(page: str) -> list[str]:
    """The ids of the `{equation}` boxes of a page of the book."""
    return re.findall(r"^`{3,}\{equation\}[ \t]+(\S+)[ \t]*$", page, re.MULTILINE)


def headings_of(page: str) -> list[str]:
    """The ids of the rows of equations in a report's page."""
    return re.findall(r'<th scope="row" role="rowheader">([A-Z]\d[a-z]?)</th>', page)


def missing_in_catalogue(entries: Iterable[equations.Equation], id_: str) -> list[str]:
    """What the code lacks: an entry of that id, or the id in the docstring of the method that is it."""
    found = [entry for entry in entries if entry.id == id_]
    if len(found) != 1:
        return [f"{len(found)} entries"]
    doc = inspect.getdoc(found[0].code) or ""
    return [] if re.search(rf"\b{id_}\b", doc) else [f"no {id_} in {found[0].code.__qualname__}"]


def parameters_of(source: str, name: str) -> set[str] | None:
    """The texts in the parameters of a test function of a file, or None if there is no such test.

    A parameter may be a name that the file gives to a tuple, a list or a table: then what stands in that.
    """
    tree = ast.parse(source)
    given = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if len(tests) != 1:
        return None
    used = [inner for decorator in tests[0].decorator_list for inner in ast.walk(decorator)]
    used += [
        inner
        for node in used
        if isinstance(node, ast.Name) and node.id in given
        for inner in ast.walk(given[node.id])
    ]
    return {node.value for node in used if isinstance(node, ast.Constant) and isinstance(node.value, str)}


# ---------------------------------------------------------------- the five places


def test_the_documents_table_has_each_equation_once_and_in_its_order() -> None:
    rows = rows_of((BOOK / "document.md").read_text(encoding="utf-8"))
    assert rows[: len(IDS)] == list(IDS)
    assert set(rows) == set(IDS)


@EVERY_ID
def test_the_code_has_each_equation_and_the_method_that_is_it_names_it(id_: str) -> None:
    assert missing_in_catalogue(equations.EQUATIONS, id_) == []


def test_the_catalogue_has_no_equation_besides() -> None:
    assert [entry.id for entry in equations.EQUATIONS] == list(IDS)


def test_the_book_has_a_box_for_each_equation_in_one_chapter() -> None:
    pages = {path.name: boxes_of(path.read_text(encoding="utf-8")) for path in sorted(BOOK.rglob("*.md"))}
    boxes = Counter(id_ for page in pages.values() for id_ in page)
    assert boxes == Counter(IDS), pages


@EVERY_ID
def test_a_report_has_a_row_for_each_equation_also_where_a_run_cannot_judge_it(id_: str) -> None:
    report = json.loads((SAMPLE / "report.json").read_text(encoding="utf-8"))
    (row,) = (row for row in report["equations"] if row["id"] == id_)
    assert row["code"]
    if not row["checks"]["judged"]:  # then it says who does
        assert "tests/conformance" in row["note"]
    assert headings_of((SAMPLE / "report.html").read_text(encoding="utf-8")).count(id_) == 1


@EVERY_ID
def test_a_test_judges_each_equation(id_: str) -> None:
    assert JUDGED_BY[id_]
    for node in JUDGED_BY[id_]:
        file, _, name = node.partition("::")
        parameters = parameters_of((ROOT / file).read_text(encoding="utf-8"), name)
        assert parameters is not None, f"{node} is no test"
        assert id_ in parameters, f"{node} does not name {id_}"


# ---------------------------------------------------------------- the readers see what is missing


def test_a_row_is_one_whose_first_cell_is_an_id() -> None:
    assert rows_of("| id | says |\n|---|---|\n| F1 | B5 |\n| B1a | x |\nF2 | y |\n| see F3 | z |\n") == [
        "F1",
        "B1a",
    ]


def test_a_box_is_a_fence_and_neither_a_mention_nor_another_directive() -> None:
    assert boxes_of("```{equation} B5\n```\n\n````{equation} B1a\n````\n") == ["B5", "B1a"]
    assert boxes_of("B5\n\n```{mistakes} B5\n```\n\n`{equation} B5`\n```text\n{equation} B5\n```\n") == []


def test_a_heading_of_a_report_is_a_row_of_equations() -> None:
    assert headings_of('<th scope="row" role="rowheader">B1a</th><td>B5</td><th scope="row">F1</th>') == [
        "B1a"
    ]


def test_an_equation_that_the_code_lacks_is_seen() -> None:
    b5 = equations.equation("B5")
    assert missing_in_catalogue([b5], "B5") == []
    assert missing_in_catalogue([b5], "B4") == ["0 entries"]
    assert missing_in_catalogue([b5, b5], "B5") == ["2 entries"]
    b1 = equations.Equation(**{**vars(b5), "id": "B1"})  # B1a is not B1
    assert missing_in_catalogue([b1], "B1") == ["no B1 in Backprop.hidden_error"]


TEST = """
IDS = ("B1", "B2")
OTHERS = ("B3",)

@pytest.mark.parametrize("id_", table(IDS, "F1"))
def test_it(id_):
    assert id_ != "B4"

def helper():
    pass
"""


def test_a_test_names_what_is_in_its_parameters_and_not_what_stands_elsewhere() -> None:
    found = parameters_of(TEST, "test_it")
    assert found is not None
    assert {"B1", "B2", "F1"} <= found
    assert not {"B3", "B4"} & found
    assert parameters_of(TEST, "test_gone") is None
