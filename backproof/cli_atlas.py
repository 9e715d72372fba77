"""The command atlas: errors of every function over all arguments."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import INTERRUPTED, Activations, Dtype, Losses, console, dtypes_of, names_of, whole
from .errors import UsageError

if TYPE_CHECKING:
    from .atlas import AtlasOptions
    from .atlas.model import Atlas


def atlas(
    dtype: Dtype = "both",
    activations: Activations = None,
    losses: Losses = None,
    oracles: Annotated[
        str | None,
        typer.Option(
            help="Whose functions, separated by commas: reference, torch, jax, optax. By default all that "
            "are installed.",
            metavar="NAMES",
        ),
    ] = None,
    points: Annotated[
        int,
        typer.Option(
            help="Arguments in each sweep: of one function with one set of parameters, and one target.",
            metavar="N",
            parser=whole,
        ),
    ] = 2000,
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder for atlas.html, with pictures, and atlas.json; by default none is written.",
            metavar="DIR",
        ),
    ] = None,
) -> int:
    """Measure how far activations and losses are from the exact ones, over all arguments.

    Value and derivative of the reference, torch, JAX and optax at log-spaced arguments of both signs, from
    the smallest number to the largest, around kinks, where functions saturate, and over parameters: errors
    in ulps of the exact result, and what is NaN or infinite although it should not be. Nothing is judged:
    the exit status is 0.

    With --activations alone no losses are asked for, and with --losses alone no activations. docs/atlas.md
    tells how to read it.
    """
    from .atlas import AtlasOptions

    if out == "":
        raise UsageError("--out is empty; give a folder, or leave it out to write none")
    given = {"--dtype": dtype, "--activations": activations, "--losses": losses, "--oracles": oracles}
    words = [word for option, value in given.items() if value is not None for word in (option, value)]
    options = AtlasOptions(
        dtypes=dtypes_of(dtype),
        activations=names_of(activations),
        losses=names_of(losses),
        answerers=names_of(oracles),
        points=points,
        command=shlex.join(["backproof", "atlas", *words, "--points", str(points)]),
    )
    if out is not None:
        from .reporting.files import check_writable

        check_writable(out)
    try:
        found = _with_progress(options)
    except KeyboardInterrupt:
        typer.echo("backproof: interrupted; no atlas was written", err=True)
        return INTERRUPTED
    from .atlas.text import print_atlas

    print_atlas(found, console())
    if out is not None:
        from .atlas.files import write_atlas
        from .reporting.safe_text import safe_text

        typer.echo(f"Page: {safe_text(str(write_atlas(found, Path(out))))}")
    return 0


def _with_progress(options: AtlasOptions) -> Atlas:
    """Measures under a bar on standard error, if that is a terminal; KeyboardInterrupt after Ctrl-C."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from .atlas import make_atlas
    from .cli_interrupt import Stopper

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("loading", total=None)

        def stopping() -> None:
            if bar.disable:
                typer.echo("backproof: stopping after this function; Ctrl-C again stops at once", err=True)
            else:
                bar.update(task, description="stopping; Ctrl-C again stops at once")

        def advance(function: str, done: int, total: int) -> None:
            bar.update(task, description=function, completed=done, total=total)
            stopper.check()

        with Stopper(stopping) as stopper:
            return make_atlas(options, advance)
