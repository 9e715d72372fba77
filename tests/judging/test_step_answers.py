"""What an oracle gives for the steps of many cases, read flat and case by case: numbers written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from judge_cases import drawn_case

from backproof.judging.batch import Batch
from backproof.judging.step_answers import GivenSteps, RowOfSteps
from oracles import StepBatchValues, StepValues

# Two cases, of 2 units and 2 samples and of 2 units and 1 sample: of two layers, and of one.
BATCH = Batch([drawn_case(["tanh", "tanh"], width=2), drawn_case(["tanh"], width=2, samples=1)])
DEEP = StepValues(
    (np.array([[1.0, 2], [3, 4]]), np.array([[5.0, 6], [7, 8]])), 9.0, np.array([[10.0, 11], [12, 13]]),
    (np.array([[14.0, 15], [16, 17]]), np.array([[18.0, 19], [20, 21]])),
)  # fmt: skip
FLAT = StepValues((np.array([[22.0], [23]]),), 24.0, np.array([[25.0], [26]]), (np.array([[27.0], [28]]),))
ROW = StepBatchValues(
    A=(np.array([1.0, 2, 3, 4, 22, 23]), np.array([5.0, 6, 7, 8])),
    loss=np.array([9.0, 24]),
    dA_last=np.array([10.0, 11, 12, 13, 25, 26]),
    delta=(np.array([14.0, 15, 16, 17, 27, 28]), np.array([18.0, 19, 20, 21])),
)


def _rows() -> StepBatchValues:
    """That row after one of something else."""

    def below(data: Any) -> Any:
        return np.stack([-data, data])

    A, delta = (tuple(map(below, each)) for each in (ROW.A, ROW.delta))
    return StepBatchValues(A, below(ROW.loss), below(ROW.dA_last), delta)


ANSWERS = {"row": RowOfSteps(BATCH, _rows(), 1), "given": GivenSteps([DEEP, FLAT])}


def _numbers(values: StepValues) -> list[Any]:
    A, delta = ([matrix.tolist() for matrix in each] for each in (values.A, values.delta))
    return [A, float(values.loss), values.dA_last.tolist(), delta]


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_are_read_layer_by_layer_of_all_cases_that_have_it(kind: str) -> None:
    answers = ANSWERS[kind]
    assert answers.flat("A", 1).tolist() == [1, 2, 3, 4, 22, 23]
    assert answers.flat("A", 2).tolist() == [5, 6, 7, 8]
    assert answers.flat("delta", 1).tolist() == [14, 15, 16, 17, 27, 28]
    assert answers.flat("delta", 2).tolist() == [18, 19, 20, 21]
    assert answers.loss.tolist() == [9, 24]


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_are_read_case_by_case(kind: str) -> None:
    answers = ANSWERS[kind]
    assert [_numbers(answers.case(k)) for k in (0, 1)] == [_numbers(DEEP), _numbers(FLAT)]
    assert [_numbers(each) for each in answers.part([1]).values] == [_numbers(FLAT)]
    assert answers.part([1, 0]).loss.tolist() == [24, 9]
