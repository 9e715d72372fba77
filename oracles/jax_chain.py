"""Compositions in JAX: the same expression in JAX's functions, differentiated by jax.vjp."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from refimpl.chain_rule import Expression, evaluate

from .oracle import OracleMissingError


def chain_lines(jax: Any) -> dict[str, Callable[..., Any]]:
    """Name → elementary function, each JAX's own."""
    jnp = jax.numpy
    return {
        "sin": jnp.sin,
        "cos": jnp.cos,
        "tan": jnp.tan,
        "exp": jnp.exp,
        "expm1": jnp.expm1,
        "log": jnp.log,
        "log1p": jnp.log1p,
        "sqrt": jnp.sqrt,
        "square": jnp.square,
        "cube": lambda u: jax.lax.integer_pow(u, 3),
        "reciprocal": jnp.reciprocal,
        "negate": jnp.negative,
        "sinh": jnp.sinh,
        "cosh": jnp.cosh,
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
        "arctan": jnp.arctan,
        "arcsinh": jnp.arcsinh,
        "add": jnp.add,
        "subtract": jnp.subtract,
        "multiply": jnp.multiply,
        "divide": jnp.divide,
        "power": jnp.power,
        "logaddexp": jnp.logaddexp,
    }


class JaxChain:
    """Values and derivatives by jax.vjp. Raises OracleMissingError without JAX.

    JAX runs one function at a time here, and compiles each once for a shape and dtype: with points of one
    shape, no composition costs a compilation of its own.
    """

    name = "jax"

    def __init__(self) -> None:
        try:
            import jax
        except ImportError as error:
            raise OracleMissingError(
                "the jax oracle needs JAX; install it with: pip install 'backproof[jax]'"
            ) from error
        self._jax: Any = jax
        self.functions: Mapping[str, Callable[..., Any]] = chain_lines(jax)

    def value_and_derivative(self, expression: Expression, x: Any) -> tuple[Any, Any]:
        """(y, dy/dx) at x, a number or an array of float32 or float64, as NumPy values of its dtype."""
        jax, jnp = self._jax, self._jax.numpy
        with jax.enable_x64(True):  # for float64; what is float32 stays so
            point = jnp.asarray(x)
            y, pullback = jax.vjp(
                lambda z: evaluate(expression, self.functions, z, partial(jnp.full_like, z)), point
            )
            # The points do not depend on each other, so a cotangent of ones gives each its own derivative.
            (derivative,) = pullback(jnp.ones_like(y))
            return np.array(y)[()], np.array(derivative)[()]
