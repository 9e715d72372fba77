"""What a student is told of what is wrong, as far as the rubric's feedback goes; pages and files share it.

"verdict" tells which equations are wrong. "diagnosis" tells what is wrong as well, with the student's own
numbers in the smallest case, in which direction each is off, and by how much at most in words: what is right
could otherwise be computed from it. "solution" has the right equation, the right numbers and how to mend it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from backproof.reporting.findings import EntryRow, SideBySide
from backproof.reporting.wording import plural, symbol, value

from .model import Finding, Mark, Result
from .rubric import LATEX, Rubric

IN_WORDS = {
    "F2": "Z of a layer, from its input, its weights and its bias",
    "F3": "A of a hidden layer, from its Z",
    "F4": "A of the last layer, which is the prediction",
    "F5": "one number for how far the predictions are from the targets",
    "B4": "δ of the last layer: the loss differentiated by its Z",
    "B1a": "the error that a layer hands back to the one before it, a part of B5",
    "B5": "δ of a hidden layer, from δ of the layer after it",
    "B1": "∂L/∂W of a layer, from its δ and its input",
    "B3": "∂L/∂b of a layer, from its δ",
    "U1": "W after one step of gradient descent",
    "U2": "b after one step of gradient descent",
}
"""What each equation gives, and from what; never how."""
VERDICTS = {
    "conforms": "right",
    "convention": "right",
    "unstable": "unstable",
    "mismatch": "wrong",
    "fault": "fault",
    "not judged": "not judged",
    "not shown": "not shown",
}
"""A mark's verdict in a word that needs no explanation."""
SYMBOLS = {
    "conforms": "✓",
    "convention": "✓",
    "unstable": "≈",
    "mismatch": "✗",
    "fault": "!",
    "not judged": "?",
    "not shown": "–",
}
TONES = {
    "conforms": "good",
    "convention": "good",
    "unstable": "warn",
    "mismatch": "bad",
    "fault": "bad",
    "not judged": "plain",
    "not shown": "plain",
}
_OWN = {
    "F2": ("Z",),
    "F3": ("A",),
    "F4": ("A",),
    "F5": ("loss",),
    "B4": ("delta",),
    "B1a": ("delta", "dX"),
    "B5": ("delta", "dX"),
    "B1": ("dW",),
    "B3": ("db",),
    "U1": ("W_updated",),
    "U2": ("b_updated",),
}
"""The quantities of which an equation's own values are."""
_MOST_ENTRIES = 8
_FAR = 1e9
"""Times the bound, from where on it does not matter how many."""


def points(number: float) -> str:
    """2.0 as "2", 0.75 as "0.75"; without the dust of sums."""
    return f"{round(number, 4):.10g}"


def formula(mark: Mark, feedback: str) -> str:
    """The equation in LaTeX; only what it gives, if it is not right yet and no solution is to be told."""
    latex = LATEX.get(mark.equation, "")
    if mark.verdict in ("conforms", "convention") or feedback == "solution":
        return latex
    for sign in (" = ", r" \leftarrow "):
        left, found, _ = latex.partition(sign)
        if found:
            return rf"{left}{sign}\ldots"
    return ""


def tells(feedback: str, least: str) -> bool:
    """Whether so much feedback includes what needs at least `least`."""
    levels = ("verdict", "diagnosis", "solution")
    return levels.index(feedback) >= levels.index(least)


# ---------------------------------------------------------------- one thing that is wrong


@dataclass(frozen=True)
class Own:
    """One number of the student's, and what may be said of it."""

    place: str
    yours: str
    hint: str
    right: str
    """Empty unless the solution is told."""


@dataclass(frozen=True)
class Card:
    """A finding as it is told: every text in it may be read by the student."""

    number: int
    equations: tuple[str, ...]
    title: str
    verdict: str
    what: str
    where: str
    far: str
    evidence: str
    seen: str
    likely: str
    smallest: str
    values: SideBySide | None
    """None if there are none, or they are not of this equation."""
    numbers: tuple[Own, ...]
    finding: Finding
    """Of which a page takes the network of the smallest case, and, for a solution, the formulas."""


def cards(result: Result, rubric: Rubric) -> tuple[Card, ...]:
    """One for each finding that belongs to a mark, in the order of a pass; none for feedback "verdict"."""
    if not tells(rubric.marking.feedback, "diagnosis"):
        return ()
    marks: dict[int, list[Mark]] = {}
    for mark in result.marks:
        for number in mark.findings:
            marks.setdefault(number, []).append(mark)
    return tuple(
        _card(result, result.findings[number - 1], of, tells(rubric.marking.feedback, "solution"))
        for number, of in marks.items()
    )


def _card(result: Result, finding: Finding, marks: Sequence[Mark], solution: bool) -> Card:
    equations = tuple(mark.equation for mark in marks)
    own = [mark for mark in marks if mark.equation == finding.equation]
    title = own[0].title if own else ""
    values = finding.values if _fits(finding) else None
    return Card(
        number=finding.number,
        equations=equations,
        title=f"{finding.equation}: {title}" if title else finding.equation or "The whole",
        verdict=finding.verdict,
        what=_what(finding),
        where=_where(finding, values),
        far="" if values is None else _far(values.entries),
        evidence=finding.evidence,
        seen=f"in {finding.cases} of {plural(max(marks, key=lambda m: m.cases).cases, 'case')}"
        if marks and finding.cases <= max(mark.cases for mark in marks)
        else f"in {plural(finding.cases, 'case')}",
        likely="" if finding.certain else f"That it is {finding.equation} is likely, and not certain.",
        smallest=smallest(finding, result),
        values=values,
        numbers=() if values is None else tuple(_owns(finding, values, solution)),
        finding=finding,
    )


def _what(finding: Finding) -> str:
    if finding.kind != "unknown":
        return sentence(finding.what)
    return "These numbers are not those of the documented equation, and no known mistake gives them." + (
        " Work the small network below out by hand, and compare." if finding.smallest else ""
    )


def sentence(text: str) -> str:
    """With a capital letter, unless it begins with a name, as in "dW[1] has …" or "network.py, line 3"."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() and len(first) > 1 else text


def smallest(finding: Finding, result: Result) -> str:
    """The smallest network in words, with the loss divided as this submission was asked to."""
    scale = next((each for each in result.declared if each.startswith("loss is ")), "")
    if not scale:
        return finding.smallest
    return re.sub(r" \((sum|mean)\)", lambda _: f" ({scale.removeprefix('loss is ')})", finding.smallest)


def _fits(finding: Finding) -> bool:
    """Whether the values are those of this equation; where two mistakes meet, another may be wrong first."""
    values = finding.values
    if values is None or values.scope != "local":
        return True
    return values.quantity in _OWN.get(finding.equation, (values.quantity,))


def _where(finding: Finding, values: SideBySide | None) -> str:
    """The layer in which the smallest case shows it, and what kind of layer that is; and the shape."""
    if values is None:
        layers = " and ".join(map(str, finding.layers))
        return f"layer{'s' if len(finding.layers) > 1 else ''} {layers}" if layers else ""
    text = symbol(values.quantity, values.layer)
    try:
        depth = len((finding.smallest_case or {})["network"]["layers"])
    except (LookupError, TypeError):
        depth = 0
    if values.layer is not None and depth:
        kind = "the last one" if values.layer == depth else "a hidden one"
        text += f", in layer {values.layer} of {depth}, {kind}" if depth > 1 else ", in the only layer"
    if values.shape:
        size = " × ".join(map(str, values.shape))
        text += f"; its shape is {size}, with {values.wrong} of {math.prod(values.shape)} numbers wrong"
    return text


def _far(entries: Sequence[EntryRow]) -> str:
    """How far the worst number is off: an order of magnitude, from which no right value can be computed."""
    worst = [entry.excess for entry in entries if entry.excess is not None]
    if not worst:
        return ""
    if not all(map(math.isfinite, worst)):
        return "further than any rounding could bring it"
    most = max(worst)
    if most <= 1:
        return ""
    if most < 10:
        return "a few times as far as rounding could bring it"
    if most >= _FAR:
        return "more than a billion times as far as rounding could bring it"
    return f"about 10{_raised(int(math.log10(most)))} times as far as rounding could bring it"


def _raised(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))


def _owns(finding: Finding, values: SideBySide, solution: bool) -> Iterator[Own]:
    dtype = str((finding.smallest_case or {}).get("dtype", "float64"))
    for entry in values.entries[:_MOST_ENTRIES]:
        index = f"[{', '.join(map(str, entry.entry))}]" if entry.entry and math.prod(values.shape) > 1 else ""
        right = next((each.value for each in entry.expected or entry.whole), None)
        yield Own(
            place=symbol(values.quantity, values.layer) + index,
            yours=value(entry.observed, dtype),
            hint=hint(entry.observed, right, entry.excess),
            right=value(right, dtype) if solution and right is not None else "",
        )


def hint(yours: float, right: float | None, excess: float | None) -> str:
    """In which direction a number is off, in words that do not tell the right one."""
    if excess is not None and excess <= 1:
        return "right"
    if right is None:
        return "wrong"
    if not math.isfinite(yours):
        return "not finite" if math.isfinite(right) else "wrong"
    if not math.isfinite(right):
        return "wrong"
    if yours == 0:
        return "0, and it should not be"
    if right != 0 and math.copysign(1.0, yours) != math.copysign(1.0, right):
        return "has the wrong sign"
    apart = abs(yours - right) / max(abs(yours), abs(right))
    way = "too large" if abs(yours) > abs(right) else "too small"
    if apart < 1e-4:
        return f"{way}, in the last digits only"
    return f"slightly {way}" if apart < 0.05 else way


# ---------------------------------------------------------------- in plain text


def lines(result: Result, mark: Mark, rubric: Rubric) -> Iterator[str]:
    """What is told of one equation, a line each, in plain text."""
    yield mark.reason
    for card in cards(result, rubric):
        if mark.equation not in card.equations:
            continue
        yield ""
        yield f"{card.title}. {card.what}"
        for name, text in facts(card):
            yield f"  {name}: {text}"
        for own in card.numbers:
            told = f"  your {own.place} is {own.yours}: {own.hint}"
            yield told + (f"; right is {own.right}" if own.right else "")
        if tells(rubric.marking.feedback, "solution") and card.finding.remedy:
            yield f"  to mend it: {card.finding.remedy}"


def facts(card: Card) -> list[tuple[str, str]]:
    """Name and text of what else is said of a finding; only what there is."""
    told = [
        ("where", card.where),
        ("how far off", card.far),
        ("seen", card.seen),
        ("evidence", card.evidence),
        ("smallest network", card.smallest),
    ]
    return [(name, text) for name, text in told if text]


def file_name(result: Result, rubric: Rubric) -> str:
    """What the student's file is called, without its folder."""
    return PurePosixPath(result.file).name or rubric.submission.file


def first_to_mend(result: Result) -> Mark | None:
    """The first equation in the order of a pass that has not all of its points."""
    return next((mark for mark in result.marks if mark.earned < mark.points), None)
