"""Compositions in ball arithmetic (FLINT's Arb): proven enclosures of the value and the derivative.

Derivatives come from power series: f applied to U + t is f(U) + f'(U) t + …, so that no derivative formula
is shared with anyone. The enclosures hold what every accurate floating-point evaluation gives:

K1. Values. Each function's value is its exact value at the arguments as computed, with an error of at most
    c u of its scale (a line of `BALL_LINES`), or the smallest normal number where results are flushed. The
    ball of each value is widened by that before the next function takes it.
K2. Local derivatives. Likewise for each ∂f/∂u, which is a function of the arguments as computed.
K3. C1 and C2. dy/dx is the sum over all paths from y down to x of products of local derivatives. Forward,
    backward or mixed, an evaluation errs by at most γ_K Σ_paths ∏|∂f/∂u| + K η Σ_paths ∏ max(1, |∂f/∂u|)
    (1 + γ_K), with K = the depth + the number of two-variable functions, γ_K = K u/(1 - K u) and η the
    smallest normal number.
Proofs: docs/bounds.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import flint
import numpy as np
from flint import arb, arb_series

from refimpl.chain_rule import Binary, Composition, Constant, Expression, Unary, Variable
from refimpl.elementary_functions import Domain

_BITS = 256
_ACCURATE = 8.0
"""An accurate library function errs by at most this many u."""
_THROUGH_SQUARE = 18.0
"""Of a derivative made from the square of such a value, or from a product of two: 2·8 u and two roundings."""
_RESOLVED = 0.01
"""The widest ball that says anything: its radius relative to its centre."""


class BallLine(NamedTuple):
    """A function on power series, and the errors of its accurate evaluations in units of u.

    An error is relative to the quantity itself, unless a scale says what it is relative to.
    """

    function: Callable[..., Any]
    value_error: float = _ACCURATE
    derivative_error: float = _ACCURATE
    value_scale: Callable[..., Any] = lambda y, *_: y
    """(y, *arguments) → the scale of the value's error."""
    derivative_scale: Callable[..., Any] = lambda slope, *_: slope
    """(∂y/∂u, y, *arguments) → the scale of the derivative's error."""


def _with_argument(quantity: Any, u: Any) -> Any:
    """The scale of e^(|u| - log 2), which sinh and cosh may go through: |u|'s rounding is relative."""
    return quantity * (1 + abs(u) / _ACCURATE)


def _arcsinh(u: Any) -> Any:
    # log(u + √(1 + u²)) cancels where u is negative, and the function is odd.
    if u[0] < 0:
        return -_arcsinh(-u)
    return (u + (1 + u * u).sqrt()).log()


BALL_LINES: dict[str, BallLine] = {
    "sin": BallLine(arb_series.sin),
    "cos": BallLine(arb_series.cos),
    "tan": BallLine(arb_series.tan, derivative_error=_THROUGH_SQUARE),  # 1 + tan², 1/cos²
    "exp": BallLine(arb_series.exp),
    # y + 1 cancels as y approaches -1.
    "expm1": BallLine(lambda u: u.exp() - 1, derivative_scale=lambda slope, y, _: abs(slope) + abs(y)),
    "log": BallLine(arb_series.log, derivative_error=2),
    "log1p": BallLine(lambda u: (1 + u).log(), derivative_error=2),
    # Not 1: torch's vectorised √ is not correctly rounded in float32.
    "sqrt": BallLine(arb_series.sqrt, value_error=2, derivative_error=3),
    "square": BallLine(lambda u: u * u, value_error=1, derivative_error=1),
    "cube": BallLine(lambda u: u * u * u, value_error=3, derivative_error=3),
    "reciprocal": BallLine(lambda u: 1 / u, value_error=1, derivative_error=4),
    "negate": BallLine(lambda u: -u, value_error=0, derivative_error=0),
    "sinh": BallLine(
        lambda u: (u.exp() - (-u).exp()) / 2,
        value_scale=_with_argument,
        derivative_scale=lambda slope, _, u: _with_argument(slope, u),
    ),
    "cosh": BallLine(
        lambda u: (u.exp() + (-u).exp()) / 2,
        value_scale=_with_argument,
        derivative_scale=lambda slope, _, u: _with_argument(slope, u),
    ),
    # 1 - tanh² cancels near saturation: an absolute error.
    "tanh": BallLine(
        lambda u: 1 - 2 / ((2 * u).exp() + 1),
        derivative_error=_THROUGH_SQUARE,
        derivative_scale=lambda *_: arb(1),
    ),
    # σ(1 - σ) cancels near σ = 1, with an error relative to σ.
    "sigmoid": BallLine(
        lambda u: 1 / (1 + (-u).exp()),
        derivative_error=_THROUGH_SQUARE,
        derivative_scale=lambda _slope, y, _u: y,
    ),
    "arctan": BallLine(arb_series.atan, derivative_error=4),
    "arcsinh": BallLine(_arcsinh, derivative_error=4),
    "add": BallLine(lambda u, v: u + v, value_error=1, derivative_error=0),
    "subtract": BallLine(lambda u, v: u - v, value_error=1, derivative_error=0),
    "multiply": BallLine(lambda u, v: u * v, value_error=1, derivative_error=0),
    "divide": BallLine(lambda u, v: u / v, value_error=1, derivative_error=4),
    # v u^(v-1): the rounding of v - 1 is multiplied by log u.
    "power": BallLine(
        lambda u, v: (v * u.log()).exp(),
        derivative_error=_THROUGH_SQUARE,
        derivative_scale=lambda slope, _y, u, v: slope * (1 + (abs(v) + 1) * abs(u.log())),
    ),
    # max(u, v) + log(1 + e^-|u-v|) may cancel; e^(u-y) has the absolute error of u - y as a relative one.
    "logaddexp": BallLine(
        lambda u, v: (u.exp() + v.exp()).log(),
        value_scale=lambda _y, u, v: abs(u) + abs(v) + 1,
        derivative_error=_THROUGH_SQUARE,
        derivative_scale=lambda slope, _y, u, v: slope * (abs(u) + abs(v) + 1),
    ),
}


class BallDeviation(NamedTuple):
    """Where an oracle's function errs by more than its line allows: an extra error of its value."""

    oracle: str
    function: str
    dtype: str
    region: tuple[float, float]
    """The arguments concerned, ends included."""
    value_error: float
    """In u, relative to the value."""
    evidence: str
    reproduction: str
    versions: str


BALL_DEVIATIONS: tuple[BallDeviation, ...] = (
    BallDeviation(
        "jax",
        "log1p",
        "float64",
        (-0.53, -0.28),
        260.0,
        "Up to 129 ulp on the CPU around 1 + u = 2 - √2, where XLA's two branches meet: "
        "https://github.com/jax-ml/jax/issues/39707",
        "jax.numpy.log1p(-0.4141892) - numpy.log1p(-0.4141892)  # with x64; more than 8 u = 4.8e-16",
        "jax 0.10.2",
    ),
)


@dataclass(frozen=True)
class Enclosure:
    """A ball that holds what every accurate evaluation gives; NaN where there is no finite one."""

    ball: Any

    @property
    def centre(self) -> float:
        """The middle of the ball, rounded to a double."""
        return float(self.ball.mid())

    @property
    def radius(self) -> float:
        """How far the ball reaches; infinite where nothing is enclosed."""
        return float(self.ball.rad()) if self.ball.is_finite() else math.inf

    @property
    def resolved(self) -> bool:
        """Whether the ball is finite and its radius at most 1 % of its centre."""
        return self.radius <= _RESOLVED * abs(self.centre)

    def contains(self, number: Any) -> bool:
        """Whether `number` lies in the ball; NaN and infinities never do."""
        return math.isfinite(number) and bool(self.ball.contains(arb(float(number))))

    def excess(self, number: Any) -> float:
        """The distance from the centre over the radius: more than 1 is outside; infinite for NaN."""
        if not math.isfinite(number):
            return math.inf
        with _working():
            distance = abs(arb(float(number)) - self.ball.mid())
            radius = arb(self.ball.rad())
            return float(distance / radius) if radius > 0 else (0.0 if distance == 0 else math.inf)


class ChainEnclosures(NamedTuple):
    """What every accurate evaluation gives for y and for dy/dx."""

    value: Enclosure
    derivative: Enclosure


def enclosures(composition: Composition, oracle: str = "") -> ChainEnclosures:
    """The enclosures of y and dy/dx of a composition, for accurate evaluation in its dtype (K1 to K3).

    With the name of an oracle, its declared deviations count as further errors.
    """
    info = np.finfo(composition.dtype)
    u, tiny, largest = (arb(float(number)) for number in (info.eps / 2, info.tiny, info.max))
    deviations = tuple(
        deviation
        for deviation in BALL_DEVIATIONS
        if deviation.oracle == oracle and deviation.dtype == composition.dtype.name
    )
    return _enclosed(composition, _Roundings(u, tiny, largest, deviations))


def exact(composition: Composition) -> tuple[float, float]:
    """(y, dy/dx) in exact arithmetic, each rounded once to a double; NaN where they do not exist."""
    exactly = _enclosed(composition, _Roundings(u=arb(0), tiny=arb(0), largest=arb("inf")))
    return float(exactly.value.ball), float(exactly.derivative.ball)


def exact_value(name: str, *arguments: float) -> float:
    """One function at exact arguments, rounded once to a double; NaN outside its domain."""
    with _working():
        return float(_applied(name, [arb_series([arb(argument)], prec=1) for argument in arguments])[0])


class _Roundings(NamedTuple):
    u: Any
    """Unit roundoff."""
    tiny: Any
    """The smallest normal number."""
    largest: Any
    """The largest finite number."""
    deviations: tuple[BallDeviation, ...] = ()

    def deviation(self, name: str, argument: Any) -> float:
        """The extra error of a function's value, in u, where the argument may lie in a deviation's region."""
        met = (
            deviation.value_error
            for deviation in self.deviations
            if deviation.function == name
            and not (argument < deviation.region[0] or argument > deviation.region[1])
        )
        return sum(met)


class _Node(NamedTuple):
    value: Any
    derivative: Any
    """Σ over paths of ∏ ∂f/∂u."""
    magnitude: Any
    """An upper bound of Σ over paths of ∏ |∂f/∂u|."""
    amplification: Any
    """An upper bound of Σ over paths of ∏ max(1, |∂f/∂u|)."""


@contextmanager
def _working() -> Iterator[None]:
    """FLINT's precision, which is global, set here and put back afterwards."""
    with flint.ctx.workprec(_BITS):
        yield


def _enclosed(composition: Composition, roundings: _Roundings) -> ChainEnclosures:
    with _working():
        node = _walk(composition.expression, composition, roundings)
        steps = composition.expression.depth + _two_variable_functions(composition.expression)
        gamma = steps * roundings.u / (1 - steps * roundings.u)
        underflow = steps * roundings.tiny * node.amplification * (1 + gamma)
        derivative = _widened(node.derivative, gamma * node.magnitude + underflow)
        return ChainEnclosures(
            Enclosure(node.value), Enclosure(_representable(derivative, node.amplification, roundings))
        )


def _two_variable_functions(expression: Expression) -> int:
    return isinstance(expression, Binary) + sum(map(_two_variable_functions, expression.arguments))


def _walk(expression: Expression, composition: Composition, roundings: _Roundings) -> _Node:
    if isinstance(expression, Variable):
        return _Node(arb(float(composition.x)), arb(1), arb(1), arb(1))
    if isinstance(expression, Constant):
        rounded = composition.dtype.type(expression.value)
        return _Node(arb(float(rounded)), arb(0), arb(0), arb(0))
    children = [_walk(argument, composition, roundings) for argument in expression.arguments]
    values = [child.value for child in children]
    if not all(map(_inside, values, _domains(expression))):
        return _Node(*[arb("nan")] * 4)

    line = BALL_LINES[expression.name]
    derivative, magnitude, amplification = arb(0), arb(0), arb(0)
    for varied, child in enumerate(children):
        series = _applied(
            expression.name, [arb_series([value, int(i == varied)], prec=2) for i, value in enumerate(values)]
        )
        y, slope = series[0], series[1]
        error = line.derivative_error * roundings.u * line.derivative_scale(slope, y, *values)
        slope = _widened(slope, error + roundings.tiny)
        derivative += slope * child.derivative
        magnitude += slope.abs_upper() * child.magnitude
        amplification += max(arb(1), slope.abs_upper()) * child.amplification
    error = line.value_error * roundings.u * line.value_scale(y, *values)
    error = error.abs_upper() + roundings.deviation(expression.name, values[0]) * roundings.u * abs(y)
    value = _widened(y, error + roundings.tiny)
    return _Node(_representable(value, value, roundings), derivative, magnitude, amplification)


def _domains(expression: Unary | Binary) -> tuple[Domain, ...]:
    if isinstance(expression, Unary):
        return (expression.function.domain,)
    return expression.function.domains


def _inside(ball: Any, domain: Domain) -> bool:
    """Whether the whole ball lies inside; comparisons of balls are true only where they are certain."""
    return any(
        (ball >= part.low if part.low_inside else ball > part.low)
        and (ball <= part.high if part.high_inside else ball < part.high)
        for part in domain
    )


def _applied(name: str, arguments: list[Any]) -> Any:
    try:
        return BALL_LINES[name].function(*arguments)
    except (ValueError, ZeroDivisionError):  # how FLINT refuses to divide by a series that may start with 0
        return arb_series([arb("nan"), arb("nan")], prec=2)


def _widened(ball: Any, error: Any) -> Any:
    return ball + arb(0, error.abs_upper())


def _representable(ball: Any, largest_met: Any, roundings: _Roundings) -> Any:
    """The ball, or NaN where an evaluation may overflow."""
    return ball if abs(largest_met) <= roundings.largest else arb("nan")
