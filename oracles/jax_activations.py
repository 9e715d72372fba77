"""One line for each activation in JAX: jax.nn's own function where there is one.

A line serves the plain and the compiled path. On the compiled path arrays are padded, and `mask`, (n, m),
says which units are there; a function that mixes units must leave the others out. Elementwise functions
need not look at it: what they give on padding is cut away, value and derivative. On the plain path mask is
None. Importing this file imports jax, so only `JaxOracle()` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

Function = Callable[..., Any]


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
