"""What is said of a case does not depend on which cases are judged with it, nor on their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from measuring import oracle_of

from backproof.cases import DrawOptions, draw_case
from backproof.judging.blocks import Block
from backproof.judging.judge import Table, Tables
from backproof.judging.step_answers import GivenSteps
from backproof.judging.verdicts import Check
from oracles import StepValues
from refimpl import DTYPES, Backprop, Case, Trace

DRAWN = 200
SMALL = DrawOptions(max_depth=4, max_width=8, max_batch=6)
BOUNDING = oracle_of("jax")
"""Gives one number the same value whatever stands beside it, to the last digit, as torch does not."""
BOTH = pytest.mark.parametrize("dtype", DTYPES)


class Answered(NamedTuple):
    """A case, what was answered of it, and the values of the nonlinear steps."""

    case: Case
    traces: dict[str, Trace]
    centre: Trace
    steps: StepValues


class Said(NamedTuple):
    """The checks of a case, and all its bounds, entry by entry."""

    checks: Sequence[Check]
    bounds: dict[tuple[Any, ...], Any]


def _spoilt(trace: Trace, k: int) -> Trace:
    """Of every fourth case something is wrong: an entry a little off, far off, or no number."""
    if k % 4:
        return trace
    wrong = [np.float64(1 + 1e-5), 3.0, np.nan][k // 4 % 3]
    name = ("Z", "A", "delta", "dW", "db", "W_updated")[k // 12 % 6]
    layers = [array.copy() for array in getattr(trace, name)]
    with np.errstate(all="ignore"):
        layers[-1][0, 0] *= wrong
    return replace(trace, **{name: tuple(layers)})


def _answered(cases: Sequence[Case]) -> list[Answered]:
    """By the reference, sometimes wrongly, and by torch."""
    torch = oracle_of("torch")
    double, single = torch.traces(cases, "float64"), torch.traces(cases)
    own = [_spoilt(Backprop().run(case), k) for k, case in enumerate(cases)]
    tables = [Table(case, {"ours": trace}) for case, trace in zip(cases, own, strict=True)]
    inputs = [table.step_requests()[0][1] for table in tables]
    return [
        Answered(case, {"ours": ours, "torch": theirs}, centre, steps)
        for case, ours, theirs, centre, steps in zip(
            cases, own, single, double, torch.steps(inputs), strict=True
        )
    ]


def _said(answered: Sequence[Answered]) -> list[Said]:
    """What is said of these cases together: the deepest first, else in their order."""
    order = sorted(range(len(answered)), key=lambda i: -answered[i].case.network.depth)
    chosen = [answered[i] for i in order]
    tables = Tables([Table(each.case, each.traces) for each in chosen])
    steps = {"ours": {"torch": GivenSteps([each.steps for each in chosen])}}
    centres = {"torch": [each.centre for each in chosen]}
    found = tables.judge(centres, steps, BOUNDING, "ours")
    said = [Said(judgement.checks, _bounds_of(tables.blocks, k)) for k, judgement in enumerate(found)]
    return [said[order.index(i)] for i in range(len(answered))]


def _bounds_of(blocks: Sequence[Block], k: int) -> dict[tuple[Any, ...], Any]:
    return {
        (*block[:3], left, right): np.asarray(block.comparison(row, k).bound)
        for block in blocks
        if k < len(block.layout)
        for row, (left, right) in enumerate(zip(block.left, block.right, strict=True))
    }


def _near(found: Any, expected: Any) -> bool:
    """But for last digits of NumPy's functions and products."""
    return bool(np.isclose(found, expected, rtol=1e-12, atol=0, equal_nan=True).all())


def _require_same(found: Said, expected: Said) -> None:
    assert found.bounds.keys() == expected.bounds.keys()
    for place, bound in expected.bounds.items():
        assert _near(found.bounds[place], bound), place
    assert len(found.checks) == len(expected.checks)
    for one, other in zip(found.checks, expected.checks, strict=True):
        unlike = {"ratio": 0.0, "bound": None, "observed": None}
        assert one._replace(**unlike) == other._replace(**unlike)
        for name in ("ratio", "bound", "observed"):
            pair = [getattr(check, name) for check in (one, other)]
            assert pair == [None, None] or _near(*pair), (name, one, other)


@cache
def _drawn(dtype: str) -> tuple[list[Answered], list[Said]]:
    answered = _answered([draw_case(29, index, dtype, SMALL).case for index in range(DRAWN)])
    return answered, _said(answered)


@BOTH
def test_cases_judged_together_are_judged_as_one_by_one(dtype: str) -> None:
    answered, together = _drawn(dtype)
    for each, said in zip(answered, together, strict=True):
        (alone,) = _said([each])
        _require_same(said, alone)
    verdicts = {check.verdict for said in together for check in said.checks}
    assert {"conforms", "not judged", "mismatch"} <= verdicts
    # Some are near their bounds, and some checks have entries that could not be judged.
    checks = [check for said in together for check in said.checks]
    assert sum(check.ratio is not None and 0.1 < check.ratio <= 1 for check in checks) > DRAWN
    assert sum(0 < check.unjudged < check.entries for check in checks) > DRAWN / 10


@BOTH
def test_the_order_of_the_cases_does_not_matter(dtype: str) -> None:
    answered, together = _drawn(dtype)
    order = np.random.Generator(np.random.Philox(4)).permutation(DRAWN)
    for said, i in zip(_said([answered[i] for i in order]), order, strict=True):
        _require_same(said, together[i])
