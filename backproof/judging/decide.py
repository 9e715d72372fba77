"""From comparisons to verdicts. There is no tolerance here, only bounds.

J1. An entry conforms if |observed - expected| ≤ bound. NaN and infinities never do where the bound is finite.
J2. An entry whose bound is infinite is not judged (ill-posed), nor one where the oracle itself has no finite
    answer although the bound is finite (that is a finding when the oracle's own trace is judged), nor one
    whose bound exceeds 1 % of the largest magnitude of its tensor (unresolved): it could say nothing. But a
    finite bound that is exceeded is never excused. A tensor that is exactly zero is resolved when its bound
    is at the level of underflow.
J3. An entry outside its bound has the first of its alternatives that it fits: convention, known deviation,
    unstable. One that is not finite on extreme numbers is unstable. Everything else is a mismatch.
See docs/bounds.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from refimpl import Case

from .blocks import Block, once
from .columns import REASONS, SINGLY, ColumnChecks, Columns, Row
from .other_readings import Finding, read_otherwise
from .rounding import precision
from .verdicts import Check, Comparison, Verdict, equation_of

RESOLUTION = 0.01


class _Measured(NamedTuple):
    """J1 and J2, tensor by tensor: how many entries are what, and the largest error/bound."""

    unjudged: list[int]
    outside: list[int]
    posed: list[int]
    mute: list[int]
    worst: list[float]


def _measured(observed: Any, expected: Any, bound: Any, sizes: Any, dtype: Any) -> _Measured:
    """Of tensors laid end to end, so that the common case, everything conforming, costs a few operations."""
    starts = np.cumsum(sizes) - sizes
    with np.errstate(all="ignore"):
        distance = np.abs(observed - expected)
        inside = (distance <= bound) | (observed == expected)
        speechless = ~np.isfinite(expected)
        unbounded = ~np.isfinite(bound)
        ill_posed = unbounded | speechless
        largest = np.maximum.reduceat(np.where(speechless, 0.0, np.abs(expected)), starts)
        floor = precision(dtype).tiny * 2.0**20
        wide = bound > np.repeat(np.where(largest > 0, RESOLUTION * largest, floor), sizes)
        ratio = np.where(ill_posed | (distance == 0), 0.0, distance / bound)
        ratio = np.where(np.isfinite(ratio), ratio, np.inf)
    counted = (wide | ill_posed, ~inside & ~ill_posed, ~ill_posed, speechless & ~unbounded)
    unjudged, outside, posed, mute = (
        np.add.reduceat(each, starts, dtype=np.int64).tolist() for each in counted
    )
    return _Measured(unjudged, outside, posed, mute, np.maximum.reduceat(ratio, starts).tolist())


def _reason(size: int, unjudged: int, posed: int, mute: int) -> str:
    """Why nothing of a tensor could be judged; empty if something could."""
    if unjudged < size:
        return ""
    return "oracle not finite" if mute else "unresolved" if posed else "ill-posed"


def decide(case: Case, comparisons: Sequence[Comparison], is_extreme: bool) -> list[Check]:
    """The verdict on each comparison of one case (J1 to J3)."""
    if not comparisons:
        return []
    parts = [np.asarray(c.expected).reshape(-1) for c in comparisons]
    sizes = np.array([part.size for part in parts])
    found = _measured(
        _joined([np.asarray(c.observed).reshape(-1) for c in comparisons]),
        _joined(parts),
        _joined([np.asarray(c.bound).reshape(-1) for c in comparisons]),
        sizes,
        case.dtype,
    )
    depth = case.network.depth
    otherwise = iter(
        read_otherwise(
            [c for c, outside in zip(comparisons, found.outside, strict=True) if outside],
            lambda _: is_extreme,
        )
    )
    checks = []
    for c, size, unjudged, outside, posed, mute, worst in zip(
        comparisons, sizes.tolist(), *found, strict=True
    ):
        if outside:
            checks.append(_outside(c, next(otherwise), depth, worst, size, unjudged))
            continue
        reason = _reason(size, unjudged, posed, mute)
        verdict: Verdict = "not judged" if reason else "conforms"
        equation = equation_of(c.quantity, c.layer, depth)
        where = (c.quantity, c.layer, c.scope, c.left, c.right, equation)
        checks.append(Check(*where, verdict, reason, worst, size, unjudged))
    return checks


def _outside(c: Comparison, found: Finding, depth: int, worst: float, size: int, unjudged: int) -> Check:
    """The check of a comparison of which some entry lies outside its bound (J3)."""
    equation = equation_of(c.quantity, c.layer, depth)
    where = (c.quantity, c.layer, c.scope, c.left, c.right, equation)
    known = (worst, size, unjudged)
    numbers = (found.observed, found.expected, found.bound)
    return Check(*where, found.verdict, found.reason, *known, found.entry, *numbers)


def decide_blocks(
    cases: Sequence[Case],
    blocks: Sequence[Block],
    is_extreme: Callable[[int], bool],
    doubtful: Callable[[Sequence[int]], None] = lambda _: None,
) -> list[Sequence[Check]]:
    """The verdicts on all comparisons of each case, in the order of the blocks (J1 to J3).

    Only for cases with an entry outside its bound, `is_extreme(k)` may be asked, once; `doubtful` is told of
    which cases a further reading will be worked out, before each.
    """
    if not blocks:
        return [() for _ in cases]
    columns = columns_of(cases, blocks)
    singly = _singly(cases, blocks, columns, cache(is_extreme), doubtful)
    return [
        ColumnChecks(columns, k) if plain else columns.checks(k, singly)
        for k, plain in enumerate(columns.plain.tolist())
    ]


def columns_of(cases: Sequence[Case], blocks: Sequence[Block]) -> Columns:
    """J1 and J2 for all comparisons of all cases."""
    measured = [_of_block(block, cases[0].dtype) for block in blocks]
    return Columns(
        tuple(case.network.depth for case in cases),
        tuple(
            Row(block.quantity, block.layer, block.scope, left, right)
            for block in blocks
            for left, right in zip(block.left, block.right, strict=True)
        ),
        tuple(len(block.layout) for block in blocks for _ in block.left),
        np.concatenate([np.tile(block.layout.sizes, len(block.left)) for block in blocks]),
        *(np.concatenate(parts) for parts in zip(*measured, strict=True)),
    )


def _singly(
    cases: Sequence[Case],
    blocks: Sequence[Block],
    columns: Columns,
    is_extreme: Callable[[int], bool],
    doubtful: Callable[[Sequence[int]], None],
) -> dict[int, Check]:
    """The checks of what lies outside its bound, by their places in the columns."""
    places = np.flatnonzero(columns.code == SINGLY)
    of = columns.case_of[places].tolist()
    rows = [(block, row) for block in blocks for row in range(len(block.left))]
    row_of = np.repeat(np.arange(len(rows)), columns.counts)[places].tolist()
    comparisons = [rows[row][0].comparison(rows[row][1], k) for row, k in zip(row_of, of, strict=True)]
    found = read_otherwise(
        comparisons,
        lambda i: is_extreme(of[i]),
        lambda chosen: doubtful(sorted({of[i] for i in chosen})),
    )
    numbers = (columns.ratio[places], columns.entries[places], columns.unjudged[places])
    known = zip(*(each.tolist() for each in numbers), strict=True)
    return {
        place: _outside(c, finding, cases[k].network.depth, *of_place)
        for place, c, finding, k, of_place in zip(places.tolist(), comparisons, found, of, known, strict=True)
    }


def _of_block(block: Block, dtype: Any) -> tuple[Any, Any, Any]:
    """(unjudged entries, largest error/bound, code) of each row and case of a block, row after row.

    What conforms throughout, nearly everything, is told by a few operations on whole rows: by the largest
    error/bound, the largest bound and the largest expected value. Only the other tensors are counted out.
    """
    layout, shape = block.layout, np.shape(block.observed)
    tiny, floor = np.finfo(np.float64).smallest_subnormal, precision(dtype).tiny * 2.0**20
    with np.errstate(all="ignore"):
        ratio = np.subtract(block.observed, block.expected, dtype=np.float64)
        np.abs(ratio, out=ratio)
        ratio /= np.maximum(once(block.bound), tiny)
        worst = layout.largest(ratio)
        largest = layout.largest(np.abs(block.expected))
        widest = layout.largest(once(block.bound))
        narrow = widest <= np.where(largest > 0, RESOLUTION * largest, floor)
        sure = (worst < 1) & narrow & np.isfinite(largest)
    unjudged, code = np.zeros(worst.shape, dtype=np.int64), np.zeros(worst.shape, dtype=np.int8)
    if not sure.all():
        rows, cases = np.nonzero(~sure)
        sizes = layout.sizes[cases]
        ends = np.cumsum(sizes)
        at = np.arange(ends[-1]) + np.repeat(layout.starts[cases] - ends + sizes, sizes)
        of_row = np.repeat(rows, sizes)
        observed, expected, bound = (
            np.broadcast_to(data, shape)[of_row, at] for data in (block.observed, block.expected, block.bound)
        )
        found = _measured(observed, expected, bound, sizes, dtype)
        unjudged[rows, cases], worst[rows, cases] = found.unjudged, found.worst
        code[rows, cases] = [
            SINGLY if outside else REASONS.index(_reason(size, *rest))
            for outside, size, *rest in zip(
                found.outside, sizes.tolist(), found.unjudged, found.posed, found.mute, strict=True
            )
        ]
    return unjudged.reshape(-1), worst.reshape(-1), code.reshape(-1)


def _joined(parts: list[Any]) -> Any:
    return np.concatenate(parts).astype(np.float64, copy=False)
