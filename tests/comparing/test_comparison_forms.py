"""A comparison as text, as Markdown and as a page: what it says first, how long it is, hostile texts."""

import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from backproof.comparing.compare import compare
from backproof.comparing.markdown import comparison_markdown
from backproof.comparing.model import WAYS, Change, Comparison, Difference
from backproof.comparing.page import UNFOLDED, comparison_html
from backproof.comparing.text import print_comparison
from backproof.comparing.wording import cases_sentence, headline
from backproof.reporting.markdown_text import MOST_LINES
from backproof.reporting.safe_text import safe_text
from tests.reporting.hostile_report import HOSTILE, hostile_report
from tests.reporting.large_report import cause as large_cause
from tests.reporting.large_report import large_report
from tests.reporting.markdown_reading import active_in, cells_of, tokens_of
from tests.reporting.sample_report import sample_report

from .run_reports import BAD, FAULTY, environment, equation, found, report, run_info, wrong_report

NAMES = ("old/report.json", "new/report.json")
GITHUB = "@octocat #1 GH-2 https://x.example [a](b) ![c](d) **x** ~~y~~ | `z` $w$ <b> :tada: "
_SGR = re.compile(r"\x1b\[[0-9;]*m")
_VOID = {"meta", "link", "br", "wbr", "col"}


def _printed(comparison: Comparison, **console: Any) -> str:
    file = io.StringIO()
    print_comparison(comparison, Console(file=file, width=80, **console), NAMES)
    return file.getvalue()


class Page(HTMLParser):
    """The tags, attributes and text of a page; each tag that is opened must be closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def _hostile(prefix: str) -> list[Comparison]:
    """What is compared with what: hostile names appear and disappear, and stay."""
    one, other = hostile_report(prefix), hostile_report("other " + prefix)
    return [compare(report(), one), compare(one, report()), compare(one, other)]


# ---------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (report(), report(), "No difference in what was found."),
        (
            report(),
            wrong_report(),
            "Worse: equation B5, conforms → mismatch: The derivative is left out.",
        ),
        (
            wrong_report(),
            report(),
            "Better: equation B5, mismatch → conforms: The derivative is left out.",
        ),
        (
            report(),
            report(equations=(equation("F2", BAD), equation("B5", BAD))),
            "Worse: equations F2, B5, conforms → mismatch; 2 regressions in all.",
        ),
        (
            report(),
            report(floor=41),
            "Worse: floor, met: 40 judged → missed: 40 judged; 1 regression in all.",
        ),
        (
            report(),
            report(
                counts=FAULTY, findings=(found(verdict="fault", reason="raised, once"),), findings_total=41
            ),
            "Worse: wrong cases, 0 of 40 judged → 2 of 40 judged: fault (raised, once).",
        ),
        (
            report(),
            report(equations=(equation("F2"), equation("B5", worst=0.9))),
            "Nothing got worse or better; 1 thing is different otherwise.",
        ),
    ],
)
def test_the_first_line_says_whether_it_is_worse_and_why(old, new, says):
    comparison = compare(old, new)
    assert headline(comparison) == says
    assert _printed(comparison).startswith(f"{says}\n")
    assert comparison_markdown(comparison).startswith("## ")
    assert says in Page(comparison_html(comparison, NAMES)).text


def test_another_version_under_the_same_seed_reads_as_an_upgrade():
    upgraded = report(environment=environment(versions={"numpy": "2.4.0", "torch": "2.13.0"}))
    comparison = compare(report(), upgraded)
    says = "Both judged the same 40 cases of seed 7; unlike are torch 2.12.0 → 2.13.0."
    assert cases_sentence(comparison) == says
    assert f"compared    {says}\n" in _printed(comparison)
    assert f"- compared: {says}\n" in comparison_markdown(comparison)


def test_unlike_runs_say_so_up_front():
    comparison = compare(report(), report(run=run_info(seed=8, oracles=("jax",))))
    assert cases_sentence(comparison).startswith(
        "The runs did not judge the same cases in the same way (seed, oracles unlike); "
    )
    lines = _printed(comparison).splitlines()
    assert lines[5] == "unlike      seed 7 → 8"
    assert "| seed | 7 | 8 |" in comparison_markdown(comparison).splitlines()
    interrupted = report(status="interrupted")
    assert "(both were interrupted)" in cases_sentence(compare(interrupted, interrupted))


# ---------------------------------------------------------------- how much


def test_markdown_never_has_more_than_sixty_lines():
    many = 100
    kinds: list[tuple[Any, bool]] = [("equation", False), ("cause", False), ("finding", True)]
    changes = tuple(
        Change(way, kind, f"number {n}", ("a", "b"), "note", "mend", "command", explained)
        for way in WAYS
        for kind, explained in kinds
        for n in range(many)
    )
    rows = tuple(Difference(f"label {n}", "a", "b", "where") for n in range(many))
    text = comparison_markdown(Comparison(report(), report(), rows, alike=False, changes=changes))
    assert MOST_LINES - 5 < len(text.splitlines()) <= MOST_LINES
    for way in WAYS:
        assert f"| {way} | {many} findings come from what is told as causes |  |  |" in text
    assert "| worse | … and 190 more |  |  |" in text


def test_text_is_short_however_much_is_different_and_the_page_has_all():
    large = large_report(causes=tuple(large_cause(n) for n in range(1, 101)))
    for comparison in (
        compare(report(), large),
        compare(large, report()),
        compare(hostile_report(HOSTILE), large),
    ):
        assert len(comparison.changes) > 100
        text = comparison_markdown(comparison)
        assert len(text.splitlines()) <= MOST_LINES
        assert len(text) < 65_536
        assert re.search(r"… and [\d,]+ more", text)
        assert len(_printed(comparison).splitlines()) < 160
        page = Page(comparison_html(comparison, NAMES))
        for change in comparison.changes:
            assert change.name in page.text
        longest = max(len(comparison.of(way)) for way in WAYS)
        assert ("details" in page.tags) == (longest > UNFOLDED)


def test_findings_of_a_cause_are_one_line():
    text = _printed(compare(report(), wrong_report()))
    assert "   finding     1 finding comes from what is told as causes\n" in text
    assert "B5, delta" not in text
    bare = _printed(compare(report(), wrong_report(causes=())))
    assert "B5, delta, reference against torch, float32, on its own inputs: – → mismatch" in bare


def test_a_regression_names_the_remedy_and_the_command_from_where_one_is():
    text = _printed(compare(report(), wrong_report()))
    assert "mend   Multiply by it.\n" in text
    assert "replay backproof replay new/cases/0123456789abcdef.json --oracles torch\n" in text
    markdown = comparison_markdown(compare(report(), wrong_report()))
    assert "  - mend: Multiply by it.\n  - replay: `backproof replay cases/0123456789abcdef.json" in markdown


# ---------------------------------------------------------------- hostile texts


@pytest.mark.parametrize("prefix", [HOSTILE, GITHUB, "</td>|`", "\\"])
def test_no_text_is_active_in_markdown(prefix):
    for hostile, plain in zip(_hostile(prefix), _hostile("plain "), strict=True):
        text = comparison_markdown(hostile)
        assert active_in(text) == []
        kinds = [
            [token.type for token in tokens_of(comparison_markdown(each)) if token.type.endswith("_open")]
            for each in (hostile, plain)
        ]
        assert kinds[0] == kinds[1], "a text changed what surrounds it"
        for line in text.splitlines():
            assert not line.startswith("| ") or len(cells_of(line)) in {3, 4}, line


@pytest.mark.parametrize("prefix", [HOSTILE, GITHUB])
def test_no_field_of_a_change_and_of_a_difference_is_active_anywhere(prefix):
    def of(text: str) -> Comparison:
        changes = tuple(Change(way, "cause", text, (text, text), text, text, text) for way in WAYS)
        return Comparison(
            report(), report(), (Difference(text, text, text, "where"),), alike=False, changes=changes
        )

    hostile, plain = of(safe_text(prefix)), of("plain")
    assert active_in(comparison_markdown(hostile)) == []
    kinds = [
        [token.type for token in tokens_of(comparison_markdown(each)) if token.type.endswith("_open")]
        for each in (hostile, plain)
    ]
    assert kinds[0] == kinds[1]
    assert Page(comparison_html(hostile, NAMES)).tags == Page(comparison_html(plain, NAMES)).tags


def test_no_text_is_active_on_the_page_and_it_loads_nothing():
    for hostile, plain in zip(_hostile(HOSTILE), _hostile("plain "), strict=True):
        page = Page(comparison_html(hostile, (HOSTILE, HOSTILE)))
        assert page.tags == Page(comparison_html(plain, NAMES)).tags
        assert not {"script", "iframe", "img", "form", "base"} & set(page.tags)
        assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]
        links = [value for _, name, value in page.attributes if name in {"href", "src"}]
        assert [link for link in links if not link.startswith("#")] == ["data:,"]
        [policy] = [value for _, name, value in page.attributes if "default-src" in value]
        assert policy.startswith("default-src 'none'")
        assert "script" not in policy
        ids = [value for _, name, value in page.attributes if name == "id"]
        assert len(ids) == len(set(ids))
        assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
        assert "{{7*7}}" in page.text


def test_no_text_reaches_the_terminal_as_a_control_character():
    for hostile, plain in zip(_hostile(HOSTILE), _hostile("plain "), strict=True):
        text = _printed(hostile, force_terminal=True, color_system="truecolor")
        styles = _SGR.findall(text)
        assert styles == _SGR.findall(_printed(plain, force_terminal=True, color_system="truecolor"))
        rest = _SGR.sub("", text)
        assert {character for character in rest if not character.isprintable()} == {"\n"}
        assert not _SGR.search(_printed(hostile))


def test_the_same_reports_give_the_same_bytes():
    sample = sample_report()
    comparisons = [compare(report(), sample) for _ in range(2)]
    assert len({comparison_html(each, NAMES) for each in comparisons}) == 1
    assert len({comparison_markdown(each) for each in comparisons}) == 1
    assert re.search(r"[^\n]\n\Z", comparison_markdown(comparisons[0]))
