"""One line for each activation and loss in JAX: jax.nn's and optax's own functions where there is one.

A line serves the plain and the compiled path. On the compiled path arrays are padded, and `mask`, (n, 1)
or (n, m), says which units are there; a function that mixes units must leave the others out. Elementwise
functions need not look at it: what they give on padding is cut away, value and derivative. On the plain
path mask is None. Importing this file imports jax and optax, so only `JaxOracle()` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.special import xlog1py, xlogy

Function = Callable[..., Any]


class LossLine(NamedTuple):
    """A loss in JAX: `terms(A, Y, mask, **parameters)`, to be summed and divided."""

    terms: Function
    separable: bool = True
    """Whether there is one term for each entry of A, which depends on no other entry; else (m,) terms."""
    mean_over_samples: bool = False
    """Whether reduction "mean" divides by m rather than by n·m."""

    def divisor(self, reduction: str, outputs: int, samples: int) -> int:
        """What the sum of the terms is divided by."""
        by_entries = reduction == "mean" and not self.mean_over_samples
        return 1 if reduction == "sum" else samples * (outputs if by_entries else 1)


def unmasked(function: Function) -> Function:
    """The line of an elementwise function: it drops the mask."""

    def line(*arrays_and_mask: Any, **parameters: Any) -> Any:
        return function(*arrays_and_mask[:-1], **parameters)

    return line


# Name → σ(Z, mask, **parameters).
ACTIVATION_LINES: Mapping[str, Function] = {
    "identity": unmasked(jax.nn.identity),
    "sigmoid": unmasked(jax.nn.sigmoid),
    "tanh": unmasked(jnp.tanh),
    "relu": unmasked(jax.nn.relu),
    "leaky_relu": unmasked(jax.nn.leaky_relu),
    "softplus": unmasked(lambda Z, beta: jax.nn.softplus(beta * Z) / beta),
    "softmax": lambda Z, mask: jax.nn.softmax(Z, axis=0, where=mask),
}

LOSS_LINES: Mapping[str, LossLine] = {
    "mse": LossLine(unmasked(optax.losses.squared_error)),
    "half_squared_error": LossLine(unmasked(optax.losses.l2_loss)),
    "bce": LossLine(unmasked(lambda A, Y: -(xlogy(Y, A) + xlog1py(1 - Y, -A)))),
    "cross_entropy": LossLine(unmasked(lambda A, Y: -xlogy(Y, A)), mean_over_samples=True),
    "bce_with_logits": LossLine(unmasked(optax.losses.sigmoid_binary_cross_entropy)),
    "cross_entropy_with_logits": LossLine(
        lambda A, Y, mask: optax.losses.softmax_cross_entropy(A, Y, axis=0, where=mask),
        separable=False,
        mean_over_samples=True,
    ),
}
