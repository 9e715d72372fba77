"""The student's page and the lecturer's: what they say, what they keep back, and that they are harmless."""

from __future__ import annotations

import pytest
from made_up_results import (
    EXAMPLE,
    HOSTILE,
    class_of_forty,
    finding_of,
    made_up,
    not_graded,
    rubric_of,
    unknown_finding,
)
from reading_pages import problems_of, read_page, words_of

from backproof.grading.feedback import formula, hint, lines, points, sentence
from backproof.grading.gradescope import gradescope_json
from backproof.grading.model import Note
from backproof.grading.overview_page import overview_html
from backproof.grading.student_page import student_html
from backproof.reporting.findings import EntryRow, SideValue

LEVELS = ("verdict", "diagnosis", "solution")
ANSWERS = ("mend it thus", "named-so", "IMPLEMENTED", "0.24681357", "1.357e-13", "1.357", "864.25")
"""In the finding below: remedy, name, formula, right number, bound and error/bound."""


def telling():
    """A submission with one finding, of which each text can be told from all others."""
    finding = finding_of("derivative-forgotten")
    entry = EntryRow(
        entry=(0, 0),
        observed=0.7654321,
        expected=(SideValue(side="torch", value=0.24681357),),
        bound=1.357e-13,
        excess=864.25,
    )
    changed = {
        "what": "Wrongly made.",
        "remedy": "mend it thus",
        "name": "named-so",
        "implemented": r"\text{IMPLEMENTED}",
        "evidence": "as is evident",
        "values": finding.values.model_copy(update={"entries": (entry,)}),
    }
    notes = (Note(kind="import", what="import torch"),)
    return made_up("ada", [finding.model_copy(update=changed)], integrity=notes)


def given_away(text):
    """The answers that a page gives away."""
    return [answer for answer in ANSWERS if answer in text]


# ---------------------------------------------------------------- what a student is told


@pytest.mark.parametrize("level", ["verdict", "diagnosis"])
def test_no_answer_is_given_away_unless_the_rubric_says_so(level):
    rubric = rubric_of(level)
    assert given_away(student_html(telling(), rubric)) == []
    assert given_away(gradescope_json(telling(), rubric)) == []


def test_a_solution_has_the_answers_and_what_looks_for_them_sees_them():
    page = student_html(telling(), rubric_of("solution"))
    assert {"mend it thus", "named-so", "IMPLEMENTED", "0.24681357"} <= set(given_away(page))
    assert "backproof explain --mistake named-so" in words_of(page)
    told = gradescope_json(telling(), rubric_of("solution"))
    assert {"mend it thus", "0.24681357"} <= set(given_away(told))


@pytest.mark.parametrize(("level", "told"), [("verdict", False), ("diagnosis", True), ("solution", True)])
def test_a_diagnosis_has_what_is_wrong_and_the_students_own_numbers(level, told):
    words = words_of(student_html(telling(), rubric_of(level)))
    for text in ("Wrongly made.", "0.7654321", "too large", "as is evident", "about 10² times as far"):
        assert (text in words) == told, text
    assert "B5: Error of a hidden layer" in words or not told


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_tells_which_equations_are_wrong_and_what_each_is_worth(level):
    words = words_of(student_html(telling(), rubric_of(level)))
    assert "17 of 20 points" in words
    for mark in telling().marks:
        word = "✗ wrong" if mark.equation == "B5" else "✓ right"
        assert f"{mark.reason}" in words
        assert f"{word} {points(mark.earned)} of {points(mark.points)}" in words


def test_the_formula_of_what_is_wrong_lacks_its_right_side_until_the_solution_is_told():
    of = {mark.equation: mark for mark in telling().marks}
    assert formula(of["B5"], "diagnosis") == r"\delta^{[l]} = \ldots"
    assert r"\odot" in formula(of["B5"], "solution")
    assert formula(of["F2"], "verdict") == "Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}"
    wrong = of["F2"].model_copy(update={"verdict": "mismatch", "earned": 0.0})
    assert formula(wrong, "verdict") == r"Z^{[l]} = \ldots"
    update = of["U1"].model_copy(update={"verdict": "not shown", "earned": 0.0})
    assert formula(update, "verdict") == r"W^{[l]} \leftarrow \ldots"


@pytest.mark.parametrize(
    ("yours", "right", "excess", "said"),
    [
        (1.0, 1.0, 0.5, "right"),
        (2.0, 1.0, 9.0, "too large"),
        (-2.0, -1.0, 9.0, "too large"),
        (0.25, 1.0, 9.0, "too small"),
        (1.01, 1.0, 9.0, "slightly too large"),
        (1.000001, 1.0, 9.0, "too large, in the last digits only"),
        (-1.0, 1.0, 9.0, "has the wrong sign"),
        (0.0, 1.0, 9.0, "0, and it should not be"),
        (0.5, 0.0, 9.0, "too large"),
        (float("nan"), 1.0, 9.0, "not finite"),
        (1.0, float("inf"), 9.0, "wrong"),
        (1.0, None, 9.0, "wrong"),
    ],
)
def test_a_hint_says_in_which_direction_a_number_is_off(yours, right, excess, said):
    assert hint(yours, right, excess) == said


def test_what_nothing_explains_is_said_so():
    words = words_of(student_html(made_up("eve", [unknown_finding("B1", "eve")]), rubric_of()))
    assert "no known mistake gives them. Work the small network below out by hand" in words
    assert "That it is B1 is likely, and not certain." in words
    assert "further than any rounding could bring it" in words
    for said in ("not finite", "0, and it should not be", "has the wrong sign", "in the last digits only"):
        assert said in words


def test_values_of_another_equation_are_not_shown_as_those_of_this_one():
    finding = finding_of("derivative-forgotten")
    of_loss = finding.values.model_copy(update={"quantity": "loss", "layer": None, "shape": ()})
    words = words_of(student_html(made_up("ada", [finding]), rubric_of()))
    assert "your number" in words
    changed = finding.model_copy(update={"values": of_loss})
    assert "your number" not in words_of(student_html(made_up("ada", [changed]), rubric_of()))


def test_the_smallest_network_says_what_its_loss_is_divided_by():
    words = words_of(student_html(EXAMPLE, rubric_of()))
    assert "loss half_squared_error (divided by m), 1 sample" in words


def test_conventions_instability_faults_and_what_is_not_shown_have_lines_of_their_own():
    words = words_of(student_html(EXAMPLE, rubric_of()))
    assert "B5, layers 1, 2 : decided differently exactly on a kink (3 cases)" in words
    assert "It costs 25 % of the points of its equation." in words
    assert "F4, layer 2 : not finite where the exact answer is (2 cases)" in words
    assert "changed its argument W (40 cases)" in words
    assert "does not give dX , b_updated" in words


def test_integrity_notes_are_for_the_lecturer_only():
    rubric = rubric_of("solution")
    assert "import torch" not in student_html(telling(), rubric)
    assert "import torch" in overview_html([telling()], rubric)


def test_a_page_says_why_it_was_not_graded_and_how_to_try_again():
    result = not_graded("xu", "not loadable", "xu.py, line 1: invalid syntax")
    words = words_of(student_html(result, rubric_of()))
    assert "could not be graded: it could not be loaded" in words
    assert "xu.py, line 1: invalid syntax" in words
    assert "backproof check xu.py --exercise exercise.toml" in words
    assert words_of(student_html(not_graded("y", "empty", "there is nothing in it"), rubric_of())).count(
        "There is nothing in it"
    )


def test_a_right_one_is_told_so():
    words = words_of(student_html(made_up("ada"), rubric_of()))
    assert "20 of 20 points" in words
    assert "Nothing is left to mend." in words
    assert "What to mend" not in words
    assert "What to mend" in words_of(student_html(EXAMPLE, rubric_of()))


def test_a_command_with_a_hostile_name_is_quoted():
    result = made_up("a; rm -rf b", [finding_of("bias-forgotten")])
    assert "backproof check 'a; rm -rf b.py' --exercise" in words_of(student_html(result, rubric_of()))


def test_names_at_the_beginning_of_a_sentence_stay_as_they_are():
    assert sentence("loss is twice the right one.") == "Loss is twice the right one."
    for text in ("dW[1] has shape (1, 1)", "network.py, line 3", "δ is 0", "a is"):
        assert sentence(text) == text


def test_plain_text_has_what_the_page_has():
    result, rubric = telling(), rubric_of()
    mark = next(mark for mark in result.marks if mark.equation == "B5")
    told = "\n".join(lines(result, mark, rubric))
    assert "your δ[1] is 0.7654321: too large" in told
    assert "Wrongly made." in told
    assert "right is" not in told


# ---------------------------------------------------------------- what the lecturer sees


def test_the_overview_has_every_submission_with_a_link_to_its_page():
    results = class_of_forty()
    page = overview_html(results, rubric_of())
    links = read_page(page).links
    for result in results:
        assert f"pages/{result.key}.html" in links
    assert f"{len(results)} submissions, on average" in words_of(page)


def test_the_overview_says_that_same_numbers_prove_nothing():
    words = words_of(overview_html(class_of_forty(), rubric_of()))
    assert "This proves nothing." in words
    assert words.index("no known mistake explains") < words.index("Wrong numbers that are explained")


def test_an_overview_of_nothing_can_be_read():
    words = words_of(overview_html([], rubric_of()))
    assert "No submissions" in words
    assert "Nothing: all could be graded" in words


# ---------------------------------------------------------------- safety


@pytest.mark.parametrize("level", LEVELS)
def test_pages_load_nothing_and_run_only_the_script_that_their_policy_names(level):
    results, rubric = class_of_forty(), rubric_of(level)
    for page in (overview_html(results, rubric), *(student_html(each, rubric) for each in results)):
        assert problems_of(page) == []
        assert page.endswith("</html>\n")


def test_what_looks_for_that_sees_it():
    page = student_html(EXAMPLE, rubric_of())
    for doctored in (
        page.replace("</main>", "<img src='http://example.invalid/x.png'></main>"),
        page.replace("</main>", "<script>alert(1)</script></main>"),
        page.replace("</main>", "<p onclick='alert(1)'></p></main>"),
        page.replace("default-src 'none'", "default-src *"),
        page.replace("</style>", "@import 'x.css';</style>"),
    ):
        assert doctored != page
        assert problems_of(doctored) != []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_read_as_it_is_written_and_changes_nothing(name):
    plain, rubric = "harmless", rubric_of("solution")
    shapes = []
    for each in (name, plain):
        finding = finding_of("bias-forgotten").model_copy(update={"what": each, "remedy": each})
        result = made_up(each, [finding], integrity=(Note(kind="file", what=each),))
        pages = [student_html(result, rubric), overview_html([result], rubric)]
        shapes.append([[pair for pair in read_page(page).attributes if pair[1] != "title"] for page in pages])
        for page in pages:
            assert " ".join(result.name.split()) in words_of(page)
    assert shapes[0] == shapes[1]


def test_many_names_in_a_row_are_folded_up_and_all_there():
    results = [made_up(f"s{place}", [finding_of("bias-forgotten")]) for place in range(12)]
    page = overview_html(results, rubric_of())
    assert "4 more" in words_of(page)
    for result in results:
        assert page.count(f'href="pages/{result.key}.html"') == 3  # by mistake, by numbers, and among all
