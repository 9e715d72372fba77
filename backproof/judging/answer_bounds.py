"""How far an accurate answer to a case can lie from the exact one, end to end, whatever anybody answers.

M1. |answer - exact| ≤ E + E₀, entry by entry: P1 to P6 about the centre, and the same sweep with u = 0 (T1).
    Two answers to one case differ by at most 2 E. Answers to different cases of which an exact relation holds
    have different centres, so that they are compared about their exact values.
See docs/bounds-of-several-answers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from oracles import Oracle
from refimpl import QUANTITIES, Case, Trace

from . import bounds
from .batch import Batch
from .decide import decide
from .deviations import concerned, deviations_of, ids
from .judge import extreme
from .levels import levels_of
from .local import NAIVE_REASON
from .verdicts import FAILING, Alternative, Check, Comparison, Verdict

# Quantity → one float64 array for each layer; of the loss and dX, one.
Arrays = Mapping[str, list[Any]]
About = Literal["exact", "float64", "itself"]


def answer_bounds(case: Case, bounding: Oracle, about: About = "exact", **allowed: Any) -> Arrays:
    """Quantity → for each layer (of the loss and dX: one) the bound, a matrix; of the loss, a scalar.

    Bounds the distance of an accurate answer from the exact one ("exact"), from an oracle's float64 one
    ("float64"), or from another answer of the same implementation ("itself").
    `bounding` evaluates functions; `allowed` is what else may err (`naive`, `deviations`).
    """
    return answers_bounds([case], bounding, about, **allowed)[0]


def answers_bounds(
    cases: Sequence[Case], bounding: Oracle, about: About = "exact", **allowed: Any
) -> list[Arrays]:
    """`answer_bounds` of many cases, in order; those of one dtype are worked out together."""
    found: dict[int, Arrays] = {}
    for dtype in dict.fromkeys(case.dtype for case in cases):
        places = [k for k, case in enumerate(cases) if case.dtype == dtype]
        places.sort(key=lambda k: -cases[k].network.depth)
        batch = Batch([cases[k] for k in places])
        levels = levels_of(dtype, about_centre=True, exact=about == "exact", **allowed)
        errors = bounds.carried(batch, bounding, levels)
        found |= {
            place: _of_case(batch, errors, k, partial(_total, about=about)) for k, place in enumerate(places)
        }
    return [found[k] for k in range(len(cases))]


def errors_about_centre(case: Case, bounding: Oracle, **allowed: Any) -> tuple[Arrays, Arrays]:
    """What an accurate answer, and what an oracle's float64 one, can be off P0's centre."""
    batch = Batch([case])
    errors = bounds.carried(batch, bounding, levels_of(case.dtype, about_centre=True, **allowed))
    return _of_case(batch, errors, 0, lambda E: E[0]), _of_case(batch, errors, 0, lambda E: E[-1])


def _of_case(batch: Batch, errors: Mapping[str, Any], k: int, total: Callable[[Any], Any]) -> Arrays:
    depth, found = batch.cases[k].network.depth, {}
    for quantity, per_layer in QUANTITIES.items():
        layers = range(1, depth + 1) if per_layer else (None,)
        data = [errors[quantity] if l is None else errors[quantity][l - 1] for l in layers]
        found[quantity] = [
            total(_view(batch, quantity, l, each, k)) for l, each in zip(layers, data, strict=True)
        ]
    return found


def _total(E: Any, about: About) -> Any:
    with np.errstate(all="ignore"):
        return E[0] + (E[0] if about == "itself" else E[-1])


def _view(batch: Batch, quantity: str, l: int | None, data: Any, k: int) -> Any:
    if quantity == "loss":
        return data[..., k]
    return batch.layout(quantity, l or 0).view(data, k)


def arrays_of(trace: Trace, quantities: Sequence[str]) -> Arrays:
    """These quantities of a sound trace, as float64."""
    return {
        quantity: [
            np.asarray(value, dtype=np.float64)
            for value in (getattr(trace, quantity) if QUANTITIES[quantity] else [getattr(trace, quantity)])
        ]
        for quantity in quantities
    }


def readings(
    case: Case,
    names: Sequence[str],
    expected: Any,
    bound: Callable[..., Any],
) -> Callable[[], tuple[Alternative, ...]]:
    """The other readings of an answer outside its bound: a declared deviation (D1), a textbook formula (E2).

    `bound(naive=…, deviations=…)` gives the wider bound; `names` are those who answered.
    """

    def widened(verdict: Verdict, reason: str, **allowed: Any) -> Alternative:
        def limits() -> tuple[Any, Any]:
            with np.errstate(all="ignore"):
                wide = bound(**allowed)
                wide = np.where(np.isnan(wide), np.inf, wide)
                return expected - wide, expected + wide

        return Alternative(verdict, reason, limits)

    def all_() -> tuple[Alternative, ...]:
        declared = concerned(deviations_of(*names), case)
        naive = widened("unstable", NAIVE_REASON, naive=True)
        if not declared:
            return (naive,)
        return (widened("known deviation", ids(declared), deviations=declared), naive)

    return all_


def decided(case: Case, comparisons: Sequence[Comparison], bounding: Oracle) -> list[Check]:
    """J1 to J3; whether the case is extreme is asked of `bounding` only where it decides."""
    checks = decide(case, comparisons, is_extreme=False)
    if any(check.verdict in FAILING for check in checks):
        (centre,) = bounding.traces([case], "float64")
        if extreme(case, centre):
            return decide(case, comparisons, is_extreme=True)
    return checks
