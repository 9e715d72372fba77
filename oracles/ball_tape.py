"""Reverse-mode differentiation over balls: numbers, and matrices of numbers, that remember how they arose.

The rules are those of sums, products and quotients; the derivative of an elementary function of one number
comes from its power series. So the gradient of anything written with these operations is an enclosure of its
exact gradient, and no formula for the gradient of a network, a loss or an activation is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flint import arb, arb_mat, arb_series, ctx

Tape = list[Any]


def back(tape: Tape) -> None:
    """Hands every adjoint on to what it arose from, the last first."""
    for node in reversed(tape):
        if node.adjoint is not None:
            node.hand_on(node.adjoint)


@contextmanager
def recording() -> Iterator[Tape]:
    """A tape, taken apart in the end: nodes know their tape and it knows them, and cycles are freed late."""
    tape: Tape = []
    try:
        yield tape
    finally:
        _take_apart(tape)


def _take_apart(tape: Tape) -> None:
    for node in tape:
        node.parents = ()
        for inner in getattr(node, "inner", ()):
            _take_apart(inner)
    tape.clear()


class Number:
    """A ball on a tape; `arb_series` has the same operations."""

    __slots__ = ("adjoint", "parents", "tape", "value")

    def __init__(self, value: Any, tape: Tape, parents: Sequence[tuple[Number, Any]] = ()) -> None:
        """`parents` are the numbers that it is a function of, each with the derivative by it."""
        self.value, self.tape, self.parents = value, tape, parents
        self.adjoint: Any = None
        tape.append(self)

    def hand_on(self, adjoint: Any) -> None:
        """Adds to the adjoint of each parent."""
        for parent, slope in self.parents:
            part = adjoint * slope
            parent.adjoint = part if parent.adjoint is None else parent.adjoint + part

    def __getitem__(self, index: int) -> Any:
        assert index == 0
        return self.value

    def __add__(self, other: Any) -> Number:
        if isinstance(other, Number):
            return Number(self.value + other.value, self.tape, ((self, 1), (other, 1)))
        return Number(self.value + other, self.tape, ((self, 1),))

    __radd__ = __add__

    def __neg__(self) -> Number:
        return Number(-self.value, self.tape, ((self, -1),))

    def __sub__(self, other: Any) -> Number:
        return self + (-other)

    def __rsub__(self, other: Any) -> Number:
        return (-self) + other

    def __mul__(self, other: Any) -> Number:
        if isinstance(other, Number):
            return Number(self.value * other.value, self.tape, ((self, other.value), (other, self.value)))
        return Number(self.value * other, self.tape, ((self, other),))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Number:
        if not isinstance(other, Number):
            return Number(self.value / other, self.tape, ((self, 1 / arb(other)),))
        quotient = self.value / other.value
        return Number(quotient, self.tape, ((self, 1 / other.value), (other, -quotient / other.value)))

    def exp(self) -> Number:
        """e^x."""
        return self._of(arb_series.exp)

    def log(self) -> Number:
        """log x; NaN where x may be 0."""
        return self._of(arb_series.log)

    def sqrt(self) -> Number:
        """√x."""
        return self._of(arb_series.sqrt)

    def restricted(self, value: Any) -> Number:
        """The same number, known to lie in the ball `value`."""
        return Number(value, self.tape, ((self, 1),))

    def hull(self, other: Number) -> Number:
        """Either of the two: any derivative between theirs."""
        either = arb(0).union(arb(1))
        return Number(self.value.union(other.value), self.tape, ((self, either), (other, either)))

    def _of(self, function: Callable[[Any], Any]) -> Number:
        value, slope = at(function, self.value)
        return Number(value, self.tape, ((self, slope),))


_NAN = arb("nan")


def at(function: Callable[..., Any], z: Any, *others: Any) -> tuple[Any, Any]:
    """(f(z), f'(z)) of a function of one power series; NaN where FLINT refuses to divide."""
    try:
        series = function(arb_series([z, 1], prec=2), *others)
        return series[0], series[1]
    except (ValueError, ZeroDivisionError):
        return _NAN, _NAN


MOST_BITS = 2048
"""Nothing is asked more precisely: what then still straddles a point is the hull of both sides of it."""


def accurately(function: Callable[..., Any], z: Any, *others: Any) -> tuple[Any, Any]:
    """As `at`; with more bits, up to `MOST_BITS`, while less than half the precision is left of either.

    Unless they do not help, since z itself is not known any better.
    """
    found = at(function, z, *others)
    bits = ctx.prec
    enough = bits // 2
    while bits < MOST_BITS and not all(ball.rel_accuracy_bits() >= enough for ball in found):
        bits *= 2
        with ctx.workprec(bits):
            finer = at(function, z, *others)
        if not any(_is_finer(*pair) for pair in zip(finer, found, strict=True)):
            break
        found = finer
    return found


def _is_finer(ball: Any, other: Any) -> bool:
    """Whether a ball of the same number is much narrower."""
    return bool(2 * ball.rad() < other.rad())


class Matrix:
    """A matrix of balls on a tape; a loss is one by one."""

    def __init__(
        self,
        value: Any,
        tape: Tape,
        parents: Sequence[tuple[Matrix, Callable[[Any], Any]]] = (),
        inner: Sequence[Tape] = (),
    ) -> None:
        """`parents` are the matrices it is a function of, each with what turns an adjoint into its part.

        `inner` are tapes of the numbers that it was made of.
        """
        self.value, self.parents, self.inner = value, parents, inner
        self.adjoint: Any = None
        self.tape = tape
        tape.append(self)

    def hand_on(self, adjoint: Any) -> None:
        """Adds to the adjoint of each parent."""
        for parent, pulled_back in self.parents:
            part = pulled_back(adjoint)
            parent.adjoint = part if parent.adjoint is None else parent.adjoint + part

    def __matmul__(self, other: Matrix) -> Matrix:
        left, right = self.value, other.value
        return Matrix(
            left * right,
            self.tape,
            ((self, lambda g: g * right.transpose()), (other, lambda g: left.transpose() * g)),
        )

    def plus_column(self, column: Matrix) -> Matrix:
        """The same column added to each of its columns."""
        samples = self.value.ncols()
        across, down = ones(1, samples), ones(samples, 1)
        value = self.value + column.value * across
        return Matrix(value, self.tape, ((self, lambda g: g), (column, lambda g: g * down)))

    def entrywise(self, function: Callable[..., Any], *others: Sequence[Any]) -> Matrix:
        """f of each entry and of that of each other sequence; the derivative from the power series.

        Where an evaluation cancels, that entry alone is evaluated with more bits.
        """
        shape = self.value.nrows(), self.value.ncols()
        pairs = [
            accurately(function, z, *rest) for z, *rest in zip(self.value.entries(), *others, strict=True)
        ]
        slopes = [slope for _, slope in pairs]

        def pulled_back(g: Any) -> Any:
            return arb_mat(*shape, [s * x for s, x in zip(slopes, g.entries(), strict=True)])

        return Matrix(arb_mat(*shape, [value for value, _ in pairs]), self.tape, ((self, pulled_back),))

    def columnwise(self, function: Callable[[list[Number], int], Sequence[Number]]) -> Matrix:
        """f(column, its number) → numbers; the matrix of these columns."""
        tapes: list[Tape] = []
        inputs, outputs = [], []
        for j, column in enumerate(columns(self.value)):
            tape: Tape = []
            given = [Number(z, tape) for z in column]
            inputs.append(given)
            outputs.append(list(function(given, j)))
            tapes.append(tape)

        def pulled_back(g: Any) -> Any:
            gradients = []
            for tape, given, made, adjoints in zip(tapes, inputs, outputs, columns(g), strict=True):
                for node in tape:
                    node.adjoint = None
                for number, adjoint in zip(made, adjoints, strict=True):
                    number.adjoint = adjoint if number.adjoint is None else number.adjoint + adjoint
                back(tape)
                gradients.append([0 if z.adjoint is None else z.adjoint for z in given])
            return from_columns(gradients)

        value = from_columns([[number.value for number in made] for made in outputs])
        return Matrix(value, self.tape, ((self, pulled_back),), tapes)

    def total(self, divisor: int) -> Matrix:
        """The sum of all entries over a number."""
        rows, samples = self.value.nrows(), self.value.ncols()
        left, right = ones(1, rows), ones(samples, 1)
        value = left * self.value * right * (arb(1) / divisor)

        def pulled_back(g: Any) -> Any:
            part = g[0, 0] / divisor
            return arb_mat(rows, samples, [part] * (rows * samples))

        return Matrix(value, self.tape, ((self, pulled_back),))


def ones(rows: int, samples: int) -> Any:
    """A matrix of ones."""
    return arb_mat(rows, samples, [1] * (rows * samples))


def columns(matrix: Any) -> list[list[Any]]:
    """The columns of a matrix of balls."""
    entries, width = matrix.entries(), matrix.ncols()
    return [entries[j::width] for j in range(width)]


def from_columns(given: Sequence[Sequence[Any]]) -> Any:
    """The matrix with these columns."""
    width, height = len(given), len(given[0])
    return arb_mat(height, width, [given[j][i] for i in range(height) for j in range(width)])
