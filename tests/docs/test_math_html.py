"""Formulas as MathML, and those that end the build."""

from __future__ import annotations

import re

import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from backproof.diagnosis.mistakes import MISTAKES
from book_directives.math_html import converted
from refimpl import ACTIVATIONS, LOSSES
from refimpl.equations import EQUATIONS

FORMULAS = [
    *(latex for entry in EQUATIONS for latex in (entry.latex, entry.implemented_latex)),
    *(mistake.latex for mistake in MISTAKES.values()),
    *(
        latex
        for entry in (*ACTIVATIONS.values(), *LOSSES.values())
        for latex in (entry.latex, entry.derivative_latex)
    ),
]


def test_a_formula_is_inline_or_in_a_line_of_its_own():
    assert 'display="inline"' in converted("a", display=False)
    assert 'display="block"' in converted("a", display=True)
    assert "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>" in converted(
        r"\frac{a}{b}", display=True
    )


def test_a_sum_in_a_line_of_its_own_has_its_limits_above_and_below():
    assert "<munder>" in converted(r"\sum_i a_i", display=True)
    assert "<munder>" not in converted(r"\sum_i a_i", display=False)


def test_the_columns_of_cases_are_marked_and_those_of_a_matrix_are_not():
    cases = r"\begin{cases} z & z > 0 \\ 0 & z \le 0 \end{cases}"
    matrix = r"\left( \begin{matrix} 1 & 2 \end{matrix} \right)"
    assert '<mtable class="cases">' in converted(cases, display=True)
    assert "class=" not in converted(matrix, display=True)


def test_every_formula_that_the_project_has_can_be_set():
    assert len(FORMULAS) > 250
    for latex in FORMULAS:
        assert converted(latex, display=True).startswith("<math")


@pytest.mark.parametrize(
    ("latex", "message"),
    [
        (r"a \nonsense b", r"this formula has \nonsense, which cannot be set as MathML: a \nonsense b"),
        (r"\frac{a}", r"this formula is not whole, and cannot be set as MathML: \frac{a}"),
        ("a^{", "this formula cannot be set as MathML: a^{"),
        (r"\href{javascript:1}{a}", r"this formula cannot be set as MathML: \href{javascript:1}{a}"),
        (r"\text{<b>}", r"this formula cannot be set as MathML: \text{<b>}"),
    ],
)
def test_a_formula_that_cannot_be_set_is_refused(latex: str, message: str):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        converted(latex, display=False)
