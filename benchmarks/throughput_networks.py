"""A case's network as one writes it in torch and in JAX, of their own functions, for tools that check it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import Case


class TorchNetworks:
    """Networks in torch."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        self._oracle = TorchOracle()

    def gradients(self, case: Case) -> list[Any]:
        """The gradients by W[1 … L], then by b[1 … L], by one autograd.grad."""
        layers = case.network.layers
        W = [self._tensor(layer.W).requires_grad_() for layer in layers]
        b = [self._tensor(layer.b).requires_grad_() for layer in layers]
        A = self._tensor(case.X)
        for W_l, b_l, layer in zip(W, b, layers, strict=True):
            A = self._oracle.activations[layer.activation.name](W_l @ A + b_l, **layer.activation.parameters)
        return [*self._torch.autograd.grad(self._loss(case, A), [*W, *b])]

    def _loss(self, case: Case, A: Any) -> Any:
        spec = case.network.loss
        function = self._oracle.losses[spec.name].function
        arrays = {name: self._tensor(array) for name, array in spec.arrays.items()}
        arguments = {**spec.arguments, **arrays}
        Y = self._tensor(case.Y)
        if spec.reduction != "batchmean":
            return function(A, Y, reduction=spec.reduction, **arguments)
        return function(A, Y, reduction="sum", **arguments) / case.samples

    def _tensor(self, array: Any) -> Any:
        return self._torch.from_numpy(array)  # shares the memory, and is not written to


def jax_loss(oracle: JaxOracle, case: Case) -> Callable[[Any, Any, Any, Any], Any]:
    """The loss as a function of the lists of all W and b, and of X and Y."""
    layers, spec = case.network.layers, case.network.loss
    line = oracle.losses[spec.name]
    divisor = line.divisor(spec.reduction, case.network.widths[-1], case.samples)
    arguments = spec.arguments

    def loss(W: Any, b: Any, X: Any, Y: Any) -> Any:
        A = X
        for W_l, b_l, layer in zip(W, b, layers, strict=True):
            activation = oracle.activations[layer.activation.name]
            A = activation(W_l @ A + b_l, None, **layer.activation.parameters)
        return line.terms(A, Y, None, **arguments).sum() / divisor

    return loss


def arrays_of(case: Case) -> tuple[list[np.ndarray], list[np.ndarray], Any, Any]:
    """All W, all b, X and Y."""
    layers = case.network.layers
    return [layer.W for layer in layers], [layer.b for layer in layers], case.X, case.Y
