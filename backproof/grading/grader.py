"""One submission, from its bytes to its result."""

from __future__ import annotations

import gc
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backproof import __version__
from backproof.errors import UsageError
from backproof.plugging.links import LinkError

from .bare import BareInterpreter, BareLink
from .diagnosing import Diagnosing
from .evidence import Evidence
from .examining import Declared, GradedSubject, examined
from .exercise import Exercise
from .marking import Marking, offered_and_lacking
from .model import Mark, Note, Result
from .rubric import TITLES, Rubric
from .submissions import Submission, remove_copy

VERSION = __version__
"""What results name: another version grades again."""
_MISSING = re.compile(r"No module named '([^']+)'")


class Grader:
    """Grades submissions one after the other, with the same cases and oracles."""

    def __init__(self, rubric: Rubric, seed: int, oracles: Sequence[str]) -> None:
        self.rubric = rubric
        self.exercise = Exercise(rubric, seed, oracles)
        self.interpreter = BareInterpreter()
        # What the frameworks have made lives as long as the process: the collector need not look at it again.
        gc.freeze()

    def close(self) -> None:
        """Removes what was made for the workers."""
        self.interpreter.close()

    def grade(self, submission: Submission) -> Result:
        """The result of one submission, whatever it does."""
        status, why = submission.why_not()
        if status:
            return self._not_graded(submission, status, why)
        folder = Path(tempfile.mkdtemp(prefix="submission-"))
        try:
            try:
                file = submission.copy_to(folder)
            except OSError as error:
                why = f"it cannot be copied: {error.strerror}"
                return self._not_graded(submission, "not loadable", why)
            return self._asked(submission, file, folder)
        finally:
            remove_copy(folder)

    def _asked(self, submission: Submission, file: Path, folder: Path) -> Result:
        marking = self.rubric.marking
        link = BareLink(self.interpreter, file, self._what(), marking.time_limit, marking.memory_limit)
        declared = Declared(link, self.rubric)
        try:
            try:
                subject = GradedSubject(declared, submission.shown)
            except (UsageError, LinkError) as error:
                why = _why(str(error), str(folder))
                return self._not_graded(submission, "not loadable", why, link.integrity(folder))
            evidence = Evidence(examined(self.exercise, subject))
            marks = Marking(self.rubric, evidence, Diagnosing(evidence))
            return self._graded(submission, subject, declared, marks, link.integrity(folder))
        finally:
            link.close()

    def _what(self) -> dict[str, Any]:
        asked = self.rubric.submission
        arguments = {kind: list(asked.arguments_of(kind)) for kind in asked.functions}
        return {
            "class": asked.class_,
            "function": asked.function,
            "functions": asked.functions,
            "arguments": arguments,
        }

    def _graded(
        self,
        submission: Submission,
        subject: GradedSubject,
        declared: Declared,
        marking: Marking,
        notes: tuple[Note, ...],
    ) -> Result:
        marks = marking.marks()
        offers, lacks = offered_and_lacking(marking)
        return Result(
            **self._head(submission),
            status="graded",
            interface=declared.interface,
            offers=offers,
            lacks=lacks,
            declared=subject.declared,
            marks=marks,
            findings=tuple(marking.diagnosing.findings),
            conventions=marking.lines("convention"),
            unstable=marking.lines("unstable"),
            faults=marking.faults(),
            integrity=notes,
            total=sum(mark.earned for mark in marks),
        )

    def _not_graded(
        self, submission: Submission, status: Any, why: str, notes: tuple[Note, ...] = ()
    ) -> Result:
        reason = "It is empty." if status == "empty" else "It could not be loaded."
        marks = tuple(
            Mark(
                equation=equation,
                title=TITLES[equation],
                points=points,
                earned=0.0,
                verdict="not shown",
                how="",
                reason=reason,
                cases=len(self.exercise.judgeable[equation]),
                judged=0,
            )
            for equation, points in self.rubric.asked.items()
        )
        return Result(
            **self._head(submission), status=status, reason=why, marks=marks, integrity=notes, total=0.0
        )

    def _head(self, submission: Submission) -> dict[str, Any]:
        return {
            "backproof": VERSION,
            "name": submission.name,
            "key": submission.key,
            "file": submission.shown,
            "source_hash": submission.source_hash,
            "rubric_hash": self.rubric.digest,
            "out_of": self.rubric.out_of,
        }


def _why(message: str, folder: str) -> str:
    """Why a submission could not be loaded, in words that do not depend on where that was tried."""
    text = message.replace(f"{folder}/", "").replace(folder, ".")
    missing = _MISSING.search(text)
    if missing:
        place = re.search(r"\(([^()]+, line \d+)\)", text)
        where = f"{place[1]}: " if place else ""
        return f"{where}it imports {missing[1]}, and has the standard library and NumPy only"
    return re.sub(r"; install it for \S+", "", text)
