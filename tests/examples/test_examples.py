"""Each example is judged through the real command, and shows what is expected of it and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from examples import table
from examples.table import EXAMPLES, Example, Known, Outcome
from tests.long_tests import long_but_for

FOLDER = Path(table.__file__).parent
EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.file.stem)
# Always the smallest one, and one of a library with a finding; the others in the long tests.
JUDGED = long_but_for(
    {"smallest", "micrograd_mlp"}, [pytest.param(example, id=example.file.stem) for example in EXAMPLES]
)
MOST_LINES, SMALLEST = 25, 5
CASES = 60
FAILING = ("mismatch", "fault")


@pytest.mark.long
@pytest.mark.parametrize("example", JUDGED)
def test_an_example_shows_what_is_expected_and_nothing_else(example: Example) -> None:
    if example.missing:
        pytest.skip(f"{example.package} is not installed: pip install backproof[peers]")
    outcome = table.run(example, CASES, 1, "--oracles", "torch")
    counts, findings = outcome.report["counts"], outcome.report["findings"]
    strange = [finding for finding in findings if table.explains(example, finding) is None]
    assert [finding["message"] for finding in strange] == [], outcome.said
    seen = {table.explains(example, finding) for finding in findings}
    assert [known for known in example.known if known.always and known not in seen] == []
    for verdict in ("mismatch", "fault", "unstable", "convention"):
        if verdict not in {known.verdict for known in example.known}:
            assert counts[verdict] == 0, outcome.said
    assert outcome.status == (1 if any(counts[verdict] for verdict in FAILING) else 0)
    # Few cases are beyond support or beyond judgement, whatever the example.
    dtypes = 1 if example.dtypes != "both" else 2
    assert counts["judged"] >= 0.6 * CASES * dtypes
    assert counts["conforms"] + counts["known_deviation"] >= 0.2 * CASES * dtypes


@EACH
def test_an_adapter_is_short(example: Example) -> None:
    lines = table.adapter_lines(example.file.read_text(encoding="utf-8"))
    assert lines <= (SMALLEST if example.file.stem == "smallest" else MOST_LINES)


def test_every_file_of_the_folder_is_an_example() -> None:
    files = {path.name for path in FOLDER.glob("*.py")} - {"table.py"}
    assert files == {example.file.name for example in EXAMPLES}


def test_every_expectation_is_told_of_in_the_findings() -> None:
    page = (FOLDER.parent / "docs" / "findings.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (.*)$", page, flags=re.MULTILINE)
    assert [known for example in EXAMPLES for known in example.known if known.heading not in headings] == []


def test_the_page_tells_of_every_example() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [
        example for example in EXAMPLES if f"- [{example.file.name}]({example.file.name})" not in page
    ] == []


# ---------------------------------------------------------------- how lines are counted, and the table


def test_docstrings_and_empty_lines_do_not_count() -> None:
    assert (
        table.adapter_lines('"""What it is.\n\nAt length."""\n\nimport x\n\n\ndef f():\n    return x\n') == 3
    )


def test_comments_count() -> None:
    assert table.adapter_lines("# why\nx = 1\n") == 2


def test_what_stands_above_the_adapter_does_not_count() -> None:
    assert table.adapter_lines(f'"""A."""\nnetwork = 1\n\n{table.ADAPTER}\n\n\nadapter = 2\n') == 1


EXPECTED = Example(
    "smallest.py:layer", "", (Known("unstable", "textbook", "MyGrad: selu's slope", ("float64",), ("A",)),)
)


def _finding(**changes: str) -> Mapping[str, Any]:
    return {"verdict": "unstable", "reason": "as the textbook", "dtype": "float64", "quantity": "A"} | changes


def test_a_finding_of_another_kind_is_not_explained() -> None:
    assert table.explains(EXPECTED, _finding()) == EXPECTED.known[0]
    assert table.explains(EXPECTED, _finding(verdict="mismatch")) is None
    assert table.explains(EXPECTED, _finding(reason="outside the bound")) is None
    assert table.explains(EXPECTED, _finding(dtype="float32")) is None
    assert table.explains(EXPECTED, _finding(quantity="dW")) is None


def test_a_row_has_counts_and_links_to_what_is_known() -> None:
    counts = dict.fromkeys(table.GRAVEST, 0) | {"judged": 9, "unstable": 2, "conforms": 7, "not_judged": 1}
    report = {"counts": counts, "findings": [_finding(), _finding(reason="odd")]}
    name, lines, judged, verdicts, findings = table.row(EXPECTED, Outcome(0, "", report))
    assert (name, lines, judged) == ("[smallest.py](smallest.py)", "5", "9 of 10")
    assert verdicts == "2 unstable, 7 conforms, 1 not judged"
    assert findings == "[selu's slope](../docs/findings.md#mygrad-selus-slope), odd"


def test_the_table_is_put_between_the_comments_only() -> None:
    page = f"above\n{table.BEGIN}\nold\n{table.END}\nbelow\n"
    assert table.in_page(page, "new") == f"above\n{table.BEGIN}\nnew\n{table.END}\nbelow\n"
    with pytest.raises(ValueError, match="the page has no <!-- examples: begin -->"):
        table.in_page("nothing here", "new")


def test_a_run_that_leaves_no_report_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"smallest\.py:layer left no report: .*No such option"):
        table.run(Example("smallest.py:layer"), 1, 1, "--unheard-of")
