"""What an atlas is to show; checked when made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backproof.errors import UsageError, check_names
from refimpl import ACTIVATIONS, DTYPES, LOSSES

from .answers import ANSWERERS, is_installed

LEAST_POINTS, MOST_POINTS = 100, 100_000


def installed() -> tuple[str, ...]:
    """The answerers whose packages are there; looking for them imports nothing."""
    return tuple(filter(is_installed, ANSWERERS))


@dataclass(frozen=True)
class AtlasOptions:
    """What to measure. Raises UsageError for anything that cannot be done.

    Of activations and losses, None is all of them; where one of the two is given, the other one's None is
    none of them.
    """

    dtypes: tuple[str, ...] = DTYPES
    activations: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    answerers: tuple[str, ...] | None = None
    """Who is asked; None for all whose packages are there."""
    points: int = 2000
    """Arguments in a sweep; of functions of columns, columns in four sweeps."""
    command: str = ""
    """One line that repeats it."""

    def __post_init__(self) -> None:
        if not LEAST_POINTS <= self.points <= MOST_POINTS:
            raise UsageError(f"points must be from {LEAST_POINTS} to {MOST_POINTS:,}, not {self.points:,}")
        for what, given, known in (
            ("dtype", self.dtypes, DTYPES),
            ("activation", self.activations, tuple(ACTIVATIONS)),
            ("loss", self.losses, tuple(LOSSES)),
            ("oracle of the atlas", self.answerers, tuple(ANSWERERS)),
        ):
            check_names(what, given, known)
        for name in self.answerers or ():
            if not is_installed(name):
                raise UsageError(f"{name} is not installed; leave it out, or install backproof[torch,jax]")

    @property
    def functions(self) -> tuple[tuple[str, str], ...]:
        """("activation" or "loss", name) of each function, in the order of the tables."""
        both = self.activations is None and self.losses is None
        chosen = (
            ("activation", tuple(ACTIVATIONS), self.activations),
            ("loss", tuple(LOSSES), self.losses),
        )
        return tuple(
            (kind, name)
            for kind, table, given in chosen
            for name in table
            if (both if given is None else name in given)
        )

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of those who answer, in the order of their table."""
        there = installed() if self.answerers is None else self.answerers
        return tuple(name for name in ANSWERERS if name in there)


Advance = Callable[[str, int, int], None]
"""(function, done, of how many), after each function and dtype."""
