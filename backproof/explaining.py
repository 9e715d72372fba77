"""What a judgement's mismatches come from: the diagnosis, kept for each cause, with its minimal case.

The diagnosis asks the implementation more cases, so that it needs the panel while that is still alive.
"""

from __future__ import annotations

from dataclasses import replace

from refimpl import Case

from .cases import DrawOptions
from .cause_rows import Explained
from .diagnosis.agreement import Observation
from .diagnosis.causes import Cause, Diagnosis
from .diagnosis.diagnose import Diagnostician
from .diagnosis.reduce import NoFailureError
from .diagnosis.same_failure import failure_like, reduce_failure
from .judging.panel import Panel
from .judging.verdicts import FAILING, Check, Comparison, Judgement
from .reporting.model import SideBySide
from .side_by_side import comparisons_of, side_by_side
from .subject import Subject

MOST_DIAGNOSED = 40
"""Cases that are diagnosed at the end of a run: one for each kind of finding."""
MOST_REDUCED = 5
"""Causes whose cases are reduced; the first ones, which are the gravest."""
SECONDS = 30.0
"""For the reduction of one case, which is usually ended by the number of cases it tries: a report must not
depend on how fast the machine is."""
_TOGETHER = ({"B4", "B5", "B1a"}, {"F3", "F4"})
"""Equations of which one is named where the judge names another: the activation of a hidden layer or of
the last one, and what reaches it from above."""


class Explainer:
    """Diagnoses what one panel has judged, and reduces the first case of each cause."""

    def __init__(
        self, subject: Subject, panel: Panel, draw: DrawOptions | None = None, seconds: float = SECONDS
    ) -> None:
        """`draw` is what may be asked of the subject; `seconds` the most that one reduction takes."""
        self.subject, self.panel, self.seconds = subject, panel, seconds
        self.draw = draw or subject.draw(DrawOptions())
        self._diagnostician = Diagnostician(panel.answers, self.draw)
        self._known: dict[str, Diagnosis] = {}
        self._reduced: dict[str, Explained] = {}
        self._compared: dict[str, list[Comparison]] = {}

    def explained(self, check: Check, judgement: Judgement) -> Explained | None:
        """The cause of one failing check, with the smallest case that shows it; None if nothing is known."""
        cause = self.cause_of(check, judgement)
        if cause is None:
            return None
        found = Explained(cause)
        if check.verdict in FAILING and found.key not in self._reduced and len(self._reduced) < MOST_REDUCED:
            self._reduced[found.key] = self._smallest(found, check, judgement)
        known = self._reduced.get(found.key)
        return found if known is None else replace(known, cause=cause)

    def diagnosis(self, judgement: Judgement) -> Diagnosis:
        """The causes of what is wrong with the implementation's answers; none if nothing is."""
        case = judgement.case.content_hash
        if case not in self._known:
            self._known[case] = self._of(judgement)
        return self._known[case]

    def _of(self, judgement: Judgement) -> Diagnosis:
        if judgement.trace is None or len(self._known) >= MOST_DIAGNOSED:
            return Diagnosis(())
        observation = Observation.of(judgement, judgement.trace)
        if not observation.wrong:
            return Diagnosis(())
        return self._diagnostician.diagnose([observation])

    def cause_of(self, check: Check, judgement: Judgement) -> Cause | None:
        """The cause of one failing check: its equation's, else what comes first and spoils the rest."""
        if check.right.startswith("itself"):  # what differs from call to call is no equation's fault
            return None
        causes = self.diagnosis(judgement).causes
        related = next((group for group in _TOGETHER if check.equation in group), {check.equation})
        near = [cause for cause in causes if cause.equation in related]
        exact = [c for c in near if check.layer in c.layers and c.equation == check.equation]
        if check.scope == "local":
            return next(iter(exact or near), None)
        return next(iter(exact or causes), None)

    def _smallest(self, found: Explained, check: Check, judgement: Judgement) -> Explained:
        """With the smallest case in which the same check fails, and a script that shows it."""
        only = replace(judgement, checks=(check,))
        as_drawn = self.subject.divides(judgement.case)

        def supported(case: Case) -> bool:
            # A simpler reduction that is not the one it is judged by would mislead who reads it.
            return not self.subject.outside(case) and (self.subject.divides(case) or not as_drawn)

        try:
            reduced = reduce_failure(self.panel, only, self.seconds, supported)
        except NoFailureError:  # what it answers changes from call to call
            return found
        (again,) = self.panel.judge([reduced.case])
        first = failure_like(check, again, self.panel.name)
        if first is None:
            return replace(found, smallest=reduced.case)
        values = self.values(first, again)
        return replace(found, smallest=reduced.case, values=values, script=self._script(first, again))

    def values(self, check: Check, judgement: Judgement) -> SideBySide | None:
        """All sides' numbers for what one check is about; None if they are not to be had."""
        case = judgement.case.content_hash
        if case not in self._compared:
            self._compared[case] = comparisons_of(judgement, self.panel.oracles)
        return side_by_side(check, self._compared[case])

    def _script(self, check: Check, judgement: Judgement) -> str:
        """Empty where no framework is among the oracles that could stand in it: none is loaded for that."""
        from .diagnosis.script import FRAMEWORKS, script

        framework = next((o.name for o in self.panel.oracles if o.name in FRAMEWORKS), None)
        if judgement.trace is None or framework is None:
            return ""
        return script(judgement.case, check, judgement.trace, self.panel.name, framework)
