"""What became of functions' errors from one atlas to another: what a new PyTorch or JAX changed.

An error is held against the threshold of the atlases, as findings are, and told otherwise where it doubled or
halved: less is what another choice of arguments gives. What one atlas alone was asked about is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.text import Text

from .atlas.model import AnswerRow, Atlas, QuantityRow
from .atlas.places import number
from .reporting.safe_text import safe_text
from .reporting.wording import plural

Way = Literal["worse", "better", "changed"]
WAYS: tuple[Way, ...] = ("worse", "better", "changed")
_STYLES: dict[Way, str] = {"worse": "bold red", "better": "bold green", "changed": "bold"}
_MOVED, _SMALL = 2.0, 1.0
"""By this factor an error must have moved to be told; below so many ulps nobody need look."""
_SHOWN = 20
"""At most so many of each way."""


@dataclass(frozen=True)
class AtlasChange:
    """One answerer's value or derivative of one function, with another error than before."""

    way: Way
    name: str
    """Whose, and of what, such as "torch gelu, value, float32"."""
    old: str
    new: str


@dataclass(frozen=True)
class AtlasComparison:
    """Two atlases beside each other."""

    old: Atlas
    new: Atlas
    unlike: tuple[tuple[str, str, str], ...]
    """In what they are unlike: its name, as it was, as it is."""
    compared: int
    """How many values and derivatives are in both."""
    changes: tuple[AtlasChange, ...]

    def of(self, way: Way) -> tuple[AtlasChange, ...]:
        """The changes of one way."""
        return tuple(change for change in self.changes if change.way == way)


def compare_atlases(old: Atlas, new: Atlas) -> AtlasComparison:
    """Everything that became worse, better or otherwise in what both were asked about."""
    before, after = _answers(old), _answers(new)
    common = [key for key in before if key in after]
    threshold = max(old.threshold, new.threshold)
    changes: list[AtlasChange] = []
    compared = 0
    for by, name, dtype in common:
        one, other = before[by, name, dtype], after[by, name, dtype]
        if one.offer != other.offer:
            changes.append(AtlasChange("changed", f"{by} {name}, {dtype}", one.offer, other.offer))
        later = {row.quantity: row for row in other.quantities}
        for row in one.quantities:
            now = later.get(row.quantity)
            if now is None:
                continue
            compared += 1
            way = _way(row, now, threshold)
            if way is not None:
                changes.append(
                    AtlasChange(way, f"{by} {name}, {row.quantity}, {dtype}", _told(row), _told(now))
                )
    return AtlasComparison(old, new, tuple(_unlike(old, new)), compared, tuple(changes))


def _answers(atlas: Atlas) -> dict[tuple[str, str, str], AnswerRow]:
    return {(answer.by, row.name, row.dtype): answer for row in atlas.functions for answer in row.answers}


def _way(old: QuantityRow, new: QuantityRow, threshold: float) -> Way | None:
    broken = old.classes.get("non-finite", 0), new.classes.get("non-finite", 0)
    if broken[0] != broken[1]:
        return "worse" if broken[1] > broken[0] else "better"
    was, is_ = old.worst_ulps or 0.0, new.worst_ulps or 0.0
    far = was > threshold, is_ > threshold
    if far[0] != far[1]:
        return "worse" if far[1] else "better"
    if was == is_ or max(was, is_) <= _SMALL or max(was, is_) < _MOVED * min(was, is_):  # infinite both, too
        return None
    if far[0]:
        return "worse" if is_ > was else "better"
    return "changed"


def _told(row: QuantityRow) -> str:
    broken = row.classes.get("non-finite", 0)
    return f"{number(row.worst_ulps)} ulps" + (f", {broken:,} not finite" if broken else "")


def _unlike(old: Atlas, new: Atlas) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*old.versions, *new.versions]):
        if old.versions.get(name) != new.versions.get(name):
            yield name, old.versions.get(name, "–"), new.versions.get(name, "–")
    for label, was, is_ in (
        ("Python", old.python, new.python),
        ("platform", old.platform, new.platform),
        ("points", f"{old.points:,}", f"{new.points:,}"),
        ("threshold", f"{old.threshold:g}", f"{new.threshold:g}"),
        ("answerers", ", ".join(old.answerers), ", ".join(new.answerers)),
    ):
        if was != is_:
            yield label, was, is_


# ---------------------------------------------------------------- as text


def print_atlas_comparison(comparison: AtlasComparison, console: Console, names: tuple[str, str]) -> None:
    """Prints the comparison of the atlases in the files `names`."""
    for line in lines_of(comparison, names):
        console.print(line, soft_wrap=True, highlight=False)


def lines_of(comparison: AtlasComparison, names: tuple[str, str]) -> list[Text]:
    """The lines of the text."""
    tone = "bold red" if comparison.of("worse") else "bold green"
    lines = [Text(headline(comparison), style=tone), Text()]
    lines += [_labelled(label, safe_text(name)) for label, name in zip(("old", "new"), names, strict=True)]
    compared = plural(comparison.compared, "value or derivative", "values and derivatives")
    lines.append(_labelled("compared", compared))
    for place, (label, was, is_) in enumerate(comparison.unlike):
        lines.append(_labelled("" if place else "unlike", safe_text(f"{label} {was} → {is_}")))
    for way in WAYS:
        changes = comparison.of(way)
        if changes:
            lines += [Text(), Text.assemble((way, _STYLES[way]), f": {len(changes):,}")]
        for change in changes[:_SHOWN]:
            line = Text("   ").append(safe_text(change.name), "bold")
            lines.append(line.append(f": {safe_text(change.old)} → {safe_text(change.new)}"))
        if len(changes) > _SHOWN:
            lines.append(Text(f"   … and {len(changes) - _SHOWN:,} more", style="dim"))
    return lines


def headline(comparison: AtlasComparison) -> str:
    """What the comparison says, in one sentence."""
    for way, label in (("worse", "Worse"), ("better", "Better")):
        found = [change for change in comparison.changes if change.way == way]
        if found:
            first = found[0]
            return safe_text(f"{label}: {first.name}, {first.old} → {first.new}; {len(found):,} in all.")
    rest = len(comparison.changes)
    if rest:
        return f"Nothing got worse or better; {plural(rest, 'error is', 'errors are')} different otherwise."
    return "No error is another one."


def _labelled(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<12}", "dim"), text)
