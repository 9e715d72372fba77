"""Cases in which candidates for a cause give different answers, so that one question refutes most of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.errors import UsageError
from refimpl import Backprop, Case

from .agreement import places_of
from .candidates import Candidate

DRAWN = 24
ASKED = 6
_SIZES = {"width": (2, 4), "batch": (2, 4)}
_SEED = 0x5EED
_VISIBLE = 1e-3
"""Share of an array's largest entry: what differs by more is no matter of rounding in any dtype."""


def telling_cases(
    like: Case, contenders: Sequence[Candidate], options: DrawOptions, number: int = 0
) -> list[Case]:
    """At most `ASKED` small cases with the functions of `like`, the most telling first.

    `number` gives others each time. What is drawn lies within `options`.
    """
    drawn = _drawn(like, options, number)
    if not contenders:
        return drawn[:ASKED]
    answers = [_answers(case, contenders) for case in drawn]
    chosen: list[int] = []
    parted: set[tuple[int, int]] = set()
    while len(chosen) < ASKED:
        rest = [k for k in range(len(drawn)) if k not in chosen]
        if not rest:
            break
        gains = {k: len(answers[k] - parted) for k in rest}
        best = max(rest, key=lambda k: (gains[k], len(answers[k]), -k))
        chosen.append(best)
        parted |= answers[best]
    return [drawn[k] for k in chosen]


def _drawn(like: Case, options: DrawOptions, number: int) -> list[Case]:
    layers, loss = like.network.layers, like.network.loss
    output = layers[-1].activation.name
    depth = like.network.depth
    narrowed: dict[str, Any] = {
        "output": (output,),
        "losses": (loss.name,),
        "pairs": None,
        "activations": None,
        "regimes": ("ordinary",),
        "reductions": (loss.reduction,) if loss.reduction != "entrymean" else options.reductions,
        "min_depth": depth,
        "max_depth": depth,
    }
    if depth > 1:
        narrowed["hidden"] = tuple(dict.fromkeys(layer.activation.name for layer in layers[:-1]))
    for name, (low, high) in _SIZES.items():
        least, most = getattr(options, f"min_{name}"), getattr(options, f"max_{name}")
        narrowed[f"min_{name}"] = max(least, min(low, most))
        narrowed[f"max_{name}"] = max(least, min(high, most))
    for attempt in (narrowed, {"min_depth": depth, "max_depth": depth}, {}):
        try:
            own = replace(options, **attempt)
            return [draw_case(_SEED, number * DRAWN + k, like.dtype.name, own).case for k in range(DRAWN)]
        except UsageError:
            continue
    return []


def _answers(case: Case, contenders: Sequence[Candidate]) -> set[tuple[int, int]]:
    """The pairs of contenders, and of each with the reference (-1), that differ visibly in this case."""
    traces = {-1: _flat(case, Backprop)} | {
        k: _flat(case, c.implementation) for k, c in enumerate(contenders)
    }
    found = set()
    for one in traces:
        for other in traces:
            if one < other and _differ(traces[one], traces[other]):
                found.add((one, other))
    return found


def _flat(case: Case, implementation: Any) -> dict[Any, Any]:
    with np.errstate(all="ignore"):
        try:
            return dict(places_of(implementation().run(case)))
        except Exception:  # noqa: BLE001 - shapes that do not fit: it says nothing here
            return {}


def _differ(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    for place in one.keys() & other.keys():
        x, y = np.asarray(one[place]), np.asarray(other[place])
        if x.shape == y.shape and not np.allclose(x, y, rtol=_VISIBLE, atol=0, equal_nan=True):
            return True
    return False
