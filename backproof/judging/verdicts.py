"""The seven verdicts and what a judgement of one case holds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from refimpl import Case, Trace

Verdict = Literal["fault", "mismatch", "unstable", "known deviation", "convention", "conforms", "not judged"]

# From the gravest to the mildest: a case has the gravest verdict of its checks, and "not judged" only if
# nothing in it could be judged.
SEVERITY: tuple[Verdict, ...] = (
    "fault",
    "mismatch",
    "unstable",
    "convention",
    "known deviation",
    "conforms",
    "not judged",
)
FAILING: frozenset[Verdict] = frozenset({"fault", "mismatch"})

Scope = Literal["local", "end to end"]

# Quantity → the equation that gives it; δ of the last layer is B4's.
EQUATION_OF = {
    "Z": "F2",
    "A": "F3",
    "loss": "F5",
    "delta": "B5",
    "dW": "B1",
    "db": "B3",
    "dX": "B1a",
    "W_updated": "U1",
    "b_updated": "U2",
}


GRADIENTS = ("loss", "delta", "dW", "db", "dX")
"""The loss, and what is its derivative by something."""


def equation_of(quantity: str, layer: int | None, depth: int) -> str:
    """The id of the documented equation that gives this quantity."""
    if quantity == "delta" and layer == depth:
        return "B4"
    if quantity == "A" and layer == depth:
        return "F4"
    return EQUATION_OF[quantity]


class Alternative(NamedTuple):
    """Another reading of an answer outside its bound: the verdict if it lies in this range instead."""

    verdict: Verdict
    reason: str
    range: Callable[[], tuple[Any, Any]]
    """The lowest and highest answers of this reading, entry by entry; computed only when needed."""


def no_alternatives() -> tuple[Alternative, ...]:
    """An answer outside its bound is a mismatch."""
    return ()


class Comparison(NamedTuple):
    """One quantity of one layer: an observed array against an expected one under a bound."""

    quantity: str
    layer: int | None
    scope: Scope
    left: str
    """Whose answer it is."""
    right: str
    """What it is held against: an oracle, or "arithmetic" for a step that is a sum of products."""
    observed: Any
    expected: Any
    bound: Any
    alternatives: Callable[[], tuple[Alternative, ...]] = no_alternatives
    """Asked only when some entry lies outside its bound."""


class Check(NamedTuple):
    """The verdict on one comparison, with the entry that decided it."""

    quantity: str
    layer: int | None
    scope: Scope
    left: str
    right: str
    equation: str
    verdict: Verdict
    reason: str = ""
    ratio: float | None = None
    """The largest |observed - expected| / bound over its judged entries."""
    entries: int = 0
    unjudged: int = 0
    """Entries whose bound is infinite or too wide to say anything."""
    entry: tuple[int, ...] = ()
    observed: float | None = None
    expected: float | None = None
    bound: float | None = None


class PlainChecks(Sequence[Check]):
    """The checks of a case in which nothing lies outside its bound: each conforms or is not judged."""

    @abstractmethod
    def verdict(self, subject: str) -> Verdict:
        """That of the case; `subject` as in `Judgement`."""

    @abstractmethod
    def resolved(self, scope: Scope) -> bool:
        """Whether every entry of that scope could be judged."""

    @abstractmethod
    def nearest(self) -> float:
        """The largest error/bound of a loss or gradient end to end; 0 if there is none."""


class Held(NamedTuple):
    """How one side's answers of one scope fared against the truth."""

    entries: int = 0
    """Held against it: the bound is finite, and the ball is narrow beside it."""
    outside: int = 0
    """Further from every number of the ball than the bound allows."""
    undecided: int = 0
    """On a kink, or not enclosed: the ball is not narrow, and the answer lies in it or near it."""
    ratio: float = 0.0
    """The largest |answer - truth| / bound of those held."""


class Settled(NamedTuple):
    """What the truth says of one entry on which two sides disagree, or which lies near its bound."""

    check: Check
    truth: float
    left_ulps: float
    """|left - truth| in units in the last place of the truth, in the case's dtype."""
    right_ulps: float
    right: tuple[str, ...]
    """Who is right: within the bound of the truth."""


@dataclass(frozen=True)
class Ruling:
    """What the truth says about one case: why it was asked, and how every side fared."""

    why: str
    bits: int
    """The precision it took."""
    on_a_kink: bool
    held: Mapping[tuple[str, Scope], Held]
    settled: tuple[Settled, ...] = ()
    outside: tuple[Check, ...] = ()
    """Answers further from the truth than their bound, with the verdict that this gives."""


@dataclass(frozen=True)
class Judgement:
    """All checks of one case.

    Its verdict is the gravest of them. But a case in which nothing of the implementation under test could be
    judged is not judged, however well the oracles agree; only what is wrong with them stays.
    """

    case: Case
    checks: Sequence[Check]
    subject: str = ""
    """The implementation under test; empty if all sides are."""
    ruling: Ruling | None = None
    """What the truth says, where it was asked."""
    trace: Trace | None = None
    """What the subject answered, its sound parts, if something is wrong with that; to be diagnosed."""
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.checks, PlainChecks):
            object.__setattr__(self, "verdict", self.checks.verdict(self.subject))
            return
        given = {check.verdict for check in self.checks}
        gravest: Verdict = next((verdict for verdict in SEVERITY if verdict in given), "not judged")
        judged = any(
            check.verdict != "not judged" and self.subject in ("", check.left) for check in self.checks
        )
        object.__setattr__(self, "verdict", gravest if judged or gravest in FAILING else "not judged")

    @property
    def is_plain(self) -> bool:
        """Whether it is known, without a look at any check, that each conforms or is not judged."""
        return isinstance(self.checks, PlainChecks)

    @property
    def nearest(self) -> float:
        """The largest error/bound of a loss or gradient that conforms end to end; 0 if there is none."""
        if isinstance(self.checks, PlainChecks):
            return self.checks.nearest()
        ratios = (
            check.ratio or 0.0
            for check in self.checks
            if check.verdict == "conforms" and check.scope == "end to end" and check.quantity in GRADIENTS
        )
        return max(ratios, default=0.0)

    @property
    def is_to_be_diagnosed(self) -> bool:
        """Whether an answer of the subject is a mismatch, or unstable."""
        return not self.is_plain and any(
            c.verdict in ("mismatch", "unstable") and c.left == self.subject for c in self.checks
        )

    def resolved(self, scope: Scope) -> bool:
        """Whether every entry of every check of that scope could be judged."""
        if isinstance(self.checks, PlainChecks):
            return self.checks.resolved(scope)
        return all(check.unjudged == 0 for check in self.checks if check.scope == scope)
