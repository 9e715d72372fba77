"""Training: one step of gradient descent after another, on the same data.

Appendix to `backprop.py`: what `run` does, without its trace. Each equation is called as `run` calls it,
and gives the same bits. ∂L/∂X is left out, since nothing below the input is updated, and a layer's
gradients are let go once it has moved.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .backprop import Backprop, SpecialFormBackprop
from .network import Case, Layer, Network
from .specs import InvalidCaseError

T = TypeVar("T")


def train(case: Case, steps: int, backprop: Backprop | None = None) -> tuple[Case, list[Any]]:
    """The case with its network after so many steps, and the loss before each: scalars of the case's dtype.

    W[l] is (n_l, n_{l-1}) and b[l] is (n_l, 1), as they were. The equations are `SpecialFormBackprop`'s if
    no others are given: Ŷ - Y, where it is right, stays finite where a prediction has rounded to 0 or 1.
    For other data, put the network into another case: `Case(trained.network, X, Y, learning_rate)`. Raises
    InvalidCaseError if a weight or a bias is not finite in the end, and ValueError for a subclass with a
    `backward` or a `run` of its own, which are not called here.

    With w = 2, b = 0, x = 1 and y = 0, δ = ŷ is ∂L/∂w and ∂L/∂b: each step takes ¼ ŷ from both and halves ŷ.

    >>> from refimpl import ActivationSpec, LossSpec
    >>> layer = Layer(np.array([[2.0]]), np.array([[0.0]]), ActivationSpec("identity"))
    >>> network = Network((layer,), LossSpec("half_squared_error"))
    >>> case = Case(network, np.array([[1.0]]), np.array([[0.0]]), learning_rate=0.25)
    >>> trained, losses = train(case, steps=3)
    >>> losses  # ½ 2², ½ 1², ½ ½²
    [np.float64(2.0), np.float64(0.5), np.float64(0.125)]
    >>> trained.network.layers[0].W, trained.network.layers[0].b  # 2 - ½ - ¼ - ⅛, and 0 - ½ - ¼ - ⅛
    (array([[1.125]]), array([[-0.875]]))
    """
    backprop = backprop or SpecialFormBackprop()
    for method in ("backward", "run"):
        if getattr(type(backprop), method) is not getattr(Backprop, method):
            raise ValueError(
                f"{type(backprop).__name__} has a {method} of its own, which training does not call; "
                "take W_updated and b_updated of its traces"
            )
    losses = []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # told at the end, by `_checked`
        for _ in range(steps):
            case, loss = _step(backprop, case)
            losses.append(loss)
    return _checked(case), losses


def _step(backprop: Backprop, case: Case) -> tuple[Case, Any]:
    """One forward, backward and update pass: the case after it, unchecked, and the loss before."""
    Z, A, loss = backprop.forward(case)
    deltas = backprop.errors(case, Z, A)
    layers = []
    for layer, delta, A_previous in zip(case.network.layers, deltas, A[:-1], strict=True):
        dW = backprop.weight_gradient(delta, A_previous)
        db = backprop.bias_gradient(delta)
        W = backprop.update_weight(layer.W, dW, case.learning_rate)
        b = backprop.update_bias(layer.b, db, case.learning_rate)
        layers.append(_unchecked(Layer, W=W, b=b, activation=layer.activation))
    network = _unchecked(Network, layers=tuple(layers), loss=case.network.loss)
    return _unchecked(Case, network=network, X=case.X, Y=case.Y, learning_rate=case.learning_rate), loss


def _unchecked(kind: type[T], **fields: Any) -> T:
    """A value of `network.py` without its checks and copies, which would cost more than a small step."""
    value = object.__new__(kind)
    value.__dict__.update(fields)
    return value


def _checked(case: Case) -> Case:
    """The same case, made as any other is."""
    for l, layer in enumerate(case.network.layers, start=1):
        if not (np.isfinite(layer.W).all() and np.isfinite(layer.b).all()):
            raise InvalidCaseError(
                f"W[{l}] or b[{l}] is no longer finite; use a smaller learning rate than {case.learning_rate}"
            )
    layers = tuple(Layer(layer.W, layer.b, layer.activation) for layer in case.network.layers)
    return Case(Network(layers, case.network.loss), case.X, case.Y, case.learning_rate)
