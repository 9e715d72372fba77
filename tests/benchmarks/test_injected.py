"""Injected errors are where and as large as they are said to be, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.verdicts import Check, Judgement
from benchmarks import injected
from benchmarks.judge import told_apart
from benchmarks.ours import Judge
from benchmarks.peers import Problem
from oracles.torch_oracle import TorchOracle
from refimpl import Backprop, Case, Trace

TORCH = TorchOracle()


def drawn(dtype: str, count: int = 6) -> tuple[list[Case], list[Trace]]:
    cases = injected.cases_of("ordinary and smooth", dtype, 1, count)
    return cases, [Backprop().run(case) for case in cases]


def test_one_entry_of_one_dW_is_off_and_the_update_follows_it() -> None:
    (case, *_), (trace, *_) = drawn("float64")
    place = injected.place_of(case, seed=1, index=0)
    wrong = injected.off_by(case, trace, place, 0.5)
    assert wrong is not None
    for l, layer in enumerate(case.network.layers):
        off = wrong.dW[l] - trace.dW[l]  # type: ignore[index]
        if l == place.layer:
            assert off[place.entry] == pytest.approx(0.5 * place.sign)
            off[place.entry] = 0
        assert not off.any()
        expected = layer.W - case.learning_rate * wrong.dW[l]  # type: ignore[index]
        assert (wrong.W_updated[l] == expected).all()  # type: ignore[index]
    assert wrong.db is trace.db
    assert wrong.delta is trace.delta


def test_an_error_that_vanishes_in_rounding_is_none() -> None:
    (case, *_), (trace, *_) = drawn("float32")
    place = injected.place_of(case, seed=1, index=0)
    entry = float(trace.dW[place.layer][place.entry])  # type: ignore[index]
    assert injected.off_by(case, trace, place, abs(entry) * 1e-9) is None
    assert injected.off_by(case, trace, place, np.inf) is None
    assert injected.off_by(case, trace, place, np.nan) is None


def test_places_are_drawn_from_seed_and_index_and_differ() -> None:
    cases = injected.cases_of("every regime", "float64", 1, 40)
    places = [injected.place_of(case, 1, i) for i, case in enumerate(cases)]
    assert places == [injected.place_of(case, 1, i) for i, case in enumerate(cases)]
    assert {place.sign for place in places} == {-1.0, 1.0}
    assert len({(place.layer, place.entry) for place in places}) > 10


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("full", "which"), [(True, "local"), (False, "end_to_end")])
def test_the_judge_finds_three_bounds_and_not_a_twentieth(dtype: str, full: bool, which: str) -> None:
    # So the bounds are those that the judge goes by, entry for entry, and not others.
    cases, traces = drawn(dtype)
    bounds = injected.bounds_of(cases, traces, TORCH)
    judge = Judge(full=full, oracles=[TORCH])
    for multiple, answer in ((3.0, "rejects"), (0.05, "accepts")):
        problems = []
        for i, (case, trace) in enumerate(zip(cases, traces, strict=True)):
            place = injected.place_of(case, 1, i)
            bound = getattr(bounds[i], which)[place.layer][place.entry]
            wrong = injected.off_by(case, trace, place, multiple * bound)
            if wrong is not None:
                problems.append(Problem(case, wrong))
        assert judge.answers(problems) == [answer] * len(problems)
        assert multiple < 1 or len(problems) == len(cases)


@pytest.mark.parametrize("scale", injected.SCALES)
def test_the_correct_gradients_scale_with_the_outputs(scale: float) -> None:
    (case, *_), _ = drawn("float64")
    unit, scaled = (Backprop().run(injected.scaled_case(case, s)) for s in (1.0, scale))
    assert unit.dW is not None
    assert scaled.dW is not None
    powers = [2] * (len(unit.dW) - 1) + [1]
    for one, other, power in zip(unit.dW, scaled.dW, powers, strict=True):
        np.testing.assert_allclose(other, scale**power * one, rtol=1e-9)


def test_a_gradient_of_zero_is_found_at_every_scale_with_gradients_alone() -> None:
    cases, _ = drawn("float64", 2)
    judge = Judge(full=False, oracles=[TORCH])
    for scale in injected.SCALES:
        for case in (injected.scaled_case(case, scale) for case in cases):
            trace = Backprop().run(case)
            zero = injected.zero_gradient(case, trace)
            assert zero is not None
            assert judge.answers([Problem(case, trace)]) == ["accepts"]
            assert judge.answers([Problem(case, zero)]) == ["rejects"]


def test_where_zero_is_right_it_is_no_error() -> None:
    (case, *_), (trace, *_) = drawn("float64")
    zero = injected.zero_gradient(case, trace)
    assert zero is not None
    assert injected.zero_gradient(case, zero) is None


def test_a_mistake_matters_where_it_moves_a_gradient() -> None:
    (case, *_), (trace, *_) = drawn("float64")
    (bounds, *_) = injected.bounds_of([case], [trace], TORCH)
    for name, matters in (("target-minus-prediction", True), ("update-uphill", False)):
        wrong = MISTAKES[name].implementation().run(case)
        assert injected.is_plain(wrong, trace) is matters
        assert injected.is_beyond_bounds(wrong, trace, bounds) is matters
    assert injected.is_plain(MISTAKES["update-uphill"].implementation().run(case), trace, injected.UPDATED)


def test_smooth_means_without_kinks() -> None:
    for case in injected.cases_of("ordinary and smooth", "float64", 5, 50):
        for layer in case.network.layers:
            assert not layer.activation.entry.kinks(layer.activation.parameters)
        assert not case.network.loss.entry.kinks(case.Y, case.network.loss.arguments)


def test_an_error_counts_as_found_only_if_the_correct_gradient_is_not_rejected_too() -> None:
    wrong = ["rejects", "rejects", "accepts", "not judged", None]
    right = ["accepts", "rejects", "accepts", "not judged", "rejects"]
    assert told_apart(wrong, right) == {"count": 1, "not judged": 1, "of": 4}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("full", "scope", "left", "verdict", "left_out"),
    [
        (True, "local", "reference", "not judged", True),
        (True, "end to end", "reference", "not judged", False),
        (False, "end to end", "reference", "not judged", True),
        (False, "end to end", "torch", "not judged", False),
        (False, "end to end", "reference", "conforms", False),
    ],
)
def test_what_is_judged_in_part_is_seen(
    full: bool, scope: Any, left: str, verdict: Any, left_out: bool
) -> None:
    (case, *_), _ = drawn("float64", 1)
    checks = (
        Check("dW", 1, scope, "reference", "torch", "B1", "conforms"),
        Check("dW", 2, scope, left, "torch", "B1", verdict),
    )
    judge = Judge(full=full, oracles=[TORCH])
    assert judge.leaves_out(Judgement(case, checks, "reference")) is left_out
