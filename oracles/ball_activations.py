"""One line for each activation in ball arithmetic: its definition, as the textbook has it.

The argument is a power series over FLINT's balls (`arb_series`), so a value carries its derivative and none
is written down. Nothing here cancels or overflows visibly: whoever calls sets the precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Series = Any


def above(z: Series, point: Any) -> bool:
    """Whether z > point, which chooses the branch of a function that has several. z[0] is an exact number."""
    return bool(z[0] > point)


def _softmax(column: Sequence[Series]) -> list[Series]:
    e = [z.exp() for z in column]
    return [x / sum(e) for x in e]


# Name → σ(z, **parameters) of one number.
ELEMENTWISE: Mapping[str, Callable[..., Series]] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + (-z).exp()),
    "tanh": lambda z: 1 - 2 / ((2 * z).exp() + 1),
    "relu": lambda z: z if above(z, 0) else 0 * z,
    "leaky_relu": lambda z, negative_slope: z if above(z, 0) else negative_slope * z,
    "softplus": lambda z, beta: (1 + (beta * z).exp()).log() / beta,
}

# Name → σ(column, **parameters) of all units of one sample.
OF_COLUMNS: Mapping[str, Callable[..., list[Series]]] = {"softmax": _softmax}
