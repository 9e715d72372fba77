"""The numbers behind one failing check: what every side has for each entry, and by how much it is out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oracles import Oracle
from oracles.ball_oracle import BallOracle
from refimpl import Case

from .judging.judge import Tables
from .judging.panel import Answered, Panel
from .judging.verdicts import Check, Comparison, Judgement
from .reporting import model

MOST_ENTRIES = 8
"""Entries that are listed one by one."""
MOST_RATIOS = 64
"""Rows, and columns, up to which error/bound is kept of every entry."""
MOST_WORK = 5_000
"""Products of a forward pass up to which the truth is asked as well: fifty take it about a millisecond."""


def comparisons_of(judgement: Judgement, oracles: Sequence[Oracle]) -> list[Comparison]:
    """All comparisons of the answer that `judgement` keeps, with the truth too where that is soon known.

    Empty if no answer is kept.
    """
    case, trace = judgement.case, judgement.trace
    if trace is None:
        return []
    asked = list(oracles)
    if not any(isinstance(oracle, BallOracle) for oracle in asked) and _work(case) <= MOST_WORK:
        asked.append(BallOracle())
    found: list[Comparison] = []

    def watch(tables: Tables, _judgements: Sequence[Judgement]) -> None:
        for block in tables.blocks:
            rows = (row for row, left in enumerate(block.left) if left == judgement.subject)
            found.extend(block.comparison(row, 0) for row in rows)

    Panel(Answered(), asked, judgement.subject, watch=watch).judge_runs([case], [(trace, ())])
    return found


def side_by_side(check: Check, comparisons: Sequence[Comparison]) -> model.SideBySide | None:
    """All sides' values of what `check` is about; None if none of these comparisons is its own."""
    about = [each for each in comparisons if (each.quantity, each.layer) == (check.quantity, check.layer)]
    same = {each.right: each for each in about if each.scope == check.scope}
    whole = {each.right: each for each in about if each.scope != "local"}
    if check.right not in same:
        return None
    return _table(check, same, whole if check.scope == "local" else {})


def _work(case: Case) -> int:
    widths = case.network.widths
    return case.samples * sum(m * n for m, n in zip(widths[1:], widths[:-1], strict=True))


def _table(check: Check, same: Mapping[str, Comparison], whole: Mapping[str, Comparison]) -> model.SideBySide:
    held = same[check.right]
    observed, bound = np.asarray(held.observed, np.float64), np.asarray(held.bound, np.float64)
    ratios = _ratios(observed, np.asarray(held.expected, np.float64), bound)
    order = np.argsort(-np.nan_to_num(ratios, nan=np.inf).ravel(), kind="stable")
    listed = sorted(order[:MOST_ENTRIES].tolist())
    complete = ratios.size <= MOST_ENTRIES
    kept = ratios.ndim == 2 and not complete and max(ratios.shape) <= MOST_RATIOS
    return model.SideBySide(
        quantity=check.quantity,
        layer=check.layer,
        scope="local" if check.scope == "local" else "end to end",
        right=check.right,
        shape=ratios.shape,
        wrong=int(np.count_nonzero(~(ratios <= 1))),
        entries=tuple(
            model.EntryRow(
                entry=tuple(map(int, np.unravel_index(place, ratios.shape))) if ratios.shape else (),
                observed=observed.flat[place],
                expected=_values(same, place),
                whole=_values(whole, place),
                bound=bound.flat[place],
                excess=_digits(ratios.flat[place]),
            )
            for place in listed
        ),
        ratios=tuple(tuple(map(_digits, row)) for row in ratios) if kept else (),
    )


def _values(sides: Mapping[str, Comparison], place: int) -> tuple[model.SideValue, ...]:
    return tuple(
        model.SideValue(side=name, value=float(np.asarray(comparison.expected, np.float64).flat[place]))
        for name, comparison in sides.items()
    )


def _ratios(observed: Any, expected: Any, bound: Any) -> Any:
    """|observed - expected| / bound; 0 of equal numbers, NaN where a number is NaN or the bound infinite."""
    with np.errstate(all="ignore"):
        ratios = np.abs(observed - expected) / bound
        ratios = np.where(np.isinf(bound), np.nan, ratios)
    return np.where(observed == expected, 0.0, ratios)


def _digits(ratio: float) -> float:
    """To three digits, which is all that is read of it."""
    return float(f"{ratio:.3g}")
