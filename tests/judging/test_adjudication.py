"""Adjudication: when the truth is asked, whom it finds right, and what it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judge_cases import case_of_z, changed, checks_of, drawn_case

from backproof.cases import REGIMES, DrawOptions, draw_case
from backproof.judging.adjudication import Truth, ruled
from backproof.judging.judge import Tables
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING, Check, Held, Judgement, Ruling, Settled, Verdict
from backproof.truth_tally import TruthTally, ruling
from oracles import StepBatch, StepBatchValues
from oracles.ball_oracle import BallOracle
from oracles.torch_oracle import TorchOracle
from refimpl import QUANTITIES, Backprop, Case, Trace

TORCH, TRUTH = TorchOracle(), BallOracle()
NEVER = 2**40


def _judged(
    implementation: Any, case: Case, mode: str = "all", oracle: Any = TORCH, every: int = 16
) -> Judgement:
    return Panel(implementation, [oracle], truth=Truth(mode, TRUTH, every, every)).judge([case])[0]


def _ruling(judgement: Judgement) -> Ruling:
    assert judgement.ruling is not None
    return judgement.ruling


# ---------------------------------------------------------------- correct answers


@pytest.fixture(scope="module")
def drawn() -> list[tuple[str, Case]]:
    """Six small cases of every regime."""
    found: dict[str, list[Case]] = {regime: [] for regime in REGIMES}
    for index in range(2000):
        one = draw_case(3, index, ("float32", "float64")[index % 2])
        layers = one.case.network.layers
        size = sum(layer.W.size for layer in layers) * one.case.samples
        if size < 150 and len(found[one.regime]) < 6:
            found[one.regime].append(one.case)
    assert all(len(cases) == 6 for cases in found.values())
    return [(regime, case) for regime, cases in found.items() for case in cases]


def test_nobody_who_is_correct_is_outside_in_any_regime(drawn: list[tuple[str, Case]]) -> None:
    cases = [case for _, case in drawn]
    judgements = Panel(Backprop(), [TORCH], truth=Truth("all", TRUTH)).judge(cases)
    held: Counter[tuple[str, str]] = Counter()
    for (regime, _), judgement in zip(drawn, judgements, strict=True):
        own = _ruling(judgement)
        assert set(own.held) == {(s, o) for s in ("reference", "torch") for o in ("local", "end to end")}
        assert all(check.left == "torch" and check.verdict not in FAILING for check in own.outside), regime
        assert judgement.verdict not in FAILING
        for key, each in own.held.items():
            held[key] += each.entries
            if key[0] == "reference":
                assert each.outside == 0
                assert each.ratio <= 1
    entries = 2 * sum(_entries(case) for case in cases)
    assert sum(held.values()) > 0.9 * 2 * entries
    assert min(held.values()) > 0.8 * entries / 2


def _entries(case: Case) -> int:
    trace = Backprop().run(case)
    values = (getattr(trace, q) for q in QUANTITIES)
    return sum(np.size(a) for v in values for a in (v if isinstance(v, tuple) else (v,)))


# ---------------------------------------------------------------- wrong ones


def test_an_error_inside_the_carried_bound_is_outside_the_local_one() -> None:
    case = drawn_case(["tanh"] * 4 + ["identity"], "mse", "float32", width=16, samples=8, seed=2)
    off = changed(
        dW=lambda dW: (*dW[:-1], (dW[-1] * np.float64(1 + 100 * 2.0**-24)).astype("float32")),
        W_updated=lambda _: None,
    )
    found = _ruling(_judged(off, case))
    wrong = [(c.left, c.scope, c.quantity, c.layer, c.right, c.verdict) for c in found.outside]
    assert wrong == [("reference", "local", "dW", 5, "truth", "mismatch")]
    assert found.held["reference", "local"].outside > 100
    assert found.held["reference", "end to end"].outside == 0
    assert found.held["torch", "local"].outside == 0


DEVIATING = case_of_z([[0.5, 1.25]], "hardsigmoid", Y=[[0.25, 0.75]])


def test_a_known_deviation_stays_one() -> None:
    judgement = _judged(Backprop(), DEVIATING)
    found = _ruling(judgement)
    assert {(c.left, c.verdict, c.reason) for c in found.outside} == {
        ("torch", "known deviation", "torch-hardsigmoid-sixth")
    }
    assert found.held["reference", "local"].outside == 0
    assert found.held["torch", "local"].outside > 0
    assert judgement.verdict == "known deviation"


def test_a_mistake_beside_a_known_deviation_is_the_implementations() -> None:
    found = _judged(changed(delta=lambda delta: (delta[0] * (1 + 1e-5),)), DEVIATING)
    assert found.verdict == "mismatch"
    verdicts = {c.left: {o.verdict for o in _ruling(found).outside if o.left == c.left} for c in found.checks}
    assert verdicts["torch"] == {"known deviation"}
    assert "mismatch" in verdicts["reference"]
    settled = [s for s in _ruling(found).settled if s.check.quantity == "delta"]
    assert settled
    assert all("reference" not in s.right for s in settled)


class _Accomplice(TorchOracle):
    """Its losses are as wrong as the implementation's."""

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> list[Trace]:
        traces = super().traces(cases, dtype)
        return [replace(trace, loss=trace.loss * trace.loss.dtype.type(1.001)) for trace in traces]

    def step_batch(self, batch: StepBatch) -> StepBatchValues:
        found = super().step_batch(batch)
        return replace(found, loss=found.loss * 1.001)


def test_what_everybody_has_wrong_is_found_if_the_truth_is_asked() -> None:
    case = drawn_case(["tanh", "identity"], "mse", "float64")
    wrong = changed(loss=lambda loss: loss * 1.001)
    agreed = _judged(wrong, case, "disputed", _Accomplice())
    assert agreed.verdict == "conforms"
    assert agreed.ruling is None
    found = _judged(wrong, case, "all", _Accomplice())
    assert found.verdict == "mismatch"
    assert {(c.left, c.quantity, c.scope, c.verdict) for c in _ruling(found).outside} == {
        (side, "loss", scope, "mismatch")
        for side in ("reference", "torch")
        for scope in ("local", "end to end")
    }
    assert all(check in found.checks for check in _ruling(found).outside)
    assert _judged(Backprop(), case, "all").verdict == "conforms"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_infinitely_far(value: float) -> None:
    case = drawn_case(["tanh", "identity"], "mse", "float64")
    found = _ruling(_judged(changed(dX=lambda dX: dX * 0 + value if np.isnan(value) else dX + value), case))
    assert found.held["reference", "local"].outside == case.X.size
    assert found.held["reference", "end to end"].outside == case.X.size
    for settled in found.settled:
        who = {"local": "arithmetic", "end to end": "torch"}[settled.check.scope]
        assert (settled.check.quantity, settled.right, settled.left_ulps) == ("dX", (who,), np.inf)
        assert "reference is not finite" in ruling(settled)
    assert found.settled


# ---------------------------------------------------------------- kinks

ON_A_KINK = case_of_z([[0.0]], "relu", Y=[[-1.0]])


def _with_slope(slope: float) -> Any:
    """relu' = slope at 0, in all that follows from it; ∂L/∂A is 1."""
    return changed(
        delta=lambda d: (d[0] * 0 + slope,),
        db=lambda d: (d[0] * 0 + slope,),
        dX=lambda d: d * 0 + slope,
        b_updated=lambda d: (d[0] * 0 - 0.25 * slope,),
    )


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_on_a_kink_either_side_and_all_between_is_inside(slope: float) -> None:
    found = _ruling(_judged(_with_slope(slope), ON_A_KINK))
    assert found.on_a_kink
    assert found.outside == ()
    assert found.held["reference", "end to end"].outside == 0
    assert found.held["reference", "end to end"].undecided > 0


@pytest.mark.parametrize("slope", [-0.25, 1.25])
def test_beyond_both_sides_of_a_kink_is_outside(slope: float) -> None:
    judgement = _judged(_with_slope(slope), ON_A_KINK)
    assert judgement.verdict == "mismatch"
    outside = [c for c in _ruling(judgement).outside if c.left == "reference"]
    assert [(c.quantity, c.scope, c.verdict) for c in outside] == [("delta", "local", "mismatch")]
    far = _ruling(_judged(_with_slope(10 * slope), ON_A_KINK))  # beyond what roundings of Z may turn it into
    quantities = {c.quantity for c in far.outside if c.scope == "end to end"}
    assert quantities == {"delta", "db", "dX", "b_updated"}


# ---------------------------------------------------------------- settled


def test_who_is_right_and_by_how_many_ulps() -> None:
    """Z = A = 2 and δ = 2, where the next number is 2^-51 away; the implementation says 3."""
    case = case_of_z([[2.0]], "identity")
    found = _judged(changed(delta=lambda _: (np.array([[3.0]]),)), case, "disputed")
    assert _ruling(found).why == "disputed"
    settled = {s.check.scope: s for s in _ruling(found).settled if s.check.quantity == "delta"}
    assert set(settled) == {"local", "end to end"}
    for each in settled.values():
        assert (each.truth, each.right_ulps, each.right) == (2, 0, ("torch",))
        assert each.left_ulps == pytest.approx(2.0**51, rel=1e-14)
        off = "reference is off by 1 (2.25e+15 ulp), torch is off by 0 (0 ulp)"
        assert ruling(each) == f"torch is right: the exact value is 2; {off}"


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ((), "neither reference nor jax is right"),
        (("reference",), "reference is right"),
        (("jax",), "jax is right"),
        (("reference", "jax"), "both are right"),
    ],
)
def test_a_ruling_in_words(right: tuple[str, ...], words: str) -> None:
    check = _check("mismatch")._replace(observed=0.35, expected=np.nan)
    said = ruling(Settled(check, 0.1, 1.5, np.inf, right))
    numbers = "reference is off by 0.25 (1.5 ulp), jax is not finite"
    assert said == f"{words}: the exact value is 0.1; {numbers}"
    assert ruling(Settled(check, np.nan, 1.5, 0.0, right)) == "the exact value is not known either"


def test_beside_an_exact_zero_the_distance_is_told_without_ulps() -> None:
    check = _check("mismatch")._replace(observed=-1e-8, expected=0.0)
    said = ruling(Settled(check, 0.0, np.inf, 0.0, ("jax",)))
    assert said == "jax is right: the exact value is 0; reference is off by 1e-08, jax is off by 0 (0 ulp)"


# ---------------------------------------------------------------- what is not offered


def test_of_a_trace_with_gradients_only_these_are_held() -> None:
    case = drawn_case(["tanh", "identity"], "mse", "float64")
    kept = ("loss", "dW", "db")
    gradients: dict[str, Callable[[Any], Any]] = {q: lambda _: None for q in QUANTITIES if q not in kept}
    found = _ruling(_judged(changed(**gradients), case))
    assert found.held["reference", "end to end"].entries == 1 + 2 * 9 + 2 * 3
    assert ("reference", "local") not in found.held
    assert found.outside == ()
    wrong = gradients | {"db": lambda db: (db[0] * 1.01, db[1])}
    outside = _ruling(_judged(changed(**wrong), case)).outside
    assert [(c.quantity, c.layer, c.scope, c.left) for c in outside] == [("db", 1, "end to end", "reference")]


# ---------------------------------------------------------------- when it is asked

CASE = drawn_case(["tanh"], dtype="float64")


def _check(verdict: Verdict, ratio: float = 0.1, scope: Any = "end to end", quantity: str = "dW") -> Check:
    return Check(quantity, 1, scope, "reference", "jax", "B1", verdict, ratio=ratio)


def _why(check: Check, mode: str, *, every: int = NEVER, remarkable: bool = False) -> str:
    return Truth(mode, TRUTH, every, every).why(Judgement(CASE, (check,)), remarkable=remarkable)


@pytest.mark.parametrize("mode", ["all", "disputed", "sample"])
def test_disputes_and_odd_answers_are_always_asked_about(mode: str) -> None:
    assert _why(_check("mismatch"), mode) == "disputed"
    assert _why(_check("unstable"), mode) == "disputed"
    assert _why(_check("known deviation"), mode, every=1) == "disputed"
    assert _why(_check("conforms", 0.51), mode) == "near its bound"
    assert _why(_check("conforms"), mode, remarkable=True) == "remarkable"


@pytest.mark.parametrize(
    "check",
    [
        _check("conforms"),
        _check("conforms", 0.5),
        _check("conforms", 0.9, scope="local"),
        _check("conforms", 0.9, quantity="Z"),
        _check("not judged", 0.9),
        _check("convention", 3.0),
        _check("known deviation", 3.0),
    ],
)
def test_what_is_in_order_is_asked_about_as_the_mode_says(check: Check) -> None:
    assert _why(check, "all") == "all"
    assert _why(check, "disputed") == ""
    assert _why(check, "sample") == ""
    assert _why(check, "sample", every=1) in ("sample", "disputed")


def test_a_declared_deviation_is_not_remarkable_and_not_near_its_bound() -> None:
    deviating, near = _check("known deviation"), _check("conforms", 0.9)
    assert _why(deviating, "disputed", remarkable=True) == ""
    for many, why in ((NEVER, ""), (1, "disputed")):
        judgement = Judgement(CASE, (deviating, near))
        assert Truth("disputed", TRUTH, NEVER, many).why(judgement, remarkable=False) == why
    assert Truth("disputed", TRUTH, NEVER, 1).why(Judgement(CASE, (near,)), remarkable=False) != "disputed"


@pytest.mark.parametrize(
    ("why", "scopes"), [("all", {"end to end", "local"}), ("remarkable", {"end to end"})]
)
def test_single_steps_are_held_where_the_reason_is_not_an_answer_end_to_end(
    why: str, scopes: set[str]
) -> None:
    case = drawn_case(["tanh"] * 2, dtype="float32")
    for off, more in ((1.0, set()), (1 + 1e-3, {"local"})):
        wrong = changed(dX=lambda dX, off=off: dX * np.float32(off))
        panel = Panel(wrong, [TORCH], truth=Truth("disputed", TRUTH))
        watched: dict[str, Tables] = {}
        panel.watch = lambda tables, _, watched=watched: watched.update(all=tables)
        (judgement,) = panel.judge([case])
        (found,) = ruled([judgement], watched["all"], Truth(why, TRUTH), [why], TORCH)
        assert {scope for _, scope in _ruling(found).held} == scopes | more


def test_of_what_is_decided_differently_on_a_kink_one_in_so_many_is_remarkable() -> None:
    assert _why(_check("convention"), "disputed", remarkable=True) == ""
    assert _why(_check("convention"), "disputed", every=1, remarkable=True) == "remarkable"
    assert _why(_check("convention"), "disputed", every=1) == ""


def test_a_sample_is_one_in_sixteen_by_content_whatever_the_order() -> None:
    cases = [case_of_z([[z]], "tanh") for z in range(320)]
    truth = Truth("sample", TRUTH)

    def sampled(some: list[Case]) -> set[str]:
        judgements = [Judgement(case, (_check("conforms"),)) for case in some]
        return {j.case.content_hash for j in judgements if truth.why(j, remarkable=False) == "sample"}

    assert sampled(cases) == sampled(cases[::-1]) == sampled(cases[:100]) | sampled(cases[100:])
    assert 8 <= len(sampled(cases)) <= 36  # of 20 expected: within four deviations
    assert sampled(cases) == {c.content_hash for c in cases if c.content_hash[7] == "0"}


# ---------------------------------------------------------------- counted


def test_rulings_are_counted_by_side_dtype_and_scope() -> None:
    tally = TruthTally("sample")
    held = {("torch", "local"): Held(10, 0, 2, 0.25), ("reference", "end to end"): Held(5, 1, 0, 0.5)}
    outside = (_check("mismatch"), _check("known deviation"))
    tally.add(Ruling("disputed", 256, True, held, outside=outside), "float32")
    tally.add(Ruling("sample", 512, False, {("torch", "local"): Held(7, 0, 1, 0.75)}), "float32")
    tally.add(Ruling("sample", 512, False, {("torch", "local"): Held(1, 0, 0, 0.125)}), "float64")
    section = tally.section()
    assert section is not None
    assert (section.mode, section.asked, section.on_a_kink) == ("sample", {"disputed": 1, "sample": 2}, 1)
    rows = {
        (r.side, r.dtype, r.scope): (r.cases, r.entries, r.undecided, r.worst_ratio, r.outside.total)
        for r in section.rows
    }
    assert rows == {
        ("torch", "float32", "local"): (2, 17, 3, 0.75, 0),
        ("torch", "float64", "local"): (1, 1, 0, 0.125, 0),
        ("reference", "float32", "end to end"): (1, 5, 0, 0.5, 2),
    }
    (wrong,) = (row.outside for row in section.rows if row.side == "reference")
    assert (wrong.mismatch, wrong.known_deviation) == (1, 1)
    assert TruthTally("").section() is None


def test_without_a_truth_there_is_no_ruling() -> None:
    judgement = Panel(Backprop(), [TORCH]).judge([CASE])[0]
    assert judgement.ruling is None
    assert checks_of(judgement)


def test_what_lies_outside_by_less_than_a_rounding_of_the_exact_value_is_read_like_the_rest() -> None:
    """A weight moves by 1.08 bounds, some of it hidden by rounding the exact value."""
    sizes = DrawOptions(max_depth=3, max_width=8, max_batch=8)
    case = draw_case(4002, 20009, "float64", sizes).case
    ruling = _ruling(_judged(Backprop(), case))
    updated = [check for check in ruling.outside if (check.quantity, check.layer) == ("W_updated", 1)]
    assert [check.verdict for check in updated] == ["known deviation"]
    assert {check.verdict for check in ruling.outside} == {"known deviation"}
    (check,) = updated
    assert check.observed is not None
    assert check.expected is not None
    assert check.observed == pytest.approx(check.expected, rel=1e-15)


def test_a_deviation_beside_the_end_of_a_hull_is_known() -> None:
    """On a kink the answer is one end of the hull, and torch's hardsigmoid is off by 3e-8 of it."""
    sizes = DrawOptions(max_depth=5, max_width=32, max_batch=16)
    case = draw_case(3002, 18329, "float64", sizes).case
    ruling = _ruling(_judged(Backprop(), case))
    assert ruling.on_a_kink
    assert {check.verdict for check in ruling.outside} == {"known deviation"}
