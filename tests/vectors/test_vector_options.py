"""Options that cannot be carried out are an error of one line that names the remedy."""

from __future__ import annotations

import pytest

from backproof.errors import UsageError
from backproof.vectors import VectorOptions


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cases": 0}, "cases must be from 1 to 1,000,000, not 0"),
        ({"cases": 10**7}, "cases must be from 1 to 1,000,000, not 10,000,000"),
        ({"seed": -1}, r"seed must be from 0 to 2\^64 - 1, not -1"),
        ({"seed": 2**64}, "seed must be from 0"),
        ({"kinds": ()}, "give at least one kind of vectors of: activation, loss, layer, network"),
        ({"kinds": ("layers",)}, "unknown kind of vectors 'layers'; known: activation, loss, layer, network"),
        ({"dtypes": ("float16",)}, "unknown dtype 'float16'; known: float32, float64"),
        ({"activations": ("tahn",)}, "unknown activation 'tahn'; known: identity, sigmoid"),
        ({"activations": ()}, "give at least one activation of: identity"),
        ({"losses": ("bse",)}, "unknown loss 'bse'; known: mse, half_squared_error"),
        ({"activations": ("tanh",), "losses": ("bce",)}, "loss bce takes predictions in .* add one of"),
    ],
)
def test_what_cannot_be_made_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        VectorOptions(**given)


def test_a_loss_without_networks_needs_no_activation_that_fits():
    VectorOptions(kinds=("loss",), activations=("tanh",), losses=("bce",))


def test_networks_are_made_for_the_losses_that_take_what_the_activations_give():
    chosen = VectorOptions(activations=("tanh",)).network_losses
    assert "mse" in chosen
    assert "bce" not in chosen
