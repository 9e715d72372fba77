"""Every mistake as an equation that can be read beside the catalogue's."""

import re
from collections import defaultdict

import pytest
from in_browsers import unreadable

from backproof.diagnosis.mistakes import MISTAKES, Mistake
from refimpl.equations import equation

NAMES = pytest.mark.parametrize("name", MISTAKES)
SHORT, LONGEST = 100, 160
"""What fits beside another equation: ∂L/∂W[l] alone takes forty."""
LEFT_SIDES = {
    "F2": ("Z^{[l]} ",),
    "F3": ("A^{[l]} ", "a_i ", "a_{is} ", r"\sigma_{"),
    "F4": (r"\hat Y = A^{[L]} ", r"\hat Y "),
    "F5": (r"L(\hat Y, Y) ", r"\ell_{"),
    "B4": (r"\delta^{[L]} ", r"\frac{\partial L}{\partial A^{[L]}} ",
           r"\frac{\partial L}{\partial \hat y_{is}} ", r"\ell_{", r"\ell(",
           r"\frac{\partial \ell}{\partial "),
    "B5": (r"\delta^{[l]} ", r"\delta^{[1]} ", r"\delta_i ", r"\delta_{is} ", r"\sigma_{"),
    "B1": (r"\frac{\partial L}{\partial W^{[l]}} ",),
    "B3": (r"\frac{\partial L}{\partial b^{[l]}} ", r"\frac{\partial L}{\partial b^{[l]}_i} "),
    "U1": ("W^{[l]} ",),
    "U2": ("b^{[l]} ", "b^{[l]}_i "),
}  # fmt: skip
"""Equation → what a mistake of it may begin with: the quantity, its entries, or one function."""


@NAMES
def test_every_mistake_has_an_equation_that_a_browser_can_set(name: str) -> None:
    latex = MISTAKES[name].latex
    assert latex
    assert unreadable(latex) == []
    assert latex == " ".join(latex.split())
    assert latex.isprintable()
    for opening, closing in ("{}", "()", "[]"):
        assert latex.count(opening) == latex.count(closing)
    assert len(re.findall(r"\\left\b", latex)) == len(re.findall(r"\\right\b", latex))


@pytest.mark.parametrize(
    "latex", [r"\href{http://x}{a} = b", r"a = \frac{1}", r"a = \unknown b", r"a \mathrel{+}= b"]
)
def test_latex_that_cannot_be_set_is_noticed(latex: str) -> None:
    assert unreadable(latex) != []


@NAMES
def test_it_is_another_equation_than_the_catalogues(name: str) -> None:
    for id_ in MISTAKES[name].equations:
        assert MISTAKES[name].latex not in (equation(id_).latex, equation(id_).implemented_latex)


@NAMES
def test_it_is_of_the_quantity_that_its_equation_is_of_or_of_one_function(name: str) -> None:
    mistake = MISTAKES[name]
    assert mistake.latex.startswith(LEFT_SIDES[mistake.equation])


def test_no_two_mistakes_of_one_equation_are_the_same() -> None:
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mistake in MISTAKES.values():
        for id_ in mistake.equations:
            names[id_, mistake.latex].append(mistake.name)
    assert [twins for twins in names.values() if len(twins) > 1] == []


def test_they_are_short() -> None:
    lengths = [len(mistake.latex) for mistake in MISTAKES.values()]
    assert max(lengths) <= LONGEST
    assert sum(length <= SHORT for length in lengths) >= 0.75 * len(lengths)


def _words(mistake: Mistake) -> list[str]:
    return " ".join(re.findall(r"\\text\{([^}]*)\}", mistake.latex)).split()


def test_words_are_few() -> None:
    """Conditions and names of functions; what is wrong is said by the formula."""
    assert max(len(_words(mistake)) for mistake in MISTAKES.values()) <= 4


def test_layers_are_counted_as_in_the_catalogue() -> None:
    layers = {layer for m in MISTAKES.values() for layer in re.findall(r"\^\{(\[[^]]*\])\}", m.latex)}
    assert layers == {"[l]", "[L]", "[l-1]", "[l+1]", "[1]"}
