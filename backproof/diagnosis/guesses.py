"""Simple relations of wrong numbers to right ones, for mistakes that no catalogue has.

Scaled by a constant, m or a width; transposed, permuted, of another layer, equal to another quantity, of
lower precision, clipped, regularised, never computed. A relation is a sentence; what varies from case to case
(m, a width) is in it by name. It is believed only if one sentence fits every wrong array of an equation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import methodcaller
from typing import Any

import numpy as np

from .agreement import Observation, Place, Prediction
from .formulas import Relation, Sides, number

_FEW_ENTRIES = 2
"""A constant that is fitted takes one entry: fewer than this many say nothing about it."""
_NEAR_ONE = 1e-3
_SYMBOLS = {
    "Z": ("Z[l]", "Z^{[l]}"),
    "A": ("A[l]", "A^{[l]}"),
    "delta": ("δ[l]", r"\delta^{[l]}"),
    "dW": ("∂L/∂W[l]", r"\frac{\partial L}{\partial W^{[l]}}"),
    "db": ("∂L/∂b[l]", r"\frac{\partial L}{\partial b^{[l]}}"),
    "W": ("W[l]", "W^{[l]}"),
    "b": ("b[l]", "b^{[l]}"),
    "Y": ("Y", "Y"),
}
"""Quantity → as in a sentence, and as LaTeX."""
_BEFORE = {
    "A": ("Z",),
    "delta": ("Z", "A"),
    "dW": ("delta",),
    "db": ("delta",),
    "W_updated": ("dW",),
    "b_updated": ("db",),
}
"""What a quantity may have been confused with: only what comes before it, since the rest follows from it."""
_FLOAT32, _FLOAT16 = 2.0**-24, 2.0**-11


def relations_of(observation: Observation, place: Place) -> Iterator[Relation]:
    """Every relation that the observed array has to the right one."""
    observed, right = observation.answers[place], observation.right[place]
    if not (np.isfinite(observed).all() and right.finite.all()):
        return
    yield from _scaled(observation, place, observed, right)
    yield from _steps(observation, place, observed, right)
    yield from _rearranged(observed, right)
    yield from _of_others(observation, place, observed)
    yield from _regularised(observation, place, observed, right)
    yield from _clipped(observed, right)
    yield from _lower_precision(observed, right)


def _agrees(observed: Any, value: Any, right: Prediction, factor: float = 1.0) -> bool:
    """Whether the observed array is this function of the right one, whose rounding grows by the factor."""
    if np.shape(value) != observed.shape:
        return False
    finite = np.ones(observed.shape, dtype=bool)
    return Prediction(np.asarray(value), right.slack * max(factor, 1e-300), finite).agrees(observed)


def _scaled(observation: Observation, place: Place, observed: Any, right: Prediction) -> Iterator[Relation]:
    if not observed.any():
        yield Relation("all zeros, as if it were never computed", lambda sides: sides.gives("0"))
        return
    for said, factor in _factors(observation, place, observed, right):
        change = Sides.negative if factor == "-" else methodcaller("times", factor)
        yield Relation(f"{said} the right one", change)


def _factors(
    observation: Observation, place: Place, observed: Any, right: Prediction
) -> Iterator[tuple[str, str]]:
    """What the right array is multiplied by: as in a sentence, and as LaTeX."""
    square = float(np.sum(right.value * right.value))
    if not square:
        return
    constant = float(np.sum(observed * right.value)) / square
    if abs(constant - 1) <= _NEAR_ONE or not constant:  # that is an error of another kind
        return
    if not _agrees(observed, constant * right.value, right, 2 * abs(constant)):
        return
    for name, symbol, value in _constants(observation, place):
        if _close(value, constant, right):
            yield name, symbol
    if observed.size >= _FEW_ENTRIES:
        yield f"{constant:.4g} times", number(f"{constant:.4g}")


def _steps(observation: Observation, place: Place, observed: Any, right: Prediction) -> Iterator[Relation]:
    """θ - c η ∂L/∂θ with a wrong factor c."""
    quantity = place[0]
    if quantity not in ("W_updated", "b_updated"):
        return
    theta = _parameters(observation, place)
    step = Prediction(right.value - theta, right.slack, right.finite)
    name, symbol = _SYMBOLS[quantity[0]]
    if (observed == theta).all():
        yield Relation(f"equal to {name}, as if nothing were updated", methodcaller("equal_to", symbol))
    else:
        for said, factor in _factors(observation, place, observed - theta, step):
            yield Relation(f"{name} after {said} the right step", methodcaller("step_times", factor))


def _parameters(observation: Observation, place: Place) -> Any:
    """W[l] or b[l], which the place is about."""
    quantity, layer = place
    parameters = observation.case.network.layers[layer - 1]
    return (parameters.W if quantity in ("dW", "W_updated") else parameters.b).astype(np.longdouble)


def _close(value: float, constant: float, right: Prediction) -> bool:
    largest = float(np.max(np.abs(right.value)))
    return abs(value - constant) * largest <= 2 * right.slack * max(1.0, abs(constant))


def _constants(observation: Observation, place: Place) -> Iterator[tuple[str, str, float]]:
    """Factors that are often forgotten or doubled: as in a sentence, as LaTeX, and their values."""
    case = observation.case
    widths, m = case.network.widths, case.samples
    layer = place[1] or case.network.depth
    yield "minus", "-", -1.0
    yield "twice", "2", 2.0
    yield "half", r"\frac{1}{2}", 0.5
    yield "η times", r"\eta", case.learning_rate
    for symbol, meaning, value in (
        ("m", " (the samples)", m),
        ("n_L", " (the outputs)", widths[-1]),
        ("n_l", " (the units of the layer)", widths[layer]),
        ("n_{l-1}", " (its inputs)", widths[layer - 1]),
        ("L", " (the layers)", case.network.depth),
        ("m n_L", "", m * widths[-1]),
    ):
        if value != 1:
            yield f"{symbol}{meaning} times", symbol, float(value)
            yield f"1/{symbol}{meaning} times", rf"\frac{{1}}{{{symbol}}}", 1.0 / value
            yield f"-{symbol}{meaning} times", f"-{symbol}", -float(value)


def _rearranged(observed: Any, right: Prediction) -> Iterator[Relation]:
    value = right.value
    if value.ndim != 2 or value.size < _FEW_ENTRIES + 1:
        return
    forms = (
        ("transposed", Sides.transposed, value.T),
        ("with its rows in reverse order", methodcaller("reversed", 0), value[::-1]),
        ("with its columns in reverse order", methodcaller("reversed", 1), value[:, ::-1]),
    )
    for said, change, form in forms:
        if not _agrees(value, form, right) and _agrees(observed, form, right):
            yield Relation(f"the right one {said}", change)
    if not _agrees(observed, value, right) and _agrees(
        np.sort(observed.ravel()), np.sort(value.ravel()), right
    ):
        yield Relation("the right one with its entries in another order", Sides.permuted)


def _of_others(observation: Observation, place: Place, observed: Any) -> Iterator[Relation]:
    """The right values of another layer, or another quantity of the same trace."""
    quantity, layer = place
    if observed.size < _FEW_ENTRIES or not observed.any():
        return
    case = observation.case
    for (name, l), other in observation.right.items():
        if name != quantity or l == layer or not other.value.any():
            continue
        if _agrees(observed, other.value, other) or np.array_equal(observed, observation.answers[name, l]):
            said = f"that of layer l {'+' if l > layer else '-'} {abs(l - layer)}"
            yield Relation(said, methodcaller("of_layer", l - layer))
    others: dict[str, Any] = {}
    for (name, l), value in observation.answers.items():
        if name in _BEFORE.get(quantity, ()) and l == layer:
            others[name] = value
    if quantity == "dW":
        others["W"] = case.network.layers[layer - 1].W
    if quantity == "db":
        others["b"] = case.network.layers[layer - 1].b
    if quantity == "delta" and layer == case.network.depth:
        others["Y"] = case.Y
    for other_quantity, value in others.items():
        if np.shape(value) == observed.shape and np.array_equal(value, observed):
            name, symbol = _SYMBOLS[other_quantity]
            yield Relation(f"equal to {name}", methodcaller("equal_to", symbol))


def _regularised(
    observation: Observation, place: Place, observed: Any, right: Prediction
) -> Iterator[Relation]:
    """∂L/∂W + λ W, where the penalty's gradient was left on."""
    quantity = place[0]
    if quantity not in ("dW", "db", "W_updated", "b_updated"):
        return
    theta = _parameters(observation, place)
    square = float(np.sum(theta * theta))
    if not square or theta.size < _FEW_ENTRIES:
        return
    constant = float(np.sum((observed - right.value) * theta)) / square
    slack = Prediction(right.value + constant * theta, 2 * right.slack, right.finite)
    if constant and slack.agrees(observed) and np.any(np.abs(constant * theta) > 4 * right.slack):
        name, symbol = _SYMBOLS["W" if quantity in ("dW", "W_updated") else "b"]
        said = f"the right one + {constant:.3g} {name}, as a penalty on the parameters gives"
        yield Relation(said, methodcaller("plus", f"{constant:.3g}", symbol))


def _clipped(observed: Any, right: Prediction) -> Iterator[Relation]:
    cap = float(np.max(np.abs(observed)))
    over = np.abs(right.value) > cap + right.slack
    is_some = cap > 0 and over.any() and not over.all()
    if is_some and _agrees(observed, np.clip(right.value, -cap, cap), right):
        bounds = (number(f"{bound:.4g}") for bound in (-cap, cap))
        clip = methodcaller("of", r"\operatorname{clip}", *bounds)
        yield Relation(f"the right one clipped at {cap:.4g}", clip)


def _lower_precision(observed: Any, right: Prediction) -> Iterator[Relation]:
    """Rounded to a lower precision, or computed in float32 somewhere in a trace of float64."""
    largest = float(np.max(np.abs(right.value)))
    error = float(np.max(np.abs(observed - right.value)))
    if observed.size < _FEW_ENTRIES or error <= 64 * right.slack:
        return
    for name, unit in (("float16", _FLOAT16), ("float32", _FLOAT32)):
        with np.errstate(over="ignore"):
            is_rounded = np.array_equal(observed, observed.astype(name))
        if is_rounded and observed.any() and error <= 64 * largest * unit:
            rounded = methodcaller("of", rf"\mathrm{{fl}}_{{{name.removeprefix('float')}}}")
            yield Relation(f"the right one rounded to {name}", rounded)
            return
    if largest * _FLOAT32 / 64 < error <= 64 * largest * _FLOAT32:
        said = "right to the precision of float32 only, as where something is computed in it"
        yield Relation(said, methodcaller("of", r"\mathrm{fl}_{32}"))


def common_relations(wrong: Mapping[tuple[int, Place], Observation]) -> list[Relation]:
    """The relations that every wrong array has, the simplest first; `wrong` has (number, place) as keys."""
    found: dict[Relation, None] | None = None
    large = {key: each for key, each in wrong.items() if each.answers[key[1]].size > _FEW_ENTRIES}
    for (_, place), observation in (large or wrong).items():  # one entry is anything times another
        here = dict.fromkeys(relations_of(observation, place))
        found = here if found is None else {each: None for each in found if each in here}
        if not found:
            break
    return list(found or ())
