"""Activations and losses within bounds (P2, P3, P8): grouped by function, for all cases at once.

An elementwise function is evaluated once for all entries of all cases that use it, whatever its parameters.
One that mixes the units of a sample, once for all samples of as many units, by its rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from oracles import Oracle
from oracles.layout import Layout
from refimpl import ActivationSpec

from .activation_facts import ACTIVATION_FACTS
from .allowance import underflow_factor
from .batch import Batch
from .error_facts import ACCURACY
from .in_cache import in_cache
from .levels import Levels
from .loss_facts import LOSS_FACTS
from .pieces import Activations
from .rounding import outward
from .spread import activation_spread, loss_spread
from .textbook import CROSS_ENTROPIES, may_break, of_cross_entropy, of_log_softmax_vjp, of_softmax


class Activated(NamedTuple):
    """What an activation gives: flat data, errors with a leading axis for the precision.

    Where σ mixes the units of a sample, slopes are 0 and stand for nothing.
    """

    specs: Activations
    A: Any
    E_A: Any
    slope: Any
    E_slope: Any
    underflows: Any
    """How many times η₀ a product with σ' can lose, entry by entry."""
    Z: Any = None
    E_Z: Any = None


def activated(
    levels: Levels, oracle: Oracle, specs: Sequence[ActivationSpec], layout: Layout, Z: Any, E_Z: Any
) -> Activated:
    """P2, for each case's activation at Z, which is off by at most E_Z; of those that mix units, with V8."""
    specs = Activations.of(specs, layout)
    A, slope, underflows = np.empty_like(Z), np.zeros_like(Z), np.zeros(E_Z.shape)
    E_A, E_slope = np.empty_like(E_Z), np.zeros_like(E_Z)
    for pieces, at in specs.elementwise:
        z, E, p = Z[..., at], E_Z[..., at], pieces.parameters
        found = activation_spread(oracle, pieces, z, E, levels.allowance)
        A[..., at], E_A[..., at], slope[..., at], E_slope[..., at] = found
        facts = ACTIVATION_FACTS[pieces.name]
        if levels.naive and levels.centre is not None:  # E5
            E_A[..., at] += np.where(may_break(levels, pieces, z, E), np.inf, 0.0)
        more = facts.underflow(np.abs(z) + E, p) if facts.underflow is not None else 0.0
        underflows[..., at] = underflow_factor(p) + more
    matrices = levels.for_matrices
    for spec, at in specs.mixing:
        z, E, facts = Z[..., at], E_Z[..., at], ACTIVATION_FACTS[spec.name]
        y = facts.rule.centre(z)
        spread = facts.rule.spread(y, E)
        reach, farthest = np.abs(y) + spread, np.max(E, axis=-2, keepdims=True)
        scale = facts.value(z, reach, spec.parameters) + facts.rule.farther(reach, farthest)
        A[..., at] = y
        E_A[..., at] = spread + ACCURACY * matrices.u * scale + matrices.tiny
        if levels.naive:
            E_A[..., at] += of_softmax(matrices, spec.name, z, E)
    E_A = in_cache(lambda A, E: levels.limited(E, np.abs(A) + E), A, E_A)
    return Activated(specs, A, E_A, slope, outward(E_slope), underflows, Z, E_Z)


def own_errors(levels: Levels, Z: Any, at: Activated) -> tuple[Any, Any]:
    """What σ and σ' themselves may err by at Z, in the first precision; of σ' 0 where σ mixes units."""
    own, own_slope = np.empty_like(Z), np.zeros_like(Z)
    for pieces, here in at.specs.elementwise:
        values = (data[None, ..., here] for data in (Z, at.A, at.slope))
        value, slope = levels.allowance.activation(pieces, *values)
        own[..., here], own_slope[..., here] = value[0], slope[0]
    for spec, here in at.specs.mixing:
        scale = ACTIVATION_FACTS[spec.name].value(Z[..., here], at.A[..., here], spec.parameters)
        own[..., here] = ACCURACY * float(levels.u.flat[0]) * scale
    return own, own_slope


def _product_error(levels: Levels, slope: Any, E_slope: Any, underflows: Any, g: Any, E_g: Any) -> Any:
    """P3: the error of σ' g, entry by entry."""
    s, a = np.abs(slope), np.abs(g)
    product = (s + E_slope) * (a + E_g)
    lost = levels.tiny * underflows
    E = s * E_g + a * E_slope + E_g * E_slope + 2 * levels.u * product + lost
    return levels.limited(E, product)


def backward_activation(levels: Levels, activation: Activated, g: Any, E_g: Any) -> Any:
    """P3, V2, V4: the error of δ = (∂A/∂Z)^T g, where g is off by at most E_g."""
    slopes = (activation.slope, activation.E_slope, activation.underflows)
    E = in_cache(partial(_product_error, levels), *slopes, g, E_g)
    matrices = levels.for_matrices
    for spec, at in activation.specs.mixing:
        y, E_y, g_k, E_k = (data[..., at] for data in (activation.A, activation.E_A, g, E_g))
        error = ACTIVATION_FACTS[spec.name].rule.vjp_error
        own = error(y, E_y, g_k, E_k, matrices.u, matrices.gamma(y.shape[-2] + 1), matrices.tiny)
        if levels.naive and spec.name == "log_softmax":
            own = own + of_log_softmax_vjp(matrices, activation.Z[..., at], activation.E_Z[..., at], g_k, E_k)
        sums = np.sum(np.abs(g_k) + E_k, axis=-2, keepdims=True)
        E[..., at] = matrices.limited(own, sums + own)
    return E


def pulled_back(activation: Activated, g: Any) -> Any:
    """The centre of δ = (∂A/∂Z)^T g."""
    delta = activation.slope * g
    for spec, at in activation.specs.mixing:
        rule = ACTIVATION_FACTS[spec.name].rule
        delta[..., at] = rule.pulled_back(activation.A[..., at], g[..., at])
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
    losses, layout = batch.losses, batch.outputs
    g, E_g, underflows = np.empty_like(A), np.empty_like(E_A), np.zeros(layout.total)
    sums = np.empty((*E_A.shape[:-1], len(layout)))
    E_sums = np.empty_like(sums)
    for pieces, cases, at, part in losses.terms:
        found = loss_spread(oracle, pieces, A[..., at], E_A[..., at], losses.Y[at], levels.allowance)
        terms, E_terms, g[..., at], E_g[..., at] = found
        underflows[at] = underflow_factor(pieces.arguments)
        sums[..., cases] = part.sums(np.abs(terms) + E_terms)
        E_sums[..., cases] = part.sums(np.broadcast_to(E_terms, (*E_A.shape[:-1], part.total)))
    matrices = levels.for_matrices
    for group in losses.samples:
        at, rule = group.at, LOSS_FACTS[group.name].rule
        assert rule is not None
        given = (A[..., at], E_A[..., at], losses.Y[at], group.arguments)
        divided = matrices.tiny * np.repeat(losses.divisors[group.cases], group.counts)
        terms, E_terms, g[..., at], E_g[..., at] = rule(*given, matrices.u, divided)
        if levels.naive and group.name in CROSS_ENTROPIES:
            more, more_slope = of_cross_entropy(matrices, *given)
            E_terms = E_terms + more
            E_g[..., at] += more_slope
        sums[..., group.cases] = group.sums(np.abs(terms) + E_terms)
        E_sums[..., group.cases] = group.sums(E_terms)
    E_loss = (E_sums + levels.gamma(layout.sizes + 2) * sums) / losses.divisors + levels.tiny
    # Who divides first loses by underflow what is not divided any more.
    each = losses.each
    g, E_g = g / each, E_g / each + levels.tiny * underflows * (1 - 1 / each)
    size = np.abs(g) + E_g
    return LossErrors(
        levels.limited(E_loss, sums), g, levels.limited(E_g + 2 * levels.u * size + levels.tiny, size)
    )
