"""The tally: counts of cases and checks, one finding for each cause, and the rows of a report."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from backproof.findings_tally import FINDINGS_SHOWN, Origin, excess, message
from backproof.judging.chain import ChainCheck
from backproof.judging.deviations import DEVIATIONS
from backproof.judging.verdicts import Check, Judgement, Verdict
from backproof.reporting.model import Counts, Environment, Report, RunInfo
from backproof.tally import Tally, replay_options
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network, case_from_dict
from refimpl.chain_rule import Binary, Composition, Expression, Unary, Variable

OPTIONS = "--oracles torch"


def _case(seed: int = 1, dtype: str = "float64", activations: tuple[str, ...] = ("tanh", "identity")) -> Case:
    """Two units in every layer; the seed makes it another case."""
    eye, zeros = np.eye(2, dtype=dtype), np.zeros((2, 1), dtype)
    layers = tuple(Layer(eye, zeros, ActivationSpec(name)) for name in activations)
    X = np.full((2, 3), seed, dtype)
    return Case(Network(layers, LossSpec("mse")), X, np.zeros((2, 3), dtype))


def _check(verdict: Verdict = "conforms", **changes: Any) -> Check:
    """A check of dW of layer 1; `changes` are other fields."""
    check = Check(
        "dW", 1, "local", "reference", "torch", "B1", verdict, "", ratio=0.25, entries=4, unjudged=0
    )
    if verdict in ("mismatch", "unstable", "convention", "known deviation"):
        check = check._replace(
            reason="outside the bound", ratio=40.0, entry=(1, 0), observed=3.0, expected=1.0, bound=0.05
        )
    if verdict == "not judged":
        check = check._replace(reason="unresolved", ratio=0.0, unjudged=4)
    return check._replace(**changes)


def _tally(*judgements: tuple[Case, list[Check]], origin: Origin | None = None) -> Tally:
    tally = Tally("reference", OPTIONS)
    for case, checks in judgements:
        tally.add(Judgement(case, tuple(checks)), origin or Origin("ordinary", 7, 11))
    return tally


# ---------------------------------------------------------------- counts


def test_cases_are_counted_by_their_gravest_check_and_checks_by_their_own_verdict() -> None:
    tally = _tally(
        (_case(1), [_check(), _check("mismatch"), _check("not judged")]),
        (_case(2), [_check(), _check("not judged")]),
        (_case(3), [_check("not judged")]),
        (_case(4), [_check("fault", ratio=None)]),
    )
    rows = tally.rows()
    assert rows["counts"] == Counts.tally({"mismatch": 1, "conforms": 1, "not judged": 1, "fault": 1})
    assert rows["check_counts"] == Counts.tally({"conforms": 2, "mismatch": 1, "not judged": 3, "fault": 1})
    assert tally.mismatches == 2


def test_the_rows_make_a_valid_report() -> None:
    rows = _tally((_case(1), [_check("mismatch"), _check("not judged")])).rows()
    run = RunInfo(
        command="backproof run", implementation="reference", seed=7, cases_requested=1,
        dtypes=("float64",), activations=("tanh",), losses=("mse",), oracles=("torch",),
    )  # fmt: skip
    report = Report(
        status="complete",
        run=run,
        environment=Environment(versions={}, python="", platform=""),
        floor=1,
        **rows,
    )
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_worst_ratio_is_that_of_the_checks_held_to_their_bound() -> None:
    """A convention and a known deviation lie outside their bounds for a reason, and do not count."""
    checks = [_check(ratio=0.25), _check(ratio=0.5), _check("convention", ratio=1e9)]
    checks += [_check("known deviation", ratio=1e7), _check("not judged", ratio=0.9)]
    assert _tally((_case(), checks)).rows()["worst_ratio"] == 0.5
    assert _tally((_case(), [*checks, _check("mismatch", ratio=40.0)])).rows()["worst_ratio"] == 40.0


def test_pairs_are_counted_apart_by_dtype() -> None:
    jax = {"left": "torch", "right": "jax"}
    tally = _tally(
        (_case(1), [_check(), _check(**jax), _check("mismatch", **jax)]),
        (_case(1, "float32"), [_check(ratio=0.75)]),
    )
    pairs = {(row.left, row.right, row.dtype): row for row in tally.rows()["pairs"]}
    assert set(pairs) == {
        ("reference", "torch", "float32"),
        ("reference", "torch", "float64"),
        ("torch", "jax", "float64"),
    }
    assert pairs["reference", "torch", "float32"].worst_ratio == 0.75
    assert pairs["torch", "jax", "float64"].checks == Counts.tally({"conforms": 1, "mismatch": 1})


def test_a_case_counts_once_in_the_cell_of_each_of_its_activations() -> None:
    tally = _tally(
        (_case(activations=("tanh", "relu", "tanh")), [_check("mismatch")]), (_case(2), [_check()])
    )
    cells = {(cell.activation, cell.loss, cell.dtype): cell.counts for cell in tally.rows()["matrix"]}
    assert cells == {
        ("tanh", "mse", "float64"): Counts.tally({"mismatch": 1, "conforms": 1}),
        ("relu", "mse", "float64"): Counts.tally({"mismatch": 1}),
        ("identity", "mse", "float64"): Counts.tally({"conforms": 1}),
    }


# ---------------------------------------------------------------- equations


@pytest.mark.parametrize(
    ("quantity", "layer", "equation", "counted"),
    [
        ("Z", 1, "F2", {"F1", "F2"}),  # the first layer's input is X
        ("Z", 2, "F2", {"F2"}),
        ("db", 1, "B3", {"B2", "B3"}),
        ("delta", 1, "B5", {"B1a", "B5"}),
        ("delta", 2, "B4", {"B4"}),
        ("W_updated", 1, "U1", {"U1"}),
    ],
)
def test_a_local_check_counts_for_the_equations_it_bears_on(
    quantity: str, layer: int, equation: str, counted: set[str]
) -> None:
    check = _check("unstable", quantity=quantity, layer=layer, equation=equation)
    rows = _tally((_case(), [check])).rows()["equations"]
    assert {row.id for row in rows if row.checks.total} == counted
    assert {row.verdict for row in rows if row.id in counted} == {"unstable"}
    assert {row.verdict for row in rows if row.id not in counted} == {"not judged"}


def test_findings_stand_in_the_order_of_a_pass_so_that_causes_precede_effects() -> None:
    effect = _check("mismatch", quantity="delta", layer=2, equation="B4")
    cause = _check("mismatch", quantity="A", layer=2, equation="F4")
    findings = _tally((_case(), [effect, cause])).rows()["findings"]
    assert [finding.equation for finding in findings] == ["F4", "B4"]


class _Judged:
    """A judged composition, as far as the tally looks at it."""

    def __init__(self, expression: Expression, verdict: Verdict, excess: float) -> None:
        self.composition = Composition(expression, np.float64(0.5))
        self.checks = tuple(
            ChainCheck(quantity, verdict, "", 1.0, {}, 1.0, excess) for quantity in ("value", "derivative")
        )


def test_a_composition_counts_for_the_equations_of_the_functions_it_has() -> None:
    tally, x = _tally((_case(), [])), Variable()
    sine, product = Unary("sin", x), Binary("multiply", x, x)
    for expression in (sine, product, Binary("add", sine, x)):
        tally.add_chain(_Judged(expression, "conforms", 0.25))  # type: ignore[arg-type]
    rows = {row.id: row for row in tally.rows()["equations"]}
    assert [rows[name].checks.conforms for name in ("C1", "C2")] == [2, 2]
    assert rows["C1"].worst_ratio == 0.25
    assert "compos" not in rows["C1"].note


def test_a_run_that_judged_no_composition_says_who_does() -> None:
    rows = {row.id: row for row in _tally((_case(), [_check()])).rows()["equations"]}
    for name in ("C1", "C2"):
        assert "pytest tests/conformance judges it" in rows[name].note
        assert rows[name].verdict == "not judged"


def test_a_wrong_hidden_error_is_held_against_its_own_equation_alone() -> None:
    check = _check("mismatch", quantity="delta", layer=1, equation="B5")
    rows = _tally((_case(), [check])).rows()["equations"]
    assert {row.id for row in rows if row.verdict == "mismatch"} == {"B5"}
    assert {row.id for row in rows if row.checks.total} == {"B5"}


def test_only_the_implementations_own_local_checks_count_for_equations() -> None:
    others = [_check("mismatch", scope="end to end"), _check("mismatch", left="torch", right="jax")]
    rows = _tally((_case(), others)).rows()["equations"]
    assert not any(row.checks.total for row in rows)


def test_an_equation_has_the_gravest_verdict_and_the_worst_ratio_of_its_checks() -> None:
    checks = [_check(ratio=0.1), _check("unstable"), _check(ratio=0.75), _check("not judged")]
    (row,) = (row for row in _tally((_case(), checks)).rows()["equations"] if row.id == "B1")
    assert (row.verdict, row.worst_ratio) == ("unstable", 0.75)
    assert row.checks == Counts.tally({"conforms": 2, "unstable": 1, "not judged": 1})


# ---------------------------------------------------------------- regimes, and what was not judged


def test_regimes_count_cases_judged_and_fully_resolved_and_say_why_not() -> None:
    tally = _tally(
        (_case(1), [_check()]),
        (_case(2), [_check(), _check("not judged")]),
        (_case(3), [_check("not judged", reason="ill-posed", scope="end to end")]),
    )
    (row,) = tally.rows()["regimes"]
    assert (row.name, row.dtype, row.cases, row.judged, row.fully_resolved) == (
        "ordinary",
        "float64",
        3,
        2,
        1,
    )
    assert row.not_judged == {"ill-posed, end to end": 1, "unresolved, local": 1}
    assert row.description


def test_a_case_without_a_regime_is_given() -> None:
    (row,) = _tally((_case(), [_check()]), origin=Origin()).rows()["regimes"]
    assert (row.name, row.description) == ("given", "")


def test_what_was_not_judged_is_counted_in_checks_entries_and_cases_with_its_explanation() -> None:
    tally = _tally(
        (_case(1), [_check("not judged"), _check("not judged", layer=2, entries=6, unjudged=6), _check()]),
        (_case(2), [_check("not judged")]),
        (_case(3), [_check("not judged", reason="ill-posed", quantity="loss", layer=None, entries=1)]),
    )
    rows = {(row.reason, row.quantity): row for row in tally.rows()["not_judged"]}
    assert {key: (row.checks, row.entries, row.cases) for key, row in rows.items()} == {
        ("unresolved", "dW"): (3, 14, 2),
        ("ill-posed", "loss"): (1, 1, 1),
    }
    assert rows["unresolved", "dW"].explanation.startswith("the bound exceeds 1 %")
    assert rows["ill-posed", "loss"].explanation.startswith("the bound is infinite")


# ---------------------------------------------------------------- deviations


def test_a_known_deviation_is_counted_under_each_of_its_names_and_is_no_finding() -> None:
    both = ", ".join(deviation.id for deviation in DEVIATIONS[:2])
    tally = _tally(
        (_case(1), [_check("known deviation", reason=both)]),
        (_case(2), [_check("known deviation", reason=DEVIATIONS[0].id)]),
    )
    seen = {(row.id, row.dtype): row.seen for row in tally.deviation_rows(("torch",), ("float32", "float64"))}
    assert seen[DEVIATIONS[0].id, "float64"] == 2
    assert seen[DEVIATIONS[1].id, "float64"] == 1
    assert seen[DEVIATIONS[0].id, "float32"] == 0
    assert tally.rows()["findings"] == ()


def test_only_deviations_of_the_oracles_asked_for_are_listed() -> None:
    torch = [deviation.id for deviation in DEVIATIONS if deviation.oracle == "torch"]
    assert [row.id for row in _tally().deviation_rows(("torch",), ("float64",))] == torch
    assert _tally().deviation_rows((), ("float64",)) == ()


# ---------------------------------------------------------------- findings


def test_a_finding_tells_where_it_is_both_values_and_how_to_see_it_again() -> None:
    case = _case()
    (finding,) = _tally((case, [_check("mismatch")])).rows()["findings"]
    assert (finding.number, finding.verdict, finding.equation, finding.layer) == (1, "mismatch", "B1", 1)
    assert (finding.entry, finding.observed, finding.expected, finding.bound) == ((1, 0), 3.0, 1.0, 0.05)
    assert finding.excess == pytest.approx(40)
    assert (finding.regime, finding.seed, finding.index) == ("ordinary", 7, 11)
    assert finding.replay == f"backproof replay cases/{case.content_hash[:16]}.json --oracles torch"
    assert case_from_dict(json.loads(json.dumps(finding.case))) == case


def test_findings_of_one_cause_are_one_and_keep_the_first_case() -> None:
    tally = _tally(*((_case(seed), [_check("mismatch"), _check("mismatch", layer=2)]) for seed in (1, 2, 3)))
    rows = tally.rows()
    (finding,) = rows["findings"]
    assert (finding.occurrences, rows["findings_total"]) == (6, 6)
    assert finding.case_id == _case(1).content_hash[:16]


@pytest.mark.parametrize(
    "other",
    [
        {"verdict": "unstable"},
        {"scope": "end to end"},
        {"left": "jax"},
        {"right": "jax"},
        {"equation": "B3"},
        {"reason": "not finite on ordinary numbers"},
        {"quantity": "db"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_findings_that_differ_in_their_cause_are_told_apart(other: dict[str, Any]) -> None:
    checks = [_check("mismatch"), _check("mismatch")._replace(**other)]
    assert len(_tally((_case(), checks)).rows()["findings"]) == 2


def test_findings_stand_gravest_first_and_local_before_end_to_end() -> None:
    checks = [
        _check("convention"),
        _check("mismatch", scope="end to end"),
        _check("unstable"),
        _check("mismatch"),
        _check("fault", reason="crashed", ratio=None),
    ]
    findings = _tally((_case(), checks)).rows()["findings"]
    assert [(finding.number, finding.verdict, finding.scope) for finding in findings] == [
        (1, "fault", "local"),
        (2, "mismatch", "local"),
        (3, "mismatch", "end to end"),
        (4, "unstable", "local"),
        (5, "convention", "local"),
    ]


def test_more_causes_than_are_shown_are_still_counted() -> None:
    checks = [_check("mismatch", reason="x" * (i + 1)) for i in range(FINDINGS_SHOWN + 7)]
    rows = _tally((_case(), checks)).rows()
    assert len(rows["findings"]) == FINDINGS_SHOWN
    assert rows["findings_total"] == FINDINGS_SHOWN + 7


def test_reasons_that_differ_in_numbers_only_are_one_cause() -> None:
    checks = [_check("fault", reason=f"raised ValueError: {i} of {i + 1}") for i in range(7)]
    (finding,) = _tally((_case(), checks)).rows()["findings"]
    assert (finding.reason, finding.occurrences) == ("raised ValueError: 0 of 1", 7)


def test_hundreds_of_bad_cases_take_no_more_room_than_one() -> None:
    judgements = [(_case(seed), [_check("mismatch"), _check("not judged")]) for seed in range(1, 301)]
    small, large = _tally(judgements[0]), _tally(*judgements)
    for name, kept in vars(large).items():
        if hasattr(kept, "__len__"):
            assert len(kept) == len(getattr(small, name)), name
    assert large.rows()["findings_total"] == 300


# ---------------------------------------------------------------- words


def test_excess_is_the_distance_over_the_bound_and_absent_without_numbers_or_bound() -> None:
    assert excess(_check("mismatch")) == pytest.approx(40)
    assert excess(_check("fault", observed=None)) is None
    assert excess(_check("mismatch", bound=0.0)) is None


def test_a_message_is_one_line_with_both_values_the_bound_and_the_place() -> None:
    assert message(_check("mismatch")) == (
        "mismatch in B1: reference's dW[1], entry [1, 0] is 3, torch has 1 on its own inputs, "
        "40 times the bound 0.05 (outside the bound)"
    )
    loss = _check("unstable", quantity="loss", layer=None, scope="end to end", equation="F5", entry=())
    assert message(loss._replace(observed=math.inf, reason="overflow")) == (
        "unstable in F5: reference's loss is inf, torch has 1 end to end (overflow)"
    )


def test_the_message_of_a_fault_needs_no_numbers() -> None:
    fault = _check("fault", reason="dW has shape (3, 2), expected (2, 3)")
    assert message(fault) == "fault: reference's dW[1]: dW has shape (3, 2), expected (2, 3)"


def test_the_options_of_a_replay_name_oracles_and_mistake() -> None:
    assert replay_options(("torch", "jax"), None) == "--oracles torch,jax"
    assert (
        replay_options(("torch",), ("--mistake", "update-uphill"))
        == "--oracles torch --mistake update-uphill"
    )
