"""What an activation, a loss and their parameters are: the shape of one table entry.

An entry is everything the project needs to know of a function: its formula as code and as LaTeX, its
derivative, where it is defined, where it has a kink, what it is called elsewhere and which rival
definitions exist. `activations.py` and `losses.py` are tables of such entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

# Samples are columns: n units by m samples.
Units = Float[np.ndarray, "n m"]
# Parameter values by name. They are numbers of the case's dtype, held as Python floats, so that NumPy
# keeps float32 arrays float32.
Parameters = Mapping[str, float]


@dataclass(frozen=True)
class Interval:
    """A set of real numbers between two ends, each end either inside or outside the set."""

    low: float
    high: float
    low_inside: bool = True
    high_inside: bool = True

    def contains(self, values: Any) -> bool:
        """Whether every entry of `values` (a number or an array) lies in the interval; NaN never does."""
        values = np.asarray(values)
        above = values >= self.low if self.low_inside else values > self.low
        below = values <= self.high if self.high_inside else values < self.high
        return bool(np.all(above & below))

    def covers(self, other: Interval) -> bool:
        """Whether every number of `other` lies in this interval."""
        low = self.low < other.low or (self.low == other.low and (self.low_inside or not other.low_inside))
        high = self.high > other.high or (
            self.high == other.high and (self.high_inside or not other.high_inside)
        )
        return low and high

    def __str__(self) -> str:
        left, right = "[" if self.low_inside else "(", "]" if self.high_inside else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"


REALS = Interval(-math.inf, math.inf, low_inside=False, high_inside=False)
POSITIVE = Interval(0.0, math.inf, low_inside=False, high_inside=False)
NON_NEGATIVE = Interval(0.0, math.inf, high_inside=False)
UNIT = Interval(0.0, 1.0)
SYMMETRIC_UNIT = Interval(-1.0, 1.0)


@dataclass(frozen=True)
class Parameter:
    """A number that a function depends on besides its argument, such as leaky ReLU's slope."""

    name: str
    default: float
    domain: Interval
    drawn: Interval
    """Where random cases take their values from: the part of the domain that people use."""
    meaning: str


@dataclass(frozen=True)
class Kink:
    """A point where the derivative jumps: its limits from both sides, and the one we choose there."""

    at: float
    left: float
    right: float
    chosen: float


def no_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    """The kinks of a smooth function: none."""
    del parameters
    return ()


def rounded(value: Any, dtype: np.dtype[Any]) -> float:
    """The real number `value` as one of `dtype`, which a Python float holds exactly; ±inf on overflow."""
    try:
        with np.errstate(over="ignore"):
            return float(dtype.type(value))
    except OverflowError:  # an int beyond every float
        return math.inf if value > 0 else -math.inf


class UnknownFunctionError(ValueError):
    """No entry of that name, or no parameter of that name in the entry."""


@dataclass(frozen=True)
class _Entry:
    """What activations and losses have in common."""

    name: str
    latex: str
    """The formula, as in the documentation."""
    derivative_latex: str
    parameters: tuple[Parameter, ...] = field(default=(), kw_only=True)
    kinks: Callable[[Parameters], tuple[Kink, ...]] = field(default=no_kinks, kw_only=True)
    aliases: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """What other libraries call it: library → name."""
    conventions: str = field(default="", kw_only=True)
    """Rival definitions under the same name, and which one this is."""

    def complete(self, given: Mapping[str, Any], dtype: np.dtype[Any]) -> dict[str, float]:
        """All parameters of the entry, defaults filled in, each rounded to a number of `dtype`.

        Raises UnknownFunctionError for a name the entry does not have and ValueError for a value outside
        its domain.
        """
        known = {parameter.name for parameter in self.parameters}
        for name in given:
            if name not in known:
                has = f"it has {', '.join(sorted(known))}" if known else "it has none"
                raise UnknownFunctionError(f"{self.name} has no parameter {name!r:.60}; {has}")
        complete = {}
        for parameter in self.parameters:
            value = given.get(parameter.name, parameter.default)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
                raise ValueError(f"{self.name}: {parameter.name} must be a number, not {value!r}")
            number = rounded(value, dtype)  # what overflows is infinite, and refused by its domain just below
            if not parameter.domain.contains(number):
                raise ValueError(f"{self.name}: {parameter.name} = {value!r} lies outside {parameter.domain}")
            complete[parameter.name] = number
        return complete


@dataclass(frozen=True)
class Activation(_Entry):
    """One activation function σ: A = σ(Z).

    An elementwise one gives `derivative`, σ'(Z); any other gives `vector_jacobian_product`, which maps
    G = ∂L/∂A to (∂A/∂Z)^T G column by column. Whoever needs ∂L/∂Z calls `vjp` and need not know which.
    """

    value: Callable[..., Units]
    """σ(Z, **parameters), shape (n, m) to (n, m), in the dtype of Z."""
    range: Interval = field(default=REALS, kw_only=True)
    derivative: Callable[..., Units] | None = field(default=None, kw_only=True)
    """σ'(Z, **parameters)."""
    vector_jacobian_product: Callable[..., Units] | None = field(default=None, kw_only=True)
    """(Z, A, G, **parameters) → (∂A/∂Z)^T G."""

    def __post_init__(self) -> None:
        if (self.derivative is None) == (self.vector_jacobian_product is None):
            raise ValueError(
                f"activation {self.name}: give either derivative (elementwise) or "
                "vector_jacobian_product, not both and not neither"
            )

    @property
    def elementwise(self) -> bool:
        """Whether each output depends on the one input in its own place only."""
        return self.derivative is not None

    def vjp(self, Z: Units, A: Units, G: Units, **parameters: float) -> Units:
        """(∂A/∂Z)^T G, shape (n, m): for an elementwise σ this is σ'(Z) ⊙ G."""
        if self.derivative is not None:
            return self.derivative(Z, **parameters) * G
        assert self.vector_jacobian_product is not None
        return self.vector_jacobian_product(Z, A, G, **parameters)


@dataclass(frozen=True)
class Loss(_Entry):
    """One loss: a sum of terms over outputs and samples, divided as the reduction says.

    `terms(A, Y)` has shape (n, m); `gradient(A, Y)` is the derivative of the *sum* of all terms by A.
    `reduced` and `reduced_gradient` apply the reduction to both.
    """

    terms: Callable[..., Units]
    gradient: Callable[..., Units]
    prediction_domain: Interval = field(default=REALS, kw_only=True)
    """Where the loss takes its predictions A from."""
    target_domain: Interval = field(default=REALS, kw_only=True)
    mean_over: str = field(default="entries", kw_only=True)
    """What reduction "mean" divides by: "entries" (n·m) or "samples" (m), as torch has it."""
    elementwise: bool = field(default=True, kw_only=True)
    """Whether each term depends on the one prediction in its own place only."""

    def divisor(self, reduction: str, outputs: int, samples: int) -> int:
        """What the sum of terms is divided by, for `outputs` rows and `samples` columns.

        "sum": 1; "batchmean": samples; "mean": samples or samples·outputs, see `mean_over`.
        """
        if reduction == "sum":
            return 1
        if reduction == "mean" and self.mean_over == "entries":
            return outputs * samples
        return samples

    def reduced(self, A: Units, Y: Units, reduction: str, **parameters: float) -> Any:
        """The loss: a scalar of the dtype of A."""
        return np.sum(self.terms(A, Y, **parameters)) / A.dtype.type(self.divisor(reduction, *A.shape))

    def reduced_gradient(self, A: Units, Y: Units, reduction: str, **parameters: float) -> Units:
        """∂L/∂A, shape (n, m)."""
        return self.gradient(A, Y, **parameters) / A.dtype.type(self.divisor(reduction, *A.shape))


REDUCTIONS = ("mean", "sum", "batchmean")


EntryT = TypeVar("EntryT", bound=_Entry)


def find(table: Mapping[str, EntryT], kind: str, name: Any) -> EntryT:
    """The entry called `name`; raises UnknownFunctionError that lists the names there are."""
    try:
        return table[name]
    except (KeyError, TypeError):
        known = ", ".join(sorted(table))
        raise UnknownFunctionError(f"unknown {kind} {name!r:.60}; known: {known}") from None
