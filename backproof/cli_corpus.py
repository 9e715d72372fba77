"""The commands of a regression corpus: add and run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .cli_options import (
    INTERRUPTED,
    Impl,
    ImplCmd,
    MemoryLimit,
    Mistake,
    NoIsolation,
    Oracles,
    Python,
    TimeLimit,
    check_mistake,
    oracles_of,
    show,
    source_of,
    with_progress_bar,
)
from .errors import UsageError

corpus = typer.Typer(
    help="Keep minimal cases of past findings as files, and judge them again.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
Folder = Annotated[
    str,
    typer.Argument(help="The folder of the corpus, one file an entry.", metavar="DIR", show_default=False),
]


@corpus.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        raise UsageError("give one of: corpus add, corpus run; 'backproof corpus --help' explains them")


@corpus.command()
def add(
    directory: Folder,
    files: Annotated[
        list[str],
        typer.Argument(
            help="Cases as reports save them, reports, of which every finding against the implementation is "
            "taken, or entries of another corpus.",
            metavar="CASE.json",
            show_default=False,
        ),
    ],
    note: Annotated[str | None, typer.Option(help="Why they are kept, in one line.", metavar="TEXT")] = None,
) -> int:
    """Keep cases: each becomes one file, named after its content.

    The folder is made if need be. What is there already is left as it is, and said so.
    """
    from .corpus import gathered, keep
    from .corpus.files import entry_names
    from .reporting.safe_text import safe_text
    from .reporting.wording import plural

    if directory == "":
        raise UsageError("DIR is empty; give a folder, such as corpus")
    # All are read before any is written: a file that is none leaves nothing half done.
    found = {file: gathered(file, note) for file in files}
    added = there = 0
    for file, several in found.items():
        if not several:
            typer.echo(f"{safe_text(file)}: no mismatch, no fault and nothing unstable to keep")
        for kept in several:
            new = keep(kept, directory)
            added, there = added + new, there + (not new)
            typer.echo(f"{'added' if new else 'there already':<15}{kept.file_name}  {kept.name}")
    holds = plural(len(entry_names(directory)) if Path(directory).is_dir() else 0, "entry", "entries")
    typer.echo(f"{added} added, {there} there already; {safe_text(directory)} now has {holds}")
    return 0


@corpus.command()
def run(
    directory: Folder,
    oracles: Oracles = None,
    mistake: Mistake = None,
    impl: Impl = None,
    impl_cmd: ImplCmd = None,
    python: Python = None,
    no_isolation: NoIsolation = False,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    out: Annotated[
        str | None, typer.Option(help="Folder for a report; by default none is written.", metavar="DIR")
    ] = None,
) -> int:
    """Judge every kept case, with the exact values asked, and print what is found.

    What an implementation does not declare to support is counted as not judged, with the reason.
    """
    from refimpl import DTYPES

    from .corpus import read_corpus
    from .reporting.files import check_writable, write_report
    from .run import RunOptions
    from .run import run as run_cases

    if directory == "":
        raise UsageError("DIR is empty; give the folder of a corpus")
    if out == "":
        raise UsageError("--out is empty; give a folder, or leave it out for no report")
    check_mistake(mistake)
    source = source_of(impl, impl_cmd, python, no_isolation, time_limit, memory_limit)
    against = oracles_of(oracles)
    cases = tuple(kept.case for kept in read_corpus(directory))
    words = [directory, "--oracles", ",".join(against)]
    words += ["--mistake", mistake] if mistake is not None else []
    words += source.words if source is not None else []
    options = RunOptions(
        cases=0,
        seed=0,
        dtypes=tuple(dtype for dtype in DTYPES if any(case.dtype.name == dtype for case in cases)),
        oracles=against,
        mistake=mistake,
        truth="all",
        source=source,
        command=shlex.join(["backproof", "corpus", "run", *words]),
        corpus=cases,
    )
    if out is not None:
        check_writable(out)
    try:
        report = with_progress_bar(options.oracles, lambda progress: run_cases(options, progress))
    except KeyboardInterrupt:
        typer.echo("backproof: interrupted; no report was written", err=True)
        return INTERRUPTED
    return show(report, path=write_report(report, Path(out)) if out is not None else None)
