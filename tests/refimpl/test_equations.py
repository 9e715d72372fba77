"""The catalogue: the document's equations in order, each with code that is it and a formula that reads."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from latex2mathml.converter import convert
from network_samples import case, layer, network

from refimpl import QUANTITIES, Backprop, Trace
from refimpl.chain_rule import Binary, ChainRule, Unary, Variable
from refimpl.equations import EQUATIONS, Equation, UnknownEquationError, equation

EVERY_EQUATION = pytest.mark.parametrize("entry", EQUATIONS, ids=lambda entry: entry.id)

# The document's own numbering, by part.
DOCUMENT = {
    "forward": ["F1", "F2", "F3", "F4", "F5"],
    "chain rule": ["C1", "C2"],
    "backward": ["B1", "B1a", "B2", "B3", "B4", "B5"],
    "update": ["U1", "U2"],
}


def test_the_catalogue_has_the_documents_equations_in_its_order() -> None:
    assert [(entry.part, entry.id) for entry in EQUATIONS] == [
        (part, number) for part, numbers in DOCUMENT.items() for number in numbers
    ]


@EVERY_EQUATION
def test_an_equation_is_found_by_its_id(entry: Equation) -> None:
    assert equation(entry.id) is entry


@pytest.mark.parametrize("unknown", ["B6", "b4", "", "B4 "])
def test_an_unknown_id_is_refused_with_the_ids_there_are(unknown: str) -> None:
    known = "F1, F2, F3, F4, F5, C1, C2, B1, B1a, B2, B3, B4, B5, U1, U2"
    with pytest.raises(UnknownEquationError, match=f"^unknown equation {unknown!r}; known: {known}$"):
        equation(unknown)


# ---------------------------------------------------------------- code


@EVERY_EQUATION
def test_the_code_of_an_equation_is_a_method_whose_docstring_names_it(entry: Equation) -> None:
    owner = ChainRule if entry.part == "chain rule" else Backprop
    assert getattr(owner, entry.code.__name__) is entry.code
    assert re.search(rf"\b{entry.id}\b", entry.code.__doc__ or "")


def changed(entry: Equation, owner: type[Any]) -> Any:
    """An implementation with that equation's result made a quarter larger."""
    return type(
        "Changed", (owner,), {entry.code.__name__: lambda *arguments: entry.code(*arguments) * 1.25}
    )()


def quantities(trace: Trace) -> dict[str, Any]:
    flat = {}
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(trace, quantity)
        flat[quantity] = np.concatenate([np.ravel(v) for v in (value if per_layer else [value])])
    return flat


@pytest.mark.parametrize("entry", [e for e in EQUATIONS if e.quantity], ids=lambda entry: entry.id)
def test_the_code_of_an_equation_decides_the_quantities_that_it_governs(entry: Equation) -> None:
    # The order of quantities is that of a pass, so the first to change is the equation's own: the rest
    # follows from it. One layer is all that is needed, except for a hidden error.
    sample = case() if entry.id == "B5" else case({"network": network(layer(2, 2))})
    before, after = quantities(Backprop().run(sample)), quantities(changed(entry, Backprop).run(sample))
    changes = [quantity for quantity in QUANTITIES if not np.array_equal(before[quantity], after[quantity])]
    assert entry.quantity == (changes[0],)


@pytest.mark.parametrize(
    "entry", [e for e in EQUATIONS if e.part == "chain rule"], ids=lambda entry: entry.id
)
def test_the_code_of_the_chain_rule_decides_the_derivative(entry: Equation) -> None:
    x = Variable()
    expression = (
        Unary("sin", Unary("square", x)) if entry.id == "C1" else Binary("multiply", x, Unary("exp", x))
    )
    (_, right), (_, wrong) = (
        rule.value_and_derivative(expression, np.float64(0.75))
        for rule in (ChainRule(), changed(entry, ChainRule))
    )
    assert wrong != right


def test_every_quantity_of_a_trace_is_governed_by_an_equation() -> None:
    governed = {quantity for entry in EQUATIONS for quantity in entry.quantity or ()}
    assert governed == set(QUANTITIES)


# ---------------------------------------------------------------- formulas and words


@EVERY_EQUATION
@pytest.mark.parametrize("field", ["latex", "implemented_latex"])
def test_the_formulas_become_mathml_with_no_command_left_over(entry: Equation, field: str) -> None:
    root = ET.fromstring(convert(getattr(entry, field)))  # noqa: S314  our own formula
    assert root.tag.endswith("math")
    assert "\\" not in "".join(root.itertext())


def test_a_command_that_the_converter_does_not_know_would_be_left_over() -> None:
    assert "\\" in convert(r"\nonsense{x}")


@EVERY_EQUATION
def test_an_equation_says_in_sentences_when_it_holds_and_how_to_read_it(entry: Equation) -> None:
    assert entry.title
    for sentence in (entry.condition, entry.note):
        assert sentence == sentence.strip()
        assert sentence[-1] == "."
        assert "\n" not in sentence


def test_what_is_computed_differs_from_the_document_exactly_where_a_note_is_needed() -> None:
    # An equation that does not hold as written is computed in another form; one that holds, for every case,
    # is computed as it stands but for how its parts are named.
    for entry in EQUATIONS:
        if entry.reading == "does not hold as written":
            assert entry.implemented_latex != entry.latex, entry.id
    as_written = {entry.id for entry in EQUATIONS if entry.implemented_latex == entry.latex}
    assert {"F2", "F3", "B1a", "U1", "U2"} == as_written


@pytest.mark.parametrize(
    ("id_", "reading"),
    [
        ("B1", "does not hold as written"),
        ("B4", "does not hold as written"),
        ("B2", "holds under a condition"),
        ("B3", "holds under a condition"),
        ("B5", "holds under a condition"),
        ("U1", "holds under a condition"),
        ("F2", "holds"),
        ("C1", "holds"),
        ("C2", "holds"),
    ],
)
def test_the_readings_are_those_that_the_care_notes_show(id_: str, reading: str) -> None:
    assert equation(id_).reading == reading
