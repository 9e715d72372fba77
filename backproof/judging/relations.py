"""Relations between an implementation's answers to different cases, which hold whatever it computes.

M2. Each relation is an equation between exact values: the answers to the base case are c + Σ k_i x_i of the
    answers x_i to related cases, with coefficients k_i ≥ 0 and a known c. So an accurate implementation's
    differ by at most E + Σ k_i E_i (M1), and what evaluating the sum itself rounds.
M3. An implementation asked the same case again answers within 2 E of what it answered before.
See docs/bounds-of-several-answers.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from oracles import Oracle
from refimpl import QUANTITIES, Case, Layer, LossSpec, Network, Trace

from .answer_bounds import Arrays, answer_bounds, answers_bounds, arrays_of, decided, readings
from .batch import offered
from .faults import without_faults
from .rounding import extended, lost_in_extended_sum, precision
from .verdicts import SEVERITY, Check, Comparison

_ROUNDINGS = 8
"""No relation's sum takes more operations on its way to an entry."""


@dataclass(frozen=True)
class Relation:
    """An exact equation between the answers to `base` and those to `cases`."""

    name: str
    """What the base case's answer is held against, in short: "itself, units permuted"."""
    reason: str
    """What differs, in words."""
    base: Case
    cases: tuple[Case, ...]
    mapped: Callable[[Sequence[Arrays]], Arrays]
    """Arrays of each related case's quantities → Σ k_i x_i; k_i ≥ 0, so bounds are mapped likewise."""
    constant: Fraction = Fraction(0)
    """The factor of the parameters themselves in c: updated parameters are W - η dW, not linear in dW."""

    def expected_from(self, traces: Sequence[Trace]) -> Arrays:
        """What the base case's answer must be, from sound answers to the related cases, as float64."""
        return self._sum([arrays_of(trace, _common(traces)) for trace in traces])[0]

    def _sum(self, answers: Sequence[Arrays]) -> tuple[Arrays, Arrays]:
        """c + Σ k_i x_i and its rounding."""
        high = [_each(answer, extended) for answer in answers]
        values, sizes = self.mapped(high), self.mapped([_each(answer, np.abs) for answer in high])
        found: dict[str, list[Any]] = {}
        rounding: dict[str, list[Any]] = {}
        for quantity in values:
            added = [extended(0.0)] * len(values[quantity])
            if quantity in ("W_updated", "b_updated"):
                added = [
                    _times(extended(getattr(layer, quantity[0])), self.constant)
                    for layer in self.base.network.layers
                ]
            lost, eps = lost_in_extended_sum(_ROUNDINGS), np.finfo(np.float64).eps
            pairs = list(zip(values[quantity], added, sizes[quantity], strict=True))
            found[quantity] = [(v + c).astype(np.float64) for v, c, _ in pairs]
            rounding[quantity] = [
                np.nan_to_num(lost * (s + np.abs(c)) + eps * np.abs(v + c), nan=0.0, posinf=0.0).astype(
                    np.float64
                )
                for v, c, s in pairs  # what is not finite does not make the bound so
            ]
        return found, rounding


def _common(traces: Sequence[Trace]) -> list[str]:
    return [quantity for quantity in QUANTITIES if all(quantity in offered(trace) for trace in traces)]


def _each(arrays: Arrays, function: Callable[[Any], Any]) -> Arrays:
    return {quantity: [function(value) for value in values] for quantity, values in arrays.items()}


def _times(value: Any, factor: Fraction) -> Any:
    """Two roundings at most: both parts are integers that floats hold."""
    return value if factor == 1 else value * factor.numerator / factor.denominator


# ---------------------------------------------------------------- the relations


def relations(case: Case, allowed_reductions: Sequence[str] = ()) -> list[Relation]:
    """All that apply to a case. `allowed_reductions` are those that the implementation honours."""
    found = [permuted(case), split(case), duplicated(case)]
    found += [reduced(case, reduction) for reduction in allowed_reductions]
    return [relation for relation in found if relation is not None]


def permuted(case: Case) -> Relation | None:
    """The units of every hidden layer in another order: nothing changes but the order.

    Rows of W[l], b[l], columns of W[l+1]. None where no hidden layer has two units.
    """
    layers = case.network.layers
    rng = np.random.Philox(key=int(case.content_hash[:16], 16))
    orders = [_order(layer.outputs, rng) for layer in layers[:-1]]
    orders = [np.arange(case.network.widths[0]), *orders, np.arange(case.network.widths[-1])]
    if all((order == np.arange(len(order))).all() for order in orders):
        return None
    moved = tuple(
        Layer(layer.W[np.ix_(after, before)], layer.b[after], layer.activation)
        for layer, before, after in zip(layers, orders, orders[1:], strict=False)
    )
    inverse = [np.argsort(order) for order in orders]

    def mapped(answers: Sequence[Arrays]) -> Arrays:
        found = dict(answers[0])
        for quantity in set(found) & {"dW", "W_updated"}:
            found[quantity] = [x[np.ix_(inverse[l + 1], inverse[l])] for l, x in enumerate(found[quantity])]
        for quantity in set(found) & {"Z", "A", "delta", "db", "b_updated"}:
            found[quantity] = [x[inverse[l + 1]] for l, x in enumerate(found[quantity])]
        return found

    return Relation(
        "itself, units permuted",
        "differs from its own answer with the hidden units in another order",
        case,
        (replace(case, network=Network(moved, case.network.loss)),),
        mapped,
    )


def _order(units: int, rng: np.random.Philox) -> Any:
    """A permutation that is not the identity, if there is one."""
    order = np.argsort(rng.random_raw(units), kind="stable")
    return np.roll(order, 1) if units > 1 and (order == np.arange(units)).all() else order


def split(case: Case) -> Relation | None:
    """The batch in two parts: with the loss's divisors d and d_i, sums over samples are Σ (d_i/d) x_i."""
    m = case.samples
    if m < 2:
        return None
    middle = (m + 1) // 2
    parts = tuple(_samples(case, part) for part in (range(middle), range(middle, m)))
    factors = [Fraction(divisor(part), divisor(case)) for part in parts]

    def mapped(answers: Sequence[Arrays]) -> Arrays:
        scaled = [_scaled(answer, factor) for answer, factor in zip(answers, factors, strict=True)]
        return {
            quantity: [
                np.concatenate(pair, axis=1) if quantity in _PER_SAMPLE else pair[0] + pair[1]
                for pair in zip(*(answer[quantity] for answer in scaled), strict=True)
            ]
            for quantity in scaled[0]
        }

    return Relation(
        "itself, the batch in two parts",
        f"differs from its own answers to the first {middle} and the other {m - middle} samples put together",
        case,
        parts,
        mapped,
        Fraction(1 - sum(factors)),
    )


def duplicated(case: Case) -> Relation:
    """Every sample twice: with the divisors d, d₂ of the loss, its gradients are 2d/d₂ times as large.

    The error of one sample is d/d₂ times as large; the second copy is what is looked at.
    """
    m = case.samples
    twice = _samples(case, [*range(m), *range(m)])
    ratio = Fraction(divisor(twice), divisor(case))

    def mapped(answers: Sequence[Arrays]) -> Arrays:
        (answer,) = answers
        per_sample = {k: [x[:, m:] for x in v] for k, v in answer.items() if k in _PER_SAMPLE}
        whole = {k: v for k, v in answer.items() if k not in _PER_SAMPLE}
        return dict(_scaled(per_sample, ratio)) | dict(_scaled(whole, ratio / 2))

    return Relation(
        "itself, samples duplicated",
        "differs from its own answer with every sample twice",
        case,
        (twice,),
        mapped,
        1 - ratio / 2,
    )


def reduced(case: Case, reduction: str) -> Relation | None:
    """Another reduction: loss and gradients are those times the ratio of the divisors.

    None where the divisors are the same.
    """
    spec = case.network.loss
    loss = LossSpec(spec.name, reduction, spec.parameters, spec.arrays)
    other = replace(case, network=Network(case.network.layers, loss))
    ratio = Fraction(divisor(other), divisor(case))
    if ratio == 1:
        return None
    return Relation(
        f'itself, reduction "{reduction}"',
        f'is not {ratio} times its own answer with reduction "{reduction}"',
        case,
        (other,),
        lambda answers: _scaled(answers[0], ratio),
        1 - ratio,
    )


_PER_SAMPLE = frozenset({"Z", "A", "delta", "dX"})
_FORWARD = frozenset({"Z", "A"})


def _scaled(answer: Arrays, factor: Fraction) -> Arrays:
    """Every quantity but Z and A times a factor: what is linear in the gradient of the loss."""
    return {
        quantity: values if quantity in _FORWARD else [_times(value, factor) for value in values]
        for quantity, values in answer.items()
    }


def divisor(case: Case) -> int:
    """What the sum of the loss's terms is divided by."""
    loss = case.network.loss
    return loss.entry.divisor(loss.reduction, case.network.widths[-1], case.samples)


def _samples(case: Case, columns: Sequence[int]) -> Case:
    """The case with these samples, and their part of the loss's arrays."""
    spec, columns = case.network.loss, list(columns)
    per_sample = {array.name for array in spec.entry.arrays if array.per_sample}
    arrays = {name: array[:, columns] if name in per_sample else array for name, array in spec.arrays.items()}
    loss = LossSpec(spec.name, spec.reduction, spec.parameters, arrays)
    network = Network(case.network.layers, loss)
    return replace(case, network=network, X=case.X[:, columns], Y=case.Y[:, columns])


# ---------------------------------------------------------------- judging


def judge_relation(
    relation: Relation, base_trace: Trace, traces: Sequence[Trace], bounding: Oracle, name: str
) -> list[Check]:
    """One check for each quantity, and layer, that all traces offer (M2).

    What is malformed is left out: it is a fault of its own. `bounding` evaluates functions for the bounds.
    """
    cases = (relation.base, *relation.cases)
    sound = [
        without_faults(case, name, trace)[0] for case, trace in zip(cases, (base_trace, *traces), strict=True)
    ]
    quantities = _common(sound)
    if not quantities:
        return []
    own = arrays_of(sound[0], quantities)
    with np.errstate(all="ignore"):
        expected, rounding = relation._sum([arrays_of(trace, quantities) for trace in sound[1:]])  # noqa: SLF001

    def widths(**allowed: Any) -> Arrays:
        base, *others = answers_bounds(cases, bounding, **allowed)
        with np.errstate(all="ignore"):
            mapped = relation.mapped([{q: other[q] for q in quantities} for other in others])
            return {
                q: [
                    sum(parts) * (1 + 2.0**-40) for parts in zip(base[q], mapped[q], rounding[q], strict=True)
                ]
                for q in quantities
            }

    return _checks(relation.base, (name, relation.name, relation.reason), (own, expected), widths, bounding)


def _checks(
    case: Case,
    names: tuple[str, str, str],
    answers: tuple[Arrays, Arrays],
    widths: Callable[..., Arrays],
    bounding: Oracle,
) -> list[Check]:
    """Of the first answers against the second; `names` are whose they are, against what, and what differs."""
    own, expected = answers
    narrow = widths()
    known: dict[Any, Arrays] = {}

    def wide(quantity: str, place: int, **allowed: Any) -> Any:
        key = tuple(allowed.items())
        if key not in known:
            known[key] = widths(**allowed)
        return known[key][quantity][place]

    comparisons = []
    for quantity in own:
        for place, (x, y) in enumerate(zip(own[quantity], expected[quantity], strict=True)):
            # Of two answers one of which is not finite, that one is the wrong one.
            swapped = ~np.isfinite(y) & np.isfinite(x)
            observed, held = np.where(swapped, y, x), np.where(swapped, x, y)
            layer = place + 1 if QUANTITIES[quantity] else None
            others = readings(case, [names[0]], held, partial(wide, quantity, place))
            comparisons.append(
                Comparison(
                    quantity,
                    layer,
                    "end to end",
                    names[0],
                    names[1],
                    observed,
                    held,
                    narrow[quantity][place],
                    others,
                )
            )
    return [
        check if check.verdict in ("conforms", "not judged") else _told(check, names[2])
        for check in decided(case, comparisons, bounding)
    ]


def _told(check: Check, reason: str) -> Check:
    if check.reason == "outside the bound":
        return check._replace(reason=reason)
    return check._replace(reason=f"{reason}: {check.reason}")


def differs(
    case: Case,
    first: Trace,
    second: Trace,
    bounding: Oracle,
    name: str = "implementation",
    *,
    accurate: bool = True,
) -> Check | None:
    """M3: the gravest finding where two answers to the same case differ; None if they do not.

    Equal bits, NaN too, are the same. Others must lie within twice the bound: a sum's order may change. How
    answers round that are not `accurate`, no bound says: they must differ in half of their digits, too.
    """
    first, second = (without_faults(case, name, trace)[0] for trace in (first, second))
    quantities = _common([first, second])
    one, other = arrays_of(first, quantities), arrays_of(second, quantities)
    if all(
        np.array_equal(x, y, equal_nan=True)
        for quantity in quantities
        for x, y in zip(one[quantity], other[quantity], strict=True)
    ):
        return None
    if not accurate and not _differ_by_half_their_digits(case, one, other):
        return None

    def widths(**allowed: Any) -> Arrays:
        return answer_bounds(case, bounding, "itself", **allowed)

    names = (name, "itself, asked again", "the same case asked again is answered differently")
    found = [
        check
        for check in _checks(case, names, (other, one), widths, bounding)
        if check.verdict not in ("conforms", "not judged")
    ]
    return min(found, key=lambda check: SEVERITY.index(check.verdict), default=None)


def _differ_by_half_their_digits(case: Case, one: Arrays, other: Arrays) -> bool:
    """Whether some array changes by more than √u of its largest entry, or in what is finite."""
    share = math.sqrt(precision(case.dtype).u)
    for quantity in one:
        for x, y in zip(one[quantity], other[quantity], strict=True):
            finite = np.isfinite(x)
            if not np.array_equal(finite, np.isfinite(y)):
                return True
            before, after = np.where(finite, x, 0), np.where(finite, y, 0)
            if np.any(np.abs(before - after) > share * np.max(np.abs(before), initial=0.0)):
                return True
    return False


def is_multiple(first: Trace, second: Trace) -> float | None:
    """k, if the gradients dW and db of the second answer are k times those of the first (2: accumulated).

    k is an integer or the inverse of one; adding a number up k times, or dividing it, rounds by at most γ_k.
    """
    pairs = [
        (np.asarray(x), np.asarray(y))
        for quantity in ("dW", "db")
        for x, y in zip(getattr(first, quantity) or (), getattr(second, quantity) or (), strict=False)
    ]
    if not pairs or any(x.shape != y.shape or x.dtype != y.dtype or x.dtype.kind != "f" for x, y in pairs):
        return None
    u, tiny = float(np.finfo(pairs[0][0].dtype).eps) / 2, float(np.finfo(pairs[0][0].dtype).tiny)
    x, y = (np.concatenate([pair[i].reshape(-1) for pair in pairs]).astype(np.float64) for i in (0, 1))
    if not (np.isfinite(x).all() and np.isfinite(y).all() and x.any() and y.any()):
        return None
    largest = int(np.argmax(np.abs(x)))
    ratio = float(y[largest] / x[largest]) if y[largest] else 0.0
    if not 2.0**-20 < abs(ratio) < 2.0**20:
        return None
    whole = round(ratio) if abs(ratio) >= 1 else round(1 / ratio)
    k = float(whole) if abs(ratio) >= 1 else 1.0 / whole
    steps = abs(whole) + 1
    allowed = steps * u / (1 - steps * u) * np.abs(k * x) + steps * tiny
    return k if bool(np.all(np.abs(y - k * x) <= allowed * (1 + 2.0**-40))) else None
