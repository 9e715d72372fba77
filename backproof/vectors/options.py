"""What known-answer vectors to make; checked when made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from backproof.cases import DrawOptions
from backproof.cases.options import output_activations
from backproof.errors import UsageError, check_names
from refimpl import ACTIVATIONS, DTYPES, LOSSES

from .model import KINDS

_MOST_CASES = 10**6


@dataclass(frozen=True)
class VectorOptions:
    """What to make. Raises UsageError for anything that cannot be done.

    A vector depends on the seed and its own functions, dtype and number only, not on what else is asked for.
    """

    kinds: tuple[str, ...] = KINDS
    dtypes: tuple[str, ...] = DTYPES
    cases: int = 4
    """How many vectors of random numbers for each activation and layer, for each loss with each reduction,
    and how many networks for each loss; the fixed points of activations and losses come on top."""
    seed: int = 1
    activations: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.cases <= _MOST_CASES:
            raise UsageError(f"cases must be from 1 to {_MOST_CASES:,}, not {self.cases:,}")
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"seed must be from 0 to 2^64 - 1, not {self.seed}")
        for what, given, known in (
            ("kind of vectors", self.kinds, KINDS),
            ("dtype", self.dtypes, DTYPES),
            ("activation", self.activations, tuple(ACTIVATIONS)),
            ("loss", self.losses, tuple(LOSSES)),
        ):
            check_names(what, given, known)
        fitting = self.losses
        if "network" in self.kinds:
            DrawOptions(self.activations, self.losses)
            fitting = tuple(
                name for name in self.losses or LOSSES if output_activations(LOSSES[name], self.activations)
            )
        object.__setattr__(self, "network_losses", fitting or ())

    network_losses: tuple[str, ...] = field(init=False)
    """The losses that take what the activations give."""

    def chosen(self, table: Sequence[str], given: tuple[str, ...] | None) -> list[str]:
        """The names given, or all, in the order of the table."""
        return [name for name in table if given is None or name in given]
