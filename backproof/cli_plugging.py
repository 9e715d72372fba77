"""The commands for who brings code of their own, beside run: smoke, probe and vectors."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from .cli_options import (
    Activations,
    Dtype,
    Impl,
    ImplCmd,
    Losses,
    MemoryLimit,
    NoIsolation,
    Python,
    TimeLimit,
    dtypes_of,
    names_of,
    source_of,
    whole,
)
from .errors import UsageError


def smoke(
    impl: Impl = None,
    impl_cmd: ImplCmd = None,
    python: Python = None,
    no_isolation: NoIsolation = False,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
) -> int:
    """Try whether an implementation can be asked at all, step by step.

    It is started, says what it declares, and gets a few small cases; nothing is judged. Exit status 1 if
    some step fails, with what to change.
    """
    from .plugging.smoke import smoke as steps_of
    from .reporting.safe_text import safe_text

    source = source_of(impl, impl_cmd, python, no_isolation, time_limit, memory_limit)
    if source is None:
        raise UsageError("give an implementation with --impl or --impl-cmd")
    failed = False
    for step in steps_of(source.link(), "the declaration"):
        typer.echo(safe_text(str(step)))
        failed |= not step.ok
    return int(failed)


def probe(
    impl: Impl = None,
    impl_cmd: ImplCmd = None,
    python: Python = None,
    no_isolation: NoIsolation = False,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
) -> int:
    """Propose what an implementation should declare, from its answers to a few hundred small cases.

    Layout, scale, functions, labels, sizes and dtypes are found by cases that tell them apart, and what is
    declared already is checked. Exit status 1 if no declaration explains the answers, with what to look at.
    """
    from .plugging.probing import propose
    from .reporting.safe_text import safe_text

    source = source_of(impl, impl_cmd, python, no_isolation, time_limit, memory_limit)
    if source is None:
        raise UsageError("give an implementation with --impl or --impl-cmd")
    proposal = propose(source.link(), source.place)
    for text in proposal.lines(shlex.join(["backproof", "run", *source.words])):
        for line in text.split("\n"):
            typer.echo(safe_text(line))
    return 0 if proposal.is_found else 1


def vectors(
    out: Annotated[str, typer.Option(help="File to write; - for standard output.", metavar="FILE")] = "-",
    kinds: Annotated[
        str | None,
        typer.Option(
            help="Only these, separated by commas: activation, loss, layer, network.", metavar="NAMES"
        ),
    ] = None,
    dtype: Dtype = "both",
    cases: Annotated[
        int,
        typer.Option(
            help="How many vectors of random numbers for each function, beside the fixed points.",
            metavar="N",
            parser=whole,
        ),
    ] = 4,
    seed: Annotated[
        int,
        typer.Option(help="Which ones: the same seed gives the same vectors.", metavar="N", parser=whole),
    ] = 1,
    activations: Activations = None,
    losses: Losses = None,
) -> None:
    """Write known-answer vectors, to check code in any language without backproof.

    JSON Lines of inputs, exact values, and a bound for each entry: an answer x is right if |x - value| <=
    bound. docs/vectors.md has the format, and examples/vectors complete programs in C and JavaScript. Needs
    neither torch nor jax.
    """
    from .vectors import VectorOptions, write_vectors
    from .vectors.model import KINDS

    options = VectorOptions(
        kinds=KINDS if kinds is None else names_of(kinds) or (),
        dtypes=dtypes_of(dtype),
        cases=cases,
        seed=seed,
        activations=names_of(activations),
        losses=names_of(losses),
    )
    footer = write_vectors(options, out)
    if not footer:  # who reads the output has stopped
        return
    skipped = sum(footer["skipped"].values())
    typer.echo(
        f"backproof: {footer['vectors']:,} vectors; left out for an infinite or too wide bound: "
        f"{skipped:,} vectors and {footer['samples_left_out']:,} samples of others",
        err=True,
    )
