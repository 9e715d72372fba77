"""What a run shall do, and what it is judged against."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

from refimpl import DTYPES, Case

from .cases import DrawOptions
from .diagnosis.mistakes import MISTAKES
from .errors import UsageError
from .judging.adjudication import MODES
from .oracle_names import ORACLES, USUAL_ORACLES
from .plugging.sources import Source

FLOOR = 0.9
"""The share of the requested cases that must have been judged for a run to count."""


@dataclass(frozen=True)
class RunOptions:
    """What a run shall do; checked when made. Raises UsageError for anything that cannot be done."""

    cases: int
    """How many cases in each dtype."""
    seed: int = 1
    dtypes: tuple[str, ...] = DTYPES
    activations: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    oracles: tuple[str, ...] = USUAL_ORACLES
    mistake: str | None = None
    truth: str = "disputed"
    """Which cases to ask the truth about: see `MODES`."""
    source: Source | None = None
    """Somebody's implementation, in the reference's place."""
    diagnose: bool = True
    """Whether to look for the causes of what is wrong."""
    command: str = ""
    """The command line that repeats this run."""
    corpus: tuple[Case, ...] = ()
    """Kept cases, judged first. With them, there may be no other `cases`."""
    workers: int = 1
    """Processes that judge; 1 is this process. What is found does not depend on it."""
    is_campaign: bool = False
    """Whether cases are drawn stratum by stratum (`cases.strata`), and each chunk is judged as if it were the
    only one, so that what it comes to depends on nothing else."""

    def __post_init__(self) -> None:
        if self.cases < (0 if self.corpus else 1):
            raise UsageError(f"cases must be at least 1, not {self.cases}")
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"seed must be from 0 to 2^64 - 1, not {self.seed}")
        for kind, given, known in (
            ("dtype", self.dtypes, DTYPES),
            ("oracle", self.oracles, tuple(ORACLES)),
            ("way to ask the truth", (self.truth,), MODES),
            ("mistake", (self.mistake,) if self.mistake is not None else tuple(MISTAKES), tuple(MISTAKES)),
        ):
            if not given:
                raise UsageError(f"give at least one {kind} of: {', '.join(known)}")
            for name in given:
                if name not in known:
                    raise UsageError(f"unknown {kind} {name!r}; {_known(kind, name, known)}")
        if self.workers < 1:
            raise UsageError(f"workers must be at least 1, not {self.workers}")
        if self.workers > 1 and self.source is not None and not self.source.isolated:
            raise UsageError(
                "--no-isolation runs the implementation in this process, and --workers judges in others; "
                "leave out one of them"
            )
        if self.source is not None and self.mistake is not None:
            raise UsageError("--mistake is put in the reference's place; leave it out, or --impl")
        try:
            object.__setattr__(self, "draw", DrawOptions(self.activations, self.losses))
        except ValueError as error:
            raise UsageError(str(error)) from None

    draw: DrawOptions = field(init=False)


def _known(kind: str, name: str, known: tuple[str, ...]) -> str:
    """What could be meant: all there are, or of the many mistakes those of a similar name."""
    if kind != "mistake":
        return f"known: {', '.join(known)}"
    near = get_close_matches(name, known, 3, 0.3)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}'backproof list mistakes' shows all {len(known)}"


def floor_of(requested: int, share: float = FLOOR) -> int:
    """The fewest of the requested cases that must have been judged: at least one, if any was requested."""
    return min(requested, max(1, int(requested * share)))
