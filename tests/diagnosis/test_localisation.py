"""Which equation, in which layers, whatever the cause."""

from dataclasses import replace

import numpy as np
import pytest
from diagnosed import GRADIENTS, answer, chain, network

from backproof.diagnosis.agreement import Observation, Place
from backproof.diagnosis.following import in_layers
from backproof.diagnosis.localise import suspects
from backproof.diagnosis.mistakes import MISTAKES

CASE = network()


def told(places: set[Place], quantities: tuple[str, ...] = GRADIENTS) -> list[tuple[str, tuple[int, ...]]]:
    """With these places wrong in what is offered; the numbers themselves are right."""
    observed = Observation(CASE, answer(CASE, quantities=quantities), frozenset(places))
    return [(suspect.equation, suspect.layers) for suspect in suspects(observed)]


FULL = ("Z", "A", "loss", "delta", "dW", "db", "dX", "W_updated", "b_updated")


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({("Z", 2)}, [("F2", (2,))]),
        ({("A", 1), ("A", 3)}, [("F3", (1,)), ("F4", (3,))]),
        ({("loss", 0)}, [("F5", ())]),
        ({("delta", 3)}, [("B4", (3,))]),
        ({("delta", 1), ("delta", 2)}, [("B5", (1, 2))]),
        ({("dX", 0)}, [("B1a", ())]),
        ({("dW", 1), ("db", 2)}, [("B1", (1,)), ("B3", (2,))]),
        ({("W_updated", 1), ("b_updated", 3)}, [("U1", (1,)), ("U2", (3,))]),
    ],
)
def test_with_a_full_trace_what_is_wrong_is_the_culprit(places: set[Place], expected: object) -> None:
    assert told(places, FULL) == expected


def gradients(*layers: int) -> set[Place]:
    return {(quantity, l) for quantity in ("dW", "db") for l in layers}


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (gradients(1, 2, 3), [("B4", (3,))]),
        (gradients(1, 2), [("B5", (2,))]),
        (gradients(1), [("B5", (1,))]),
        ({("dW", 1), ("dW", 2), ("dW", 3)}, [("B1", (1, 2, 3))]),
        ({("db", 2)}, [("B3", (2,))]),
        ({("dW", 3), *gradients(1)}, [("B5", (1,)), ("B1", (3,))]),
        ({("loss", 0)}, [("F5", ())]),
        ({("loss", 0), *gradients(1, 2, 3)}, [("F2", ())]),
    ],
)
def test_with_gradients_only_where_errors_begin_tells(places: set[Place], expected: object) -> None:
    assert told(places) == expected


def test_what_is_only_likely_says_so() -> None:
    observed = Observation(CASE, answer(CASE, quantities=GRADIENTS), frozenset(gradients(1, 2)))
    assert not suspects(observed)[0].certain
    assert suspects(Observation(CASE, answer(CASE), frozenset({("dW", 1)})))[0].certain


def test_an_error_upstream_accounts_for_what_is_below_only() -> None:
    observed = Observation(CASE, answer(CASE, quantities=GRADIENTS), frozenset({("dW", 3), *gradients(1, 2)}))
    error, above = suspects(observed)
    assert error.places == gradients(1, 2)
    assert above.places == {("dW", 3)}


@pytest.mark.parametrize("layer", [1, 2])
def test_a_planted_error_is_found_where_it_was_planted(layer: int) -> None:
    make = in_layers(MISTAKES["derivative-forgotten"].implementation, {layer})
    for quantities in ((), GRADIENTS):
        found = suspects(Observation(CASE, answer(CASE, make, quantities)))
        assert [(suspect.equation, suspect.layers) for suspect in found] == [("B5", (layer,))]


def test_a_gradient_of_zeros_hides_no_error() -> None:
    # relu(-2) = 0: ∂L/∂W of the layer above is 0 whatever its error is
    case = chain(-1.0, 3.0, 1.0, biases=(0.0, 1.0, 0.0), activation="relu")
    make = MISTAKES["target-minus-prediction"].implementation
    trace = answer(case, make, GRADIENTS)
    # ŷ = 1 = y would be no error at all
    assert trace.dW is not None
    trace = replace(trace, db=(np.zeros((1, 1)), np.full((1, 1), 4.0), trace.db[2]))  # type: ignore[index]
    observed = Observation(case, trace, frozenset({("db", 2)}))
    assert [(suspect.equation, suspect.layers) for suspect in suspects(observed)] == [("B5", (2,))]


def test_where_only_updates_are_offered_they_stand_for_gradients() -> None:
    places = {("W_updated", 1), ("b_updated", 1), ("W_updated", 2), ("b_updated", 2)}
    assert told(places, ("loss", "W_updated", "b_updated")) == [("B5", (2,))]
    assert told({("W_updated", 2)}, ("loss", "W_updated", "b_updated")) == [("B1", (2,))]
    with_gradients = (*GRADIENTS, "W_updated", "b_updated")
    assert told({("W_updated", 2)}, with_gradients) == [("U1", (2,))]


def test_nothing_wrong_has_no_suspects() -> None:
    assert told(set()) == []
    assert told(set(), FULL) == []
