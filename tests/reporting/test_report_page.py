"""report.html: whole, self-contained, well-formed, and unmoved by whatever texts a report holds."""

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from backproof.reporting.html_page import report_html
from backproof.reporting.mathml import mathml
from backproof.reporting.model import Counts, MatrixCell, Report

from .hostile_report import HOSTILE, hostile_report
from .sample_report import finding, sample_report

_VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


class Page(HTMLParser):
    """The structure of a page: its balanced tags, its attributes, and the text of each section by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: dict[str, str] = {}
        self._section = ""
        self.feed(page)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "section":
            self._section = dict(attrs)["aria-labelledby"] or ""
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        self.texts[self._section] = self.texts.get(self._section, "") + data

    def values(self, *names: str) -> list[str]:
        """The values of all attributes of these names."""
        return [value for _, name, value in self.attributes if name in names]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(report_html(sample_report()))


# ---------------------------------------------------------------- what it is


def test_the_page_loads_nothing_and_runs_its_own_script_only(page):
    html = report_html(sample_report())
    assert page.tags.count("script") == 1
    script = html.partition("<script>")[2].partition("</script>")[0]
    assert not {"iframe", "object", "embed", "base", "form", "img"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]
    loaded = page.values("src", "srcset", "data", "poster", "action", "background", "xlink:href")
    assert loaded == []
    assert [link for link in page.values("href") if not link.startswith("#")] == ["data:,"]
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    [policy] = [value for value in page.values("content") if "default-src" in value]
    assert "default-src 'none'" in policy
    [allowed] = re.findall(r"script-src '(.*?)'", policy)
    assert allowed == "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def test_ids_are_unique_and_every_link_and_label_finds_its_own(page):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    targets = [link[1:] for link in page.values("href") if link.startswith("#")]
    targets += [name for value in page.values("aria-labelledby") for name in value.split()]
    assert set(targets) <= set(ids)


def test_the_same_report_gives_the_same_bytes():
    assert report_html(sample_report()) == report_html(sample_report())


def test_a_report_of_nothing_is_a_whole_page_too():
    none = Counts()
    empty = sample_report(
        **dict.fromkeys(
            ("equations", "pairs", "matrix", "regimes", "not_judged", "deviations", "kinks", "findings"), ()
        ),
        counts=none,
        check_counts=none,
        worst_ratio=None,
        findings_total=0,
        status="interrupted",
    )
    texts = Page(report_html(empty)).texts
    assert "Interrupted after 0 of 1,000 cases. Nothing was judged" in texts[""]
    for section, says in (
        ("equations", "No equation was checked."),
        ("matrix", "No case was drawn."),
        ("not-judged", "Every check was judged."),
        ("pairs", "No pair was compared."),
        ("deviations", "None is declared"),
        ("kinks", "No function that was run has a kink."),
    ):
        assert says in texts[section]


# ---------------------------------------------------------------- what it says


def test_the_page_goes_from_the_verdict_over_the_tables_to_what_is_wrong(page):
    sections = [name for name in page.texts if name]
    assert sections == [
        *("summary", "run", "equations", "matrix", "distributions", "regimes", "not-judged", "deviations"),
        *("wrong", "unstable", "conventions"),
        *("pairs", "truth", "kinks", "words"),
    ]


def test_the_summary_counts_every_verdict(page):
    text = " ".join(page.texts["summary"].split())
    for words in (
        "980cases judged",
        "920conforms",
        "11convention",
        "2unstable",
        "41mismatch",
        "0fault",
        "6known deviation",
    ):
        assert words in text
    assert "52,045 checks were judged and 311 not" in text


def test_the_run_section_has_the_command_the_seed_and_the_versions(page):
    text = page.texts["run"]
    for words in (
        "backproof run --cases 1000 --seed 7 --dtype both --oracles torch,jax",
        "untransposed_input planted on purpose",
        "1,000 requested, seed 7, float32 and float64; floor 950 judged: met",
        "Python 3.11.7, jax 0.10.2, numpy 2.4.0, torch 2.13.0",
        "jax yes, torch no",
        "2026-01-02T03:04:05+00:00, took 12.5 s",
    ):
        assert words in text


def test_an_equation_has_both_forms_its_reading_and_its_numbers():
    row = (
        sample_report()
        .equations[1]
        .model_copy(
            update={
                "latex": "a = b",
                "implemented_latex": "a = c",
                "reading": "does not hold as written",
                "condition": "For one unit.",
                "note": "Shapes do not fit.",
            }
        )
    )
    html = report_html(sample_report(equations=(row,)))
    text = Page(html).texts["equations"]
    assert "Does not hold as written. Where it holds: For one unit. Shapes do not fit." in text
    assert html.index('aria-label="a = b"') < html.index('aria-label="a = c"')
    cells = re.findall(r'<td role="cell" class="n"[^>]*>(.*?)</td>', html)
    assert cells == ["940", "941", "<b>41</b>", "12", "2.33e+06"]
    assert "<summary><code>Backprop.weight_gradient</code></summary>" in html
    assert "    return delta @ A_prev.T  # &lt;T&gt;</code></pre>" in html
    same = row.model_copy(update={"implemented_latex": "a = b"})
    assert ">computed<" not in report_html(sample_report(equations=(same,)))


def test_what_was_not_judged_is_listed_by_reason_quantity_and_dtype():
    unchecked = (
        sample_report()
        .equations[0]
        .model_copy(update={"id": "C1", "title": "chain rule", "checks": Counts(), "verdict": "not judged"})
    )
    html = report_html(sample_report(equations=(unchecked,)))
    text = " ".join(Page(html).texts["not-judged"].split())
    assert "20 cases could not be judged at all." in text
    assert "No check of this run bears on C1 (chain rule)" in text
    assert "unresolved 300 checks the bound exceeds 1 % of the largest entry" in text
    assert "W_updated" in text
    assert "ill-posed 11 checks" in text
    assert re.search(
        r'W_<wbr>updated</th><td class="n">300</td><td class="n">1,234</td><td class="n">18<', html
    )


def test_every_mismatch_has_its_case_its_values_and_its_replay():
    findings = tuple(
        finding(
            number=number, case_id=f"case{number}", equation=f"B{number}", replay=f"backproof replay {number}"
        )
        for number in range(1, 5)
    )
    html = report_html(sample_report(findings=findings))
    for number in range(1, 5):
        card = html.partition(f'id="finding-{number}"')[2].partition("</article>")[0]
        assert f"saved as <code>cases/case{number}.json</code>" in card
        assert f'<code id="replay-{number}">backproof replay {number}</code>' in card
        assert "<dd>0.1</dd>" in card
        assert "<dd>-0.25</dd>" in card
        assert "<dd>1.5e-07</dd>" in card
        assert "2-2, tanh, loss mse (mean), 2 samples" in card
        shown = card.partition(f'<code id="case-{number}">')[2].partition("</code>")[0]
        assert json.loads(shown) == findings[0].case


def test_findings_that_repeat_an_earlier_one_are_folded_up_below_it():
    findings = (
        finding(cause=None),
        finding(number=2, right="jax", cause=None),
        finding(number=3, scope="end to end", cause=None),
        finding(number=4, dtype="float64", cause=None),
    )
    html = report_html(sample_report(findings=findings, causes=()))
    folded = re.findall(
        r'<details class="folded bad"><summary><span class="soft">#(\d)</span> (.*?)</summary>', html
    )
    assert folded == [
        ("2", "dW of layer 1, entry [1, 0], B1: reference against jax, float32, on its own inputs"),
        ("4", "dW of layer 1, entry [1, 0], B1: reference against torch, float64, on its own inputs"),
    ]
    assert html.index('id="finding-3"') < html.index('id="finding-2"')


def _cell(**changes: Any) -> MatrixCell:
    fields: dict[str, Any] = {"activation": "relu", "loss": "mse", "dtype": "float32", "worst_ratio": 0.5}
    return MatrixCell(**(fields | {"counts": Counts.tally({"conforms": 9})} | changes))


@pytest.mark.parametrize(
    ("cell", "css", "says"),
    [
        (_cell(worst_ratio=0.1), "s0", "0.1"),
        (_cell(worst_ratio=0.25), "s1", "0.25"),
        (_cell(worst_ratio=1.0), "s3", "1"),
        (_cell(worst_ratio=None), "none", "–"),
        # Beyond the bound and yet not wrong: that is no red cell.
        (_cell(worst_ratio=1e9, counts=Counts.tally({"convention": 9})), "apart", "1e+09"),
        (_cell(worst_ratio=float("nan"), counts=Counts.tally({"known deviation": 9})), "apart", "NaN"),
        (_cell(counts=Counts.tally({"conforms": 7, "unstable": 2})), "shaky", "2 unstable"),
        (_cell(counts=Counts.tally({"unstable": 8, "mismatch": 1})), "over", "1 wrong"),
        (_cell(counts=Counts.tally({"conforms": 8, "fault": 1}), worst_ratio=0.01), "over", "1 wrong"),
    ],
)
def test_a_cell_of_the_matrix_is_coloured_by_what_is_wrong_then_by_its_worst_ratio(cell, css, says):
    html = report_html(sample_report(matrix=(cell,)))
    [(found, judged, below)] = re.findall(
        r'<td class="(\w+)" title="relu × mse[^>]*><b>(.*?)</b><span>(.*?)</span>', html
    )
    assert (found, judged, below) == (css, "9", says)
    assert f'<i class="{css}"></i>' in html or css == "none"


def test_the_matrix_has_a_row_an_activation_and_a_column_a_loss_in_the_order_of_the_run():
    html = report_html(sample_report())
    report = sample_report()
    grid = html.partition('<table class="matrix">')[2].partition("</table>")[0]
    rows = [row.replace("<wbr>", "") for row in re.findall(r'<th scope="row">(.*?)</th>', grid)]
    columns = [column.replace("<wbr>", "") for column in re.findall(r'<th scope="col">(.*?)</th>', grid)]
    assert (rows, columns) == (list(report.run.activations), list(report.run.losses))
    assert 'title="no case"' in grid  # the one pair that the sample leaves out
    assert html.count('<table class="matrix">') == 2


def test_regimes_and_deviations_of_several_dtypes_stand_together():
    regime = sample_report().regimes[0]
    deviation = sample_report().deviations[0]
    html = report_html(
        sample_report(
            regimes=(regime, regime.model_copy(update={"dtype": "float64", "cases": 500})),
            deviations=(deviation, deviation.model_copy(update={"dtype": "float64", "seen": 0})),
        )
    )
    assert html.count("He, Xavier and unit normal weights") == 1
    assert 'rowspan="2"' in html
    assert "float32: <b>6</b><br>float64: 0" in html


# ---------------------------------------------------------------- hostile texts


def _structure(page: Page) -> list[Any]:
    """Tags and attributes but for the attributes that hold texts of the report."""
    kept = {"class", "id", "href", "role", "scope", "rel", "name", "colspan", "rowspan", "tabindex"}
    return [page.tags, [item for item in page.attributes if item[1] in kept]]


def test_no_text_of_a_report_changes_the_structure_of_its_page():
    plain, hostile = hostile_report("plain "), hostile_report(HOSTILE)
    html = report_html(hostile)
    assert _structure(Page(html)) == _structure(Page(report_html(plain)))
    assert "&lt;script&gt;" in html
    assert html.count("<script") == 1
    unprintable = {character for character in html if not character.isprintable()} - {"\n"}
    assert unprintable == set()
    html.encode("utf-8")


def test_a_hostile_case_is_shown_as_escaped_json():
    html = report_html(sample_report(findings=(finding(case={HOSTILE: {HOSTILE: [HOSTILE]}}),)))
    Page(html)
    assert html.count("<script") == 1
    assert {character for character in html if not character.isprintable()} == {"\n"}


@pytest.mark.parametrize(
    "latex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\text{<script>alert(1)</script>}",
        "<img src=x onerror=alert(1)>",
        r"\style{position:fixed}{x}",
        r"\class{bad}{x}",
        r"\frac{1}{",
        "\\" * 99,
        "{" * 5000,
        "</math></td></table><script>",
        '"><b onclick="alert(1)">',
        "\x1b[31m\ud800",
        "",
    ],
)
def test_hostile_latex_comes_out_as_harmless_mathml_or_as_code(latex):
    html = str(mathml(latex))
    page = Page(html)
    assert page.tags[0] in {"math", "code"}
    assert not {"script", "img", "a", "b", "style"} & set(page.tags)
    assert {name for _, name, _ in page.attributes}.isdisjoint(
        {"href", "onclick", "onerror", "style", "class"}
    )
    if page.tags[0] == "code":
        assert page.tags == ["code"]


def test_a_case_of_another_shape_than_a_case_is_shown_as_json_only():
    for case in (
        {},
        {"network": 3},
        {"network": {"layers": [], "loss": {}}, "X": []},
        {"network": {"layers": {}}},
    ):
        html = report_html(sample_report(findings=(finding(case=copy.deepcopy(case)),)))
        Page(html)
        assert "<dt>Network</dt>" not in html


def test_a_report_from_a_file_makes_the_same_page():
    report = sample_report()
    again = Report.model_validate(json.loads(report.model_dump_json()))
    assert report_html(again) == report_html(report)
