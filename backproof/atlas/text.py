"""An atlas in a terminal: a line for each function, then the places that are far off."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.text import Text

from .model import Atlas, FunctionRow
from .places import Place, argument, number, places_of, setting, worst

_NAME, _CELL = 26, 11
_SHOWN = 40
"""At most so many places; the page has all of them."""


def print_atlas(atlas: Atlas, console: Console) -> None:
    """Prints the summary."""
    for line in lines_of(atlas):
        console.print(line, soft_wrap=True, highlight=False)


def lines_of(atlas: Atlas) -> list[Text]:
    """The lines of the text."""
    asked = ", ".join(f"{name} {version}" for name, version in atlas.versions.items())
    dtypes = list(dict.fromkeys(row.dtype for row in atlas.functions))
    points = sum(row.points for row in atlas.functions)
    lines = [
        Text.assemble((f"{points:,} points", "bold"), f" of functions in {' and '.join(dtypes)}"),
        Text(asked, style="dim"),
        Text(),
        Text("The worst error in ulps of the exact result, of value and derivative.", style="dim"),
        Text("! some answers are not finite   · not offered   (…) composed, not its own", style="dim"),
        Text(),
    ]
    width = _CELL * len(atlas.answerers)
    heads = "".join(f"{name:>{_CELL}}" for name in atlas.answerers)
    lines.append(Text(" " * _NAME + "".join(f"{dtype:>{width}}" for dtype in dtypes).rstrip(), style="dim"))
    lines.append(Text(" " * _NAME + heads * len(dtypes), style="dim"))
    for name, rows in groupby(atlas.functions, key=lambda row: row.name):
        lines.append(_line(name, list(rows)))
    return [*lines, Text(), *_places(atlas)]


def _line(name: str, rows: list[FunctionRow]) -> Text:
    line = Text(f"{name:<{_NAME}}")
    for row in rows:
        for answer in row.answers:
            said = worst(answer)
            far = any(q.regions for q in answer.quantities)
            said = f"({said})" if answer.offer == "composed" else said
            line.append(
                f"{said:>{_CELL}}", "bold red" if said.strip("()").endswith("!") else "yellow" if far else ""
            )
    return line


def _places(atlas: Atlas) -> list[Text]:
    places = places_of(atlas)
    large = [place for place in places if place.large]
    small = len(places) - len(large)
    if not places:
        return [Text(f"No answer is off by more than {atlas.threshold:.0f} ulps.", style="bold green")]
    head = f"Off by more than {atlas.threshold:.0f} ulps of max(1, |exact|), or not finite: {len(large)}"
    lines = [Text(head, style="bold")]
    for place in large[:_SHOWN]:
        lines += _place(place)
    if len(large) > _SHOWN:
        lines.append(Text(f"   … and {len(large) - _SHOWN} more", style="dim"))
    if small:
        lines.append(
            Text(f"Off by as much relative to a small exact result only: {small}; see the page", style="dim")
        )
    return lines


def _place(place: Place) -> list[Text]:
    (dtype, row), (low, high) = place.worst, place.bounds
    composed = ", composed" if place.offer == "composed" else ""
    head = Text(f"   {place.by:<10}{place.name}, {place.quantity}{composed}: ")
    head.append(place.kind, "bold red" if place.kind == "non-finite" else "yellow")
    head.append(f" in {' and '.join(place.dtypes)}; in {dtype} in [{low:.4g}, {high:.4g}]")
    off = "" if place.kind == "non-finite" else f", {number(row.ulps)} ulps"
    where = setting(row)
    at = f"{' ' * 13}t = {argument(row.at, dtype)}{f' ({where})' if where else ''}: "
    at += f"{row.answer:.6g}, exact {row.exact:.6g}{off}"
    return [head, Text(at, style="dim")]
