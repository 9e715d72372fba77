"""How far an accurate evaluation of a whole network can lie from the exact values: bounds carried through it.

`propagated` goes once forward and once backward through the network and gives for each quantity E with
|accurate evaluation - centre| ≤ E, entry by entry, for several precisions at once (the case's own, and
float64 in which oracles answer). All arrays of errors have a leading axis for the precision.

P0. The centre is one float64 evaluation on the way, of an oracle's functions with its declared deviations
    taken out; so u, γ and η₀ below are sums of the evaluation's and the centre's. Neither an oracle's trace
    nor the exact values are the centre: the first may deviate, and the second are not known.

P1. E_Z  = |W| E_A + γ_{n+1} (|W|(|A| + E_A) + |b|) + 2(n+1) η₀  (η₀: the smallest normal number)
P2. E_A' = sup |σ(z) - σ(Z)| over |z - Z| ≤ E_Z, plus the function's own error; E_σ' likewise (S1, S2, E1)
P3. E_δ  = |σ'| E_g + |g| E_σ' + E_g E_σ' + 2u(|σ'| + E_σ')(|g| + E_g) + k η₀, with g = ∂L/∂A and k as in
    `underflow_factor`; V2 where σ mixes units
P4. E_g  = |W|^T E_δ + γ_n |W|^T(|δ| + E_δ) + 2 n η₀
P5. E_dW = E_δ|A|^T + |δ|E_A^T + E_δ E_A^T + γ_m (|δ| + E_δ)(|A| + E_A)^T + 2 m η₀;  E_db with A = 1
P6. E_W' = |η| E_dW + u(2|η|(|dW| + E_dW) + |W| + |η||dW|) + 2 η₀  (η: the learning rate)

The first-order terms alone would be wrong: with tanhshrink at 0 they are 0 and the float answer is not.
Where an intermediate sum can exceed the largest number of the dtype, the bound is infinite.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from oracles import Oracle
from refimpl import Case

from .activation_facts import ACTIVATION_FACTS
from .allowance import Allowance, underflow_factor
from .deviations import Deviation
from .error_facts import ACCURACY
from .loss_facts import LOSS_FACTS
from .rounding import Precision, outward, precision
from .spread import activation_spread, loss_spread


@dataclass(frozen=True, eq=False)
class Levels:
    """Several precisions as arrays that broadcast over errors of shape (level, n, m)."""

    precisions: tuple[Precision, ...]
    axes: int = 2
    """How many axes the arrays have, the axis of levels aside."""
    naive: bool = False
    deviations: tuple[Deviation, ...] = ()
    centre: Precision | None = None
    """What the centre is computed in (P0); None where errors are those from exact values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "largest", self._column(p.largest for p in self.precisions))
        object.__setattr__(self, "u", self._sums("u"))
        object.__setattr__(self, "tiny", self._sums("tiny"))
        allowance = Allowance(self.u, self.tiny, self.naive, self.deviations)
        object.__setattr__(self, "allowance", allowance)

    u: Any = field(init=False)
    tiny: Any = field(init=False)
    largest: Any = field(init=False)
    allowance: Allowance = field(init=False)

    def gamma(self, n: int) -> Any:
        """γ_n for each precision, with the centre's."""
        about = self.centre.gamma(n) if self.centre else 0.0
        return self._column(p.gamma(n) + about for p in self.precisions)

    def _sums(self, name: str) -> Any:
        about = getattr(self.centre, name) if self.centre else 0.0
        return self._column(getattr(p, name) + about for p in self.precisions)

    def _column(self, values: Iterable[float]) -> Any:
        return np.array(list(values)).reshape(-1, *(1,) * self.axes)

    def flushed(self, x: Any) -> Any:
        """What is lost when subnormal inputs are read as zero."""
        magnitude = np.abs(x)
        return np.where(magnitude < self.tiny, magnitude, 0.0)

    def limited(self, E: Any, magnitude: Any) -> Any:
        """E, infinite where an intermediate of that magnitude can overflow; rounded outward."""
        return np.where(magnitude < self.largest / 2, outward(E), np.inf)


@lru_cache
def levels_of(
    dtype: np.dtype[Any] | str,
    axes: int = 2,
    *,
    naive: bool = False,
    deviations: tuple[Deviation, ...] = (),
    about_centre: bool = False,
) -> Levels:
    """The case's precision first, then float64, in which centres and expected values are computed."""
    own, double = precision(dtype), precision("float64")
    precisions = (own,) if own == double else (own, double)
    return Levels(precisions, axes, naive, deviations, double if about_centre else None)


def affine(levels: Levels, W: Any, A: Any, E_A: Any, b: Any) -> Any:
    """P1: the error of W A + b."""
    n, aW = W.shape[1], np.abs(W)
    spread = np.abs(A) + E_A
    sums = aW @ spread + np.abs(b)
    E = aW @ E_A + levels.gamma(n + 1) * sums + 2 * (n + 1) * levels.tiny
    lost = levels.flushed(W)
    if lost.any():
        E = E + lost @ spread
    return levels.limited(E + levels.flushed(b), sums)


def activated(levels: Levels, oracle: Oracle, spec: Any, Z: Any, E_Z: Any) -> tuple[Any, Any, Any, Any]:
    """P2: (A, E_A, σ', E_σ'); the last two are None where σ mixes units."""
    if spec.entry.elementwise:
        A, E_A, slope, E_slope = activation_spread(oracle, spec, Z, E_Z, levels.allowance)
        return A, levels.limited(E_A, np.abs(A) + E_A), slope, outward(E_slope)
    facts = ACTIVATION_FACTS[spec.name]
    y = facts.rule.centre(Z)
    scale = facts.value(Z, y, spec.parameters)
    E = facts.rule.spread(y, E_Z) + ACCURACY * levels.u * scale + levels.tiny
    return y, levels.limited(E, np.abs(y) + E), None, None


def backward_activation(
    levels: Levels, spec: Any, activation: tuple[Any, Any, Any, Any], g: Any, E_g: Any
) -> Any:
    """P3: the error of δ = (∂A/∂Z)^T g, given what `activated` returned."""
    A, E_A, slope, E_slope = activation
    if slope is None:
        error = ACTIVATION_FACTS[spec.name].rule.vjp_error
        E = error(A, E_A, g, E_g, levels.u, levels.gamma(A.shape[-2] + 1), levels.tiny)
        return levels.limited(E, np.sum(np.abs(g) + E_g, axis=-2, keepdims=True) + E)
    s, a = np.abs(slope), np.abs(g)
    product = (s + E_slope) * (a + E_g)
    lost = levels.tiny * underflow_factor(spec.parameters)
    return levels.limited(s * E_g + a * E_slope + E_g * E_slope + 2 * levels.u * product + lost, product)


def loss_errors(levels: Levels, oracle: Oracle, case: Case, A: Any, E_A: Any) -> tuple[Any, Any, Any]:
    """(E_loss, g, E_g) with g = ∂L/∂A[L] at A, reduction included; E_loss lacks the last two axes."""
    spec, Y = case.network.loss, case.Y.astype(np.float64)
    rule = LOSS_FACTS[spec.name].rule
    if rule is not None:
        terms, E_terms, g, E_g = rule(A, E_A, Y, spec.arguments, levels.u, levels.tiny)
    else:
        terms, E_terms, g, E_g = loss_spread(oracle, spec, A, E_A, Y, levels.allowance)
    entries = A.shape[-2] * A.shape[-1]
    divisor = spec.entry.divisor(spec.reduction, A.shape[-2], A.shape[-1])
    both = (-2, -1)
    sums = np.sum(np.abs(terms) + E_terms, axis=both, keepdims=True)
    E_loss = np.sum(E_terms, axis=both, keepdims=True) + levels.gamma(entries + 2) * sums
    E_loss = levels.limited(E_loss / divisor + levels.tiny, sums)[..., 0, 0]
    g = g / divisor
    E_g = E_g / divisor
    return E_loss, g, levels.limited(E_g + 2 * levels.u * (np.abs(g) + E_g) + levels.tiny, np.abs(g) + E_g)


def transposed(levels: Levels, W: Any, delta: Any, E_delta: Any) -> Any:
    """P4: the error of W^T δ."""
    aW, n = np.abs(W).T, W.shape[0]
    spread = np.abs(delta) + E_delta
    sums = aW @ spread
    E = aW @ E_delta + levels.gamma(n) * sums + 2 * n * levels.tiny
    lost = levels.flushed(W)
    if lost.any():
        E = E + np.swapaxes(lost, -1, -2) @ spread
    return levels.limited(E, sums)


def weight_gradient(levels: Levels, delta: Any, E_delta: Any, A: Any, E_A: Any) -> Any:
    """P5: the error of δ A^T."""
    m = delta.shape[-1]
    a, E_a = np.swapaxes(np.abs(A), -1, -2), np.swapaxes(E_A, -1, -2)
    d = np.abs(delta)
    sums = (d + E_delta) @ (a + E_a)
    E = E_delta @ (a + E_a) + d @ E_a + levels.gamma(m) * sums + 2 * m * levels.tiny
    return levels.limited(E, sums)


def bias_gradient(levels: Levels, delta: Any, E_delta: Any) -> Any:
    """P5 with A = 1: the error of the sum of the columns of δ."""
    m = delta.shape[-1]
    sums = np.sum(np.abs(delta) + E_delta, axis=-1, keepdims=True)
    E = np.sum(E_delta, axis=-1, keepdims=True) + levels.gamma(m) * sums + m * levels.tiny
    return levels.limited(E, sums)


def updated(levels: Levels, rate: float, W: Any, dW: Any, E_dW: Any) -> Any:
    """P6: the error of W - η dW."""
    eta, size = abs(rate), np.abs(dW) + E_dW
    magnitude = np.abs(W) + 2 * eta * size
    E = eta * E_dW + levels.u * (magnitude + eta * size) + 2 * levels.tiny
    lost = levels.flushed(rate)
    return levels.limited(E + levels.flushed(W) + lost * size, magnitude)


def pulled_back(spec: Any, activation: tuple[Any, Any, Any, Any], g: Any) -> Any:
    """The centre of δ = (∂A/∂Z)^T g, given what `activated` returned."""
    A, _, slope, _ = activation
    return slope * g if slope is not None else ACTIVATION_FACTS[spec.name].rule.pulled_back(A, g)


def propagated(case: Case, oracle: Oracle, levels: Levels) -> dict[str, Any]:
    """Errors by quantity, as tuples over layers or one array, each with the leading axis of `levels`."""
    with np.errstate(all="ignore"):  # overflow, 0·inf and the like end as infinite bounds
        layers, rate = case.network.layers, case.learning_rate
        W = [layer.W.astype(np.float64) for layer in layers]
        b = [layer.b.astype(np.float64) for layer in layers]
        A = [case.X.astype(np.float64)]
        E_A, E_Z, activations = [levels.flushed(A[0])], [], []
        for W_l, b_l, layer in zip(W, b, layers, strict=True):
            E_Z.append(affine(levels, W_l, A[-1], E_A[-1], b_l))
            activations.append(activated(levels, oracle, layer.activation, W_l @ A[-1] + b_l, E_Z[-1]))
            A.append(activations[-1][0])
            E_A.append(activations[-1][1])
        E_loss, g, E_g = loss_errors(levels, oracle, case, A[-1], E_A[-1])

        delta: list[Any] = []
        E_delta: list[Any] = []
        for layer, W_l, activation in zip(layers[::-1], W[::-1], activations[::-1], strict=True):
            delta.insert(0, pulled_back(layer.activation, activation, g))
            E_delta.insert(0, backward_activation(levels, layer.activation, activation, g, E_g))
            g, E_g = W_l.T @ delta[0], transposed(levels, W_l, delta[0], E_delta[0])
        by_layer = list(zip(delta, E_delta, A, E_A, W, b, strict=False))
        E_dW = [weight_gradient(levels, d, E_d, a, E_a) for d, E_d, a, E_a, _, _ in by_layer]
        E_db = [bias_gradient(levels, d, E_d) for d, E_d, *_ in by_layer]
        return {
            "Z": E_Z,
            "A": E_A[1:],
            "loss": E_loss,
            "delta": E_delta,
            "dW": E_dW,
            "db": E_db,
            "dX": E_g,
            "W_updated": [
                updated(levels, rate, w, d @ a.T, E)
                for (d, _, a, _, w, _), E in zip(by_layer, E_dW, strict=True)
            ],
            "b_updated": [
                updated(levels, rate, v, np.sum(d, axis=1, keepdims=True), E)
                for (d, _, _, _, _, v), E in zip(by_layer, E_db, strict=True)
            ],
        }
