"""What the page draws, as plain geometry: a network with its first wrong quantity, heat maps, histograms.

The templates turn it into SVG. Whatever a report read from a file holds, there is a drawing or None.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import east_asian_width

from . import wording
from .model import DistributionRow, MatrixCell, SideBySide

# Upper ends of the shades of error/bound; beyond the last one the bound is exceeded.
SHADES = (0.1, 0.3, 0.6, 1.0)
EXCESSES = (10.0, 1e3)
"""Upper ends of the shades of what exceeds its bound, from 1 on; there is one more beyond the last."""

_MOST_UNITS = 5
_MOST_LAYERS = 7
_COLUMN, _ROW = 104, 46
_TOP, _BOTTOM, _SIDE = 32, 56, 56
_LONG = 14
"""Characters from which a name is broken into two lines, and a line cut off."""
_ON_UNITS = ("Z", "A", "delta", "db", "b_updated")
_ON_EDGES = ("dW", "W_updated")


def shade(ratio: float | None) -> str:
    """The CSS class of an error/bound: s0 … s3 within the bound, x0 … x2 beyond, "none" without a number."""
    if ratio is None or ratio != ratio:  # noqa: PLR0124 - NaN
        return "none"
    if ratio <= SHADES[-1]:
        return f"s{bisect_left(SHADES, ratio)}"
    return f"x{bisect_left(EXCESSES, ratio)}"


def cell_class(cell: MatrixCell) -> str:
    """The CSS class of a cell: "over" if a case is wrong, else by its worst error/bound, s0 … s3 within it.

    An answer beyond its bound that is not wrong has been set apart by a verdict of its own: "apart".
    """
    if cell.counts.wrong:
        return "over"
    if cell.counts.unstable:
        return "shaky"
    if cell.worst_ratio is None:
        return "none"
    found = shade(cell.worst_ratio)
    return found if found.startswith("s") else "apart"


# ---------------------------------------------------------------- the network


@dataclass(frozen=True)
class Unit:
    """A circle, or three dots where units are left out."""

    x: int
    y: int
    wrong: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Edge:
    """A line from a unit to one of the next layer."""

    x1: int
    y1: int
    x2: int
    y2: int
    wrong: bool = False


@dataclass(frozen=True)
class Label:
    """A text, centred at x."""

    x: int
    y: int
    text: str
    kind: str = ""
    """"wrong" for what is wrong first, "soft" for a second line."""


@dataclass
class Drawing:
    """A network, drawn from left to right."""

    width: int
    height: int
    description: str
    units: list[Unit] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    loss: tuple[int, int, bool] = (0, 0, False)
    """Where the loss stands, and whether it is what is wrong."""


def drawing(case: Any, values: SideBySide | None) -> Drawing | None:
    """The network of a case as JSON has it, with what `values` are of marked; None if it cannot be drawn."""
    try:
        layers, loss = case["network"]["layers"], str(case["network"]["loss"]["name"])
        widths = [len(layers[0]["W"][0]), *(len(layer["W"]) for layer in layers)]
        names = ["input", *(str(layer["activation"]) for layer in layers)]
    except (TypeError, LookupError):
        return None
    if len(layers) > _MOST_LAYERS or not all(widths):
        return None
    return _draw(widths, names, loss, values, wording.network_in_words(case))


def _draw(
    widths: Sequence[int], names: Sequence[str], loss: str, values: SideBySide | None, words: str
) -> Drawing:
    tallest = max(min(width, _MOST_UNITS) for width in widths)
    height = _TOP + tallest * _ROW + _BOTTOM
    middle = _TOP + tallest * _ROW // 2
    quantity, layer = (values.quantity, values.layer) if values is not None else ("", None)
    place = wording.symbol(quantity, layer)
    told = f"The network {words}" + (f"; wrong first: {place}" if place else "")
    picture = Drawing(2 * _SIDE + _COLUMN * len(widths), height, told)
    columns: list[list[Unit | None]] = []
    for number, width in enumerate(widths):
        x = _SIDE + number * _COLUMN
        here = (quantity in _ON_UNITS and layer == number) or (quantity == "dX" and number == 0)
        wrong = _wrong_rows(values, width) if here else set()
        columns.append(_column(picture, x, middle, width, wrong))
        _name(picture, x, names[number], _kind_of(number, width))
        if here:
            _mark(picture, x, place)
    for number in range(1, len(widths)):
        here = quantity in _ON_EDGES and layer == number
        marked = _wrong_edges(values) if here else set()
        _connect(picture, columns[number - 1], columns[number], marked, everything=here and not marked)
        if here:
            _mark(picture, _SIDE + number * _COLUMN - _COLUMN // 2, place)
    at_loss = _SIDE + len(widths) * _COLUMN
    picture.loss = (at_loss, middle, quantity == "loss")
    picture.edges += [Edge(unit.x, unit.y, at_loss, middle) for unit in columns[-1] if unit is not None]
    _name(picture, at_loss, loss, "loss")
    if quantity == "loss":
        _mark(picture, at_loss, place)
    return picture


def _kind_of(number: int, width: int) -> str:
    """What a column is: the input or a layer, and how wide, if not all of its units are drawn."""
    kind = f"layer {number}" if number else "A[0] = X"
    return f"{kind}, {wording.plural(width, 'unit')}" if width > _MOST_UNITS else kind


def _mark(picture: Drawing, x: int, text: str) -> None:
    """Above a column, or between two: what is wrong first."""
    picture.labels.append(Label(x, 18, _shortened(text), "wrong"))


def _shortened(text: str) -> str:
    """What there is room for, with an ellipsis; wide characters take two places."""
    room = _LONG
    for place, character in enumerate(text):
        room -= 2 if east_asian_width(character) in "WF" else 1
        if room < 0:
            return text[: max(1, place - 1)] + "…"
    return text


def _connect(
    picture: Drawing,
    before: Sequence[Unit | None],
    after: Sequence[Unit | None],
    marked: set[tuple[int, int]],
    *,
    everything: bool,
) -> None:
    """The edges between two columns; `marked` ones, as (unit after, unit before), or all are wrong."""
    for j, start in enumerate(before):
        for i, end in enumerate(after):
            if start is not None and end is not None:
                wrong = everything or (i, j) in marked
                picture.edges.append(Edge(start.x, start.y, end.x, end.y, wrong))


def _name(picture: Drawing, x: int, name: str, of: str) -> None:
    """Below a layer: its name, in two lines if it is long, and what it is."""
    words = name.split("_")
    half = max(1, len(words) // 2) if len(name) >= _LONG else len(words)
    first, second = "_".join(words[:half]), "_".join(words[half:])
    lines = [first + "_", second] if second else [first]
    y = picture.height - _BOTTOM + 20
    for place, line in enumerate(lines):
        picture.labels.append(Label(x, y + 14 * place, _shortened(line)))
    picture.labels.append(Label(x, y + 14 * len(lines), of, "soft"))


def _column(picture: Drawing, x: int, middle: int, width: int, wrong: set[int]) -> list[Unit | None]:
    """Places the units of one layer; those left out are None."""
    shown = min(width, _MOST_UNITS)
    top = middle - (shown - 1) * _ROW // 2
    units: list[Unit | None] = []
    for row in range(shown):
        left_out = width > _MOST_UNITS and row == shown - 1
        unit = Unit(x, top + row * _ROW, row in wrong and not left_out, left_out)
        picture.units.append(unit)
        units.append(None if left_out else unit)
    return units


def _wrong_rows(values: SideBySide | None, width: int) -> set[int]:
    """The units of which some entry is beyond its bound; all, if it is not known which."""
    entries = values.entries if values is not None else ()
    return {e.entry[0] for e in entries if e.entry and not e.excess <= 1} or set(range(width))


def _wrong_edges(values: SideBySide | None) -> set[tuple[int, int]]:
    """(unit, unit of the layer before) of each weight beyond its bound; empty if it is not known which."""
    entries = values.entries if values is not None else ()
    return {(e.entry[0], e.entry[1]) for e in entries if len(e.entry) == 2 and not e.excess <= 1}


# ---------------------------------------------------------------- heat maps and histograms


@dataclass(frozen=True)
class HeatMap:
    """Cells of one shade are one path: a map of 64 × 64 stays small."""

    rows: int
    columns: int
    cell: int
    """Width of a cell in pixels."""
    paths: tuple[tuple[str, str], ...]
    """(CSS class, path), one a shade, in cells."""


def heat_map(ratios: Sequence[Sequence[float]]) -> HeatMap | None:
    """Error/bound of each entry of a matrix, in shades; None of an empty one."""
    if not ratios or not ratios[0]:
        return None
    paths: dict[str, list[str]] = {}
    for y, row in enumerate(ratios):
        start = 0
        classes = [shade(ratio) for ratio in row]
        for x in range(1, len(row) + 1):
            if x == len(row) or classes[x] != classes[start]:
                paths.setdefault(classes[start], []).append(f"M{start} {y}h{x - start}v1h-{x - start}z")
                start = x
    longest = max(len(ratios), len(ratios[0]))
    return HeatMap(
        len(ratios),
        len(ratios[0]),
        max(5, min(22, 320 // longest)),
        tuple((name, "".join(parts)) for name, parts in sorted(paths.items())),
    )


@dataclass(frozen=True)
class Bar:
    """One class of error/bound: its height in percent of the tallest, and whether it is beyond the bound."""

    height: int
    count: int
    over: bool
    says: str


def bars(row: DistributionRow, edges: Sequence[float]) -> list[Bar]:
    """The histogram of one row. A class with any check at all is seen."""
    most = max(row.checks, default=0) or 1
    names = [f"up to {wording.ratio(edge)}" for edge in edges] + [f"beyond {wording.ratio(edges[-1])}"]
    return [
        Bar(
            max(4, round(100 * count / most)) if count else 0,
            count,
            place > 0 and edges[place - 1] >= 1,
            f"{name}: {wording.plural(count, 'check')}",
        )
        for place, (count, name) in enumerate(zip(row.checks, names, strict=True))
    ]


def beyond(row: DistributionRow, edges: Sequence[float]) -> int:
    """Checks beyond their bound."""
    return sum(row.checks[place] for place in range(1, len(row.checks)) if edges[place - 1] >= 1)
