"""What a diagnosis says: the equation, the layers, the cause, and how strong the evidence is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

WELL_FOUNDED = 16
"""Entries that match: together with a second case, no coincidence."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for a cause."""

    entries: int = 0
    """Wrong entries that it gives, up to rounding."""
    cases: int = 0
    rivals: tuple[str, ...] = ()
    """Others that give the same numbers in all these cases."""

    @property
    def strength(self) -> str:
        """How strong it is: "strong", "fair" or "weak"."""
        if self.entries >= WELL_FOUNDED and self.cases >= 2 and not self.rivals:
            return "strong"
        return "fair" if self.entries >= WELL_FOUNDED or self.cases >= 2 else "weak"

    def __str__(self) -> str:
        cases = "1 case" if self.cases == 1 else f"{self.cases} cases"
        text = f"{self.strength}: {self.entries} wrong entries in {cases} are exactly what it gives"
        return text + (f"; so does {', '.join(self.rivals)}" if self.rivals else "")


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong. Without a name it is unknown: only the equation, and where, are told."""

    equation: str
    layers: tuple[int, ...] = ()
    kind: str = "unknown"
    """"mistake", "pair", "convention", "relation" or "unknown"."""
    name: str = ""
    what: str = ""
    remedy: str = ""
    implemented: str = ""
    """LaTeX: the equation as implemented, where that is known."""
    evidence: Evidence = Evidence()
    declaration: Mapping[str, str] = field(default_factory=dict)
    """What to declare, if it is meant."""
    certain: bool = True
    """Whether the equation is known for certain, rather than the likeliest."""

    @property
    def place(self) -> str:
        """As in "equation B5, layers 1 and 2"."""
        text = f"equation {self.equation}"
        if self.layers:
            numbers = list(map(str, self.layers))
            last = f" and {numbers[-1]}" if len(numbers) > 1 else ""
            text += f", layer{'s' if last else ''} {', '.join(numbers[:-1] if last else numbers)}{last}"
        return text

    @property
    def title(self) -> str:
        """What is the same for all cases with this cause: the equation and what is wrong with it."""
        return f"{self.equation}: {self.said}"

    @property
    def said(self) -> str:
        """What is wrong, in a sentence, also if that is unknown."""
        return self.what or "unknown; no candidate gives these numbers."

    def __str__(self) -> str:
        likely = "" if self.certain or self.name else "probably "
        return f"{likely}{self.place}: {self.what or 'cause unknown; no candidate gives these numbers.'}"


@dataclass(frozen=True)
class Diagnosis:
    """The causes of what is wrong in one case, in the order of a pass."""

    causes: tuple[Cause, ...]

    @property
    def first(self) -> Cause | None:
        """The one to mend first; None if nothing is wrong."""
        return self.causes[0] if self.causes else None
