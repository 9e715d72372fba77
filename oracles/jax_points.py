"""JAX's compiled programs for single functions: value and pull-back at points or columns, each on its own.

One program a function, compiled when it is first asked for, for pieces of one size with a number for each
argument at each point: so parameters may differ from point to point, and nothing is compiled for a shape.
A function that mixes units has a program for each of a few numbers of units, with a mask that says which
units a column has. Whatever stands elsewhere makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
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
UNITS = (8, 64)
"""The numbers of units that columns are padded to; beyond these, powers of two."""

Program = Callable[..., tuple[Any, Any]]


@cache
def activation_program(name: str) -> Program:
    """A program (points, cotangents, *rows of parameters) → (σ, σ' times the cotangent)."""
    line, names = ACTIVATION_LINES[name], argument_names(ACTIVATIONS[name])

    def program(points: Any, cotangents: Any, *rows: Any) -> tuple[Any, Any]:
        function = partial(_named, line, names, rows)
        return _pulled_back(lambda Z: function(Z, None), points, cotangents)

    return jax.jit(program)


@cache
def loss_program(name: str) -> Program:
    """A program (points, cotangents, targets, *rows of arguments) → (ℓ, ∂ℓ/∂a times the cotangent)."""
    line, names = LOSS_LINES[name].terms, argument_names(LOSSES[name])

    def program(points: Any, cotangents: Any, targets: Any, *rows: Any) -> tuple[Any, Any]:
        function = partial(_named, line, names, rows)
        return _pulled_back(lambda A: function(A, targets, None), points, cotangents)

    return jax.jit(program)


@cache
def mixing_program(name: str) -> Program:
    """A program (Z, mask, cotangents), all (units, columns) → (σ(Z), (∂σ/∂Z)^T cotangents)."""
    line = ACTIVATION_LINES[name]

    def program(Z: Any, mask: Any, cotangents: Any) -> tuple[Any, Any]:
        def value(Z: Any) -> Any:
            return _clean(mask, line(_clean(mask, Z), mask))

        return _pulled_back(value, Z, _clean(mask, cotangents))

    return jax.jit(program)


@cache
def mixing_loss_program(name: str) -> Program:
    """A program (A, mask, cotangents (columns,), Y, *arguments) → (terms (columns,), A's gradient).

    Parameters are (columns,), arrays (units, columns).
    """
    line, names = LOSS_LINES[name].terms, argument_names(LOSSES[name])

    def program(A: Any, mask: Any, cotangents: Any, Y: Any, *rows: Any) -> tuple[Any, Any]:
        targets = _clean(mask, Y)
        # Weights that stand for nothing are 1: none of them divides by 0.
        given = [jnp.where(mask, row, 1) if row.ndim == 2 else row for row in rows]
        function = partial(_named, line, names, given)
        return _pulled_back(lambda A: function(_clean(mask, A), targets, mask), A, cotangents)

    return jax.jit(program)


def _named(line: Any, names: Sequence[str], arguments: Sequence[Any], *arrays: Any) -> Any:
    return line(*arrays, **dict(zip(names, arguments, strict=True)))


def _clean(mask: Any, array: Any) -> Any:
    return jnp.where(mask, array, 0)


def _pulled_back(function: Callable[[Any], Any], points: Any, cotangents: Any) -> tuple[Any, Any]:
    values, pull_back = jax.vjp(function, points)
    return values, pull_back(cotangents)[0]


_ONES = np.ones(PIECE)


def at_points(program: Program, points: Any, rows: Sequence[Any], cotangents: Any = None) -> tuple[Any, Any]:
    """What the program gives at every point, float64; `rows` broadcast against the points.

    Without cotangents they are 1: no entry depends on another, so each gets its own derivative. To be called
    with 64-bit types on.
    """
    shape, size = points.shape, points.size
    flat = [np.broadcast_to(array, shape).reshape(-1) for array in (points, *rows)]
    if cotangents is not None:
        flat.insert(1, cotangents.reshape(-1))
    values, slopes = np.empty(size), np.empty(size)
    for start in range(0, size, PIECE):
        end = min(start + PIECE, size)
        pieces = [array[start:end] for array in flat]
        if end - start < PIECE:
            pieces = [np.concatenate([piece, np.zeros(PIECE - piece.size)]) for piece in pieces]
        if cotangents is None:
            pieces.insert(1, _ONES)
        value, slope = program(*pieces)
        values[start:end] = np.asarray(value)[: end - start]
        slopes[start:end] = np.asarray(slope)[: end - start]
    return values.reshape(shape), slopes.reshape(shape)


def padded_units(units: Any) -> Any:
    """The numbers of units that columns of so many are padded to."""
    ladder = np.array(UNITS)
    powers = 2 ** np.ceil(np.log2(np.maximum(units, 1))).astype(np.int64)
    return np.where(
        units <= UNITS[-1], ladder[np.minimum(np.searchsorted(ladder, units), len(UNITS) - 1)], powers
    )


def by_columns(program: Program, mask: Any, arrays: Sequence[Any]) -> tuple[Any, Any]:
    """What the program gives for the columns of `mask`, (units, columns).

    Arrays are (units, columns) or (columns,); the first goes before the mask. 64-bit types must be on.
    """
    units, columns = mask.shape
    piece = max(PIECE // 2 // units, 8)
    found = []
    for start in range(0, columns, piece):
        end = min(start + piece, columns)
        first, *others = (array[..., start:end] for array in (arrays[0], mask, *arrays[1:]))
        if end - start < piece:
            first, *others = (_widened(array, piece) for array in (first, *others))
            # Columns without units would be 0/0; nobody reads them.
            others[0][0, end - start :] = True
        found.append([np.asarray(each)[..., : end - start] for each in program(first, *others)])
    values, gradients = zip(*found, strict=True)
    return np.concatenate(values, axis=-1), np.concatenate(gradients, axis=-1)


def _widened(array: Any, columns: int) -> Any:
    wide = np.zeros((*array.shape[:-1], columns), array.dtype)
    wide[..., : array.shape[-1]] = array
    return wide
