"""Error facts measured, for functions that mix the units of a sample: softmax and its cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
import torch
from exact_values import OF_COLUMNS, TERMS_OF_COLUMNS, exact_loss, exact_softmax_and_pull_back, rounded
from measuring import SOURCES, by_jax, by_torch, ends_of, oracle_of, require_within

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.error_facts import ACCURACY
from backproof.judging.loss_facts import LOSS_FACTS
from backproof.judging.loss_rules import cross_entropy_with_logits
from backproof.judging.rounding import precision
from refimpl import DTYPES, LOSSES, ActivationSpec, LossSpec
from refimpl.domains import OneHot


def _table(*names: str) -> Any:
    """Every name with every source and dtype."""
    rows = [(name, source, dtype) for name in names for source in SOURCES for dtype in DTYPES]
    parameters = [pytest.param(*row, id="-".join(row)) for row in rows]
    return pytest.mark.parametrize(("name", "source", "dtype"), parameters)


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


WHOLE = {"value": 1.0, "derivative": 1.0}
UNITS = pytest.mark.parametrize("units", [1, 3, 12], ids=lambda n: f"{n} units")


@UNITS
@_table(*OF_COLUMNS)
def test_softmax_errs_by_no_more_than_its_rules_allow(name: str, source: str, dtype: str, units: int) -> None:
    _measure_softmax(name, source, dtype, units)


def _measure_softmax(name: str, source: str, dtype: str, units: int) -> None:
    spec, own = ActivationSpec(name), precision(dtype)
    Z, G, _ = _columns(units, dtype)
    truths = _softmax_truth(name, units, dtype)
    A, double, facts = rounded(truths[0]), Z.astype(np.float64), ACTIVATION_FACTS[name]
    E_A = ACCURACY * own.u * facts.value(double, A, {}) + own.tiny
    E = facts.rule.vjp_error(A, E_A, G.astype(np.float64), 0.0 * A, own.u, own.gamma(units + 1), own.tiny)
    require_within(f"{source}'s {name} in {dtype}", _softmax(source, spec, Z, G), truths, (E_A, E), Z, 16)


@UNITS
@_table(*TERMS_OF_COLUMNS)
def test_a_loss_of_columns_errs_by_no_more_than_its_rule_allows(
    name: str, source: str, dtype: str, units: int
) -> None:
    _measure_loss(name, source, dtype, units)


def _measure_loss(
    name: str, source: str, dtype: str, units: int, shares: Mapping[str, float] = WHOLE
) -> None:
    for spec in _loss_variants(name, units, dtype):
        _measure_spec(spec, source, dtype, units, shares)


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


def _measure_spec(spec: LossSpec, source: str, dtype: str, units: int, shares: Mapping[str, float]) -> None:
    own, rule = precision(dtype), LOSS_FACTS[spec.name].rule
    Z, Y = _columns(units, dtype)[0], _targets(spec.name, units, dtype)
    losses, slopes = _loss_truth(spec, units, dtype)
    with np.errstate(all="ignore"):
        answers = _answers(spec, source, Z, Y)
        double, targets = Z.astype(np.float64), Y.astype(np.float64)
        found = rule(double, 0.0 * double, targets, spec.arguments, own.u, own.tiny)
    terms, E_terms, gradient, E_slope = found
    inner = spec.entry.divisor("sum", units, 1)
    E = np.sum(E_terms + own.gamma(units + 1) * (np.abs(terms) + E_terms), axis=0) / inner
    E_slope = (E_slope + 2 * own.u * (np.abs(gradient) + E_slope)) / inner
    what = f"{source}'s {spec.name} {dict(spec.arguments)} in {dtype}"
    require_within(what, answers[:1], [losses], [E * shares["value"]], Z[0], 12, names=("value",))
    limits = [E_slope * shares["derivative"]]
    require_within(what, answers[1:], [slopes], limits, Z, 12, names=("derivative",))
    posed = np.isfinite(E)
    for centre, truth in ((np.sum(terms, axis=0), losses), (gradient, slopes)):
        np.testing.assert_allclose(
            centre[..., posed] / inner, rounded(truth)[..., posed], rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("quantity", ["value", "derivative"])
@pytest.mark.parametrize("name", TERMS_OF_COLUMNS)
def test_a_hundredth_of_a_losss_bound_is_too_little(name: str, quantity: str) -> None:
    shares = {"value": 1.0, "derivative": 1.0, quantity: 0.01}
    with pytest.raises(AssertionError, match=f"{name}.*the {quantity} at .* times what the facts allow"):
        _measure_loss(name, "refimpl", "float32", 12, shares)


@pytest.mark.parametrize("name", OF_COLUMNS)
def test_a_tenth_of_the_scale_is_too_little(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = ACTIVATION_FACTS[name]
    narrow = replace(facts, value=lambda *arguments: facts.value(*arguments) / 10)
    monkeypatch.setitem(ACTIVATION_FACTS, name, narrow)
    with pytest.raises(AssertionError, match=rf"{name}.*the value at .* times what the facts allow"):
        _measure_softmax(name, "refimpl", "float32", 12)


def test_a_small_probability_from_its_logarithm_errs_by_two_roundings_and_the_rule_allows_both() -> None:
    """p = e^((z - max) - log Σ): with z - max about -70, each difference rounds by up to 64 u in float32."""
    rng = np.random.Generator(np.random.Philox(3))
    top = rng.uniform(70, 120, 4000)
    Z = np.vstack([top, top - rng.uniform(0, 2, 4000), top - rng.uniform(64, 72, 4000)]).astype("float32")
    Y = np.tile(np.array([[1], [0], [0]], "float32"), 4000)
    line = oracle_of("torch").losses["cross_entropy_with_logits"]
    arguments = LossSpec("cross_entropy_with_logits").arguments
    _, slope = by_torch(lambda z: line.function(z, torch.from_numpy(Y), reduction="none", **arguments), Z)
    z = Z.astype(np.float64)
    # In float64 every difference of these logits is exact to 1e-14: a truth that is good enough here.
    exact = 1 / np.sum(np.exp(z - z[2]), axis=0)
    own = precision("float32")
    *_, E = cross_entropy_with_logits(z, 0.0 * z, Y.astype(np.float64), arguments, own.u, own.tiny)
    ratio = np.abs(slope[2] - exact) / E[2]
    one_rounding = own.u * (ACCURACY + 3 + (z[0] - z[2])) * exact
    assert ratio.max() <= 1
    assert (np.abs(slope[2] - exact) > one_rounding).any()
