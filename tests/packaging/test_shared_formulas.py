"""The oracles answer also when every formula of refimpl is taken away: they share names and data only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from oracles.ball_chain import enclosures
from oracles.jax_chain import JaxChain
from oracles.jax_oracle import JaxOracle
from oracles.torch_chain import TorchChain
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network
from refimpl.chain_rule import Binary, Composition, Expression, Unary, Variable
from refimpl.elementary_functions import BINARY_FUNCTIONS, UNARY_FUNCTIONS

NO_FORMULA = {"kinks"}  # where the derivative jumps is a fact, not a way to compute it


class FormulaUsedError(Exception):
    """A formula of refimpl was asked for."""


def refuse(*_: Any, **__: Any) -> None:
    raise FormulaUsedError


@pytest.fixture
def no_formulas() -> Iterator[None]:
    """refimpl without its formulas: each of them raises FormulaUsedError. The entries are frozen."""
    taken = []
    for table in (ACTIVATIONS, LOSSES, UNARY_FUNCTIONS, BINARY_FUNCTIONS):
        for entry in table.values():
            for field in fields(entry):
                value = getattr(entry, field.name)
                if callable(value) and field.name not in NO_FORMULA:
                    taken.append((entry, field.name, value))
                    object.__setattr__(entry, field.name, refuse)
    yield
    for entry, name, value in taken:
        object.__setattr__(entry, name, value)


def case(name: str) -> Case | None:
    """Every activation once, then one whose values the loss takes; None if there is no such activation."""
    rng, loss = np.random.Generator(np.random.Philox(5)), LossSpec(name)
    domain, targets = loss.entry.prediction_domain, loss.entry.target_domain
    fitting = [n for n, entry in ACTIVATIONS.items() if domain.covers(entry.range) and n != "identity"]
    if not fitting:
        return None
    layers = tuple(
        Layer(rng.standard_normal((2, 2)), rng.standard_normal((2, 1)), ActivationSpec(activation))
        for activation in [*ACTIVATIONS, fitting[0]]
    )
    labels = [np.array(each) for each in ([[0.0, 0.25], [1.0, 0.75]], np.eye(2), 2 * np.eye(2) - 1)]
    Y = next(each for each in labels if targets.contains(each))
    return Case(Network(layers, loss), rng.standard_normal((2, 2)), Y, 0.1)


def mse() -> Case:
    """The case of squared error."""
    made = case("mse")
    assert made is not None
    return made


def everything() -> Expression:
    """The sum of x and of every elementary function at x, all of which take a positive number."""
    x = Variable()
    total: Expression = x
    terms = [Unary(name, x) for name in UNARY_FUNCTIONS] + [Binary(name, x, x) for name in BINARY_FUNCTIONS]
    for term in terms:
        total = Binary("add", total, term)
    return total


@pytest.mark.usefixtures("no_formulas")
def test_without_its_formulas_the_reference_cannot_answer() -> None:
    with pytest.raises(FormulaUsedError):
        Backprop().run(mse())


@pytest.mark.usefixtures("no_formulas")
def test_torch_answers_without_them() -> None:
    cases = [made for made in map(case, LOSSES) if made is not None]
    assert len(cases) > len(LOSSES) / 2
    traces = TorchOracle().traces(cases)
    assert all(trace.dW is not None and np.isfinite(trace.loss) for trace in traces)


@pytest.mark.long
@pytest.mark.usefixtures("no_formulas")
def test_jax_answers_without_them() -> None:
    oracle = JaxOracle()
    trace = oracle.plain_trace(mse())
    assert trace.dW is not None
    assert np.isfinite(trace.loss)
    A, Y = np.array([[0.25, 0.5]], "float32"), np.array([[1.0, 1.0]], "float32")
    for name, line in oracle.losses.items():
        assert np.all(np.isfinite(line.terms(A, Y, None, **LossSpec(name).arguments)))


@pytest.mark.usefixtures("no_formulas")
def test_the_chain_rules_oracles_answer_without_them() -> None:
    expression, x = everything(), np.float64(0.75)
    of_torch, of_jax = (chain.value_and_derivative(expression, x) for chain in (TorchChain(), JaxChain()))
    assert np.all(np.isfinite([*of_torch, *of_jax]))
    assert enclosures(Composition(expression, x)) is not None
