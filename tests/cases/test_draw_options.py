"""Options of a draw: what they let through, and what they refuse in which words."""

from __future__ import annotations

from typing import Any

import pytest

from backproof.cases import REGIMES, DrawOptions, draw_case
from backproof.cases import options as options_module
from backproof.errors import UsageError
from refimpl import ACTIVATIONS, LOSSES
from refimpl.domains import UNIT


@pytest.mark.parametrize(
    ("field", "known"), [("activations", ACTIVATIONS), ("losses", LOSSES), ("regimes", REGIMES)]
)
def test_an_unknown_name_is_refused_with_the_known_ones(field: str, known: Any) -> None:
    with pytest.raises(UsageError, match=rf"unknown name 'nonsense' in {field}; known: ") as refused:
        DrawOptions(**{field: ("nonsense",)})
    assert all(name in str(refused.value) for name in known)


@pytest.mark.parametrize("field", ["activations", "losses", "regimes"])
@pytest.mark.parametrize("value", [(), "relu", ["relu"]])
def test_names_must_be_a_tuple_of_at_least_one(field: str, value: Any) -> None:
    with pytest.raises(UsageError, match=rf"{field} must be a tuple of at least one name, .*; leave it out"):
        DrawOptions(**{field: value})


@pytest.mark.parametrize("field", ["max_depth", "max_width", "max_batch"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "8"])
def test_sizes_must_be_integers_of_at_least_1(field: str, value: Any) -> None:
    with pytest.raises(UsageError, match=rf"{field} must be an integer of at least 1, not"):
        DrawOptions(**{field: value})


def test_a_loss_without_a_fitting_last_activation_is_refused_with_those_that_fit() -> None:
    with pytest.raises(
        UsageError,
        match=r"loss bce takes predictions in \[0, 1\], which none of the activations tanh, relu gives; "
        r"add one of: .*sigmoid",
    ):
        DrawOptions(activations=("tanh", "relu"), losses=("mse", "bce"))


def test_activations_that_no_loss_takes_are_refused(monkeypatch) -> None:
    of_probabilities = {name: loss for name, loss in LOSSES.items() if loss.prediction_domain == UNIT}
    monkeypatch.setattr(options_module, "LOSSES", of_probabilities)
    with pytest.raises(UsageError, match=r"no loss takes what the activations tanh give; add others"):
        DrawOptions(activations=("tanh",))


def test_a_loss_that_does_not_fit_is_left_out_where_it_was_not_asked_for() -> None:
    drawn = {
        draw_case(0, index, "float32", DrawOptions(activations=("tanh",))).case.network.loss.name
        for index in range(200)
    }
    assert drawn == {
        name for name, loss in LOSSES.items() if loss.prediction_domain.covers(ACTIVATIONS["tanh"].range)
    }


def test_only_what_the_options_name_is_drawn() -> None:
    options = DrawOptions(
        activations=("softmax", "relu"),
        losses=("cross_entropy", "mse"),
        regimes=("ties", "limits"),
        max_depth=3,
        max_width=5,
        max_batch=2,
    )
    drawn = [draw_case(1, index, "float64", options) for index in range(300)]
    networks = [each.case.network for each in drawn]
    assert {layer.activation.name for network in networks for layer in network.layers} == {"softmax", "relu"}
    assert {network.loss.name for network in networks} == {"cross_entropy", "mse"}
    assert {each.regime for each in drawn} == {"ties", "limits"}
    assert {network.depth for network in networks} == {1, 2, 3}
    assert {width for network in networks for width in network.widths} == {1, 2, 3, 4, 5}
    assert {each.case.samples for each in drawn} == {1, 2}


def test_the_order_of_names_does_not_matter() -> None:
    one = DrawOptions(activations=("relu", "tanh"), losses=("mse", "bce_with_logits"))
    other = DrawOptions(activations=("tanh", "relu"), losses=("bce_with_logits", "mse"))
    for index in range(20):
        assert draw_case(3, index, "float32", one).case == draw_case(3, index, "float32", other).case
