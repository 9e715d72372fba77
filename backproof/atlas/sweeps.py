"""The arguments at which functions are asked: both signs, all sizes, and close to what is special.

A sweep is a row of arguments t, numbers of one dtype, in ascending order. Of an elementwise function t is z,
or the prediction of a loss, with a fixed target. Of a function that mixes units it makes a column of four,
by one of `DESIGNS`. Parameters and arrays are swept one at a time, the others at their defaults.

Nothing is random: the same points come of the same entry, dtype and number of points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refimpl import Activation, ActivationSpec, Loss, LossSpec
from refimpl.domains import Interval, OneOf

Entry = Activation | Loss
UNITS = 4
"""Of a column; a power of two, so that a mean over units rounds nothing."""
COTANGENT = (1.0, -0.5, 0.25, -0.75)
"""What is pulled back through an activation that mixes units; a constant one would be turned into 0."""
DESIGNS = {
    "gap": ("one entry t, the others 0", (1.0, 0.0, 0.0, 0.0), 0.0),
    "scale": ("t times (1, -1/2, 1/4, -1)", (1.0, -0.5, 0.25, -1.0), 0.0),
    "offset": ("t plus (0, 3/4, 2, -3/2), each rounded", (1.0, 1.0, 1.0, 1.0), 1.0),
}
"""Name → what it says, what t is multiplied by, and how much of `_STEPS` is added."""
_STEPS = (0.0, 0.75, 2.0, -1.5)
_TARGETS = (0.0, 1.0, -1.0, 0.25, 1000.0)
_EXTREMES = (2.0**-30, 2.0**10)
"""Of a parameter, besides its default and the ends of where people take it from."""
_COLUMNS_OF_TARGETS = ((1.0, 0.0, 0.0, 0.0), (0.5, 0.25, 0.125, 0.125), (1.0, -0.5, 0.25, -1.0))
# Shares of the points: all sizes, ordinary sizes, where exponentials saturate, close to what is special.
_ALL, _ORDINARY, _SATURATING = 0.3, 0.3, 0.2


@dataclass(frozen=True)
class Sweep:
    """A row of arguments for one function with its parameters, and of a loss with its target."""

    spec: ActivationSpec | LossSpec
    dtype: np.dtype[Any]
    at: Any
    """t, (m,), ascending."""
    Z: Any
    """What the function is asked at, (n, m): pre-activations, or predictions."""
    Y: Any = None
    """Targets of a loss, (n, m)."""
    design: str = ""
    """How columns are made; empty for elementwise functions."""

    @property
    def parameters(self) -> dict[str, float]:
        """Numbers of the function: parameters, and of arrays the one number that all entries have."""
        arrays = {name: float(array.flat[0]) for name, array in getattr(self.spec, "arrays", {}).items()}
        return {**self.spec.parameters, **arrays}

    @property
    def target(self) -> tuple[float, ...]:
        """The target, or the column of targets; empty for an activation."""
        return () if self.Y is None else tuple(self.Y[:, 0].astype(float).tolist())


def sweeps_of(entry: Entry, dtype: str, points: int) -> Iterator[Sweep]:
    """Every sweep of a function: each set of parameters with each target, and of columns each design."""
    kind = np.dtype(dtype)
    size = points if entry.elementwise else max(points // 4, 25)
    for numbers in variants(entry, kind):
        if isinstance(entry, Activation):
            spec = ActivationSpec(entry.name, numbers)
            if entry.elementwise:
                at = arguments(kind, size, [float(kink.at) for kink in entry.kinks(spec.parameters)])
                yield Sweep(spec, kind, at, at[None])
            else:
                at = arguments(kind, size)
                yield from (Sweep(spec, kind, t, Z, None, name) for name, t, Z in _columns(at))
        else:
            yield from _of_loss(entry, numbers, kind, size)


def _of_loss(entry: Loss, numbers: dict[str, float], dtype: np.dtype[Any], size: int) -> Iterator[Sweep]:
    if not entry.elementwise:
        at = arguments(dtype, size)  # on no kink: such a loss does not tell where its kinks are
        for column in _COLUMNS_OF_TARGETS:
            y = np.array(column, dtype)[:, None]
            if entry.target_domain.contains(y):
                for name, t, Z in _columns(at):
                    spec = _loss_spec(entry, numbers, dtype, t.size)
                    yield Sweep(spec, dtype, t, Z, np.repeat(y, t.size, axis=1), name)
        return
    for target in _TARGETS:
        y = np.array([[target]], dtype)
        if not entry.target_domain.contains(y):
            continue
        spec = _loss_spec(entry, numbers, dtype, 1)
        kinks = [float(np.min(kink.at)) for kink in entry.kinks(np.float64(y), spec.arguments)]
        at = arguments(dtype, size, [target, *kinks], entry.prediction_domain)
        spec = _loss_spec(entry, numbers, dtype, at.size)
        yield Sweep(spec, dtype, at, at[None], np.full((1, at.size), target, dtype))


def _loss_spec(entry: Loss, numbers: dict[str, float], dtype: np.dtype[Any], samples: int) -> LossSpec:
    arrays = {
        array.name: np.full(
            array.shape(1 if entry.elementwise else UNITS, samples), numbers[array.name], dtype
        )
        for array in entry.arrays
        if array.name in numbers
    }
    parameters = {name: value for name, value in numbers.items() if name not in arrays}
    # Each sample's own loss, whatever is divided by later.
    return LossSpec(entry.name, "sum", parameters, arrays)


def variants(entry: Entry, dtype: np.dtype[Any]) -> list[dict[str, float]]:
    """Numbers for parameters and arrays: the defaults, then each of them alone at other values."""
    default = entry.complete({}, dtype)
    found = [dict(default)]
    for each in (*entry.parameters, *getattr(entry, "arrays", ())):
        for value in _values(each.domain, each.drawn):
            number = float(dtype.type(value))
            if number == default.get(each.name, each.default):
                continue
            changed = {**default, each.name: number}
            try:
                entry.complete({name: changed[name] for name in default}, dtype)
            except ValueError:  # out of order with another one, or outside once rounded
                continue
            found.append(changed)
    return found


def _values(domain: Interval | OneOf, drawn: Interval | OneOf) -> Sequence[float]:
    if isinstance(domain, OneOf) or isinstance(drawn, OneOf):
        return domain.values if isinstance(domain, OneOf) else ()
    return [value for value in (drawn.low, drawn.high, *_EXTREMES) if domain.contains(float(value))]


def _columns(at: Any) -> Iterator[tuple[str, Any, Any]]:
    """Of each design its name, t and the columns, (4, m), where these are finite."""
    for name, (_, factors, steps) in DESIGNS.items():
        with np.errstate(over="ignore"):
            Z = np.array(factors, at.dtype)[:, None] * at + np.array(_STEPS, at.dtype)[
                :, None
            ] * at.dtype.type(steps)
        finite = np.isfinite(Z).all(axis=0)
        yield name, at[finite], np.ascontiguousarray(Z[:, finite])


def arguments(
    dtype: np.dtype[Any], size: int, special: Sequence[float] | None = None, domain: Interval | None = None
) -> Any:
    """About `size` different numbers of the dtype, ascending, that lie in `domain`.

    Log-spaced sizes of both signs from the smallest subnormal number to the largest; ordinary sizes; where
    exponentials go from nothing to infinity; around ±1 and each of `special` from the next number outwards;
    and 0. With `special`, also these and ±1 themselves.
    """
    info = np.finfo(dtype)
    low, high = -np.inf, np.inf
    if domain is not None:
        low, high = domain.low, domain.high
    sides = (low < 0) + (high > 0)
    part = max(size // sides, 8)
    log_max = float(np.log(info.max))
    sizes = [
        *_log_spaced(info.smallest_subnormal, info.max, int(part * _ALL)),
        *_log_spaced(2.0**-40, min(2.0**12, high or 1.0), int(part * _ORDINARY)),
        *np.linspace(0.0, 1.2 * log_max, int(part * _SATURATING)).tolist(),
        *(float(info.max), float(info.tiny), float(info.smallest_subnormal), 0.0),
    ]

    def beside(c: float) -> list[float]:
        next_ones = [float(np.nextafter(dtype.type(c), dtype.type(s * np.inf))) for s in (1, -1)]
        distances = _log_spaced(abs(c) * float(info.eps), abs(c), around)
        return [*next_ones, *(c + s * distance for s in (1, -1) for distance in distances)]

    centres = sorted({1.0, -1.0, *(float(dtype.type(c)) for c in special or ())} - {0.0})
    around = max(int(size * (1 - _ALL - _ORDINARY - _SATURATING)) // (2 * len(centres)), 4)
    with np.errstate(over="ignore"):
        values = np.array(
            [
                *sizes,
                *(-s for s in sizes),
                *(x for c in centres for x in beside(c)),
                *(centres if special is not None else ()),
            ]
        ).astype(dtype)
    inside = (values >= low) & (values <= high) & np.isfinite(values)
    return np.unique(values[inside] + dtype.type(0))  # -0.0 + 0 is 0


def _log_spaced(low: Any, high: Any, size: int) -> list[float]:
    """`size` numbers from about `low` to about `high`, with ordinary digits: powers of two are not met."""
    steps = (np.arange(size) + 0.5) / size
    return np.exp2(np.log2(float(low)) * (1 - steps) + np.log2(float(high)) * steps).tolist()
