"""Compositions in torch: the same expression in torch's functions, differentiated by its autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from refimpl.chain_rule import Expression, evaluate

from .oracle import OracleMissingError


def chain_lines(torch: Any) -> dict[str, Callable[..., Any]]:
    """Name → elementary function, each torch's own."""
    return {
        "sin": torch.sin,
        "cos": torch.cos,
        "tan": torch.tan,
        "exp": torch.exp,
        "expm1": torch.expm1,
        "log": torch.log,
        "log1p": torch.log1p,
        "sqrt": torch.sqrt,
        "square": torch.square,
        "cube": partial(torch.pow, exponent=3),
        "reciprocal": torch.reciprocal,
        "negate": torch.neg,
        "sinh": torch.sinh,
        "cosh": torch.cosh,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "arctan": torch.arctan,
        "arcsinh": torch.arcsinh,
        "add": torch.add,
        "subtract": torch.subtract,
        "multiply": torch.multiply,
        "divide": torch.divide,
        "power": torch.pow,
        "logaddexp": torch.logaddexp,
    }


class TorchChain:
    """Values and derivatives by torch.autograd. Raises OracleMissingError without torch."""

    name = "torch"

    def __init__(self) -> None:
        try:
            import torch
        except ImportError as error:
            raise OracleMissingError(
                "the torch oracle needs PyTorch; install it with: pip install 'backproof[torch]'"
            ) from error
        self._torch: Any = torch
        self.functions: Mapping[str, Callable[..., Any]] = chain_lines(torch)

    def value_and_derivative(self, expression: Expression, x: Any) -> tuple[Any, Any]:
        """(y, dy/dx) at x, a number or an array of float32 or float64, as NumPy values of its dtype."""
        torch = self._torch
        with torch.inference_mode(False), torch.enable_grad():
            point = torch.from_numpy(np.array(x)).requires_grad_()
            y = evaluate(expression, self.functions, point, partial(torch.full_like, point))
            # The points do not depend on each other, so a cotangent of ones gives each its own derivative.
            # An expression of constants alone has no graph; a product with x that vanishes gives it one.
            (derivative,) = torch.autograd.grad(
                y if y.requires_grad else y + 0 * point, point, torch.ones_like(y)
            )
            return y.detach().numpy().copy()[()], derivative.numpy().copy()[()]
