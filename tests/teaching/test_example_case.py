"""The networks that are drawn to be read."""

import numpy as np
import pytest
from lessons import case

from backproof.teaching.example_case import CLEARANCE, output_activation, suitable_outputs
from backproof.teaching.matrices import number
from refimpl import ACTIVATIONS, LOSSES, Backprop


def test_the_same_seed_gives_the_same_case_and_another_one_another():
    assert case(seed=3) == case(seed=3)
    assert case(seed=3) != case(seed=4)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_number_is_short_and_every_target_is_one_of_the_loss(loss):
    drawn = case((2, 3, 3), loss=loss, samples=3)  # a Case refuses targets outside the loss's domain
    for layer in drawn.network.layers:
        assert np.all(layer.W != 0)
        for array in (layer.W, layer.b, drawn.X, drawn.Y):
            assert all(len(number(abs(value))) <= 5 for value in array.ravel())


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, entry in ACTIVATIONS.items()
        if entry.kinks({parameter.name: parameter.default for parameter in entry.parameters})
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_unit_lies_on_a_kink(name, seed):
    drawn = case((3, 5, 2), hidden=name, samples=3, seed=seed)
    spec = drawn.network.layers[0].activation
    Z = Backprop().run(drawn).Z[0]
    for kink in spec.entry.kinks(spec.parameters):
        assert np.min(np.abs(Z - kink.at)) >= CLEARANCE


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if not loss.classes])
def test_no_prediction_lies_on_a_kink_of_its_loss(loss):
    drawn = case((2, 3, 3), loss=loss, samples=3)
    A = Backprop().run(drawn).A[-1]
    for kink in LOSSES[loss].kinks(drawn.Y, drawn.network.loss.arguments):
        assert np.min(np.abs(A - kink.at)) >= CLEARANCE / 4


def test_errors_that_sum_to_zero_do_not_cancel_in_the_last_layer():
    for seed in range(30):
        W = case((2, 3, 2), loss="cross_entropy", seed=seed).network.layers[-1].W
        assert np.all(W[0] != W[1])


def test_the_last_activation_suits_the_loss():
    names = {loss: output_activation(loss) for loss in LOSSES}
    assert names["mse"] == names["hinge"] == names["cross_entropy_with_logits"] == "identity"
    assert (names["bce"], names["cross_entropy"], names["nll"]) == ("sigmoid", "softmax", "log_softmax")
    assert all(names[loss] in suitable_outputs(loss) for loss in LOSSES)


def test_sums_of_many_inputs_stay_of_a_size():
    trace = Backprop().run(case((64, 64, 64, 1), hidden="relu"))
    assert max(np.max(np.abs(Z)) for Z in trace.Z) < 20
