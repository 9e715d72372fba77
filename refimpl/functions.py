"""What an activation, a loss and their parameters are: the shape of one table entry.

The third file of the text, after `network.py`; `activations.py` comes next and is a table of such entries, as
`losses.py` is after it. An entry is everything the project needs to know of a function: its formula as code
and as LaTeX, its derivative, where it is defined, where it has a kink, what it is called elsewhere, which
rival definitions exist and where it comes from.

Four words used from here on:

vjp, vector-Jacobian product
    How a whole column of outputs depends on a whole column of inputs is a matrix, the Jacobian J = ∂a/∂z,
    n by n. Backpropagation never needs J itself: it has g = ∂L/∂a, a vector, and by C2 wants
    ∂L/∂z_j = Σ_i ∂a_i/∂z_j g_i, which is J^T g. For an elementwise σ, J has σ'(z) on its diagonal and 0
    elsewhere, so that J^T g is σ'(z) ⊙ g; for softmax it is a sum and 2n products, where J has n² entries.
kink
    A point where the derivative jumps, as ReLU's does at 0. It has no derivative there, so that which number
    a program takes is a convention.
reduction
    What the sum of a loss's terms is divided by: 1, m samples, or the n·m entries of Y.
dtype
    float32 or float64. Every function returns the dtype of the arrays it is given: NumPy keeps float32 arrays
    float32 beside Python's floats, which is why parameters are Python floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .domains import REALS, Interval, OneOf, TargetDomain

if TYPE_CHECKING:
    from jaxtyping import Float as Float  # noqa: PLC0414 - mypy: backprop.py has it from here
else:
    from jaxtyping import AbstractDtype

    class Float(AbstractDtype):
        """A case's dtype, or extended precision: every equation is written for both."""

        dtypes = ("float32", "float64", "longdouble", "float128")


# Shapes stand in signatures, by jaxtyping: Float[np.ndarray, "n m"] is an array of n rows and m columns, and
# n and m mean the same in all arguments of a call. The tests check them when a function is called.
# Samples are columns: n units by m samples.
Units = Float[np.ndarray, "n m"]
# One number for each sample.
PerSample = Float[np.ndarray, "1 m"]
# Parameter values by name. They are numbers of the case's dtype, held as Python floats, so that NumPy
# keeps float32 arrays float32.
Parameters = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """A number that a function depends on besides its argument, such as leaky ReLU's slope.

    >>> from refimpl import ACTIVATIONS
    >>> (slope,) = ACTIVATIONS["leaky_relu"].parameters
    >>> slope.name, slope.default, str(slope.domain), slope.meaning
    ('negative_slope', 0.01, '[0, inf)', 'slope left of 0')
    """

    name: str
    default: float
    domain: Interval | OneOf
    drawn: Interval | OneOf
    """Where random cases take their values from: the part of the domain that people use."""
    meaning: str


@dataclass(frozen=True)
class Kink:
    """A point where the derivative jumps: its limits from both sides, and the one we choose there.

    >>> from refimpl import ACTIVATIONS
    >>> ACTIVATIONS["relu"].kinks({})
    (Kink(at=0.0, left=0.0, right=1.0, chosen=0.0, jump=None),)

    A kink of a loss is one of ℓ(·, y) and depends on y: its numbers are arrays of the shape of Y, and where
    a target has no such kink, `at` is infinite. |ŷ - y| has its kink where ŷ meets y:

    >>> from refimpl import LOSSES
    >>> (kink,) = LOSSES["l1"].kinks(np.array([[0.0, 3.0]]), {})
    >>> kink.at, kink.left, kink.right
    (array([[0., 3.]]), array([[-1., -1.]]), array([[1., 1.]]))
    """

    at: Any
    left: Any
    right: Any
    chosen: Any
    jump: tuple[float, float] | None = None
    """The function's own limits from both sides, where it jumps as well."""


def no_kinks(*_: Any) -> tuple[Kink, ...]:
    """The kinks of a smooth function: none, whatever it is asked with.

    >>> no_kinks({"beta": 1.0})
    ()
    """
    return ()


@dataclass(frozen=True)
class LossArray:
    """An array that a loss depends on besides predictions, targets and numbers, such as class weights.

    >>> from refimpl import LOSSES
    >>> [(array.name, array.per_sample) for array in LOSSES["bce_with_logits"].arrays]
    [('weight', True), ('pos_weight', False)]
    """

    name: str
    per_sample: bool
    """Whether there is one number for each entry, (n, m), rather than one for each output, (n, 1)."""
    domain: Interval
    drawn: Interval
    """Where random cases take its numbers from."""
    meaning: str
    default: float = 1.0
    """What every entry is if the array is not given."""

    def shape(self, outputs: int, samples: int) -> tuple[int, int]:
        """The shape that the array must have: (n, m) per sample, (n, 1) otherwise.

        >>> from refimpl import LOSSES
        >>> weight, pos_weight = LOSSES["bce_with_logits"].arrays
        >>> weight.shape(outputs=3, samples=5), pos_weight.shape(outputs=3, samples=5)
        ((3, 5), (3, 1))
        """
        return (outputs, samples if self.per_sample else 1)


def rounded(value: Any, dtype: np.dtype[Any]) -> float:
    """The real number `value` as one of `dtype`, which a Python float holds exactly; ±inf on overflow.

    0.1 is no sum of a few powers of 2. The nearest float64 prints as 0.1; the nearest float32, held by a
    Python float, which has the digits of a float64, shows how far off it is.

    >>> rounded(0.1, np.dtype("float64")), rounded(0.1, np.dtype("float32"))
    (0.1, 0.10000000149011612)
    >>> rounded(1e39, np.dtype("float32"))  # beyond 3.4e38, the largest
    inf
    """
    try:
        with np.errstate(over="ignore"):
            return float(dtype.type(value))
    except OverflowError:  # an int beyond every float
        return math.inf if value > 0 else -math.inf


class UnknownFunctionError(ValueError):
    """No entry of that name, or no parameter of that name in the entry.

    >>> from refimpl import ActivationSpec
    >>> ActivationSpec("relu", {"negative_slope": 0.1})
    Traceback (most recent call last):
        ...
    refimpl.functions.UnknownFunctionError: relu has no parameter 'negative_slope'; it has none
    """


@dataclass(frozen=True)
class _Entry:
    """What activations and losses have in common."""

    name: str
    latex: str
    """The formula, as in the documentation."""
    derivative_latex: str
    parameters: tuple[Parameter, ...] = field(default=(), kw_only=True)
    increasing: tuple[str, ...] = field(default=(), kw_only=True)
    """Parameters of which each must be less than the next."""
    aliases: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """What other libraries call it: library → name."""
    conventions: str = field(default="", kw_only=True)
    """Rival definitions under the same name, and which one this is."""
    source: str = field(default="", kw_only=True)
    """The paper or book that introduced it; empty where it is common knowledge, or a framework's own."""

    def complete(self, given: Mapping[str, Any], dtype: np.dtype[Any]) -> dict[str, float]:
        """All parameters of the entry, defaults filled in, each rounded to a number of `dtype`.

        Raises UnknownFunctionError for a name the entry does not have and ValueError for a value that is no
        number, lies outside its domain, or is out of order with another (see `increasing`).

        >>> from refimpl import ACTIVATIONS
        >>> hardtanh = ACTIVATIONS["hardtanh"]
        >>> hardtanh.complete({"min_val": -2.0}, np.dtype("float64"))
        {'min_val': -2.0, 'max_val': 1.0}
        >>> hardtanh.complete({"min_val": 2.0}, np.dtype("float64"))
        Traceback (most recent call last):
            ...
        ValueError: hardtanh: min_val = 2.0 must be less than max_val = 1.0
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
        for low, high in pairwise(self.increasing):
            if not complete[low] < complete[high]:
                raise ValueError(
                    f"{self.name}: {low} = {complete[low]!r} must be less than {high} = {complete[high]!r}"
                )
        return complete


@dataclass(frozen=True)
class Activation(_Entry):
    """One activation function σ: A = σ(Z).

    An elementwise one gives `derivative`, σ'(Z); any other gives `vector_jacobian_product`, which maps
    G = ∂L/∂A to (∂A/∂Z)^T G column by column. Whoever needs ∂L/∂Z calls `vjp` and need not know which.
    Raises ValueError for an entry with both or neither.

    >>> from refimpl import ACTIVATIONS
    >>> Z = np.array([[-1.0, 2.0]])  # one unit, two samples
    >>> relu = ACTIVATIONS["relu"]
    >>> relu.value(Z), relu.derivative(Z)
    (array([[0., 2.]]), array([[0., 1.]]))
    >>> relu.elementwise, ACTIVATIONS["softmax"].elementwise
    (True, False)
    """

    value: Callable[..., Units]
    """σ(Z, **parameters), shape (n, m) to (n, m), in the dtype of Z."""
    range: Interval = field(default=REALS, kw_only=True)
    kinks: Callable[[Parameters], tuple[Kink, ...]] = field(default=no_kinks, kw_only=True)
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
        """(∂A/∂Z)^T G, shape (n, m): for an elementwise σ this is σ'(Z) ⊙ G.

        `A` is σ(Z), given because some derivatives are cheaper in terms of it; G = ∂L/∂A.

        >>> from refimpl import ACTIVATIONS
        >>> Z, G = np.array([[-1.0, 2.0]]), np.array([[10.0, 20.0]])
        >>> relu = ACTIVATIONS["relu"]
        >>> relu.vjp(Z, relu.value(Z), G)  # σ' is 0 and 1
        array([[ 0., 20.]])
        """
        if self.derivative is not None:
            return self.derivative(Z, **parameters) * G
        assert self.vector_jacobian_product is not None
        return self.vector_jacobian_product(Z, A, G, **parameters)


@dataclass(frozen=True)
class Loss(_Entry):
    """One loss: a sum of terms over outputs and samples, divided as the reduction says.

    `terms(A, Y)` has shape (n, m), or (1, m) where a sample's loss is no sum over its outputs;
    `gradient(A, Y)` is the derivative of the *sum* of all terms by A, (n, m). Both take the parameters and
    the arrays as keywords. `reduced` and `reduced_gradient` apply the reduction to both.

    >>> from refimpl import LOSSES
    >>> A, Y = np.array([[3.0, 1.0], [2.0, 0.0]]), np.zeros((2, 2))  # two outputs, two samples
    >>> mse = LOSSES["mse"]
    >>> mse.terms(A, Y)  # (ŷ - y)²
    array([[9., 1.],
           [4., 0.]])
    >>> mse.gradient(A, Y)  # 2 (ŷ - y)
    array([[6., 2.],
           [4., 0.]])
    """

    terms: Callable[..., Units]
    gradient: Callable[..., Units]
    prediction_domain: Interval = field(default=REALS, kw_only=True)
    """Where the loss takes its predictions A from."""
    target_domain: TargetDomain = field(default=REALS, kw_only=True)
    classes: bool = field(default=False, kw_only=True)
    """Whether a column of targets says how much each class occurs."""
    arrays: tuple[LossArray, ...] = field(default=(), kw_only=True)
    kinks: Callable[[Any, Mapping[str, Any]], tuple[Kink, ...]] = field(default=no_kinks, kw_only=True)
    """(Y, parameters and arrays) → the kinks in the prediction."""
    mean_over: str = field(default="entries", kw_only=True)
    """What reduction "mean" divides by: "entries" (n·m) or "samples" (m), as torch has it; "outputs first"
    says that each sample's loss is a mean over its n outputs, whatever the reduction; it has weights then."""
    elementwise: bool = field(default=True, kw_only=True)
    """Whether each term depends on the one prediction in its own place only."""
    steep: bool = field(default=False, kw_only=True)
    """Whether the loss grows like an exponential of the prediction, so that large ones overflow."""

    def divisor(self, reduction: str, outputs: int, samples: int) -> int:
        """What the sum of terms is divided by, for `outputs` rows and `samples` columns.

        "sum": 1; "batchmean": samples; "mean": samples or samples·outputs, see `mean_over`; "entrymean":
        samples·outputs, whatever the loss. A mean over outputs first stays besides.

        >>> from refimpl import LOSSES
        >>> mse, cross_entropy = LOSSES["mse"], LOSSES["cross_entropy"]
        >>> mse.divisor("mean", outputs=3, samples=5), cross_entropy.divisor("mean", outputs=3, samples=5)
        (15, 5)
        """
        inner = outputs if self.mean_over == "outputs first" else 1
        if reduction == "sum":
            return inner
        if reduction == "entrymean" or (reduction == "mean" and self.mean_over == "entries"):
            return inner * outputs * samples
        return inner * samples

    def reduced(self, A: Units, Y: Units, reduction: str, **arguments: Any) -> Any:
        """The loss: the sum of the terms over the divisor, a scalar of the dtype of A.

        >>> from refimpl import LOSSES
        >>> A, Y = np.array([[3.0, 1.0], [2.0, 0.0]]), np.zeros((2, 2))
        >>> LOSSES["mse"].reduced(A, Y, "sum")  # 9 + 1 + 4 + 0
        np.float64(14.0)
        >>> LOSSES["mse"].reduced(A, Y, "batchmean"), LOSSES["mse"].reduced(A, Y, "mean")
        (np.float64(7.0), np.float64(3.5))
        """
        arguments, divisor = self._divided(arguments, reduction, *A.shape)
        terms = self.terms(A, Y, **arguments)
        with np.errstate(over="ignore"):  # the sum may be infinite where a mean is not
            total = terms.sum()
            return total / divisor if np.isfinite(total) else (terms / divisor).sum()

    def reduced_gradient(self, A: Units, Y: Units, reduction: str, **arguments: Any) -> Units:
        """∂L/∂A, shape (n, m): the gradient of the sum of the terms over the same divisor.

        >>> from refimpl import LOSSES
        >>> A, Y = np.array([[3.0, 1.0], [2.0, 0.0]]), np.zeros((2, 2))
        >>> LOSSES["mse"].reduced_gradient(A, Y, "mean")  # 2 (ŷ - y) / 4
        array([[1.5, 0.5],
               [1. , 0. ]])
        """
        arguments, divisor = self._divided(arguments, reduction, *A.shape)
        return self.gradient(A, Y, **arguments) / divisor

    def _divided(
        self, arguments: dict[str, Any], reduction: str, outputs: int, samples: int
    ) -> tuple[dict[str, Any], int]:
        """What `terms` takes, and the divisor. A mean over outputs first makes w/n of w: w ℓ may overflow."""
        divisor = self.divisor(reduction, outputs, samples)
        if self.mean_over != "outputs first":
            return arguments, divisor
        return {**arguments, "weight": arguments.get("weight", 1.0) / outputs}, divisor // outputs


# As torch has them: what random cases draw from.
REDUCTIONS = ("mean", "sum", "batchmean")
# All there are: some code divides by n·m what others divide by m, and "mean" means either.
ALL_REDUCTIONS = (*REDUCTIONS, "entrymean")


EntryT = TypeVar("EntryT", bound=_Entry)


def find(table: Mapping[str, EntryT], kind: str, name: Any) -> EntryT:
    r"""The entry called `name`. Raises UnknownFunctionError that lists the names there are.

    >>> from refimpl import LOSSES
    >>> find(LOSSES, "loss", "mse").latex
    '\\sum (\\hat y - y)^2'
    >>> find({"mse": LOSSES["mse"]}, "loss", "rmse")
    Traceback (most recent call last):
        ...
    refimpl.functions.UnknownFunctionError: unknown loss 'rmse'; known: mse
    """
    try:
        return table[name]
    except (KeyError, TypeError):
        known = ", ".join(sorted(table))
        raise UnknownFunctionError(f"unknown {kind} {name!r:.60}; known: {known}") from None
