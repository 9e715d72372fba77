"""How far an accurate evaluation of a whole network can lie from the exact values: bounds carried through it.

`carried` goes once forward and once backward through the networks of a batch and gives for each quantity E
with |accurate evaluation - centre| ≤ E, entry by entry, for several precisions at once (the cases' own, and
float64 in which oracles answer). Data are flat, see `layout`; errors have a leading axis for the precision.

Proofs: docs/bounds.md. W₀, b₀ are the entries of W, b that are subnormal and may be read as zero (R3).

P0. The centre is one float64 evaluation on the way, of an oracle's functions with its declared deviations
    taken out; so u, γ and η₀ below are sums of the evaluation's and the centre's.
P1. E_Z  = |W| E_A + W₀(|A| + E_A) + γ_{n+1} (|W|(|A| + E_A) + |b|) + b₀ + 2(n+1) η₀
P2. E_A' = sup |σ(z) - σ(Z)| over |z - Z| ≤ E_Z, plus the function's own error; E_σ' likewise (S1 to S3, E1)
P3. E_δ  = |σ'| E_g + |g| E_σ' + E_g E_σ' + 2u(|σ'| + E_σ')(|g| + E_g) + k η₀, with g = ∂L/∂A and k of
    E3; V2, V4 where σ mixes units
P4. E_g  = |W|^T E_δ + W₀^T(|δ| + E_δ) + γ_n |W|^T(|δ| + E_δ) + 2 n η₀
P5. E_dW = E_δ|A|^T + |δ|E_A^T + E_δ E_A^T + γ_m (|δ| + E_δ)(|A| + E_A)^T + 2 m η₀;  E_db with A = 1
P6. E_W' = |η| E_dW + u(3|η|(|dW| + E_dW) + |W|) + W₀ + 2 η₀  (η: the learning rate)
P7. Two answers differ by at most the sum of their E's; the exact values lie within float64's E of the centre.

Where an intermediate sum can exceed the largest number of the dtype, the bound is infinite (R5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracles import Oracle
from oracles.layout import Layout, Matrices, turned
from refimpl import QUANTITIES, Case

from .batch import Batch
from .in_cache import in_cache
from .levels import Levels
from .nonlinear import Activated, activated, backward_activation, loss_errors, pulled_back


def _through(
    levels: Levels,
    matrices: Matrices,
    views: Sequence[Any],
    below: Layout,
    x: Any,
    E_x: Any,
    layout: Layout,
    sums: Any = None,
) -> tuple[Any, Any]:
    """(|M|(|x| + E_x), |M| E_x and what is lost of M where subnormal numbers are read as zero).

    `views` are those of |M|, or of its transpose; `sums` is |M||x|, where that is known.
    """
    spread = np.abs(x) + E_x

    def of(cases: Sequence[int]) -> tuple[Any, Any]:
        part, at = below.part(cases), below.entries(cases)
        both = np.stack([spread[..., at], np.broadcast_to(E_x, spread.shape)[..., at]])
        return layout.part(cases).products([views[k] for k in cases], part.views(both), both.shape[:-1])

    sums, moved = _moved_sums(layout, [(below, E_x)], sums, of)
    if levels.may_flush(matrices.magnitudes.data):
        flushed = Matrices(matrices.layout, levels.flushed(matrices.data))
        lost = flushed.views if views is matrices.magnitudes.views else flushed.turned
        leading = np.broadcast_shapes(flushed.data.shape[:-1], spread.shape[:-1])
        moved = moved + layout.products(lost, below.views(spread), leading)
    return sums, moved


def _moved_sums(
    layout: Layout, errors: Sequence[tuple[Layout, Any]], known: Any, of: Callable[..., tuple[Any, Any]]
) -> tuple[Any, Any]:
    """(Σ|terms|, what the inputs' errors move): `of(cases)` works both out.

    Where the first is known for exact inputs, only the cases with some error need it: steps on an
    implementation's own numbers have errors where a number is subnormal.
    """
    if known is None:
        return of(range(len(layout)))
    moves = [np.any(each.largest(E) != 0, axis=tuple(range(E.ndim - 1))) for each, E in errors]
    cases = np.flatnonzero(np.logical_or.reduce(moves)).tolist()
    if not cases:
        return known[None], 0.0
    leading = np.broadcast_shapes(*(E.shape[:-1] for _, E in errors))
    sums, moved = np.zeros((2, *leading, layout.total))
    sums[...] = known
    at = layout.entries(cases)
    sums[..., at], moved[..., at] = of(cases)
    return sums, moved


def _rounding(
    levels: Levels, n: Any, sums: Any, moved: Any, total: Any = None, *, products: bool = True
) -> Any:
    """What sums of n terms round by: R2, or R7 where `total` bounds the size of each whole sum.

    `sums` are those of the terms' sizes, `moved` what the inputs may move the whole.
    """
    worst = levels.gamma(n) * sums
    if total is None:
        return worst
    partial = (sums + total + moved) / 2 + worst
    return np.minimum(worst, levels.u * (products * sums + (n - 1) * partial))


def affine(
    levels: Levels,
    W: Sequence[Any],
    below: Layout,
    A: Any,
    E_A: Any,
    b: Any,
    layout: Layout,
    total: Any = None,
    sums: Any = None,
) -> Any:
    """P1: the error of W A + b, where A has the layout `below`, W A + b that of `layout`; b is broadcast.

    Here and below, `total` bounds |the result| and `sums` is the sum of the terms' sizes, |W||A|, entry by
    entry, where they are known.
    """
    W = Matrices.of(W)
    n = layout.each(W.columns)
    sums, moved = _through(levels, W, W.magnitudes.views, below, A, E_A, layout, sums)

    def error(n: Any, sums: Any, moved: Any, b: Any, total: Any = None) -> Any:
        sums = sums + np.abs(b)
        E = moved + _rounding(levels, n + 1, sums, moved, total) + 2 * (n + 1) * levels.tiny
        return levels.limited(E + levels.flushed(b), sums)

    return in_cache(error, n, sums, moved, b, *([] if total is None else [total]))


def transposed(
    levels: Levels,
    W: Sequence[Any],
    above: Layout,
    delta: Any,
    E_delta: Any,
    layout: Layout,
    total: Any = None,
    sums: Any = None,
) -> Any:
    """P4: the error of W^T δ, where δ has the layout `above`, W^T δ that of `layout`."""
    W = Matrices.of(W)
    n = layout.each(W.rows)
    sums, moved = _through(levels, W, W.magnitudes.turned, above, delta, E_delta, layout, sums)

    def error(n: Any, sums: Any, moved: Any, total: Any = None) -> Any:
        return levels.limited(moved + _rounding(levels, n, sums, moved, total) + 2 * n * levels.tiny, sums)

    return in_cache(error, n, sums, moved, *([] if total is None else [total]))


def _gradient_sums(
    layouts: tuple[Layout, Layout], delta: Any, E_delta: Any, A: Any, E_A: Any, layout: Layout
) -> tuple[Any, Any]:
    """((|δ| + E_δ)(|A| + E_A)^T, E_δ (|A| + E_A)^T + |δ| E_A^T)."""
    own, below = layouts
    d, a = np.abs(delta), np.abs(A)
    leading = np.broadcast_shapes(E_delta.shape[:-1], E_A.shape[:-1])
    # [E_δ; |δ|; |δ| + E_δ] and [|A| + E_A; E_A; |A| + E_A], product by product.
    left, right = np.empty((3, *leading, own.total)), np.empty((3, *leading, below.total))
    left[0], left[1], left[2] = E_delta, d, d + E_delta
    right[0], right[1] = a + E_A, E_A
    right[2] = right[0]
    parts = layout.products(own.views(left), turned(below.views(right)), left.shape[:-1])
    return parts[2], parts[0] + parts[1]


def weight_gradient(
    levels: Levels,
    layouts: tuple[Layout, Layout],
    delta: Any,
    E_delta: Any,
    A: Any,
    E_A: Any,
    layout: Layout,
    total: Any = None,
    sums: Any = None,
) -> Any:
    """P5: the error of δ A^T; δ and A have the two layouts, δ A^T that of `layout`."""
    own, below = layouts
    m = layout.each([columns for _, columns in own.shapes])

    def of(cases: Sequence[int]) -> tuple[Any, Any]:
        (left, at), (right, under) = ((each.part(cases), each.entries(cases)) for each in layouts)
        given = (delta[..., at], E_delta[..., at], A[..., under], E_A[..., under])
        return _gradient_sums((left, right), *given, layout.part(cases))

    sums, moved = _moved_sums(layout, [(own, E_delta), (below, E_A)], sums, of)

    def error(m: Any, sums: Any, moved: Any, total: Any = None) -> Any:
        E = moved + _rounding(levels, m, sums, moved, total) + 2 * m * levels.tiny
        return levels.limited(E, sums)

    return in_cache(error, m, sums, moved, *([] if total is None else [total]))


def bias_gradient(levels: Levels, own: Layout, delta: Any, E_delta: Any, total: Any = None) -> Any:
    """P5 with A = 1: the error of the sum of the columns of δ."""
    m = own.row_lengths
    sums = own.row_sums(np.abs(delta) + E_delta)
    moved = own.row_sums(np.broadcast_to(E_delta, np.shape(delta + E_delta)))
    rounding = _rounding(levels, m, sums, moved, total, products=False)
    return levels.limited(moved + rounding + m * levels.tiny, sums)


def updated(levels: Levels, rate: Any, W: Any, dW: Any, E_dW: Any) -> Any:
    """P6: the error of W - η dW."""

    def error(rate: Any, W: Any, dW: Any, E_dW: Any) -> Any:
        eta, size = np.abs(rate), np.abs(dW) + E_dW
        magnitude = np.abs(W) + 2 * eta * size
        E = eta * E_dW + levels.u * (magnitude + eta * size) + 2 * levels.tiny
        return levels.limited(E + levels.flushed(W) + levels.flushed(rate) * size, magnitude)

    return in_cache(error, rate, W, dW, E_dW)


@dataclass
class Centres:
    """The numbers about which the errors are, for each layer: what P0 is evaluated to on the way.

    Lists for layers 1 … L, but A[0] … A[L].
    """

    A: list[Any]
    E_A: list[Any]
    Z: list[Any]
    activations: list[Activated]
    g: list[Any]
    """∂L/∂A."""
    E_g: list[Any]
    delta: list[Any]


def carried(batch: Batch, oracle: Oracle, levels: Levels) -> dict[str, Any]:
    """Errors by quantity, for each layer or as one array: (levels, total); of the loss, (levels, cases)."""
    return swept(batch, oracle, levels)[0]


def swept(batch: Batch, oracle: Oracle, levels: Levels) -> tuple[dict[str, Any], Centres]:
    """The errors, as `carried` gives them, and the centres."""
    with np.errstate(all="ignore"):  # overflow, 0·inf and the like end as infinite bounds
        depth, layouts, W = batch.depth, batch.layouts, batch.W
        A, E_A = [batch.X], [levels.flushed(batch.X)]
        E_Z: list[Any] = []
        all_Z: list[Any] = []
        activations: list[Activated] = []
        views: list[list[Any]] = []
        """Of A[0 … L - 1], for the cases that have the layer above."""
        for l in range(1, depth + 1):
            count, layout = batch.counts[l], layouts[l]
            below = layouts[l - 1].first(count)
            inputs, E_inputs = A[-1][: below.total], E_A[-1][..., : below.total]
            b = layout.columns(batch.b[l - 1])
            E_Z.append(affine(levels, W[l - 1], below, inputs, E_inputs, b, layout))
            views.append(below.views(inputs))
            Z = layout.products(W[l - 1].views, views[-1], ()) + b
            all_Z.append(Z)
            activations.append(activated(levels, oracle, batch.activations[l - 1], layout, Z, E_Z[-1]))
            A.append(activations[-1].A)
            E_A.append(activations[-1].E_A)
        losses = loss_errors(levels, oracle, batch, batch.last(A[1:]), batch.last(E_A[1:]))
        found: dict[str, Any] = {"Z": tuple(E_Z), "A": tuple(E_A[1:]), "loss": losses.E_loss}
        backward: dict[str, list[Any]] = {
            name: [] for name in ("delta", "dW", "db", "W_updated", "b_updated")
        }
        centres = Centres(A, E_A, all_Z, activations, [], [], [])
        g: Any = None
        E_g: Any = None
        for l in range(depth, 0, -1):
            layout, weights, biases = layouts[l], batch.weight_layouts[l - 1], batch.bias_layouts[l - 1]
            g, E_g = batch.with_last(l, g, losses.g), batch.with_last(l, E_g, losses.E_g)
            below = layouts[l - 1].first(batch.counts[l])
            inputs, E_inputs = A[l - 1][: below.total], E_A[l - 1][..., : below.total]
            delta = pulled_back(activations[l - 1], g)
            E_delta = backward_activation(levels, activations[l - 1], g, E_g)
            for kept, value in ((centres.g, g), (centres.E_g, E_g), (centres.delta, delta)):
                kept.insert(0, value)
            E_dW = weight_gradient(levels, (layout, below), delta, E_delta, inputs, E_inputs, weights)
            E_db = bias_gradient(levels, layout, delta, E_delta)
            deltas = layout.views(delta)
            dW = weights.products(deltas, turned(views[l - 1]), ())
            old, bias = W[l - 1].data, batch.b[l - 1]
            backward["delta"].insert(0, E_delta)
            backward["dW"].insert(0, E_dW)
            backward["db"].insert(0, E_db)
            backward["W_updated"].insert(0, updated(levels, batch.rates(weights), old, dW, E_dW))
            db = layout.row_sums(delta)
            backward["b_updated"].insert(0, updated(levels, batch.rates(biases), bias, db, E_db))
            E_g = transposed(levels, W[l - 1], layout, delta, E_delta, below)
            g = below.products(W[l - 1].turned, deltas, ())
        found |= {name: tuple(values) for name, values in backward.items()}
        return found | {"dX": E_g}, centres


def propagated(case: Case, oracle: Oracle, levels: Levels) -> Mapping[str, Any]:
    """`carried` for one case: matrices with the leading axis of `levels`, and the loss's (levels,)."""
    batch = Batch([case])
    errors = carried(batch, oracle, levels)
    found: dict[str, Any] = {"loss": errors["loss"][..., 0], "dX": batch.layouts[0].view(errors["dX"], 0)}
    for quantity, per_layer in QUANTITIES.items():
        if per_layer:
            found[quantity] = tuple(
                batch.layout(quantity, l).view(E, 0) for l, E in enumerate(errors[quantity], start=1)
            )
    return found
