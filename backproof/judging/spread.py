"""How far a function and its derivative can move when its argument is off by at most E.

S1. sup |f(z') - f(z)| over |z' - z| ≤ E is reached at z ± E, at a turn, or on a side of a kink inside.
S2. Where E is a few roundings of z, the difference of two float64 values has no digits left. Then secants are
    used as well: max |f(z ± H) - f(z)| E/H with H = 2^-26 min(max(1, |z|), d), where d is the distance to the
    nearest kink or singular point. Proven for convex and concave f; the factor 1 + 2^-16 is a margin.
S3. An argument z + c that rounds is off by u(|z + c| + E) more.
Proofs: docs/bounds.md.
The values come from an oracle's own function, its declared deviations taken out, never from refimpl.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oracles import Oracle
from refimpl import ActivationSpec, LossSpec

from .activation_facts import ACTIVATION_FACTS
from .allowance import Allowance
from .deviations import corrected
from .loss_facts import LOSS_FACTS
from .pieces import ActivationPieces, LossPieces

_SMOOTH = 1 + 2.0**-16
_STEP = 2.0**-26


_FEW = 4096
"""So many evaluations are done sooner than a second round of calls for the entries that need them."""

# (f(z), E_f, f'(z), E_f')
Spread = tuple[Any, Any, Any, Any]


def _ends(z: Any, E: Any) -> tuple[Any, Any]:
    """The ends of [z - E, z + E], outward; E has a leading axis more than z, for the precision."""
    # An exact argument (E = 0) stays exact: beside a kink it does not reach the other side.
    low = np.where(E > 0, np.nextafter(z - E, -np.inf), z)
    return low, np.where(E > 0, np.nextafter(z + E, np.inf), z)


def _sides(kinks: tuple[Any, ...]) -> list[Any]:
    """Each kink between its neighbours."""
    return [side for at in kinks for side in (np.nextafter(at, -np.inf), at, np.nextafter(at, np.inf))]


def _reaching(ends: Sequence[Any], inside: Sequence[Any]) -> Any:
    """For each entry whether some of these points lies between its ends, in some precision."""
    low, high = ends
    reached = np.zeros(low.shape[-1], dtype=bool)
    axes = tuple(range(low.ndim - 1))
    for point in inside:
        reached |= np.any((low < point) & (point < high), axis=axes)
    return reached


def _points(z: Any, E: Any, ends: Sequence[Any], inside: Sequence[Any], apart: Sequence[Any]) -> Any:
    """Where to evaluate: z, the ends, what lies inside, and last z ± H; and E/H.

    `apart` are the kinks and singular points, of which H keeps clear.
    """
    smooth = np.maximum(1.0, np.abs(z))
    for point in apart:
        smooth = np.minimum(smooth, np.abs(z - point))
    H = np.maximum(E, _STEP * smooth)
    points = np.empty((5 + len(inside), *np.broadcast_shapes(np.shape(z), np.shape(E))))
    points[0], points[1], points[2] = z, *ends
    for place, point in zip(points[3:], inside, strict=False):
        np.clip(point, *ends, out=place)
    np.subtract(z, H, out=points[-2])
    np.add(z, H, out=points[-1])
    return points, np.where(H > 0, np.where(np.isfinite(H), E / H, 1.0), 0.0)


def _within(values: Any) -> Any:
    """The values at the points of [z - E, z + E]: z ± H may lie outside."""
    return values[:-2]


def _sup(values: Any, ratio: Any) -> Any:
    """S1 and S2 from the values at `_points`; NaN where a value is not a number."""
    moved = np.abs(values[1:] - values[0])
    secant = np.max(moved[-2:], axis=0) * ratio * _SMOOTH
    return np.maximum(secant, np.max(moved[:-2], axis=0))


def activation_spread(
    oracle: Oracle, spec: ActivationSpec | ActivationPieces, z: Any, E: Any, allowance: Allowance
) -> Spread:
    """(σ(z), E_A, σ'(z), E_σ') of an elementwise activation whose argument is off by at most E.

    E_A and E_σ' include the function's own error (E1). Of pieces, the entries are along the last axis.
    """
    spec = ActivationPieces.of(spec)
    facts, p = ACTIVATION_FACTS[spec.name], spec.parameters
    if facts.argument is not None:
        E = E + allowance.u * (facts.argument(z, p) + E)
    moved = np.any(E != 0, axis=tuple(range(E.ndim - 1)))
    if moved.all():
        return _moved_activation(oracle, spec, z, E, allowance)
    # Of an exact argument, the function's own error is all there is.
    value, slope = corrected(oracle.name, spec.name, *spec.values(oracle, z), z, p)
    own_value, own_slope = allowance.activation(spec, z[None], value[None], slope[None])
    E_value, E_slope = own_value + 0 * E, own_slope + 0 * E
    if moved.any():
        part = spec.part(moved)
        found = _moved_activation(oracle, part, z[..., moved], E[..., moved], allowance)
        value[..., moved], E_value[..., moved], slope[..., moved], E_slope[..., moved] = found
    return value, E_value, slope, E_slope


def _moved_activation(oracle: Oracle, spec: ActivationPieces, z: Any, E: Any, allowance: Allowance) -> Spread:
    """The same where the argument is off."""
    facts, kinks, ends = ACTIVATION_FACTS[spec.name], spec.kinks(), _ends(z, E)
    inside = [*facts.turns(spec.parameters), *_sides(tuple(kink.at for kink in kinks))]

    def spread(pieces: ActivationPieces, at: Any, inside: Sequence[Any]) -> Spread:
        z_at, E_at, *ends_at = (_part(data, at) for data in (z, E, *ends))
        return _activation_at_points(oracle, pieces, z_at, E_at, ends_at, inside, allowance)

    return _by_reach(spec, ends, inside, spread)


def _by_reach(
    pieces: Any, ends: Sequence[Any], inside: Sequence[Any], spread: Callable[..., Spread]
) -> Spread:
    """Spreads by as many points as each entry needs; `spread(pieces, at, inside)` works out those `at`.

    Few intervals reach a turn or a kink. Clipped to the others, such a point is an end, and adds nothing.
    """
    reached = _reaching(ends, inside)
    count, evaluations = int(np.sum(reached)), len(inside) * ends[0].size
    if count and (2 * count > reached.size or evaluations < _FEW or not pieces.is_divisible):
        return spread(pieces, None, inside)
    found = spread(pieces, None, ())
    if count:
        of_few = spread(pieces.part(reached), reached, [_part(point, reached) for point in inside])
        for place in (1, 3):  # f(z) itself does not change
            found[place][..., reached] = of_few[place]
    return found


def _part(data: Any, at: Any) -> Any:
    """The chosen entries of what has one value for each; all of them if `at` is None."""
    return data if at is None or np.ndim(data) == 0 else data[..., at]


def _activation_at_points(
    oracle: Oracle,
    spec: ActivationPieces,
    z: Any,
    E: Any,
    ends: Sequence[Any],
    inside: Sequence[Any],
    allowance: Allowance,
) -> Spread:
    """(σ(z), E_A, σ'(z), E_σ') with the points `inside` besides those that every entry needs."""
    facts, p, kinks = ACTIVATION_FACTS[spec.name], spec.parameters, spec.kinks()
    points, ratio = _points(z, E, ends, inside, [kink.at for kink in kinks])
    value, slope = corrected(oracle.name, spec.name, *spec.values(oracle, points), points, p)
    own_value, own_slope = allowance.activation(spec, _within(points), _within(value), _within(slope))
    moved_slope = _sup(slope, ratio)
    if facts.argument is not None:  # the oracle rounds z + c onto the kink, too, and does not show both sides
        for kink in kinks:
            jump = np.maximum(np.abs(kink.left - slope[0, 0]), np.abs(kink.right - slope[0, 0]))
            reached = (E > 0) & (np.abs(z - kink.at) <= np.nextafter(E, np.inf))
            moved_slope = np.where(reached, np.maximum(moved_slope, jump), moved_slope)
    return value[0, 0], _sup(value, ratio) + own_value, slope[0, 0], moved_slope + own_slope


def loss_spread(
    oracle: Oracle, spec: LossSpec | LossPieces, a: Any, E: Any, y: Any, allowance: Allowance
) -> Spread:
    """(ℓ, E_ℓ, ∂ℓ/∂a, E_∂ℓ) of an elementwise loss whose prediction is off by at most E.

    Infinite where the interval reaches a point at which the loss is. Of pieces, as above.
    """
    spec, ends = LossPieces.of(spec), _ends(a, E)
    facts, p = LOSS_FACTS[spec.name], spec.arguments
    singular = facts.singular(y)
    inside = [*facts.turns(y, p), *_sides(tuple(kink.at for kink in spec.entry.kinks(y, p)))]

    def spread(pieces: LossPieces, at: Any, inside: Sequence[Any]) -> Spread:
        a_at, E_at, y_at, *ends_at = (_part(data, at) for data in (a, E, y, *ends))
        apart = [point for point, _ in singular]
        return _loss_at_points(oracle, pieces, a_at, E_at, ends_at, inside, apart, y_at, allowance)

    value, E_value, slope, E_slope = _by_reach(spec, ends, inside, spread)
    for point, where in singular:
        reached = where & (np.abs(a - point) <= E)
        E_value, E_slope = np.where(reached, np.inf, E_value), np.where(reached, np.inf, E_slope)
    return value, E_value, slope, E_slope


def _loss_at_points(
    oracle: Oracle,
    spec: LossPieces,
    a: Any,
    E: Any,
    ends: Sequence[Any],
    inside: Sequence[Any],
    singular: Sequence[float],
    y: Any,
    allowance: Allowance,
) -> Spread:
    """The same with the points `inside` besides those that every entry needs, finite or not."""
    p, domain = spec.arguments, spec.entry.prediction_domain
    kinks = [kink.at for kink in spec.entry.kinks(y, p)]
    points, ratio = _points(a, E, ends, inside, [*kinks, *singular])
    np.clip(points, domain.low, domain.high, out=points)
    value, slope = corrected(oracle.name, spec.name, *spec.values(oracle, points, y), points, y, p)
    own_value, own_slope = allowance.loss(spec, _within(points), _within(value), _within(slope), y)
    E_value, E_slope = _sup(value, ratio) + own_value, _sup(slope, ratio) + own_slope
    return value[0, 0], E_value, slope[0, 0], E_slope
