"""One step of a pass as data: what the terminal and the page show of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from refimpl import Case

Part = Literal["forward", "loss", "backward", "update"]
Status = Literal["right", "carried on", "wrong here"]

_WHOLE = 2.0**20
"""Ulps beyond which a difference is told as a size and not in ulps."""


@dataclass(frozen=True, eq=False)
class Operand:
    """A quantity in an equation."""

    symbol: str
    """For the terminal: "W[1]", "A[0]ᵀ", "σ'(Z[1])"."""
    latex: str
    values: Any
    """As they stand in the equation: transposed, if they are transposed there."""
    name: str = ""
    """What it is, such as "W[1]", without what is done to it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """() of a number."""
        return np.shape(self.values)


@dataclass(frozen=True)
class Sign:
    """What stands between operands."""

    text: str
    latex: str


Term = Operand | Sign


@dataclass(frozen=True)
class Expansion:
    """One entry worked out in numbers."""

    entry: tuple[int, int]
    """Row and column, counted from 0."""
    text: str
    """Such as "Z[1]₁ = 0.5·1 + (-0.25)·2 + 0.1 = 0.1"."""
    value: float
    """What the numbers in it give: the one thing that is computed here and not taken from a trace."""


@dataclass(frozen=True)
class Apart:
    """How far two answers are apart."""

    ulps: float
    """The most of any entry, in units in the last place of that entry; infinite where one is not finite."""
    of_largest: float
    """The same in units in the last place of the largest entry: what cancels is small beside its terms."""
    difference: float
    """The largest difference."""

    @property
    def equal(self) -> bool:
        """To the last bit, but for the sign of a zero."""
        return self.ulps == 0

    @property
    def words(self) -> str:
        """As in "equal to the last bit" or "within 2 ulps"."""
        if self.equal:
            return "equal to the last bit"
        if self.ulps <= 64:
            return f"within {_ulps(self.ulps)}"
        if self.of_largest <= 64:
            return f"within {_ulps(self.of_largest)} of the largest entry (terms cancel)"
        return f"off by up to {self.difference:.3g}"


def _ulps(number: float) -> str:
    whole = int(np.ceil(number))
    return "1 ulp" if whole == 1 else f"{whole} ulps"


def apart(left: Any, right: Any) -> Apart:
    """How far `left` is from `right`; the ulps are those of `right` and its dtype."""
    right = np.asarray(right)
    wide, own = np.asarray(left, np.longdouble), right.astype(np.longdouble)
    with np.errstate(all="ignore"):
        same = (wide == own) | (np.isnan(wide) & np.isnan(own))
        difference = np.where(same, 0, np.abs(wide - own))
        difference = np.where(np.isnan(difference), np.inf, difference)
        sizes = np.where(np.isfinite(right), np.abs(right), 0)
        unit = np.spacing(sizes.astype(right.dtype)).astype(np.longdouble)
        largest = np.spacing(np.max(sizes).astype(right.dtype)).astype(np.longdouble)
        return Apart(
            float(np.max(difference / unit)),
            float(np.max(difference) / largest),
            float(np.max(difference)),
        )


@dataclass(frozen=True)
class Answer:
    """What an oracle has for the same quantity."""

    oracle: str
    values: Any
    apart: Apart
    """From the reference's."""


@dataclass(frozen=True)
class Wrong:
    """What the mistake has for the same quantity."""

    status: Status
    """"wrong here": not even on its own numbers what the equation gives; "carried on": what the equation
    gives on numbers that were wrong before."""
    first: bool
    """Whether this is where it goes wrong: the first step that is wrong here."""
    values: Any
    apart: Apart
    """From the reference's."""


@dataclass(frozen=True, eq=False)
class Step:
    """One equation of one layer, as it is applied in a pass."""

    number: int
    """From 1, in the order of the pass."""
    part: Part
    equation: str
    """The id in the catalogue."""
    also: tuple[str, ...]
    """Ids of further equations that are this step."""
    title: str
    quantity: str
    """The trace's name for the result; "A_0", or "dA", for what it leaves out."""
    layer: int | None
    result: Operand
    latex: str
    """The equation as computed, with the number of the layer."""
    text: str
    """The same for a terminal."""
    where: tuple[str, ...]
    """LaTeX of what the equation takes as known: σ, its derivative, ℓ and d."""
    terms: tuple[Term, ...]
    """What stands on the right."""
    note: str
    """How the equation must be read with care; empty if it was said at an earlier step."""
    remark: str
    """What is to be said of this equation in this case."""
    expansion: Expansion | None
    answers: tuple[Answer, ...]
    wrong: Wrong | None
    """With a mistake, what that gives; else None."""

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The quantities on the right."""
        return tuple(term for term in self.terms if isinstance(term, Operand))

    @property
    def shapes(self) -> str:
        """The equation with shapes in the place of quantities."""
        right = "".join(term.text if isinstance(term, Sign) else shape(term.shape) for term in self.terms)
        return f"{shape(self.result.shape)} = {right}"

    @property
    def ids(self) -> tuple[str, ...]:
        """All equations that are this step."""
        return (self.equation, *self.also)


@dataclass(frozen=True, eq=False)
class Lesson:
    """A whole pass, explained."""

    case: Case
    steps: tuple[Step, ...]
    oracles: tuple[str, ...]
    loss: float
    loss_after: float | None
    """The loss of the same data after the update; None if the update is not finite."""
    mistake: Any = None
    """The `Mistake` that is shown beside, if any."""
    wrong_loss_after: float | None = None

    @property
    def first_wrong(self) -> Step | None:
        """The step at which the mistake goes wrong."""
        return next((step for step in self.steps if step.wrong is not None and step.wrong.first), None)


def shape(size: tuple[int, ...]) -> str:
    """(3, 1) as "(3, 1)"; of a number "scalar"."""
    return f"({', '.join(map(str, size))})" if size else "scalar"
