"""The chain rule, C1 and C2, on random compositions: values and derivatives against torch and JAX."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from backproof.cases.compositions import LARGEST_DEPTH, draw_composition
from backproof.judging.chain import ChainJudge, ChainJudgement
from refimpl.chain_rule import Binary, ChainRule, Composition, Constant, Expression, Unary, Variable
from refimpl.elementary_functions import BINARY_FUNCTIONS, UNARY_FUNCTIONS

from .conftest import DTYPE_NAMES, table

SEED = 20_261_124
COMPOSITIONS = 480
"""In each dtype: twenty for each function, on the average, in which it is the outermost."""
AT_LEAST = 8
"""How many of them must have been judged."""

Judged = Callable[[str], list[ChainJudgement]]


@pytest.fixture(scope="module")
def chain_judge() -> ChainJudge:
    return ChainJudge()


@pytest.fixture(scope="module")
def judged(backproof: Any, chain_judge: ChainJudge) -> Judged:
    """dtype → judgements of the reference on all compositions."""
    cache: dict[str, list[ChainJudgement]] = {}

    def of_dtype(dtype: str) -> list[ChainJudgement]:
        if dtype not in cache:
            compositions = [draw_composition(SEED, index, dtype) for index in range(COMPOSITIONS)]
            reference = ChainRule().value_and_derivative
            cache[dtype] = [chain_judge.judge(reference, composition) for composition in compositions]
            for judgement in cache[dtype]:
                if backproof.plugged is None:  # nobody else's implementation has a chain rule of its own
                    backproof.tally.add_chain(judgement)
        return cache[dtype]

    return of_dtype


def _functions(expression: Expression) -> Iterator[str]:
    """The names of all functions in an expression."""
    if isinstance(expression, (Unary, Binary)):
        yield expression.name
        for argument in expression.arguments:
            yield from _functions(argument)


def _outermost(judgements: list[ChainJudgement], function: str) -> list[ChainJudgement]:
    """Those whose expression is that function of something."""
    return [one for one in judgements if getattr(one.composition.expression, "name", None) == function]


def _require(judgements: list[ChainJudgement], at_least: int = AT_LEAST) -> None:
    """All conform, enough of them were judged, and no oracle lies outside its bound undeclared."""
    for judgement in judgements:
        assert judgement.verdict in ("conforms", "not judged"), str(judgement)
        assert not judgement.findings, str(judgement)
        assert all(set(check.expected) == {"torch", "jax"} for check in judgement.checks)
    verdicts = [judgement.verdict for judgement in judgements]
    conforming = verdicts.count("conforms")
    assert conforming >= at_least, f"only {conforming} of {len(verdicts)} compositions were judged"
    assert conforming >= 0.9 * len(verdicts), f"only {conforming} of {len(verdicts)} compositions were judged"


@pytest.mark.parametrize(("equation", "function", "dtype"), table(("C1",), UNARY_FUNCTIONS, DTYPE_NAMES))
def test_the_chain_rule_for_one_variable_holds(judged: Judged, equation: str, function: str, dtype: str):
    _require(_outermost(judged(dtype), function))


@pytest.mark.parametrize(("equation", "function", "dtype"), table(("C2",), BINARY_FUNCTIONS, DTYPE_NAMES))
def test_the_chain_rule_for_two_variables_holds(judged: Judged, equation: str, function: str, dtype: str):
    _require(_outermost(judged(dtype), function))


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("depth", range(1, LARGEST_DEPTH + 1), ids=lambda depth: f"depth {depth}")
def test_compositions_of_every_depth_hold(judged: Judged, depth: int, dtype: str):
    _require([one for one in judged(dtype) if one.composition.expression.depth == depth], at_least=40)


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_every_elementary_function_is_met_inside_another_one(judged: Judged, dtype: str):
    inner: dict[str, int] = defaultdict(int)
    for one in judged(dtype):
        for argument in one.composition.expression.arguments:
            for name in _functions(argument):
                inner[name] += 1
    rare = {name for name in (*UNARY_FUNCTIONS, *BINARY_FUNCTIONS) if inner[name] < 5}
    assert len(inner) >= 15
    assert not rare, f"too rarely under another function: {', '.join(sorted(rare))}"


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_declared_deviations_are_the_exception(judged: Judged, dtype: str):
    known = [one for one in judged(dtype) if one.known_deviations]
    assert len(known) <= COMPOSITIONS / 50, "\n".join(map(str, known))


# ---------------------------------------------------------------- wrong chain rules are rejected


class _OuterDerivativeAtX(ChainRule):
    """C1 with f' taken at x instead of at u."""

    def outer_derivative(self, function: Any, u: Any, x: Any) -> Any:
        del u
        return function.derivative(x)


class _InnerDerivativeForgotten(ChainRule):
    """C1 without du/dx."""

    def chain(self, dy_du: Any, du_dx: Any) -> Any:
        return dy_du * (du_dx != 0)


class _PathsSubtracted(ChainRule):
    """C2 with - in the place of +."""

    def two_variable_chain(self, dy_du: Any, du_dx: Any, dy_dv: Any, dv_dx: Any) -> Any:
        return dy_du * du_dx - dy_dv * dv_dx


class _SecondPathForgotten(ChainRule):
    """C2 with the first path alone."""

    def two_variable_chain(self, dy_du: Any, du_dx: Any, dy_dv: Any, dv_dx: Any) -> Any:
        del dy_dv, dv_dx
        return dy_du * du_dx


WRONG = [_OuterDerivativeAtX, _InnerDerivativeForgotten, _PathsSubtracted, _SecondPathForgotten]
X = Variable()
SINE_OF_SQUARE = Unary("sin", Unary("square", X))
PRODUCT = Binary("multiply", Unary("sin", X), Unary("exp", X))
HAND_MADE: dict[type[ChainRule], Expression] = {
    _OuterDerivativeAtX: SINE_OF_SQUARE,  # 2x cos x² = cos ¼ at ½, not cos ½
    _InnerDerivativeForgotten: Unary("exp", Binary("multiply", Constant(3.0), X)),
    _PathsSubtracted: PRODUCT,
    _SecondPathForgotten: PRODUCT,
}


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_chain_rule_is_rejected_for_its_derivative_and_not_its_value(
    chain_judge: ChainJudge, wrong: type[ChainRule], dtype: str
):
    composition = Composition(HAND_MADE[wrong], np.dtype(dtype).type(0.5))
    right = chain_judge.judge(ChainRule().value_and_derivative, composition)
    judgement = chain_judge.judge(wrong().value_and_derivative, composition)
    assert right.verdict == "conforms"
    assert [check.verdict for check in judgement.checks] == ["conforms", "mismatch"]
    assert judgement.verdict == "mismatch"


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("wrong", WRONG)
def test_wherever_a_wrong_chain_rule_differs_by_a_thousandth_it_is_rejected(
    chain_judge: ChainJudge, judged: Judged, wrong: type[ChainRule], dtype: str
):
    rejected = 0
    for right in judged(dtype)[:120]:
        if right.checks[1].verdict != "conforms":
            continue
        judgement = chain_judge.judge(wrong().value_and_derivative, right.composition)
        ours, theirs = judgement.checks[1].observed, right.checks[1].observed
        assert theirs is not None
        if ours is None or not abs(ours - theirs) <= 1e-3 * abs(theirs):
            assert judgement.verdict in ("mismatch", "unstable", "fault"), str(judgement)
            rejected += 1
    assert rejected >= 20


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_a_derivative_that_is_not_the_exact_zero_is_rejected(chain_judge: ChainJudge, dtype: str):
    """x/x is 1 everywhere: its derivative is 0, under a bound of a few roundings of 1/x."""
    composition = Composition(Unary("exp", Binary("divide", X, X)), np.dtype(dtype).type(0.75))
    assert chain_judge.judge(ChainRule().value_and_derivative, composition).verdict == "conforms"
    judgement = chain_judge.judge(_SecondPathForgotten().value_and_derivative, composition)
    assert (judgement.checks[1].excess or 0) > 1e5
    assert judgement.checks[1].verdict == "mismatch"
