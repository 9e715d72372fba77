"""Every docstring of refimpl keeps the rule of `docstring_rule`, and the files state how they are read."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
from docstring_rule import SHAPE, offences

import refimpl
from refimpl import ACTIVATIONS, LOSSES
from refimpl.equations import EQUATIONS, Equation

FOLDER = Path(refimpl.__file__).parent
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
EVERY_FILE = pytest.mark.parametrize("file", SOURCES)
MOST_LINES = 400

# ---------------------------------------------------------------- the rule


@EVERY_FILE
def test_every_docstring_of_a_file_keeps_the_rule(file: str) -> None:
    assert offences(SOURCES[file]) == []


FUNCTION = '''
"""A module."""

def halved(x):
    """x/2. Raises ValueError for NaN.

    >>> halved(3.0)
    1.5
    """
    if x != x:
        raise ValueError
    return x / 2
'''
CLASS = '''
"""A module."""

class Pair:
    """Two numbers. Raises TypeError for anything else.

    >>> Pair(1.0, 2.0).total
    3.0
    """

    def __post_init__(self):
        _check(self)

    @property
    def total(self):
        """Their sum."""
        return self.x + self.y

def _check(pair):
    if not isinstance(pair.x, float):
        raise TypeError
'''
MATRIX = '''
"""A module."""

def doubled(Z: Units) -> Units:
    """2z, (n, m).

    >>> doubled(np.ones((1, 1)))
    array([[2.]])
    """
    return 2 * Z
'''


@pytest.mark.parametrize("source", [FUNCTION, CLASS, MATRIX])
def test_what_keeps_the_rule_passes(source: str) -> None:
    assert offences(source) == []


@pytest.mark.parametrize(
    ("source", "right", "wrong", "offence"),
    [
        (FUNCTION, '"""A module."""', "", "the module has no docstring"),
        (FUNCTION, "def halved(x):\n", "def halved(x):\n    x\n", "halved has no docstring"),
        (FUNCTION, ">>> ", "", "halved has no example"),
        (FUNCTION, "Raises ValueError", "Raises it", "halved does not say that it raises ValueError"),
        (FUNCTION, "Raises ValueError", "ValueError", "halved does not say that it raises ValueError"),
        (FUNCTION, "def halved", "def _halved", "_halved raises, and nothing public of the file uses it"),
        (CLASS, ">>> Pair(1.0, 2.0).total", ">>> Pair", "Pair.total is not used in its class's example"),
        (CLASS, "@property", "", "Pair.total has no example"),
        (CLASS, '"""Their sum."""', "", "Pair.total has no docstring"),
        (CLASS, "Raises TypeError", "Not", "Pair does not say that it raises TypeError"),
        (MATRIX, "2z, (n, m).", "2z.", "doubled names no shape"),
    ],
)
def test_what_breaks_the_rule_is_named(source: str, right: str, wrong: str, offence: str) -> None:
    assert right in source
    assert offence in offences(source.replace(right, wrong))


# ---------------------------------------------------------------- equations


def lacks_of_an_equation(id_: str, doc: str) -> list[str]:
    said = {
        "its id": re.search(rf"\b{id_}\b", doc),
        "a shape": SHAPE.search(doc),
        "an example": ">>> " in doc,
    }
    return [what for what, there in said.items() if not there]


@pytest.mark.parametrize("entry", EQUATIONS, ids=lambda entry: entry.id)
def test_the_method_of_an_equation_names_its_id_and_a_shape_and_has_an_example(entry: Equation) -> None:
    assert lacks_of_an_equation(entry.id, inspect.getdoc(entry.code) or "") == []


@pytest.mark.parametrize(
    ("doc", "lacks"),
    [
        ("B1a: W^T δ, (n_l, m).\n\n>>> 1\n1", ["its id"]),
        ("B1: δ A^T.\n\n>>> 1\n1", ["a shape"]),
        ("B1: δ A^T, (n_l, n_{l-1}).", ["an example"]),
    ],
)
def test_an_equation_without_one_of_the_three_is_seen(doc: str, lacks: list[str]) -> None:
    assert lacks_of_an_equation("B1", doc) == lacks


# ---------------------------------------------------------------- where functions come from


@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES])
def test_a_source_has_a_name_and_a_year(name: str) -> None:
    source = {**ACTIVATIONS, **LOSSES}[name].source
    assert not source or re.search(r"[A-Z][a-z]+.* (19|20)\d\d\b", source), source


# ---------------------------------------------------------------- the order of reading

TEXT = re.findall(r"^ \d\. `(\w+)`", inspect.getdoc(refimpl) or "", re.MULTILINE)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "last")


def imports_of(file: str) -> set[str]:
    """The modules of refimpl that one imports outside functions."""
    found = set()
    for node in ast.parse(SOURCES[file]).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return found


def test_the_package_names_every_file_once_as_text_or_appendix() -> None:
    appendix = (inspect.getdoc(refimpl) or "").partition("The appendix")[2]
    listed = TEXT + [
        name
        for line in re.findall(r"^    (`.*)$", appendix, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", line)
    ]
    assert sorted(listed) == sorted(SOURCES.keys() - {"__init__"})


@pytest.mark.parametrize(("place", "file"), list(enumerate(TEXT)))
def test_a_file_of_the_text_says_which_it_is_and_what_comes_next(place: int, file: str) -> None:
    doc = ast.get_docstring(ast.parse(SOURCES[file])) or ""
    assert f"The {ORDINALS[place]} file of the text" in doc
    if place + 1 < len(TEXT):
        assert f"`{TEXT[place + 1]}.py` comes next" in " ".join(doc.split())


@pytest.mark.parametrize("file", sorted(SOURCES.keys() - {"__init__", *TEXT}))
def test_a_file_of_the_appendix_says_so(file: str) -> None:
    assert "\nAppendix" in (ast.get_docstring(ast.parse(SOURCES[file])) or "")


def test_no_file_of_the_text_is_built_on_a_later_one_but_for_how_numbers_are_rounded() -> None:
    later = {(file, name) for i, file in enumerate(TEXT) for name in imports_of(file) & set(TEXT[i + 1 :])}
    assert later == {("network", "functions")}
    assert "from .functions import rounded\n" in SOURCES["network"]


@EVERY_FILE
def test_no_file_is_too_long_to_be_read(file: str) -> None:
    assert len(SOURCES[file].splitlines()) <= MOST_LINES
