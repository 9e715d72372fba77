"""A statistical scale: how far roundings usually carry an answer, if they are independent of each other.

It ranks cases for closer inspection by the truth and decides nothing: repeated columns or constant weights
make roundings coherent, and a correct answer many times this far off.

Q1. The same sweep as P1 to P5, in quadrature: errors of different origin add as √(Σ E²), n roundings of a sum
    of n terms as √n u √(Σ x²). Where a function turns an error E of its argument into E', an error S ≤ E is
    taken to become E' S/E.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.layout import Layout, Matrices

from .batch import Batch
from .bounds import Centres
from .levels import Levels
from .nonlinear import own_errors
from .pieces import Activations

REMARKABLE = 4.0
"""How many scales make an answer remarkable: nearly three times what ordinary networks come to at most."""
_USUAL = 0.25
"""What a function's own error usually is of what it may be (E1): about 2 u of 8."""
_LEAST = 2.0**-4
"""Of a loss's bound, what its own roundings usually come to."""


def statistical_scale(
    batch: Batch, levels: Levels, errors: dict[str, Any], centres: Centres
) -> dict[str, Any]:
    """Quantity → S, flat, for the loss, dW, db and dX, in the case's own precision and the centre's."""
    depth, layouts = batch.depth, batch.layouts
    u = float(levels.u.flat[0])
    with np.errstate(all="ignore"):
        S_A = [np.zeros_like(centres.A[0])]  # squared, as all that follows
        ratios, slopes = [], []
        for l in range(1, depth + 1):
            layout, activation = layouts[l], centres.activations[l - 1]
            below = layouts[l - 1].first(batch.counts[l])
            inputs, S_in = centres.A[l - 1][: below.total], S_A[-1][: below.total]
            squares = batch.W[l - 1].squares
            n = layout.each(squares.columns)
            b = layout.columns(batch.b[l - 1])
            terms, S_Z = _products(layout, squares.views, below, np.stack([np.square(inputs), S_in]))
            S_Z += (n + 1) * u * u * (terms + np.square(b))
            ratio = _share(np.sqrt(S_Z), errors["Z"][l - 1][0])
            ratios.append(_whole_columns(activation.specs, ratio))
            own, own_slope = own_errors(levels, centres.Z[l - 1], activation)
            slopes.append(own_slope)
            S_A.append(np.square(ratios[-1] * centres.E_A[l][0]) + np.square(_USUAL * own))
        ratio_last = _share(np.sqrt(batch.last(S_A[1:])), batch.last([E[0] for E in centres.E_A[1:]]))
        of_loss = np.maximum(batch.outputs.largest(ratio_last), _LEAST)
        found: dict[str, Any] = {"loss": errors["loss"][0] * of_loss, "dW": [], "db": []}
        losses = np.square(batch.last([E[0] for E in centres.E_g]) * ratio_last)
        losses += _own(u, batch.last(centres.g))
        S_g: Any = None
        for l in range(depth, 0, -1):
            layout, activation = layouts[l], centres.activations[l - 1]
            below = layouts[l - 1].first(batch.counts[l])
            S_g = batch.with_last(l, S_g, losses)
            ratio = _whole_columns(activation.specs, _share(np.sqrt(S_g), centres.E_g[l - 1][0]))
            worst = np.maximum(ratio, ratios[l - 1])
            delta = np.square(centres.delta[l - 1])
            S_delta = np.square(worst * errors["delta"][l - 1][0]) + _own(u, centres.delta[l - 1])
            S_delta += np.square(_USUAL * slopes[l - 1] * centres.g[l - 1])
            inputs, S_in = np.square(centres.A[l - 1][: below.total]), S_A[l - 1][: below.total]
            weights = batch.weight_layouts[l - 1]
            m = layout.each([columns for _, columns in layout.shapes])
            # Σ S_δ A² + δ² S_A, and what a sum of m terms rounds by.
            left = np.stack([S_delta + (m + 1) * u * u * delta, delta])
            turned = Matrices(below, np.stack([inputs, S_in])).turned
            S_dW = np.sum(weights.products(layout.views(left), turned, (2,)), axis=0)
            found["dW"].insert(0, np.sqrt(S_dW))
            found["db"].insert(0, np.sqrt(layout.row_sums(left[0])))
            squares = batch.W[l - 1].squares
            n = below.each(squares.rows)
            sums, S_g = _products(below, squares.turned, layout, np.stack([delta, S_delta]))
            S_g += (n + 1) * u * u * sums
        found["dX"] = np.sqrt(S_g)
        return found


def _own(u: float, values: Any) -> Any:
    """Two roundings, squared."""
    return np.square(2 * u * values)


def _share(S: Any, E: Any) -> Any:
    """S/E, at most 1."""
    return np.where(E > 0, np.minimum(S / np.where(E > 0, E, 1.0), 1.0), 0.0)


def _whole_columns(specs: Activations, ratio: Any) -> Any:
    """Where σ mixes units, the largest ratio of the sample is that of each."""
    if specs.mixing:
        ratio = ratio.copy()
        for _, at in specs.mixing:
            ratio[..., at] = np.max(ratio[..., at], axis=-2, keepdims=True)
    return ratio


def _products(layout: Layout, matrices: Any, below: Layout, data: Any) -> Any:
    return layout.products(matrices, below.views(data), data.shape[:-1])
