"""R7: the sharper bound of a sum whose value is known holds for every order of summation, and is sharper."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from measuring import oracle_of

from backproof.judging import bounds
from backproof.judging.levels import levels_of
from backproof.judging.panel import Panel
from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network

F = np.float32
Reduce = Callable[[Any], Any]


def _in_order(terms: Any) -> Any:
    total = F(0)
    for term in terms:
        total = total + term
    return total


def _in_pairs(terms: Any) -> Any:
    while len(terms) > 1:
        rest = terms[len(terms) // 2 * 2 :]
        terms = np.concatenate([terms[0 : len(terms) - len(rest) : 2] + terms[1::2], rest])
    return terms[0]


def _apart(terms: Any) -> Any:
    """The positive ones and the negative ones by themselves, the largest first."""
    ordered = terms[np.argsort(-np.abs(terms))]
    return _in_order(ordered[ordered > 0]) + _in_order(ordered[ordered < 0])


ORDERS: dict[str, Reduce] = {
    "as they stand": _in_order,
    "in pairs": _in_pairs,
    "positive ones first, the largest first": lambda terms: _in_order(np.sort(terms)[::-1]),
    "negative ones first, the largest last": lambda terms: _in_order(np.sort(terms)),
    "signs apart": _apart,
    "fused": lambda terms: F(np.sum(terms, dtype=np.float64)),
}


def _bound(W: Any, A: Any, total: Any = None) -> float:
    W, A = (np.asarray(each, np.float64)[:, None] for each in (W, A))
    one, column = bounds.Layout([(1, 1)]), bounds.Layout([W.shape])
    levels = levels_of("float32")
    errors = np.zeros((len(levels.precisions), len(A)))
    return float(bounds.transposed(levels, [W], column, A.ravel(), errors, one, total)[0].item())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("terms", [1, 2, 3, 8, 33])
def test_every_order_stays_inside_and_where_terms_cancel_the_bound_is_half(order: str, terms: int) -> None:
    rng = np.random.Generator(np.random.Philox(terms))
    largest, halved = 0.0, 0
    for _ in range(300):
        W, A = rng.standard_normal((2, terms)).astype(F) * F(2.0) ** rng.integers(-3, 4, terms).astype(F)
        if terms > 2:  # the last product takes most of the others back
            W[-1], A[-1] = -F(np.sum(W[:-1] * A[:-1], dtype=np.float64)), F(1)
        exact = sum(Fraction(float(w)) * Fraction(float(a)) for w, a in zip(W, A, strict=True))
        known = _bound(W, A, np.array([abs(float(exact)) * (1 + 2.0**-50)]))
        largest = max(largest, abs(float(Fraction(float(ORDERS[order](W * A))) - exact)) / known)
        halved += known < 0.65 * _bound(W, A)
    assert largest <= 1
    assert (halved > 250) == (terms >= 8)


def test_an_error_between_the_two_bounds_is_caught_on_a_steps_own_inputs() -> None:
    """Σ δ a over 32 samples that cancel, off by three quarters of what R2 would allow."""
    samples = 32
    X = np.where(np.arange(samples) % 2, -1, 1)[None].astype(F) * F(1.25)
    layer = Layer(np.zeros((1, 1), F), np.zeros((1, 1), F), ActivationSpec("identity"))
    targets = np.full((1, samples), -1.5, F)
    case = Case(Network((layer,), LossSpec("half_squared_error", "sum")), X, targets)
    of_r2 = _bound(np.full(samples, 1.5), X[0])

    class Off(Backprop):
        """dW[1] is off, and nothing else."""

        by = 0.75 * of_r2

        def run(self, case: Case) -> Any:
            from dataclasses import replace

            trace = super().run(case)
            assert trace.dW is not None
            return replace(trace, dW=(trace.dW[0] + F(self.by),), W_updated=None)

    verdicts = {
        check.verdict
        for check in Panel(Off(), [oracle_of("torch")]).judge([case])[0].checks
        if check.quantity == "dW" and check.scope == "local" and check.left == "reference"
    }
    assert verdicts == {"mismatch"}
    assert Panel(Backprop(), [oracle_of("torch")]).judge([case])[0].verdict == "conforms"
