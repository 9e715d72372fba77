"""The exact answer to a case and how far an accurate one may lie from it, in the documented sum of terms.

Values come from torch if it is installed and not known to deviate there, else from the truth; bounds from
`judging.answer_bounds` (M1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from backproof.judging.answer_bounds import answers_bounds, arrays_of
from backproof.judging.deviations import concerned, deviations_of
from oracles import Oracle
from refimpl import QUANTITIES, Case, LossSpec, Network

_SCALED = ("loss", "delta", "dW", "db", "dX")
_KEPT_AT_MOST = 20_000


@dataclass(frozen=True)
class Exact:
    """Quantity → one float64 array for each layer (of the loss and dX: one): the value, and its bound."""

    value: Mapping[str, list[Any]]
    bound: Mapping[str, list[Any]]


@cache
def oracle() -> Oracle:
    """Who knows the exact values here."""
    if find_spec("torch") is not None:
        from oracles.torch_oracle import TorchOracle

        return TorchOracle()
    return truth()


@cache
def truth() -> Oracle:
    """Exact values, proven."""
    from oracles.ball_oracle import BallOracle

    return BallOracle()


_KNOWN: dict[tuple[Any, ...], Exact] = {}


def exacts(cases: Sequence[Case]) -> list[Exact]:
    """The exact answers, in order, whatever the reductions of the cases are; each is worked out once.

    P1 to P6 are taken with the loss over m samples, so that they cover a division, and then multiplied by m.
    """
    keys = [_key(case) for case in cases]
    if len(_KNOWN) > _KEPT_AT_MOST:
        _KNOWN.clear()
    missing = {key: case for key, case in zip(keys, cases, strict=True) if key not in _KNOWN}
    declared = deviations_of(oracle().name)
    odd = {key: case for key, case in missing.items() if concerned(declared, case)}
    _learn(odd, truth())
    _learn({key: case for key, case in missing.items() if key not in odd}, oracle())
    return [_KNOWN[key] for key in keys]


def _key(case: Case) -> tuple[Any, ...]:
    """All that makes the exact values, without the reduction."""
    loss = case.network.loss
    return (
        case.dtype.name,
        case.learning_rate,
        loss.name,
        *sorted(loss.parameters.items()),
        *((name, array.tobytes()) for name, array in sorted(loss.arrays.items())),
        *(
            (layer.activation, layer.W.shape, layer.W.tobytes(), layer.b.tobytes())
            for layer in case.network.layers
        ),
        case.X.tobytes(),
        case.Y.tobytes(),
    )


def _learn(cases: Mapping[tuple[Any, ...], Case], asked: Oracle) -> None:
    if not cases:
        return
    plain = [_over_samples(case) for case in cases.values()]
    with np.errstate(all="ignore"):
        traces = asked.traces(plain, "float64")
        bounds = answers_bounds(plain, oracle(), "float64")
        for key, case, trace, bound in zip(cases, plain, traces, bounds, strict=True):
            _KNOWN[key] = _as_sum(case, arrays_of(trace, tuple(QUANTITIES)), bound)


def _over_samples(case: Case) -> Case:
    loss = case.network.loss
    if loss.reduction == "batchmean":
        return case
    spec = LossSpec(loss.name, "batchmean", loss.parameters, loss.arrays)
    return Case(Network(case.network.layers, spec), case.X, case.Y, case.learning_rate)


def _as_sum(case: Case, value: Mapping[str, list[Any]], bound: Mapping[str, list[Any]]) -> Exact:
    m = float(case.samples)
    values, bounds = dict(value), {name: [np.asarray(each) for each in bound[name]] for name in bound}
    for quantity in _SCALED:
        values[quantity] = [array * m for array in value[quantity]]
        bounds[quantity] = [
            array * m + np.finfo(np.float64).eps * np.abs(exact)
            for array, exact in zip(bounds[quantity], values[quantity], strict=True)
        ]
    return Exact(values, bounds)
