"""M1 to M3: relations between an implementation's own answers. No correct one breaks them, wrong ones do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judge_cases import drawn_arrays, drawn_case, fitting_output

from backproof.cases.drawing import draw_case
from backproof.judging.answer_bounds import answer_bounds, answers_bounds
from backproof.judging.relations import (
    differs,
    duplicated,
    is_multiple,
    judge_relation,
    permuted,
    reduced,
    relations,
    split,
)
from backproof.judging.verdicts import FAILING, Check
from oracles.ball_oracle import BallOracle
from oracles.torch_oracle import TorchOracle
from refimpl import DTYPES, LOSSES, QUANTITIES, Backprop, Case, LossSpec, Trace
from refimpl.functions import REDUCTIONS

TORCH = TorchOracle()
BOTH = pytest.mark.parametrize("dtype", DTYPES)
CASE = drawn_case(["tanh", "softmax", "sigmoid"], LossSpec("bce", "batchmean"), samples=5)


def _judged(implementation: Any, relation: Any) -> list[Check]:
    answers = [implementation.run(case) for case in relation.cases]
    base = implementation.run(relation.base)
    return judge_relation(relation, base, answers, TORCH, "reference")


def _wrong(checks: list[Check]) -> set[str]:
    return {check.quantity for check in checks if check.verdict in FAILING}


class _Torch:
    def run(self, case: Case) -> Trace:
        return TORCH.traces([case])[0]


# ---------------------------------------------------------------- no alarm


@pytest.mark.long
@pytest.mark.parametrize("implementation", [Backprop(), _Torch()], ids=["reference", "torch"])
def test_no_relation_is_broken_by_a_correct_implementation_whatever_is_drawn(implementation: Any) -> None:
    name = "torch" if isinstance(implementation, _Torch) else "reference"
    found: Counter[str] = Counter()
    for index in range(100):
        case = draw_case(11, index, DTYPES[index % 2]).case
        base = implementation.run(case)
        for relation in relations(case, REDUCTIONS):
            answers = [implementation.run(each) for each in relation.cases]
            checks = judge_relation(relation, base, answers, TORCH, name)
            found.update(check.verdict for check in checks)
    assert set(found) <= {"conforms", "not judged", "known deviation"}
    assert found["conforms"] > 10 * found["not judged"]


@pytest.mark.parametrize("loss", LOSSES)
def test_arrays_of_a_loss_go_with_their_samples(loss: str) -> None:
    entry = LOSSES[loss]
    case = drawn_case(["tanh", fitting_output("tanh", loss)], LossSpec(loss, "mean"), width=3, samples=4)
    arrays = drawn_arrays(entry, (3, 4), "float32")
    spec = LossSpec(loss, "mean", arrays=arrays)
    case = replace(case, network=replace(case.network, loss=spec))
    for relation in relations(case, REDUCTIONS):
        assert _wrong(_judged(Backprop(), relation)) == set(), relation.name


@BOTH
def test_an_answer_lies_within_its_bound_of_the_exact_value(dtype: str) -> None:
    case = drawn_case(["tanh", "sigmoid"], "bce", dtype, samples=3)
    (exact,) = BallOracle().traces([case], "float64")
    answer, bound = Backprop().run(case), answer_bounds(case, TORCH)
    for quantity, per_layer in QUANTITIES.items():
        pairs = [(getattr(answer, quantity), getattr(exact, quantity))]
        if per_layer:
            pairs = list(zip(*pairs[0], strict=True))
        for (x, y), limit in zip(pairs, bound[quantity], strict=True):
            assert np.shape(limit) == np.shape(x)
            assert np.all(np.abs(np.float64(x) - y) <= limit)
            assert np.all(limit < 1e-4 if dtype == "float32" else limit < 1e-12)


def test_bounds_of_many_cases_are_those_of_each_by_itself() -> None:
    cases = [drawn_case(["tanh"] * depth, dtype=dtype) for depth in (1, 3, 2) for dtype in DTYPES]
    for case, found in zip(cases, answers_bounds(cases, TORCH), strict=True):
        alone = answer_bounds(case, TORCH)
        assert all(np.array_equal(x, y) for x, y in zip(found["dW"], alone["dW"], strict=True))
        assert len(found["dW"]) == case.network.depth


# ---------------------------------------------------------------- what each relation sees


class _FirstHalf(Backprop):
    """Looks at the first half of the batch only for dW."""

    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        half = (delta.shape[1] + 1) // 2
        return delta[:, :half] @ A_previous[:, :half].T


class _DividesByUnits(Backprop):
    """Divides by n where it should divide by m: right where both are the same."""

    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return spec.entry.gradient(A, Y, **spec.arguments) / A.dtype.type(A.shape[0])


class _UnitsMatter(Backprop):
    """The first unit of a layer has no bias gradient."""

    def bias_gradient(self, delta: Any) -> Any:
        db = super().bias_gradient(delta)
        db[0] = 0
        return db


class _LossIsAMean(Backprop):
    """Reports the mean although the sum is asked for; gradients are right."""

    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss(A, Y, LossSpec(spec.name, "mean", spec.parameters))


class _RegularisedUpdate(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        return W - learning_rate * (dW * np.float32(W.shape[0]) + W)


@pytest.mark.parametrize(
    ("implementation", "relation", "quantities"),
    [
        (_UnitsMatter(), permuted(CASE), {"db", "b_updated"}),
        (_FirstHalf(), split(CASE), {"dW", "W_updated"}),
        (_FirstHalf(), duplicated(CASE), {"dW", "W_updated"}),
        (_DividesByUnits(), split(CASE), {"delta", "dW", "db", "dX", "W_updated", "b_updated"}),
        (_DividesByUnits(), duplicated(CASE), {"delta", "dW", "db", "dX", "W_updated", "b_updated"}),
        (_LossIsAMean(), reduced(CASE, "sum"), {"loss"}),
        (_LossIsAMean(), reduced(CASE, "mean"), {"loss"}),
        (_RegularisedUpdate(), reduced(CASE, "sum"), {"W_updated"}),
        (_RegularisedUpdate(), permuted(CASE), set()),
    ],
)
def test_each_relation_sees_what_breaks_it(implementation: Any, relation: Any, quantities: set[str]) -> None:
    checks = _judged(implementation, relation)
    assert _wrong(checks) >= quantities
    assert bool(_wrong(checks)) == bool(quantities)
    for check in checks:
        if check.verdict == "mismatch":
            assert check.right == relation.name
            assert check.reason.startswith(relation.reason)
            assert check.scope == "end to end"
            assert abs(check.observed - check.expected) > check.bound  # type: ignore[operator]


def test_what_is_not_finite_on_either_side_is_a_mismatch_on_ordinary_numbers() -> None:
    relation = duplicated(CASE)
    right = Backprop().run(CASE)
    twice = Backprop().run(relation.cases[0])
    broken = replace(twice, loss=np.float32(np.nan))
    for base, other in ((right, broken), (replace(right, loss=np.float32(np.inf)), twice)):
        checks = judge_relation(relation, base, [other], TORCH, "reference")
        (wrong,) = [check for check in checks if check.verdict != "conforms"]
        assert (wrong.quantity, wrong.verdict) == ("loss", "mismatch")
        assert wrong.reason.endswith("every sample twice: not finite on ordinary numbers")


def test_only_what_all_answers_offer_is_compared_and_malformed_parts_are_left_out() -> None:
    relation = duplicated(CASE)
    base, other = Backprop().run(CASE), Backprop().run(relation.cases[0])
    checks = judge_relation(relation, Trace(dW=base.dW, loss=base.loss), [other], TORCH, "r")
    assert {check.quantity for check in checks} == {"dW", "loss"}
    malformed = replace(other, dW=other.dW[:1])  # type: ignore[index]
    checks = judge_relation(relation, Trace(dW=base.dW), [malformed], TORCH, "r")
    assert checks == []


def test_relations_that_would_say_nothing_are_left_out() -> None:
    assert permuted(drawn_case(["tanh"])) is None
    assert split(drawn_case(["tanh"], samples=1)) is None
    assert reduced(CASE, "batchmean") is None
    assert [r.name for r in relations(drawn_case(["tanh"], samples=1))] == ["itself, samples duplicated"]


def test_hidden_units_are_moved_in_every_hidden_layer() -> None:
    relation = permuted(CASE)
    assert relation is not None
    (moved,) = relation.cases
    for old, new in zip(CASE.network.layers[:-1], moved.network.layers[:-1], strict=True):
        assert not np.array_equal(old.b, new.b)
        assert sorted(old.b.ravel()) == sorted(new.b.ravel())


# ---------------------------------------------------------------- the same case again


def test_the_same_answer_or_one_with_another_order_of_summation_does_not_differ() -> None:
    first = Backprop().run(CASE)
    moved = replace(first, dW=tuple(np.nextafter(dW, np.float32(1)) for dW in first.dW))  # type: ignore[union-attr]
    nan = replace(first, loss=np.float32(np.nan))
    assert differs(CASE, first, first, TORCH) is None
    assert differs(CASE, first, moved, TORCH) is None
    assert differs(CASE, nan, nan, TORCH) is None


def test_another_answer_to_the_same_case_is_a_mismatch_with_the_worst_entry() -> None:
    first = Backprop().run(CASE)
    moved = replace(first, dW=tuple(2 * dW for dW in first.dW))  # type: ignore[union-attr]
    check = differs(CASE, first, moved, TORCH, "mine")
    assert check is not None
    assert (check.quantity, check.left, check.right) == ("dW", "mine", "itself, asked again")
    assert (check.verdict, check.reason) == ("mismatch", "the same case asked again is answered differently")
    assert check.observed == 2 * check.expected  # type: ignore[operator]


def test_of_an_inaccurate_answer_only_a_change_in_half_its_digits_is_told() -> None:
    """Twice the bound is nothing that answers keep to which are wrong by themselves."""
    first = Backprop().run(CASE)

    def changed(share: float) -> Trace:
        largest = [np.max(np.abs(dW)) for dW in first.dW]  # type: ignore[union-attr]
        pairs = zip(first.dW, largest, strict=True)  # type: ignore[arg-type]
        return replace(first, dW=tuple(dW + dW.dtype.type(share * top) for dW, top in pairs))

    rounded, other = changed(2.0**-14), changed(2.0**-10)  # √u of float32 is 2^-12
    assert differs(CASE, first, rounded, TORCH) is not None
    assert differs(CASE, first, rounded, TORCH, accurate=False) is None
    assert differs(CASE, first, other, TORCH, accurate=False) is not None
    gone = replace(first, loss=np.float32(np.nan))
    assert differs(CASE, first, gone, TORCH, accurate=False) is not None
    infinite = replace(first, loss=np.float32(np.inf))
    assert differs(CASE, infinite, replace(rounded, loss=infinite.loss), TORCH, accurate=False) is None


@BOTH
@pytest.mark.parametrize("k", [1, 2, 3, 7, -1, 0.5, 1 / 3])
def test_gradients_that_are_a_multiple_are_told_with_the_factor(k: float, dtype: str) -> None:
    case = drawn_case(["tanh", "sigmoid"], "bce", dtype)
    first = Backprop().run(case)
    total = [x * first.dW[0].dtype.type(k) for x in first.dW]  # type: ignore[union-attr,index]
    again = Trace(dW=tuple(total), db=tuple(x * x.dtype.type(k) for x in first.db))  # type: ignore[union-attr]
    assert is_multiple(first, again) == k


def test_gradients_that_are_added_up_are_a_multiple() -> None:
    first = Backprop().run(CASE)
    summed = [sum([x] * 5) for x in first.dW]  # type: ignore[union-attr]
    again = Trace(dW=tuple(summed), db=tuple(sum([x] * 5) for x in first.db))  # type: ignore[union-attr]
    assert is_multiple(first, again) == 5


def test_what_is_no_multiple_has_no_factor() -> None:
    first = Backprop().run(CASE)
    doubled = tuple(2 * x for x in first.dW)  # type: ignore[union-attr]
    assert is_multiple(first, replace(first, dW=doubled)) is None  # db is not
    assert (
        is_multiple(first, Backprop().run(drawn_case(["tanh", "softmax", "sigmoid"], "bce", seed=3))) is None
    )
    assert is_multiple(first, replace(first, dW=tuple(x * np.float32(1.5) for x in first.dW))) is None  # type: ignore[union-attr]
    assert is_multiple(Trace(), first) is None
    assert is_multiple(first, replace(first, dW=tuple(x * np.nan for x in first.dW))) is None  # type: ignore[union-attr]
