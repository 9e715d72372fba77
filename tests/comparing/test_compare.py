"""What is worse, better, new and gone: each rule by two reports that differ in one thing."""

from collections import Counter
from typing import Any

import pytest

from backproof.comparing.compare import compare
from backproof.comparing.model import SWAPPED
from backproof.comparing.wording import cases_sentence
from backproof.reporting import Counts, Report
from tests.reporting.hostile_report import HOSTILE, hostile_report
from tests.reporting.large_report import large_report
from tests.reporting.sample_report import sample_report

from .run_reports import (
    BAD,
    FAULTY,
    GOOD,
    NONE,
    SHAKY,
    between,
    case,
    cause,
    cell,
    deviation,
    equation,
    found,
    pair,
    report,
    run_info,
    told,
    unjudged,
    wrong_report,
)

UNSTABLE = found(verdict="unstable", reason="overflow")
VARIANTS: dict[str, Report] = {
    "right": report(),
    "wrong": wrong_report(),
    "more wrong": wrong_report(equations=(equation("F2", FAULTY), equation("B5", BAD)), counts=FAULTY),
    "another cause": wrong_report(causes=(cause(name="transposed", what="Transposed."),)),
    "no diagnosis": wrong_report(causes=()),
    "unstable": report(findings=(UNSTABLE,), findings_total=1, equations=(equation("F2", SHAKY), equation())),
    "not judged": report(equations=(equation("F2"), equation("B5", NONE))),
    "interrupted": report(status="interrupted", counts=Counts.tally({"conforms": 9})),
    "other cases": wrong_report(run=run_info(seed=8, cases_requested=400), matrix=(cell("relu", BAD),)),
    "other functions": wrong_report(run=run_info(activations=("elu",)), matrix=(cell("elu", BAD),)),
    "other oracle": wrong_report(run=run_info(oracles=("jax",)), pairs=(pair(BAD, "jax"),)),
    "more seen": report(deviations=(deviation(3),), not_judged=(unjudged(5),)),
    "others seen": report(deviations=(deviation(4),), not_judged=(unjudged(9),)),
    "sample": sample_report(),
    "large": large_report(),
    "hostile": hostile_report(HOSTILE),
}


# ---------------------------------------------------------------- as a whole


@pytest.mark.parametrize("name", VARIANTS)
def test_a_report_beside_itself_has_nothing_to_tell(name):
    comparison = compare(VARIANTS[name], VARIANTS[name])
    assert comparison.changes == ()
    assert comparison.differences == ()
    assert not comparison.regressed
    # A run that was interrupted has not judged the same cases for certain.
    assert comparison.alike == (name != "interrupted")


@pytest.mark.parametrize("old", VARIANTS)
@pytest.mark.parametrize("new", VARIANTS)
def test_swapping_the_reports_swaps_worse_and_better_new_and_gone(old, new):
    there, back = compare(VARIANTS[old], VARIANTS[new]), compare(VARIANTS[new], VARIANTS[old])
    assert there.alike == back.alike
    swapped = [(row.label, row.new, row.old) for row in back.differences]
    assert [(row.label, row.old, row.new) for row in there.differences] == swapped
    ways = [
        Counter((change.way, change.kind, change.texts) for change in there.changes),
        Counter((SWAPPED[change.way], change.kind, change.texts[::-1]) for change in back.changes),
    ]
    if {old, new} & {"not judged"}:  # neither "wrong, then not judged" nor the other way round is any better
        ways = [
            Counter({key: n for key, n in way.items() if "not judged" not in str(key[2])}) for way in ways
        ]
    assert ways[0] == ways[1]


def test_the_test_of_swapping_sees_what_is_not_symmetric():
    there = compare(report(equations=(equation("B5", NONE),)), wrong_report(equations=(equation("B5", BAD),)))
    assert ("worse", "equation", "B5") in told(there)
    back = compare(there.new, there.old)
    assert ("worse", "equation", "B5") in told(back)


# ---------------------------------------------------------------- what is a regression


def test_a_new_mistake_is_worse_wherever_it_shows_and_better_once_it_is_mended():
    everywhere = {
        ("run", "wrong cases"),
        ("equation", "B5"),
        ("cause", "equation B5, layer 1"),
        ("finding", "B5, delta, reference against torch, float32, on its own inputs"),
        ("pair", "reference against torch, float32"),
        ("function", "tanh × mse, float32"),
    }
    assert between(report(), wrong_report()) == {("worse", *what) for what in everywhere}
    assert between(wrong_report(), report()) == {("better", *what) for what in everywhere}


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        (GOOD, BAD, "worse"),
        (GOOD, FAULTY, "worse"),
        (GOOD, SHAKY, "worse"),
        (SHAKY, BAD, "worse"),
        (BAD, FAULTY, "worse"),
        (BAD, Counts.tally({"conforms": 29, "mismatch": 11}), "worse"),
        (GOOD, NONE, "worse"),
        (GOOD, Counts(), "worse"),
        (NONE, BAD, "worse"),
        (BAD, NONE, "worse"),
        (NONE, GOOD, "better"),
        (BAD, SHAKY, "better"),
        (FAULTY, BAD, "better"),
        (GOOD, Counts.tally({"convention": 40}), "changed"),
        (GOOD, Counts.tally({"conforms": 39, "not judged": 1}), "changed"),
        (NONE, Counts(), None),
        (BAD, BAD, None),
    ],
)
def test_what_became_of_an_equation(old, new, way):
    seen = between(report(equations=(equation(checks=old),)), report(equations=(equation(checks=new),)))
    assert seen == ({(way, "equation", "B5")} if way else set())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (0.3, 0.7, True),
        (0.7, 0.3, True),
        (0.3, 0.4, False),
        (0.0, 0.2, True),
        (1e-9, 0.05, False),
        (None, 0.9, False),
    ],
)
def test_an_error_that_moved_within_its_bound_is_told_and_no_regression(old, new, says):
    seen = between(
        report(equations=(equation(worst=old),)),
        report(equations=(equation(worst=new),)),
    )
    assert seen == ({("changed", "equation", "B5")} if says else set())
    others = report(run=run_info(seed=8), equations=(equation(worst=new),))
    assert between(report(equations=(equation(worst=old),)), others) == set()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"floor": 41}, "floor"),
        ({"status": "interrupted"}, "status"),
        ({"counts": Counts(), "floor": 0}, "judged cases"),
    ],
)
def test_a_run_that_judges_less_than_it_should_is_worse(changes, name):
    assert between(report(), report(**changes)) == {("worse", "run", name)}
    assert between(report(**changes), report()) == {("better", "run", name)}


def test_a_framework_that_is_unstable_or_deviates_is_no_regression():
    theirs = found(verdict="unstable", reason="overflow", left="torch", right="jax")
    name = "B5, delta, torch against jax, float32, on its own inputs"
    assert between(report(), report(findings=(theirs,), findings_total=1)) == {("new", "finding", name)}
    seen = between(
        report(pairs=(pair(left="torch", right="jax"),)), report(pairs=(pair(SHAKY, "jax", "torch"),))
    )
    assert seen == {("changed", "pair", "torch against jax, float32")}
    assert between(report(deviations=(deviation(0),)), report(deviations=(deviation(3),))) == {
        ("new", "deviation", "torch-gelu, float32")
    }
    assert between(report(deviations=(deviation(3),)), report(deviations=(deviation(4),))) == {
        ("changed", "deviation", "torch-gelu, float32")
    }
    assert between(report(), report(not_judged=(unjudged(5),))) == {("new", "not judged", "unresolved")}


def test_a_framework_that_is_wrong_is_a_regression_as_it_is_for_the_run():
    theirs = found(left="torch", right="jax")
    seen = between(report(), report(counts=BAD, findings=(theirs,), findings_total=1))
    assert seen >= {("worse", "run", "wrong cases")}


def test_more_wrong_cases_are_worse_in_the_same_cases_and_not_in_others():
    more = Counts.tally({"conforms": 20, "mismatch": 20})
    worse = wrong_report(counts=more)
    assert between(wrong_report(), worse) == {("worse", "run", "wrong cases")}
    other = worse.model_copy(update={"run": run_info(seed=8)})
    assert between(wrong_report(), other) == set()
    many = wrong_report(equations=(equation("F2"), equation("B5", more)))
    assert between(wrong_report(), many) == {("worse", "equation", "B5")}
    assert between(many, wrong_report()) == {("better", "equation", "B5")}
    assert between(wrong_report(), many.model_copy(update={"run": run_info(seed=8)})) == set()


@pytest.mark.parametrize(
    ("cases", "checks", "way"),
    [(40, Counts(), "worse"), (39, Counts(), "gone"), (39, NONE, "worse")],
)
def test_an_equation_that_fewer_other_cases_do_not_reach_is_gone_and_not_lost(cases, checks, way):
    fewer = report(
        run=run_info(seed=8, cases_requested=cases), equations=(equation("F2"), equation("B5", checks))
    )
    assert between(report(), fewer) == {(way, "equation", "B5")}


def test_other_cases_under_the_same_seed_are_noticed_by_their_regimes():
    (row,) = report().regimes
    redrawn = report(regimes=(row.model_copy(update={"cases": 39, "judged": 39, "fully_resolved": 39}),))
    comparison = compare(report(), redrawn)
    assert not comparison.alike
    (row,) = comparison.differences
    assert (row.label, row.old, row.new) == ("cases drawn", "ordinary float32 40", "ordinary float32 39")


def test_another_declaration_makes_other_cases():
    comparison = compare(report(), report(run=run_info(declared=("depth 1",))))
    assert not comparison.alike
    assert "(declared unlike)" in cases_sentence(comparison)


# ---------------------------------------------------------------- what one of them did not ask for


@pytest.mark.parametrize(
    ("asked", "finding", "pairs"),
    [
        ({"activations": ("tanh", "relu", "elu")}, {"case": case("elu", "tanh")}, ()),
        ({"losses": ("mse", "bce")}, {"case": case("tanh", loss="bce")}, ()),
        ({"dtypes": ("float32", "float64")}, {"dtype": "float64"}, (pair(BAD, dtype="float64"),)),
        ({"oracles": ("torch", "jax")}, {"right": "jax"}, (pair(BAD, "jax"),)),
    ],
)
def test_what_shows_only_where_more_was_asked_for_is_new_and_not_worse(asked, finding, pairs):
    more: dict[str, Any] = {"run": run_info(**asked), "pairs": (pair(), *pairs), "matrix": ()}
    right = report(matrix=())
    wrong = wrong_report(findings=(found(**finding),), causes=(cause(smallest_case=None),), **more)
    comparison = compare(right, wrong)
    assert not comparison.of("worse"), comparison.of("worse")
    assert {change.kind for change in comparison.of("new")} >= {"run", "equation", "cause", "finding"}
    assert all(
        "did not ask for" in c.note for c in comparison.of("new") if c.kind in ("run", "equation", "cause")
    )
    assert {change.way for change in compare(wrong, right).changes} == {"gone"}
    # One finding in what both asked for, and it is a regression all the same.
    both = wrong.model_copy(update={"findings": (*wrong.findings, found(2))})
    assert {("worse", "equation", "B5"), ("worse", "run", "wrong cases")} <= between(right, both)


def test_a_step_of_a_shared_layer_is_shared_whatever_else_is_in_the_network():
    more = run_info(activations=("tanh", "relu", "elu"))
    local = wrong_report(run=more, findings=(found(case=case("tanh", "elu")),), causes=())
    assert ("worse", "equation", "B5") in between(report(), local)
    whole = wrong_report(run=more, findings=(found(case=case("tanh", "elu"), scope="end to end"),), causes=())
    assert ("new", "equation", "B5") in between(report(), whole)


def test_a_cause_whose_smallest_case_is_shared_is_worse_whatever_its_findings_are_in():
    more = run_info(activations=("tanh", "relu", "elu"))
    wrong = wrong_report(run=more, findings=(found(case=case("elu")),))
    assert ("worse", "cause", "equation B5, layer 1") in between(report(), wrong)
    reduced = wrong.model_copy(update={"causes": (cause(smallest_case=case("elu")),)})
    assert ("new", "cause", "equation B5, layer 1") in between(report(), reduced)


def test_a_function_that_is_wrong_and_only_one_run_asked_for_is_new():
    wrong = wrong_report(run=run_info(activations=("tanh", "relu", "elu")), matrix=(cell("elu", BAD),))
    seen = {change for change in between(report(matrix=()), wrong) if change[1] == "function"}
    assert seen == {("new", "function", "elu × mse, float32")}


def test_an_equation_that_one_version_does_not_know_is_new():
    assert between(report(equations=()), report(equations=(equation("B9", BAD),))) == {
        ("new", "equation", "B9")
    }
