"""The passes as a whole: of deeper networks, with an equation changed, and where B4 as written is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from network_samples import case, layer, network

from refimpl import (
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    LossSpec,
    Network,
    SpecialFormBackprop,
    special_output_error,
)


def line(*weights: float) -> Network:
    """Layers of one unit each, all linear, with mse summed: Ŷ is the product of the weights times x."""
    layers = (Layer(np.full((1, 1), w), np.zeros((1, 1)), ActivationSpec("identity")) for w in weights)
    return Network(tuple(layers), LossSpec("mse", "sum"))


@pytest.mark.parametrize("implementation", [Backprop, SpecialFormBackprop])
def test_an_error_goes_back_through_every_layer_of_a_deep_network(implementation: type[Backprop]) -> None:
    # Ŷ = 2 · 3 · 5 · 7 = 210, and 2 (210 - 209) goes back times 7, 5 · 7, …
    trace = implementation().run(Case(line(2.0, 3.0, 5.0, 7.0), np.ones((1, 1)), np.full((1, 1), 209.0)))
    assert [d.item() for d in trace.delta] == [2 * 3 * 5 * 7, 2 * 5 * 7, 2 * 7, 2]
    assert [w.item() for w in trace.dW] == [210.0, 70 * 2, 14 * 2 * 3, 2 * 2 * 3 * 5]
    assert trace.dX.item() == 420


def test_where_the_document_s_B4_is_wrong_its_implementation_takes_the_general_rule() -> None:
    made = case()  # tanh with mse
    ours, general = SpecialFormBackprop().run(made), Backprop().run(made)
    for mine, theirs in zip(
        (*ours.delta, *ours.dW, ours.dX), (*general.delta, *general.dW, general.dX), strict=True
    ):
        assert np.array_equal(mine, theirs)


def test_where_the_document_s_B4_is_wrong_it_is_refused_with_the_pair_and_the_remedy() -> None:
    three = network(layer(3, 2, "relu"), layer(2, 3, "sigmoid"), layer(2, 2, "tanh"))
    expected = r"does not hold for \(tanh, mse\); use output_error, the general rule"
    with pytest.raises(ValueError, match=expected):
        special_output_error(three, np.zeros((2, 1)), np.zeros((2, 1)))


def test_a_changed_equation_that_divides_by_0_warns_of_nothing() -> None:
    class Dividing(Backprop):
        def bias_gradient(self, delta: Any) -> Any:
            return np.ones((len(delta), 1)) / np.zeros((len(delta), 1))

    assert Dividing().run(case()).db[0].tolist() == [[np.inf]] * 3


def test_a_forward_pass_of_one_activation_too_many_is_refused() -> None:
    class Repeating(Backprop):
        def forward(self, case: Case) -> tuple[list[Any], list[Any], Any]:
            Z, A, loss = super().forward(case)
            return Z, [*A, A[-1]], loss

    with pytest.raises(ValueError, match="argument 2 is longer than argument 1"):
        Repeating().run(case())
