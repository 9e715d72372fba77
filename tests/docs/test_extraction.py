"""Code taken out of the project's files by its name."""

from __future__ import annotations

import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from book_directives.extraction import (
    NotFoundError,
    definitions,
    entry_source,
    file_of,
    found,
    source_of,
    with_what_it_uses,
    without_docstring,
)
from refimpl import activations, piecewise_activations
from refimpl.backprop import Backprop


def test_functions_methods_classes_and_properties_are_found_by_their_dotted_names():
    assert found("refimpl.activations.softmax") is activations.softmax
    assert found("refimpl.backprop.Backprop.loss") is Backprop.loss
    assert source_of(found("refimpl.specs.ActivationSpec.entry")).startswith("@property\ndef entry(self)")
    assert source_of(Backprop.input_activation).startswith("def input_activation(self, X: Units)")
    assert file_of(Backprop.loss) == "refimpl/backprop.py"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such", "there is no module 'no_such'"),
        ("refimpl.no_such.x", "refimpl has no 'no_such'"),
        ("refimpl.backprop.Backprop.no_such", "refimpl.backprop.Backprop has no 'no_such'"),
    ],
)
def test_what_is_not_there_is_named(name: str, message: str):
    with pytest.raises(NotFoundError, match=f"^{message}$"):
        found(name)


def test_what_has_no_lines_of_code_is_refused():
    with pytest.raises(NotFoundError, match=r"^it is no function, method or class of a file$"):
        source_of(activations.ENTRIES)


def test_a_docstring_is_left_out_and_nothing_else():
    assert without_docstring('def f():\n    """Says."""\n    return 1\n') == "def f():\n    return 1\n"
    assert without_docstring("def f():\n    return 1\n") == "def f():\n    return 1\n"


def test_an_entry_comes_with_the_functions_that_it_uses():
    own = dict(definitions(piecewise_activations))
    code = with_what_it_uses(entry_source("hardshrink", piecewise_activations), own)
    assert code.index("def _beyond(") < code.index("def _hardshrink_kinks(") < code.index("Activation(")
    assert "_softshrink" not in code
    with pytest.raises(NotFoundError, match="has no entry 'relu'"):
        entry_source("relu", piecewise_activations)
