"""Whether numbers are those that a candidate would give."""

from dataclasses import replace

import numpy as np
import pytest
from diagnosed import answer, array, chain, network

from backproof.diagnosis.agreement import ROUNDINGS, Observation, prediction
from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.panel import Panel
from oracles.torch_oracle import TorchOracle
from refimpl import Backprop

U = 2.0**-53


def of(*values: float) -> object:
    row = array(values)
    return prediction(row, row.astype(np.longdouble), U)


def test_a_few_roundings_agree_and_more_do_not() -> None:
    expected = of(1.0, -2.0)  # the largest entry is 2, and narrow and wide are equal: 16 · 2 u
    slack = ROUNDINGS * 2 * U
    assert expected.slack == slack
    assert expected.agrees(np.array([[1.0 + slack, -2.0]], dtype=np.longdouble))
    assert not expected.agrees(np.array([[1.0 + 2 * slack, -2.0]], dtype=np.longdouble))


def test_what_rounding_does_to_a_candidate_counts() -> None:
    narrow, wide = array([1.0 + 8 * U, 0.0]), array([1.0, 0.0]).astype(np.longdouble)
    assert prediction(narrow, wide, U).slack == ROUNDINGS * (8 * U + U)


@pytest.mark.parametrize("wrong", [1e-3, 1e-6, 1e-9, 1e-12])
def test_an_error_above_the_slack_is_rejected(wrong: float) -> None:
    case = network()
    trace = answer(case)
    assert trace.dW is not None
    dW = (trace.dW[0] * (1 + wrong), *trace.dW[1:])
    assert Observation(case, replace(trace, dW=dW)).off == {("dW", 1), ("W_updated", 1)}


def test_the_right_answer_is_off_nowhere() -> None:
    for dtype in ("float32", "float64"):
        case = network(dtype=dtype)
        assert not Observation(case, answer(case)).off


def test_another_shape_does_not_agree() -> None:
    assert not of(1.0, 2.0).agrees(array([1.0], [2.0]))


def test_what_overflows_must_overflow_in_both() -> None:
    expected = of(np.inf, 1.0)
    assert expected.agrees(np.array([[np.inf, 1.0]], dtype=np.longdouble))
    assert expected.agrees(np.array([[np.nan, 1.0]], dtype=np.longdouble))
    assert not expected.agrees(np.array([[3.0, 1.0]], dtype=np.longdouble))
    assert not of(3.0, 1.0).agrees(np.array([[np.inf, 1.0]], dtype=np.longdouble))


def test_entries_that_differ_are_counted() -> None:
    assert of(1.0, 2.0, 3.0).differs_from(of(1.0, 5.0, np.inf)) == 2
    assert of(1.0, 2.0).differs_from(of(1.0, 2.0)) == 0


def test_what_only_rounds_worse_is_known_by_its_floats() -> None:
    right = of(1.0, 3.0)
    worse = prediction(array([1.0 + 4 * U, 3.0]), array([1.0, 3.0]).astype(np.longdouble), U)
    assert worse.differs_from(right) == 0
    assert worse.explains(np.array([[1.0 + 4 * U, 3.0]], dtype=np.longdouble), right) == 1
    assert worse.explains(np.array([[1.0 + 8 * U, 3.0]], dtype=np.longdouble), right) == 0


def test_local_verdicts_come_before_those_of_the_whole() -> None:
    case = network()
    trace = answer(case, MISTAKES["derivative-forgotten"].implementation)
    judgement = Panel(Backprop(), [TorchOracle()]).judge_runs([case], [(trace, ())])[0]
    assert Observation.of(judgement, trace).wrong == {("delta", 1), ("delta", 2)}  # not dW, db, dX


def test_without_a_trace_what_is_far_off_counts_beside_what_was_judged() -> None:
    case = network()
    trace = answer(case, MISTAKES["target-minus-prediction"].implementation, ("loss", "dW", "db"))
    observed = Observation(case, trace, frozenset({("db", 3)}))
    assert observed.failing == {(quantity, l) for quantity in ("dW", "db") for l in (1, 2, 3)}


def test_a_candidate_is_predicted_where_it_differs() -> None:
    case = network()
    observed = Observation(case, answer(case, MISTAKES["batch-mean-twice"].implementation))
    given = observed.predict(MISTAKES["batch-mean-twice"].implementation)
    assert given is not None
    assert all(given[place].agrees(value) for place, value in observed.answers.items())
    assert observed.off == {("dW", l) for l in (1, 2, 3)}
    assert observed.effect(MISTAKES["batch-mean-twice"].implementation) == observed.off
    assert not observed.effect(Backprop)


def test_a_candidate_that_cannot_be_run_predicts_nothing() -> None:
    class Breaks(Backprop):
        def weight_gradient(self, *_: object) -> object:
            raise ValueError("shapes")

    observed = Observation(chain(2.0), answer(chain(2.0)))
    assert observed.predict(Breaks) is None
    assert not observed.effect(Breaks)
