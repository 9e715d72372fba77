"""The values of all sides beside each other: against numbers worked out by hand."""

from typing import Any

import numpy as np
import pytest

from backproof.explaining import Explainer
from backproof.judging.adjudication import Truth
from backproof.judging.panel import Panel
from backproof.run import RunOptions, run
from backproof.side_by_side import MOST_ENTRIES, comparisons_of, side_by_side
from backproof.subject import Subject
from oracles.ball_oracle import BallOracle
from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network

IDENTITY = ActivationSpec("identity")


class _InputNotTransposedInDW(Backprop):
    """dW twice as large in its first row."""

    def weight_gradient(self, delta: Any, A_prev: Any) -> Any:
        dW = super().weight_gradient(delta, A_prev)
        dW[0] *= 2
        return dW


def _case(inputs: int = 2, outputs: int = 2) -> Case:
    layer = Layer(np.ones((outputs, inputs)), np.zeros((outputs, 1)), IDENTITY)
    X = np.arange(1.0, inputs + 1).reshape(-1, 1)
    return Case(Network((layer,), LossSpec("half_squared_error", "sum")), X, np.zeros((outputs, 1)), 1.0)


def _judged(case: Case) -> tuple[Panel, Any, dict[tuple[str, str], Any]]:
    panel = Panel(_InputNotTransposedInDW(), [BallOracle()], "mine", Truth(mode="all", oracle=BallOracle()))
    (judgement,) = panel.judge([case])
    checks = [c for c in judgement.checks if c.quantity == "dW" and c.verdict == "mismatch"]
    return panel, judgement, {(check.scope, check.right): check for check in checks}


def test_a_local_check_shows_the_same_inputs_and_the_whole_network():
    """Ŷ = 1 + 2 = 3 in both rows, δ = 3, dW = δ X^T = [[3, 6], [3, 6]]; the first row is answered doubled."""
    panel, judgement, checks = _judged(_case())
    table = side_by_side(checks["local", "arithmetic"], comparisons_of(judgement, panel.oracles))
    assert (table.quantity, table.layer, table.scope, table.right) == ("dW", 1, "local", "arithmetic")
    assert (table.shape, table.wrong, table.ratios) == ((2, 2), 2, ())
    assert [row.entry for row in table.entries] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [row.observed for row in table.entries] == [6.0, 12.0, 3.0, 6.0]
    for row, exact in zip(table.entries, [3.0, 6.0, 3.0, 6.0], strict=True):
        assert [(each.side, each.value) for each in row.expected] == [("arithmetic", exact)]
        assert [(each.side, each.value) for each in row.whole] == [("truth", exact)]
    assert table.entries[0].excess > 1e10
    assert table.entries[2].excess == 0.0


def test_an_end_to_end_check_shows_the_whole_network_once():
    panel, judgement, checks = _judged(_case())
    table = side_by_side(checks["end to end", "truth"], comparisons_of(judgement, panel.oracles))
    assert table.scope == "end to end"
    assert [each.side for each in table.entries[0].expected] == ["truth"]
    assert table.entries[0].whole == ()


def test_of_a_larger_tensor_the_worst_entries_are_listed_and_all_ratios_kept():
    panel, judgement, checks = _judged(_case(5, 3))
    table = side_by_side(checks["local", "arithmetic"], comparisons_of(judgement, panel.oracles))
    assert len(table.entries) == MOST_ENTRIES
    assert [row.entry for row in table.entries][:5] == [(0, j) for j in range(5)]
    assert table.wrong == 5
    assert [[ratio > 1 for ratio in row] for row in table.ratios] == [[True] * 5, [False] * 5, [False] * 5]


def test_of_a_huge_tensor_the_ratios_are_left_out():
    panel, judgement, checks = _judged(_case(65, 2))
    table = side_by_side(checks["local", "arithmetic"], comparisons_of(judgement, panel.oracles))
    assert table.ratios == ()
    assert len(table.entries) == MOST_ENTRIES


def test_what_is_no_comparison_with_an_oracle_has_no_values():
    panel, judgement, checks = _judged(_case())
    check = next(iter(checks.values()))
    assert side_by_side(check._replace(right="itself"), comparisons_of(judgement, panel.oracles)) is None
    assert comparisons_of(Panel(Backprop(), [BallOracle()], "mine").judge([_case()])[0], panel.oracles) == []


def test_a_nan_is_listed_first_and_counts_as_wrong():
    class Nan(Backprop):
        def weight_gradient(self, delta: Any, A_prev: Any) -> Any:
            dW = super().weight_gradient(delta, A_prev)
            dW[-1, -1] = np.nan
            return dW

    panel = Panel(Nan(), [BallOracle()], "mine")
    (judgement,) = panel.judge([_case(5, 3)])
    check = next(c for c in judgement.checks if c.quantity == "dW" and c.verdict != "conforms")
    table = side_by_side(check, comparisons_of(judgement, panel.oracles))
    assert table.wrong == 1
    assert (2, 4) in [row.entry for row in table.entries]


@pytest.fixture(scope="module")
def report():
    return run(
        RunOptions(
            cases=10, seed=3, dtypes=("float64",), activations=("tanh", "identity"), losses=("mse",),
            oracles=("truth",), mistake="derivative-forgotten",
        )
    )  # fmt: skip


def test_a_run_keeps_the_values_of_its_findings_and_of_the_smallest_case(report):
    mismatches = [f for f in report.findings if f.verdict == "mismatch"]
    assert mismatches
    assert all(f.side_by_side is not None and f.side_by_side.wrong for f in mismatches)
    [cause] = report.causes
    assert cause.verdict == "mismatch"
    assert (cause.smallest_values.quantity, cause.smallest_values.layer) == ("delta", 1)


def test_a_run_tells_how_error_over_bound_is_distributed(report):
    distributions = report.distributions
    rows = {(r.left, r.right, r.quantity, r.scope): r.checks for r in distributions.rows}
    within = distributions.edges.index(1.0) + 1
    forward = rows["reference", "truth", "A", "local"]
    assert sum(forward) > 10
    assert sum(forward[within:]) == 0
    assert sum(rows["reference", "truth", "delta", "local"][within:]) > 0
    judged = sum(sum(checks) for checks in rows.values())
    # Checks against the truth that a ruling adds are all beyond their bound: no distribution.
    assert report.check_counts.judged - judged == sum(row.outside.total for row in report.truth.rows) > 0


@pytest.mark.long
def test_without_diagnosis_the_values_are_kept_all_the_same():
    report = run(
        RunOptions(
            cases=6, seed=3, dtypes=("float64",), activations=("tanh",), losses=("mse",),
            oracles=("truth",), mistake="derivative-forgotten", diagnose=False,
        )
    )  # fmt: skip
    assert report.causes == ()
    assert all(f.side_by_side is not None for f in report.findings if f.verdict == "mismatch")


def test_the_values_come_from_the_answer_that_was_judged_and_nothing_is_asked_again():
    class Counting(Backprop):
        asked = 0

        def run(self, case: Case) -> Any:
            self.asked += 1
            trace = super().run(case)
            trace.dW[0][0, 0] += self.asked
            return trace

    subject = Subject(None)
    panel = Panel(Counting(), [BallOracle()], subject.name)
    (judgement,) = panel.judge([_case()])
    check = next(c for c in judgement.checks if c.quantity == "dW" and c.verdict == "mismatch")
    table = Explainer(subject, panel).values(check, judgement)
    assert table.entries[0].observed == 4.0  # 3, and 1 for the first answer
    assert panel.implementation.asked == 1
