"""How each documented equation fared over a run, with the code that is it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from refimpl import Case
from refimpl.chain_rule import Binary, Expression, Unary
from refimpl.equations import EQUATIONS

from .counted import HELD_TO_BOUND, Counted
from .judging.verdicts import FAILING, Check
from .reporting import model

if TYPE_CHECKING:
    from .judging.chain import ChainJudgement

_CHAIN_NOTE = "No part of this run: pytest tests/conformance judges it, on random compositions of functions."

_TOGETHER = {"B3": ("B2", "B3"), "B5": ("B1a", "B5")}


def equations_of(equation: str, layer: int | None, *, is_failing: bool = False) -> tuple[str, ...]:
    """The equations that a local check of this one bears on.

    A wrong hidden error is B5's, though it goes through B1a.
    """
    if equation == "B5" and is_failing:
        return ("B5",)
    if equation == "F2" and layer == 1:
        return ("F1", "F2")
    return _TOGETHER.get(equation, (equation,))


class EquationTally:
    """Counts local checks under the equations that they bear on."""

    def __init__(self) -> None:
        self._checks: dict[str, Counted] = defaultdict(Counted)
        self._cases: Counter[str] = Counter()
        self._last: dict[str, Case] = {}

    def add(self, check: Check, worst: float | None, case: Case) -> None:
        """Count one local check; the checks of one case come one after the other."""
        for equation in equations_of(check.equation, check.layer, is_failing=check.verdict in FAILING):
            self._checks[equation].add(check.verdict, worst)
            if check.verdict != "not judged" and self._last.get(equation) is not case:
                self._last[equation] = case
                self._cases[equation] += 1

    def next_case(self) -> None:
        """The checks that follow are of another case, be it the same network and data again."""
        self._last.clear()

    def add_many(self, equation: str, counted: Counted, cases: int) -> None:
        """Count local checks of this equation, in so many cases of which some could be judged."""
        self._checks[equation].merge(counted)
        if cases:
            self._cases[equation] += cases

    def merge(self, other: EquationTally) -> None:
        """Count what `other` has counted; of other cases."""
        for equation, counted in other._checks.items():
            self.add_many(equation, counted, other._cases[equation])

    def as_json(self) -> dict[str, Any]:
        """For a file: equation → [what was counted, in how many cases]; `add_json` reads it."""
        return {name: [counted.as_json(), self._cases[name]] for name, counted in self._checks.items()}

    def add_json(self, told: Mapping[str, Any]) -> None:
        """Count what `as_json` has told of another, validated."""
        for equation, (counted, cases) in told.items():
            self._cases[equation] += cases
            self._checks[equation].add_json(counted)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_last": {}}  # which case came last is for who adds checks one by one

    def add_chain(self, judgement: ChainJudgement) -> None:
        """Count the derivative of one judged composition under the chain rule's equations that it has."""
        (check,) = (check for check in judgement.checks if check.quantity == "derivative")
        worst = check.excess if check.verdict in HELD_TO_BOUND else None
        for equation in _chain_equations(judgement.composition.expression):
            self._checks[equation].add(check.verdict, worst)
            self._cases[equation] += check.verdict != "not judged"

    def rows(self) -> tuple[model.EquationRow, ...]:
        """The part of the report: every equation of the document, in its order."""
        rows = []
        for equation in EQUATIONS:
            group = self._checks.get(equation.id, Counted())
            rows.append(
                model.EquationRow(
                    id=equation.id,
                    title=equation.title,
                    latex=equation.latex,
                    implemented_latex=equation.implemented_latex,
                    code=equation.code.__qualname__,
                    source=source_of(equation.code),
                    reading=equation.reading,
                    condition=equation.condition,
                    note=_CHAIN_NOTE
                    if equation.part == "chain rule" and not group.counts.total
                    else equation.note,
                    verdict=group.counts.worst(),
                    cases=self._cases[equation.id],
                    checks=group.counts,
                    worst_ratio=group.worst_ratio,
                )
            )
        return tuple(rows)


def source_of(code: Callable[..., Any]) -> tuple[str, ...]:
    """The lines of a method without its docstring; none where its file is not at hand."""
    try:
        lines = textwrap.dedent(inspect.getsource(code)).splitlines()
        (function,) = ast.parse("\n".join(lines)).body
    except (OSError, SyntaxError, ValueError):
        return ()
    if isinstance(function, ast.FunctionDef) and ast.get_docstring(function) is not None:
        docstring = function.body[0]
        del lines[docstring.lineno - 1 : docstring.end_lineno]
    return tuple(line for line in lines if line.strip())


def _chain_equations(expression: Expression) -> set[str]:
    """C1 if there is a function of one variable in the expression, C2 if there is one of two."""
    found = {"C1"} if isinstance(expression, Unary) else {"C2"} if isinstance(expression, Binary) else set()
    return found.union(*map(_chain_equations, expression.arguments))
