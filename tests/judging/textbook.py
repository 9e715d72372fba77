"""Textbook formulas without care for overflow: right in exact arithmetic, each a few lines of Backprop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from refimpl import ActivationSpec, Backprop, LossSpec


def _softmax(z: Any) -> Any:
    e = np.exp(z)
    return e / np.sum(e, axis=0, keepdims=True)


def _softmax_vjp(p: Any, g: Any) -> Any:
    return p * (g - np.sum(p * g, axis=0, keepdims=True))


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _growing(z: Any) -> Any:
    return np.exp(z) / (1 + np.exp(z))


class Textbook(Backprop):
    """An activation's value and derivative, or a loss with its gradient, by other formulas."""

    def __init__(
        self,
        name: str,
        value: Callable[..., Any],
        vjp: Callable[[Any, Any, Any], Any] | None = None,
        gradient: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        """Of an activation: z → a, (z, a, g) → δ. Of a loss: (a, y) → terms, the gradient of their sum."""
        self.name, self.value, self.vjp, self.gradient = name, value, vjp, gradient

    def activation(self, Z: Any, spec: ActivationSpec) -> Any:
        return self.value(Z) if spec.name == self.name else super().activation(Z, spec)

    def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return self.hidden_error(dA, Z, A, spec)

    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        if spec.name == self.name and self.vjp is not None:
            return self.vjp(Z, A, dA)
        return super().hidden_error(dA, Z, A, spec)

    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        if spec.name != self.name:
            return super().loss(A, Y, spec)
        return np.sum(self.value(A, Y)) / A.dtype.type(spec.entry.divisor(spec.reduction, *A.shape))

    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        if spec.name != self.name or self.gradient is None:
            return super().loss_gradient(A, Y, spec)
        return self.gradient(A, Y) / A.dtype.type(spec.entry.divisor(spec.reduction, *A.shape))


def _bce(z: Any, y: Any) -> Any:
    return -(y * np.log(_sigmoid(z)) + (1 - y) * np.log(1 - _sigmoid(z)))


def _tanh(z: Any) -> Any:
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


# What is computed like this → the implementation.
TEXTBOOK_ACTIVATIONS: Mapping[str, Textbook] = {
    "softmax: e^z/Σe^z": Textbook("softmax", _softmax, lambda _z, a, g: _softmax_vjp(a, g)),
    "softmin: e^-z/Σe^-z": Textbook("softmin", lambda z: _softmax(-z), lambda _z, a, g: -_softmax_vjp(a, g)),
    "log_softmax: log(e^z/Σe^z)": Textbook(
        "log_softmax",
        lambda z: np.log(_softmax(z)),
        lambda z, _a, g: g - _softmax(z) * np.sum(g, axis=0, keepdims=True),
    ),
    "log_softmax: z - log Σe^z": Textbook(
        "log_softmax",
        lambda z: z - np.log(np.sum(np.exp(z), axis=0, keepdims=True)),
        lambda z, _a, g: g - _softmax(z) * np.sum(g, axis=0, keepdims=True),
    ),
    "sigmoid: 1/(1+e^-z)": Textbook("sigmoid", _sigmoid, lambda _z, a, g: g * a * (1 - a)),
    "sigmoid: e^z/(1+e^z)": Textbook("sigmoid", _growing, lambda _z, a, g: g * a * (1 - a)),
    "sigmoid: e^-z/(1+e^-z)²": Textbook(
        "sigmoid", _sigmoid, lambda z, _a, g: g * (np.exp(-z) / (1 + np.exp(-z)) ** 2)
    ),
    "softplus: log(1+e^z)": Textbook(
        "softplus", lambda z: np.log(1 + np.exp(z)), lambda z, _a, g: g * _sigmoid(z)
    ),
    "softplus: slope e^z/(1+e^z)": Textbook(
        "softplus", lambda z: np.log(1 + np.exp(z)), lambda z, _a, g: g * _growing(z)
    ),
    "logsigmoid: log(1/(1+e^-z))": Textbook(
        "logsigmoid", lambda z: np.log(_sigmoid(z)), lambda z, _a, g: g * (1 - _sigmoid(z))
    ),
    "tanh: (e^z-e^-z)/(e^z+e^-z)": Textbook("tanh", _tanh, lambda _z, a, g: g * (1 - a * a)),
    "tanh: (e^2z-1)/(e^2z+1)": Textbook(
        "tanh", lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1), lambda _z, a, g: g * (1 - a * a)
    ),
    "tanh: 2/(1+e^-2z)-1": Textbook(
        "tanh", lambda z: 2 / (1 + np.exp(-2 * z)) - 1, lambda _z, a, g: g * (1 - a * a)
    ),
    "tanh: slope 4/(e^z+e^-z)²": Textbook(
        "tanh", np.tanh, lambda z, _a, g: g * (4 / (np.exp(z) + np.exp(-z)) ** 2)
    ),
}
TEXTBOOK_LOSSES: Mapping[str, Textbook] = {
    "bce_with_logits: log σ(z)": Textbook("bce_with_logits", _bce, gradient=lambda z, y: _sigmoid(z) - y),
    "bce_with_logits: log(1+e^z) - yz": Textbook(
        "bce_with_logits", lambda z, y: np.log(1 + np.exp(z)) - y * z, gradient=lambda z, y: _growing(z) - y
    ),
    "cross_entropy_with_logits: log softmax": Textbook(
        "cross_entropy_with_logits",
        lambda z, y: -y * np.log(_softmax(z)),
        gradient=lambda z, y: _softmax(z) * np.sum(y, axis=0, keepdims=True) - y,
    ),
    "cross_entropy_with_logits: Σy log Σe^z - Σyz": Textbook(
        "cross_entropy_with_logits",
        lambda z, y: y * (np.log(np.sum(np.exp(z), axis=0, keepdims=True)) - z),
        gradient=lambda z, y: _softmax(z) * np.sum(y, axis=0, keepdims=True) - y,
    ),
    "multilabel_soft_margin: log σ(z)": Textbook(
        "multilabel_soft_margin", _bce, gradient=lambda z, y: _sigmoid(z) - y
    ),
    "soft_margin: log(1+e^-ya)": Textbook(
        "soft_margin",
        lambda a, y: np.log(1 + np.exp(-y * a)),
        gradient=lambda a, y: -y * np.exp(-y * a) / (1 + np.exp(-y * a)),
    ),
}
