"""Asks an implementation specimens in a layout, and keeps count of what came back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from backproof.plugging.declaration import Declaration
from backproof.plugging.layouts import in_layout, trace_of
from backproof.plugging.links import Link, Reply, Request
from refimpl import ACTIVATIONS, LOSSES, QUANTITIES, Case, InvalidCaseError, Trace

from .exact import exacts
from .reading import Reading, read
from .specimens import Specimen


class Layout(NamedTuple):
    """How arrays lie: the keys of a declaration, and whether classes are numbers."""

    samples: str = "columns"
    weights: str = "outputs x inputs"
    bias: str = "column"
    indices: bool = False

    @property
    def declaration(self) -> Declaration:
        """The layout as a declaration, which says nothing else."""
        labels = "indices" if self.indices else "any"
        return Declaration(self.samples, self.weights, self.bias, labels)

    def __str__(self) -> str:
        words = f"samples {self.samples}, weights {self.weights}, bias {self.bias}"
        return words + (", labels indices" if self.indices else "")


# Those that people use come first: lost processes are not asked for ever.
LAYOUTS = tuple(
    sorted(
        (
            Layout(*each)
            for each in product(
                ("columns", "rows"),
                ("outputs x inputs", "inputs x outputs"),
                ("column", "row", "flat"),
                (False, True),
            )
        ),
        key=lambda layout: (
            layout.indices,
            (layout.samples == "rows") != (layout.weights == "inputs x outputs"),
            (layout.samples == "columns") != (layout.bias == "column"),
            layout.bias == "row",
        ),
    )
)


@dataclass(frozen=True)
class Answer:
    """What came back for one case in one layout."""

    case: Case
    layout: Layout
    trace: Trace
    faults: tuple[str, ...]
    """What is wrong with its form; such quantities are not in `trace`."""
    failure: str
    """Why there is no answer at all: what was raised, or is not supported."""
    manners: tuple[str, ...]
    """What else it did that it should not, with an answer."""
    values: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compare."""
        return all(getattr(self.trace, quantity) is None for quantity in QUANTITIES)

    @property
    def malformed(self) -> frozenset[str]:
        """The quantities of which the form is wrong."""
        return frozenset(fault.partition(" ")[0].partition("[")[0] for fault in self.faults)

    def signature(self) -> str:
        """The failure without sizes and names: the same for failures of one kind at one place."""
        text = self.failure or "; ".join(self.faults)
        return _VARYING.sub("·", text)


_NAMES = sorted({*ACTIVATIONS, *LOSSES, "mean", "sum", "batchmean", "entrymean"}, key=len, reverse=True)
_VARYING = re.compile(rf"\b({'|'.join(_NAMES)})\b|\d+|[, ]+(?=[,)])")


class GivenUpError(Exception):
    """The implementation will not be asked any more; the message says why."""


class Asker:
    """Asks and compares; a reading is of the hypothesis that is asked unless another is given."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.asked = 0
        self.manners: dict[str, None] = {}
        self.last_failure = ""

    def answers(
        self,
        questions: Sequence[tuple[Specimen | Case, Layout]],
        changed: Callable[[int, dict[str, Any]], Mapping[str, Any]] | None = None,
    ) -> list[Answer | None]:
        """One answer a question; None where there is no such case, as for indices of no classes.

        `changed` gives for the question of that number and its fields what to say otherwise in it. Raises
        GivenUpError when nothing is asked any more.
        """
        requests: list[tuple[int, Case, Layout, Request]] = []
        for number, (question, layout) in enumerate(questions):
            try:
                case = question.case if isinstance(question, Specimen) else question
            except InvalidCaseError:
                continue
            if layout.indices and not case.network.loss.entry.classes:
                continue
            fields = in_layout(case, layout.declaration)
            if changed is not None:
                fields |= changed(number, fields)
            requests.append((number, case, layout, Request(fields)))
        found: list[Answer | None] = [None] * len(questions)
        replies = self.link.ask([request for *_, request in requests])
        for (number, case, layout, _), reply in zip(requests, replies, strict=True):
            if reply.unsupported.startswith("not asked"):
                raise GivenUpError(f"{reply.unsupported}; the last time: {self.last_failure}")
            self.asked += 1
            answer = found[number] = _answer(case, layout, reply)
            self.last_failure = answer.failure or self.last_failure
            self.manners.update(dict.fromkeys(answer.manners))
        return found

    def readings(
        self, questions: Sequence[tuple[Specimen, Layout]]
    ) -> list[tuple[Answer | None, Reading | None]]:
        """Answers with what they say of what was asked; no reading where there is nothing to compare."""
        answers = self.answers(questions)
        some = [answer for answer in answers if answer is not None and not answer.is_empty]
        values = iter(exacts([answer.case for answer in some]))
        return [
            (answer, None)
            if answer is None or answer.is_empty
            else (answer, read(answer.case, answer.trace, next(values)))
            for answer in answers
        ]


def _answer(case: Case, layout: Layout, reply: Reply) -> Answer:
    if reply.unsupported:
        return Answer(case, layout, Trace(), (), f"not supported: {reply.unsupported}", ())
    if reply.values is None:
        return Answer(case, layout, Trace(), (), "; ".join(reply.faults) or "there was no answer", ())
    trace, faults = trace_of(case, layout.declaration, reply.values)
    return Answer(case, layout, trace, tuple(faults), "", tuple(reply.faults), reply.values)
