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


def _times_log(log: Function, X: Any, Y: Any, harmless: float) -> Any:
    """X log(Y) without the NaN that autograd of xlogy gives where X = 0 and log(Y) is infinite."""
    absent = X == 0
    return jnp.where(absent, 0, X * log(jnp.where(absent, harmless, Y)))


def _binary_cross_entropy(A: Any, Y: Any) -> Any:
    return -(_times_log(jnp.log, Y, A, 1) + _times_log(jnp.log1p, 1 - Y, -A, 0))


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
    "bce": LossLine(unmasked(_binary_cross_entropy)),
    "cross_entropy": LossLine(unmasked(lambda A, Y: -_times_log(jnp.log, Y, A, 1)), mean_over_samples=True),
    "bce_with_logits": LossLine(unmasked(optax.losses.sigmoid_binary_cross_entropy)),
    "cross_entropy_with_logits": LossLine(
        lambda A, Y, mask: optax.losses.softmax_cross_entropy(A, Y, axis=0, where=mask),
        separable=False,
        mean_over_samples=True,
    ),
}
