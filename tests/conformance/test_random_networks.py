"""Random networks of all regimes: from seeds, and found and shrunk by Hypothesis."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.cases import DrawOptions, draw_case
from backproof.cases.strategies import cases
from backproof.findings_tally import Origin
from refimpl import DTYPES

from .conftest import options_within, require_offered

SMALL = DrawOptions(max_depth=3, max_width=6, max_batch=4)
SEEDED = [(1, 64), *(pytest.param(seed, 256, marks=pytest.mark.long) for seed in (1, 2))]
"""Seeds, and how many networks are drawn from each."""


def _judged_checks(backproof: Any, judgements: Any) -> list[Any]:
    return [
        (judgement.case, check)
        for judgement in judgements
        for check in judgement.checks
        if check.left == backproof.name and check.verdict != "not judged"
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("seed", "count"), SEEDED)
def test_seeded_networks_conform(backproof: Any, seed: int, count: int, dtype: str):
    options = options_within(backproof, dtype, DrawOptions())
    drawn = [draw_case(seed, index, dtype, options) for index in range(count)]
    origins = [Origin(one.regime, one.seed, one.index) for one in drawn]
    judgements = backproof.judge([one.case for one in drawn], origins)
    backproof.require((j.case, check) for j in judgements for check in j.checks)
    assert len(judgements) == count
    require_offered(backproof, judgements, _judged_checks(backproof, judgements))


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_network_conforms(backproof: Any, dtype: str):
    options = options_within(backproof, dtype, SMALL)

    @given(st.data())
    def conforms(data: st.DataObject) -> None:
        judgement = backproof.judge([data.draw(cases(dtype, options))])[0]
        backproof.require((judgement.case, check) for check in judgement.checks)

    conforms()
