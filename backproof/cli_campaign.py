"""The commands of campaigns: start, resume, status and report."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_options import (
    Activations,
    Impl,
    ImplCmd,
    Losses,
    MemoryLimit,
    Mistake,
    Oracles,
    Python,
    TimeLimit,
    Workers,
    check_mistake,
    dtypes_of,
    names_of,
    oracles_of,
    show,
    source_of,
    whole,
)
from .errors import UsageError

if TYPE_CHECKING:
    from .campaign.options import Asked
    from .campaign.running import Limits

campaign = typer.Typer(
    help="Judge many cases over many sessions, which may be stopped or killed at any moment.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> float:
    """Seconds of a duration as an option has it: 30s, 10m, 2h or 1d."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or float(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is not a duration; give one, such as 30s, 10m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]


Folder = Annotated[str, typer.Argument(help="The folder of the campaign.", metavar="DIR", show_default=False)]
Seed = Annotated[
    int | None,
    typer.Option(help="Which cases: the same seed draws the same (1).", metavar="N", parser=whole),
]
AnyDtype = Annotated[str | None, typer.Option(help="float32, float64 or both (both).", metavar="NAME")]
TruthMode = Annotated[
    str | None,
    typer.Option(
        help="Which cases to ask the exact values about as well: all, disputed or sample, as in 'run' "
        "(disputed).",
        metavar="WHICH",
    ),
]
ChunkSize = Annotated[
    int | None,
    typer.Option(
        help="Cases that are judged and written together (512): what is lost when it is killed.",
        metavar="N",
        parser=whole,
    ),
]
MaxCases = Annotated[
    int | None,
    typer.Option(
        help="Stop once the campaign has at least so many cases, in all dtypes and sessions together.",
        metavar="N",
        parser=whole,
    ),
]
For = Annotated[
    float | None,
    typer.Option(
        "--for", help="Stop after this time, such as 30s, 10m, 2h or 1d.", parser=duration, metavar="TIME"
    ),
]
UntilMismatch = Annotated[
    bool, typer.Option("--until-mismatch", help="Stop after the first chunk with a mismatch or a fault.")
]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Have the workers of a Dask cluster judge: the address of its scheduler, such as "
        "tcp://10.0.0.7:8786, or local for one of --workers on this machine. Needs the extra cluster.",
        metavar="ADDRESS",
    ),
]


@campaign.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        raise UsageError(
            "give one of: campaign start, campaign resume, campaign status, campaign report; 'backproof "
            "campaign --help' explains them"
        )


@campaign.command()
def start(
    directory: Folder,
    seed: Seed = None,
    dtype: AnyDtype = None,
    activations: Activations = None,
    losses: Losses = None,
    oracles: Oracles = None,
    mistake: Mistake = None,
    impl: Impl = None,
    impl_cmd: ImplCmd = None,
    python: Python = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    truth: TruthMode = None,
    chunk: ChunkSize = None,
    workers: Workers = 1,
    dask: Dask = None,
    max_cases: MaxCases = None,
    for_: For = None,
    until_mismatch: UntilMismatch = False,
) -> int:
    """Begin a campaign in a new folder, and judge until a limit, Ctrl-C or SIGTERM.

    Kinds of cases (activation, loss, regime, depth, dtype) come up evenly, wherever it stops. What is shown
    as done is on the disk. Without a limit it goes on for ever.
    """
    given = _Given(
        seed, dtype, activations, losses, oracles, mistake, impl, impl_cmd, python, time_limit, memory_limit,
        truth, chunk,
    )  # fmt: skip
    limits = _limits(max_cases, for_, until_mismatch)
    _check_workers(workers, dask)
    folder = _folder(directory)
    from .campaign.running import create
    from .cli_campaign_session import session

    create(folder, given.asked())
    return session(folder, limits, workers, dask=dask)


@campaign.command()
def resume(
    directory: Folder,
    seed: Seed = None,
    dtype: AnyDtype = None,
    activations: Activations = None,
    losses: Losses = None,
    oracles: Oracles = None,
    mistake: Mistake = None,
    impl: Impl = None,
    impl_cmd: ImplCmd = None,
    python: Python = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    truth: TruthMode = None,
    chunk: ChunkSize = None,
    workers: Workers = 1,
    dask: Dask = None,
    max_cases: MaxCases = None,
    for_: For = None,
    until_mismatch: UntilMismatch = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Drop what is damaged on the disk, and judge it again.")
    ] = False,
    fork: Annotated[
        str | None,
        typer.Option(
            help="Begin a new campaign there instead, of the same options but those given here, with the "
            "versions and the implementation of now. It takes no results over.",
            metavar="NEWDIR",
        ),
    ] = None,
) -> int:
    """Go on with a campaign: whatever is missing is judged.

    All that is judged, and all that judges, must be as it was; options need not be repeated.
    """
    given = _Given(
        seed, dtype, activations, losses, oracles, mistake, impl, impl_cmd, python, time_limit, memory_limit,
        truth, chunk,
    )  # fmt: skip
    limits = _limits(max_cases, for_, until_mismatch)
    _check_workers(workers, dask)
    folder = _folder(directory)
    from .campaign.options import read_options, refuse_differences
    from .cli_campaign_session import session

    known = read_options(folder)
    asked = given.asked(known.asked)
    if fork is not None:
        from .campaign.running import create

        if repair:
            raise UsageError("--fork begins anew, where nothing is damaged; leave out --repair")
        folder = _folder(fork, "--fork")
        create(folder, asked)
    else:
        refuse_differences(folder, known.differences(known.model_copy(update={"asked": asked})))
    return session(folder, limits, workers, dask=dask, repair=repair)


@campaign.command()
def status(
    directory: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> int:
    """Tell how far a campaign is, also while it runs.

    The exit status is 0 whatever was found.
    """
    from .campaign.status import status_of

    found = status_of(_folder(directory))
    typer.echo(json.dumps(found.as_json(), indent=2) if as_json else str(found))
    return 0


@campaign.command()
def report(
    directory: Folder,
    no_diagnosis: Annotated[
        bool,
        typer.Option(
            "--no-diagnosis", help="Do not judge again what was wrong, to look for causes: it takes long."
        ),
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(help="Folder for the report; by default DIR/report.", metavar="DIR"),
    ] = None,
) -> int:
    """Write the report of what is there so far, also while it runs.

    The exit status is that of a run: 1 if anything is wrong.
    """
    if out == "":
        raise UsageError("--out is empty; give a folder, or leave it out for DIR/report")
    folder = _folder(directory)
    from .campaign.options import read_options
    from .reporting.files import check_writable, write_report

    read_options(folder)  # before a folder is made in what is no campaign
    written = Path(out) if out is not None else folder / "report"
    check_writable(written)
    from .campaign.report import report_on

    made, coverage = report_on(
        folder,
        diagnose=not no_diagnosis,
        warn=lambda text: typer.echo(f"backproof: warning: {text}", err=True),
    )
    path = write_report(made, written)
    exit_status = show(made, path=path)
    typer.echo(f"Coverage: {coverage}.")
    return exit_status


# ---------------------------------------------------------------- what was given


@dataclass(frozen=True)
class _Given:
    """The options that say what is judged; None where one was not given."""

    seed: int | None
    dtype: str | None
    activations: str | None
    losses: str | None
    oracles: str | None
    mistake: str | None
    impl: str | None
    impl_cmd: str | None
    python: str | None
    time_limit: float | None
    memory_limit: int | None
    truth: str | None
    chunk: int | None

    def asked(self, known: Asked | None = None) -> Asked:
        """All options: those given, then those of `known`, then the usual ones. Raises UsageError."""
        from .campaign.options import CHUNK, MOST_IN_CHUNK, Asked, ProgramSource

        check_mistake(self.mistake)
        if self.chunk is not None and not 1 <= self.chunk <= MOST_IN_CHUNK:
            raise UsageError(f"--chunk must be from 1 to {MOST_IN_CHUNK:,}, not {self.chunk:,}")
        found: dict[str, Any] = {
            "seed": 1,
            "dtypes": dtypes_of("both"),
            "oracles": oracles_of(None) if known is None else (),
            "truth": "disputed",
            "chunk": CHUNK,
        }
        if known is not None:
            found |= {name: getattr(known, name) for name in type(known).model_fields}
        given = {
            "seed": self.seed,
            "dtypes": None if self.dtype is None else dtypes_of(self.dtype),
            "activations": names_of(self.activations),
            "losses": names_of(self.losses),
            "oracles": names_of(self.oracles),
            "mistake": self.mistake,
            "truth": self.truth,
            "chunk": self.chunk,
        }
        found |= {name: value for name, value in given.items() if value is not None}
        limits = (self.time_limit, self.memory_limit)
        before = None if known is None else known.source
        impl, command, python = self.impl, self.impl_cmd, self.python
        if before is not None and impl is None and command is None:
            impl, command, python = before.impl, before.command, python or before.python
        if before is not None:
            limits = (limits[0] or before.time_limit, limits[1] or before.memory_limit)
        source = source_of(impl, command, python, False, *limits)
        if source is not None:
            found["source"] = ProgramSource(
                impl=source.impl,
                command=source.command,
                python=source.python,
                time_limit=float(source.time_limit),
                memory_limit=source.memory_limit,
            )
        # The judge's options say what is wrong with any of them.
        checked = Asked.model_construct(
            **{"activations": None, "losses": None, "mistake": None, "source": None, **found}
        )
        checked.run_options()
        return Asked(**found)


def _limits(max_cases: int | None, seconds: float | None, until_mismatch: bool) -> Limits:
    if max_cases is not None and max_cases < 1:
        raise UsageError(f"--max-cases must be at least 1, not {max_cases}")
    from .campaign.running import Limits

    return Limits(max_cases, seconds, until_mismatch)


def _check_workers(workers: int, dask: str | None) -> None:
    if workers < 1:
        raise UsageError(f"workers must be at least 1, not {workers}")
    if dask is None:
        return
    from .campaign.cluster_address import LOCAL, check_address, check_reachable

    check_address(dask)
    if dask != LOCAL and workers != 1:
        raise UsageError(
            f"--workers starts processes on this machine, and {dask} has workers of its own; leave out one "
            "of --workers and --dask"
        )
    check_reachable(dask)


def _folder(given: str, option: str = "DIR") -> Path:
    if given == "":
        raise UsageError(f"{option} is empty; give the folder of a campaign")
    return Path(given)
