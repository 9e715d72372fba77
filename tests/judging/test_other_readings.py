"""J3: the readings of entries outside their bounds, worked out by hand."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from backproof.cases import DrawOptions, draw_case
from backproof.judging.adjudication import Truth
from backproof.judging.doubtful import Doubtful
from backproof.judging.other_readings import Finding, read_otherwise
from backproof.judging.panel import Panel
from backproof.judging.verdicts import Alternative, Comparison, Verdict
from oracles.ball_oracle import BallOracle
from oracles.torch_oracle import TorchOracle
from refimpl import Backprop

NAN, INF = math.nan, math.inf


def _reading(verdict: Verdict, low: Any, high: Any) -> Alternative:
    return Alternative(verdict, f"from {np.min(low)}", lambda: (low, high))


def _comparison(observed: Any, *readings: Alternative, bound: float = 0.5) -> Comparison:
    """Held against 0."""
    data = (np.asarray(observed, dtype=np.float64), np.zeros(np.shape(observed)))
    return Comparison(
        "dW", 1, "local", "ours", "torch", *data, np.full_like(data[1], bound), lambda: readings
    )


def _read(*comparisons: Comparison, extreme: Sequence[bool] = (False,) * 9) -> list[Finding]:
    return read_otherwise(comparisons, lambda i: extreme[i])


CONVENTION, UNSTABLE = _reading("convention", 1.0, 2.0), _reading("unstable", 1.0, 8.0)


def test_the_finding_names_the_entry_that_is_farthest_out_in_units_of_its_bound() -> None:
    wide = _comparison([[0.0, 3.0], [-4.0, 4.0]])
    wide.bound[1, :] = 2.0
    assert _read(wide) == [Finding("mismatch", "outside the bound", (0, 1), 3.0, 0.0, 0.5)]
    equal = _comparison([[0.0, 3.0], [-3.0, 0.0]])
    assert _read(equal)[0].entry == (0, 1)


def test_the_gravest_verdict_is_that_of_the_comparison_and_each_entry_has_its_first_reading() -> None:
    known = _reading("known deviation", 3.0, 4.0)
    found = _read(
        _comparison([1.5, 0.0, 3.5], CONVENTION, known, UNSTABLE),
        _comparison([3.5, 0.0, 3.0], known),
        _comparison([1.5, 5.0, 3.5], CONVENTION, known, UNSTABLE),
        _comparison([1.5, 9.0, 5.0], CONVENTION, known, UNSTABLE),
        _comparison([1.5, 9.0, 10.0]),
    )
    assert [(finding.verdict, finding.reason, finding.entry) for finding in found] == [
        ("convention", "from 1.0", (0,)),
        ("known deviation", "from 3.0", (0,)),
        ("unstable", "from 1.0", (1,)),
        ("mismatch", "outside the bound", (1,)),
        ("mismatch", "outside the bound", (2,)),
    ]


def test_of_two_readings_of_one_verdict_the_first_that_some_entry_fits_is_told() -> None:
    readings = (_reading("convention", 8.0, 9.0), CONVENTION, _reading("convention", 3.0, 4.0))
    (found,) = _read(_comparison([1.5, 3.5], *readings))
    assert (found.reason, found.entry) == ("from 1.0", (0,))


def test_a_range_holds_entry_by_entry_and_what_is_inside_its_bound_is_not_asked() -> None:
    low = np.array([[3.0, 1.0], [1.0, 3.0]])
    (found,) = _read(_comparison([[0.5, 1.0], [2.0, 3.5]], _reading("convention", low, low + 1)))
    assert (found.verdict, found.entry) == ("convention", (1, 1))
    (found,) = _read(_comparison([[0.6, 1.0], [2.0, 3.5]], _reading("convention", low, low + 1)))
    assert (found.verdict, found.entry) == ("mismatch", (0, 0))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_what_is_not_finite_fits_no_range_and_is_unstable_on_extreme_numbers_only(value: float) -> None:
    answer = _comparison([0.0, value, 0.0], _reading("convention", -INF, INF))
    verdicts = [
        ("unstable", "not finite where the exact answer is"),
        ("mismatch", "not finite on ordinary numbers"),
    ]
    found = _read(answer, answer, extreme=(True, False))
    assert [(finding.verdict, finding.reason) for finding in found] == verdicts
    assert [finding.entry for finding in found] == [(1,), (1,)]


def test_beside_a_number_that_is_excused_another_outside_is_a_mismatch_of_the_usual_kind() -> None:
    (found,) = _read(_comparison([NAN, 3.0]), extreme=(True,))
    assert (found.verdict, found.reason, found.entry) == ("mismatch", "outside the bound", (1,))


def test_only_comparisons_with_an_entry_that_is_not_finite_are_asked_whether_they_are_extreme() -> None:
    asked: list[int] = []

    def is_extreme(i: int) -> bool:
        asked.append(i)
        return False

    read_otherwise([_comparison([3.0]), _comparison([NAN]), _comparison([4.0, INF])], is_extreme)
    assert asked == [1, 2]


def test_a_scalar_has_an_entry_without_a_place() -> None:
    (found,) = _read(_comparison(3.0, _reading("unstable", np.float64(2.0), np.float64(4.0))))
    assert found == Finding("unstable", "from 2.0", (), 3.0, 0.0, 0.5)


def test_where_nothing_lies_outside_nothing_is_asked() -> None:
    assert _read() == []


# ---------------------------------------------------------------- the cases of which a reading is asked


def _counting() -> tuple[Doubtful[list[int]], Callable[[Sequence[int]], list[int]], list[list[int]]]:
    made: list[list[int]] = []

    def part(places: Sequence[int]) -> list[int]:
        made.append(list(places))
        return made[-1]

    return Doubtful([]), part, made


def test_those_told_are_made_once_and_together() -> None:
    doubtful, part, made = _counting()
    doubtful.tell([2, 5])
    assert [doubtful.among(part, k) for k in (5, 2, 5)] == [([2, 5], 1), ([2, 5], 0), ([2, 5], 1)]
    doubtful.tell([2, 5])
    assert doubtful.among(part, 2) == ([2, 5], 0)
    assert made == [[2, 5]]


def test_one_that_was_not_told_is_made_alone() -> None:
    doubtful, part, made = _counting()
    assert doubtful.among(part, 4) == ([4], 0)
    doubtful.tell([2, 5])
    assert doubtful.among(part, 4) == ([4], 0)
    assert made == [[4]]


# ---------------------------------------------------------------- what is left of a chunk


def test_nothing_is_left_of_judged_cases_that_only_a_collection_would_free() -> None:
    """A cycle would keep all that was made for a chunk, hundreds of MB, until one comes."""
    panel = Panel(Backprop(), [TorchOracle()], truth=Truth("disputed", BallOracle()))
    options = DrawOptions(("hardsigmoid", "identity"), ("mse",))
    cases = [draw_case(5, index, "float64", options).case for index in range(48)]
    panel.judge(cases)  # what is loaded and kept once
    gc.collect()
    gc.disable()
    try:
        judgements = panel.judge(cases)
        verdicts = {judgement.verdict for judgement in judgements}
        del judgements
        cycles = gc.collect()
    finally:
        gc.enable()
    assert "known deviation" in verdicts, "some were read otherwise"
    assert cycles < 100
