"""What became of functions, causes and findings, and in what runs are unlike: each rule by two reports."""

from typing import Any

import pytest

from backproof.comparing.compare import compare
from backproof.reporting.model import Truth

from .run_reports import (
    BAD,
    GOOD,
    NONE,
    between,
    cause,
    cell,
    environment,
    found,
    pair,
    report,
    run_info,
    told,
    wrong_report,
)

# ---------------------------------------------------------------- functions


def test_functions_are_compared_cell_by_cell_in_the_same_cases():
    assert between(report(), report(matrix=(cell("tanh", BAD), cell("relu")))) == {
        ("worse", "function", "tanh × mse, float32")
    }
    assert between(report(), report(matrix=(cell("tanh", NONE), cell("relu")))) == {
        ("worse", "function", "tanh × mse, float32")
    }
    assert between(report(), report(matrix=(cell("relu"),))) == {("worse", "function", "tanh × mse, float32")}


def test_in_other_cases_a_cell_that_was_not_drawn_is_no_loss_but_a_function_that_cannot_be_judged_is():
    other = run_info(seed=8)
    assert between(report(), report(run=other, matrix=(cell("tanh"),))) == {
        ("gone", "function", "activation × loss × dtype, drawn by chance in one run only")
    }
    seen = between(report(), report(run=other, matrix=(cell("tanh"), cell("relu", NONE))))
    assert ("worse", "function", "activation relu, float32") in seen


def test_in_other_cases_a_cell_is_no_worse_by_what_was_wrong_before():
    more = wrong_report(
        run=run_info(seed=8, cases_requested=400), matrix=(cell("tanh", BAD), cell("relu", BAD))
    )
    assert between(wrong_report(), more) == {("new", "function", "relu × mse, float32")}
    assert ("worse", "function", "relu × mse, float32") in between(report(), more)


# ---------------------------------------------------------------- causes and findings


def test_another_cause_in_the_same_equation_is_another_name_for_what_is_wrong():
    other = wrong_report(causes=(cause(name="transposed", what="Transposed."),))
    assert between(wrong_report(), other) == {("changed", "cause", "equation B5, layer 1")}
    elsewhere = wrong_report(causes=(cause(), cause(2, equation="B1", name="transposed", layers=())))
    assert between(wrong_report(), elsewhere) == {("worse", "cause", "equation B1")}


def test_a_cause_is_neither_gone_nor_new_because_nobody_looked_for_it():
    assert between(wrong_report(), wrong_report(causes=())) == {("gone", "cause", "equation B5, layer 1")}
    (change,) = compare(wrong_report(causes=()), wrong_report()).changes
    assert (change.way, "was not diagnosed" in change.note) == ("new", True)


def test_a_further_finding_of_a_known_cause_is_worse_in_the_same_cases_only():
    more: dict[str, Any] = {
        "findings": (found(), found(2, quantity="dW")),
        "causes": (cause(findings=(1, 2)),),
    }
    name = "B5, dW, reference against torch, float32, on its own inputs"
    assert between(wrong_report(), wrong_report(**more)) == {("worse", "finding", name)}
    assert between(wrong_report(), wrong_report(run=run_info(seed=8), **more)) == {("new", "finding", name)}


def test_causes_and_findings_are_matched_without_their_numbers():
    old = wrong_report(
        findings=(found(reason="3 of 4"),), causes=(cause(name="", kind="unknown", what="2 entries"),)
    )
    new = wrong_report(
        findings=(found(reason="5 of 6", layer=2),),
        causes=(cause(name="", kind="unknown", what="9 entries"),),
    )
    assert between(old, new) == set()


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [("unstable", "mismatch", "worse"), ("mismatch", "unstable", "better"), ("mismatch", "fault", "worse")],
)
def test_a_finding_that_became_graver_is_one_change_and_not_two(old, new, way):
    reports = [
        wrong_report(findings=(found(verdict=v), found(2, quantity="dW")), causes=()) for v in (old, new)
    ]
    assert between(*reports) == {
        (way, "finding", "B5, delta, reference against torch, float32, on its own inputs")
    }


def test_a_finding_whose_list_was_cut_short_before_is_not_called_new():
    cut = wrong_report(findings=(found(quantity="dW", occurrences=1),), findings_total=999)
    seen = between(cut, wrong_report(findings=(found(), found(2, quantity="dW", occurrences=1))))
    assert ("changed", "finding", "further findings") in seen
    assert not [change for change in seen if change[0] in ("worse", "new")]
    crash = wrong_report(findings=(found(verdict="fault"),))  # it would have been listed first
    assert [change for change in between(cut, crash) if change[:2] == ("worse", "finding")]


def test_an_implementation_that_is_called_otherwise_is_still_the_one_under_test():
    reports = [
        wrong_report(
            run=run_info(implementation=name), pairs=(pair(BAD, left=name),), findings=(found(left=name),)
        )
        for name in ("mine", "mine-v2")
    ]
    comparison = compare(*reports)
    assert comparison.changes == ()
    assert [(row.label, row.old, row.new) for row in comparison.differences] == [
        ("implementation", "mine", "mine-v2")
    ]


def test_the_truth_that_is_asked_about_a_mismatch_only_is_no_loss_once_nothing_is_wrong():
    asked = wrong_report(pairs=(pair(BAD), pair(BAD, "truth")))
    assert not compare(asked, report()).regressed
    assert ("better", "pair", "reference against truth, float32") in between(asked, report())
    right = report(pairs=(pair(), pair(GOOD, "truth")))
    assert between(right, report()) == {("gone", "pair", "reference against truth, float32")}
    assert between(report(), report(pairs=())) == {("worse", "pair", "reference against torch, float32")}


def test_the_truth_that_only_one_run_asks_about_every_case_is_more_that_it_asked_for():
    always = wrong_report(
        truth=Truth(mode="all"), findings=(found(right="truth"),), causes=(), pairs=(pair(),)
    )
    comparison = compare(report(), always)
    assert not comparison.alike
    assert [(row.label, row.old, row.new) for row in comparison.differences] == [
        ("truth asked", "if need be", "all")
    ]
    assert ("new", "equation", "B5") in told(comparison)
    disputed = always.model_copy(update={"truth": Truth(mode="disputed")})
    assert compare(report(), disputed).alike
    assert ("worse", "equation", "B5") in between(report(), disputed)


# ---------------------------------------------------------------- unlike runs


def test_all_in_which_runs_are_unlike_is_listed_with_both_values():
    other = report(
        run=run_info(
            implementation="mine", source="mine.py", mistake="x", seed=8, cases_requested=1000,
            declared=("a",), not_offered=("Z",), versions={"python": "3.8"}, dtypes=("float64",),
            activations=tuple("abcdefg"), losses=("bce",), oracles=("jax",),
        ),
        environment=environment(
            versions={"numpy": "2.4.0", "torch": "2.13.0"}, python="3.12.1", platform="mac", blas="mkl",
            threads={"cpu": 2}, cpu_features=("AVX2",), xla_flags="--x", flush_subnormals={"jax": True},
            matmul_precision={"torch": "high"},
        ),
        schema_version="1.2",
    )  # fmt: skip
    rows = {row.label: (row.old, row.new) for row in compare(report(), other).differences}
    assert list(rows) == [
        *(
            "implementation",
            "source",
            "mistake",
            "python",
            "declared",
            "not offered",
            "seed",
            "cases",
            "dtypes",
        ),
        *(
            "activations",
            "losses",
            "oracles",
            "torch",
            "Python",
            "platform",
            "BLAS",
            "CPU features",
            "threads",
        ),
        *("flush subnormals", "matmul precision", "XLA flags", "report version"),
    ]
    assert rows["torch"] == ("2.12.0", "2.13.0")
    assert rows["source"] == ("–", "mine.py")
    assert rows["cases"] == ("40", "1,000")
    assert rows["activations"] == ("tanh, relu", "7, only here a, b, c, d, e, f and 1 more")
    assert rows["report version"] == ("1.3", "1.2")
