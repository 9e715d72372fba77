"""What the commands share: their options, how they load, show progress and end."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from refimpl import Case

    from .plugging.sources import Source
    from .reporting.model import Report

USAGE, INTERRUPTED = 2, 130
DTYPES = {"float32": ("float32",), "float64": ("float64",), "both": ("float32", "float64")}


def whole(text: str) -> int:
    """A whole number as an option has it; the error says so in words."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number; give one, such as 100") from None


def number(text: str) -> float:
    """A number as an option has it."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number; give one, such as 2.5") from None


Oracles = Annotated[
    str | None,
    typer.Option(
        help="What to judge against, separated by commas; see 'list oracles'. By default torch and jax, as "
        "far as they are installed, or else the truth.",
        metavar="NAMES",
    ),
]
Dtype = Annotated[str, typer.Option(help="float32, float64 or both.", metavar="NAME")]
Activations = Annotated[
    str | None,
    typer.Option(help="Only these, separated by commas; see 'list activations'.", metavar="NAMES"),
]
Losses = Annotated[
    str | None,
    typer.Option(help="Only these, separated by commas; see 'list losses'.", metavar="NAMES"),
]
Mistake = Annotated[
    str | None,
    typer.Option(
        help="Judge this wrong equation instead of the reference; see 'list mistakes'.", metavar="NAME"
    ),
]
Corpus = Annotated[
    str | None,
    typer.Option(help="Judge the cases kept in this folder first; see 'corpus'.", metavar="DIR"),
]
Workers = Annotated[
    int,
    typer.Option(
        help="Processes that judge, each on one core; 1 starts none. What is found is the same for any "
        "number.",
        metavar="N",
        parser=whole,
    ),
]
Impl = Annotated[
    str | None,
    typer.Option(
        "--impl",
        help="Judge this implementation, FILE.py:NAME or package.module:NAME, in a process of its own.",
        metavar="SOURCE",
    ),
]
ImplCmd = Annotated[
    str | None,
    typer.Option(
        "--impl-cmd",
        help="Judge the implementation behind this command, which is asked in lines of JSON.",
        metavar="COMMAND",
    ),
]
Python = Annotated[
    str | None,
    typer.Option(help="Run --impl under this interpreter, with packages of its own.", metavar="PATH"),
]
NoIsolation = Annotated[
    bool, typer.Option("--no-isolation", help="Run --impl in this process, without limits: for a debugger.")
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        help="Seconds that the implementation may take for one case (10).", metavar="SECONDS", parser=number
    ),
]
MemoryLimit = Annotated[
    int | None,
    typer.Option(
        help="MiB that the implementation's process may use (4096); on Linux.", metavar="MIB", parser=whole
    ),
]


def source_of(
    impl: str | None,
    impl_cmd: str | None,
    python: str | None,
    no_isolation: bool,
    time_limit: float | None,
    memory_limit: int | None,
) -> Source | None:
    """The implementation that the options name; None if they name none. Raises UsageError."""
    from .plugging.limits import MEMORY_LIMIT, TIME_LIMIT
    from .plugging.sources import Source

    if impl is None and impl_cmd is None:
        given = {
            "--python": python is not None,
            "--no-isolation": no_isolation,
            "--time-limit": time_limit is not None,
            "--memory-limit": memory_limit is not None,
        }
        for option, is_given in given.items():
            if is_given:
                raise UsageError(f"{option} says how to run an implementation; give one with --impl, too")
        return None
    if no_isolation and (time_limit is not None or memory_limit is not None):
        option = "--time-limit" if time_limit is not None else "--memory-limit"
        raise UsageError(f"{option} needs a process of its own; leave out --no-isolation")
    return Source(
        impl,
        impl_cmd,
        python,
        not no_isolation,
        TIME_LIMIT if time_limit is None else time_limit,
        MEMORY_LIMIT if memory_limit is None else memory_limit,
    )


def names_of(text: str | None) -> tuple[str, ...] | None:
    """The names in a list separated by commas."""
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def oracles_of(text: str | None) -> tuple[str, ...]:
    """The oracles named, or those that are usual here."""
    from .oracle_names import usual_oracles

    names = names_of(text)
    return usual_oracles() if names is None else names


def kept_in(folder: str | None) -> tuple[Case, ...]:
    """The cases of a corpus; none if no folder is given. Raises UsageError and ReportError."""
    from .corpus import read_corpus

    if folder is None:
        return ()
    if folder == "":
        raise UsageError("--corpus is empty; give a folder, or leave it out")
    return tuple(kept.case for kept in read_corpus(folder))


def check_mistake(name: str | None) -> None:
    """UsageError if an option was given without a name."""
    if name == "":
        raise UsageError("--mistake is empty; give one of 'backproof list mistakes', or leave it out")


def exit_status(report: Report) -> int:
    """0, 1 or 130 for a report: see the epilog of --help."""
    if report.counts.wrong:
        return 1
    if report.status == "interrupted":
        return INTERRUPTED
    return 0 if report.floor_met else 1


def load(oracles: Sequence[str], *, missing_only: bool = False) -> None:
    """Imports the frameworks behind these oracles; UsageError if one is not installed.

    With `missing_only`, those that are installed are left to the processes that need them.
    """
    from oracles import OracleMissingError

    from .oracle_names import ORACLES, is_installed

    try:
        for name in oracles:
            if not (missing_only and is_installed(name)):
                ORACLES[name]()
        # What the frameworks have made lives as long as the process: the collector need not look at it again.
        gc.freeze()
    except OracleMissingError as error:
        raise UsageError(f"{error}; or judge by exact values alone with: --oracles truth") from None


def with_progress_bar(
    oracles: Sequence[str], judge: Callable[[Callable[[int, int, int], None]], Report], workers: int = 1
) -> Report:
    """Loads the frameworks and judges under a bar on standard error, if that is a terminal.

    With more than one worker, these load them. What a program reads goes to standard output. Ctrl-C is
    heard between two calls of the progress function.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from .cli_interrupt import Stopper

    screen = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("loading and compiling, once", total=None, left="")

        def stopping() -> None:
            message = "stopping with the cases at hand; Ctrl-C again stops at once"
            if bar.disable:
                typer.echo(f"backproof: {message}", err=True)
            else:
                bar.update(task, description=message)

        def advance(done: int, total: int, wrong: int) -> None:
            words = f"judged {done:,} of {total:,} cases, {wrong:,} wrong"
            bar.update(task, description=words, completed=done, total=total, left="left:")
            if done < total:
                stopper.check()

        with Stopper(stopping) as stopper:
            load(oracles, missing_only=workers > 1)
            stopper.check()
            return judge(advance)


def console(*, stderr: bool = False) -> Console:
    """A console that writes plain text where NO_COLOR is set: rich itself would leave bold and dim."""
    from rich.console import Console

    return Console(stderr=stderr, color_system=None if os.environ.get("NO_COLOR") else "auto")


def show(report: Report, path: Path | None = None, case: Path | None = None) -> int:
    """Prints the summary; gives the exit status."""
    from .reporting.text import print_summary

    print_summary(report, console(), path, case)
    if report.status == "interrupted":
        typer.echo(
            "backproof: interrupted; the report is valid and holds what was judged until then", err=True
        )
    return exit_status(report)


def dtypes_of(name: str) -> tuple[str, ...]:
    """The dtypes that an option names. Raises UsageError."""
    if name not in DTYPES:
        raise UsageError(f"unknown dtype {name!r}; known: {', '.join(DTYPES)}")
    return DTYPES[name]
