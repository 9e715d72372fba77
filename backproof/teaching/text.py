"""A lesson in the terminal: plain when piped, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from backproof.reporting import wording
from refimpl import case_to_dict

from . import matrices
from .equations import numbered
from .model import Answer, Lesson, Step
from .plain_math import plain

WIDTH = 100
_INDENT = 6
PARTS = {"forward": "Forward", "loss": "Loss", "backward": "Backward", "update": "Update"}


def print_lesson(lesson: Lesson, console: Console) -> None:
    """Prints the whole pass."""
    width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    for line in lines_of(lesson, width):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def lines_of(lesson: Lesson, width: int = WIDTH) -> list[Text]:
    """The lines, none wider than `width` but for formulas that cannot be broken."""
    lines = _head(lesson, width)
    part = ""
    for step in lesson.steps:
        if step.part != part:
            part = step.part
            lines += [Text(), Text(f"{PARTS[part]} ".ljust(width, "─"), "bold")]
        lines += [Text(), *_step(step, lesson, width)]
    lines += [Text(), *_end(lesson, width)]
    return [line for place, line in enumerate(lines) if line.plain or lines[place - 1].plain]


def _head(lesson: Lesson, width: int) -> list[Text]:
    title = wording.network_in_words(case_to_dict(lesson.case))
    case = lesson.case
    lines = _wrapped(f"{title}, η = {matrices.number(case.learning_rate)}, {case.dtype.name}", width, "bold")
    told = "W[l], b[l], A[l]: of layer l; A[0] = X; samples are columns; δ[l] = ∂L/∂Z[l]."
    lines += _wrapped(told, width, "dim")
    if lesson.oracles:
        told = (
            f"✓ says how far others are from these numbers. An ulp is one in the last place of a "
            f"{case.dtype.name}: a few are rounding, more where terms cancel."
        )
        lines += _wrapped(told, width, "dim")
    if lesson.mistake is not None:
        mistake = lesson.mistake
        lines += [Text(), *_wrapped(f"With the mistake {mistake.name}: {mistake.what}", width, "red")]
        first = lesson.first_wrong
        if first is not None:
            lines.append(Text(f"It goes wrong at step {first.number}, {_name(first)}.", "red"))
    return lines


def _name(step: Step) -> str:
    """As in "B5, error of a hidden layer, layer 1"."""
    layer = f", layer {step.layer}" if step.layer is not None else ""
    return f"{step.equation}, {step.title[:1].lower()}{step.title[1:]}{layer}"


def _step(step: Step, lesson: Lesson, width: int) -> list[Text]:
    ids = " and ".join(step.ids)
    place = f"layer {step.layer}" if step.layer is not None else ""
    head = Text(f"{step.number:3}.  ", "dim") + Text(f"{ids}  {step.title}", "bold")
    if place:
        head += Text(f", {place}")
    if step.wrong is not None and step.wrong.first:
        head += Text("   ✗ HERE IT GOES WRONG", "bold red")
    room = width - _INDENT
    where = [plain(each) for each in step.where]
    lines = [head, *_indented(_formula(step.text, where, room))]
    if not (len(step.terms) == 1 and step.equation == "F1"):
        lines += _indented([Text(step.shapes, "cyan")])
    numbers = matrices.equation_of(step.result, step.terms, room)
    lines += [Text(), *_indented(Text(line) for line in numbers), Text()]
    if step.expansion is not None:
        lines += _indented(_wrapped(step.expansion.text, room))
    lines += _indented(_verdicts(step, room))
    if step.wrong is not None:
        lines += _indented(_wrong(step, lesson, room))
    for said in (step.remark, step.note):
        if said:
            lines += _indented(_wrapped(said, room, "dim"))
    return lines


def _formula(text: str, where: list[str], room: int) -> list[Text]:
    """The equation and what it takes as known, in one line if there is room."""
    known = ",  ".join(where)
    if not known:
        return [Text(text, "bold")]
    if len(text) + len(known) + 10 <= room:
        return [Text(text, "bold") + Text("   with  ", "dim") + Text(known)]
    return [Text(text, "bold"), *(Text("   with  ", "dim") + Text(each) for each in where)]


def _verdicts(step: Step, room: int) -> list[Text]:
    """What the oracles have, those that have the same together."""
    if not step.answers:
        return []
    groups: dict[str, list[Answer]] = {}
    for answer in step.answers:
        groups.setdefault(answer.apart.words, []).append(answer)
    said = "; ".join(
        f"{', '.join(_oracle(answer.oracle) for answer in answers)}: {words}"
        for words, answers in groups.items()
    )
    far = any(answer.apart.words.startswith("off") for answer in step.answers)
    return _wrapped(f"{'≠' if far else '✓'} {said}", room, "yellow" if far else "green")


def _oracle(name: str) -> str:
    return "the truth" if name == "truth" else name


def _wrong(step: Step, lesson: Lesson, room: int) -> list[Text]:
    wrong = step.wrong
    assert wrong is not None
    if wrong.status == "right":
        return [Text("= with the mistake: the same", "dim")]
    pairs = [("right", step.result.values), ("with the mistake", wrong.values)]
    numbers = [Text(line) for line in matrices.beside(pairs, room)]
    if wrong.status == "carried on":
        said = f"→ with the mistake it carries on the error made before, {wrong.apart.words}:"
        return [*_wrapped(said, room, "yellow"), *numbers, Text()]
    again = "" if wrong.first else "wrong again: "
    formula = plain(numbered(lesson.mistake.latex, step.layer or 0, lesson.case.network.depth))
    said = f"✗ {again}with the mistake it is {wrong.apart.words}, computed as"
    if wrong.apart.equal:
        said = f"✗ {again}by chance the right number, but computed from wrong ones as"
    return [*_wrapped(said, room, "red"), *_wrapped(f"   {formula}", room, "bold red"), *numbers, Text()]


def _end(lesson: Lesson, width: int) -> list[Text]:
    lines = [Text("─" * width, "bold")]
    before = f"The loss was {matrices.number(lesson.loss)}"
    after = (
        f"after this update it is {matrices.number(lesson.loss_after)} on the same data"
        if lesson.loss_after is not None
        else "after this update it is not finite"
    )
    lines += _wrapped(f"{before}; {after}.", width)
    if lesson.mistake is not None:
        wrong = lesson.wrong_loss_after
        told = matrices.number(wrong) if wrong is not None else "not finite"
        lines += _wrapped(f"Updated with the mistake, it is {told}.", width, "red")
        lines += _wrapped(f"Mend it: {lesson.mistake.remedy}", width)
    return lines


def _wrapped(text: str, width: int, style: str = "") -> list[Text]:
    indent = " " * (len(text) - len(text.lstrip()))
    return [Text(line, style) for line in wrap(text, width, subsequent_indent=indent + "  ")]


def _indented(lines: Iterable[Text]) -> list[Text]:
    return [Text(" " * _INDENT) + line if line.plain else line for line in lines]
