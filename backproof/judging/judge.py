"""The judge: comparisons in, verdicts out. There is no tolerance here, only bounds.

J1. An entry conforms if |observed - expected| ≤ bound. NaN and infinities never do where the bound is finite.
J2. An entry whose bound is infinite is not judged (ill-posed), nor one where the oracle itself has no finite
    answer although the bound is finite (that is a finding when the oracle's own trace is judged), nor one
    whose bound exceeds 1 % of the largest magnitude of its tensor (unresolved): it could say nothing. But a
    finite bound that is exceeded is never excused. A tensor that is exactly zero is resolved when its bound
    is at the level of underflow.
J3. An entry outside its bound has the first of its alternatives that it fits: convention, known deviation,
    unstable. One that is not finite on extreme numbers is unstable. Everything else is a mismatch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from oracles import Oracle, StepInputs
from refimpl import QUANTITIES, Case, Trace, quantity_shape

from . import bounds
from .deviations import deviations_of
from .local import NAIVE_REASON, LocalSteps, Sides, Steps, concerned, ids, offered
from .rounding import precision
from .verdicts import SEVERITY, Alternative, Check, Comparison, Judgement, Verdict, equation_of

RESOLUTION = 0.01


class Table:
    """One case with the sound traces of all sides, ready to be judged; faults are decided when it is made."""

    def __init__(self, case: Case, traces: Mapping[str, Trace], faults: Sequence[Check] = ()) -> None:
        """`faults` are checks that were decided before, such as a crash."""
        self.case = case
        self.faults = list(faults)
        groups: dict[tuple[str, ...], list[tuple[str, Trace]]] = {}
        for name, given in traces.items():
            sound, malformed = without_faults(case, name, given)
            self.faults += malformed
            if offered(sound):
                groups.setdefault(offered(sound), []).append((name, sound))
        self.sides = [
            Sides(case, [name for name, _ in group], [trace for _, trace in group])
            for group in groups.values()
        ]

    def step_requests(self) -> list[tuple[str, StepInputs]]:
        """What to ask the oracles' `steps`: (name, inputs) for each side that offers Z, A and δ."""
        return [
            (name, sides.step_inputs(side))
            for sides in self.sides
            if sides.nonlinear
            for side, name in enumerate(sides.names)
        ]

    def judge(
        self, centres: Mapping[str, Trace], steps: Mapping[str, Steps], bounding: Oracle, subject: str = ""
    ) -> Judgement:
        """Judge every trace against every oracle but itself; `subject` names the implementation under test.

        `centres` holds each oracle's float64 trace; `steps[name][oracle]` the oracle's values of the
        nonlinear steps on that trace's own numbers; `bounding` evaluates functions for the bounds.
        """
        centre = next(iter(centres.values()))
        end_to_end = EndToEnd(self.case, bounding)
        comparisons: list[Comparison] = []
        for sides in self.sides:
            answers = [steps.get(name, {}) for name in sides.names]
            comparisons += LocalSteps(sides, bounding).comparisons(answers)
            for name, trace in zip(sides.names, sides.traces, strict=True):
                for oracle, answer in centres.items():
                    if oracle != name:
                        comparisons += end_to_end.comparisons(name, trace, oracle, answer)
        decided = decide(self.case, comparisons, is_extreme=extreme(self.case, centre))
        return Judgement(self.case, (*self.faults, *decided), subject)


class EndToEnd:
    """Comparisons of whole traces with an oracle's, under bounds carried through the network."""

    def __init__(self, case: Case, bounding: Oracle) -> None:
        """`bounding` evaluates functions for the bounds."""
        self.case, self.bounding = case, bounding
        self._known_bounds: dict[bounds.Levels, Mapping[str, Any]] = {}
        self.bounds = self._propagated()

    def _propagated(self, **allowed: Any) -> Mapping[str, Any]:
        """Quantity → the bound on the difference of two answers: the case's own error and the oracle's."""
        levels = bounds.levels_of(self.case.dtype, about_centre=True, **allowed)
        if levels not in self._known_bounds:
            errors = bounds.propagated(self.case, self.bounding, levels)
            self._known_bounds[levels] = {
                quantity: [E[0] + E[-1] for E in value] if QUANTITIES[quantity] else value[0] + value[-1]
                for quantity, value in errors.items()
            }
        return self._known_bounds[levels]

    def comparisons(self, name: str, trace: Trace, oracle: str, answer: Trace) -> list[Comparison]:
        """Every quantity that the trace offers."""
        found = []
        declared = concerned(deviations_of(name, oracle), self.case)
        for quantity, per_layer in QUANTITIES.items():
            observed = getattr(trace, quantity)
            if observed is None:
                continue
            expected, bound = getattr(answer, quantity), self.bounds[quantity]
            for index in range(self.case.network.depth) if per_layer else (None,):
                layer = None if index is None else index + 1
                value = _part(expected, index)
                found.append(
                    Comparison(
                        quantity,
                        layer,
                        "end to end",
                        name,
                        oracle,
                        _part(observed, index),
                        value,
                        _part(bound, index),
                        self._alternatives(quantity, index, value, declared),
                    )
                )
        return found

    def _alternatives(
        self, quantity: str, index: int | None, expected: Any, declared: Any
    ) -> Callable[[], tuple[Alternative, ...]]:
        def widened(verdict: Verdict, reason: str, **allowed: Any) -> Alternative:
            def limits() -> tuple[Any, Any]:
                bound = _part(self._propagated(**allowed)[quantity], index)
                return expected - bound, expected + bound

            return Alternative(verdict, reason, limits)

        def readings() -> tuple[Alternative, ...]:
            naive = widened("unstable", NAIVE_REASON, naive=True)
            if not declared:
                return (naive,)
            return (widened("known deviation", ids(declared), deviations=declared), naive)

        return readings


def _part(value: Any, index: int | None) -> Any:
    return value if index is None else value[index]


def without_faults(case: Case, name: str, trace: Trace) -> tuple[Trace, list[Check]]:
    """The trace without the quantities whose number, shape or dtype is wrong, and a fault for each."""
    kept: dict[str, Any] = {}
    faults = []
    for quantity, per_layer in QUANTITIES.items():
        given = getattr(trace, quantity)
        if given is None:
            continue
        fault = _fault(case, quantity, given, per_layer=per_layer)
        if fault is None:
            kept[quantity] = tuple(given) if per_layer else given
            continue
        layer, reason = fault
        equation = equation_of(quantity, layer, case.network.depth)
        faults.append(Check(quantity, layer, "local", name, "its shape", equation, "fault", reason))
    return Trace(**kept), faults


def _fault(case: Case, quantity: str, given: Any, *, per_layer: bool) -> tuple[int | None, str] | None:
    depth = case.network.depth
    if per_layer:
        if not isinstance(given, (tuple, list)) or len(given) != depth:
            return None, f"{quantity} must be one array for each of the {depth} layers"
        parts = list(enumerate(given, start=1))
    else:
        parts = [(0, given)]
    for number, part in parts:
        layer = number or None
        shape = quantity_shape(case, quantity, layer)
        if not isinstance(part, (np.ndarray, np.generic)):
            return layer, f"{quantity} is {type(part).__name__}, not a NumPy array"
        if part.dtype != case.dtype:
            return layer, f"{quantity} has dtype {part.dtype}, the case {case.dtype}"
        if part.shape != shape:
            return layer, f"{quantity} has shape {part.shape}, expected {shape}"
    return None


def extreme(case: Case, centre: Trace) -> bool:
    """Whether textbook formulas can overflow on this case: e^|z| squared, or the square of some value."""
    largest = precision(case.dtype).largest
    assert centre.Z is not None
    assert centre.delta is not None
    arrays = [case.X, *centre.Z, *centre.delta]
    with np.errstate(all="ignore"):
        z = max(float(np.max(np.abs(array))) for array in centre.Z)
        top = max(float(np.max(np.abs(array))) for array in arrays)
    return not (z < np.log(largest) / 2 and top < np.sqrt(largest))


def decide(case: Case, comparisons: Sequence[Comparison], is_extreme: bool) -> list[Check]:
    """The verdict on each comparison (J1 to J3).

    All arrays are laid end to end, so that the common case, everything conforming, costs a few operations.
    """
    if not comparisons:
        return []
    parts = [np.asarray(c.expected).reshape(-1) for c in comparisons]
    sizes = np.array([part.size for part in parts])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    expected = _joined(parts)
    observed = _joined([np.asarray(c.observed).reshape(-1) for c in comparisons])
    bound = _joined([np.asarray(c.bound).reshape(-1) for c in comparisons])
    with np.errstate(all="ignore"):
        distance = np.abs(observed - expected)
        inside = (distance <= bound) | (observed == expected)
        speechless = ~np.isfinite(expected)
        ill_posed = ~np.isfinite(bound) | speechless
        finite = np.where(np.isfinite(expected), np.abs(expected), 0.0)
        largest = np.maximum.reduceat(finite, starts)
        floor = precision(case.dtype).tiny * 2.0**20
        wide = bound > np.repeat(np.where(largest > 0, RESOLUTION * largest, floor), sizes)
        ratio = np.where(ill_posed, 0.0, np.where(distance == 0, 0.0, distance / bound))
        ratio = np.nan_to_num(ratio, nan=np.inf, posinf=np.inf)
    counted = (wide | ill_posed, ~inside & ~ill_posed, ~ill_posed, speechless & np.isfinite(bound))
    unjudged, outside, posed, mute = (
        np.add.reduceat(each, starts, dtype=np.int64).tolist() for each in counted
    )
    worst = np.maximum.reduceat(ratio, starts).tolist()
    depth = case.network.depth
    checks = []
    for i, (c, size) in enumerate(zip(comparisons, sizes.tolist(), strict=True)):
        skipped = unjudged[i]
        verdict: Verdict = "conforms"
        reason = ""
        detail: dict[str, Any] = {}
        if outside[i]:
            verdict, reason, entry = _classify(c, is_extreme=is_extreme)
            at = {n: float(np.asarray(getattr(c, n))[entry]) for n in ("observed", "expected", "bound")}
            detail = {"entry": entry, **at}
        elif skipped == size:
            verdict = "not judged"
            reason = "oracle not finite" if mute[i] else "unresolved" if posed[i] else "ill-posed"
        checks.append(
            Check(
                c.quantity,
                c.layer,
                c.scope,
                c.left,
                c.right,
                equation_of(c.quantity, c.layer, depth),
                verdict,
                reason,
                worst[i],
                size,
                skipped,
                **detail,
            )
        )
    return checks


def _joined(parts: list[Any]) -> Any:
    return np.concatenate(parts).astype(np.float64, copy=False)


def _classify(c: Comparison, is_extreme: bool) -> tuple[Verdict, str, tuple[int, ...]]:
    """The gravest verdict among the entries outside their bound, its reason and its worst entry."""
    shape = np.shape(c.expected)
    observed, expected, bound = (
        np.asarray(x, dtype=np.float64).reshape(shape) for x in (c.observed, c.expected, c.bound)
    )
    with np.errstate(all="ignore"):
        excess = np.nan_to_num(np.abs(observed - expected) / bound, nan=np.inf, posinf=np.inf)
        open_ = ~((np.abs(observed - expected) <= bound) | (observed == expected))
        open_ &= np.isfinite(bound) & np.isfinite(expected)
        found: list[tuple[Verdict, str, Any]] = []
        for alternative in c.alternatives():
            low, high = alternative.range()
            fits = open_ & (low <= observed) & (observed <= high) & np.isfinite(observed)
            if fits.any():
                found.append((alternative.verdict, alternative.reason, fits))
                open_ &= ~fits
        broken = open_ & ~np.isfinite(observed)
        if broken.any() and is_extreme:
            found.append(("unstable", "not finite where the exact answer is", broken))
            open_ &= ~broken
        if open_.any():
            reason = "not finite on ordinary numbers" if (open_ & broken).any() else "outside the bound"
            found.append(("mismatch", reason, open_))
    verdict, reason, entries = min(found, key=lambda item: SEVERITY.index(item[0]))
    flat = int(np.argmax(np.where(entries, excess, -1.0)))
    return verdict, reason, tuple(int(i) for i in np.unravel_index(flat, shape))
