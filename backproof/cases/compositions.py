"""Random compositions for the chain rule: C1 chains and C2 nestings, with a point inside every domain.

Points and constants are short dyadic numbers, exact in both dtypes. Values run along through exact
arithmetic, rounded once a step, so that what is drawn is the same on every platform.
"""

from __future__ import annotations

import numpy as np

from oracles.ball_chain import exact_value
from refimpl.chain_rule import Binary, Composition, Constant, Expression, Unary, Variable
from refimpl.elementary_functions import BINARY_FUNCTIONS, UNARY_FUNCTIONS, Domain

from .source import SeedSource, Source, one_in

LARGEST_DEPTH = 6
_SMALLEST, _LARGEST = 2.0**-10, 16.0
"""Between which the magnitude of every value lies, so that no step amplifies roundings without bound."""

# An expression and its value at the point.
Valued = tuple[Expression, float]


def draw_composition(seed: int, index: int, dtype: str) -> Composition:
    """Composition `index` of `seed`: a function of the arguments alone, with the same numbers in both dtypes.

    Raises ValueError for a seed or an index outside 0 … 2^64 - 1.
    """
    return build_composition(SeedSource(seed, index), dtype)


def build_composition(source: Source, dtype: str) -> Composition:
    """A composition made of the integers of `source`."""
    x = _dyadic(source, 2**-8)
    expression, _ = _draw(source, source.integer(1, LARGEST_DEPTH), (Variable(), x))
    return Composition(expression, np.dtype(dtype).type(x))


def _dyadic(source: Source, unit: float) -> float:
    """A multiple of `unit`, at most 4 in magnitude and not 0."""
    sign = -1 if one_in(source, 2) else 1
    return sign * unit * source.integer(1, int(4 / unit))


def _draw(source: Source, depth: int, point: Valued) -> Valued:
    """An expression of that depth; its longest chain ends at x."""
    if depth == 0:
        return point
    deep = _draw(source, depth - 1, point)
    if not one_in(source, 3):
        # One of them fits: negate keeps the magnitude.
        return _applied(source, [deep], {f.name: (f.domain,) for f in UNARY_FUNCTIONS.values()})
    other = _draw_operand(source, source.integer(0, depth - 1), point)
    operands = [other, deep] if one_in(source, 2) else [deep, other]
    # One of them fits: the smaller of |u + v| and |u - v| may be too small and the larger too large, but only
    # where |u| and |v| are nearly equal; then their quotient is nearly 1.
    return _applied(source, operands, {f.name: f.domains for f in BINARY_FUNCTIONS.values()})


def _draw_operand(source: Source, depth: int, point: Valued) -> Valued:
    if depth == 0 and one_in(source, 3):
        value = _dyadic(source, 2**-4)
        return Constant(value), value
    return _draw(source, depth, point)


def _applied(source: Source, operands: list[Valued], domains: dict[str, tuple[Domain, ...]]) -> Valued:
    """The operands under a function drawn at random, or under the next one that takes their values."""
    expressions = [expression for expression, _ in operands]
    values = [value for _, value in operands]
    names = list(domains)
    first = source.integer(0, len(names) - 1)
    for name in names[first:] + names[:first]:
        if not all(map(_inside, values, domains[name])):
            continue
        value = exact_value(name, *values)
        if _SMALLEST <= abs(value) <= _LARGEST:
            return (Unary(name, *expressions) if len(expressions) == 1 else Binary(name, *expressions)), value
    raise AssertionError(f"no function takes {values}")


def _inside(value: float, domain: Domain) -> bool:
    return any(part.contains(value) for part in domain)
