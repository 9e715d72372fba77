"""The command line. Importing it, and --help, import nothing heavy; each command imports what it needs."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .cli_atlas import atlas
from .cli_campaign import campaign
from .cli_compare import compare
from .cli_corpus import corpus
from .cli_explain import explain
from .cli_grading import check, grade
from .cli_options import INTERRUPTED, USAGE
from .cli_plugging import probe, smoke, vectors
from .cli_report import report
from .cli_run import replay, run
from .errors import ReportError, UsageError
from .shadowing import ShadowedPackageError, check_shadowing

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


app.command()(run)
app.command()(replay)
app.command()(report)
app.command()(compare)
app.command()(explain)
app.command()(smoke)
app.command()(probe)
app.command()(vectors)
app.command()(atlas)
app.command()(grade)
app.command()(check)
app.add_typer(corpus, name="corpus")
app.add_typer(campaign, name="campaign")


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(help="equations, activations, losses, left-out, oracles or mistakes.", metavar="WHAT"),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show what there is to choose from."""
    from .cli_lists import listed, rows_of

    typer.echo(json.dumps(rows_of(what), indent=2, ensure_ascii=False) if as_json else listed(what))


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
        # Also those that take less than a second: there are thirty, and a run starts with all of them.
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


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
    path, group = ["backproof"], app
    for word in words:
        groups = {each.name: each.typer_instance for each in group.registered_groups}
        names = [each.name or getattr(each.callback, "__name__", "") for each in group.registered_commands]
        if word not in names and word not in groups:
            break
        path.append(word)
        group = groups.get(word) or typer.Typer()
    return " ".join(path)


def _one_line(message: str) -> str:
    from .reporting.safe_text import safe_text

    return safe_text(message)


if __name__ == "__main__":
    sys.exit(main())
