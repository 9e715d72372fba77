"""Numbers and matrices as text: columns aligned at their decimal points, operands side by side."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from .model import Operand, Sign, Term

MOST_NUMBERS = 40
"""Entries up to which a quantity is shown in full."""


def number(value: Any) -> str:
    """To six significant digits; NaN and infinities by name."""
    value = float(value) + 0.0  # the sign of a zero says nothing here
    if np.isnan(value):
        return "NaN"
    return f"{value:.6g}" if np.isfinite(value) else ("∞" if value > 0 else "-∞")


def rows_of(values: Any) -> list[list[str]]:
    """The entries as texts; of a number, one row of one."""
    array = np.atleast_2d(np.asarray(values))
    return [[number(value) for value in row] for row in array]


def aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The texts padded so that each column has its decimal points one below the other."""
    columns = [_column([row[place] for row in rows]) for place in range(len(rows[0]))]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(texts: Sequence[str]) -> list[str]:
    parts = [(text, "") if (point := _point(text)) < 0 else (text[:point], text[point:]) for text in texts]
    left = max(len(whole) for whole, _ in parts)
    right = max(len(rest) for _, rest in parts)
    return [whole.rjust(left) + rest.ljust(right) for whole, rest in parts]


def _point(text: str) -> int:
    """Where the point is, or else the exponent: -1 if there is neither."""
    return min((place for mark in ".e" if (place := text.find(mark)) >= 0), default=-1)


def block(values: Any) -> list[str]:
    """A matrix in brackets, line by line; a number without."""
    rows = aligned(rows_of(values))
    lines = ["  ".join(row) for row in rows]
    if np.ndim(values) == 0:
        return [lines[0].strip()]
    if len(lines) == 1:
        return [f"[ {lines[0]} ]"]
    ends = ["⎡⎤", *["⎢⎥"] * (len(lines) - 2), "⎣⎦"]
    return [f"{end[0]} {line} {end[1]}" for end, line in zip(ends, lines, strict=True)]


def summary(values: Any) -> str:
    """What is said of a quantity that is too large to be shown."""
    array = np.asarray(values, np.float64)
    size = " × ".join(map(str, array.shape))
    finite = array[np.isfinite(array)]
    if not finite.size:
        return f"{size}, no finite entry"
    ends = f"from {number(finite.min())} to {number(finite.max())}"
    norm = f"norm {number(np.sqrt(np.sum(np.square(finite))))}"
    lost = array.size - finite.size
    return f"{size}, {ends}, {norm}" + (f", {lost} not finite" if lost else "")


def equation_of(result: Operand, terms: Sequence[Term], width: int) -> list[str]:
    """The equation in numbers, each quantity under its symbol; in summary if it is too large."""
    quantities = [result, *(term for term in terms if isinstance(term, Operand))]
    pieces: list[list[str]] = [_labelled(result), ["="]]
    pieces += ([term.text.strip()] if isinstance(term, Sign) else _labelled(term) for term in terms)
    return _shown([(each.symbol, each.values) for each in quantities], pieces, width)


def beside(pairs: Sequence[tuple[str, Any]], width: int) -> list[str]:
    """Some quantities side by side, each under its name; in summary if they are too large."""
    pieces: list[list[str]] = []
    for name, values in pairs:
        pieces += [[""]] if pieces else []
        pieces.append(_labelled(Operand(name, "", values)))
    return _shown(pairs, pieces, width)


def _shown(pairs: Sequence[tuple[str, Any]], pieces: Sequence[list[str]], width: int) -> list[str]:
    if all(np.size(values) <= MOST_NUMBERS for _, values in pairs):
        lines = _side_by_side(pieces, width)
        if max(map(len, lines)) <= width:
            return lines
    longest = max(len(name) for name, _ in pairs)
    return [
        line
        for name, values in pairs
        for line in wrap(
            f"{name.ljust(longest)}  {_told(values, width - longest - 2)}",
            width,
            subsequent_indent=" " * (longest + 2),
            drop_whitespace=True,
        )
    ]


def _told(values: Any, width: int) -> str:
    lines = block(values)
    return lines[0] if len(lines) == 1 and len(lines[0]) <= width else summary(values)


def _labelled(operand: Operand) -> list[str]:
    """A block below the symbol; a sign has one line only."""
    lines = block(operand.values)
    width = max(len(operand.symbol), len(lines[0]))
    return [operand.symbol.center(width), *(line.center(width) for line in lines)]


def _side_by_side(pieces: Sequence[list[str]], width: int) -> list[str]:
    """Pieces in rows of at most that width, broken before a sum or, if need be, any sign."""
    groups = _groups(pieces, {"=", "+", "-", "⊙", ""})
    if any(_length(group) > width for group in groups):
        groups = _groups(pieces, {"=", "+", "-", "⊙", "·", ",", ""})
    rows: list[list[list[str]]] = []
    for group in groups:
        if rows and _length([*rows[-1], *group]) <= width:
            rows[-1] += group
        else:
            rows.append(group)
    return [("    " if place else "") + line for place, row in enumerate(rows) for line in _row(row)]


def _groups(pieces: Sequence[list[str]], signs: set[str]) -> list[list[list[str]]]:
    """The pieces cut before each sign; what stands before the first one is a group too."""
    groups: list[list[list[str]]] = [[]]
    for piece in pieces:
        if len(piece) == 1 and piece[0] in signs and groups[-1]:
            groups.append([])
        groups[-1].append(piece)
    return groups


def _length(pieces: Sequence[list[str]]) -> int:
    return sum(max(map(len, piece), default=0) + 1 for piece in pieces)


def _row(pieces: Sequence[list[str]]) -> list[str]:
    height = max(len(piece) for piece in pieces) - 1  # of the blocks, without their labels
    columns = []
    for piece in pieces:
        label, lines = ("", piece) if len(piece) == 1 else (piece[0], piece[1:])
        width = max(len(label), *map(len, lines))
        above = (height - len(lines)) // 2
        padded = [""] * above + lines + [""] * (height - len(lines) - above)
        columns.append([line.ljust(width) for line in (label, *padded)])
    return [" ".join(parts).rstrip() for parts in zip(*columns, strict=True)]
