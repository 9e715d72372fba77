"""The sentences that a comparison's text, Markdown and page share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from backproof.reporting.wording import plural

from .likeness import rows_about
from .model import KINDS, Change, Comparison, Difference, Kind, Way

_NAMED = 3


def headline(comparison: Comparison) -> str:
    """What the comparison says, in one sentence."""
    worse, better = comparison.of("worse"), comparison.of("better")
    if worse:
        return f"Worse: {_first(worse, 'regression')}"
    if better:
        return f"Better: {_first(better, 'improvement')}"
    rest = len(comparison.changes)
    if rest:
        return f"Nothing got worse or better; {plural(rest, 'thing is', 'things are')} different otherwise."
    return "No difference in what was found."


def tone(comparison: Comparison) -> Literal["good", "warn", "bad"]:
    """How the sentence is to be taken: it is the comparison that is judged, and not the new run."""
    return "bad" if comparison.regressed else "good"


def _first(changes: tuple[Change, ...], one: str) -> str:
    """The first thing that helps, equations before causes before all else; and why, if that is known."""
    why = next((f": {change.note}" for change in changes if change.kind == "cause" and change.note), "")
    if not why and not any(change.kind == "equation" for change in changes):
        faults = (text for change in changes for text in change.texts if change.kind == "finding")
        why = next((f": {_seen(text)}." for text in faults if text.startswith("fault")), "")
    return f"{_named(changes)}{why or f'; {plural(len(changes), one)} in all.'}"


def _seen(text: str) -> str:
    """What was found, without how often."""
    return text.rpartition(", seen ")[0] or text


def _named(changes: tuple[Change, ...]) -> str:
    kinds = [kind for kind in ("equation", "cause", "run", *KINDS) if any(c.kind == kind for c in changes)]
    chosen = [change for change in changes if change.kind == kinds[0]]
    first = chosen[0]
    if first.kind != "equation":
        return f"{first.name}, {_verdict(first.old)} → {_verdict(first.new)}"
    names = [change.name for change in chosen if _moves(change) == _moves(first)]
    rest = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
    return f"{'equation' if len(names) == 1 else 'equations'} {listed}, {' → '.join(_moves(first))}"


def _moves(change: Change) -> tuple[str, str]:
    moves = _verdict(change.old), _verdict(change.new)
    return moves if moves[0] != moves[1] else change.texts


def _verdict(text: str) -> str:
    """The verdict before the numbers."""
    return text.partition(",")[0]


def cases_sentence(comparison: Comparison) -> str:
    """Whether both runs judged the same, and what else is unlike."""
    run, differences = comparison.new.run, comparison.differences
    where = rows_about(differences, "where")
    tested = rows_about(differences, "tested")
    if comparison.alike:
        total = plural(comparison.new.counts.total, "case")
        said = f"Both judged the same {total} of seed {run.seed}"
        unlike = [shift(row) for row in (*tested, *where)]
        if not unlike:
            return f"{said}, in the same surroundings."
        rest = len(unlike) - _NAMED
        return f"{said}; unlike are {', '.join(unlike[:_NAMED])}" + (
            f" and {rest} more." if rest > 0 else "."
        )
    labels = [row.label for row in differences if row.about == "asked" or row.label == "declared"]
    why = f"{', '.join(labels)} unlike" if labels else "both were interrupted"
    return (
        f"The runs did not judge the same cases in the same way ({why}); what both asked for is compared, "
        "and counts are not held against each other."
    )


def shift(row: Difference) -> str:
    """A difference in a few words, such as "torch 2.12.0 → 2.13.0"."""
    return f"{row.label} {row.old} → {row.new}"


def numbers(comparison: Comparison) -> dict[Way, str]:
    """Way → how many things of each kind went that way: "1 equation, 2 causes"."""
    told: dict[Way, str] = {}
    for way in ("worse", "better", "new", "gone", "changed"):
        kinds = Counter(change.kind for change in comparison.of(way))
        told[way] = ", ".join(
            "the run" if kind == "run" else f"{number:,} {kind if number == 1 else KINDS[kind]}"
            for kind, number in kinds.items()
        )
    return {way: text for way, text in told.items() if text}


def unlike(comparison: Comparison) -> tuple[Difference, ...]:
    """The differences of the runs that `cases_sentence` does not tell already."""
    rows = comparison.differences
    return () if comparison.alike and len(rows) <= _NAMED else rows


def grouped(changes: Iterable[Change]) -> dict[Kind, list[Change]]:
    """Kind → its changes."""
    groups: dict[Kind, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.kind, []).append(change)
    return groups


def told_apart(changes: Iterable[Change]) -> tuple[list[Change], int]:
    """Those to be told by themselves, and how many findings come from a cause that is among them."""
    changes = list(changes)
    causes = any(change.kind == "cause" for change in changes)
    rest = [change for change in changes if not (causes and change.explained)]
    return rest, len(changes) - len(rest)


def come_from(number: int) -> str:
    """The findings of causes in one line."""
    return f"{plural(number, 'finding comes', 'findings come')} from what is told as causes"
