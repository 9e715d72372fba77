"""Bounds to which Σ|x y| is given: the same as if they had to find it, whatever is off or read as zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from constants import SINGLE, both

from backproof.judging import bounds
from oracles.layout import Layout, Matrices

SMALL = 2.0**-130
"""Read as zero by some."""
KINDS = ("exact", "one is off", "a weight is small", "a weight is small and one is off")
EACH = pytest.mark.parametrize("kind", KINDS)
# Two cases, of whole numbers, so that every order of summation gives the same.
WEIGHTS = [np.array([[1.0, -2.0, 3.0], [4.0, 0.0, -6.0]]), np.array([[7.0], [-8.0]])]
BELOW = [np.array([[1.0, -1.0], [2.0, 0.0], [3.0, 5.0]]), np.array([[2.0, -3.0, 4.0]])]
ABOVE = [np.array([[1.0, -2.0], [-3.0, 4.0]]), np.array([[5.0, 0.0, 1.0], [2.0, -1.0, 6.0]])]


def _layout(matrices: list[Any]) -> Layout:
    return Layout([matrix.shape for matrix in matrices])


def _flat(matrices: list[Any]) -> Any:
    return _layout(matrices).flat(matrices)


def _weights(kind: str) -> Matrices:
    weights = [matrix.copy() for matrix in WEIGHTS]
    if "small" in kind:
        weights[1][0, 0] = SMALL
    return Matrices.of(weights)


def _errors(kind: str, matrices: list[Any]) -> Any:
    """Of the first entry of the second case, if any."""
    errors = [np.zeros(matrix.shape) for matrix in matrices]
    if "off" in kind:
        errors[1][0, 0] = 0.25
    return both(_flat(errors))


def _magnitudes(left: Any, right: Any) -> Any:
    return _flat([np.abs(x) @ np.abs(y) for x, y in zip(left, right, strict=True)])


@EACH
def test_of_a_product_with_weights(kind: str) -> None:
    W, x, E = _weights(kind), _flat(BELOW), _errors(kind, BELOW)
    b = np.zeros(_layout(ABOVE).total)
    given = (SINGLE, W, _layout(BELOW), x, E, b, _layout(ABOVE))
    alone = bounds.affine(*given)
    np.testing.assert_array_equal(bounds.affine(*given, sums=_magnitudes(W, BELOW)), alone)


@EACH
def test_of_a_product_with_transposed_weights(kind: str) -> None:
    W, delta, E = _weights(kind), _flat(ABOVE), _errors(kind, ABOVE)
    given = (SINGLE, W, _layout(ABOVE), delta, E, _layout(BELOW))
    sizes = _magnitudes([matrix.T for matrix in W], ABOVE)
    np.testing.assert_array_equal(bounds.transposed(*given, sums=sizes), bounds.transposed(*given))


@EACH
@pytest.mark.parametrize("side", ["delta", "A"])
def test_of_a_gradient_by_weights(kind: str, side: str) -> None:
    off = {"delta": _errors("exact", ABOVE), "A": _errors("exact", BELOW)}
    off[side] = _errors(kind, {"delta": ABOVE, "A": BELOW}[side])
    layouts = (_layout(ABOVE), _layout(BELOW))
    given = (SINGLE, layouts, _flat(ABOVE), off["delta"], _flat(BELOW), off["A"], _layout(WEIGHTS))
    sizes = _magnitudes(ABOVE, [matrix.T for matrix in BELOW])
    alone = bounds.weight_gradient(*given)
    np.testing.assert_array_equal(bounds.weight_gradient(*given, sums=sizes), alone)


def test_a_known_size_is_what_the_bound_is_made_of() -> None:
    """Ten times Σ|x y| gives ten times the bound, if nothing is off: η₀ is nothing beside γ_n Σ|x y|."""
    W, delta = Matrices.of(WEIGHTS), _flat(ABOVE)
    given = (SINGLE, W, _layout(ABOVE), delta, _errors("exact", ABOVE), _layout(BELOW))
    sizes = _magnitudes([matrix.T for matrix in W], ABOVE)
    one, ten = (bounds.transposed(*given, sums=times * sizes) for times in (1, 10))
    np.testing.assert_allclose(ten, 10 * one, rtol=1e-12, atol=1e-30)
