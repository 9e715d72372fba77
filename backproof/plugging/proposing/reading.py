"""An answer held against the exact values of a hypothesis: which parts agree, and up to what factor.

Let e be exact with the bound B, in the sum of terms, and c the factor that an implementation puts in front.
Its answer is a = c (e + r), |r| ≤ 3 B: B itself, and at most 2 B more for a factor that is rounded and
multiplied in, as every term of B holds at least one rounding of what is multiplied. With ĉ = a_k / e_k at the
entry k where B / |e| is least, c = ĉ / (1 + r_k / e_k), so that every other entry has

    |a_i - ĉ e_i| ≤ |ĉ| (3 B_i + 3 B_k |e_i / e_k|) (1 + ε),      |c / ĉ - 1| ≤ 3 B_k / |e_k| (1 + ε).

An entry that is off by more refutes the hypothesis; no tolerance is set by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from refimpl import QUANTITIES, Case, Trace

from .exact import Exact

Kind = tuple[str, str]
"""A quantity and "last" or "hidden", the layer's place; of the loss and dX, ""."""
GRADIENTS = ("dW", "db", "W_updated", "b_updated")
_ONCE_MORE = 3.0
_RESOLVED = 0.01  # as the judge has it: a bound above 1 % of the value resolves nothing
_SECOND_ORDER = 1.0 + 2 * _ONCE_MORE * _RESOLVED


class Ratio(NamedTuple):
    """A factor, and by what share of it it may be off."""

    value: float
    slack: float

    def is_(self, expected: float) -> bool:
        """Whether the factor can be this number."""
        return abs(self.value - expected) <= abs(expected) * self.slack

    def meets(self, other: Ratio) -> bool:
        """Whether both can be the same number."""
        return abs(self.value - other.value) <= abs(self.value) * self.slack + abs(other.value) * other.slack


class _Part(NamedTuple):
    kind: Kind
    layer: int
    ratio: Ratio | None
    """None where no factor fits."""
    sharp: bool
    """Whether there were two different entries at least, so that a factor can be refuted."""


@dataclass(frozen=True)
class Reading:
    """What an answer says about a hypothesis; `agreeing` parts have one factor, `gradients`, in common."""

    loss: Ratio | None = None
    gradients: Ratio | None = None
    agreeing: frozenset[Kind] = frozenset()
    off: frozenset[Kind] = frozenset()
    sharp: bool = False
    """Whether gradients agree in parts that could have refuted it."""
    others: dict[Kind, float] = field(default_factory=dict)
    """Parts with another factor than `gradients` → that factor over `gradients`."""
    unresolved: bool = False
    """Whether nothing of it could be compared."""


def ratio(answer: Any, exact: Any, bound: Any, absolute: Any = 0.0) -> tuple[Ratio | None, int]:
    """The factor of `answer` in front of `exact`, and how many different entries could tell.

    `absolute` is a further error of each entry of the answer. (None, 0) if nothing can be told; (None, n) if
    no factor fits.
    """
    a, e, B = (np.ravel(np.asarray(x, dtype=np.float64)) for x in (answer, exact, bound))
    extra = np.broadcast_to(np.ravel(absolute), a.shape)
    with np.errstate(all="ignore"):
        usable = np.isfinite(B) & np.isfinite(e) & (_RESOLVED * np.abs(e) >= _ONCE_MORE * B) & (e != 0)
        count = int(np.count_nonzero(usable))
        if not count:
            return None, 0
        if not np.isfinite(a[np.isfinite(e)]).all():
            return None, count
        shares = np.where(usable, B / np.abs(e), np.inf)
        if np.any(extra):  # the largest answer suffers least from an absolute error
            shares = np.where(usable, shares + extra / np.maximum(np.abs(a), 1e-300), np.inf)
        k = int(np.argmin(shares))
        factor = a[k] / e[k]
        if factor == 0:
            return None, count
        slack = (_ONCE_MORE * B[k] / abs(e[k]) + extra[k] / abs(a[k])) * _SECOND_ORDER
        allowed = abs(factor) * (_ONCE_MORE * B + slack * np.abs(e)) * _SECOND_ORDER + extra
        known = np.isfinite(B) & np.isfinite(e)
        if np.any(np.abs(a - factor * e)[known] > allowed[known]):
            return None, count
    rounding = 4 * np.finfo(np.float64).eps
    # Entries of one size, such as the counts that a hinge has for db, fit many a constant.
    return Ratio(float(factor), float(slack) + rounding), len(np.unique(np.abs(e[usable])))


def read(case: Case, trace: Trace, exact: Exact) -> Reading:
    """The answer `trace`, in our layout and without a scale, held against `exact`."""
    parts = [part for part in _parts(case, trace, exact) if part is not None]
    agreeing, off, others, loss = set[Kind](), set[Kind](), dict[Kind, float](), None
    voters = [part for part in parts if part.kind[0] in GRADIENTS and part.ratio is not None]
    chosen = _elected(voters)
    for part in parts:
        quantity = part.kind[0]
        if quantity == "loss":
            loss = part.ratio
            if loss is None:
                off.add(part.kind)
            continue
        if part.ratio is None:
            off.add(part.kind)
        elif quantity in {"Z", "A"} or (chosen is not None and part.ratio.meets(chosen)):
            agreeing.add(part.kind)
        else:
            off.add(part.kind)
            if chosen is not None:
                others[part.kind] = part.ratio.value / chosen.value
    # With a single error every dW[L] is a multiple of A[L-1], whatever the functions.
    errors = int(np.count_nonzero(np.abs(exact.value["delta"][-1]) > exact.bound["delta"][-1]))
    sharp = errors > 1 and any(p.sharp and p.kind in agreeing - off for p in voters)
    return Reading(
        loss, chosen, frozenset(agreeing - off), frozenset(off), sharp, others, unresolved=not parts
    )


def _elected(voters: list[_Part]) -> Ratio | None:
    """The factor that most parts share, the last layer's first: what is wrong there is wrong everywhere."""
    best: tuple[int, ...] = (0, 0, 0, 0)
    chosen = None
    for part in voters:
        assert part.ratio is not None
        same = [each for each in voters if each.ratio is not None and each.ratio.meets(part.ratio)]
        weight = (
            sum(each.sharp and each.kind[1] == "last" for each in same),
            sum(each.sharp for each in same),
            len(same),
            sum(each.kind[0] in {"dW", "W_updated"} for each in same),
        )
        if weight > best:
            best = weight
            chosen = min((each.ratio for each in same if each.ratio is not None), key=lambda r: r.slack)
    return chosen


def _parts(case: Case, trace: Trace, exact: Exact) -> Iterator[_Part | None]:
    for quantity, per_layer in QUANTITIES.items():
        given = getattr(trace, quantity)
        if given is None:
            continue
        for l, array in enumerate(given if per_layer else (given,)):
            place = "" if not per_layer else "last" if l == case.network.depth - 1 else "hidden"
            yield _part(case, exact, quantity, place, l, array)


def _part(case: Case, exact: Exact, quantity: str, place: str, l: int, given: Any) -> _Part | None:
    kind = (quantity, place)
    answer = np.asarray(given, dtype=np.float64)
    if quantity in {"Z", "A"}:
        e, B = exact.value[quantity][l], exact.bound[quantity][l]
        with np.errstate(all="ignore"):
            known = np.isfinite(B)
            right = bool(np.all(np.abs(answer - e)[known] <= _ONCE_MORE * B[known]))
        return _Part(kind, l, Ratio(1.0, 0.0) if right else None, True) if known.any() else None
    gradient, absolute = quantity, 0.0
    if quantity.endswith("_updated"):
        layer = case.network.layers[l]
        before = np.asarray(getattr(layer, quantity[0]), dtype=np.float64)
        eta = case.learning_rate
        # W' = W - η g is rounded twice: the product, of |η g| ≤ |W| + |W'|, and the difference.
        absolute = 2 * np.finfo(case.dtype).eps * (np.abs(before) + np.abs(answer)) / eta
        answer, gradient = (before - answer) / eta, f"d{quantity[0]}"
    found, count = ratio(answer, exact.value[gradient][l], exact.bound[gradient][l], absolute)
    return _Part(kind, l, found, count > 1) if count else None
