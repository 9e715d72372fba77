"""The command line. Importing it, and --help, import nothing heavy; each command imports what it needs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .errors import ReportError, UsageError
from .shadowing import ShadowedPackageError, check_shadowing

if TYPE_CHECKING:
    from .reporting.model import Report

USAGE, INTERRUPTED = 2, 130
_DTYPES = {"float32": ("float32",), "float64": ("float64",), "both": ("float32", "float64")}
# What typer raises for arguments it cannot use; it is exported under the name of a subclass only.
_ArgumentError: Any = typer.BadParameter.__base__

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Says whether an implementation of backpropagation is right, and if not, which equation and layer.",
    epilog="Exit status: 0 if nothing is wrong; 1 if there is a mismatch or a fault, or too few cases could "
    "be judged; 2 if the command cannot be carried out; 130 if interrupted with nothing wrong so far.",
)

Oracles = Annotated[
    str, typer.Option(help="What to judge against, separated by commas; see 'list oracles'.", metavar="NAMES")
]
Mistake = Annotated[
    str | None,
    typer.Option(
        help="Judge this wrong equation instead of the reference; see 'list mistakes'.", metavar="NAME"
    ),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"backproof {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version
    if context.invoked_subcommand is None:
        raise UsageError("give a command, for example 'backproof run'; 'backproof --help' lists them")


@app.command()
def run(
    cases: Annotated[int, typer.Option(help="How many random networks, in each dtype.")] = 2500,
    seed: Annotated[int, typer.Option(help="Which ones: the same seed draws the same cases.")] = 1,
    dtype: Annotated[str, typer.Option(help="float32, float64 or both.")] = "both",
    activations: Annotated[
        str | None,
        typer.Option(help="Only these, separated by commas; see 'list activations'.", metavar="NAMES"),
    ] = None,
    losses: Annotated[
        str | None,
        typer.Option(help="Only these, separated by commas; see 'list losses'.", metavar="NAMES"),
    ] = None,
    oracles: Oracles = "torch,jax",
    mistake: Mistake = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the report; by default a new one under reports/.", metavar="DIR"),
    ] = None,
) -> int:
    """Judge random networks, and write a report.

    Ctrl-C ends the run early and writes a report of what was judged until then.
    """
    from .reporting.files import check_writable, write_report
    from .run import RunOptions
    from .run import run as run_cases

    if dtype not in _DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}; known: {', '.join(_DTYPES)}")
    given = {
        "--cases": str(cases),
        "--seed": str(seed),
        "--dtype": dtype,
        "--activations": activations,
        "--losses": losses,
        "--oracles": oracles,
        "--mistake": mistake,
    }
    words = [word for option, value in given.items() if value is not None for word in (option, value)]
    options = RunOptions(
        cases=cases,
        seed=seed,
        dtypes=_DTYPES[dtype],
        activations=_names(activations),
        losses=_names(losses),
        oracles=_names(oracles) or (),
        mistake=mistake,
        command=shlex.join(["backproof", "run", *words]),
    )
    folder = out or Path("reports", f"{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}-seed-{seed}")
    check_writable(folder)
    report = _with_oracles(lambda: _with_progress_bar(lambda progress: run_cases(options, progress)))
    return _show(report, write_report(report, folder))


@app.command()
def replay(
    case: Annotated[Path, typer.Argument(help="A case file, as reports save them.", metavar="CASE.json")],
    mistake: Mistake = None,
    oracles: Oracles = "torch,jax",
) -> int:
    """Judge one saved case again, and print what is found."""
    from refimpl import InvalidCaseError, case_from_json

    from .reporting.files import read_text
    from .reporting.safe_text import safe_text
    from .run import replay as replay_case

    try:
        read = case_from_json(read_text(case, "a case file, as reports save them under cases/"))
    except InvalidCaseError as error:
        raise UsageError(f"{safe_text(str(case))}: {safe_text(str(error))}") from None
    return _show(_with_oracles(lambda: replay_case(read, _names(oracles) or (), mistake)))


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(help="equations, activations, losses, oracles or mistakes.", metavar="WHAT")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show what there is to choose from."""
    from .cli_lists import as_text, rows_of

    rows = rows_of(what)
    typer.echo(json.dumps(rows, indent=2, ensure_ascii=False) if as_json else as_text(rows))


def exit_status(report: Report) -> int:
    """0, 1 or 130 for a report: see the epilog of --help."""
    if report.counts.wrong:
        return 1
    if report.status == "interrupted":
        return INTERRUPTED
    return 0 if report.floor_met else 1


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _with_oracles(judge: Callable[[], Report]) -> Report:
    from oracles import OracleMissingError

    try:
        return judge()
    except OracleMissingError as error:
        raise UsageError(str(error)) from None


def _with_progress_bar(judge: Callable[[Callable[[int, int, int], None]], Report]) -> Report:
    """A bar on standard error while it is a terminal; what a program reads goes to standard output."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("judging"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cases, {task.fields[mismatches]} wrong"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("judging", total=None, mismatches=0)
        return judge(
            lambda done, total, mismatches: bar.update(
                task, completed=done, total=total, mismatches=mismatches
            )
        )


def _show(report: Report, path: Path | None = None) -> int:
    from rich.console import Console

    from .reporting.text import print_summary

    print_summary(report, Console(), path)
    if report.status == "interrupted":
        typer.echo(
            "backproof: interrupted; the report is valid and holds what was judged until then", err=True
        )
    return exit_status(report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status. Every error is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows ASCII only still gets the report
            stream.reconfigure(errors="backslashreplace")
    words = None if arguments is None else list(arguments)
    try:
        check_shadowing()
        return int(app(words, standalone_mode=False, prog_name="backproof") or 0)
    except (UsageError, ReportError, ShadowedPackageError) as error:
        message = str(error)
    except _ArgumentError as error:
        message = f"{' '.join(error.format_message().split()).rstrip('.')}; see 'backproof --help'"
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("backproof: interrupted", err=True)
        return INTERRUPTED
    typer.echo(f"backproof: error: {message}", err=True)
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
