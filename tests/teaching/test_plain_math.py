"""Formulas in one line of Unicode, as a terminal shows them."""

import re
from collections.abc import Iterator

import pytest

from backproof.diagnosis.mistakes import MISTAKES
from backproof.teaching.plain_math import plain
from refimpl import ACTIVATIONS, LOSSES
from refimpl.equations import EQUATIONS


def _all_formulas() -> Iterator[tuple[str, str]]:
    for entry in EQUATIONS:
        yield from ((f"{entry.id} {name}", getattr(entry, name)) for name in ("latex", "implemented_latex"))
    for entry in (*ACTIVATIONS.values(), *LOSSES.values()):
        yield from ((f"{entry.name} {name}", getattr(entry, name)) for name in ("latex", "derivative_latex"))
    yield from ((name, mistake.latex) for name, mistake in MISTAKES.items())


FORMULAS = dict(_all_formulas())


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"Z^{[1]} = W^{[1]} A^{[0]} + b^{[1]}", "Z[1] = W[1] A[0] + b[1]"),
        (
            r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} (A^{[l-1]})^T",
            "∂L/∂W[l] = δ[l] A[l-1]ᵀ",
        ),
        (r"\sigma(z) = \frac{1}{1 + e^{-z}}", "σ(z) = 1/(1 + e^(-z))"),
        (r"\sum_{s=1}^{m} \delta^{[2]}_s", "Σₛ₌₁ᵐ δ[2]ₛ"),
        (r"\hat Y = A^{[L]}", "Ŷ = A[L]"),
        (r"\left( a + b \right) \odot c, \quad d", "(a + b) ⊙ c,  d"),
        (r"\begin{cases} z & z > 0 \\ 0 & \text{else} \end{cases}", "{z if z > 0; 0 else}"),
        (r"\tanh z \log \hat y", "tanh z log ŷ"),
        (r"\sqrt{2} \frac{z}{\sqrt{2}}", "√2 z/√2"),
        (r"a^2 + 10^{-7}", "a² + 10^(-7)"),
    ],
)
def test_a_formula_in_one_line(latex, text):
    assert plain(latex) == text


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_of_the_catalogues_can_be_read_in_a_terminal(name):
    text = plain(FORMULAS[name])
    assert text
    assert not re.search(r"[\\&_^]{|\\|[\ue000\n]| {3}", text)
    assert text.count("(") == text.count(")")
    letters = set(re.findall(r"[a-z]{3,}", text))
    assert not letters & {"frac", "hat", "partial", "delta", "sigma", "left", "right", "quad", "begin"}
