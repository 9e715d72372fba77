"""How far an accurate evaluation of a whole network can lie from the exact values: bounds carried through it.

`propagated` goes once forward and once backward over a centre, a float64 trace by an oracle, and gives for
each quantity E with |accurate evaluation - exact value| ≤ E, entry by entry, for several precisions at once
(the case's and the centre's own). All arrays of errors have a leading axis for the precision.

P1. E_Z  = |W| E_A + γ_{n+1} (|W|(|A| + E_A) + |b|) + 2(n+1) η
P2. E_A' = sup |σ(z) - σ(Z)| over |z - Z| ≤ E_Z, plus the function's own error; E_σ' likewise (S1, S2, E1)
P3. E_δ  = |σ'| E_g + |g| E_σ' + E_g E_σ' + 2u(|σ'| + E_σ')(|g| + E_g), with g = ∂L/∂A; V2 where σ mixes units
P4. E_g  = |W|^T E_δ + γ_n |W|^T(|δ| + E_δ) + 2 n η
P5. E_dW = E_δ|A|^T + |δ|E_A^T + E_δ E_A^T + γ_m (|δ| + E_δ)(|A| + E_A)^T + 2 m η;  E_db with A = 1
P6. E_W' = |η| E_dW + u(2|η|(|dW| + E_dW) + |W| + |η||dW|) + 2 η₀ (η: the learning rate; η₀: smallest normal)

The first-order terms alone would be wrong: with tanhshrink at 0 they are 0 and the float answer is not.
Where an intermediate sum can exceed the largest number of the dtype, the bound is infinite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from oracles import Oracle
from refimpl import Case, Trace

from .allowance import Allowance
from .deviations import Deviation
from .error_facts import ACCURACY, ACTIVATION_FACTS, LOSS_FACTS
from .rounding import Precision, outward, precision
from .spread import activation_spread, loss_spread
from .vector_rules import cross_entropy_with_logits_error, softmax, softmax_spread, softmax_vjp_error


@dataclass(frozen=True, eq=False)
class Levels:
    """Several precisions as arrays that broadcast over errors of shape (level, n, m)."""

    precisions: tuple[Precision, ...]
    axes: int = 2
    """How many axes the arrays have, the axis of levels aside."""
    naive: bool = False
    deviations: tuple[Deviation, ...] = ()

    def __post_init__(self) -> None:
        for name in ("u", "tiny", "largest"):
            object.__setattr__(self, name, self._column(getattr(p, name) for p in self.precisions))
        allowance = Allowance(self.u, self.tiny, self.naive, self.deviations)
        object.__setattr__(self, "allowance", allowance)

    u: Any = field(init=False)
    tiny: Any = field(init=False)
    largest: Any = field(init=False)
    allowance: Allowance = field(init=False)

    def gamma(self, n: int) -> Any:
        """γ_n for each precision."""
        return self._column(p.gamma(n) for p in self.precisions)

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
    dtype: str, axes: int = 2, *, naive: bool = False, deviations: tuple[Deviation, ...] = ()
) -> Levels:
    """The case's precision first, then float64, in which centres and expected values are computed."""
    own, double = precision(dtype), precision("float64")
    return Levels((own,) if own is double else (own, double), axes, naive, deviations)


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
    y = softmax(Z)
    scale = ACTIVATION_FACTS[spec.name].value(Z, y, spec.parameters)
    E = softmax_spread(y, E_Z) + ACCURACY * levels.u * scale + levels.tiny
    return y, outward(E), None, None


def underflow_factor(parameters: Mapping[str, float]) -> float:
    """How many times η_0 a product with σ' can lose: g is scaled by β and 1/β on its way, in either order."""
    sizes = [max(abs(value), 1 / abs(value)) for value in parameters.values() if value]
    return 1.0 + sum(sizes)


def backward_activation(
    levels: Levels, activation: tuple[Any, Any, Any, Any], g: Any, E_g: Any, underflows: float = 1.0
) -> Any:
    """P3: the error of δ = (∂A/∂Z)^T g, given what `activated` returned."""
    A, E_A, slope, E_slope = activation
    if slope is None:
        E = softmax_vjp_error(A, E_A, g, E_g, levels.u, levels.gamma(A.shape[-2] + 1), levels.tiny)
        return levels.limited(E, np.sum((A + E_A) * (np.abs(g) + E_g), axis=-2, keepdims=True) + E)
    s, a = np.abs(slope), np.abs(g)
    product = (s + E_slope) * (a + E_g)
    lost = levels.tiny * underflows
    return levels.limited(s * E_g + a * E_slope + E_g * E_slope + 2 * levels.u * product + lost, product)


def loss_errors(levels: Levels, oracle: Oracle, case: Case, A: Any, E_A: Any) -> tuple[Any, Any, Any]:
    """(E_loss, g, E_g) with g = ∂L/∂A[L] at A, reduction included; E_loss lacks the last two axes."""
    spec, Y = case.network.loss, case.Y.astype(np.float64)
    if LOSS_FACTS[spec.name].derivative is None:
        terms, E_terms, g, E_g = cross_entropy_with_logits_error(A, E_A, Y, levels.u, levels.tiny)
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


def propagated(case: Case, centre: Trace, oracle: Oracle, levels: Levels) -> dict[str, Any]:
    """Errors by quantity, as tuples over layers or one array, each with the leading axis of `levels`."""
    assert centre.Z is not None
    assert centre.A is not None
    assert centre.delta is not None
    with np.errstate(all="ignore"):  # overflow, 0·inf and the like end as infinite bounds
        layers = case.network.layers
        double = [(k.W.astype(np.float64), k.b.astype(np.float64)) for k in layers]
        X = case.X.astype(np.float64)
        E_A = [levels.flushed(X)]
        A = [X, *centre.A]
        E_Z, activations = [], []
        for (W, b), layer, A_prev, Z in zip(double, layers, A, centre.Z, strict=False):
            E_Z.append(affine(levels, W, A_prev, E_A[-1], b))
            activations.append(activated(levels, oracle, layer.activation, Z, E_Z[-1]))
            E_A.append(activations[-1][1])
        E_loss, g, E_g = loss_errors(levels, oracle, case, A[-1], E_A[-1])

        E_delta: list[Any] = []
        for index in range(len(layers) - 1, -1, -1):
            factor = underflow_factor(layers[index].activation.parameters)
            E_delta.insert(0, backward_activation(levels, activations[index], g, E_g, factor))
            W, delta = double[index][0], centre.delta[index]
            E_g = transposed(levels, W, delta, E_delta[0])
            g = W.T @ delta
        pairs = list(zip(centre.delta, E_delta, strict=True))
        E_dW = [weight_gradient(levels, d, E, A[i], E_A[i]) for i, (d, E) in enumerate(pairs)]
        E_db = [bias_gradient(levels, d, E) for d, E in pairs]
        assert centre.dW is not None
        assert centre.db is not None
        rate = case.learning_rate
        return {
            "Z": E_Z,
            "A": E_A[1:],
            "loss": E_loss,
            "delta": E_delta,
            "dW": E_dW,
            "db": E_db,
            "dX": E_g,
            "W_updated": [
                updated(levels, rate, w, d, E) for (w, _), d, E in zip(double, centre.dW, E_dW, strict=True)
            ],
            "b_updated": [
                updated(levels, rate, b, d, E) for (_, b), d, E in zip(double, centre.db, E_db, strict=True)
            ],
        }
