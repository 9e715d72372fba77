"""The command that teaches: explain."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_options import check_mistake, console, names_of, number, whole
from .errors import UsageError

if TYPE_CHECKING:
    from refimpl import Case

    from .diagnosis.mistakes import Mistake

_MOST_LAYERS, _MOST_UNITS, _MOST_SAMPLES = 10, 128, 64
_MOST_PRODUCTS = 50_000
"""Products of one forward pass: the truth takes some seconds for so many."""
_DEFAULTS: dict[str, Any] = {
    "network": "2-3-1",
    "activation": None,
    "loss": "mse",
    "reduction": "mean",
    "samples": 1,
    "seed": 0,
    "learning_rate": 0.1,
    "dtype": "float64",
}


def explain(
    network: Annotated[
        str | None,
        typer.Option(help="Inputs and the units of each layer (2-3-1).", metavar="WIDTHS"),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            help="Of all hidden layers (tanh), the last one taking what suits the loss; or one for each "
            "layer, separated by commas. See 'list activations'.",
            metavar="NAMES",
        ),
    ] = None,
    loss: Annotated[str | None, typer.Option(help="See 'list losses' (mse).", metavar="NAME")] = None,
    reduction: Annotated[
        str | None,
        typer.Option(help="What the loss is divided by: mean, sum, batchmean or entrymean.", metavar="NAME"),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="How many samples (1).", metavar="N", parser=whole)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Which numbers: the same seed, the same numbers (0).", metavar="N", parser=whole),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="η of the update (0.1).", metavar="NUMBER", parser=number)
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float64 or float32.", metavar="NAME")] = None,
    case: Annotated[
        str | None,
        typer.Option(help="Explain this case file instead, as reports save them.", metavar="CASE.json"),
    ] = None,
    oracles: Annotated[
        str | None,
        typer.Option(
            help="What to hold each number against, separated by commas. By default torch and jax, as far as "
            "they are installed, and the truth.",
            metavar="NAMES",
        ),
    ] = None,
    mistake: Annotated[
        str | None,
        typer.Option(
            help="Show this wrong equation beside the right one; see 'list mistakes'.", metavar="NAME"
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(help="Write a page with the network drawn, instead of printing.", metavar="FILE"),
    ] = None,
) -> int:
    """Explain one forward, backward and update pass, step by step.

    Each equation with the numbers of its layer, the same with shapes and with numbers, and how far PyTorch,
    JAX and the exact values are from them. Small networks are shown in full, larger ones in summary.
    """
    from .teaching.steps import lesson

    given = {
        "network": network,
        "activation": activation,
        "loss": loss,
        "reduction": reduction,
        "samples": samples,
        "seed": seed,
        "learning_rate": learning_rate,
        "dtype": dtype,
    }
    check_mistake(mistake)
    wrong = _mistake(mistake)
    if html == "":
        raise UsageError("--html is empty; give a file, such as --html pass.html")
    names = _oracle_names(oracles)
    explained = _read(case, given) if case is not None else _drawn(given)
    _check_size(explained)
    found = lesson(explained, _loaded(names), wrong)
    if html is not None:
        return _write(found, html)
    from .teaching.text import print_lesson

    print_lesson(found, console())
    return 0


# ---------------------------------------------------------------- the case


def _read(file: str, given: dict[str, Any]) -> Case:
    from refimpl import InvalidCaseError, case_from_json

    from .reporting.files import read_text
    from .reporting.safe_text import safe_text

    for name, value in given.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} draws a network, and --case gives one; leave out one of them")
    try:
        return case_from_json(read_text(Path(file), "a case file, as reports save them under cases/"))
    except InvalidCaseError as error:
        raise UsageError(f"{safe_text(file)}: {safe_text(str(error))}") from None


def _drawn(given: dict[str, Any]) -> Case:
    from refimpl import ACTIVATIONS, DTYPES, LOSSES
    from refimpl.functions import ALL_REDUCTIONS

    from .teaching.example_case import Blueprint, draw_example

    options = {name: _DEFAULTS[name] if value is None else value for name, value in given.items()}
    widths = _widths(options["network"])
    for kind, name, known in (
        ("loss", options["loss"], LOSSES),
        ("reduction", options["reduction"], ALL_REDUCTIONS),
        ("dtype", options["dtype"], DTYPES),
    ):
        _check_known(kind, name, known, "losses" if kind == "loss" else "")
    names = _activations(options["activation"], len(widths) - 1, options["loss"])
    for name in names:
        _check_known("activation", name, ACTIVATIONS, "activations")
    _check_pair(names[-1], options["loss"])
    if not 1 <= options["samples"] <= _MOST_SAMPLES:
        raise UsageError(f"--samples must be from 1 to {_MOST_SAMPLES}, not {options['samples']}")
    if not 0 <= options["seed"] < 2**64:
        raise UsageError(f"seed must be from 0 to 2^64 - 1, not {options['seed']}")
    rate = options["learning_rate"]
    if not (math.isfinite(rate) and abs(rate) <= 1e6):
        raise UsageError(f"--learning-rate must be a number of at most a million, not {rate:g}; try 0.1")
    return draw_example(
        Blueprint(
            widths,
            names,
            options["loss"],
            options["reduction"],
            options["samples"],
            options["seed"],
            rate,
            options["dtype"],
        )
    )


def _widths(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split("-")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise UsageError(f"--network {text!r:.60} is not a list of widths; give such as 2-3-1")
    widths = tuple(map(int, parts))
    if len(widths) < 2:
        raise UsageError(
            f"--network {text} has inputs and no layer; give one width more, such as {widths[0]}-1"
        )
    if min(widths) < 1:
        raise UsageError(f"--network {text} has a layer without units; each width must be at least 1")
    if len(widths) - 1 > _MOST_LAYERS or max(widths) > _MOST_UNITS:
        raise UsageError(
            f"--network {text:.60} is too large to be explained; give at most {_MOST_LAYERS} layers of "
            f"{_MOST_UNITS} units"
        )
    return widths


def _activations(text: str | None, depth: int, loss: str) -> tuple[str, ...]:
    from .teaching.example_case import output_activation

    names = ("tanh",) if text is None else names_of(text)
    if not names:
        raise UsageError("--activation is empty; give one, such as tanh, or leave it out")
    if len(names) == depth and text is not None:
        return names
    if len(names) == 1:
        return (*names * (depth - 1), output_activation(loss))
    raise UsageError(
        f"--activation has {len(names)} names for {depth} layer{'s' if depth > 1 else ''}; give one for each "
        "layer, or one for all but the last"
    )


def _check_pair(activation: str, loss: str) -> None:
    from refimpl import ACTIVATIONS, LOSSES

    from .teaching.example_case import output_activation, suitable_outputs

    takes, gives = LOSSES[loss].prediction_domain, ACTIVATIONS[activation].range
    if not takes.covers(gives):
        first = output_activation(loss)
        others = [name for name in suitable_outputs(loss) if name != first][:2]
        raise UsageError(
            f"loss {loss} takes predictions in {takes}, but {activation} in the last layer gives values in "
            f"{gives}; end with {' or '.join([first, *others])}"
        )


def _check_size(case: Case) -> None:
    widths = case.network.widths
    products = case.samples * sum(m * n for m, n in pairwise(widths))
    if products > _MOST_PRODUCTS or case.network.depth > _MOST_LAYERS or max(widths) > _MOST_UNITS:
        raise UsageError(
            f"the network {'-'.join(map(str, widths))} with {case.samples} samples is too large to be "
            f"explained; give at most {_MOST_LAYERS} layers of {_MOST_UNITS} units, and {_MOST_PRODUCTS:,} "
            f"products in a forward pass, not {products:,}"
        )


# ---------------------------------------------------------------- names


def _check_known(kind: str, name: str, known: Iterable[str], listed: str = "") -> None:
    """UsageError for an unknown name, with those that are meant or all there are."""
    names = tuple(known)
    if name in names:
        return
    near = get_close_matches(name, names, 3, 0.6)
    if near:
        raise UsageError(f"unknown {kind} {name!r:.60}; did you mean {' or '.join(near)}?")
    all_ = f"'backproof list {listed}' shows all {len(names)}" if listed else f"known: {', '.join(names)}"
    raise UsageError(f"unknown {kind} {name!r:.60}; {all_}")


def _mistake(name: str | None) -> Mistake | None:
    from .diagnosis.mistakes import MISTAKES

    if name is None:
        return None
    _check_known("mistake", name, MISTAKES, "mistakes")
    return MISTAKES[name]


def _oracle_names(text: str | None) -> tuple[str, ...]:
    from .oracle_names import ORACLES, usual_oracles

    if text is None:
        return tuple(dict.fromkeys((*usual_oracles(), "truth")))
    names = tuple(dict.fromkeys(names_of(text) or ()))
    if not names:
        raise UsageError(f"--oracles is empty; give some of {', '.join(ORACLES)}")
    for name in names:
        _check_known("oracle", name, ORACLES)
    return names


def _loaded(names: Iterable[str]) -> list[Any]:
    from oracles import OracleMissingError

    from .oracle_names import ORACLES

    try:
        found = [ORACLES[name]() for name in names]
    except OracleMissingError as error:
        raise UsageError(
            f"{error}; or hold the numbers against exact values alone: --oracles truth"
        ) from None
    # For one case a framework as it is: what makes thousands fast takes seconds to be compiled.
    return [oracle.plain() or oracle for oracle in found]


def _write(found: Any, file: str) -> int:
    from .reporting.files import replace_text
    from .reporting.safe_text import safe_text
    from .teaching.page import lesson_html

    text = lesson_html(found)
    try:
        replace_text(Path(file), text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot write {safe_text(file)}: {reason}; give another file with --html") from None
    typer.echo(f"page: {safe_text(file)}")
    return 0
