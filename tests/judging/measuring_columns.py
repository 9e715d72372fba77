"""How answers for functions that mix the units of a sample are measured: softmax, its cross-entropy …

As in `measuring`; here a rule gives the bound, and what that allows for roundings counts as ACCURACY.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
import numpy as np
import torch
from exact_values import exact_loss, exact_softmax_and_pull_back, rounded
from measuring import (
    Measured,
    Parts,
    by_jax,
    by_torch,
    ends_of,
    in_words,
    measured,
    oracle_of,
    require_within,
    worst_of,
)

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.error_facts import ACCURACY
from backproof.judging.loss_facts import LOSS_FACTS
from backproof.judging.rounding import precision
from refimpl import LOSSES, ActivationSpec, LossSpec
from refimpl.domains import OneHot

UNITS = (1, 3, 12)
WHOLE = {"value": 1.0, "derivative": 1.0}


@cache
def _columns(units: int, dtype: str) -> tuple[Any, Any, Any]:
    """Z, a cotangent G and labels Y, (units, 16): logits of sizes 1e-3 to 300, ties, labels 0 and 1 too."""
    rng = np.random.Generator(np.random.Philox(units))
    Z = rng.standard_normal((units, 16)) * np.repeat([1e-3, 1.0, 30.0, 300.0], 4)
    Z[:, 3::4] = np.round(Z[:, 3::4])
    Z[:, 0] = 0.5
    Y = np.clip(rng.uniform(-0.5, 1.5, Z.shape), 0, 1)
    return Z.astype(dtype), rng.standard_normal(Z.shape).astype(dtype), Y.astype(dtype)


@cache
def _softmax_truth(name: str, units: int, dtype: str) -> tuple[Any, Any]:
    Z, G, _ = _columns(units, dtype)
    return exact_softmax_and_pull_back(ActivationSpec(name), Z, G)


def _loss_variants(name: str, units: int, dtype: str) -> list[LossSpec]:
    """The defaults; each parameter at the ends of where it is drawn; every array at random."""
    entry, rng = LOSSES[name], np.random.Generator(np.random.Philox(8))
    ends = [{p.name: value} for p in entry.parameters for value in ends_of(p.drawn)]
    specs = [LossSpec(name, "sum", entry.complete(given, np.dtype(dtype))) for given in ({}, *ends)]
    for array in entry.arrays:
        drawn = rng.uniform(array.drawn.low, array.drawn.high, array.shape(units, 1)).astype(dtype)
        specs.append(LossSpec(name, "sum", specs[-1].parameters, {array.name: drawn}))
    return specs


def _targets(name: str, units: int, dtype: str) -> Any:
    Z, G, Y = _columns(units, dtype)
    if isinstance(LOSSES[name].target_domain, OneHot):
        return np.eye(units, dtype=dtype)[:, np.argmax(Y, axis=0)]
    return Y if LOSSES[name].classes else np.hstack([Z[:, :8], G[:, 8:]])


@cache
def _loss_truth(spec: LossSpec, units: int, dtype: str) -> tuple[Any, Any]:
    """The loss of each column, and the gradient."""
    Z, Y = _columns(units, dtype)[0], _targets(spec.name, units, dtype)
    columns = [exact_loss(spec, z[:, None], y[:, None]) for z, y in zip(Z.T, Y.T, strict=True)]
    return np.array([loss for loss, _ in columns], dtype=object), np.hstack([slope for _, slope in columns])


def _softmax(source: str, spec: ActivationSpec, Z: Any, G: Any) -> tuple[Any, Any]:
    """(A, (∂A/∂Z)^T G) as `source` has them."""
    if source == "refimpl":
        A = spec.entry.value(Z)
        return A, spec.entry.vjp(Z, A, G)
    line = oracle_of(source).activations[spec.name]
    if source == "torch":
        z = torch.from_numpy(np.array(Z)).requires_grad_()
        a = line(z)
        return a.detach().numpy(), torch.autograd.grad(a, z, torch.from_numpy(np.array(G)))[0].numpy()
    with jax.enable_x64(True):
        value, pull_back = jax.jit(lambda z: jax.vjp(lambda z: line(z, None), z))(Z)
        return np.asarray(value), np.asarray(jax.jit(pull_back)(G)[0])


# ---------------------------------------------------------------- the measurement


def _place(units: int, shape: tuple[int, ...], given: Mapping[str, Any], index: int) -> str:
    """Which of the drawn numbers, as the table says it."""
    *unit, column = np.unravel_index(index, shape)
    names, numbers = ("units", "unit", "column")[: 2 + len(unit)], (units, *map(int, unit), int(column))
    return in_words(
        "", (), dict(zip(names if unit else ("units", "column"), numbers, strict=True)) | dict(given)
    )


def measure_softmax(name: str, source: str, dtype: str, units: tuple[int, ...] = UNITS) -> list[Measured]:
    """The largest errors of the values and of the vjp, both of which must lie within their rules."""
    return worst_of([each for n in units for each in _measure_softmax(name, source, dtype, n)])


def _measure_softmax(name: str, source: str, dtype: str, units: int) -> list[Measured]:
    spec, own = ActivationSpec(name), precision(dtype)
    Z, G, _ = _columns(units, dtype)
    truths = _softmax_truth(name, units, dtype)
    A, double, facts = rounded(truths[0]), Z.astype(np.float64), ACTIVATION_FACTS[name]
    scale, g = ACCURACY * own.u * facts.value(double, A, {}), G.astype(np.float64)

    def limits(tiny: float) -> tuple[Any, Any]:
        E_A = scale + tiny
        return E_A, facts.rule.vjp_error(A, E_A, g, 0.0 * A, own.u, own.gamma(units + 1), tiny)

    whole, roundings = limits(own.tiny), limits(0.0)
    errors = require_within(
        f"{source}'s {name} in {dtype}", _softmax(source, spec, Z, G), truths, whole, Z, min(16, 16 * units)
    )
    return [
        measured(
            (name, quantity, source, dtype), *pair, truth, Parts(all_but, limit - all_but, 0.0 * limit),
            lambda i: _place(units, Z.shape, {}, i),
        )
        for quantity, pair, truth, limit, all_but in zip(
            ("value", "vjp"), errors, truths, whole, roundings, strict=True
        )
    ]  # fmt: skip


def measure_loss_of_columns(
    name: str, source: str, dtype: str, units: tuple[int, ...] = UNITS, shares: Mapping[str, float] = WHOLE
) -> list[Measured]:
    """Likewise of a loss and its gradient, of whose bounds a share may be taken."""
    return worst_of(
        [
            each
            for n in units
            for spec in _loss_variants(name, n, dtype)
            for each in _measure_spec(spec, source, dtype, n, shares)
        ]
    )


def _answers(spec: LossSpec, source: str, Z: Any, Y: Any) -> tuple[Any, Any]:
    """The loss of each column and its gradient as `source` has them."""
    entry, arguments, inner = spec.entry, spec.arguments, Z.dtype.type(spec.entry.divisor("sum", len(Z), 1))
    if source == "refimpl":
        terms, slopes = entry.terms(Z, Y, **arguments), entry.gradient(Z, Y, **arguments)
        return np.sum(terms, axis=0) / inner, slopes / inner
    line = oracle_of(source).losses[spec.name]
    if source == "torch":
        targets = torch.from_numpy(np.array(Y))
        arrays = {name: torch.from_numpy(np.array(array)) for name, array in spec.arrays.items()}
        return by_torch(lambda z: line.function(z, targets, reduction="none", **{**arguments, **arrays}), Z)
    return by_jax(lambda z: line.terms(z, Y, None, **arguments) / inner, Z)


def _measure_spec(
    spec: LossSpec, source: str, dtype: str, units: int, shares: Mapping[str, float]
) -> list[Measured]:
    own, rule = precision(dtype), LOSS_FACTS[spec.name].rule
    Z, Y = _columns(units, dtype)[0], _targets(spec.name, units, dtype)
    truths = _loss_truth(spec, units, dtype)
    double, targets, inner = Z.astype(np.float64), Y.astype(np.float64), spec.entry.divisor("sum", units, 1)

    def limits(tiny: float) -> tuple[Any, Any]:
        terms, E_terms, gradient, E_slope = rule(double, 0.0 * double, targets, spec.arguments, own.u, tiny)
        E = np.sum(E_terms + own.gamma(units + 1) * (np.abs(terms) + E_terms), axis=0) / inner
        E_slope = (E_slope + 2 * own.u * (np.abs(gradient) + E_slope)) / inner
        posed = np.isfinite(E)
        for centre, truth in zip((np.sum(terms, axis=0), gradient), truths, strict=True):
            np.testing.assert_allclose(
                centre[..., posed] / inner, rounded(truth)[..., posed], rtol=1e-9, atol=1e-9
            )
        return E, E_slope

    with np.errstate(all="ignore"):
        answers = _answers(spec, source, Z, Y)
        whole, roundings = limits(own.tiny), limits(0.0)
    what = f"{source}'s {spec.name} {dict(spec.arguments)} in {dtype}"
    given = {**spec.parameters, **dict.fromkeys(spec.arrays, "drawn")}
    found = []
    for k, (quantity, name, points) in enumerate((("value", "value", Z[0]), ("gradient", "derivative", Z))):
        limit = whole[k] * shares[name]
        (pair,) = require_within(what, [answers[k]], [truths[k]], [limit], points, 12, names=(name,))
        parts = Parts(roundings[k], whole[k] - roundings[k], 0.0 * limit)
        found.append(
            measured(
                (spec.name, quantity, source, dtype),
                *pair,
                truths[k],
                parts,
                lambda i, shape=points.shape: _place(units, shape, given, i),
            )
        )
    return found
