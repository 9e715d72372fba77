"""Texts in Markdown: shown as they are, and never active."""

import random

import pytest

from backproof.reporting.markdown_text import LONGEST, cell, clipped, code, listed, prose

from .hostile_report import HOSTILE
from .markdown_reading import active_in, cells_of, text_of

ACTIVE = [
    "<script>alert(1)</script>",
    "<!-- unclosed",
    "&lt;b&gt;",
    "[a](javascript:alert(1))",
    "![x](//x.png)",
    "<https://x.example>",
    "https://x.example/y",
    "www.x.example",
    "@octocat says",
    "mail a@b.example",
    "fixes #1",
    "see GH-12",
    "owner/name#7",
    "44a8fa0f",
    ":tada:",
    "$x^2$",
    "`a` ``b`` ```c",
    "~~gone~~",
    "**bold** _it_ __x__",
    "[^1]",
    "a | b \\| c",
    "\\",
    "`\\|`@",
    "# head",
    "> quote",
    "1. one",
    "- [ ] task",
    "--- | ---",
]
ALPHABET = "ab1 `|\\*_[]()<>&#@!~$:/.-+^={}\"'"


def _texts() -> list[str]:
    generator = random.Random(7)  # noqa: S311
    return ["".join(generator.choices(ALPHABET, k=generator.randint(1, 14))) for _ in range(3000)]


@pytest.mark.parametrize("text", [*ACTIVE, HOSTILE])
def test_what_could_be_active_is_shown_and_does_nothing(text):
    for shown in (prose(text), code(text)):
        assert active_in(f"- name: {shown} against another") == []
        assert text_of(f"name: {shown}") == f"name: {clipped(text)}"


@pytest.mark.parametrize(
    "text", ["<script>", "@octocat", "fixes #1", "[a](b)", "https://x.example", "$x$ ~~y~~"]
)
def test_the_reading_of_the_tests_finds_what_is_active(text):
    assert active_in(text)


def test_any_text_comes_back_as_it_is():
    for text in _texts():
        for shown in (prose(text), code(text.strip())):
            if not text.strip():
                assert shown == "–"
                continue
            assert active_in(f"x {shown}") == [], (text, shown)
            assert text_of(f"x {shown}") == f"x {text.strip()}", shown


def test_a_cell_stays_one_cell_and_shows_its_text():
    for text in [*ACTIVE, *_texts()]:
        row = f"| first | {cell(text)} | last |"
        cells = cells_of(row)
        assert len(cells) == 3, row
        table = f"| a | b | c |\n| --- | --- | --- |\n{row}"
        assert active_in(table) == [], row
        # As GitHub does: the bars are unescaped before the cell is read.
        seen = text_of("x " + cells[1].strip().replace("\\|", "|"))
        assert seen.replace(" ", "") == "x" + (text.replace(" ", "") or "–"), row
        assert text_of(table).startswith("abcfirst")


def test_only_the_words_that_could_be_active_stand_in_code():
    assert prose("raised by @octocat <b> in f_1(), twice") == r"raised by `@octocat <b>` in f\_1(), twice"
    assert cell("a|b c|@d") == r"a\|b `c\|@d`"


def test_a_long_text_is_cut_and_a_list_counts_the_rest():
    assert len(clipped("x" * 999)) == LONGEST
    assert code("x" * 999).endswith("…`")
    assert listed(["a", "b", "c"], 2) == "`a`, `b` and 1 more"
    assert listed([], 2) == "–"
