"""What user code gets, as far as the miniatures look at it, for tests that do without the harness."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from backproof.cases import DrawOptions, draw_case
from refimpl import Case, LossSpec, Network


def view_of(case: Case) -> SimpleNamespace:
    """The case as plain fresh arrays in our own layout."""
    layers = case.network.layers
    return SimpleNamespace(
        X=case.X.copy(),
        Y=case.Y.copy(),
        W=[layer.W.copy() for layer in layers],
        b=[layer.b.copy() for layer in layers],
        activations=[layer.activation.name for layer in layers],
        loss=case.network.loss.name,
        learning_rate=case.learning_rate,
        dtype=case.dtype.name,
        widths=list(case.network.widths),
        depth=case.network.depth,
        samples=case.samples,
    )


@cache
def cases(number: int, dtype: str = "float64", seed: int = 1) -> tuple[Case, ...]:
    """Random cases as the miniatures declare them: the loss over the number of samples."""
    options = DrawOptions(
        ("identity", "tanh", "relu"), ("half_squared_error",), max_depth=2, max_width=5, max_batch=4
    )
    drawn = [draw_case(seed, index, dtype, options).case for index in range(number)]
    return tuple(
        Case(Network(c.network.layers, LossSpec(c.network.loss.name, "batchmean")), c.X, c.Y, c.learning_rate)
        for c in drawn
    )


def case_where(condition: Any, dtype: str = "float64") -> Case:
    """The first case whose view meets `condition`."""
    return next(case for case in cases(200, dtype) if condition(view_of(case)))
