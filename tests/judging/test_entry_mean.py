"""The judge takes cases of the reduction "entrymean" as any others, and sees who divides by m instead."""

from __future__ import annotations

from typing import Any

import pytest
from judge_cases import checks_of
from measuring import oracle_of

from backproof.cases import DrawOptions, draw_case
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING
from oracles.ball_oracle import BallOracle
from refimpl import DTYPES, LOSSES, Backprop, LossSpec

OPTIONS = DrawOptions(reductions=("entrymean",), max_depth=3, max_width=8, max_batch=6)
OVER_SAMPLES = tuple(name for name, loss in LOSSES.items() if loss.mean_over != "entries")


class _DividesByTheSamples(Backprop):
    """Takes "entrymean" for the mean over samples."""

    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss_gradient(A, Y, LossSpec(spec.name, "batchmean", spec.parameters, spec.arrays))


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES)
def test_some_hundred_cases_are_judged_without_a_mismatch(dtype: str) -> None:
    cases = [draw_case(11, index, dtype, OPTIONS).case for index in range(150)]
    judgements = Panel(Backprop(), [oracle_of("torch"), oracle_of("jax")]).judge(cases)
    assert [j.checks for j in judgements if j.verdict in FAILING] == []
    assert sum(j.verdict != "not judged" for j in judgements) >= 145


def test_the_truth_alone_judges_them_too() -> None:
    options = DrawOptions(
        reductions=("entrymean",), losses=OVER_SAMPLES, max_depth=2, max_width=4, max_batch=4
    )
    cases = [draw_case(12, index, "float32", options).case for index in range(40)]
    judgements = Panel(Backprop(), [BallOracle()]).judge(cases)
    assert not FAILING & {j.verdict for j in judgements}


def test_who_divides_by_the_samples_only_is_found_in_the_last_error() -> None:
    options = DrawOptions(reductions=("entrymean",), losses=OVER_SAMPLES, outputs=(2, 5), max_depth=2)
    cases = [draw_case(13, index, "float64", options).case for index in range(20)]
    judgements = Panel(_DividesByTheSamples(), [oracle_of("torch")]).judge(cases)
    wrong = [j for j in judgements if any(c.verdict == "mismatch" for c in checks_of(j, "delta", "local"))]
    assert len(wrong) >= 15
