"""The commands that judge: run and replay."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from .cli_options import (
    INTERRUPTED,
    Activations,
    Corpus,
    Dtype,
    Impl,
    ImplCmd,
    Losses,
    MemoryLimit,
    Mistake,
    NoIsolation,
    Oracles,
    Python,
    TimeLimit,
    Workers,
    check_mistake,
    dtypes_of,
    kept_in,
    load,
    names_of,
    oracles_of,
    show,
    source_of,
    whole,
    with_progress_bar,
)
from .errors import UsageError

_MOST_CASES = 10**9


def run(
    cases: Annotated[
        int, typer.Option(help="How many random networks, in each dtype.", metavar="N", parser=whole)
    ] = 2500,
    seed: Annotated[
        int,
        typer.Option(help="Which ones: the same seed draws the same cases.", metavar="N", parser=whole),
    ] = 1,
    dtype: Dtype = "both",
    activations: Activations = None,
    losses: Losses = None,
    oracles: Oracles = None,
    mistake: Mistake = None,
    impl: Impl = None,
    impl_cmd: ImplCmd = None,
    python: Python = None,
    no_isolation: NoIsolation = False,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    truth: Annotated[
        str,
        typer.Option(
            help="Which cases to ask the exact values about as well: all, disputed (where sides disagree or "
            "an answer looks odd; one in 64 where a framework deviates as declared or a kink is decided "
            "differently), or sample (those and one in sixteen of all).",
            metavar="WHICH",
        ),
    ] = "disputed",
    corpus: Corpus = None,
    workers: Workers = 1,
    no_diagnosis: Annotated[
        bool,
        typer.Option(
            "--no-diagnosis",
            help="Do not look for causes of what is wrong: that takes seconds for each, and more answers.",
        ),
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(help="Folder for the report; by default a new one under reports/.", metavar="DIR"),
    ] = None,
) -> int:
    """Judge random networks, and write a report.

    What is judged is backproof's own reference, or with --impl or --impl-cmd an implementation of yours.

    The first run compiles JAX's programs, which takes up to a minute; later ones find them in the user's
    cache. Ctrl-C ends the run once the cases at hand are judged, a second one at once; the report then
    holds what was judged until there.
    """
    from .reporting.files import check_writable, write_report
    from .run import RunOptions
    from .run import run as run_cases

    if cases > _MOST_CASES:
        raise UsageError(f"cases must be at most {_MOST_CASES:,}, not {cases:,}; take several seeds")
    if out == "":
        raise UsageError("--out is empty; give a folder, or leave it out for a new one under reports/")
    check_mistake(mistake)
    source = source_of(impl, impl_cmd, python, no_isolation, time_limit, memory_limit)
    against = oracles_of(oracles)
    kept = kept_in(corpus)
    given = {
        "--cases": str(cases),
        "--seed": str(seed),
        "--dtype": dtype,
        "--activations": activations,
        "--losses": losses,
        "--oracles": ",".join(against),
        "--mistake": mistake,
        "--truth": truth,
        "--corpus": corpus,
    }
    words = [word for option, value in given.items() if value is not None for word in (option, value)]
    words += source.words if source is not None else []
    words += ["--no-diagnosis"] if no_diagnosis else []
    options = RunOptions(
        cases=cases,
        seed=seed,
        dtypes=dtypes_of(dtype),
        activations=names_of(activations),
        losses=names_of(losses),
        oracles=against,
        mistake=mistake,
        truth=truth,
        source=source,
        diagnose=not no_diagnosis,
        command=shlex.join(["backproof", "run", *words]),
        corpus=kept,
        workers=workers,  # not in the command that repeats the run: what is found does not depend on it
    )
    folder = Path(out or f"reports/{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}-seed-{seed}")
    check_writable(folder)
    try:
        report = with_progress_bar(
            options.oracles, lambda progress: run_cases(options, progress), options.workers
        )
    except KeyboardInterrupt:
        typer.echo("backproof: interrupted; no report was written", err=True)
        return INTERRUPTED
    return show(report, path=write_report(report, folder))


def replay(
    case: Annotated[str, typer.Argument(help="A case file, as reports save them.", metavar="CASE.json")],
    mistake: Mistake = None,
    oracles: Oracles = None,
    impl: Impl = None,
    impl_cmd: ImplCmd = None,
    python: Python = None,
    no_isolation: NoIsolation = False,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
) -> int:
    """Judge one saved case again, and print what is found."""
    from refimpl import InvalidCaseError, case_from_json

    from .reporting.files import read_text
    from .reporting.safe_text import safe_text
    from .run import RunOptions
    from .run import replay as replay_case

    check_mistake(mistake)
    try:
        read = case_from_json(read_text(Path(case), "a case file, as reports save them under cases/"))
    except InvalidCaseError as error:
        raise UsageError(f"{safe_text(case)}: {safe_text(str(error))}") from None
    names = oracles_of(oracles)
    source = source_of(impl, impl_cmd, python, no_isolation, time_limit, memory_limit)
    options = RunOptions(
        1, oracles=names, mistake=mistake, source=source
    )  # checked before anything is loaded
    load(options.oracles)
    return show(replay_case(read, names, mistake, source), case=Path(case))
