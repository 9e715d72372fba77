"""Simple relations of wrong numbers to right ones, for mistakes that no catalogue has.

Scaled by a constant, m or a width; transposed, permuted, of another layer, equal to another quantity, of
lower precision, clipped, regularised, never computed. A relation is a sentence; what varies from case to case
(m, a width) is in it by name. It is believed only if one sentence fits every wrong array of an equation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .agreement import Observation, Place, Prediction

_FEW_ENTRIES = 2
"""A constant that is fitted takes one entry: fewer than this many say nothing about it."""
_NEAR_ONE = 1e-3
_SYMBOLS = {"Z": "Z[l]", "A": "A[l]", "delta": "δ[l]", "dW": "∂L/∂W[l]", "db": "∂L/∂b[l]"}
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


def relations_of(observation: Observation, place: Place) -> Iterator[str]:
    """Every relation, as the end of "it is …", that the observed array has to the right one."""
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


def _scaled(observation: Observation, place: Place, observed: Any, right: Prediction) -> Iterator[str]:
    square = float(np.sum(right.value * right.value))
    if not observed.any():
        yield "all zeros, as if it were never computed"
        return
    if not square:
        return
    constant = float(np.sum(observed * right.value)) / square
    if abs(constant - 1) <= _NEAR_ONE or not constant:  # that is an error of another kind
        return
    if not _agrees(observed, constant * right.value, right, 2 * abs(constant)):
        return
    named = [name for name, value in _constants(observation, place) if _close(value, constant, right)]
    yield from (f"{name} the right one" for name in named)
    if observed.size >= _FEW_ENTRIES:
        yield f"{constant:.4g} times the right one"


def _steps(observation: Observation, place: Place, observed: Any, right: Prediction) -> Iterator[str]:
    """θ - c η ∂L/∂θ with a wrong factor c."""
    quantity = place[0]
    if quantity not in ("W_updated", "b_updated"):
        return
    theta = _parameters(observation, place)
    step = Prediction(right.value - theta, right.slack, right.finite)
    if (observed == theta).all():
        yield f"equal to {quantity[0]}[l], as if nothing were updated"
    else:
        for sentence in _scaled(observation, place, observed - theta, step):
            yield f"{quantity[0]}[l] after {sentence.replace('the right one', 'the right step')}"


def _parameters(observation: Observation, place: Place) -> Any:
    """W[l] or b[l], which the place is about."""
    quantity, layer = place
    parameters = observation.case.network.layers[layer - 1]
    return (parameters.W if quantity in ("dW", "W_updated") else parameters.b).astype(np.longdouble)


def _close(value: float, constant: float, right: Prediction) -> bool:
    largest = float(np.max(np.abs(right.value)))
    return abs(value - constant) * largest <= 2 * right.slack * max(1.0, abs(constant))


def _constants(observation: Observation, place: Place) -> Iterator[tuple[str, float]]:
    case = observation.case
    widths, m = case.network.widths, case.samples
    layer = place[1] or case.network.depth
    yield "minus", -1.0
    yield "twice", 2.0
    yield "half", 0.5
    yield "η times", case.learning_rate
    for name, value in (
        ("m (the samples)", m),
        ("n_L (the outputs)", widths[-1]),
        ("n_l (the units of the layer)", widths[layer]),
        ("n_{l-1} (its inputs)", widths[layer - 1]),
        ("L (the layers)", case.network.depth),
        ("m n_L", m * widths[-1]),
    ):
        if value != 1:
            yield f"{name} times", float(value)
            yield f"1/{name} times", 1.0 / value
            yield f"-{name} times", -float(value)


def _rearranged(observed: Any, right: Prediction) -> Iterator[str]:
    value = right.value
    if value.ndim != 2 or value.size < _FEW_ENTRIES + 1:
        return
    forms = {
        "the right one transposed": value.T,
        "the right one with its rows in reverse order": value[::-1],
        "the right one with its columns in reverse order": value[:, ::-1],
    }
    for sentence, form in forms.items():
        if not _agrees(value, form, right) and _agrees(observed, form, right):
            yield sentence
    if not _agrees(observed, value, right) and _agrees(
        np.sort(observed.ravel()), np.sort(value.ravel()), right
    ):
        yield "the right one with its entries in another order"


def _of_others(observation: Observation, place: Place, observed: Any) -> Iterator[str]:
    """The right values of another layer, or another quantity of the same trace."""
    quantity, layer = place
    if observed.size < _FEW_ENTRIES or not observed.any():
        return
    case = observation.case
    for (name, l), other in observation.right.items():
        if name != quantity or l == layer or not other.value.any():
            continue
        if _agrees(observed, other.value, other) or np.array_equal(observed, observation.answers[name, l]):
            yield f"that of layer l {'+' if l > layer else '-'} {abs(l - layer)}"
    others: dict[str, Any] = {}
    for (name, l), value in observation.answers.items():
        if name in _BEFORE.get(quantity, ()) and l == layer:
            others[_SYMBOLS[name]] = value
    if quantity == "dW":
        others["W[l]"] = case.network.layers[layer - 1].W
    if quantity == "db":
        others["b[l]"] = case.network.layers[layer - 1].b
    if quantity == "delta" and layer == case.network.depth:
        others["Y"] = case.Y
    for name, value in others.items():
        if np.shape(value) == observed.shape and np.array_equal(value, observed):
            yield f"equal to {name}"


def _regularised(observation: Observation, place: Place, observed: Any, right: Prediction) -> Iterator[str]:
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
        symbol = "W[l]" if quantity in ("dW", "W_updated") else "b[l]"
        yield f"the right one + {constant:.3g} {symbol}, as a penalty on the parameters gives"


def _clipped(observed: Any, right: Prediction) -> Iterator[str]:
    cap = float(np.max(np.abs(observed)))
    over = np.abs(right.value) > cap + right.slack
    is_some = cap > 0 and over.any() and not over.all()
    if is_some and _agrees(observed, np.clip(right.value, -cap, cap), right):
        yield f"the right one clipped at {cap:.4g}"


def _lower_precision(observed: Any, right: Prediction) -> Iterator[str]:
    """Rounded to a lower precision, or computed in float32 somewhere in a trace of float64."""
    largest = float(np.max(np.abs(right.value)))
    error = float(np.max(np.abs(observed - right.value)))
    if observed.size < _FEW_ENTRIES or error <= 64 * right.slack:
        return
    for name, unit in (("float16", _FLOAT16), ("float32", _FLOAT32)):
        with np.errstate(over="ignore"):
            is_rounded = np.array_equal(observed, observed.astype(name))
        if is_rounded and observed.any() and error <= 64 * largest * unit:
            yield f"the right one rounded to {name}"
            return
    if largest * _FLOAT32 / 64 < error <= 64 * largest * _FLOAT32:
        yield "right to the precision of float32 only, as where something is computed in it"


def common_relations(wrong: Mapping[tuple[int, Place], Observation]) -> list[str]:
    """The relations that every wrong array has, the simplest first; `wrong` has (number, place) as keys."""
    found: dict[str, None] | None = None
    large = {key: each for key, each in wrong.items() if each.answers[key[1]].size > _FEW_ENTRIES}
    for (_, place), observation in (large or wrong).items():  # one entry is anything times another
        here = dict.fromkeys(relations_of(observation, place))
        found = here if found is None else {sentence: None for sentence in found if sentence in here}
        if not found:
            break
    return list(found or ())
