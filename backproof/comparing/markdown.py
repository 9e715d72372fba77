"""comparison.md: a comparison as Markdown that fits a comment on a pull request, however much is unlike."""

from __future__ import annotations

from collections.abc import Sequence

from backproof.reporting.markdown_text import cell, command, prose, table
from backproof.reporting.wording import verdict_sentence

from . import wording
from .model import WAYS, Change, Comparison, Way

_DIFFERENCES = 7
_SHOWN: dict[Way, int] = {"worse": 10, "better": 4, "new": 3, "gone": 3, "changed": 3}
"""At most so many of each way: with all else, `MOST_LINES` are never exceeded."""
_COMMANDS = 2


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison as text that ends in a line break. The same reports give the same bytes."""
    verdicts = [
        f"- old: {prose(verdict_sentence(comparison.old))}",
        f"- new: {prose(verdict_sentence(comparison.new))}",
        f"- compared: {prose(wording.cases_sentence(comparison))}",
    ]
    if comparison.note:
        verdicts.append(f"- campaigns: {prose(comparison.note)}")
    parts = [[f"## {prose(wording.headline(comparison))}"], verdicts]
    parts += [_differences(comparison), _changes(comparison), _commands(comparison)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _differences(comparison: Comparison) -> list[str]:
    rows = [(cell(row.label), cell(row.old), cell(row.new)) for row in wording.unlike(comparison)]
    return _first(("unlike", "old", "new"), rows, _DIFFERENCES)


def _changes(comparison: Comparison) -> list[str]:
    """One table, the regressions first."""
    rows: list[tuple[str, ...]] = []
    for way in WAYS:
        changes, explained = wording.told_apart(comparison.of(way))
        rows += [_row(change) for change in changes[: _SHOWN[way]]]
        rest = len(changes) - _SHOWN[way]
        if rest > 0:
            rows.append((way, f"… and {rest:,} more", "", ""))
        if explained:
            rows.append((way, wording.come_from(explained), "", ""))
    return table(("", "what", "old", "new"), rows) if rows else []


def _row(change: Change) -> tuple[str, ...]:
    way = f"**{change.way}**" if change.way == "worse" else change.way
    name = change.name if change.kind == "run" else f"{change.kind} {change.name}"
    return way, cell(name), cell(change.old), cell(change.new)


def _commands(comparison: Comparison) -> list[str]:
    """How to see the first regressions again, causes before findings."""
    told, _ = wording.told_apart(comparison.of("worse"))
    lines: list[str] = []
    for change in [change for change in told if change.command][:_COMMANDS]:
        said = f": {prose(change.note)}" if change.note else ""
        lines.append(f"- {prose(change.name)}{said}")
        lines += [f"  - mend: {prose(change.mend)}"] if change.mend else []
        lines.append(f"  - replay: {command(change.command)}")
    return lines


def _first(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], shown: int) -> list[str]:
    if not rows:
        return []
    rest = len(rows) - shown
    further = [(f"… and {rest:,} more", *("" for _ in heads[1:]))] if rest > 0 else []
    return table(heads, [*rows[:shown], *further])
