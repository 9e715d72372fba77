"""The network as it is at one step: what is computed lit up, with the values known by then on it.

Plain geometry; the template turns it into SVG. Forward fills the units from left to right, backward replaces
their activations by gradients from right to left. Of several samples the first one's values are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refimpl import Case

from .model import Lesson, Step

MOST_UNITS = 5
MOST_EDGES = 12
"""Edges between two layers up to which each has its number on it."""
_COLUMN, _ROW, _SIDE, _TOP, _BOTTOM, _LETTER = 196, 80, 48, 44, 50, 8


@dataclass(frozen=True)
class Unit:
    """A circle with a value in it."""

    x: int
    y: int
    value: str
    kind: str
    """"lit" if it is computed, "used" if it is needed for that, "ahead" if nothing is known yet, or ""."""
    below: str = ""
    """A bias or its gradient, or a target."""
    below_lit: bool = False
    """Whether that is what is computed."""
    dots: bool = False
    """Whether it stands for units that are left out."""


@dataclass(frozen=True)
class Edge:
    """A line, with a number on it if there is room."""

    x1: int
    y1: int
    x2: int
    y2: int
    kind: str
    value: str = ""
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class Head:
    """What stands above or below a column."""

    x: int
    y: int
    text: str
    kind: str = ""


@dataclass
class Picture:
    """One drawing."""

    width: int
    height: int
    description: str
    units: list[Unit] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)


def short(value: Any) -> str:
    """To three significant digits, two of what is small: what fits into a circle."""
    number = float(value) + 0.0
    if not np.isfinite(number):
        return "NaN" if np.isnan(number) else ("∞" if number > 0 else "-∞")
    text = f"{number:.1e}" if 0 < abs(number) < 1e-3 else f"{number:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def pictures_of(lesson: Lesson) -> list[Picture]:
    """One drawing for each step."""
    on_units: dict[int, tuple[str, Any]] = {}
    found = []
    for step in lesson.steps:
        place = _unit_layer(step, lesson.case)
        if place is not None:
            on_units[place] = (step.result.symbol, step.result.values)
        found.append(_Draughtsman(lesson.case, step, on_units).picture)
    return found


def _unit_layer(step: Step, case: Case) -> int | None:
    """The column whose units hold the result, the loss's being the last; None if edges or biases do."""
    if step.quantity in ("A_0", "dX"):
        return 0
    if step.quantity == "loss":
        return case.network.depth + 1
    return step.layer if step.quantity in ("Z", "A", "dA", "delta") else None


def _share(left: int, right: int) -> float:
    """How far along its edge a number stands, so that those of all edges are equally far apart.

    At a share s from the left, edges from one unit are s rows apart, and the last of them 1 - right·s rows
    from the first of the next unit; nearer to the side with fewer units there is more room.
    """
    if min(left, right) == 1:
        return 0.5
    return 1 / (right + 1) if right <= left else 1 - 1 / (left + 1)


# Quantity → the columns, from the result's layer, whose units are used for it.
_USED: Mapping[str, tuple[int, ...]] = {
    "Z": (-1,),
    "A": (),
    "delta": (),
    "dW": (0, -1),
    "db": (0,),
    "b_updated": (0,),
    "dA": (1,),
    "dX": (1,),
    "loss": (-1,),
}


class _Draughtsman:
    """Draws one step."""

    def __init__(self, case: Case, step: Step, on_units: Mapping[int, tuple[str, Any]]) -> None:
        self.case, self.step, self.on_units = case, step, on_units
        self.depth = case.network.depth
        self.lit = _unit_layer(step, case)
        base = self.lit if self.lit is not None else (step.layer or 0)
        self.used = {base + offset for offset in _USED.get(step.quantity, ())}
        widths = case.network.widths
        tallest = max(min(width, MOST_UNITS) for width in widths)
        height = _TOP + tallest * _ROW + _BOTTOM
        # The loss's name stands below its box, and may be wider than that.
        right = max(_SIDE, _LETTER * len(case.network.loss.name) // 2)
        self.picture = Picture(_SIDE + _COLUMN * len(widths) + right, height, self._description())
        self.middle = _TOP + tallest * _ROW // 2
        columns = [self._column(layer, width) for layer, width in enumerate(widths)]
        for layer in range(1, self.depth + 1):
            self._edges(layer, columns[layer - 1], columns[layer])
        loss = self._loss()
        for unit in columns[-1]:
            if not unit.dots:
                kind = "used" if self.lit == self.depth + 1 or self._is_loss_gradient() else ""
                self.picture.edges.append(Edge(unit.x, unit.y, loss.x, loss.y, kind))
        self._arrow()

    def _description(self) -> str:
        sample = " of sample 1" if self.case.samples > 1 else ""
        what = "new values" if self.step.part == "update" else "values"
        return f"The network with the {what}{sample} at step {self.step.number}: {self.step.result.symbol}"

    def _is_loss_gradient(self) -> bool:
        return self.step.quantity == "dA" and self.step.layer == self.depth

    def _kind(self, layer: int) -> str:
        if layer == self.lit:
            return "lit"
        if layer in self.used:
            return "used"
        return "" if layer in self.on_units else "ahead"

    def _column(self, layer: int, width: int) -> list[Unit]:
        x, shown = _SIDE + layer * _COLUMN, min(width, MOST_UNITS)
        top = self.middle - (shown - 1) * _ROW // 2
        symbol, values = self.on_units.get(layer, ("", None))
        below = self._below(layer)
        kind = self._kind(layer)
        computed = layer == self.step.layer and self.step.quantity in ("db", "b_updated")
        units = []
        for row in range(shown):
            dots = width > MOST_UNITS and row == shown - 1
            value = short(values[row, 0]) if values is not None and not dots else ""
            unit = Unit(x, top + row * _ROW, value, kind, "" if dots else below[row], computed, dots)
            units.append(unit)
        self.picture.units += units
        self.picture.heads.append(Head(x, 34, symbol, "lit" if kind == "lit" else ""))
        foot = self.picture.height - _BOTTOM + 22
        name = self.case.network.layers[layer - 1].activation.name if layer else "input"
        self.picture.heads.append(Head(x, foot, name, "name"))
        of = f"layer {layer}" if layer else "X"
        self.picture.heads.append(Head(x, foot + 16, of if width <= MOST_UNITS else f"{width} units", "soft"))
        return units

    def _below(self, layer: int) -> Sequence[str]:
        """What stands below the units of a layer at this step: their biases, or the targets."""
        width = self.case.network.widths[layer]
        step = self.step
        if layer == self.depth and (step.quantity == "loss" or self._is_loss_gradient()):
            return [f"y = {short(y)}" for y in self.case.Y[:, 0]]
        if layer and step.layer == layer and step.quantity in ("Z", "db", "b_updated"):
            values = step.result.values
            if step.quantity == "Z":
                return [f"b = {short(b)}" for b in self.case.network.layers[layer - 1].b[:, 0]]
            sign = "∂L/∂b = " if step.quantity == "db" else "b ← "
            return [f"{sign}{short(b)}" for b in values[:, 0]]
        return [""] * width

    def _edges(self, layer: int, left: Sequence[Unit], right: Sequence[Unit]) -> None:
        kind, values = self._on_edges(layer)
        whole = len(left) * len(right) <= MOST_EDGES and not any(unit.dots for unit in (*left, *right))
        share = _share(len(left), len(right))
        for j, start in enumerate(left):
            for i, end in enumerate(right):
                if start.dots or end.dots:
                    continue
                value = short(values[i, j]) if values is not None and whole else ""
                x = round(start.x + share * (end.x - start.x))
                y = round(start.y + share * (end.y - start.y))
                self.picture.edges.append(Edge(start.x, start.y, end.x, end.y, kind, value, x, y))

    def _on_edges(self, layer: int) -> tuple[str, Any]:
        """How the edges into a layer are drawn, and the numbers on them."""
        step, W = self.step, self.case.network.layers[layer - 1].W
        if step.quantity == "Z" and step.layer == layer:
            return "used", W
        if (step.quantity == "dA" and step.layer == layer - 1) or (step.quantity == "dX" and layer == 1):
            return "used", W
        if step.quantity in ("dW", "W_updated") and step.layer == layer:
            return "lit", step.result.values
        return "", None

    def _loss(self) -> Unit:
        x = _SIDE + (self.depth + 1) * _COLUMN
        values = self.on_units.get(self.depth + 1)
        kind = "used" if self._is_loss_gradient() else self._kind(self.depth + 1)
        unit = Unit(x, self.middle, short(values[1]) if values is not None else "", kind)
        self.picture.units.append(unit)
        foot = self.picture.height - _BOTTOM + 22
        self.picture.heads += [
            Head(x, 34, "L" if values is not None else "", "lit" if kind == "lit" else ""),
            Head(x, foot, self.case.network.loss.name, "name"),
            Head(x, foot + 16, "loss", "soft"),
        ]
        return unit

    def _arrow(self) -> None:
        """Which way this step goes, above the picture."""
        says = {"forward": "forward →", "loss": "forward →", "backward": "← backward", "update": "update"}
        self.picture.heads.append(Head(self.picture.width // 2, 14, says[self.step.part], "way"))
