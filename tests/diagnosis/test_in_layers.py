"""A mistake made in some layers only."""

import numpy as np
import pytest
from diagnosed import answer, chain, network

from backproof.diagnosis.candidates import confined, of_mistakes
from backproof.diagnosis.following import in_layers, predicted
from backproof.diagnosis.mistakes import MISTAKES
from refimpl import Backprop


def test_one_layer_forgets_its_bias() -> None:
    case = chain(2.0, 3.0, 1.0, biases=(1.0, 10.0, 100.0))
    Z = answer(case, in_layers(MISTAKES["bias-forgotten"].implementation, {2})).Z
    assert [float(value.item()) for value in Z or ()] == [5.0, 15.0, 115.0]  # not 25 and 125


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("derivative-forgotten", "delta"),
        ("batch-mean-twice", "dW"),
        ("bias-from-one-column", "db"),
        ("update-uphill", "W_updated"),
        ("bias-not-updated", "b_updated"),
    ],
)
def test_only_the_chosen_layer_is_wrong(name: str, quantity: str, layer: int) -> None:
    case = network()
    own = answer(case, in_layers(MISTAKES[name].implementation, {layer}))
    right = predicted(Backprop, case, own)
    off = {
        (each, l)
        for each in ("Z", "A", "delta", "dW", "db", "W_updated", "b_updated")
        for l, (a, b) in enumerate(zip(getattr(own, each), getattr(right, each), strict=True), start=1)
        if not np.array_equal(a, b)
    }
    # The error of the last layer is another equation's.
    assert off == (set() if (quantity, layer) == ("delta", 3) else {(quantity, layer)})


def test_in_all_layers_it_is_the_mistake_itself() -> None:
    case, wrong = network(), MISTAKES["derivative-forgotten"].implementation
    for l, value in enumerate(answer(case, in_layers(wrong, {1, 2, 3})).dW or ()):
        assert np.array_equal(value, (answer(case, wrong).dW or ())[l])


def test_an_instance_can_be_asked_again() -> None:
    case = network()
    planted = in_layers(MISTAKES["batch-mean-twice"].implementation, {2})()
    first, second = planted.run(case), planted.run(case)
    assert all(np.array_equal(a, b) for a, b in zip(first.dW or (), second.dW or (), strict=True))


def test_what_changes_a_whole_pass_belongs_to_no_layer() -> None:
    with pytest.raises(ValueError, match="changes more than the equations of a layer"):
        in_layers(MISTAKES["first-layer-skipped"].implementation, {1})
    candidates = {candidate.name: candidate for candidate in of_mistakes(MISTAKES.values())}
    assert confined(candidates["first-layer-skipped"], {1}) is None
    assert confined(candidates["sum-for-mean"], {1}) is None  # there is one loss
    one = confined(candidates["derivative-forgotten"], {1})
    assert one is not None
    assert one.layers == {1}
