"""What the page draws: what is wrong is marked, and nothing else; any JSON gives a drawing or none."""

import math
import re
from itertools import pairwise

import pytest

from backproof.reporting import DistributionRow, EntryRow, SideBySide
from backproof.reporting.html_page import report_html
from backproof.reporting.pictures import bars, beyond, drawing, heat_map, shade

from .sample_report import CASE, cause, sample_report, side_by_side


def _case(*widths: int) -> dict[str, object]:
    layers = [
        {"W": [[1.0] * before] * after, "b": [0.0] * after, "activation": "tanh", "parameters": {}}
        for before, after in pairwise(widths)
    ]
    loss = {"name": "half_squared_error", "reduction": "sum", "parameters": {}}
    return {"network": {"layers": layers, "loss": loss}, "X": [[0.0]] * widths[0], "Y": [[0.0]] * widths[-1]}


def _wrong(quantity: str, layer: int | None, *entries: tuple[int, ...]) -> SideBySide:
    rows = tuple(EntryRow(entry=entry, observed=1.0, bound=0.1, excess=9.0) for entry in entries)
    right = EntryRow(entry=(0, 0), observed=1.0, bound=0.1, excess=0.5)
    return side_by_side(quantity=quantity, layer=layer, entries=(*rows, right), ratios=())


@pytest.mark.parametrize(("ratio", "found"), [
    (None, "none"), (math.nan, "none"), (0.0, "s0"), (0.1, "s0"), (0.11, "s1"), (1.0, "s3"),
    (1.0000001, "x0"), (10.0, "x0"), (11.0, "x1"), (1e3, "x1"), (1e4, "x2"), (math.inf, "x2"),
])  # fmt: skip
def test_the_shade_tells_what_is_beyond_its_bound(ratio, found):
    assert shade(ratio) == found


def test_the_wrong_units_of_a_layer_are_marked():
    picture = drawing(_case(2, 3, 1), _wrong("delta", 1, (2, 0), (0, 0)))
    assert [unit.wrong for unit in picture.units] == [False, False, True, False, True, False]
    assert not any(edge.wrong for edge in picture.edges)
    assert not picture.loss[2]
    assert [label.text for label in picture.labels if label.kind == "wrong"] == ["δ[1]"]
    assert picture.description == (
        "The network 2-3-1, tanh → tanh, loss half_squared_error (sum), 1 sample; wrong first: δ[1]"
    )


def test_the_wrong_weights_are_marked_on_the_edges_from_input_to_output():
    picture = drawing(_case(2, 3, 1), _wrong("dW", 1, (2, 1)))
    assert not any(unit.wrong for unit in picture.units)
    [edge] = [edge for edge in picture.edges if edge.wrong]
    ends = [(unit.x, unit.y) for unit in picture.units]
    assert (edge.x1, edge.y1) == ends[1]  # the second input
    assert (edge.x2, edge.y2) == ends[2 + 2]  # the third unit of layer 1
    assert len(picture.edges) == 2 * 3 + 3 + 1


def test_a_wrong_loss_and_a_wrong_input_gradient_are_marked_where_they_are():
    assert drawing(_case(1, 1), _wrong("loss", None)).loss[2]
    picture = drawing(_case(2, 1), _wrong("dX", None, (1, 0)))
    assert [unit.wrong for unit in picture.units] == [False, True, False]


def test_without_values_nothing_is_marked():
    picture = drawing(_case(2, 2), None)
    assert not any(unit.wrong for unit in picture.units)
    assert not [label for label in picture.labels if label.kind == "wrong"]


def test_a_wide_layer_is_shortened_and_says_how_wide_it_is():
    picture = drawing(_case(40, 1), _wrong("dX", None, (39, 0)))
    assert [unit.dots for unit in picture.units] == [False] * 4 + [True, False]
    assert "A[0] = X, 40 units" in [label.text for label in picture.labels]
    assert not any(unit.wrong for unit in picture.units)  # the wrong one is among those left out


def test_a_long_name_is_broken_in_two_lines():
    texts = [label.text for label in drawing(_case(1, 1), None).labels]
    assert texts[-3:] == ["half_", "squared_error", "loss"]


def test_a_name_for_which_there_is_no_room_is_cut_off():
    case = _case(1, 1)
    case["network"]["layers"][0]["activation"] = "a" * 99
    case["network"]["loss"]["name"] = "大" * 99
    texts = [label.text for label in drawing(case, None).labels]
    assert "a" * 13 + "…" in texts
    assert "大" * 6 + "…" in texts


@pytest.mark.parametrize("case", [
    None, {}, {"network": 3}, {"network": {"layers": [], "loss": {"name": "mse"}}},
    {"network": {"layers": [{"W": [[]], "activation": "relu"}], "loss": {"name": "mse"}}},
    {"network": {"layers": [{"W": 3}], "loss": {"name": "mse"}}}, _case(*[1] * 9),
])  # fmt: skip
def test_what_is_no_network_or_too_deep_is_not_drawn(case):
    assert drawing(case, _wrong("dW", 1, (0, 0))) is None


def test_an_entry_outside_the_network_marks_nothing_and_does_no_harm():
    picture = drawing(_case(2, 2), _wrong("dW", 1, (7, 7)))
    assert not any(edge.wrong for edge in picture.edges)
    assert not any(unit.wrong for unit in drawing(_case(2, 2), _wrong("Z", 9, (0, 0))).units)


def test_cells_of_one_shade_in_a_row_are_one_run():
    found = heat_map([[0.0, 0.05, 5.0], [5.0, 5.0, math.nan]])
    assert (found.rows, found.columns) == (2, 3)
    assert dict(found.paths) == {
        "s0": "M0 0h2v1h-2z",
        "x0": "M2 0h1v1h-1zM0 1h2v1h-2z",
        "none": "M2 1h1v1h-1z",
    }
    assert heat_map([]) is None


def test_a_histogram_shows_every_class_with_a_check_and_marks_those_beyond_the_bound():
    row = DistributionRow(left="a", right="b", quantity="dW", scope="local", checks=(1000, 1, 0, 500))
    found = bars(row, (0.1, 1.0, 10.0))
    assert [bar.height for bar in found] == [100, 4, 0, 50]
    assert [bar.over for bar in found] == [False, False, True, True]
    assert [bar.says for bar in found] == [
        "up to 0.1: 1,000 checks", "up to 1: 1 check", "up to 10: 0 checks", "beyond 10: 500 checks",
    ]  # fmt: skip
    assert beyond(row, (0.1, 1.0, 10.0)) == 500


# ---------------------------------------------------------------- on the page


def test_a_cause_is_one_card_with_formulas_drawing_values_case_script_and_its_findings():
    html = report_html(sample_report())
    card = html.partition('<article class="card bad" id="cause-1"')[2].partition("</section>")[0]
    assert "Equation B1, layer 1: " in card
    assert re.search(r'<span class="tag">documented</span><math.*?</math>', card)
    assert re.search(r'<span class="tag">implemented</span><math.*?</math>', card)
    assert card.count('class="wrong" cx') == 0
    assert 'aria-label="The network 2-2, tanh, loss mse (mean), 2 samples; wrong first: ∂L/∂W[1]"' in card
    assert re.search(r'<tr class="wrong"><th scope="row">\[0, 1\]</th><td class="n mine">0.5</td>', card)
    assert card.count('<tr class="wrong">') == 2  # the same entry in the cause and in its finding
    assert "Transpose A[l-1]." in card
    assert "<code>weights: (inputs, outputs)</code>" in card
    assert 'id="case-cause-1">{\n  &#34;' not in card
    assert 'id="case-cause-1">{\n  "X": [[1.0, 0.3], [-2.0, 0.7]],' in card
    assert '<code id="script-1">import torch\n\nprint(&#34;&lt;dW&gt;&#34;)</code>' in card
    assert 'id="finding-1"' in card
    assert "<i>W[1]</i> = <code>[[0.5, -1.25], [2.0, 0.1]]</code>" in card
    assert html.count('id="finding-1"') == 1


def test_a_convention_is_set_apart_from_bugs_though_it_is_a_mismatch():
    html = report_html(sample_report(causes=(cause(kind="convention"),)))
    assert html.index('aria-labelledby="unstable"') < html.index('id="cause-1"')
    assert html.index('aria-labelledby="conventions"') < html.index('id="cause-1"')
    assert 'aria-labelledby="wrong"' not in html


def test_a_cause_of_which_little_is_known_is_a_card_too():
    bare = cause(
        implemented="", remedy="", evidence="", declaration={}, smallest="", smallest_id=None,
        smallest_case=None, smallest_values=None, replay="", script=(), equation="Q9", findings=(),
    )  # fmt: skip
    html = report_html(sample_report(causes=(bare,)))
    card = html.partition('id="cause-1"')[2].partition("</article>")[0]
    assert "Equation Q9, layer 1 " in card
    assert "<svg" not in card
    assert "<details" not in card


def test_every_copy_button_names_the_text_that_it_copies():
    html = report_html(sample_report())
    targets = re.findall(
        r'<button type="button" class="copy" data-copy="([^"]+)" aria-label="Copy [^"]+" hidden>Copy<', html
    )
    assert len(targets) == len(set(targets)) >= 6
    for target in targets:
        assert html.count(f'<code id="{target}">') == 1


def test_cases_stand_in_the_page_only_while_there_is_room():
    from backproof.reporting import html_page

    long = {"X": [[0.125] * 30_000]}
    findings = sample_report().findings
    many = tuple(
        findings[0].model_copy(update={"number": n, "case": long, "case_id": f"case{n}", "cause": None})
        for n in range(1, 30)
    )
    html = report_html(sample_report(findings=many, findings_total=29, causes=()))
    shown = html.count("<summary>The case as JSON</summary>")
    assert 0 < shown < 29
    assert len(html) < 2 * html_page._MOST_CASES_INLINE


def test_the_case_of_the_sample_is_small_enough_to_be_told_in_full():
    assert CASE.network.depth == 1
    assert "<i>η</i> = <code>0.1</code>" in report_html(sample_report())
