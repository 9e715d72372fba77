"""Gradient descent over several steps: every step is judged, on the parameters that the one before left."""

from typing import Any

import numpy as np
import pytest

from backproof.cases import DrawOptions, draw_case
from refimpl import DTYPES, Case, Layer, Network

from .conftest import options_within, require_offered

STEPS = 6
RUNS = 24


def _next(case: Case, trace: Any) -> Case:
    layers = tuple(
        Layer(W, b, layer.activation)
        for W, b, layer in zip(trace.W_updated, trace.b_updated, case.network.layers, strict=True)
    )
    return Case(Network(layers, case.network.loss), case.X, case.Y, case.learning_rate)


def _finite(trace: Any) -> bool:
    updated = trace.W_updated is not None and trace.b_updated is not None
    return updated and all(np.isfinite(array).all() for array in (*trace.W_updated, *trace.b_updated))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_step_of_gradient_descent_conforms(backproof: Any, dtype: str):
    small = DrawOptions(regimes=("ordinary",), max_depth=3, max_width=8, max_batch=8)
    options = options_within(backproof, dtype, small)
    cases = [draw_case(7, index, dtype, options).case for index in range(RUNS)]
    first = list(cases)
    for _ in range(STEPS):
        judgements = backproof.judge(cases)
        backproof.require((j.case, check) for j in judgements for check in j.checks)
        checks = [(j.case, check) for j in judgements for check in j.checks if check.left == backproof.name]
        updates = [(case, check) for case, check in checks if check.quantity == "W_updated"]
        require_offered(backproof, judgements, updates)
        traces = [backproof.trace(case) for case in cases]
        # A rate too large makes descent diverge; what is no longer finite is no case.
        kept = [(c, t) for c, t in zip(cases, traces, strict=True) if _finite(t)]
        cases = [_next(case, trace) for case, trace in kept]
    moved = sum(case not in first for case in cases)
    assert moved > RUNS / 2, "gradient descent changed almost nothing: the steps tested nothing"
