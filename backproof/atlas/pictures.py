"""What the page draws, as plain geometry: errors in ulps against arguments, a line for each answerer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .axis import ticks
from .model import FunctionRow, Quantity

WIDTH, HEIGHT = 320, 128
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 14, 14, 18
_LEAST, _MOST = -1.0, 9.0
"""Decimal logarithms of ulps between which lines are drawn; the strip above is for what is not finite."""
_DECADES = ((0, "1"), (2, "100"), (4, "1e4"), (6, "1e6"), (8, "1e8"))


@dataclass(frozen=True)
class Line:
    """One answerer's errors: a path of steps, and marks where answers are not finite."""

    by: str
    number: int
    """Which of the answerers, from 0: its colour."""
    path: str
    marks: str


@dataclass(frozen=True)
class Picture:
    """Errors of one function's value or derivative in one dtype."""

    quantity: Quantity
    lines: tuple[Line, ...]
    across: tuple[tuple[float, str], ...]
    """y and text of each horizontal line."""
    ticks: tuple[tuple[float, str], ...]
    """x and text of each mark of the axis."""
    threshold: float
    says: str


def pictures_of(row: FunctionRow, answerers: Sequence[str], threshold: float) -> list[Picture]:
    """One picture for the value and one for the derivative; none if nobody offers the function."""
    found: dict[Quantity, list[Line]] = {}
    for answer in row.answers:
        for each in answer.quantities:
            line = _line(answer.by, answerers.index(answer.by), each.profile)
            found.setdefault(each.quantity, []).append(line)
    return [
        Picture(
            quantity,
            tuple(lines),
            tuple((_y(10.0**power), text) for power, text in _DECADES),
            tuple((_x(place), text) for place, text in ticks(row.dtype)),
            _y(threshold),
            f"Errors in ulps of the {quantity} of {row.name} in {row.dtype} against the argument: "
            + "; ".join(_worst_in_words(row, answer, quantity) for answer in answerers),
        )
        for quantity, lines in found.items()
    ]


def _worst_in_words(row: FunctionRow, by: str, quantity: Quantity) -> str:
    for answer in row.answers:
        for each in answer.quantities:
            if (answer.by, each.quantity) == (by, quantity):
                most = "nothing measured" if each.worst_ulps is None else f"{each.worst_ulps:.3g} at most"
                broken = each.classes.get("non-finite", 0)
                return f"{by} {most}" + (f" and {broken} not finite" if broken else "")
    return f"{by} does not offer it"


def _x(place: float) -> float:
    return round(_LEFT + (place + 1) / 2 * (WIDTH - _LEFT - _RIGHT), 1)


def _y(ulps: float) -> float:
    logarithm = math.log10(ulps) if ulps > 0 else _LEAST
    share = (min(max(logarithm, _LEAST), _MOST) - _LEAST) / (_MOST - _LEAST)
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _line(by: str, number: int, profile: Sequence[float | None]) -> Line:
    bins = len(profile)
    path, marks = [], []
    before: float | None = None
    for place, ulps in enumerate(profile):
        x, end = _x(2 * place / bins - 1), _x(2 * (place + 1) / bins - 1)
        if ulps is None or not math.isfinite(ulps):
            if ulps is not None:
                marks.append(f"M{x} {4 + 2 * number}H{end}")
            before = None
            continue
        y = _y(ulps)
        path.append(f"M{x} {y}" if before is None else ("" if y == before else f"V{y}"))
        path.append(f"H{end}")
        before = y
    return Line(by, number, _joined(path), "".join(marks))


def _joined(path: Sequence[str]) -> str:
    """Without stops on a horizontal line."""
    kept: list[str] = []
    for part in filter(None, path):
        if part.startswith("H") and kept and kept[-1].startswith("H"):
            kept.pop()
        kept.append(part)
    return "".join(kept)
