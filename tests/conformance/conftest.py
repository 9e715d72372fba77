"""Cases for the conformance suite: drawn and judged once for each function and dtype, shared by its tests."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from backproof.cases import DrawOptions, draw_case
from backproof.judging.verdicts import Judgement
from backproof.tally import Origin
from refimpl import ACTIVATIONS, DTYPES, LOSSES

SEED = 20_261_124
SIZES: dict[str, Any] = {"max_depth": 4, "max_width": 16, "max_batch": 8}
CASES = 48
"""Cases for each activation, and for each loss, in each dtype."""

Judged = Callable[[str, str, str], list[Judgement]]


def _with(kind: str, name: str) -> DrawOptions:
    if kind == "loss":
        return DrawOptions(losses=(name,), **SIZES)
    # Together with identity, so that every loss has an output activation that fits.
    others = tuple({name, "identity", "sigmoid"})
    return DrawOptions(activations=others, **SIZES)


@pytest.fixture(scope="session")
def judged(backproof: Any) -> Judged:
    """(kind, name, dtype) → judgements of cases drawn for that activation or loss."""
    cache: dict[tuple[str, str, str], list[Judgement]] = {}

    def judged_cases(kind: str, name: str, dtype: str) -> list[Judgement]:
        if (kind, name, dtype) not in cache:
            drawn = [draw_case(SEED, index, dtype, _with(kind, name)) for index in range(CASES)]
            origins = [Origin(one.regime, one.seed, one.index) for one in drawn]
            cache[kind, name, dtype] = backproof.judge([one.case for one in drawn], origins)
        return cache[kind, name, dtype]

    return judged_cases


def table(*columns: Any) -> list[Any]:
    """All combinations as pytest parameters whose names read as rows of a table."""
    rows: list[tuple[str, ...]] = [()]
    for column in columns:
        rows = [(*row, value) for row in rows for value in column]
    return [pytest.param(*row, id="-".join(row)) for row in rows]


def by_verdict(judgements: list[Judgement], scope: str, equation: str) -> dict[str, int]:
    """How many local or end-to-end checks of an equation there were, by verdict."""
    counts: dict[str, int] = defaultdict(int)
    for judgement in judgements:
        for check in judgement.checks:
            if check.scope == scope and check.equation == equation:
                counts[check.verdict] += 1
    return counts


ACTIVATION_NAMES, LOSS_NAMES, DTYPE_NAMES = tuple(ACTIVATIONS), tuple(LOSSES), DTYPES
