"""Activations and losses within bounds (P2, P3, P8): grouped by function, for all cases at once.

An elementwise function is evaluated once for all entries of all cases that use it with the same parameters.
One that mixes the units of a sample goes case by case, by its rule.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from oracles import Oracle
from oracles.layout import Layout
from refimpl import LossSpec

from .activation_facts import ACTIVATION_FACTS
from .allowance import underflow_factor
from .batch import Batch
from .error_facts import ACCURACY
from .levels import Levels
from .loss_facts import LOSS_FACTS
from .rounding import outward
from .spread import activation_spread, loss_spread
from .textbook import CROSS_ENTROPIES, may_break, of_cross_entropy, of_log_softmax_vjp, of_softmax


class Activated(NamedTuple):
    """What an activation gives: flat data, errors with a leading axis for the precision.

    Where σ mixes the units of a sample, slopes are 0 and stand for nothing.
    """

    specs: Sequence[Any]
    A: Any
    E_A: Any
    slope: Any
    E_slope: Any
    underflows: Any
    """How many times η₀ a product with σ' can lose, entry by entry."""
    Z: Any = None
    E_Z: Any = None


def _members(keys: Sequence[Hashable]) -> dict[Any, list[int]]:
    """The positions of each key."""
    found: dict[Any, list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return found


def _entries(layout: Layout, cases: Sequence[int]) -> Any:
    """The places of these cases' entries in flat data."""
    if len(cases) == len(layout):
        return slice(None)
    starts, sizes = layout.starts.tolist(), layout.sizes.tolist()
    if len(cases) == 1:
        return slice(starts[cases[0]], starts[cases[0]] + sizes[cases[0]])
    return np.concatenate([np.arange(starts[k], starts[k] + sizes[k]) for k in cases])


def activated(
    levels: Levels, oracle: Oracle, specs: Sequence[Any], layout: Layout, Z: Any, E_Z: Any
) -> Activated:
    """P2, for each case's activation at Z, which is off by at most E_Z; of those that mix units, with V8."""
    A, slope = np.empty_like(Z), np.zeros_like(Z)
    underflows = np.broadcast_to(
        layout.each([underflow_factor(spec.parameters) for spec in specs]), E_Z.shape
    ).copy()
    E_A, E_slope = np.empty_like(E_Z), np.zeros_like(E_Z)
    for spec, cases in _members(specs).items():
        if spec.entry.elementwise:
            at = _entries(layout, cases)
            found = activation_spread(oracle, spec, Z[..., at], E_Z[..., at], levels.allowance)
            A[..., at], E_A[..., at], slope[..., at], E_slope[..., at] = found
            if levels.naive and levels.centre is not None:  # E5
                E_A[..., at] += np.where(may_break(levels, spec, Z[..., at], E_Z[..., at]), np.inf, 0.0)
            facts = ACTIVATION_FACTS[spec.name]
            if facts.underflow is not None:
                farthest = np.abs(Z[..., at]) + E_Z[..., at]
                underflows[..., at] += facts.underflow(farthest, spec.parameters)
            continue
        facts, matrices = ACTIVATION_FACTS[spec.name], levels.for_matrices
        for k in cases:
            z, E = layout.view(Z, k), layout.view(E_Z, k)
            y = facts.rule.centre(z)
            spread = facts.rule.spread(y, E)
            reach, farthest = np.abs(y) + spread, np.max(E, axis=-2, keepdims=True)
            scale = facts.value(z, reach, spec.parameters) + facts.rule.farther(reach, farthest)
            layout.view(A, k)[...] = y
            layout.view(E_A, k)[...] = spread + ACCURACY * matrices.u * scale + matrices.tiny
            if levels.naive:
                layout.view(E_A, k)[...] += of_softmax(matrices, spec.name, z, E)
    E_A = levels.limited(E_A, np.abs(A) + E_A)
    return Activated(specs, A, E_A, slope, outward(E_slope), underflows, Z, E_Z)


def own_errors(
    levels: Levels, specs: Sequence[Any], layout: Layout, Z: Any, at: Activated
) -> tuple[Any, Any]:
    """What σ and σ' themselves may err by at Z, in the first precision; of σ' 0 where σ mixes units."""
    own, own_slope = np.empty_like(Z), np.zeros_like(Z)
    for spec, cases in _members(specs).items():
        if spec.entry.elementwise:
            here = _entries(layout, cases)
            values = (data[None, ..., here] for data in (Z, at.A, at.slope))
            value, slope = levels.allowance.activation(spec, *values)
            own[..., here], own_slope[..., here] = value[0], slope[0]
            continue
        facts = ACTIVATION_FACTS[spec.name]
        for k in cases:
            scale = facts.value(layout.view(Z, k), layout.view(at.A, k), spec.parameters)
            layout.view(own, k)[...] = ACCURACY * float(levels.u.flat[0]) * scale
    return own, own_slope


def _mixing(specs: Sequence[Any]) -> list[int]:
    return [k for k, spec in enumerate(specs) if not spec.entry.elementwise]


def backward_activation(levels: Levels, activation: Activated, layout: Layout, g: Any, E_g: Any) -> Any:
    """P3, V2, V4: the error of δ = (∂A/∂Z)^T g, where g is off by at most E_g."""
    s, a, E_slope = np.abs(activation.slope), np.abs(g), activation.E_slope
    product = (s + E_slope) * (a + E_g)
    lost = levels.tiny * activation.underflows
    E = s * E_g + a * E_slope + E_g * E_slope + 2 * levels.u * product + lost
    E = levels.limited(E, product)
    matrices = levels.for_matrices
    for k in _mixing(activation.specs):
        y, E_y, g_k, E_k = (layout.view(data, k) for data in (activation.A, activation.E_A, g, E_g))
        error = ACTIVATION_FACTS[activation.specs[k].name].rule.vjp_error
        own = error(y, E_y, g_k, E_k, matrices.u, matrices.gamma(y.shape[-2] + 1), matrices.tiny)
        if levels.naive and activation.specs[k].name == "log_softmax":
            own = own + of_log_softmax_vjp(
                matrices, layout.view(activation.Z, k), layout.view(activation.E_Z, k), g_k, E_k
            )
        sums = np.sum(np.abs(g_k) + E_k, axis=-2, keepdims=True)
        layout.view(E, k)[...] = matrices.limited(own, sums + own)
    return E


def pulled_back(activation: Activated, layout: Layout, g: Any) -> Any:
    """The centre of δ = (∂A/∂Z)^T g."""
    delta = activation.slope * g
    for k in _mixing(activation.specs):
        rule = ACTIVATION_FACTS[activation.specs[k].name].rule
        layout.view(delta, k)[...] = rule.pulled_back(layout.view(activation.A, k), layout.view(g, k))
    return delta


class LossErrors(NamedTuple):
    """The errors of the losses, (levels, …, cases), the gradients by A[L] and their errors; reduced."""

    E_loss: Any
    g: Any
    E_g: Any


def loss_errors(levels: Levels, oracle: Oracle, batch: Batch, A: Any, E_A: Any) -> LossErrors:
    """P8: the loss of each case at A, its predictions, which are off by at most E_A.

    N terms, each off by at most E_t: E_L = (Σ E_t + γ_{N+2} Σ(|t| + E_t))/d + η₀ with the divisor d.
    """
    layout, specs = batch.outputs, [case.network.loss for case in batch.cases]
    Y = layout.flat(case.Y for case in batch.cases)
    divisors = np.array(
        [
            spec.entry.divisor(spec.reduction, *shape)
            for spec, shape in zip(specs, layout.shapes, strict=True)
        ],
        dtype=np.float64,
    )
    each = layout.each(divisors)
    g, E_g, underflows = np.empty_like(A), np.empty_like(E_A), np.zeros(layout.total)
    sums = np.empty((*E_A.shape[:-1], len(layout)))
    E_sums = np.empty_like(sums)
    keys = [(s.name, tuple(s.parameters.items()), tuple(s.arrays)) for s in specs]
    for (name, *_), cases in _members(keys).items():
        rule = LOSS_FACTS[name].rule
        if rule is None:
            at, part = _entries(layout, cases), Layout([layout.shapes[k] for k in cases])
            spec = _flattened([specs[k] for k in cases], part)
            found = loss_spread(oracle, spec, A[..., at], E_A[..., at], Y[at], levels.allowance)
            terms, E_terms, g[..., at], E_g[..., at] = found
            underflows[at] = underflow_factor(spec.arguments)
            sums[..., cases] = part.sums(np.abs(terms) + E_terms)
            E_sums[..., cases] = part.sums(np.broadcast_to(E_terms, E_g[..., at].shape))
            continue
        matrices = levels.for_matrices
        for k in cases:
            given = (layout.view(A, k), layout.view(E_A, k), layout.view(Y, k), specs[k].arguments)
            terms, E_terms, gradient, error = rule(*given, matrices.u, matrices.tiny * divisors[k])
            if levels.naive and specs[k].name in CROSS_ENTROPIES:
                more, more_slope = of_cross_entropy(matrices, *given)
                E_terms, error = E_terms + more, error + more_slope
            layout.view(g, k)[...], layout.view(E_g, k)[...] = gradient, error
            sums[..., k] = np.sum(np.abs(terms) + E_terms, axis=(-2, -1))
            E_sums[..., k] = np.sum(E_terms, axis=(-2, -1))
    E_loss = (E_sums + levels.gamma(layout.sizes + 2) * sums) / divisors + levels.tiny
    # Who divides first loses by underflow what is not divided any more.
    g, E_g = g / each, E_g / each + levels.tiny * underflows * (1 - 1 / each)
    size = np.abs(g) + E_g
    return LossErrors(
        levels.limited(E_loss, sums), g, levels.limited(E_g + 2 * levels.u * size + levels.tiny, size)
    )


def _flattened(specs: Sequence[LossSpec], layout: Layout) -> LossSpec:
    """One spec for all of these, which differ in reduction and in the numbers of their arrays only."""
    first = specs[0]
    if not first.arrays:
        return first
    arrays = {
        name: layout.flat(
            np.broadcast_to(spec.arrays[name], shape)
            for spec, shape in zip(specs, layout.shapes, strict=True)
        )[None]
        for name in first.arrays
    }
    return LossSpec(first.name, "sum", first.parameters, arrays)
