"""The judge of the chain rule, with oracles made for the purpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from backproof.judging.chain import ChainJudge, ChainJudgement
from refimpl.chain_rule import (
    Binary,
    ChainRule,
    Composition,
    Expression,
    Unary,
    Variable,
    composition_from_json,
    composition_to_json,
)

X = Variable()
EXP_OF_SQUARE = Composition(Unary("exp", Unary("square", X)), np.float64(0.5))
Y, SLOPE = 1.2840254166877414, 1.2840254166877414
"""e^¼ and 2 · ½ · e^¼, by Python's decimal module."""
LOG1P = Composition(Unary("log1p", X), np.float64(-0.4141892))


class _Says:
    """An oracle, or an implementation, that always gives the same."""

    def __init__(self, value: Any, derivative: Any, name: str = "fake") -> None:
        self.name, self.answer = name, (value, derivative)

    def value_and_derivative(self, _expression: Expression, _x: Any) -> tuple[Any, Any]:
        return self.answer


RIGHT = _Says(Y, SLOPE)


def _judged(
    implementation: Any, composition: Composition = EXP_OF_SQUARE, oracle: Any = RIGHT
) -> ChainJudgement:
    return ChainJudge([oracle]).judge(implementation.value_and_derivative, composition)


def _verdicts(judgement: ChainJudgement) -> list[str]:
    return [check.verdict for check in judgement.checks]


def test_the_reference_conforms_and_its_line_tells_both_sides() -> None:
    judgement = _judged(ChainRule())
    assert (judgement.verdict, _verdicts(judgement)) == ("conforms", ["conforms", "conforms"])
    value, derivative = judgement.checks
    assert (value.observed, value.expected) == (pytest.approx(Y, rel=1e-15, abs=0), {"fake": Y})
    assert derivative.excess < 1
    assert "derivative: conforms: within the bound: observed 1.284" in str(judgement)


@pytest.mark.parametrize(
    ("value", "derivative", "verdicts"),
    [
        (Y * (1 + 1e-14), SLOPE, ["mismatch", "conforms"]),
        (Y, SLOPE * (1 - 1e-13), ["conforms", "mismatch"]),
        (Y, -SLOPE, ["conforms", "mismatch"]),
        (math.nan, SLOPE, ["unstable", "conforms"]),
        (Y, math.inf, ["conforms", "unstable"]),
    ],
)
def test_value_and_derivative_are_judged_each_for_itself(
    value: float, derivative: float, verdicts: list[str]
) -> None:
    judgement = _judged(_Says(value, derivative))
    assert _verdicts(judgement) == verdicts
    assert judgement.verdict == next(verdict for verdict in verdicts if verdict != "conforms")


def test_the_bound_is_a_few_roundings() -> None:
    value, derivative = _judged(ChainRule()).checks
    assert 2.0**-53 * Y < value.bound < 20 * 2.0**-53 * Y
    assert 2.0**-53 * SLOPE < derivative.bound < 40 * 2.0**-53 * SLOPE


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((np.ones(2), SLOPE), r"ValueError: the answer has shape \(2,\); y and dy/dx are numbers, as x is"),
        ((Y, "steep"), "ValueError: could not convert string to float: 'steep'"),
        ((Y,), "ValueError: not enough values to unpack"),
        (None, "TypeError: cannot unpack non-iterable NoneType"),
    ],
)
def test_what_is_no_pair_of_numbers_is_a_fault(answer: Any, reason: str) -> None:
    judgement = ChainJudge([RIGHT]).judge(lambda _expression, _x: answer, EXP_OF_SQUARE)
    assert _verdicts(judgement) == ["fault", "fault"]
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(judgement.checks[0].reason)


def test_an_exception_is_a_fault_that_names_it() -> None:
    def crashes(_expression: Expression, _x: Any) -> Any:
        raise ZeroDivisionError("by zero")

    judgement = ChainJudge([RIGHT]).judge(crashes, EXP_OF_SQUARE)
    assert judgement.verdict == "fault"
    assert judgement.checks[1].reason == "ZeroDivisionError: by zero"


def test_where_an_accurate_evaluation_may_leave_a_domain_nothing_is_judged() -> None:
    """√(x - x) is evaluated at 0, where it has no derivative."""
    composition = Composition(Unary("sqrt", Binary("subtract", X, X)), np.float32(0.5))
    for implementation in (ChainRule(), _Says(7.0, 7.0)):
        judgement = _judged(implementation, composition)
        assert _verdicts(judgement) == ["not judged", "not judged"]
        assert judgement.checks[0].reason.startswith("ill-posed")


def test_an_oracle_outside_the_bound_is_a_finding_and_does_not_change_the_verdict() -> None:
    judgement = _judged(ChainRule(), oracle=_Says(Y, SLOPE + 1e-6, name="torch"))
    assert judgement.verdict == "conforms"
    (line,) = judgement.findings
    assert line.startswith("torch's derivative 1.284026")
    assert line in str(judgement)


def test_an_oracle_inside_its_declared_deviation_is_known_and_another_one_is_a_finding() -> None:
    exact, slope = math.log1p(-0.4141892), 1 / (1 - 0.4141892)
    off = exact * (1 + 100 * 2.0**-53)
    jax = _judged(ChainRule(), LOG1P, _Says(off, slope, "jax"))
    assert (jax.findings, len(jax.known_deviations)) == ((), 1)
    torch = _judged(ChainRule(), LOG1P, _Says(off, slope, "torch"))
    assert (len(torch.findings), torch.known_deviations) == (1, ())
    further = _judged(ChainRule(), LOG1P, _Says(exact * (1 + 1e-12), slope, "jax"))
    assert (len(further.findings), further.known_deviations) == (1, ())


def test_a_declared_deviation_of_an_oracle_excuses_nobody_else() -> None:
    exact, slope = math.log1p(-0.4141892), 1 / (1 - 0.4141892)
    judgement = _judged(_Says(exact * (1 + 100 * 2.0**-53), slope), LOG1P, _Says(exact, slope, "jax"))
    assert _verdicts(judgement) == ["mismatch", "conforms"]


def test_a_judgement_ends_with_the_composition_that_repeats_it() -> None:
    line = str(_judged(ChainRule())).splitlines()[-1]
    assert composition_from_json(line) == EXP_OF_SQUARE
    assert line == composition_to_json(EXP_OF_SQUARE)
