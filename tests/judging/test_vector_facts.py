"""Error facts measured, for functions that mix the units of a sample: softmax and its cross-entropy."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
import torch
from exact_values import OF_COLUMNS, TERMS_OF_COLUMNS, exact_loss, exact_softmax_and_pull_back, rounded
from measuring import SOURCES, by_jax, by_torch, oracle_of, require_within

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.error_facts import ACCURACY
from backproof.judging.loss_rules import cross_entropy_with_logits
from backproof.judging.rounding import precision
from refimpl import DTYPES, ActivationSpec, LossSpec


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


@cache
def _cross_entropy_truth(name: str, units: int, dtype: str) -> tuple[Any, Any]:
    """The loss of each column, and the gradient."""
    Z, _, Y = _columns(units, dtype)
    columns = [
        exact_loss(LossSpec(name, "sum"), z[:, None], y[:, None]) for z, y in zip(Z.T, Y.T, strict=True)
    ]
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
def test_cross_entropy_of_logits_errs_by_no_more_than_its_rules_allow(
    name: str, source: str, dtype: str, units: int
) -> None:
    spec, own = LossSpec(name, "sum"), precision(dtype)
    Z, _, Y = _columns(units, dtype)
    if source == "refimpl":
        answers = (np.sum(spec.entry.terms(Z, Y), axis=0), spec.entry.gradient(Z, Y))
    elif source == "torch":
        line = oracle_of(source).losses[name]
        answers = by_torch(lambda z: line.function(z, torch.from_numpy(np.array(Y)), reduction="none"), Z)
    else:
        line = oracle_of(source).losses[name]
        answers = by_jax(lambda z: line.terms(z, Y, None), Z)
    losses, slopes = _cross_entropy_truth(name, units, dtype)
    double, targets = Z.astype(np.float64), Y.astype(np.float64)
    terms, E_terms, _, E_slope = cross_entropy_with_logits(double, 0.0 * double, targets, {}, own.u, own.tiny)
    E = np.sum(E_terms + own.gamma(units) * (np.abs(terms) + E_terms), axis=0)
    what = f"{source}'s {name} in {dtype}"
    require_within(what, answers[:1], [losses], [E], Z[0], 16, names=("value",))
    require_within(what, answers[1:], [slopes], [E_slope], Z, 16, names=("derivative",))


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
    _, slope = by_torch(lambda z: line.function(z, torch.from_numpy(Y), reduction="none"), Z)
    z = Z.astype(np.float64)
    # In float64 every difference of these logits is exact to 1e-14: a truth that is good enough here.
    exact = 1 / np.sum(np.exp(z - z[2]), axis=0)
    own = precision("float32")
    *_, E = cross_entropy_with_logits(z, 0.0 * z, Y.astype(np.float64), {}, own.u, own.tiny)
    ratio = np.abs(slope[2] - exact) / E[2]
    one_rounding = own.u * (ACCURACY + 3 + (z[0] - z[2])) * exact
    assert ratio.max() <= 1
    assert (np.abs(slope[2] - exact) > one_rounding).any()
