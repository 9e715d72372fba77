"""Whether numbers are those that a candidate would give, and how much that they are says.

A candidate explains a wrong answer by giving the same numbers, up to rounding. How much rounding that is, is
seen by evaluating it twice: in the case's dtype and in long doubles. `ROUNDINGS` times the largest difference
over an array, and as many units of its largest entry, are allowed. This is no verdict: that the answer is
wrong has been decided before, under a proven bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from backproof.judging.verdicts import FAILING, Judgement
from refimpl import QUANTITIES, Backprop, Case, Trace

from .following import (
    Implementations,
    acts_on,
    extended_case,
    extended_trace,
    predicted,
    recorded,
)

ROUNDINGS = 16
"""Sums of some ten terms, added up in another order, differ by a few units; a mistake by thousands."""
_FAR = 1e-2
"""Share of the largest entry: thousands of units in any dtype."""
Place = tuple[str, int]
"""A quantity and its layer; 0 for the loss and dX."""


def places_of(trace: Trace) -> Iterator[tuple[Place, Any]]:
    """Every array that a trace offers, in the order of a forward, backward, update pass."""
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(trace, quantity)
        if value is None:
            continue
        if per_layer:
            yield from (((quantity, l), part) for l, part in enumerate(value, start=1))
        else:
            yield (quantity, 0), value


@dataclass(frozen=True)
class Prediction:
    """What a candidate gives in one place: in more precision, and how far the same in floats may be off."""

    value: Any
    slack: float
    finite: Any
    """Where it is finite in the case's dtype."""
    narrow: Any = None
    """As it comes out in the case's dtype."""

    def agrees(self, observed: Any) -> bool:
        """Whether the observed array is this, up to rounding; what overflows must overflow in both."""
        if observed.shape != self.value.shape or not np.array_equal(np.isfinite(observed), self.finite):
            return False
        apart = np.where(self.finite, observed, 0) - self.value
        return bool(np.all(np.abs(apart) <= self.slack))

    def explains(self, observed: Any, right: Prediction) -> int:
        """In how many entries an answer that agrees with this is wrong; 0 if it might as well be right.

        What only rounds worse than it need is no other number in more precision. Then the answer must be
        these very floats, and they others than the reference's.
        """
        found = self.differs_from(right)
        if found or not np.array_equal(observed, self.narrow, equal_nan=True):
            return found
        return int(np.sum(self.narrow != right.narrow))

    def differs_from(self, other: Prediction) -> int:
        """In how many entries the two are further apart than both slacks."""
        if self.value.shape != other.value.shape:
            return 0
        both = self.finite & other.finite
        apart = np.abs(np.where(both, self.value - other.value, 0)) > self.slack + other.slack
        return int(np.sum(apart | (self.finite != other.finite)))


def prediction(narrow: Any, wide: Any, unit: float) -> Prediction:
    """From one array evaluated in the case's dtype and in extended precision; `unit` is u of the dtype."""
    narrow, wide = np.asarray(narrow), np.asarray(wide).astype(np.longdouble)
    finite = np.isfinite(narrow) & np.isfinite(wide)
    rounding = np.abs(np.where(finite, narrow.astype(np.longdouble), 0) - np.where(finite, wide, 0))
    largest = np.abs(np.where(finite, wide, 0))
    slack = ROUNDINGS * (float(np.max(rounding, initial=0)) + unit * float(np.max(largest, initial=0)))
    return Prediction(np.where(finite, wide, 0), slack, finite, narrow.astype(np.longdouble))


@dataclass(frozen=True, eq=False)
class Observation:
    """One case, what the implementation under diagnosis answered, and where the judge found that wrong."""

    case: Case
    trace: Trace
    """Sound: shapes and dtypes are right."""
    wrong: frozenset[Place] = frozenset()
    """Places of its failing checks; local ones only, if there are such."""

    @classmethod
    def of(cls, judgement: Judgement, trace: Trace) -> Observation:
        """From the judgement of that trace."""
        failing = [
            check
            for check in judgement.checks
            if check.verdict in (*FAILING, "unstable")
            and judgement.subject in ("", check.left)
            and check.quantity in QUANTITIES
        ]
        local = [check for check in failing if check.scope == "local"]
        return cls(judgement.case, trace, frozenset((c.quantity, c.layer or 0) for c in local or failing))

    @property
    def unit(self) -> float:
        """u, the unit roundoff of the case's dtype."""
        return float(np.finfo(self.case.dtype).eps) / 2

    @cached_property
    def answers(self) -> dict[Place, Any]:
        """Place → the observed array, as long doubles."""
        return {place: np.asarray(value).astype(np.longdouble) for place, value in places_of(self.trace)}

    @cached_property
    def right(self) -> dict[Place, Prediction]:
        """What the reference gives from the same numbers."""
        wide = dict(places_of(predicted(Backprop, *self._wide)))
        return {
            place: prediction(value, wide[place], self.unit)
            for place, value in self._narrow_right.items()
            if np.shape(value) == self.answers[place].shape
        }

    @cached_property
    def off(self) -> frozenset[Place]:
        """Places where the answer is not what the reference gives from the same numbers."""
        return frozenset(
            place for place, value in self.answers.items() if not self.right[place].agrees(value)
        )

    @cached_property
    def failing(self) -> frozenset[Place]:
        """Where it is wrong: where the judge found it so, or where it is off if nobody judged it.

        Bounds are wide at the end of a deep network. So once something has been found wrong end to end, what
        is far from the reference's is taken for wrong as well.
        """
        judged = self.wrong & self.answers.keys()
        if not judged:
            return self.off
        if self.is_full:
            return judged
        return judged | {
            place
            for place in self.off - self.vague
            if self._far(place, self._narrow_right[place], self.answers[place])
        }

    @property
    def is_full(self) -> bool:
        """Whether every step's own inputs are known, so that no error hides behind another."""
        return None not in (self.trace.Z, self.trace.A, self.trace.delta)

    @cached_property
    def vague(self) -> frozenset[Place]:
        """Places where numbers overflow, so that rounding may decide which entries do."""
        return frozenset(
            place
            for place, value in self.answers.items()
            if not (np.isfinite(value).all() and self.right[place].finite.all())
        )

    @cached_property
    def _wide(self) -> tuple[Case, Trace]:
        return extended_case(self.case), extended_trace(self.trace)

    @cached_property
    def _narrow_right(self) -> dict[Place, Any]:
        found = self._narrow(Backprop)
        assert found is not None
        return found

    @cached_property
    def _calls(self) -> list[tuple[str, tuple[Any, ...], Any]]:
        return recorded(self.case, self.trace)

    @cached_property
    def _changed(self) -> dict[Implementations, dict[Place, Any] | None]:
        return {}

    @cached_property
    def _predictions(self) -> dict[Any, dict[Place, Prediction] | None]:
        return {}

    def _narrow(self, implementation: Implementations) -> dict[Place, Any] | None:
        with np.errstate(all="ignore"):
            try:
                found = dict(places_of(predicted(implementation, self.case, self.trace)))
            except Exception:  # noqa: BLE001 - a candidate whose shapes do not fit is none
                return None
        return {place: np.asarray(value) for place, value in found.items() if place in self.answers}

    def changed(self, implementation: Implementations) -> dict[Place, Any] | None:
        """What a candidate gives, in the case's dtype, where that is not the reference's to the bit.

        None if it cannot be run.
        """
        if implementation not in self._changed:
            self._changed[implementation] = self._found_changed(implementation)
        return self._changed[implementation]

    def _found_changed(self, implementation: Implementations) -> dict[Place, Any] | None:
        if isinstance(implementation, type):
            try:
                if not acts_on(implementation, self._calls):
                    return {}
            except Exception:  # noqa: BLE001 - as above
                return None
        found, right = self._narrow(implementation), self._narrow_right
        if found is None:
            return None
        return {
            place: value
            for place, value in found.items()
            if place not in right or value.tobytes() != right[place].tobytes()
        }

    def effect(self, implementation: Implementations) -> frozenset[Place]:
        """Where a candidate gives other bits than the reference from the same numbers; cheap."""
        return frozenset(self.changed(implementation) or ())

    def is_far_off(self, implementation: Implementations) -> frozenset[Place]:
        """Where a candidate is so far from the answer and from the right one that rounding is no matter."""
        return frozenset(
            place
            for place, value in (self.changed(implementation) or {}).items()
            if place not in self.vague and np.isfinite(value).all()
            and self._far(place, value, self.answers[place])
            and self._far(place, value, self._narrow_right[place])
        )  # fmt: skip

    def _far(self, place: Place, value: Any, other: Any) -> bool:
        if value.shape != other.shape:
            return True
        apart = float(np.max(np.abs(value - other), initial=0))
        largest = max(float(np.max(np.abs(value), initial=0)), float(np.max(np.abs(other), initial=0)))
        return apart > _FAR * largest + ROUNDINGS * self.right[place].slack

    def predict(self, implementation: Implementations) -> dict[Place, Prediction] | None:
        """What a candidate gives from the same numbers, in every place offered; None if it cannot be run."""
        changed = self.changed(implementation)
        if not changed:
            return None if changed is None else self.right
        # Many conventions coincide in one case.
        key = tuple((place, value.shape, value.tobytes()) for place, value in sorted(changed.items()))
        if key not in self._predictions:
            self._predictions[key] = self._predicted(implementation, changed)
        return self._predictions[key]

    def _predicted(
        self, implementation: Implementations, changed: dict[Place, Any]
    ) -> dict[Place, Prediction] | None:
        with np.errstate(all="ignore"):
            try:
                wide = dict(places_of(predicted(implementation, *self._wide)))
            except Exception:  # noqa: BLE001 - as above
                return None
        found = dict(self.right)
        for place, value in changed.items():
            found.pop(place, None)
            if value.shape == self.answers[place].shape == np.shape(wide[place]):
                found[place] = prediction(value, wide[place], self.unit)
        return found
