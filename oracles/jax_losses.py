"""One line for each loss in JAX: optax's own function where there is one.

A line serves the plain and the compiled path. On the compiled path arrays are padded, and `mask`, (n, m),
says which units are there; a function that mixes units must leave the others out. Elementwise functions
need not look at it: what they give on padding is cut away, value and derivative. On the plain path mask is
None. Importing this file imports jax and optax, so only `JaxOracle()` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .jax_activations import Function, unmasked


class LossLine(NamedTuple):
    """A loss in JAX: `terms(A, Y, mask, **arguments)`, to be summed and divided.

    Arguments are the entry's parameters and its arrays, which broadcast against A.
    """

    terms: Function
    separable: bool = True
    """Whether there is one term for each entry of A, which depends on no other entry; else (m,) terms."""
    mean_over: str = "entries"
    """What "mean" divides by: "entries" is n·m, "samples" m; "outputs first" divides by n always."""

    def divisor(self, reduction: str, outputs: int, samples: int) -> int:
        """What the sum of the terms is divided by."""
        by_outputs = self.mean_over == "outputs first" or (
            self.mean_over == "entries" and reduction == "mean"
        )
        return (1 if reduction == "sum" else samples) * (outputs if by_outputs else 1)


def _times_log(log: Function, X: Any, Y: Any, harmless: float) -> Any:
    """X log(Y) without the NaN that autograd of xlogy gives where X = 0 and log(Y) is infinite."""
    absent = X == 0
    return jnp.where(absent, 0, X * log(jnp.where(absent, harmless, Y)))


def _binary_cross_entropy(A: Any, Y: Any) -> Any:
    return -(_times_log(jnp.log, Y, A, 1) + _times_log(jnp.log1p, 1 - Y, -A, 0))


def _cross_entropy(A: Any, Y: Any, mask: Any, label_smoothing: Any, weight: Any = 1.0) -> Any:
    labels = weight * optax.losses.smooth_labels(Y, label_smoothing, axis=0, where=mask)
    return optax.losses.softmax_cross_entropy(A, labels, axis=0, where=mask)


def _multi_margin(A: Any, Y: Any, mask: Any, p: Any, margin: Any, weight: Any = 1.0) -> Any:
    right = jnp.sum(jnp.where(Y == 1, A, 0), axis=0)
    excess = jnp.where(Y == 1, 0, jax.nn.relu(margin - right + A))
    powers = jnp.where(p == 1, excess, jnp.square(excess))
    return jnp.sum(weight * Y, axis=0) * jnp.sum(powers, axis=0, where=mask)


LOSS_LINES: Mapping[str, LossLine] = {
    "mse": LossLine(unmasked(optax.losses.squared_error)),
    "half_squared_error": LossLine(unmasked(optax.losses.l2_loss)),
    "bce": LossLine(unmasked(_binary_cross_entropy)),
    "cross_entropy": LossLine(unmasked(lambda A, Y: -_times_log(jnp.log, Y, A, 1)), mean_over="samples"),
    "bce_with_logits": LossLine(unmasked(optax.losses.sigmoid_binary_cross_entropy)),
    "cross_entropy_with_logits": LossLine(_cross_entropy, separable=False, mean_over="samples"),
    "cosine_distance": LossLine(
        lambda A, Y, mask: optax.losses.cosine_distance(A, Y, axis=0, where=mask),
        separable=False,
        mean_over="samples",
    ),
    "multi_margin": LossLine(_multi_margin, separable=False, mean_over="outputs first"),
    "poly_loss": LossLine(
        lambda A, Y, mask, epsilon: optax.losses.poly_loss_cross_entropy(
            A, Y, epsilon=epsilon, axis=0, where=mask
        ),
        separable=False,
        mean_over="samples",
    ),
}
