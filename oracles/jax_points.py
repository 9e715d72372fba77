"""JAX's compiled programs for single functions: value and derivative at points, each on its own.

One program a function, compiled when it is first asked for, for pieces of one size with a row of numbers for
each argument: so parameters may differ from point to point, and nothing is compiled for a shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from refimpl import ACTIVATIONS, LOSSES

from .jax_activations import ACTIVATION_LINES
from .jax_losses import LOSS_LINES
from .jax_packing import argument_names

# Small enough for the processor's cache, large enough that a call costs little a point: measured.
PIECE = 16384

Program = Callable[..., tuple[Any, Any]]


@cache
def activation_program(name: str) -> Program:
    """A program (points, *rows of parameters) → (σ, σ')."""
    line, names = ACTIVATION_LINES[name], argument_names(ACTIVATIONS[name])

    def program(points: Any, *rows: Any) -> tuple[Any, Any]:
        return _with_derivative(lambda Z: line(Z, None, **dict(zip(names, rows, strict=True))), points)

    return jax.jit(program)


@cache
def loss_program(name: str) -> Program:
    """A program (points, targets, *rows of arguments) → (ℓ, ∂ℓ/∂a)."""
    line, names = LOSS_LINES[name], argument_names(LOSSES[name])

    def program(points: Any, targets: Any, *rows: Any) -> tuple[Any, Any]:
        arguments = dict(zip(names, rows, strict=True))
        return _with_derivative(lambda A: line.terms(A, targets, None, **arguments), points)

    return jax.jit(program)


def _with_derivative(function: Callable[[Any], Any], points: Any) -> tuple[Any, Any]:
    values, pull_back = jax.vjp(function, points)
    # No entry depends on another, so a cotangent of ones gives each its own derivative.
    return values, pull_back(jnp.ones_like(values))[0]


def at_points(program: Program, points: Any, rows: Sequence[Any]) -> tuple[Any, Any]:
    """What the program gives at every point, float64; `rows` broadcast against the points.

    To be called with 64-bit types on.
    """
    shape, size = points.shape, points.size
    flat = [np.broadcast_to(array, shape).reshape(-1) for array in (points, *rows)]
    values, slopes = np.empty(size), np.empty(size)
    for start in range(0, size, PIECE):
        end = min(start + PIECE, size)
        pieces = [array[start:end] for array in flat]
        if end - start < PIECE:
            pieces = [np.concatenate([piece, np.zeros(PIECE - piece.size)]) for piece in pieces]
        value, slope = program(*pieces)
        values[start:end] = np.asarray(value)[: end - start]
        slopes[start:end] = np.asarray(slope)[: end - start]
    return values.reshape(shape), slopes.reshape(shape)
