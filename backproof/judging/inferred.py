"""Gradients inferred from a step of gradient descent, (θ - θ')/η, where nothing else is offered.

M6. With E_θ' of P6, the inferred gradient of an accurate update lies within E_θ'/|η| of the centre's, and of
    an oracle's within that and E_dW of float64.
M7. Inferred at two rates, a gradient's errors e₁, e₂ satisfy |e₁ - e₂| ≤ B₁ + B₂ where the gradient itself is
    wrong, |e₁ η₂ - e₂ η₁| ≤ |η₂| B₁ + |η₁| B₂ where W[l+1] is updated before the error goes through it; the
    gradients themselves do where the rate is applied twice. Looked at in the last layer that is wrong.
See docs/bounds-of-several-answers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from oracles import Oracle
from refimpl import Case, Trace

from .answer_bounds import Arrays, arrays_of, decided, errors_about_centre, readings
from .faults import without_faults
from .rounding import extended, lost_in_extended_sum, outward
from .verdicts import FAILING, Check, Comparison

PROPORTIONAL_REASON = (
    "the error is proportional to the learning rate: parameters are updated before the error is propagated"
)
TWICE_REASON = "the gradient is proportional to the learning rate: the rate is applied twice"
CONSTANT_REASON = "the error does not depend on the learning rate: the gradient itself is wrong"
INFERRED = "inferred from the updated parameters"

UPDATED = {"dW": "W_updated", "db": "b_updated"}
_MARGIN = 2.0
ErrorByRate = Literal["none", "constant", "proportional", "twice", "neither"]


def inferred_gradients(case: Case, trace: Trace) -> Arrays:
    """(θ - θ')/η as "dW" and "db", those that the trace allows, one float64 array a layer.

    Empty for a learning rate of 0. Malformed parts are left out.
    """
    if case.learning_rate == 0:
        return {}
    sound = without_faults(case, "", trace)[0]
    updated = [name for name in UPDATED if getattr(sound, UPDATED[name]) is not None]
    return {name: [value for value, _ in _inferred(case, sound, name)] for name in updated}


def inferred_trace(case: Case, trace: Trace) -> Trace:
    """The inferred gradients as a trace, for `scale_and_cosine` and the like; float64."""
    return Trace(**{name: tuple(values) for name, values in inferred_gradients(case, trace).items()})


def _inferred(case: Case, trace: Trace, name: str) -> list[tuple[Any, Any]]:
    """The gradient and what inferring it rounds, layer by layer."""
    rate, found = extended(case.learning_rate), []
    with np.errstate(all="ignore"):
        for layer, after in zip(case.network.layers, getattr(trace, UPDATED[name]), strict=True):
            value = (extended(getattr(layer, name[1])) - extended(after)) / rate
            rounded = value.astype(np.float64)
            lost = lost_in_extended_sum(2) + np.finfo(np.float64).eps
            found.append((rounded, np.nan_to_num(lost * np.abs(rounded), nan=0.0, posinf=0.0)))
    return found


def _widths(case: Case, bounding: Oracle, **allowed: Any) -> Arrays:
    """M6 without the rounding of inferring: E_θ'/|η| and the oracle's own error."""
    own, oracle = errors_about_centre(case, bounding, **allowed)
    with np.errstate(all="ignore"):
        return {
            name: [
                outward(E / abs(case.learning_rate) + of_oracle)
                for E, of_oracle in zip(own[updated], oracle[name], strict=True)
            ]
            for name, updated in UPDATED.items()
        }


def inferred_comparisons(
    case: Case, trace: Trace, centres: Mapping[str, Trace], bounding: Oracle, name: str
) -> list[Comparison]:
    """The inferred gradients against each oracle's float64 ones: end to end, quantity "dW" or "db"."""
    gradients = inferred_gradients(case, trace)
    sound = without_faults(case, name, trace)[0]
    if not gradients:
        return []
    known: dict[Any, Arrays] = {(): _widths(case, bounding)}

    def width(quantity: str, place: int, lost: Any, **allowed: Any) -> Any:
        key = tuple(allowed.items())
        if key not in known:
            known[key] = _widths(case, bounding, **allowed)
        return known[key][quantity][place] + lost

    found = []
    for quantity, values in gradients.items():
        rounding = [lost for _, lost in _inferred(case, sound, quantity)]
        for oracle, centre in centres.items():
            expected = arrays_of(centre, [quantity])[quantity]
            for place, observed in enumerate(values):
                bound = partial(width, quantity, place, rounding[place])
                others = readings(case, (name, oracle), expected[place], bound)
                value = expected[place]
                found.append(
                    Comparison(
                        quantity, place + 1, "end to end", name, oracle, observed, value, bound(), others
                    )
                )
    return found


def judge_inferred(
    case: Case, trace: Trace, centres: Mapping[str, Trace], bounding: Oracle, name: str
) -> list[Check]:
    """The verdicts on them. At a rate so small that the update rounds them away they are not judged."""
    comparisons = inferred_comparisons(case, trace, centres, bounding, name)
    return [
        check._replace(reason=f"{check.reason}, {INFERRED}") if check.verdict in FAILING else check
        for check in decided(case, comparisons, bounding)
    ]


# ---------------------------------------------------------------- two rates


def error_by_rate(
    cases: tuple[Case, Case],
    traces: tuple[Trace, Trace],
    exact: Trace,
    bounding: Oracle,
) -> ErrorByRate:
    """M7: how the error of the inferred gradients depends on the learning rate.

    The cases differ in it only; `exact` has the gradients by the truth or by an oracle in float64. "none"
    where nothing is outside its bound, "neither" where nothing fits, or where several do.
    """
    rates = [case.learning_rate for case in cases]
    if rates[0] == rates[1] or 0 in rates:
        return "none"
    gradients = [inferred_gradients(case, trace) for case, trace in zip(cases, traces, strict=True)]
    names = [name for name in UPDATED if all(name in each for each in gradients)]
    expected = arrays_of(exact, names)
    bound = [_widths(case, bounding) for case in cases]
    for place in reversed(range(cases[0].network.depth)):
        found = _Layer(
            [[each[name][place] for name in names] for each in gradients],
            [expected[name][place] for name in names],
            # A wrong update rounds otherwise than the right one: a margin.
            [[_MARGIN * each[name][place] for name in names] for each in bound],
            rates,
        )
        if found.wrong():
            return found.kind()
    return "none"


class _Layer:
    """The gradients of one layer inferred at two rates, and their bounds; flat."""

    def __init__(
        self,
        inferred: Sequence[Sequence[Any]],
        exact: Sequence[Any],
        bound: Sequence[Any],
        rates: Sequence[float],
    ) -> None:
        self.g, self.B = ([_flat(parts) for parts in each] for each in (inferred, bound))
        self.e = [g - _flat(exact) for g in self.g]
        self.rates = [abs(rate) for rate in rates]
        self.signed = rates

    def wrong(self) -> bool:
        """Whether some entry is outside its bound at some rate."""
        return any(bool(np.any(np.abs(e) > B)) for e, B in zip(self.e, self.B, strict=True))

    def kind(self) -> ErrorByRate:
        """The only law that fits."""
        laws: dict[ErrorByRate, Callable[[], bool]] = {
            "constant": lambda: self._same(self.e, (1.0, 1.0)),
            "proportional": lambda: self._same(self.e, (self.signed[1], self.signed[0])),
            "twice": lambda: self._same(self.g, (self.signed[1], self.signed[0])),
        }
        fitting = [name for name, fits in laws.items() if fits()]
        return fitting[0] if len(fitting) == 1 else "neither"

    def _same(self, x: Sequence[Any], factors: tuple[float, float]) -> bool:
        """Whether x₁ f₁ = x₂ f₂ within the bounds, everywhere."""
        with np.errstate(all="ignore"):
            (a, b), (f, g) = x, factors
            allowed = abs(f) * self.B[0] + abs(g) * self.B[1] + 2.0**-50 * (np.abs(a * f) + np.abs(b * g))
            return bool(np.all(np.abs(a * f - b * g) <= allowed))


def _flat(parts: Sequence[Any]) -> Any:
    return np.concatenate([np.ravel(part) for part in parts])


_REASONS: Mapping[ErrorByRate, str] = {
    "proportional": PROPORTIONAL_REASON,
    "twice": TWICE_REASON,
    "constant": CONSTANT_REASON,
}


def proportional_to_rate(
    cases: tuple[Case, Case], traces: tuple[Trace, Trace], exact: Trace, bounding: Oracle
) -> str:
    """`error_by_rate` in words, for a reason; empty where nothing is wrong or no law fits."""
    return _REASONS.get(error_by_rate(cases, traces, exact, bounding), "")
