"""How one constant of a bound is taken away, and an answer held against what is left.

A constant is named by its text in the source of the function that has it: the function is compiled again
with something else in that place, for one test. A term that has been renamed or has gone is an error, so
that a table of constants cannot silently test nothing.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_values import distance

from backproof.judging.levels import levels_of

Remove = Callable[[pytest.MonkeyPatch], None]


def without(function: Any, term: str, instead: str = "0.0", also: tuple[str, ...] = ()) -> Remove:
    """Takes `term` out of the source of `function`, for everyone who has hold of it; `also` more terms."""

    def remove(monkeypatch: pytest.MonkeyPatch) -> None:
        changed = textwrap.dedent(inspect.getsource(function))
        for gone in (term, *also):
            if changed.count(gone) != 1:
                raise AssertionError(f"{function.__name__} has {changed.count(gone)} times the term {gone!r}")
            changed = changed.replace(gone, instead)
        found: dict[str, Any] = {}
        flags = annotations.compiler_flag  # of this module's own `from __future__ import annotations`
        code = compile(changed, function.__name__, "exec", flags, dont_inherit=True)
        exec(code, dict(function.__globals__), found)  # noqa: S102
        monkeypatch.setattr(function, "__code__", found[function.__name__].__code__)

    return remove


def facts(table_of_facts: Any, name: str, **changed: Any) -> Remove:
    """Changes one line of facts."""

    def remove(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(table_of_facts, name, replace(table_of_facts[name], **changed))

    return remove


def nothing_rounds(z: Any, *_: Any) -> Any:
    """A scale of zeros."""
    return np.zeros_like(z)


@dataclass(frozen=True)
class Example:
    """An answer, what is exact (`Fraction`s or balls), and the bound of that."""

    answer: Any
    truth: Any
    bound: Callable[[], Any]
    """Called again once a constant is gone."""

    def ratio(self) -> float:
        """The largest |answer - truth| / bound."""
        answer, truth = np.atleast_1d(self.answer), np.atleast_1d(self.truth)
        if isinstance(truth.flat[0], Fraction):
            error = _distances(answer.astype(np.float64), truth).astype(np.float64)
        else:
            error = distance(answer, truth)
        bound = np.broadcast_to(self.bound(), error.shape)
        assert np.isfinite(bound).all()
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.max(np.where(error > 0, error / bound, 0.0)))


_distances = np.frompyfunc(lambda answer, truth: abs(Fraction(float(answer)) - truth), 2, 1)
fractions = np.frompyfunc(lambda number: Fraction(float(number)), 1, 1)
"""The numbers of an array, exactly."""


@dataclass(frozen=True)
class Constant:
    """One constant, how it is taken away, and an example in which it is needed."""

    name: str
    remove: Remove
    example: Callable[[], Example]


def table(*constants: Constant) -> Any:
    """Each of them as a test of its own."""
    return pytest.mark.parametrize("constant", constants, ids=lambda constant: constant.name)


def require_needed(constant: Constant, monkeypatch: pytest.MonkeyPatch) -> None:
    """An accurate answer is inside the bound, and outside what is left without the constant."""
    example = constant.example()
    ratio = example.ratio()
    assert ratio <= 1, f"an accurate answer lies {ratio:.3g} times the bound away"
    constant.remove(monkeypatch)
    ratio = example.ratio()
    assert ratio > 1, f"without {constant.name} the answer lies {ratio:.3g} times the bound away"


def require_margin(constant: Constant, monkeypatch: pytest.MonkeyPatch) -> None:
    """An accurate answer is inside the bound, and still is, nearer its end, without the constant."""
    example = constant.example()
    whole, ratio = np.array(example.bound()), example.ratio()
    constant.remove(monkeypatch)
    assert (example.bound() < whole).all(), f"{constant.name} adds nothing to the bound"
    assert ratio < example.ratio() <= 1


# ---------------------------------------------------------------- numbers, and accurate evaluations of them

F = np.float32
U, TINY = 2.0**-24, 2.0**-126
E = 2.0**-10
"""An error of an input, far above roundings."""
UP = 1 + (2**11 + 1) * 2.0**-23
"""Its square rounds up, by nearly U."""
LOSING = np.array([1.0] + [U] * 63, F)
"""From left to right each sum is a tie, and rounds to 1."""
SINGLE = levels_of("float32")


def both(errors: Any) -> Any:
    """Errors for both levels of `SINGLE`."""
    return np.stack([np.ravel(errors)] * 2)


def left_to_right(terms: Any, after: Callable[[Any], Any] = np.asarray) -> Any:
    """Their sum in their own dtype, from the first on along axis 0; `after` is done to each of the sums."""
    terms = np.asarray(terms)
    total = terms[0]
    for term in terms[1:]:
        total = after((total + term).astype(terms.dtype))
    return total


def flushed(x: Any) -> Any:
    """x, where a processor takes subnormal numbers for zero."""
    x = np.asarray(x)
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.zeros_like(x), x)
