r"""Equations as LaTeX with a change: what an implementation computes if a relation holds.

An equation is taken from the catalogue in the form that the project computes and cut into its left and right
side; a relation says what becomes of the right one, such as 2 \cdot \delta^{[l]} (A^{[l-1]})^T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from refimpl.equations import EQUATIONS, equation

GRADIENTS = {"U1": r"\frac{\partial L}{\partial W^{[l]}}", "U2": r"\frac{\partial L}{\partial b^{[l]}}"}
_AT_THE_OUTPUT = ("F4", "F5", "B4", "B1a")
"""Equations of one layer: what other equations say of layer l, they say of L."""
_SUMS = ("F2", "U1", "U2")
"""Those whose right side needs brackets before it is multiplied."""
_ARROW = r"\leftarrow"


@dataclass(frozen=True)
class Sides:
    """One equation as its two sides; every method gives it as it is with a change."""

    id: str
    left: str
    sign: str
    """= or an arrow."""
    right: str

    def gives(self, right: str) -> str:
        """It is something else."""
        return f"{self.left} {self.sign} {right}"

    def times(self, factor: str) -> str:
        r"""It is multiplied by a number or a symbol, such as m or \frac{1}{m}."""
        return self.gives(rf"{self._here(factor)} \cdot {self._factor}")

    def negative(self) -> str:
        """It has the other sign."""
        return self.gives(f"-{self._factor}")

    def of(self, function: str, *more: str) -> str:
        """It goes through a function, whose further arguments are given."""
        return self.gives(rf"{function} \left( {', '.join((self.right, *more))} \right)")

    def transposed(self) -> str:
        """It is the transpose."""
        return self.gives(rf"{self._bracketed}^T")

    def reversed(self, axis: int) -> str:
        """Its rows, axis 0, or its columns are in reverse order."""
        rows, columns = "n_0" if self.id == "B1a" else "n_l", "n_{l-1}" if self.id in ("B1", "U1") else "m"
        there = f"{self._here(rows)}+1-i, j" if axis == 0 else f"i, {columns}+1-j"
        return rf"\left( {self.left} \right)_{{ij}} {self.sign} {self._bracketed}_{{{there}}}"

    def permuted(self) -> str:
        """Its entries are in another order."""
        return self.gives(rf"\pi \left( {self.right} \right), \quad \pi \text{{ permutes the entries}}")

    def of_layer(self, apart: int) -> str:
        """It is what the layer has that many layers above, or below if negative."""
        mine, other = ("L" if self.id in _AT_THE_OUTPUT else "l"), f"{apart:+d}"
        source = self.right if self.sign == _ARROW else self.left
        return self.gives(source.replace(f"[{mine}]", f"[{mine}{other}]"))

    def equal_to(self, symbol: str) -> str:
        """It is another quantity."""
        return self.gives(self._here(symbol))

    def plus(self, constant: str, symbol: str) -> str:
        """A constant times a symbol is added."""
        sign, size = ("-", constant[1:]) if constant.startswith("-") else ("+", constant)
        return self.gives(rf"{self.right} {sign} {number(size)} \, {symbol}")

    def step_times(self, factor: str) -> str:
        """The step of an update is multiplied by a number or a symbol."""
        sign, size = ("+", factor[1:]) if factor.startswith("-") else ("-", factor)
        scaled = rf"{size} \cdot \eta" if size else r"\eta"
        return self.gives(rf"{self.left} {sign} {scaled} {GRADIENTS[self.id]}")

    @property
    def _bracketed(self) -> str:
        return rf"\left( {self.right} \right)"

    @property
    def _factor(self) -> str:
        return self._bracketed if self.id in _SUMS else self.right

    def _here(self, symbol: str) -> str:
        """What is said of layer l, of the layer that the equation is about."""
        if self.id not in _AT_THE_OUTPUT:
            return symbol
        return symbol.replace("[l]", "[L]").replace("n_l", "n_L").replace("{l-1}", "{L-1}")


@dataclass(frozen=True)
class Relation:
    """A simple relation of wrong numbers to right ones."""

    said: str
    """The end of "it is …"."""
    change: Callable[[Sides], str] = field(compare=False)
    """The equation with this change."""

    def implemented(self, id: str, quantities: set[str]) -> str:  # noqa: A002 - as in the catalogue
        """The equation as implemented, as LaTeX; empty if the numbers are not those it gives itself."""
        entry = next((entry for entry in EQUATIONS if entry.id == id), None)
        if entry is None or not quantities or not quantities <= set(entry.quantity or ()):
            return ""
        return self.change(sides(id))


def sides(id: str) -> Sides:  # noqa: A002 - as in the catalogue
    """The equation of that id, in the form that holds for every activation."""
    text = equation(id).implemented_latex.partition(r", \quad")[0]
    if id == "B1a":  # a trace has it for the input only
        text = text.replace("[l]", "[0]").replace("[l+1]", "[1]")
    sign = _ARROW if _ARROW in text else "="
    left, _, right = text.rpartition(f" {sign} ")
    return Sides(id, left.rpartition(" = ")[2], sign, right)


def number(text: str) -> str:
    """A number that Python has written, as LaTeX."""
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    power = rf"10^{{{int(exponent)}}}"
    return {"1": power, "-1": f"-{power}"}.get(mantissa, rf"{mantissa} \cdot {power}")
