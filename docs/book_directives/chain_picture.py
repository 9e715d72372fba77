"""Computational graphs for C1 and C2, with the numbers that refimpl's functions give at one point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import escape

from refimpl.chain_rule import Binary, ChainRule, Constant, Expression, Unary, Variable
from refimpl.elementary_functions import UnaryFunction

X = Variable()


@dataclass(frozen=True)
class Chain:
    """y of x, by way of u, and of v in C2."""

    expression: Unary | Binary
    x: float
    inner: tuple[tuple[str, Expression, str], ...]
    """Name, expression and formula of u (and v)."""
    outer: str
    """The formula of y."""

    def numbers(self) -> dict[str, float]:
        """All values and derivatives: "x", "u", "du/dx", …, "y", "∂y/∂u", …, "dy/dx"."""
        rule, x = ChainRule(), np.float64(self.x)
        found: dict[str, float] = {"x": self.x}
        values = []
        for name, inner, _ in self.inner:
            value, slope = rule.value_and_derivative(inner, x)
            found |= {name: float(value), f"d{name}/dx": float(slope)}
            values.append(value)
        function = self.expression.function
        if isinstance(function, UnaryFunction):
            found["dy/du"] = float(function.derivative(*values))
        else:
            found["∂y/∂u"] = float(function.by_first(*values))
            found["∂y/∂v"] = float(function.by_second(*values))
        y, slope = rule.value_and_derivative(self.expression, x)
        return found | {"y": float(y), "dy/dx": float(slope)}

    def caption(self) -> str:
        """What is shown."""
        inner = ", ".join(f"{name} = {formula}" for name, _, formula in self.inner)
        return (
            f"{inner}, y = {self.outer} at x = {self.x:g}: values in the circles, derivatives on the edges."
        )

    def worked(self) -> str:
        """The equation in numbers."""
        n = self.numbers()
        products = " + ".join(f"{n[self.by(name)]:g}·{n[f'd{name}/dx']:g}" for name, *_ in self.inner)
        return f"dy/dx = {products} = {n['dy/dx']:g}"

    def by(self, name: str) -> str:
        """The name of the derivative of y by u or v."""
        return "dy/du" if len(self.inner) == 1 else f"∂y/∂{name}"


SQUARE = Unary("square", X)
TRIPLE = Binary("multiply", Constant(3.0), X)
CHAINS = {
    "C1": Chain(Unary("sqrt", SQUARE), 2.0, (("u", SQUARE, "x²"),), "√u"),
    "C2": Chain(Binary("multiply", SQUARE, TRIPLE), 2.0, (("u", SQUARE, "x²"), ("v", TRIPLE, "3x")), "u·v"),
}
_WIDTH, _LEFT, _STEP = 560, 60, 220


def chain_svg(id: str) -> str:  # noqa: A002 - the document's equations have ids
    """The graph as SVG, in the box in which it scrolls."""
    chain = CHAINS[id]
    n = chain.numbers()
    rows = [70] if len(chain.inner) == 1 else [60, 180]
    middle = sum(rows) // len(rows)
    height = max(rows) + 52
    ends = {"x": (_LEFT, middle), "y": (_LEFT + 2 * _STEP, middle)}
    ends |= {name: (_LEFT + _STEP, row) for (name, *_), row in zip(chain.inner, rows, strict=True)}
    parts = []
    for name, *_ in chain.inner:
        parts += _edge(ends["x"], ends[name], f"d{name}/dx = {n[f'd{name}/dx']:g}", "used")
        parts += _edge(ends[name], ends["y"], f"{chain.by(name)} = {n[chain.by(name)]:g}", "used")
    formulas = {name: f"{name} = {formula}" for name, _, formula in chain.inner}
    formulas |= {"x": "x", "y": f"y = {chain.outer}"}
    for name, (x, y) in ends.items():
        kind = "lit" if name == "y" else ""
        parts.append(f'<circle class="{kind}" cx="{x}" cy="{y}" r="29"/>')
        parts.append(f'<text class="{"in-lit" if kind else ""}" x="{x}" y="{y + 5}">{n[name]:g}</text>')
        parts.append(f'<text class="head" x="{x}" y="{y - 38}">{escape(formulas[name])}</text>')
    x, y = ends["y"]
    parts.append(f'<text class="below lit" x="{x}" y="{y + 48}">dy/dx = {n["dy/dx"]:g}</text>')
    says = escape(chain.caption())
    return (
        f'<div class="drawing" tabindex="0" role="region" aria-label="{says}">\n'
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="{says}">\n' + "\n".join(parts) + "\n</svg>\n</div>"
    )


def _edge(start: tuple[int, int], end: tuple[int, int], text: str, kind: str) -> list[str]:
    (x1, y1), (x2, y2) = start, end
    x, y = (x1 + x2) // 2, (y1 + y2) // 2
    return [
        f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>',
        f'<text class="on {kind}" x="{x}" y="{y + (-8 if y1 == y2 else 4)}">{escape(text)}</text>',
    ]
