"""Errors put into correct gradients, and the cases that they are put into.

E1. relative: one entry of one dW is off by ε times the largest magnitude in that dW.
E2. bound: one entry of one dW is off by k times the bound that the judge has for that very entry.
E3. zero: every gradient is 0, of a network whose outputs and targets are scaled by s, with squared error.
E4. mistake: a catalogued wrong equation in the place of the right one.

Layer, entry and sign are drawn from the seed and the case's index; W_updated follows from the wrong dW. An
error that vanishes in rounding is none, and one of an entry without a finite bound has no size: neither
counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.judging.batch import Batch, Sides
from backproof.judging.end_to_end import EndToEnd
from backproof.judging.local import LocalSteps
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network, Trace
from refimpl.functions import no_kinks

RELATIVE = tuple(10.0**-k for k in range(1, 16))
MULTIPLES = (0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0)
SCALES = (1.0, 1e-3, 1e-6, 1e-9, 1e-12)
NOTICEABLE = 0.01
"""A mistake that moves a gradient by more than this share of its tensor's largest magnitude is plain."""

UPDATED = ("W_updated", "b_updated")
PLANTED = (
    *("derivative-forgotten", "derivative-of-output", "softmax-elementwise", "prediction-minus-target"),
    *("target-minus-prediction", "batch-mean-twice", "bias-from-one-column", "bias-forgotten"),
    *("update-uphill", "bias-not-updated", "parameters-ignored", "softmax-without-maximum"),
)
"""The mistakes of E4: not the whole catalogue, so that each tool sees each of them in many cases."""

_SIZES: dict[str, Any] = {"max_depth": 5, "max_width": 32, "max_batch": 16}
POPULATIONS = {
    "ordinary and smooth": DrawOptions(
        activations=tuple(name for name, entry in ACTIVATIONS.items() if entry.kinks is no_kinks),
        losses=tuple(name for name, entry in LOSSES.items() if entry.kinks is no_kinks),
        regimes=("ordinary",),
        **_SIZES,
    ),
    "every regime": DrawOptions(**_SIZES),
}


def cases_of(population: str, dtype: str, seed: int, count: int) -> list[Case]:
    """The first so many cases of a population: those that the suite draws of the same seed and options."""
    return [draw_case(seed, index, dtype, POPULATIONS[population]).case for index in range(count)]


# ---------------------------------------------------------------- E1 and E2


@dataclass(frozen=True)
class Place:
    """Where an error goes, and its sign."""

    layer: int
    entry: tuple[int, int]
    sign: float


def place_of(case: Case, seed: int, index: int) -> Place:
    """A layer, one of its entries and a sign, each as likely as another."""
    draw = np.random.Generator(np.random.Philox(key=[seed, index]))
    layer = int(draw.integers(case.network.depth))
    rows, columns = case.network.layers[layer].W.shape
    entry = (int(draw.integers(rows)), int(draw.integers(columns)))
    return Place(layer, entry, float(draw.choice([-1.0, 1.0])))


def off_by(case: Case, trace: Trace, place: Place, amount: float) -> Trace | None:
    """The trace with one entry of dW off by `amount`; None where that is no error or not a finite one."""
    assert trace.dW is not None
    dW = trace.dW[place.layer].copy()
    with np.errstate(all="ignore"):
        dW[place.entry] = np.float64(dW[place.entry]) + place.sign * amount
    if not np.isfinite(dW[place.entry]) or dW[place.entry] == trace.dW[place.layer][place.entry]:
        return None
    return with_gradients(case, trace, _with(trace.dW, place.layer, dW))


def relative_error(case: Case, trace: Trace, place: Place, epsilon: float) -> Trace | None:
    """E1."""
    assert trace.dW is not None
    with np.errstate(all="ignore"):
        return off_by(case, trace, place, epsilon * float(np.max(np.abs(trace.dW[place.layer]))))


def with_gradients(case: Case, trace: Trace, dW: tuple[Any, ...]) -> Trace:
    """The trace with another dW and what the update makes of it."""
    with np.errstate(all="ignore"):
        updated = tuple(
            Backprop().update_weight(layer.W, own, case.learning_rate)
            for layer, own in zip(case.network.layers, dW, strict=True)
        )
    return replace(trace, dW=dW, W_updated=updated)


def _with(arrays: tuple[Any, ...], place: int, array: Any) -> tuple[Any, ...]:
    return (*arrays[:place], array, *arrays[place + 1 :])


@dataclass(frozen=True)
class Bounds:
    """The judge's bounds of one case: on dW[l] and db[l], an array for each layer."""

    local: tuple[Any, ...]
    """Of dW, given the trace's own δ and A."""
    end_to_end: tuple[Any, ...]
    """Of dW, against an oracle's."""
    bias: tuple[Any, ...]
    """Of db, against an oracle's."""


def bounds_of(cases: Sequence[Case], traces: Sequence[Trace], oracle: Any) -> list[Bounds]:
    """The bounds of correct traces, as the judge works them out; all cases have one dtype."""
    order = sorted(range(len(cases)), key=lambda i: -cases[i].network.depth)
    ordered = [cases[i] for i in order]
    centres = oracle.traces(ordered, "float64")
    sides = Sides(Batch(ordered), {"reference": [traces[i] for i in order]})
    found: dict[tuple[str, str], dict[int, dict[int, Any]]] = {}
    with np.errstate(all="ignore"):
        blocks = [
            *LocalSteps(sides, oracle, {}).blocks(),
            *EndToEnd(sides, oracle, {oracle.name: centres}).blocks(),
        ]
    for block in blocks:
        known = found.setdefault((block.scope, block.quantity), {})
        for k in range(len(block.layout)):
            known.setdefault(order[k], {})[block.layer or 0] = block.layout.view(block.bound[0], k)

    def arrays(scope: str, quantity: str, i: int) -> tuple[Any, ...]:
        return tuple(array for _, array in sorted(found[scope, quantity][i].items()))

    return [
        Bounds(arrays("local", "dW", i), arrays("end to end", "dW", i), arrays("end to end", "db", i))
        for i in range(len(cases))
    ]


# ---------------------------------------------------------------- E3


def scaled_case(case: Case, scale: float) -> Case:
    """The case with its last layer linear, mean squared error, and outputs and targets scaled.

    As if they were given in another unit: the last layer's gradients are then `scale`, the others' its square
    times those of scale 1.
    """
    *hidden, last = case.network.layers
    number = case.dtype.type(scale)
    layer = Layer(last.W * number, last.b * number, ActivationSpec("identity"))
    network = Network((*hidden, layer), LossSpec("mse"))
    return Case(network, case.X, case.Y * number, case.learning_rate)


def zero_gradient(case: Case, trace: Trace) -> Trace | None:
    """E3: what an implementation gives that never goes backward; None where that is right, or nothing is."""
    assert trace.delta is not None
    assert trace.dW is not None
    assert trace.db is not None
    gradients = [*trace.dW, *trace.db]
    if not all(np.isfinite(array).all() for array in gradients) or not any(map(np.any, gradients)):
        return None
    return replace(
        trace,
        delta=tuple(map(np.zeros_like, trace.delta)),
        dW=tuple(map(np.zeros_like, trace.dW)),
        db=tuple(map(np.zeros_like, trace.db)),
        dX=np.zeros_like(trace.dX),
        W_updated=tuple(layer.W.copy() for layer in case.network.layers),
        b_updated=tuple(layer.b.copy() for layer in case.network.layers),
    )


# ---------------------------------------------------------------- E4


def is_plain(trace: Trace, right: Trace, quantities: Sequence[str] = ("dW", "db")) -> bool:
    """Whether some array is off by more than 1 % of its largest magnitude, or not finite."""
    return any(
        _outside(own, correct, NOTICEABLE * np.max(np.abs(correct)))
        for quantity in quantities
        for own, correct in zip(getattr(trace, quantity), getattr(right, quantity), strict=True)
    )


def is_beyond_bounds(trace: Trace, right: Trace, bounds: Bounds) -> bool:
    """Whether some entry is off by more than twice its bound end to end, or not finite."""
    return any(
        _outside(own, correct, 2 * bound)
        for quantity, known in (("dW", bounds.end_to_end), ("db", bounds.bias))
        for own, correct, bound in zip(getattr(trace, quantity), getattr(right, quantity), known, strict=True)
    )


def _outside(own: Any, correct: Any, bound: Any) -> bool:
    with np.errstate(all="ignore"):
        distance = np.abs(np.asarray(own, np.float64) - np.asarray(correct, np.float64))
        known = np.isfinite(correct) & np.isfinite(bound)
        return bool(np.any(known & ~(distance <= bound)))
