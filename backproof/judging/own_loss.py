"""An implementation's gradient against its own loss, whatever constants stand before both.

M4. Hypothesis: near θ the own loss is c times the documented one plus a constant. Its difference between two
    points then is c times the documented difference, up to |c| (E₊ + E₋) and what two more operations round.
    So c lies in an interval for each pair of points; if no c lies in all of them, the hypothesis is wrong.
M5. A right gradient then is c times the documented one. Along a direction v, ⟨g, v⟩ = γ ⟨g_doc, v⟩ holds for
    the γ of an interval only; if c and γ have no number in common, the gradient is not that of the own loss.
Nothing is approximated: the documented loss's own difference stands for the derivative.
See docs/bounds-of-several-answers.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from oracles import Oracle
from refimpl import Case, Layer, Network, Trace

from .answer_bounds import Arrays, answer_bounds, arrays_of
from .deviations import concerned, deviations_of
from .direction import scale_and_cosine
from .faults import without_faults
from .local import NAIVE_REASON
from .rounding import extended, lost_in_extended_sum, precision
from .verdicts import Check, Verdict

OWN_LOSS = "its own loss"
Interval = tuple[float, float]
_EVERYTHING: Interval = (-math.inf, math.inf)
_GRADIENTS = ("dW", "db")
_STEPS = (2**8, 2**13)
"""By how many times its noise a loss should change between two points: near, and farther."""
_LONGEST = 4.0
_SHORTEST = 2.0**-40


@dataclass(frozen=True)
class OwnLoss:
    """What an implementation's gradient is beside its own loss."""

    check: Check | None
    """None if the trace has no gradient to hold against a loss."""
    loss_factor: Interval = _EVERYTHING
    """c: the own loss is so many times the documented one, up to a constant."""
    gradient_factor: Interval = _EVERYTHING
    """γ: along the directions asked, the gradient is so many times the documented one."""
    scale: float = math.nan
    """⟨g, g_doc⟩/⟨g_doc, g_doc⟩ over all of dW and db."""
    cosine: float = math.nan


# ---------------------------------------------------------------- the points to ask


def own_loss_cases(case: Case, trace: Trace, bounding: Oracle) -> list[Case]:
    """The cases whose losses to ask: pairs θ + h v, θ - h v, one after the other.

    v is a pseudo-random direction, made from the case's hash, and the direction of the gradient itself; h is
    a power of two, two of them for each. Empty if the trace has no loss, dW and db that are finite.
    """
    trace = without_faults(case, "", trace)[0]
    if any(getattr(trace, name) is None for name in ("loss", *_GRADIENTS)):
        return []
    own = arrays_of(trace, ("loss", *_GRADIENTS))
    if not all(np.isfinite(x).all() for values in own.values() for x in values):
        return []
    noise = float(answer_bounds(case, bounding)["loss"][0])
    if not math.isfinite(noise):
        return []
    found: list[Case] = []
    for direction in (_random(case), _steepest(own)):
        slope = abs(sum(float(np.sum(x * v)) for x, v in _pairs(own, direction)))
        if not any(v.any() for values in direction.values() for v in values):
            continue
        steps = {_step(times * noise, slope) for times in _STEPS}
        for h in sorted(steps):
            points = [_moved(case, direction, sign * h) for sign in (1, -1)]
            if None not in points:
                found += [point for point in points if point is not None]
    return found


def _step(change: float, slope: float) -> float:
    """The power of two h with 2 h slope near the change, within reason."""
    wanted = change / (2 * slope) if slope > 0 else _LONGEST
    return 2.0 ** round(math.log2(min(max(wanted, _SHORTEST), _LONGEST)))


def _random(case: Case) -> Arrays:
    """Entries ±1/4, ±1/2, ±3/4, ±1."""
    rng = np.random.Philox(key=int(case.content_hash[16:32], 16))

    def drawn(shape: tuple[int, ...]) -> Any:
        words = rng.random_raw(int(np.prod(shape))) >> np.uint64(61)
        return (np.where(words < 4, 1.0, -1.0) * (1.0 + words % 4) / 4).reshape(shape)

    layers = case.network.layers
    return {"dW": [drawn(k.W.shape) for k in layers], "db": [drawn(k.b.shape) for k in layers]}


def _steepest(own: Arrays) -> Arrays:
    """The gradient, its largest entry made 1 and all rounded to multiples of 1/256."""
    top = max(float(np.max(np.abs(x))) for name in _GRADIENTS for x in own[name])
    if top == 0:
        return {name: [0 * x for x in own[name]] for name in _GRADIENTS}
    return {name: [np.round(x / top * 256) / 256 for x in own[name]] for name in _GRADIENTS}


def _moved(case: Case, direction: Arrays, h: float) -> Case | None:
    """The case with parameters θ + h v, rounded to its dtype; None where they overflow."""
    with np.errstate(over="ignore"):
        parameters = [
            ((layer.W + h * v).astype(case.dtype), (layer.b + h * w).astype(case.dtype))
            for layer, v, w in zip(case.network.layers, direction["dW"], direction["db"], strict=True)
        ]
    if not all(np.isfinite(x).all() for pair in parameters for x in pair):
        return None
    layers = tuple(
        Layer(W, b, layer.activation) for layer, (W, b) in zip(case.network.layers, parameters, strict=True)
    )
    return replace(case, network=Network(layers, case.network.loss))


# ---------------------------------------------------------------- judging


def judge_own_loss(
    case: Case,
    trace: Trace,
    points: Sequence[Case],
    point_losses: Sequence[Any],
    oracle: Oracle,
    bounding: Oracle,
    name: str,
) -> OwnLoss:
    """Whether the gradient is that of the loss; `point_losses` are the answers to `points`.

    `points` are those of `own_loss_cases`; a loss that is None is left out. `oracle` answers in float64 for
    the documented loss; `bounding` evaluates functions for the bounds.
    """
    trace = without_faults(case, name, trace)[0]
    if any(getattr(trace, quantity) is None for quantity in _GRADIENTS):
        return OwnLoss(None)
    (documented,) = oracle.traces([case], "float64")
    scale, cosine = scale_and_cosine(trace, documented)
    declared = concerned(deviations_of(name, oracle.name), case)
    allowed: dict[str, Any] = {"deviations": declared} if declared else {}

    def factors(**more: Any) -> _Factors:
        return _factors(
            (case, trace, documented), _twos(points, point_losses), oracle, bounding, allowed | more
        )

    found = factors()
    verdict: Verdict = "conforms"
    reason = ""
    if not found.asked or found.gradient == _EVERYTHING:
        verdict, reason = "not judged", "unresolved"
    elif _empty(found.loss):
        verdict = "not judged"
        reason = "the loss is not a multiple of the documented one plus a constant near these parameters"
    elif found.contradicted:
        verdict, reason = "mismatch", _told(case, found.loss, found.gradient, (scale, cosine))
        if not factors(naive=True).contradicted:
            verdict, reason = "unstable", NAIVE_REASON
    check = Check("dW", None, "end to end", name, OWN_LOSS, "B1", verdict, reason, entries=found.asked)
    return OwnLoss(check, found.loss, found.gradient, scale, cosine)


class _Factors(NamedTuple):
    loss: Interval
    gradient: Interval
    contradicted: bool
    asked: int
    """How many pairs of points said something about c."""


def _factors(
    known: tuple[Case, Trace, Trace],
    pairs: Sequence[tuple[tuple[Case, Case], tuple[float, float]]],
    oracle: Oracle,
    bounding: Oracle,
    allowed: dict[str, Any],
) -> _Factors:
    """M4 and M5 for all pairs of points; `known` are the case, its trace and the oracle's."""
    case, trace, documented = known
    gradient = _Gradient(
        arrays_of(trace, _GRADIENTS), documented, _bounds(case, bounding, allowed), case.dtype
    )
    of_loss, of_gradient, directions = _EVERYTHING, _EVERYTHING, []
    for (plus, minus), losses in pairs:
        E = sum(float(_bounds(point, bounding, allowed)["loss"][0]) for point in (plus, minus))
        c = _loss_factor((plus, minus), losses, oracle, E)
        if c != _EVERYTHING:
            of_loss = _both(of_loss, c)
            directions.append(gradient.factor(_difference(plus, minus)))
    for gamma in directions:
        of_gradient = _both(of_gradient, gamma)
    contradicted = any(_empty(_both(of_loss, gamma)) for gamma in directions)
    return _Factors(of_loss, of_gradient, contradicted, len(directions))


def _twos(
    points: Sequence[Case], losses: Sequence[Any]
) -> list[tuple[tuple[Case, Case], tuple[float, float]]]:
    """Pairs of points with both losses, those that are numbers."""
    known = [None if loss is None or np.size(loss) != 1 else float(np.ravel(loss)[0]) for loss in losses]
    pairs = zip(points[::2], points[1::2], known[::2], known[1::2], strict=True)
    return [((p, m), (x, y)) for p, m, x, y in pairs if x is not None and y is not None]


def _bounds(case: Case, bounding: Oracle, allowed: dict[str, Any]) -> Arrays:
    """Of the own answer from the oracle's, with the declared deviations of both."""
    return answer_bounds(case, bounding, "float64", **allowed)


def _loss_factor(points: tuple[Case, Case], own: tuple[float, float], oracle: Oracle, E: float) -> Interval:
    """M4: the c for which the own losses can be c times the documented ones plus a constant; E is E₊ + E₋."""
    documented = [float(trace.loss) for trace in oracle.traces(points, "float64")]
    u = precision(points[0].dtype)
    rounding = 3 * u.u * (abs(own[0]) + abs(own[1])) + 2 * u.tiny
    E += 2.0**-52 * (abs(documented[0]) + abs(documented[1]))
    return _factor(own[0] - own[1], documented[0] - documented[1], E, rounding)


def _factor(own: float, documented: float, E: float, rounding: float) -> Interval:
    """The k with |own - k documented| ≤ |k| E + rounding; all numbers, unless |documented| > E."""
    if not (math.isfinite(own) and math.isfinite(documented) and abs(documented) > E):
        return _EVERYTHING
    if documented < 0:
        own, documented = -own, -documented
    least, most = own - rounding, own + rounding
    low = least / (documented + E if least >= 0 else documented - E)
    high = most / (documented - E if most >= 0 else documented + E)
    margin = 2.0**-40  # R4
    return low - margin * abs(low), high + margin * abs(high)


class _Gradient:
    """M5: the gradient beside the documented one, along any direction."""

    def __init__(self, own: Arrays, documented: Trace, bound: Arrays, dtype: Any) -> None:
        self.own, self.documented, self.bound = own, arrays_of(documented, _GRADIENTS), bound
        self.u = precision(dtype)

    def factor(self, direction: Arrays) -> Interval:
        """The γ with ⟨g, v⟩ = γ ⟨g_doc, v⟩ within the bounds."""
        with np.errstate(all="ignore"):
            sums = [self._sum(x, direction) for x in (self.own, self.documented, self.bound)]
            (own, size), (documented, size_documented), (_, E) = sums
            lost = lost_in_extended_sum(sum(v.size for values in direction.values() for v in values) + 2)
            size_v = self._sum(_absolutely(direction, np.ones_like), direction)[1]
            rounding = (3 * self.u.u + lost) * size + 2 * self.u.tiny * size_v
            return _factor(own, documented, E + lost * size_documented, rounding)

    @staticmethod
    def _sum(arrays: Arrays, direction: Arrays) -> tuple[float, float]:
        """⟨x, v⟩ and Σ|x||v|."""
        parts = [extended(x) * extended(v) for x, v in _pairs(arrays, direction)]
        return float(sum(np.sum(part) for part in parts)), float(sum(np.sum(np.abs(part)) for part in parts))


def _absolutely(arrays: Arrays, function: Callable[[Any], Any]) -> Arrays:
    return {name: [function(x) for x in arrays[name]] for name in _GRADIENTS}


def _pairs(arrays: Arrays, direction: Arrays) -> list[tuple[Any, Any]]:
    return [pair for name in _GRADIENTS for pair in zip(arrays[name], direction[name], strict=True)]


def _difference(plus: Case, minus: Case) -> Arrays:
    """Where the two points lie from each other: any direction will do, so this may round."""
    pairs = list(zip(plus.network.layers, minus.network.layers, strict=True))
    return {
        f"d{name}": [np.float64(getattr(p, name)) - np.float64(getattr(m, name)) for p, m in pairs]
        for name in ("W", "b")
    }


def _both(first: Interval, second: Interval) -> Interval:
    return max(first[0], second[0]), min(first[1], second[1])


def _empty(interval: Interval) -> bool:
    return interval[0] > interval[1]


# ---------------------------------------------------------------- words


def _told(case: Case, loss: Interval, gradient: Interval, beside: tuple[float, float]) -> str:
    scale, cosine = beside
    if _empty(gradient):
        return (
            "the gradient is no multiple of that of the implementation's own loss "
            f"(loss {simplest(loss)} x the documented one; gradient {scale:.4g} x, cosine {cosine:.6f})"
        )
    if loss[0] <= 0 <= loss[1]:
        return (
            "the implementation's own loss does not change here, but its gradient is not 0 "
            f"(gradient {simplest(gradient)} x the documented one)"
        )
    ratio = _quotient(gradient, loss)
    times, known = simplest(ratio), constant_in(ratio, case)
    if known and known != times:
        times += f" ({known})"
    return (
        f"the gradient is {times} times that of the implementation's own loss "
        f"(loss {simplest(loss)} x, gradient {simplest(gradient)} x the documented one)"
    )


def _quotient(above: Interval, below: Interval) -> Interval:
    """The least and the largest quotient; 0 does not lie below."""
    found = [a / b for a in above for b in below]
    return min(found), max(found)


def simplest(interval: Interval) -> str:
    """The number of fewest digits in an interval."""
    value = (interval[0] + interval[1]) / 2
    texts = (f"{value:.{digits}g}" for digits in range(1, 6))
    return next((text for text in texts if interval[0] <= float(text) <= interval[1]), f"{value:.5g}")


def constant_in(interval: Interval, case: Case) -> str:
    """The name of the only simple constant in the interval, such as "1/m"; empty if there is none or several.

    m is the number of samples, n_out that of outputs.
    """
    m, n = case.samples, case.network.widths[-1]
    whole = {
        "2": 2,
        "m": m,
        "n_out": n,
        "m n_out": m * n,
        "2 m": 2 * m,
        "2 n_out": 2 * n,
        "2 m n_out": 2 * m * n,
    }
    known: dict[str, float] = {name: float(value) for name, value in whole.items() if value != 1}
    known |= {f"1/({name})" if " " in name else f"1/{name}": 1 / value for name, value in known.items()}
    known |= {
        "m/2": m / 2,
        "n_out/2": n / 2,
        "n_out/m": n / m,
        "m/n_out": m / n,
        "2/m": 2 / m,
        "2/n_out": 2 / n,
    }
    found = [name for name, value in known.items() if value != 1 and interval[0] <= value <= interval[1]]
    return found[0] if len(found) == 1 else ""
