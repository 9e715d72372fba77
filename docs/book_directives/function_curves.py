"""What is plotted of each function: curves of its value and its derivative, with its kinks, as numbers.

A function of a single number is shown over it, at its default parameters and at two others, or a loss for a
few targets. One that mixes the units of a sample is shown for three units of which one moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, LossSpec
from refimpl.domains import Interval, OneHot, OneOf
from refimpl.functions import Parameter

POINTS = 801
OTHERS = np.array([[0.0], [1.0]])
"""The units that stand still beside one that moves."""
_WIDE = {
    "relu6": (-3.0, 9.0),
    "tanhshrink": (-4.0, 4.0),
    "softshrink": (-2.0, 2.0),
    "hardshrink": (-2.0, 2.0),
}
_GREEK = {
    "negative_slope": "α",
    "alpha": "α",
    "beta": "β",
    "lambd": "λ",
    "delta": "δ",
    "gamma": "γ",
    "epsilon": "ε",
    "label_smoothing": "ε",
    "threshold": "θ",
    "value": "v",
    "min_val": "m",
    "max_val": "M",
}


@dataclass(frozen=True)
class Curve:
    """One line in both panels."""

    label: str
    x: Any
    value: Any
    slope: Any


@dataclass(frozen=True)
class Mark:
    """A kink: the value there, and the slopes of both sides and the one chosen."""

    at: float
    value: float
    left: float
    right: float
    chosen: float


@dataclass(frozen=True)
class Plot:
    """Two panels: values on the left, slopes on the right."""

    name: str
    """Of the file."""
    across: str
    """What runs along x."""
    values: str
    slopes: str
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = field(default=())
    caption: str = ""


def plots_of(name: str) -> tuple[Plot, ...]:
    """All plots of an activation or a loss."""
    if name in ACTIVATIONS:
        entry = ACTIVATIONS[name]
        return (_elementwise(name) if entry.elementwise else _mixing(name),)
    loss = LOSSES[name]
    return _of_loss(name) if loss.elementwise else (_mixing_loss(name),)


# ---------------------------------------------------------------- activations


def _elementwise(name: str) -> Plot:
    entry, low_high = ACTIVATIONS[name], _WIDE.get(name, (-5.0, 5.0))
    curves = []
    for label, given in _variants(entry.parameters):
        parameters = ActivationSpec(name, given).parameters
        kinks = [float(kink.at) for kink in entry.kinks(parameters)]
        z = _points(*low_high, kinks)
        Z = z.reshape(1, -1)
        assert entry.derivative is not None
        with np.errstate(invalid="ignore"):
            value, slope = entry.value(Z, **parameters)[0], entry.derivative(Z, **parameters)[0]
        curves.append(Curve(label, z, _broken(z, value), _broken(z, slope)))
    defaults = ActivationSpec(name).parameters
    marks = tuple(
        Mark(
            kink.at,
            float(entry.value(np.array([[kink.at]]), **defaults).item()),
            kink.left,
            kink.right,
            kink.chosen,
        )
        for kink in entry.kinks(defaults)
    )
    caption = (
        "At each kink: the slopes of both sides as circles, the one chosen here as a dot." if marks else ""
    )
    return Plot(name, "z", "σ(z)", "σ'(z)", tuple(curves), marks, caption)


def _mixing(name: str) -> Plot:
    entry, x = ACTIVATIONS[name], np.linspace(-5, 5, POINTS)
    Z = np.vstack([x, np.broadcast_to(OTHERS, (2, POINTS))])
    A = entry.value(Z)
    curves = []
    for unit in range(3):
        G = np.zeros_like(Z)
        G[unit] = 1
        slope = entry.vjp(Z, A, G)[0]  # ∂aᵢ/∂z₁
        curves.append(Curve(f"i = {unit + 1}", x, A[unit], slope))
    said = "A sample of three units, z = (t, 0, 1): each output, and its derivative by the first unit."
    return Plot(name, "t", "aᵢ", "∂aᵢ/∂z₁", tuple(curves), caption=said)


# ---------------------------------------------------------------- losses


def _of_loss(name: str) -> tuple[Plot, ...]:
    targets = _targets(LOSSES[name].target_domain)
    curves = tuple(_loss_curve(name, {}, y, f"y = {y:g}") for y in targets)
    marks = _loss_marks(name, targets[-1])
    said = f"Of one output, for targets y = {', '.join(f'{y:g}' for y in targets)}."
    if marks:
        said += f" At the kink for y = {targets[-1]:g}: the slopes of both sides as circles, ours as a dot."
    found = [Plot(name, "ŷ", "ℓ(ŷ, y)", "∂ℓ/∂ŷ", curves, marks, said)]
    if LOSSES[name].parameters:
        y = targets[-1]
        varied = tuple(
            _loss_curve(name, given, y, label) for label, given in _variants(LOSSES[name].parameters)
        )
        said = f"With other parameters, for the target y = {y:g}."
        found.append(Plot(f"{name}-parameters", "ŷ", "ℓ(ŷ, y)", "∂ℓ/∂ŷ", varied, caption=said))
    return tuple(found)


def _loss_curve(name: str, given: Mapping[str, float], target: float, label: str) -> Curve:
    entry, arguments = LOSSES[name], LossSpec(name, parameters=given).arguments
    low, high = _ends(entry.prediction_domain)
    kinks = [
        float(k.at.item()) for k in entry.kinks(np.array([[target]]), arguments) if np.isfinite(k.at).all()
    ]
    a = _points(low, high, kinks)
    A, Y = a.reshape(1, -1), np.full((1, len(a)), target)
    with np.errstate(invalid="ignore", divide="ignore"):
        value, slope = entry.terms(A, Y, **arguments)[0], entry.gradient(A, Y, **arguments)[0]
    return Curve(label, a, _broken(a, value), _broken(a, slope))


def _loss_marks(name: str, target: float) -> tuple[Mark, ...]:
    entry, spec = LOSSES[name], LossSpec(name)
    found = []
    for kink in entry.kinks(np.array([[target]]), spec.arguments):
        at, left, right, chosen = (
            np.asarray(n).item() for n in (kink.at, kink.left, kink.right, kink.chosen)
        )
        if np.isfinite(at):
            value = entry.terms(np.array([[at]]), np.array([[target]]), **spec.arguments).item()
            found.append(Mark(at, value, left, right, chosen))
    return tuple(found)


def _mixing_loss(name: str) -> Plot:
    entry, spec, x = LOSSES[name], LossSpec(name), np.linspace(-5, 5, POINTS)
    A = np.vstack([x, np.broadcast_to(OTHERS, (2, POINTS))])
    curves = []
    for unit in range(3):
        Y = np.zeros_like(A)
        Y[unit] = 1
        of_sample = entry.divisor("sum", len(A), 1)
        value = np.sum(entry.terms(A, Y, **spec.arguments), axis=0) / of_sample
        slope = entry.gradient(A, Y, **spec.arguments)[0] / of_sample
        curves.append(Curve(f"y = {_one_hot(unit)}", x, value, slope))
    said = (
        "A sample of three outputs, ŷ = (t, 0, 1): the loss for each class, and its derivative by the first."
    )
    return Plot(name, "t", "L(ŷ, y)", "∂L/∂ŷ₁", tuple(curves), caption=said)


def _one_hot(unit: int) -> str:
    return "(" + ", ".join("1" if place == unit else "0" for place in range(3)) + ")"


# ---------------------------------------------------------------- numbers


def _variants(parameters: tuple[Parameter, ...]) -> Iterator[tuple[str, dict[str, float]]]:
    """The defaults, and both ends of what random cases draw."""
    choices = [{parameter.name: parameter.default for parameter in parameters}]
    choices += [
        {parameter.name: _end(parameter.drawn, last=last) for parameter in parameters}
        for last in (False, True)
    ]
    seen: list[dict[str, float]] = []
    for given in choices:
        if given not in seen:
            seen.append(given)
            yield ", ".join(f"{symbol(name)} = {number:g}" for name, number in given.items()), given


def symbol(parameter: str) -> str:
    """What a formula calls it."""
    return _GREEK.get(parameter, parameter)


def _end(drawn: Interval | OneOf, *, last: bool) -> float:
    if isinstance(drawn, OneOf):
        return drawn.values[-1 if last else 0]
    return drawn.high if last else drawn.low


def _targets(domain: Any) -> tuple[float, ...]:
    if isinstance(domain, OneOf):
        return domain.values
    if isinstance(domain, OneHot):
        return (0.0, 1.0)
    tried = (0.0, 0.5, 1.0) if domain.low == 0 else (-2.0, 0.0, 1.0)
    return tuple(y for y in tried if domain.contains(y))


def _ends(domain: Interval) -> tuple[float, float]:
    """The part of the predictions' domain that is shown; bounds where a logarithm is infinite just inside."""
    low = domain.low + 1e-3 if np.isfinite(domain.low) and domain.low == 0 else -4.0
    high = domain.high - 1e-3 if domain.high == 1 else min(domain.high, 4.0)
    return max(low, domain.low), high


def _points(low: float, high: float, kinks: list[float]) -> Any:
    """Points with a gap at each kink, so that no line is drawn across a jump."""
    x = np.linspace(low, high, POINTS)
    gap = (high - low) / 1e6
    inside = [at for at in kinks if low < at < high]
    beside = [near for at in inside for near in (at - gap, at + gap)]
    return np.sort(np.concatenate([x[~np.isin(x, inside)], beside, inside]))


def _broken(x: Any, y: Any) -> Any:
    """NaN where two points are so near that only a kink can be between them."""
    y = np.array(y, float)
    step = (x[-1] - x[0]) / 1e5
    at = [place for place in range(1, len(x) - 1) if x[place + 1] - x[place - 1] < step]
    y[at] = np.nan
    return y
