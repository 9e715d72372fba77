"""One line for each activation in JAX: jax.nn's own function where there is one.

A line serves the plain and the compiled path. On the compiled path arrays are padded, and `mask`, (n, m),
says which units are there; a function that mixes units must leave the others out. Elementwise functions
need not look at it: what they give on padding is cut away, value and derivative. On the plain path mask is
None. Importing this file imports jax, so only `JaxOracle()` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
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
    "elu": unmasked(jax.nn.elu),
    "celu": unmasked(jax.nn.celu),
    "selu": unmasked(jax.nn.selu),
    "gelu": unmasked(partial(jax.nn.gelu, approximate=False)),
    "gelu_tanh": unmasked(partial(jax.nn.gelu, approximate=True)),
    "silu": unmasked(jax.nn.silu),
    "mish": unmasked(jax.nn.mish),
    "softsign": unmasked(jax.nn.soft_sign),
    "logsigmoid": unmasked(jax.nn.log_sigmoid),
    "tanhshrink": unmasked(lambda Z: Z - jnp.tanh(Z)),
    "squareplus": unmasked(jax.nn.squareplus),
    "softmin": lambda Z, mask: jax.nn.softmax(-Z, axis=0, where=mask),
    "log_softmax": lambda Z, mask: jax.nn.log_softmax(Z, axis=0, where=mask),
    "relu6": unmasked(jax.nn.relu6),
    # As jax.nn.hard_tanh has it, whose ends are fixed at -1 and 1.
    "hardtanh": unmasked(
        lambda Z, min_val, max_val: jnp.where(max_val < Z, max_val, jnp.where(min_val > Z, min_val, Z))
    ),
    "hardsigmoid": unmasked(jax.nn.hard_sigmoid),
    "hardswish": unmasked(jax.nn.hard_silu),
    "softshrink": unmasked(lambda Z, lambd: jnp.where(jnp.abs(Z) > lambd, Z - jnp.sign(Z) * lambd, 0)),
    "hardshrink": unmasked(lambda Z, lambd: jnp.where(jnp.abs(Z) > lambd, Z, 0)),
    "threshold": unmasked(lambda Z, threshold, value: jnp.where(threshold < Z, Z, value)),
    "sparse_plus": unmasked(jax.nn.sparse_plus),
    "sparse_sigmoid": unmasked(jax.nn.sparse_sigmoid),
}
