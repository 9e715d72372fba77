"""The riddles made of the catalogue: they tell nothing, and compute what the mistake does."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from backproof.cases import draw_case
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from book_directives.exercise_networks import network_that_shows
from book_directives.mistake_code import bare, formula_of, riddle
from refimpl import ACTIVATIONS, LOSSES, QUANTITIES


@pytest.fixture(params=MISTAKES.values(), ids=MISTAKES)
def mistake(request: pytest.FixtureRequest) -> Mistake:
    return request.param


def _run(mistake: Mistake) -> dict[str, Any]:
    """The names that the riddle's code defines, in the file that the mistake stands in."""
    made, formula = riddle(mistake), formula_of(mistake.implementation)
    module = inspect.getmodule(formula.code if formula else mistake.implementation)
    names = dict(vars(module))
    if made.extended:
        exec(made.extended, names)  # noqa: S102 - code of ours
    exec(made.code, names)  # noqa: S102 - code of ours
    return names


def test_a_riddle_does_not_say_what_is_wrong(mistake: Mistake):
    code = riddle(mistake).code
    assert mistake.implementation.__name__ not in code.replace("Student", "")
    assert mistake.name.replace("-", "_") not in code
    assert "#" not in code.replace("'#'", "")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            assert ast.get_docstring(node) is None
        assert not isinstance(node, ast.Delete)


def _points(names: list[str]) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    A = rng.uniform(0.1, 0.9, (3, 4))
    Y = np.eye(3)[:, [0, 2, 1, 0]]
    return {
        key: value for key, value in {"Z": 4 * A - 2, "A": A, "G": A - 0.7, "Y": Y}.items() if key in names
    }


def test_a_riddle_computes_what_the_mistake_computes(mistake: Mistake):
    names, formula = _run(mistake), formula_of(mistake.implementation)
    if formula is None:
        for index in range(3):
            case = draw_case(5, index, "float64", mistake.draw).case
            ours, theirs = names["Student"]().run(case), mistake.implementation().run(case)
            for quantity in QUANTITIES:
                left, right = getattr(ours, quantity), getattr(theirs, quantity)
                for one, other in (
                    zip(left, right, strict=True) if isinstance(left, tuple) else [(left, right)]
                ):
                    np.testing.assert_array_equal(one, other)
        return
    entry = {**ACTIVATIONS, **LOSSES}[formula.functions[0]]
    given = {each.name: each.default for each in entry.parameters}
    wanted = inspect.signature(formula.code).parameters
    arguments = _points(list(wanted)) | {name: value for name, value in given.items() if name in wanted}
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(names[formula.name](**arguments), formula.code(**arguments))


def test_bare_code_has_lost_what_only_readers_of_the_solution_need():
    source = '''\
class Wrong(Base):
    """Forgets b."""

    def pre_activation(
        self, W: Any, A: dict[str, Any], b: Any = 1.0
    ) -> tuple[Any, Any]:
        """Without b."""
        del b
        Z: list[Any] = []  # none yet: δ
        return W @ A, Z  # b is missing
'''
    assert bare(source) == (
        "class Wrong(Base):\n\n"
        "    def pre_activation(self, W, A, b=1.0):\n        Z = []\n        return W @ A, Z\n"
    )
    assert '"""Without b."""' in bare(source, docstrings=True)


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("bias-forgotten", "Z"),
        ("derivative-forgotten", "delta"),
        ("batch-mean-twice", "dW"),
        ("update-uphill", "W_updated"),
        ("parameters-ignored", "delta"),  # not at the defaults that `explain` takes: a random case
    ],
)
def test_the_network_of_an_exercise_goes_wrong_in_the_mistaken_quantity(name: str, quantity: str):
    network = network_that_shows(name)
    assert network is not None
    first = network.lesson.first_wrong
    assert first is not None
    assert first.quantity == quantity
    assert bool(network.command) == (name != "parameters-ignored")


def test_a_mistake_that_only_large_numbers_show_has_no_network():
    assert network_that_shows("softmax-without-maximum") is None
