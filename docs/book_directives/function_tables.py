"""The tables of a function's page that come from measurements: kinks, and how accurate each side is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from refimpl.functions import Activation, Loss

from .extraction import ROOT
from .run_of_the_book import Run

ERROR_FACTS = ROOT / "docs" / "error-facts.md"


def kinks(entry: Activation | Loss, run: Run) -> Iterator[str]:
    """Every kink: the limits of the derivative, and what each side takes for it."""
    rows = list(_activation_rows(entry, run) if isinstance(entry, Activation) else _loss_rows(entry, run))
    if not rows:
        return
    yield "## Kinks"
    yield "The derivative jumps there. Which value is taken is a convention: each side's is compared."
    heads = ["at", "from the left", "from the right", "here", "torch", "jax"]
    yield table(heads, rows)
    has = {library.replace("optax", "jax") for library in entry.aliases}
    for side in ("torch", "jax"):
        if side not in has:
            yield f"{side} has no such function; it is composed there of others, in one of several ways."


def _activation_rows(entry: Activation, run: Run) -> Iterator[list[str]]:
    sides = {kink.at: kink for kink in entry.kinks({p.name: p.default for p in entry.parameters})}
    for row in run.report.kinks:
        if row.function == entry.name:
            kink = sides[float(row.at)]
            answers = [row.ours, row.torch, row.jax]
            yield [
                f"z = {_number(kink.at)}",
                _number(kink.left),
                _number(kink.right),
                *("–" if answer is None else _number(answer.derivative) for answer in answers),
            ]


def _loss_rows(entry: Loss, run: Run) -> Iterator[list[str]]:
    for row in run.loss_kinks:
        if row["function"] == entry.name:
            yield [
                f"ŷ = {_number(row['at'])}, for y = {_number(row['target'])}",
                *(
                    _number(row[key]) if key in row else "–"
                    for key in ("left", "right", "ours", "torch", "jax")
                ),
            ]


def _number(value: Any) -> str:
    return f"{float(value) + 0.0:.4g}"


def accuracy(name: str) -> Iterator[str]:
    """The rows of the measured table of this function; where each error was, is left to the table."""
    rows = _facts().get(name, [])
    if rows:
        yield "## Accuracy"
        yield (
            "The largest error measured, in units of u · scale; the judge allows 8. What the scale is, and "
            "where each error was: [error facts](../error-facts.md)."
        )
        heads = ["quantity", "dtype", "refimpl", "torch", "jax"]
        yield table(heads, rows)


@cache
def _facts() -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in ERROR_FACTS.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 6 and cells[2].startswith("float"):
            found.setdefault(cells[0], []).append(
                [*cells[1:3], *(_without_place(cell) for cell in cells[3:])]
            )
    return found


def _without_place(cell: str) -> str:
    return cell.partition(", at ")[0]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    return "\n".join(map(_line, [heads, ["---"] * len(heads), *rows]))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
