"""Whether a mistake matters in a case: only where it does can anybody be asked to see it.

N1. A mistake matters in a case if its answer, evaluated exactly, differs from the right one by more than
    twice the judge's bound in some entry of some quantity of the trace (M1, about the exact value, end to
    end), or is not finite where the right one is. A correct answer lies within the bound of the exact one,
    and so does the mistaken formula's of its own exact value as far as it rounds like a right one: what
    matters is then outside the bound, where no correct answer is.
N2. What only rounds or overflows ("rounding", "unstable") is right when evaluated exactly: there the answer
    in the case's own dtype takes the exact one's place.
N3. What remembers ("state") is asked twice, and matters if the second answer does.
N4. A mistake whose answer in the case's own dtype is the reference's does not matter, whatever it would be
    exactly: a factor forgotten beside a gradient that has rounded to 0 is seen by nobody.

"Evaluated exactly" is in extended precision: with u = 2^-64, roundings are 2,000 times smaller than those
that the bounds in float64 allow for. Where long double is no wider than double, they are as large, and
a case may be found to matter a little too early; erf is in double everywhere, on both sides alike. An entry
whose bound is not finite says nothing. Bounds are end to end, so that in deep and wide networks a mistake may
be seen locally where it does not matter yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from backproof.judging.answer_bounds import Arrays, answers_bounds
from oracles import Oracle
from refimpl import QUANTITIES, Backprop, Case, Trace

from .following import extended_case
from .mistakes import Mistake


@dataclass(frozen=True)
class Ground:
    """A case with its right answer and the judge's bounds: whatever mistake is held against it."""

    case: Case
    bounds: Arrays

    @cached_property
    def extended(self) -> Any:
        """The case in extended precision."""
        return extended_case(self.case)

    @cached_property
    def right(self) -> Mapping[str, list[Any]]:
        """The right answer, evaluated in extended precision."""
        with np.errstate(all="ignore"):
            return _arrays(Backprop().run(self.extended))

    def matters(self, mistake: Mistake) -> bool:
        """Whether the mistake matters in the case (N1 to N4)."""
        if is_without_effect(mistake, self.case):
            return False
        implementation = mistake.implementation()
        exact = mistake.effect not in {"unstable", "rounding"}
        with np.errstate(all="ignore"):
            trace = implementation.run(self.extended if exact else self.case)
            if mistake.effect == "state":
                trace = implementation.run(self.extended)
            return self._differs(trace)

    def _differs(self, trace: Trace) -> bool:
        wrong = _arrays(trace)
        return any(
            bool(np.any(_outside(own, right, bound)))
            for quantity in QUANTITIES
            for own, right, bound in zip(
                wrong[quantity], self.right[quantity], self.bounds[quantity], strict=True
            )
        )


def grounds(cases: Sequence[Case], bounding: Oracle) -> list[Ground]:
    """The cases with their bounds, in order; `bounding` evaluates functions for these."""
    return [Ground(*each) for each in zip(cases, answers_bounds(cases, bounding), strict=True)]


def matters(mistake: Mistake, case: Case, bounding: Oracle) -> bool:
    """Whether the mistake matters in one case."""
    return grounds([case], bounding)[0].matters(mistake)


def is_without_effect(mistake: Mistake, case: Case) -> bool:
    """Whether its answer in the case's dtype is the reference's, or both its answers, if it remembers."""
    implementation, right = mistake.implementation(), _reference(case)
    calls = 2 if mistake.effect == "state" else 1
    return all(_same(_arrays(implementation.run(case)), right) for _ in range(calls))


@lru_cache(maxsize=256)
def _reference(case: Case) -> Mapping[str, list[Any]]:
    return _arrays(Backprop().run(case))


def _same(left: Mapping[str, list[Any]], right: Mapping[str, list[Any]]) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=True)
        for quantity in QUANTITIES
        for a, b in zip(left[quantity], right[quantity], strict=True)
    )


def _arrays(trace: Trace) -> Mapping[str, list[Any]]:
    """Quantity → its arrays, layer by layer; of the loss and dX, one."""
    return {
        quantity: list(getattr(trace, quantity)) if per_layer else [getattr(trace, quantity)]
        for quantity, per_layer in QUANTITIES.items()
    }


def _outside(own: Any, right: Any, bound: Any) -> Any:
    known = np.isfinite(right) & np.isfinite(bound)
    return known & ~(np.abs(own - right) <= 2 * bound)
