"""Error facts measured, for functions that mix the units of a sample: softmax and its cross-entropy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from error_facts_table import require_in_table
from exact_values import OF_COLUMNS, TERMS_OF_COLUMNS
from measuring import SOURCES, by_torch, oracle_of
from measuring_columns import measure_loss_of_columns, measure_softmax

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.error_facts import ACCURACY
from backproof.judging.loss_rules import cross_entropy_with_logits
from backproof.judging.rounding import precision
from refimpl import DTYPES, LossSpec


def _table(*names: str) -> Any:
    """Every name with every source and dtype."""
    rows = [(name, source, dtype) for name in names for source in SOURCES for dtype in DTYPES]
    parameters = [pytest.param(*row, id="-".join(row)) for row in rows]
    return pytest.mark.parametrize(("name", "source", "dtype"), parameters)


@_table(*OF_COLUMNS)
def test_softmax_errs_by_no_more_than_its_rules_allow(name: str, source: str, dtype: str) -> None:
    require_in_table(measure_softmax(name, source, dtype))


@pytest.mark.long
@_table(*TERMS_OF_COLUMNS)
def test_a_loss_of_columns_errs_by_no_more_than_its_rule_allows(name: str, source: str, dtype: str) -> None:
    require_in_table(measure_loss_of_columns(name, source, dtype))


@pytest.mark.parametrize("quantity", ["value", "derivative"])
@pytest.mark.parametrize("name", TERMS_OF_COLUMNS)
def test_a_hundredth_of_a_losss_bound_is_too_little(name: str, quantity: str) -> None:
    shares = {"value": 1.0, "derivative": 1.0, quantity: 0.01}
    with pytest.raises(AssertionError, match=f"{name}.*the {quantity} at .* times what the facts allow"):
        measure_loss_of_columns(name, "refimpl", "float32", (12,), shares)


@pytest.mark.parametrize("name", OF_COLUMNS)
def test_a_tenth_of_the_scale_is_too_little(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = ACTIVATION_FACTS[name]
    narrow = replace(facts, value=lambda *arguments: facts.value(*arguments) / 10)
    monkeypatch.setitem(ACTIVATION_FACTS, name, narrow)
    with pytest.raises(AssertionError, match=rf"{name}.*the value at .* times what the facts allow"):
        measure_softmax(name, "refimpl", "float32", (12,))


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
