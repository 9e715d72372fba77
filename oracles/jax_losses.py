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
        times = {"entries": reduction == "mean", "samples": 0, "outputs first": 1}[self.mean_over]
        times += reduction == "entrymean"
        return (1 if reduction == "sum" else samples) * outputs**times


def _times_log(log: Function, X: Any, Y: Any, harmless: float) -> Any:
    """X log(Y) without the NaN that autograd of xlogy gives where X = 0 and log(Y) is infinite."""
    absent = X == 0
    return jnp.where(absent, 0, X * log(jnp.where(absent, harmless, Y)))


def _binary_cross_entropy(A: Any, Y: Any, weight: Any) -> Any:
    return -weight * (_times_log(jnp.log, Y, A, 1) + _times_log(jnp.log1p, 1 - Y, -A, 0))


def _binary_cross_entropy_with_logits(A: Any, Y: Any, weight: Any, pos_weight: Any) -> Any:
    # optax's, whose terms are linear in the label, for weights of both labels.
    terms = optax.losses.sigmoid_binary_cross_entropy
    return weight * (pos_weight * Y * terms(A, jnp.ones_like(A)) + (1 - Y) * terms(A, jnp.zeros_like(A)))


def _smooth_l1(A: Any, Y: Any, beta: Any) -> Any:
    error = jnp.abs(A - Y)
    return jnp.where(error < beta, jnp.square(error) / (2 * beta), error - beta / 2)


def _gaussian_nll(A: Any, Y: Any, variance: Any) -> Any:
    return (jnp.log(variance) + jnp.square(A - Y) / variance) / 2


def _kl_divergence(A: Any, Y: Any) -> Any:
    return optax.losses.kl_divergence(A[None], Y[None], axis=0)


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
    "bce_with_logits": LossLine(unmasked(_binary_cross_entropy_with_logits)),
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
    "l1": LossLine(unmasked(lambda A, Y: jnp.abs(A - Y))),
    "huber": LossLine(unmasked(optax.losses.huber_loss)),
    "smooth_l1": LossLine(unmasked(_smooth_l1)),
    "log_cosh": LossLine(unmasked(optax.losses.log_cosh)),
    "poisson_nll": LossLine(unmasked(lambda A, Y: jnp.exp(A) - Y * A)),
    "gaussian_nll": LossLine(unmasked(_gaussian_nll)),
    "nll": LossLine(unmasked(lambda A, Y: -Y * A), mean_over="samples"),
    "kl_div": LossLine(unmasked(_kl_divergence)),
    "hinge": LossLine(unmasked(optax.losses.hinge_loss)),
    "squared_hinge": LossLine(unmasked(lambda A, Y: jnp.square(optax.losses.hinge_loss(A, Y)))),
    "hinge_embedding": LossLine(
        unmasked(lambda A, Y, margin: jnp.where(Y == 1, A, jnp.maximum(0, margin - A)))
    ),
    "soft_margin": LossLine(unmasked(lambda A, Y: jax.nn.softplus(-Y * A))),
    "multilabel_soft_margin": LossLine(
        unmasked(lambda A, Y, weight: weight * optax.losses.sigmoid_binary_cross_entropy(A, Y)),
        mean_over="outputs first",
    ),
    "sigmoid_focal": LossLine(unmasked(optax.losses.sigmoid_focal_loss)),
    "perceptron": LossLine(unmasked(optax.losses.perceptron_loss)),
}
