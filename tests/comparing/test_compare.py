"""What is worse, better, new and gone: each rule by two reports that differ in one thing."""

from collections import Counter
from typing import Any

import pytest

from backproof.comparing.compare import compare
from backproof.comparing.model import SWAPPED, Comparison
from backproof.comparing.wording import cases_sentence
from backproof.reporting import Counts, Report
from backproof.reporting.model import Truth
from tests.reporting.hostile_report import HOSTILE, hostile_report
from tests.reporting.large_report import large_report
from tests.reporting.sample_report import sample_report

from .run_reports import (
    BAD,
    FAULTY,
    GOOD,
    NONE,
    SHAKY,
    case,
    cause,
    cell,
    deviation,
    environment,
    equation,
    found,
    pair,
    report,
    run_info,
    unjudged,
    wrong_report,
)

Told = set[tuple[str, str, str]]


def _told(comparison: Comparison) -> Told:
    return {(change.way, change.kind, change.name) for change in comparison.changes}


def _between(old: Report, new: Report) -> Told:
    return _told(compare(old, new))


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
    assert ("worse", "equation", "B5") in _told(there)
    back = compare(there.new, there.old)
    assert ("worse", "equation", "B5") in _told(back)


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
    assert _between(report(), wrong_report()) == {("worse", *what) for what in everywhere}
    assert _between(wrong_report(), report()) == {("better", *what) for what in everywhere}


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
    told = _between(report(equations=(equation(checks=old),)), report(equations=(equation(checks=new),)))
    assert told == ({(way, "equation", "B5")} if way else set())


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
    told = _between(
        report(equations=(equation(worst=old),)),
        report(equations=(equation(worst=new),)),
    )
    assert told == ({("changed", "equation", "B5")} if says else set())
    others = report(run=run_info(seed=8), equations=(equation(worst=new),))
    assert _between(report(equations=(equation(worst=old),)), others) == set()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"floor": 41}, "floor"),
        ({"status": "interrupted"}, "status"),
        ({"counts": Counts(), "floor": 0}, "judged cases"),
    ],
)
def test_a_run_that_judges_less_than_it_should_is_worse(changes, name):
    assert _between(report(), report(**changes)) == {("worse", "run", name)}
    assert _between(report(**changes), report()) == {("better", "run", name)}


def test_a_framework_that_is_unstable_or_deviates_is_no_regression():
    theirs = found(verdict="unstable", reason="overflow", left="torch", right="jax")
    name = "B5, delta, torch against jax, float32, on its own inputs"
    assert _between(report(), report(findings=(theirs,), findings_total=1)) == {("new", "finding", name)}
    told = _between(
        report(pairs=(pair(left="torch", right="jax"),)), report(pairs=(pair(SHAKY, "jax", "torch"),))
    )
    assert told == {("changed", "pair", "torch against jax, float32")}
    assert _between(report(deviations=(deviation(0),)), report(deviations=(deviation(3),))) == {
        ("new", "deviation", "torch-gelu, float32")
    }
    assert _between(report(deviations=(deviation(3),)), report(deviations=(deviation(4),))) == {
        ("changed", "deviation", "torch-gelu, float32")
    }
    assert _between(report(), report(not_judged=(unjudged(5),))) == {("new", "not judged", "unresolved")}


def test_a_framework_that_is_wrong_is_a_regression_as_it_is_for_the_run():
    theirs = found(left="torch", right="jax")
    told = _between(report(), report(counts=BAD, findings=(theirs,), findings_total=1))
    assert told >= {("worse", "run", "wrong cases")}


def test_more_wrong_cases_are_worse_in_the_same_cases_and_not_in_others():
    more = Counts.tally({"conforms": 20, "mismatch": 20})
    worse = wrong_report(counts=more)
    assert _between(wrong_report(), worse) == {("worse", "run", "wrong cases")}
    other = worse.model_copy(update={"run": run_info(seed=8)})
    assert _between(wrong_report(), other) == set()
    many = wrong_report(equations=(equation("F2"), equation("B5", more)))
    assert _between(wrong_report(), many) == {("worse", "equation", "B5")}
    assert _between(many, wrong_report()) == {("better", "equation", "B5")}
    assert _between(wrong_report(), many.model_copy(update={"run": run_info(seed=8)})) == set()


@pytest.mark.parametrize(
    ("cases", "checks", "way"),
    [(40, Counts(), "worse"), (39, Counts(), "gone"), (39, NONE, "worse")],
)
def test_an_equation_that_fewer_other_cases_do_not_reach_is_gone_and_not_lost(cases, checks, way):
    fewer = report(
        run=run_info(seed=8, cases_requested=cases), equations=(equation("F2"), equation("B5", checks))
    )
    assert _between(report(), fewer) == {(way, "equation", "B5")}


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
    assert {("worse", "equation", "B5"), ("worse", "run", "wrong cases")} <= _between(right, both)


def test_a_step_of_a_shared_layer_is_shared_whatever_else_is_in_the_network():
    more = run_info(activations=("tanh", "relu", "elu"))
    local = wrong_report(run=more, findings=(found(case=case("tanh", "elu")),), causes=())
    assert ("worse", "equation", "B5") in _between(report(), local)
    whole = wrong_report(run=more, findings=(found(case=case("tanh", "elu"), scope="end to end"),), causes=())
    assert ("new", "equation", "B5") in _between(report(), whole)


def test_a_cause_whose_smallest_case_is_shared_is_worse_whatever_its_findings_are_in():
    more = run_info(activations=("tanh", "relu", "elu"))
    wrong = wrong_report(run=more, findings=(found(case=case("elu")),))
    assert ("worse", "cause", "equation B5, layer 1") in _between(report(), wrong)
    reduced = wrong.model_copy(update={"causes": (cause(smallest_case=case("elu")),)})
    assert ("new", "cause", "equation B5, layer 1") in _between(report(), reduced)


def test_a_function_that_is_wrong_and_only_one_run_asked_for_is_new():
    wrong = wrong_report(run=run_info(activations=("tanh", "relu", "elu")), matrix=(cell("elu", BAD),))
    told = {change for change in _between(report(matrix=()), wrong) if change[1] == "function"}
    assert told == {("new", "function", "elu × mse, float32")}


def test_an_equation_that_one_version_does_not_know_is_new():
    assert _between(report(equations=()), report(equations=(equation("B9", BAD),))) == {
        ("new", "equation", "B9")
    }


# ---------------------------------------------------------------- functions


def test_functions_are_compared_cell_by_cell_in_the_same_cases():
    assert _between(report(), report(matrix=(cell("tanh", BAD), cell("relu")))) == {
        ("worse", "function", "tanh × mse, float32")
    }
    assert _between(report(), report(matrix=(cell("tanh", NONE), cell("relu")))) == {
        ("worse", "function", "tanh × mse, float32")
    }
    assert _between(report(), report(matrix=(cell("relu"),))) == {
        ("worse", "function", "tanh × mse, float32")
    }


def test_in_other_cases_a_cell_that_was_not_drawn_is_no_loss_but_a_function_that_cannot_be_judged_is():
    other = run_info(seed=8)
    assert _between(report(), report(run=other, matrix=(cell("tanh"),))) == {
        ("gone", "function", "activation × loss × dtype, drawn by chance in one run only")
    }
    told = _between(report(), report(run=other, matrix=(cell("tanh"), cell("relu", NONE))))
    assert ("worse", "function", "activation relu, float32") in told


def test_in_other_cases_a_cell_is_no_worse_by_what_was_wrong_before():
    more = wrong_report(
        run=run_info(seed=8, cases_requested=400), matrix=(cell("tanh", BAD), cell("relu", BAD))
    )
    assert _between(wrong_report(), more) == {("new", "function", "relu × mse, float32")}
    assert ("worse", "function", "relu × mse, float32") in _between(report(), more)


# ---------------------------------------------------------------- causes and findings


def test_another_cause_in_the_same_equation_is_another_name_for_what_is_wrong():
    other = wrong_report(causes=(cause(name="transposed", what="Transposed."),))
    assert _between(wrong_report(), other) == {("changed", "cause", "equation B5, layer 1")}
    elsewhere = wrong_report(causes=(cause(), cause(2, equation="B1", name="transposed", layers=())))
    assert _between(wrong_report(), elsewhere) == {("worse", "cause", "equation B1")}


def test_a_cause_is_neither_gone_nor_new_because_nobody_looked_for_it():
    assert _between(wrong_report(), wrong_report(causes=())) == {("gone", "cause", "equation B5, layer 1")}
    (change,) = compare(wrong_report(causes=()), wrong_report()).changes
    assert (change.way, "was not diagnosed" in change.note) == ("new", True)


def test_a_further_finding_of_a_known_cause_is_worse_in_the_same_cases_only():
    more: dict[str, Any] = {
        "findings": (found(), found(2, quantity="dW")),
        "causes": (cause(findings=(1, 2)),),
    }
    name = "B5, dW, reference against torch, float32, on its own inputs"
    assert _between(wrong_report(), wrong_report(**more)) == {("worse", "finding", name)}
    assert _between(wrong_report(), wrong_report(run=run_info(seed=8), **more)) == {("new", "finding", name)}


def test_causes_and_findings_are_matched_without_their_numbers():
    old = wrong_report(
        findings=(found(reason="3 of 4"),), causes=(cause(name="", kind="unknown", what="2 entries"),)
    )
    new = wrong_report(
        findings=(found(reason="5 of 6", layer=2),),
        causes=(cause(name="", kind="unknown", what="9 entries"),),
    )
    assert _between(old, new) == set()


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [("unstable", "mismatch", "worse"), ("mismatch", "unstable", "better"), ("mismatch", "fault", "worse")],
)
def test_a_finding_that_became_graver_is_one_change_and_not_two(old, new, way):
    reports = [
        wrong_report(findings=(found(verdict=v), found(2, quantity="dW")), causes=()) for v in (old, new)
    ]
    assert _between(*reports) == {
        (way, "finding", "B5, delta, reference against torch, float32, on its own inputs")
    }


def test_a_finding_whose_list_was_cut_short_before_is_not_called_new():
    cut = wrong_report(findings=(found(quantity="dW", occurrences=1),), findings_total=999)
    told = _between(cut, wrong_report(findings=(found(), found(2, quantity="dW", occurrences=1))))
    assert ("changed", "finding", "further findings") in told
    assert not [change for change in told if change[0] in ("worse", "new")]
    crash = wrong_report(findings=(found(verdict="fault"),))  # it would have been listed first
    assert [change for change in _between(cut, crash) if change[:2] == ("worse", "finding")]


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
    assert ("better", "pair", "reference against truth, float32") in _between(asked, report())
    right = report(pairs=(pair(), pair(GOOD, "truth")))
    assert _between(right, report()) == {("gone", "pair", "reference against truth, float32")}
    assert _between(report(), report(pairs=())) == {("worse", "pair", "reference against torch, float32")}


def test_the_truth_that_only_one_run_asks_about_every_case_is_more_that_it_asked_for():
    always = wrong_report(
        truth=Truth(mode="all"), findings=(found(right="truth"),), causes=(), pairs=(pair(),)
    )
    comparison = compare(report(), always)
    assert not comparison.alike
    assert [(row.label, row.old, row.new) for row in comparison.differences] == [
        ("truth asked", "if need be", "all")
    ]
    assert ("new", "equation", "B5") in _told(comparison)
    disputed = always.model_copy(update={"truth": Truth(mode="disputed")})
    assert compare(report(), disputed).alike
    assert ("worse", "equation", "B5") in _between(report(), disputed)


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
