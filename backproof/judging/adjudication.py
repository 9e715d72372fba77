"""Adjudication: answers held against the truth, entry by entry, under the bounds that they are judged by.

T1. For every quantity of every side: |answer - truth| ≤ bound. End to end the truth is the exact value for
    the case's inputs, and the bound that of P1 to P6 about the centre, plus what the exact values may be off
    that centre: the same sweep with u = 0. Locally it is the exact value of the step on the side's own
    numbers, and the bound that of the step alone (L1, L2).
T2. A ball that straddles a kink is the hull of both sides: an answer is outside if it is further than the
    bound from every number in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oracles import Oracle, StepValues
from oracles.ball_oracle import BallOracle, Enclosure, TruthTrace
from refimpl import QUANTITIES, Trace

from .batch import Sides
from .blocks import Block
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
"""One in so many cases is asked about in mode "sample", beside the disputed ones."""
EXPLAINED = 64
"""In every mode, one in so many cases with a declared deviation is asked about, and of remarkable ones that
decide a kink differently: their answers are as far off as that makes them.
"""
NEAR = 0.5
"""A loss or gradient is near its end-to-end bound from this share on. Others are near theirs all the time: a
sum of few terms has a bound of few roundings.
"""
_NARROW = 2.0**-10
_DECLARED = "known deviation"
_DISPUTED = ("mismatch", "unstable")
_SETTLED = (*_DISPUTED, _DECLARED)
_NEAR, _REMARKABLE = "near its bound", "remarkable"
_END_TO_END = (_NEAR, _REMARKABLE)
"""Reasons that answers end to end give, which conform."""


@dataclass
class Truth:
    """When to ask the truth, and the oracle that answers."""

    mode: str
    """One of `MODES`."""
    oracle: BallOracle
    every: int = SAMPLE
    every_explained: int = EXPLAINED

    def why(self, judgement: Judgement, *, remarkable: bool) -> str:
        """The reason to ask about this case; empty if there is none."""
        verdicts = set() if judgement.is_plain else {check.verdict for check in judgement.checks}
        if verdicts.intersection(_DISPUTED):
            return "disputed"
        if _DECLARED in verdicts:
            if _one_in(self.every_explained, judgement):
                return "disputed"
        elif judgement.nearest > NEAR:
            return _NEAR
        elif remarkable and ("convention" not in verdicts or _one_in(self.every_explained, judgement)):
            return _REMARKABLE
        if self.mode == "all":
            return "all"
        return "sample" if self.mode == "sample" and _one_in(self.every, judgement) else ""


def _one_in(many: int, judgement: Judgement) -> bool:
    """Whether it is one in so many, by content, so that it does not matter what was judged before."""
    return int(judgement.case.content_hash[:8], 16) % many == 0


def ruled(
    judgements: Sequence[Judgement],
    tables: Tables,
    truth: Truth,
    whys: Sequence[str],
    bounding: Oracle,
) -> list[Judgement]:
    """The judgements, with a ruling where there is a reason to ask; `whys` has one for each table, or "".

    Where the reason is an answer end to end that conforms, single steps are held against the truth only if it
    turns out not to: each of them was within the bound of its own numbers.
    """
    asked = [k for k, why in enumerate(whys) if why]
    if not asked:
        return list(judgements)
    cases = [_Case(judgements[k], whys[k]) for k in asked]
    for sides in tables.part(asked).sides:
        _EndToEnd(sides, truth.oracle, bounding, cases).hold()
    places = [i for i, one in enumerate(cases) if one.concerns_steps]
    for sides in tables.part([asked[i] for i in places]).sides if places else ():
        _Steps(sides, truth.oracle, bounding, [cases[i] for i in places]).hold()
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

    @property
    def concerns_steps(self) -> bool:
        """Whether single steps are to be held against the truth, once that is done end to end."""
        return (
            self.why not in _END_TO_END
            or bool(self.outside)
            or any(check.scope == "local" and check.verdict in _SETTLED for check in self.given.checks)
        )

    def ruled(self) -> Judgement:
        """The judgement with what the truth says."""
        traces = [trace for trace in (self.whole, *self.own.values()) if trace is not None]
        self.outside.sort(key=lambda check: check.scope != "local")
        if self.settled:
            places = {id(check): i for i, check in enumerate(self.given.checks)}
            self.settled.sort(key=lambda each: places[id(each.check)])
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
    """Holds the sides of a batch against the truth, in one scope."""

    scope: Scope

    def __init__(self, sides: Sides, truth: BallOracle, bounding: Oracle, cases: Sequence[_Case]) -> None:
        self.sides, self.batch, self.bounding, self.cases = sides, sides.batch, bounding, cases
        self.truth, self.bounds = truth, self._bounds()

    def hold(self) -> None:
        """Every quantity; then what was disputed is settled."""
        outside: dict[int, set[tuple[str, int | None, int]]] = {}
        for k, one in enumerate(self.cases):
            self._enclose(one, k)
        with np.errstate(all="ignore"):
            for (quantity, layer), bound in self.bounds.items():
                self._hold(quantity, layer, bound, outside)
        for k, one in enumerate(self.cases):
            if k in outside:
                one.outside += self._judged(k, outside[k])
            one.settled += [
                self._settled(check, k)
                for check in one.given.checks
                if check.verdict in _SETTLED and check.scope == self.scope and check.left in self.sides.names
            ]

    def _bounds(self) -> _Bounds:
        raise NotImplementedError

    def _enclose(self, one: _Case, k: int) -> None:
        """Asks the truth about case k."""
        raise NotImplementedError

    def _enclosures(self, k: int, side: str) -> TruthTrace:
        """What the truth says of a side."""
        raise NotImplementedError

    def _blocks(self, k: int, centre: Trace) -> Iterator[Block]:
        """The comparisons of case k with the truth."""
        raise NotImplementedError

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

    def _hold(self, quantity: str, layer: int | None, bound: Any, outside: dict[int, Any]) -> None:
        layout, index = self.batch.layout(quantity, layer or 0), (layer or 1) - 1
        observed = getattr(self.sides.has, quantity)
        observed = observed if layer is None else observed[index]
        bound = np.where(np.isnan(bound), np.inf, np.broadcast_to(bound, observed.shape))
        truth = [
            [self._enclosures(k, name).quantities[quantity][index] for k in range(len(layout))]
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
                self.cases[k].count(name, self.scope, Held(entries, out, undecided, worst[row][k]))
                if out:
                    outside.setdefault(k, set()).add((quantity, layer, row))

    def _judged(self, k: int, places: set[tuple[str, int | None, int]]) -> list[Check]:
        """The verdict on answers outside the bound of the truth: there may be another reading of them."""
        one, found = self.cases[k], []
        assert one.whole is not None
        centre = _trace(one.whole)
        for block in self._blocks(k, centre):
            for row in range(len(block.left)):
                if (block.quantity, block.layer, row) in places:
                    exact = self._enclosures(k, block.left[row]).quantities[block.quantity]
                    shifted = _shifted(block.comparison(row, 0), exact[(block.layer or 1) - 1])
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
        exact = self._enclosures(k, check.left).quantities[quantity][index]
        row, layout = self.sides.names.index(check.left), self.batch.layout(quantity, layer or 0)
        entry = check.entry or (0, 0)
        bound = self.bounds.get((quantity, layer))
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


class _EndToEnd(_Holding):
    """Each quantity of the whole network; first, since the exact trace is the centre for the steps too."""

    scope = "end to end"

    def _bounds(self) -> _Bounds:
        found: _Bounds = {}
        for quantity, bound in EndToEnd(self.sides, self.bounding, {}, exact=True).bounds_on().items():
            if quantity in self.sides.offered:
                layers = enumerate(bound, start=1) if QUANTITIES[quantity] else [(None, bound)]
                found |= {(quantity, layer): each for layer, each in layers}
        return found

    def _enclose(self, one: _Case, k: int) -> None:
        if one.whole is None:  # the same for all groups of sides
            one.whole = self.truth.enclosed(one.case, self._resolution(self.bounds, k))

    def _enclosures(self, k: int, side: str) -> TruthTrace:
        del side  # of all sides
        whole = self.cases[k].whole
        assert whole is not None
        return whole

    def _blocks(self, k: int, centre: Trace) -> Iterator[Block]:
        alone = self.sides.alone(k)
        return EndToEnd(alone, self.bounding, {TRUTH: [centre]}, exact=True).blocks()


class _Steps(_Holding):
    """Each step on a side's own numbers."""

    scope = "local"

    def _bounds(self) -> _Bounds:
        steps = LocalSteps(self.sides, self.bounding, {}, exact=True)
        found: _Bounds = {(block.quantity, block.layer): block.bound for block in steps.blocks()}
        return found | steps.nonlinear_bounds()

    def _enclose(self, one: _Case, k: int) -> None:
        for row, name in enumerate(self.sides.names):
            matters = self._resolution({place: bound[row] for place, bound in self.bounds.items()}, k)
            one.own[name] = self.truth.enclosed_steps(one.case, self.sides.traces[name][k], matters)

    def _enclosures(self, k: int, side: str) -> TruthTrace:
        return self.cases[k].own[side]

    def _blocks(self, k: int, centre: Trace) -> Iterator[Block]:
        del centre
        steps = {name: {TRUTH: GivenSteps([_step_values(own)])} for name, own in self.cases[k].own.items()}
        return LocalSteps(self.sides.alone(k), self.bounding, steps, exact=True).blocks()


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
