"""Adjudication: answers held against the truth, entry by entry, under the bounds that they are judged by.

T1. For every quantity of every side: |answer - truth| ≤ bound. End to end the truth is the exact value for
    the case's inputs, and the bound that of P1 to P6 about the centre, plus what the exact values may be off
    that centre: the same sweep with u = 0. Locally it is the exact value of the step on the side's own
    numbers, and the bound that of the step alone (L1, L2).
T2. A ball that straddles a kink is the hull of both sides: an answer is outside if it is further than the
    bound from every number in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oracles import Oracle, StepValues
from oracles.ball_oracle import BallOracle, Enclosure, TruthTrace
from refimpl import QUANTITIES, Trace

from .batch import Sides
from .decide import decide
from .end_to_end import EndToEnd
from .judge import Tables, extreme
from .local import LocalSteps
from .rounding import precision
from .step_answers import GivenSteps
from .verdicts import FAILING, Alternative, Check, Comparison, Held, Judgement, Ruling, Scope, Settled

TRUTH = "truth"
MODES = ("all", "disputed", "sample")
SAMPLE = 16
"""One in so many cases is asked about in mode "sample", beside the disputed ones; and in every mode, of those
where nothing but a declared deviation shows.
"""
NEAR = 0.5
"""A loss or gradient is near its end-to-end bound from this share on. Others are near theirs all the time: a
sum of few terms has a bound of few roundings.
"""
_NARROW = 2.0**-10
_DECLARED = "known deviation"
_DISPUTED = ("mismatch", "unstable")


@dataclass
class Truth:
    """When to ask the truth, and the oracle that answers."""

    mode: str
    """One of `MODES`."""
    oracle: BallOracle
    every: int = SAMPLE

    def why(self, judgement: Judgement, *, remarkable: bool) -> str:
        """The reason to ask about this case; empty if there is none."""
        verdicts = set() if judgement.is_plain else {check.verdict for check in judgement.checks}
        if verdicts.intersection(_DISPUTED) or (_DECLARED in verdicts and self._sampled(judgement)):
            return "disputed"
        if judgement.nearest > NEAR:
            return "near its bound"
        # What is decided differently on a kink, or deviates, is as far off as that makes it.
        explained = _DECLARED in verdicts or ("convention" in verdicts and not self._sampled(judgement))
        if remarkable and not explained:
            return "remarkable"
        if self.mode == "all":
            return "all"
        return "sample" if self.mode == "sample" and self._sampled(judgement) else ""

    def _sampled(self, judgement: Judgement) -> bool:
        """One in so many, by content, so that it does not matter what was judged before."""
        return int(judgement.case.content_hash[:8], 16) % self.every == 0


def ruled(
    judgements: Sequence[Judgement],
    tables: Tables,
    truth: Truth,
    whys: Sequence[str],
    bounding: Oracle,
) -> list[Judgement]:
    """The judgements, with a ruling where there is a reason to ask; `whys` has one for each table, or ""."""
    asked = [k for k, why in enumerate(whys) if why]
    if not asked:
        return list(judgements)
    some = tables.part(asked)
    cases = [_Case(judgements[k], whys[k]) for k in asked]
    for sides in some.sides:
        _Holding(sides, truth.oracle, bounding, cases).hold()
    rulings = dict(zip(asked, cases, strict=True))
    return [rulings[k].ruled() if k in rulings else given for k, given in enumerate(judgements)]


class _Case:
    """What is found out about one case."""

    def __init__(self, given: Judgement, why: str) -> None:
        self.given, self.case, self.why = given, given.case, why
        self.whole: TruthTrace | None = None
        self.own: dict[str, TruthTrace] = {}
        self.held: dict[tuple[str, Scope], Held] = {}
        self.settled: list[Settled] = []
        self.outside: list[Check] = []

    def ruled(self) -> Judgement:
        """The judgement with what the truth says."""
        traces = [trace for trace in (self.whole, *self.own.values()) if trace is not None]
        ruling = Ruling(
            self.why,
            max((trace.bits for trace in traces), default=0),
            any(trace.on_a_kink for trace in traces),
            self.held,
            tuple(self.settled),
            tuple(self.outside),
        )
        wrong = [check for check in self.outside if check.verdict in FAILING]
        return replace(self.given, checks=(*self.given.checks, *wrong), ruling=ruling)

    def count(self, side: str, scope: Scope, found: Held) -> None:
        """Adds what was found of one quantity."""
        known = self.held.get((side, scope), Held())
        self.held[side, scope] = Held(
            known.entries + found.entries,
            known.outside + found.outside,
            known.undecided + found.undecided,
            max(known.ratio, found.ratio),
        )


# (quantity, layer or None) → bounds, flat: (sides, total), or (total,) for all sides.
_Bounds = dict[tuple[str, int | None], Any]


class _Holding:
    """Holds the sides of a batch against the truth."""

    def __init__(self, sides: Sides, truth: BallOracle, bounding: Oracle, cases: Sequence[_Case]) -> None:
        self.sides, self.batch, self.bounding, self.cases = sides, sides.batch, bounding, cases
        whole, local = self._whole_bounds(), self._local_bounds()
        for k, one in enumerate(cases):
            if one.whole is None:
                one.whole = truth.enclosed(one.case, self._resolution(whole, k))
            for row, name in enumerate(sides.names):
                matters = self._resolution({place: bound[row] for place, bound in local.items()}, k)
                one.own[name] = truth.enclosed_steps(one.case, sides.traces[name][k], matters)
        self.bounds: dict[Scope, _Bounds] = {"local": local, "end to end": whole}

    def hold(self) -> None:
        """Every quantity of both scopes; then what was disputed is settled."""
        outside: dict[int, set[tuple[Scope, str, int | None, int]]] = {}
        with np.errstate(all="ignore"):
            for scope, known in self.bounds.items():
                for (quantity, layer), bound in known.items():
                    self._hold(scope, quantity, layer, bound, outside)
        for k, places in outside.items():
            self.cases[k].outside += self._judged(k, places)
        for k, one in enumerate(self.cases):
            one.settled += [
                self._settled(check, k)
                for check in one.given.checks
                if check.verdict in (*_DISPUTED, _DECLARED) and check.left in self.sides.names
            ]

    def _whole_bounds(self) -> _Bounds:
        found: _Bounds = {}
        for quantity, bound in EndToEnd(self.sides, self.bounding, {}, exact=True).bounds_on().items():
            if quantity in self.sides.offered:
                layers = enumerate(bound, start=1) if QUANTITIES[quantity] else [(None, bound)]
                found |= {(quantity, layer): each for layer, each in layers}
        return found

    def _local_bounds(self) -> _Bounds:
        steps = LocalSteps(self.sides, self.bounding, {}, exact=True)
        found: _Bounds = {(block.quantity, block.layer): block.bound for block in steps.blocks()}
        return found | steps.nonlinear_bounds()

    def _resolution(self, bounds: _Bounds, k: int) -> dict[str, list[Any]]:
        """What matters: the bounds, (total,). Of "dA", which is judged as a part of δ, nothing."""
        tiny, found = precision(self.batch.dtype).tiny, {"dA": [np.float64(np.inf)]}
        depth = self.batch.cases[k].network.depth
        for quantity, per_layer in QUANTITIES.items():
            layers = range(1, depth + 1) if per_layer else (None,)
            found[quantity] = [
                np.nan_to_num(self.batch.layout(quantity, l or 0).view(bounds[quantity, l], k), nan=np.inf)
                + tiny
                if (quantity, l) in bounds
                else np.float64(np.inf)
                for l in layers
            ]
        return found

    def _enclosures(self, scope: Scope, side: str, k: int) -> TruthTrace:
        one = self.cases[k]
        assert one.whole is not None
        return one.whole if scope == "end to end" else one.own[side]

    def _hold(
        self, scope: Scope, quantity: str, layer: int | None, bound: Any, outside: dict[int, Any]
    ) -> None:
        layout, index = self.batch.layout(quantity, layer or 0), (layer or 1) - 1
        observed = getattr(self.sides.has, quantity)
        observed = observed if layer is None else observed[index]
        bound = np.where(np.isnan(bound), np.inf, np.broadcast_to(bound, observed.shape))
        truth = [
            [self._enclosures(scope, name, k).quantities[quantity][index] for k in range(len(layout))]
            for name in self.sides.names
        ]
        exact = Enclosure(
            *(
                np.array([layout.flat(getattr(each, field) for each in row) for row in truth])
                for field in ("high", "low", "radius")
            )
        )
        bounded, known = np.isfinite(bound), ~np.isnan(exact.high)
        narrow = bounded & known & (exact.radius <= _NARROW * bound + np.finfo(np.float64).smallest_subnormal)
        least = exact.least_distance(observed)
        beyond = bounded & known & (least > bound)
        # Both infinite: an overflow that both have is no distance.
        beyond &= ~(np.isinf(exact.high) & (observed == exact.high))
        ratio = np.where(narrow & (least > 0), least / bound, 0.0)
        sums = [
            np.add.reduceat(each, layout.starts, axis=-1, dtype=np.int64).tolist()
            for each in (narrow, beyond, bounded & ~narrow)
        ]
        worst = layout.largest(np.nan_to_num(ratio, nan=np.inf, posinf=np.inf)).tolist()
        for row, name in enumerate(self.sides.names):
            for k in range(len(layout)):
                entries, out, undecided = (each[row][k] for each in sums)
                self.cases[k].count(name, scope, Held(entries, out, undecided, worst[row][k]))
                if out:
                    outside.setdefault(k, set()).add((scope, quantity, layer, row))

    def _judged(self, k: int, places: set[tuple[Scope, str, int | None, int]]) -> list[Check]:
        """The verdict on answers outside the bound of the truth: there may be another reading of them."""
        one, alone = self.cases[k], self.sides.alone(k)
        steps = {name: {TRUTH: GivenSteps([_step_values(own)])} for name, own in one.own.items()}
        assert one.whole is not None
        centre = _trace(one.whole)
        blocks = [
            *LocalSteps(alone, self.bounding, steps, exact=True).blocks(),
            *EndToEnd(alone, self.bounding, {TRUTH: [centre]}, exact=True).blocks(),
        ]
        found = []
        for block in blocks:
            for row in range(len(block.left)):
                if (block.scope, block.quantity, block.layer, row) in places:
                    index = (block.layer or 1) - 1
                    exact = self._enclosures(block.scope, block.left[row], k).quantities[block.quantity]
                    shifted = _shifted(block.comparison(row, 0), exact[index])
                    (check,) = decide(one.case, [shifted], extreme(one.case, centre))
                    if check.verdict == "conforms":  # by less than a rounding of the distance
                        check = check._replace(verdict="mismatch", reason="outside the bound")
                    comparison = block.comparison(row, 0)
                    observed, expected = (
                        float(np.asarray(values)[check.entry])
                        for values in (comparison.observed, comparison.expected)
                    )
                    found.append(check._replace(right=TRUTH, observed=observed, expected=expected))
        return found

    def _settled(self, check: Check, k: int) -> Settled:
        """Who is right in a dispute."""
        quantity, layer, index = check.quantity, check.layer, (check.layer or 1) - 1
        exact = self._enclosures(check.scope, check.left, k).quantities[quantity][index]
        row, layout = self.sides.names.index(check.left), self.batch.layout(quantity, layer or 0)
        entry = check.entry or (0, 0)
        bound = self.bounds[check.scope].get((quantity, layer))
        limit = np.inf
        if bound is not None:
            own = layout.view(np.broadcast_to(bound, (len(self.sides.names), layout.total)), k)[row]
            limit = float(own[entry])
        here = Enclosure(*(float(np.asarray(each)[entry]) for each in (exact.high, exact.low, exact.radius)))
        ulp = _ulp(here.high, self.batch.dtype)
        away = {
            name: float(here.least_distance(np.float64(np.nan if value is None else value)))
            for name, value in ((check.left, check.observed), (check.right, check.expected))
        }
        return Settled(
            check,
            here.high,
            away[check.left] / ulp,
            away[check.right] / ulp,
            tuple(name for name, distance in away.items() if distance <= limit),
        )


def _shifted(comparison: Comparison, exact: Enclosure) -> Comparison:
    """The same with the exact value as 0, so that distances keep their digits."""
    shape = np.shape(comparison.bound)
    high, low, radius = (part.reshape(shape) for part in (exact.high, exact.low, exact.radius))

    def moved(alternative: Alternative) -> Alternative:
        def limits() -> tuple[Any, Any]:
            least, most = alternative.range()
            # A convention names both sides of a kink itself; the others are about the middle of the hull.
            beside = 0.0 if alternative.verdict == "convention" else radius
            return least - high - beside, most - high + beside

        return alternative._replace(range=limits)

    with np.errstate(all="ignore"):
        observed = (comparison.observed - high) - low
    return comparison._replace(
        observed=observed,
        expected=np.where(np.isnan(high), high, 0.0),
        bound=comparison.bound + radius,
        alternatives=lambda: tuple(map(moved, comparison.alternatives())),
    )


def _ulp(value: float, dtype: Any) -> float:
    """The distance between the numbers of the dtype around a value."""
    with np.errstate(all="ignore"):
        return float(abs(np.spacing(np.dtype(dtype).type(value))))


def _step_values(own: TruthTrace) -> StepValues:
    found = own.quantities
    return StepValues(
        tuple(each.high for each in found.get("A", ())),
        float(found["loss"][0].high[0, 0]) if "loss" in found else float("nan"),
        found["dA"][0].high if "dA" in found else None,
        tuple(each.high for each in found.get("delta", ())),
    )


def _trace(whole: TruthTrace) -> Trace:
    arrays = {quantity: tuple(each.high for each in whole.quantities[quantity]) for quantity in QUANTITIES}
    single = {quantity: arrays[quantity][0] for quantity, layers in QUANTITIES.items() if not layers}
    single["loss"] = single["loss"][0, 0]
    return Trace(**(arrays | single))
