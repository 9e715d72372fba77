"""J1 to J3: the verdict on hand-made comparisons, entry by entry."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from judge_cases import case_of_z, drawn_case

from backproof.judging.decide import decide
from backproof.judging.verdicts import SEVERITY, Alternative, Check, Comparison, Judgement, Verdict
from refimpl import DTYPES

CASES = {dtype: case_of_z([[1.0]], "identity", dtype=dtype) for dtype in DTYPES}
B = 2.0**-10
"""A bound that adds to small integers without rounding, and lies below 1 % of them."""
INF, NAN = math.inf, math.nan


def _comparison(observed: Any, expected: Any, bound: Any, *alternatives: Alternative) -> Comparison:
    expected = np.asarray(expected, dtype=np.float64)
    bound = np.broadcast_to(np.asarray(bound, dtype=np.float64), expected.shape)
    return Comparison(
        "dW", 1, "local", "ours", "theirs", np.asarray(observed), expected, bound, lambda: alternatives
    )


def _decided(
    observed: Any,
    expected: Any,
    bound: Any,
    *alternatives: Alternative,
    extreme: bool = False,
    dtype: str = "float64",
) -> Check:
    (check,) = decide(CASES[dtype], [_comparison(observed, expected, bound, *alternatives)], extreme)
    return check


def _reading(verdict: Verdict, low: Any, high: Any, reason: str = "") -> Alternative:
    return Alternative(verdict, reason or f"reads as {verdict}", lambda: (np.asarray(low), np.asarray(high)))


# ---------------------------------------------------------------- J1


@pytest.mark.parametrize("expected", [1.0, -3.0])
@pytest.mark.parametrize("side", [-1, 1], ids=["below", "above"])
def test_an_entry_exactly_on_its_bound_conforms_and_the_next_number_does_not(
    expected: float, side: int
) -> None:
    on = expected + side * B
    assert _decided([on], [expected], B).verdict == "conforms"
    outside = _decided([np.nextafter(on, side * INF)], [expected], B)
    assert (outside.verdict, outside.reason) == ("mismatch", "outside the bound")


def test_a_bound_of_zero_accepts_the_same_number_and_no_other() -> None:
    assert _decided([0.5], [0.5], 0.0).verdict == "conforms"
    assert _decided([np.nextafter(0.5, 1)], [0.5], 0.0).verdict == "mismatch"


@pytest.mark.parametrize(("observed", "expected"), [(-0.0, 0.0), (0.0, -0.0)])
def test_minus_zero_is_zero(observed: float, expected: float) -> None:
    assert _decided([observed, 1.0], [expected, 1.0], 0.0).verdict == "conforms"


@pytest.mark.parametrize("observed", [NAN, INF, -INF])
@pytest.mark.parametrize("bound", [0.0, B, 1e300], ids=["no bound", "sharp", "wide"])
def test_what_is_not_finite_never_lies_inside_a_finite_bound(observed: float, bound: float) -> None:
    check = _decided([1.0, observed], [1.0, 1.0], bound)
    assert (check.verdict, check.reason) == ("mismatch", "not finite on ordinary numbers")
    assert check.entry == (1,)
    assert check.ratio == INF


@pytest.mark.parametrize("observed", [NAN, INF, -INF])
def test_what_is_not_finite_on_extreme_numbers_is_unstable(observed: float) -> None:
    check = _decided([observed], [1.0], B, extreme=True)
    assert (check.verdict, check.reason) == ("unstable", "not finite where the exact answer is")


def test_a_finite_wrong_answer_on_extreme_numbers_is_still_a_mismatch() -> None:
    assert _decided([2.0], [1.0], B, extreme=True).verdict == "mismatch"


@pytest.mark.parametrize("dtype", DTYPES)
def test_float32_answers_are_compared_as_they_are_and_not_rounded_to(dtype: str) -> None:
    """1 + 2^-30 is no float32: if what is expected were rounded to the answer's dtype, 1 would conform."""
    check = _decided(np.array([1.0], dtype), [1 + 2.0**-30], 2.0**-31, dtype=dtype)
    assert check.verdict == "mismatch"


# ---------------------------------------------------------------- J2


@pytest.mark.parametrize("bound", [INF, NAN])
@pytest.mark.parametrize("observed", [1.0, 7.0, NAN, INF])
def test_an_infinite_bound_says_nothing(observed: float, bound: float) -> None:
    check = _decided([observed], [1.0], bound)
    assert (check.verdict, check.reason, check.unjudged) == ("not judged", "ill-posed", 1)


def test_a_bound_of_one_percent_of_the_largest_entry_is_judged_and_a_wider_one_is_unresolved() -> None:
    expected = [100.0, 1.0]
    assert _decided(expected, expected, 1.0).verdict == "conforms"
    check = _decided(expected, expected, np.nextafter(1.0, 2.0))
    assert (check.verdict, check.reason, check.unjudged) == ("not judged", "unresolved", 2)


def test_one_resolved_entry_is_enough_to_judge_and_the_others_are_counted() -> None:
    check = _decided([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [B, INF, 1.0])
    assert (check.verdict, check.entries, check.unjudged) == ("conforms", 3, 2)


@pytest.mark.parametrize("bound", [0.5, 1e6])
def test_a_finite_bound_that_is_exceeded_is_never_excused_however_wide(bound: float) -> None:
    check = _decided([1.0 + 3 * bound], [1.0], bound)
    assert check.verdict == "mismatch"
    assert check.ratio == pytest.approx(3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_are_resolved_by_bounds_at_the_level_of_underflow(dtype: str) -> None:
    tiny = float(np.finfo(dtype).tiny)
    zeros = np.zeros(3)
    assert _decided(zeros, zeros, 4 * tiny, dtype=dtype).verdict == "conforms"
    assert _decided(zeros + 2 * tiny, zeros, 4 * tiny, dtype=dtype).verdict == "conforms"
    assert _decided(zeros + 5 * tiny, zeros, 4 * tiny, dtype=dtype).verdict == "mismatch"
    assert _decided(zeros, zeros, 1e-6, dtype=dtype).reason == "unresolved"
    assert _decided(zeros + 1, zeros, 1e-6, dtype=dtype).verdict == "mismatch"


@pytest.mark.parametrize("silent", [NAN, INF])
@pytest.mark.parametrize("observed", [1.0, NAN, INF])
def test_an_oracle_that_is_not_finite_judges_nobody(observed: float, silent: float) -> None:
    check = _decided([observed], [silent], B)
    assert (check.verdict, check.reason) == ("not judged", "oracle not finite")


def test_beside_an_entry_on_which_the_oracle_is_silent_the_others_are_judged() -> None:
    good = _decided([9.0, 1.0], [NAN, 1.0], B)
    assert (good.verdict, good.unjudged) == ("conforms", 1)
    bad = _decided([9.0, 2.0], [NAN, 1.0], B)
    assert (bad.verdict, bad.entry) == ("mismatch", (1,))


def test_an_infinite_answer_under_an_infinite_bound_is_ill_posed_and_not_the_oracles_silence() -> None:
    assert _decided([INF], [INF], INF).reason == "ill-posed"


# ---------------------------------------------------------------- J3

CONVENTION = _reading("convention", 1.5, 2.5)
DEVIATION = _reading("known deviation", 1.5, 4.0)
UNSTABLE = _reading("unstable", 0.0, 8.0)


@pytest.mark.parametrize(
    ("observed", "verdict"),
    [(2.0, "convention"), (3.0, "known deviation"), (6.0, "unstable"), (9.0, "mismatch")],
)
def test_an_entry_outside_has_the_first_of_the_readings_that_it_fits(observed: float, verdict: str) -> None:
    check = _decided([observed], [1.0], B, CONVENTION, DEVIATION, UNSTABLE)
    assert check.verdict == verdict
    assert check.reason == ("outside the bound" if verdict == "mismatch" else f"reads as {verdict}")


def test_the_ends_of_a_reading_belong_to_it_and_the_next_numbers_do_not() -> None:
    for end, beyond in ((1.5, -INF), (2.5, INF)):
        assert _decided([end], [1.0], B, CONVENTION).verdict == "convention"
        assert _decided([np.nextafter(end, beyond)], [1.0], B, CONVENTION).verdict == "mismatch"


def test_readings_have_ranges_of_their_own_for_each_entry() -> None:
    reading = _reading("convention", [1.5, 5.0], [2.5, 6.0])
    assert _decided([2.0, 5.5], [1.0, 1.0], B, reading).verdict == "convention"
    assert _decided([5.5, 2.0], [1.0, 1.0], B, reading).verdict == "mismatch"


def test_the_gravest_of_several_entries_wins_and_its_worst_entry_is_told() -> None:
    observed, expected = [[1.0, 2.0], [9.0, 11.0]], np.ones((2, 2))
    check = _decided(observed, expected, B, CONVENTION)
    assert (check.verdict, check.entry) == ("mismatch", (1, 1))
    assert (check.observed, check.expected, check.bound) == (11.0, 1.0, B)


def test_an_unstable_entry_outweighs_a_convention_and_a_known_deviation() -> None:
    check = _decided([2.0, 3.0, 6.0], [1.0] * 3, B, CONVENTION, DEVIATION, UNSTABLE)
    assert (check.verdict, check.entry) == ("unstable", (2,))


@pytest.mark.parametrize("observed", [NAN, INF])
def test_what_is_not_finite_fits_no_reading(observed: float) -> None:
    everything = _reading("known deviation", -INF, INF)
    assert _decided([observed], [1.0], B, everything).verdict == "mismatch"


def test_readings_are_asked_for_only_when_an_entry_lies_outside() -> None:
    def never() -> Any:
        raise AssertionError("asked although everything lies inside")

    inside = _comparison([1.0], [1.0], B)._replace(alternatives=never)
    (check,) = decide(CASES["float64"], [inside], is_extreme=False)
    assert check.verdict == "conforms"


# ---------------------------------------------------------------- many at once


def test_comparisons_of_all_shapes_are_decided_each_for_itself() -> None:
    comparisons = [
        _comparison(2.0, 1.0, B),
        _comparison(np.ones((2, 3)), np.ones((2, 3)), B),
        _comparison([[NAN], [1.0]], [[1.0], [1.0]], [[INF], [B]]),
        _comparison(1.0, 1.0, INF),
        _comparison([1.0 + B / 2, 1.0], [1.0, 1.0], B),
    ]
    checks = decide(CASES["float64"], comparisons, is_extreme=False)
    verdicts = ["mismatch", "conforms", "conforms", "not judged", "conforms"]
    assert [check.verdict for check in checks] == verdicts
    assert [check.entries for check in checks] == [1, 6, 2, 1, 2]
    assert [check.unjudged for check in checks] == [0, 0, 1, 1, 0]
    assert [check.ratio for check in checks] == [1024.0, 0.0, 0.0, 0.0, 0.5]
    assert checks[0].entry == ()


def test_nothing_to_compare_gives_no_checks() -> None:
    assert decide(CASES["float64"], [], is_extreme=False) == []


def test_a_check_names_the_equation_that_gives_its_quantity() -> None:
    case = drawn_case(["tanh", "sigmoid"], "bce")
    places = [("Z", 1), ("A", 1), ("A", 2), ("loss", None), ("delta", 1), ("delta", 2), ("dW", 2), ("db", 1)]
    places += [("dX", None), ("W_updated", 1), ("b_updated", 2)]
    comparisons = [
        _comparison(1.0, 1.0, B)._replace(quantity=quantity, layer=layer) for quantity, layer in places
    ]
    equations = [check.equation for check in decide(case, comparisons, is_extreme=False)]
    assert equations == ["F2", "F3", "F4", "F5", "B5", "B4", "B1", "B3", "B1a", "U1", "U2"]


# ---------------------------------------------------------------- the verdict on a case


def _check(verdict: Verdict, **fields: Any) -> Check:
    return Check("dW", 1, "local", "ours", "theirs", "B1", verdict)._replace(**fields)


def test_verdicts_from_the_gravest_to_the_mildest() -> None:
    assert SEVERITY == (
        "fault", "mismatch", "unstable", "convention", "known deviation", "conforms", "not judged",
    )  # fmt: skip


@pytest.mark.parametrize(("graver", "milder"), list(itertools.combinations(SEVERITY, 2)))
def test_the_gravest_check_decides_a_case_in_whatever_order(graver: Verdict, milder: Verdict) -> None:
    case = CASES["float64"]
    for order in ((graver, milder), (milder, graver)):
        assert Judgement(case, tuple(map(_check, order))).verdict == graver


def test_a_case_without_checks_is_not_judged() -> None:
    assert Judgement(CASES["float64"], ()).verdict == "not judged"


def test_a_scope_is_resolved_when_all_its_entries_could_be_judged() -> None:
    checks = (_check("conforms", entries=4), _check("conforms", scope="end to end", entries=4, unjudged=1))
    judgement = Judgement(CASES["float64"], checks)
    assert judgement.resolved("local")
    assert not judgement.resolved("end to end")
