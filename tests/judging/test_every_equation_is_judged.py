"""Each documented equation: where its code is wrong its row of a report says so, else it conforms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from judge_cases import drawn_case
from measuring import oracle_of

from backproof.equation_tally import EquationTally
from backproof.judging.chain import ChainJudge
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING
from refimpl import Backprop
from refimpl.chain_rule import Binary, ChainRule, Composition, Unary, Variable
from refimpl.equations import EQUATIONS, equation

# Two hidden layers, so that errors pass through one; and a sigmoid with bce, so that δ[L] is no ∂L/∂A[L].
CASE = drawn_case(["tanh", "softplus", "sigmoid"], "bce", dtype="float64")
X = Variable()
# sin x² is C1 alone, x · x is C2 alone.
COMPOSITIONS = [
    Composition(expression, np.float64(0.75))
    for expression in (Unary("sin", Unary("square", X)), Binary("multiply", X, X))
]

# The equation whose code is changed → the rows that are wrong. Two equations that are one method are judged
# as one. A trace has no A[0], which is seen in Z[1] and ∂L/∂W[1], nor ∂L/∂A[l] of a hidden layer, which
# is seen in its δ.
WRONG_ROWS = {
    "F1": {"F1", "F2", "B1"},
    "F2": {"F1", "F2"},
    "F3": {"F3", "F4"},
    "F4": {"F3", "F4"},
    "F5": {"F5"},
    "C1": {"C1"},
    "C2": {"C2"},
    "B1": {"B1"},
    "B1a": {"B1a", "B5"},
    "B2": {"B2", "B3"},
    "B3": {"B2", "B3"},
    "B4": {"B4"},
    "B5": {"B5"},
    "U1": {"U1"},
    "U2": {"U2"},
}


def verdicts(network_rule: Any, chain_rule: Any) -> dict[str, str]:
    """Equation → the verdict of its row, for these two implementations on the cases above."""
    tally = EquationTally()
    (judgement,) = Panel(network_rule, [oracle_of("torch"), oracle_of("jax")]).judge([CASE])
    for check in judgement.checks:
        if check.scope == "local" and check.left == "reference":
            tally.add(check, None, CASE)
    for composition in COMPOSITIONS:
        tally.add_chain(ChainJudge().judge(chain_rule.value_and_derivative, composition))
    return {row.id: row.verdict for row in tally.rows()}


def changed(owner: type[Any], id_: str) -> Any:
    """With the result of that equation's code made a hundredth larger."""
    code = equation(id_).code
    body = {code.__name__: lambda *arguments, **named: code(*arguments, **named) * 1.01}
    return type("Changed", (owner,), body)() if hasattr(owner, code.__name__) else owner()


def failing(rows: dict[str, str]) -> set[str]:
    return {id_ for id_, verdict in rows.items() if verdict in FAILING}


def test_the_reference_conforms_in_every_equation() -> None:
    assert verdicts(Backprop(), ChainRule()) == dict.fromkeys((e.id for e in EQUATIONS), "conforms")


@pytest.mark.parametrize(("id_", "rows"), WRONG_ROWS.items())
def test_an_equation_that_is_wrong_by_a_hundredth_fails_in_its_row_and_in_no_unrelated_one(
    id_: str, rows: Iterable[str]
) -> None:
    assert failing(verdicts(changed(Backprop, id_), changed(ChainRule, id_))) == rows
    assert id_ in rows


def test_no_equation_is_left_out() -> None:
    assert list(WRONG_ROWS) == [entry.id for entry in EQUATIONS]
