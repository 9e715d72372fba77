"""The book's directives: what they show, and how they say what is wrong."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from backproof.cli import main
from backproof.diagnosis.mistakes import MISTAKES
from refimpl.equations import EQUATIONS
from tests.book_building import Built, build

IDS = [each.id for each in EQUATIONS]
PAGES = {
    "front": "See [B5](all.md#equation-b5), and $\\delta^{[l]} = \\frac{1}{2}$.\n\n```{equations}\n```",
    "all": "\n\n".join(f"```{{equation}} {each}\n```" for each in IDS) + "\n\n[here](#equation-c1)",
    "source": "```{source} refimpl.activations.softmax_vjp\n```\n\n"
    "```{source} refimpl.backprop.Backprop.loss\n```",
    "exercises": "```{exercise} derivative-of-output\nWhat is *wrong* with $\\sigma'$?\n```\n\n"
    "```{exercise} updated-weights-in-backward\n```\n\n```{exercise} softmax-elementwise\n```",
    "mistakes": "```{mistakes} B3\n```\n\n```{mistakes} F1\n```",
    "long": "```{mistakes} B5\n```",
}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Built:
    built = build(tmp_path_factory.mktemp("directives"), PAGES)
    assert (built.status, built.err) == (0, "")
    return built


def words(html: str) -> str:
    """The text without its tags, white space made one."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def box_of(book: Built, id: str) -> str:  # noqa: A002 - the document's equations have ids
    """The HTML from the box of an equation to the next one's."""
    _, found, rest = book.page("all").partition(f'id="equation-{id.lower()}"')
    assert found, f"no box of {id}"
    return rest.partition('id="equation-')[0]


@pytest.mark.parametrize("id", IDS)
def test_the_box_of_an_equation_has_all_that_is_known_of_it(book: Built, id: str):  # noqa: A002
    entry = next(each for each in EQUATIONS if each.id == id)
    box = box_of(book, id)
    text = words(box)
    assert f"{id} {entry.title}" in text
    assert box.count("<math") == (1 if entry.implemented_latex == entry.latex else 2)
    assert 'display="block"' in box
    assert f"{entry.reading} {entry.condition} {entry.note}" in text
    assert "<svg" in box
    assert entry.code.__qualname__ in text
    assert f"def {entry.code.__name__} (" in text.replace("(", " (").replace("  ", " ")
    assert '"""' not in text  # its docstring is what the box says


def test_the_verdict_is_that_of_the_run(book: Built):
    text = words(box_of(book, "B1"))
    assert (
        "conforms in 7 networks: 9 of 11 checks conform; 2 not judged. The largest error/bound is 0.25."
        in text
    )
    text = words(box_of(book, "C2"))
    assert (
        "conforms in 5 compositions: 5 of 6 checks conform; 1 not judged. The largest error/bound is 0.5."
        in text
    )
    assert "3 compositions, made up" in text


def test_the_picture_has_the_numbers_of_the_step(book: Built):
    """C1 at x = 2 is √(x²): dy/du · du/dx = 1/(2·2) · 4; C2 is x² · 3x: 6·4 + 4·3."""
    assert "dy/dx = 0.25·4 = 1" in words(box_of(book, "C1"))
    assert "dy/dx = 6·4 + 4·3 = 36" in words(box_of(book, "C2"))
    assert "Shapes: (3, 1) = (3, 1) ⊙ (3, 1)" in words(box_of(book, "B5"))
    assert "∂L/∂W[1]" in words(box_of(book, "B1"))


def test_how_many_mistakes_are_caught_is_said_where_there_are_some(book: Built):
    assert "mistakes of this equation; the suite catches" in words(box_of(book, "B4"))
    assert "test_chain_rule.py" in words(box_of(book, "C1"))
    assert "mistakes of this equation" not in words(box_of(book, "F1"))


def test_boxes_can_be_linked_to_from_their_page_and_from_others(book: Built):
    assert 'href="all.html#equation-b5"' in book.page("front")
    assert 'href="#equation-c1"' in book.page("all")


def test_the_cards_lead_to_the_boxes_and_have_reading_and_verdict(book: Built):
    page = book.page("front")
    for id in IDS:  # noqa: A001 - as everywhere
        assert f'href="all.html#equation-{id.lower()}"' in page
    assert "B4 Error at the output" in words(page)
    assert "does not hold as written conforms" in words(page)


def test_a_source_is_the_code_under_the_name_of_its_file(book: Built):
    text = words(book.page("source"))
    assert "refimpl.activations.softmax_vjp in refimpl/activations.py" in text
    assert "refimpl.backprop.Backprop.loss in refimpl/backprop.py" in text
    assert "( A * G ) . sum ( axis = 0 , keepdims = True )" in text


def exercise(book: Built, name: str) -> tuple[str, str]:
    """What is seen of an exercise, and its solution."""
    rest = book.page("exercises").partition(f'id="exercise-{name}"')[2].partition('id="exercise-')[0]
    question, _, solution = rest.partition("<summary>Solution</summary>")
    return words(question), words(solution)


def test_an_exercise_shows_the_wrong_code_and_does_not_say_what_is_wrong(book: Built):
    question, solution = exercise(book, "derivative-of-output")
    assert "What is wrong with" in question
    assert "class Student ( Backprop )" in question
    assert "spec . entry . vjp ( A , A , dA , ** spec . parameters )" in question
    assert "δ[1], right" in question
    assert "δ[1], with this code" in question
    for told in ("B5", "DerivativeOf", "instead", "derivative-of-output"):
        assert told not in question
    mistake = MISTAKES["derivative-of-output"]
    assert f"B5 Error of a hidden layer. {mistake.what}" in solution
    assert f"Mend it: {mistake.remedy}" in solution
    assert "This code computes" in solution


def test_an_exercise_without_words_asks_for_the_equation(book: Built):
    question, _ = exercise(book, "updated-weights-in-backward")
    assert "Which equation is this, and what is wrong with it?" in question
    assert "What it extends, in which nothing is wrong class BackwardPass ( Backprop )" in question


def test_the_command_of_a_solution_shows_the_mistake(book: Built, capsys: pytest.CaptureFixture[str]):
    page = unescape(re.sub(r"<[^>]+>", "", book.page("exercises")))
    command = re.search(r"\$ backproof (explain .*? --mistake softmax-elementwise)", page)
    assert command is not None
    assert main([*command[1].split(), "--oracles", "truth"]) == 0
    assert "HERE IT GOES WRONG" in capsys.readouterr().out


def test_the_table_has_the_mistakes_of_the_equation_alone(book: Built):
    text = words(book.page("mistakes"))
    for name in ("bias-gradient-of-layer-above", "bias-gradient-before-derivative", "bias-from-one-column"):
        assert name in text
    assert "derivative-of-output" not in text
    assert "The catalogue has no mistake of F1." in text
    assert "<details" not in book.page("mistakes")
    assert "mistakes of B5 in the catalogue</summary>" in book.page("long")


# ---------------------------------------------------------------- what goes wrong

WRONG = {
    "equation": ("```{equation} B9\n```", "unknown equation 'B9'; known: F1, F2"),
    "mistakes": ("```{mistakes} b5\n```", "unknown equation 'b5'; known: F1, F2"),
    "exercise": (
        "```{exercise} no-such\n```",
        "unknown mistake 'no-such'; `backproof list mistakes` lists all",
    ),
    "module": ("```{source} no_such.thing\n```", "source no_such.thing: there is no module 'no_such'"),
    "member": ("```{source} refimpl.activations.no_such\n```", "refimpl.activations has no 'no_such'"),
    "value": ("```{source} refimpl.activations.ENTRIES\n```", "is no function, method or class of a file"),
    "math": (
        "Text $a \\nonsense b$.",
        "this formula has \\nonsense, which cannot be set as MathML: a \\nonsense b",
    ),
    "display": ("$$\n\\frac{a\n$$", "this formula is not whole, and cannot be set as MathML: \\frac{a"),
}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Built:
    pages = {"front": "Wrong pages."} | {name: text for name, (text, _) in WRONG.items()}
    return build(tmp_path_factory.mktemp("wrong"), pages)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_page_is_said_in_one_line_and_ends_the_build(wrong: Built, name: str):
    lines = [line for line in wrong.err.splitlines() if f"{name}.md:" in line]
    assert any(WRONG[name][1] in line for line in lines), wrong.err
    assert wrong.status == 1


def test_without_a_run_nothing_is_built_and_the_remedy_is_named(tmp_path: Path):
    built = build(tmp_path, {"front": "Text."}, run=False)
    assert built.status == 1
    assert built.err.count("\n") == 1
    assert built.err.startswith("the book has no verdicts to show: cannot read ")
    assert built.err.endswith("report.json; run `make book`, which makes it first\n")
    assert not (built.folder / "front.html").exists()
