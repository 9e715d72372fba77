"""The examples in refimpl's docstrings, each run as doctest runs it; a failure names what it explains."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import types
from functools import cached_property

import pytest

import refimpl

# Type checks of the test run would refuse a wrong shape before refimpl does.
pytestmark = pytest.mark.usefixtures("without_type_checks")

# As refimpl/__init__.py says. A long message of an exception goes over several lines.
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples_of(module: types.ModuleType) -> list[doctest.DocTest]:
    """One for each docstring with an example: the module's, its classes', functions' and methods'."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module)
    for owner in vars(module).values():
        if isinstance(owner, type) and owner.__module__ == module.__name__:
            for name, value in vars(owner).items():
                if isinstance(value, cached_property):  # which the finder passes over
                    found += finder.find(value.func, f"{module.__name__}.{owner.__name__}.{name}", module)
    return [test for test in found if test.examples]


def failures_of(test: doctest.DocTest) -> str:
    """What doctest prints of the examples that do not print what they should; empty if all do."""
    printed: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=printed.append)
    return "".join(printed)


MODULES = [
    refimpl,
    *(importlib.import_module(f"refimpl.{m.name}") for m in pkgutil.iter_modules(refimpl.__path__)),
]
TESTS = {test.name.removeprefix("refimpl."): test for module in MODULES for test in examples_of(module)}


@pytest.mark.parametrize("name", TESTS)
def test_the_examples_print_what_they_say(name: str) -> None:
    failures = failures_of(TESTS[name])
    assert not failures, failures


# ---------------------------------------------------------------- the checker


def test_examples_of_every_kind_of_docstring_are_found() -> None:
    # Package, module, function, class, method, an inherited one where it stands, a cached property.
    kinds = {
        *("refimpl", "serialization", "activations.sigmoid", "backprop.Backprop", "backprop.Backprop.loss"),
        *("functions._Entry.complete", "network.Case.content_hash"),
    }
    assert kinds <= TESTS.keys()
    assert len(TESTS) > 80


def module_of(source: str) -> types.ModuleType:
    module = types.ModuleType("doctored")
    exec(source, vars(module))  # noqa: S102 - our own
    return module


MODULE = '''"""Wrong.

>>> 1 + 1
3
"""
'''
FUNCTION = '''
def f():
    """Wrong.

    >>> f()
    2
    """
    return 1
'''
METHOD = '''
class C:
    def f(self):
        """Wrong.

        >>> C().f()
        2
        """
        return 1
'''
CACHED = '''
from functools import cached_property

class C:
    @cached_property
    def f(self):
        """Wrong.

        >>> C().f
        2
        """
        return 1
'''
MESSAGE = '''
def f():
    """Raises ValueError, with another message.

    >>> f()
    Traceback (most recent call last):
        ...
    ValueError: right
    """
    raise ValueError("wrong")
'''


@pytest.mark.parametrize("source", [MODULE, FUNCTION, METHOD, CACHED, MESSAGE])
def test_a_wrong_example_is_seen_and_named(source: str) -> None:
    (test,) = examples_of(module_of(source))
    assert test.name.startswith("doctored")
    assert "Failed example:" in failures_of(test)
