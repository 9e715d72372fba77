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


def _points(
    z: Any, E: Any, turns: tuple[Any, ...], kinks: tuple[Any, ...], singular: tuple[float, ...] = ()
) -> tuple[Any, Any]:
    """Where to evaluate: z, z ± H, then points of [z - E, z + E]; and E/H.

    E has a leading axis more than z, for the precision; so have the points, after their own.
    """
    # An exact argument (E = 0) stays exact: beside a kink it does not reach the other side.
    low = np.where(E > 0, np.nextafter(z - E, -np.inf), z)
    high = np.where(E > 0, np.nextafter(z + E, np.inf), z)
    smooth = np.maximum(1.0, np.abs(z))
    for point in (*kinks, *singular):
        smooth = np.minimum(smooth, np.abs(z - point))
    H = np.maximum(E, _STEP * smooth)
    inside: list[Any] = [low, high]
    inside += [np.clip(turn, low, high) for turn in turns]
    for kink in kinks:
        inside += [
            np.clip(side, low, high)
            for side in (np.nextafter(kink, -np.inf), kink, np.nextafter(kink, np.inf))
        ]
    points = np.empty((3 + len(inside), *np.broadcast_shapes(*(np.shape(p) for p in inside), np.shape(z))))
    for place, point in zip(points, (z, z - H, z + H, *inside), strict=True):
        place[...] = point
    return points, np.where(H > 0, np.where(np.isfinite(H), E / H, 1.0), 0.0)


def _within(values: Any) -> Any:
    """The values at the points of [z - E, z + E]."""
    return np.concatenate([values[:1], values[3:]])


def _sup(values: Any, ratio: Any) -> Any:
    """S1 and S2 from the values at `_points`; NaN where a value is not a number."""
    moved = np.abs(values[1:] - values[0])
    secant = np.max(moved[:2], axis=0) * ratio * _SMOOTH
    return np.maximum(secant, np.max(moved[2:], axis=0))


def activation_spread(
    oracle: Oracle, spec: ActivationSpec | ActivationPieces, z: Any, E: Any, allowance: Allowance
) -> tuple[Any, Any, Any, Any]:
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


def _moved_activation(
    oracle: Oracle, spec: ActivationPieces, z: Any, E: Any, allowance: Allowance
) -> tuple[Any, Any, Any, Any]:
    """The same where the argument is off."""
    facts, p, kinks = ACTIVATION_FACTS[spec.name], spec.parameters, spec.kinks()
    points, ratio = _points(z, E, facts.turns(p), tuple(kink.at for kink in kinks))
    value, slope = corrected(oracle.name, spec.name, *spec.values(oracle, points), points, p)
    # z ± H may lie outside the interval: only the others count for the function's own error.
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
) -> tuple[Any, Any, Any, Any]:
    """(ℓ, E_ℓ, ∂ℓ/∂a, E_∂ℓ) of an elementwise loss whose prediction is off by at most E.

    Infinite where the interval reaches a point at which the loss is. Of pieces, as above.
    """
    spec = LossPieces.of(spec)
    facts, p = LOSS_FACTS[spec.name], spec.arguments
    kinks = tuple(kink.at for kink in spec.entry.kinks(y, p))
    domain = spec.entry.prediction_domain
    singular = facts.singular(y)
    points, ratio = _points(a, E, facts.turns(y, p), kinks, tuple(point for point, _ in singular))
    points = np.clip(points, domain.low, domain.high)
    value, slope = corrected(oracle.name, spec.name, *spec.values(oracle, points, y), points, y, p)
    own_value, own_slope = allowance.loss(spec, _within(points), _within(value), _within(slope), y)
    E_value, E_slope = _sup(value, ratio) + own_value, _sup(slope, ratio) + own_slope
    for point, where in singular:
        reached = where & (np.abs(a - point) <= E)
        E_value, E_slope = np.where(reached, np.inf, E_value), np.where(reached, np.inf, E_slope)
    return value[0, 0], E_value, slope[0, 0], E_slope
