"""What an implementation would answer, step by step, to somebody else's numbers."""

from dataclasses import replace

import numpy as np
import pytest
from diagnosed import answer, array, chain, drawn

from backproof.diagnosis.agreement import places_of
from backproof.diagnosis.following import (
    acts_on,
    extended_case,
    extended_trace,
    overrides,
    predicted,
    recorded,
)
from backproof.diagnosis.mistakes import MISTAKES
from refimpl import Backprop, Trace

FRESH = [mistake for mistake in MISTAKES.values() if mistake.effect != "state"]


def test_every_step_goes_on_from_the_given_numbers() -> None:
    case = chain(2.0, 3.0, activation="relu")  # y = 1, x = 2, η = 1/2
    given = Trace(loss=np.float64(0.0), Z=(array([4.0]), array([12.0])), A=(array([10.0]), array([5.0])),
                  delta=(array([8.0]), array([7.0])), dW=(array([1.0]), array([20.0])),
                  db=(array([6.0]), array([9.0])), dX=array([0.0]),
                  W_updated=(array([0.0]), array([0.0])), b_updated=(array([0.0]), array([0.0])))  # fmt: skip
    found = predicted(Backprop, case, given)
    assert [float(value.item()) for value in found.Z or ()] == [4.0, 30.0]  # 2·2; 3·10
    assert [float(value.item()) for value in found.A or ()] == [4.0, 12.0]  # of the given Z
    assert float(found.loss) == 8.0  # ½(5 - 1)²
    assert [float(value.item()) for value in found.delta or ()] == [21.0, 4.0]  # 3·7; 5 - 1
    assert [float(value.item()) for value in found.dW or ()] == [16.0, 70.0]  # 8·2; 7·10
    assert [float(value.item()) for value in found.db or ()] == [8.0, 7.0]
    assert found.dX is not None
    assert float(found.dX.item()) == 16.0  # 2·8
    assert [float(value.item()) for value in found.W_updated or ()] == [1.5, -7.0]  # 2 - ½; 3 - ½·20
    assert [float(value.item()) for value in found.b_updated or ()] == [-3.0, -4.5]


def test_where_nothing_is_given_its_own_numbers_go_on() -> None:
    case = chain(2.0, 3.0, activation="relu")
    found = predicted(Backprop, case, answer(case, quantities=("loss", "dW", "db")))
    assert [float(value.item()) for value in found.dW or ()] == [66.0, 44.0]  # δ = 12 - 1, 3·11·2, 11·4


def same(one: Trace, other: Trace) -> bool:
    return all(
        left == right and np.array_equal(a, b, equal_nan=True)
        for (left, a), (right, b) in zip(places_of(one), places_of(other), strict=True)
    )


def consistent(name: str, cases: int, seed: int) -> int:
    """Checks one mistake on some cases; how many of them it changes."""
    mistake, changed = MISTAKES[name], 0
    for index in range(cases):
        batch = min(mistake.draw.min_batch, 4)
        options = replace(mistake.draw, max_width=8, min_batch=batch, max_batch=4, max_depth=5)
        case = drawn(seed, index, ("float32", "float64")[index % 2], options)
        own, right = answer(case, mistake.implementation), answer(case)
        with np.errstate(all="ignore"):
            assert same(predicted(mistake.implementation, case, own), own)
            assert same(predicted(Backprop, case, right), right)
            if same(own, right):
                continue
            changed += 1
            assert not same(predicted(mistake.implementation, case, right), right)
            assert not same(predicted(Backprop, case, own), own)
    return changed


@pytest.mark.parametrize("name", [mistake.name for mistake in FRESH])
def test_every_mistake_follows_itself_to_the_bit_and_not_the_reference(name: str) -> None:
    consistent(name, 2, seed=21)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [mistake.name for mistake in FRESH])
def test_every_mistake_follows_itself_in_many_cases_and_changes_some(name: str) -> None:
    assert consistent(name, 60, seed=22)


@pytest.mark.parametrize("quantities", [("loss", "dW", "db"), ("loss", "dW", "db", "W_updated", "b_updated")])
def test_gradients_alone_are_followed_to_the_bit(quantities: tuple[str, ...]) -> None:
    for mistake in FRESH[::7]:
        case = drawn(
            23,
            5,
        )
        own = answer(case, mistake.implementation, quantities)
        found = predicted(mistake.implementation, case, own)
        assert same(Trace(**{name: getattr(found, name) for name in quantities}), own)


def test_whatever_a_candidate_raises_is_raised() -> None:
    class Breaks(Backprop):
        def bias_gradient(self, *_: object) -> object:
            raise ValueError("does not fit")

    with pytest.raises(ValueError, match="does not fit"):
        predicted(Breaks, chain(2.0), answer(chain(2.0)))


def test_extended_numbers_are_the_same_numbers() -> None:
    case = drawn(24, 1, "float32")
    wide = extended_case(case)
    assert np.array_equal(wide.X, case.X)
    assert wide.X.dtype == np.longdouble
    assert (wide.samples, wide.network.widths) == (case.samples, case.network.widths)
    assert same(extended_trace(answer(case)), answer(case))


def test_what_does_not_act_gives_the_same_bits() -> None:
    for mistake in FRESH:
        if overrides(mistake.implementation) & {"forward", "backward", "run"}:
            continue
        for index in range(2):
            case = drawn(25, index)
            right = answer(case)
            acts = acts_on(mistake.implementation, recorded(case, right))
            assert acts or same(answer(case, mistake.implementation), right), mistake.name
    case = chain(2.0, 3.0, biases=(1.0, 0.0))
    assert acts_on(MISTAKES["bias-forgotten"].implementation, recorded(case, answer(case)))
    without = chain(2.0, 3.0)  # biases of 0 are not missed
    assert not acts_on(MISTAKES["bias-forgotten"].implementation, recorded(without, answer(without)))
