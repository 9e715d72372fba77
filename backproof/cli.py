"""The command line. Importing it, and --help, import nothing heavy; each command imports what it needs."""

from __future__ import annotations

import errno
import gc
import json
import os
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
    from rich.console import Console

    from .reporting.model import Report

USAGE, INTERRUPTED = 2, 130
_MOST_CASES = 10**9
_DTYPES = {"float32": ("float32",), "float64": ("float64",), "both": ("float32", "float64")}
# What typer raises for arguments it cannot use; it is exported under the name of a subclass only.
_ArgumentError: Any = typer.BadParameter.__base__

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Says whether an implementation of backpropagation is right, and if not, which equation and layer.",
    epilog="Exit status: 0 if nothing is wrong; 1 if there is a mismatch or a fault, or too few cases could "
    "be judged; 2 if the command cannot be carried out; 130 if interrupted with nothing wrong so far.",
)


def _whole(text: str) -> int:
    """A whole number as an option has it; the error says so in words."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number; give one, such as 100") from None


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
    cases: Annotated[
        int, typer.Option(help="How many random networks, in each dtype.", metavar="N", parser=_whole)
    ] = 2500,
    seed: Annotated[
        int,
        typer.Option(help="Which ones: the same seed draws the same cases.", metavar="N", parser=_whole),
    ] = 1,
    dtype: Annotated[str, typer.Option(help="float32, float64 or both.", metavar="NAME")] = "both",
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
    truth: Annotated[
        str,
        typer.Option(
            help="Which cases to ask the exact values about as well: all, disputed (where sides disagree or "
            "an answer looks odd; one in sixteen where a framework deviates as declared), or sample (those "
            "and one in sixteen of all).",
            metavar="WHICH",
        ),
    ] = "disputed",
    out: Annotated[
        str | None,
        typer.Option(help="Folder for the report; by default a new one under reports/.", metavar="DIR"),
    ] = None,
) -> int:
    """Judge random networks, and write a report.

    The first run compiles JAX's programs, which takes up to a minute; later ones find them in the user's
    cache. Ctrl-C ends the run once the cases at hand are judged, a second one at once; the report then
    holds what was judged until there.
    """
    from .reporting.files import check_writable, write_report
    from .run import RunOptions
    from .run import run as run_cases

    if dtype not in _DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}; known: {', '.join(_DTYPES)}")
    if cases > _MOST_CASES:
        raise UsageError(f"cases must be at most {_MOST_CASES:,}, not {cases:,}; take several seeds")
    if out == "":
        raise UsageError("--out is empty; give a folder, or leave it out for a new one under reports/")
    _check_mistake(mistake)
    given = {
        "--cases": str(cases),
        "--seed": str(seed),
        "--dtype": dtype,
        "--activations": activations,
        "--losses": losses,
        "--oracles": oracles,
        "--mistake": mistake,
        "--truth": truth,
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
        truth=truth,
        command=shlex.join(["backproof", "run", *words]),
    )
    folder = Path(out or f"reports/{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}-seed-{seed}")
    check_writable(folder)
    try:
        report = _with_progress_bar(options.oracles, lambda progress: run_cases(options, progress))
    except KeyboardInterrupt:
        typer.echo("backproof: interrupted; no report was written", err=True)
        return INTERRUPTED
    return _show(report, path=write_report(report, folder))


@app.command()
def replay(
    case: Annotated[str, typer.Argument(help="A case file, as reports save them.", metavar="CASE.json")],
    mistake: Mistake = None,
    oracles: Oracles = "torch,jax",
) -> int:
    """Judge one saved case again, and print what is found."""
    from refimpl import InvalidCaseError, case_from_json

    from .reporting.files import read_text
    from .reporting.safe_text import safe_text
    from .run import RunOptions
    from .run import replay as replay_case

    _check_mistake(mistake)
    try:
        read = case_from_json(read_text(Path(case), "a case file, as reports save them under cases/"))
    except InvalidCaseError as error:
        raise UsageError(f"{safe_text(case)}: {safe_text(str(error))}") from None
    names = _names(oracles) or ()
    options = RunOptions(1, oracles=names, mistake=mistake)  # checked before anything is loaded
    _load(options.oracles)
    return _show(replay_case(read, names, mistake), case=Path(case))


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(help="equations, activations, losses, left-out, oracles or mistakes.", metavar="WHAT"),
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


def _check_mistake(name: str | None) -> None:
    if name == "":
        raise UsageError("--mistake is empty; give one of 'backproof list mistakes', or leave it out")


def _load(oracles: Sequence[str]) -> None:
    """Imports the frameworks behind these oracles; UsageError if one is not installed."""
    from oracles import OracleMissingError

    from .run import ORACLES

    try:
        for name in oracles:
            ORACLES[name]()
        # What the frameworks have made lives as long as the process: the collector need not look at it again.
        gc.freeze()
    except OracleMissingError as error:
        raise UsageError(f"{error}; or judge by exact values alone with: --oracles truth") from None


def _with_progress_bar(
    oracles: Sequence[str], judge: Callable[[Callable[[int, int, int], None]], Report]
) -> Report:
    """Loads the frameworks and judges under a bar on standard error, if that is a terminal.

    What a program reads goes to standard output. Ctrl-C is heard between two calls of the progress function.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from .cli_interrupt import Stopper

    console = _console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
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
            _load(oracles)
            stopper.check()
            return judge(advance)


def _console(*, stderr: bool = False) -> Console:
    """A console that writes plain text where NO_COLOR is set: rich itself would leave bold and dim."""
    from rich.console import Console

    return Console(stderr=stderr, color_system=None if os.environ.get("NO_COLOR") else "auto")


def _show(report: Report, path: Path | None = None, case: Path | None = None) -> int:
    from .reporting.text import print_summary

    print_summary(report, _console(), path, case)
    if report.status == "interrupted":
        typer.echo(
            "backproof: interrupted; the report is valid and holds what was judged until then", err=True
        )
    return exit_status(report)


def _keep_compiled_programs() -> None:
    """Has JAX keep its compiled programs in the user's cache: compiling takes half a minute, reading none.

    Only for this process, and only if the user has not chosen a place; JAX knows by their contents, the
    versions and the processor whether it may use them.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or "jax" in sys.modules:
        return
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = home / "backproof" / "jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or none to write to: then it is compiled each time
        return
    if os.access(folder, os.W_OK):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status. Every error is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows ASCII only still gets the report
            stream.reconfigure(errors="backslashreplace")
    if arguments is None:
        _keep_compiled_programs()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        check_shadowing()
        status = int(app(words, standalone_mode=False, prog_name="backproof") or 0)
    except (UsageError, ReportError, ShadowedPackageError) as error:
        message = str(error)
    except _ArgumentError as error:
        said = " ".join(error.format_message().split()).rstrip(".")
        message = f"{said}; see '{_command_of(words)} --help'"
    except (KeyboardInterrupt, typer.Abort):  # as some versions of typer leave it; others return 130
        return INTERRUPTED
    except OSError as error:  # those of files are reported where they arise; what is left is the output
        if error.errno != errno.ENOSPC:
            raise
        message = f"cannot write the output: {error.strerror}; send it elsewhere"
    else:
        return status
    typer.echo(f"backproof: error: {_one_line(message)}", err=True)
    return USAGE


def _command_of(words: Sequence[str]) -> str:
    known = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    return " ".join(["backproof", *(word for word in words[:1] if word in known)])


def _one_line(message: str) -> str:
    from .reporting.safe_text import safe_text

    return safe_text(message)


if __name__ == "__main__":
    sys.exit(main())
