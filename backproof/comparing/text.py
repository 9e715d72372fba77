"""A comparison in a terminal: what got worse first, a few lines for each kind of thing."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from rich.console import Console
from rich.text import Text

from backproof.reporting.safe_text import safe_text
from backproof.reporting.wording import verdict_sentence

from . import wording
from .model import WAYS, Change, Comparison, Way

_STYLES: dict[Way, str] = {"worse": "bold red", "better": "bold green"}
_TONES = {"good": "bold green", "warn": "bold yellow", "bad": "bold red"}
_SHOWN = 5
"""At most so many of one kind; and so many differences of the runs twice."""
_WIDTH = 12
_CASE = re.compile(r"(?<![^ ])cases/[0-9A-Za-z_-]+\.json")


def print_comparison(comparison: Comparison, console: Console, names: tuple[str, str]) -> None:
    """Prints the comparison of the reports in the files `names`."""
    for line in lines_of(comparison, names):
        # Lines are left to the terminal to wrap: a command broken in two cannot be copied.
        console.print(line, soft_wrap=True, highlight=False)


def lines_of(comparison: Comparison, names: tuple[str, str]) -> list[Text]:
    """The lines of the text."""
    lines = [Text(wording.headline(comparison), style=_TONES[wording.tone(comparison)]), Text()]
    lines.append(_labelled("old", f"{safe_text(names[0])}: {verdict_sentence(comparison.old)}"))
    lines.append(_labelled("new", f"{safe_text(names[1])}: {verdict_sentence(comparison.new)}"))
    lines.append(_labelled("compared", wording.cases_sentence(comparison)))
    if comparison.note:
        lines.append(_labelled("campaigns", safe_text(comparison.note)))
    rows = wording.unlike(comparison)
    for place, row in enumerate(rows[: 2 * _SHOWN]):
        lines.append(_labelled("" if place else "unlike", wording.shift(row)))
    if len(rows) > 2 * _SHOWN:
        lines.append(_labelled("", f"… and {len(rows) - 2 * _SHOWN} more"))
    for way in WAYS:
        if comparison.of(way):
            lines += [Text(), *_way(comparison, way, Path(names[1]).parent)]
    return lines


def _way(comparison: Comparison, way: Way, folder: Path) -> list[Text]:
    lines = [Text.assemble((way, _STYLES.get(way, "bold")), f": {wording.numbers(comparison)[way]}")]
    told, explained = wording.told_apart(comparison.of(way))
    for kind, changes in wording.grouped(told).items():
        for change in changes[:_SHOWN]:
            lines += _change(change, folder)
        if len(changes) > _SHOWN:
            lines.append(_kind(kind, f"… and {len(changes) - _SHOWN:,} more"))
    return [*lines, _kind("finding", wording.come_from(explained))] if explained else lines


def _change(change: Change, folder: Path) -> list[Text]:
    head = _kind(change.kind, "")
    head.append(change.name, "bold").append(f": {change.old} → {change.new}")
    # The command names the file relative to the report's folder.
    replay = _CASE.sub(lambda file: shlex.quote(safe_text(str(folder / file[0]))), change.command, count=1)
    further = [("", change.note), ("mend   ", change.mend), ("replay ", replay)]
    indent = " " * (_WIDTH + 3)
    return [head, *(Text.assemble(indent, (label, "dim"), text) for label, text in further if text)]


def _kind(kind: str, text: str) -> Text:
    return Text.assemble((f"   {kind:<{_WIDTH}}", "dim"), text)


def _labelled(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<{_WIDTH}}", "dim"), text)
