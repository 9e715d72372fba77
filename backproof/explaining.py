"""What a judgement's mismatches come from: the diagnosis, kept for each cause, with its minimal case.

The diagnosis asks the implementation more cases, so that it needs the panel while that is still alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from refimpl import Case, Trace

from .cases import DrawOptions
from .cause_rows import Explained
from .diagnosis.agreement import Observation
from .diagnosis.causes import Cause, Diagnosis
from .diagnosis.diagnose import Diagnostician
from .judging.panel import Panel
from .judging.verdicts import Check, Judgement

MOST_DIAGNOSED = 40
"""Cases that are diagnosed at the end of a run: one for each kind of finding."""
_TOGETHER = ({"B4", "B5", "B1a"}, {"F3", "F4"})
"""Equations of which one is named where the judge names another: the activation of a hidden layer or of
the last one, and what reaches it from above."""


@dataclass
class Explainer:
    """Diagnoses what one panel has judged."""

    panel: Panel
    draw: DrawOptions = field(default_factory=DrawOptions)
    """What may be asked of the implementation."""

    def __post_init__(self) -> None:
        self._diagnostician = Diagnostician(self._ask, self.draw)
        self._known: dict[str, Diagnosis] = {}

    def _ask(self, cases: Sequence[Case]) -> list[Trace]:
        return self.panel.answers(cases)

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
        causes = self.diagnosis(judgement).causes
        if check.scope == "local":
            related = next((group for group in _TOGETHER if check.equation in group), {check.equation})
            near = [cause for cause in causes if cause.equation in related]
            exact = [
                cause for cause in near if check.layer in cause.layers and cause.equation == check.equation
            ]
            return next(iter(exact or near), None)
        return causes[0] if causes else None

    def explained(self, check: Check, judgement: Judgement) -> Explained | None:
        """The cause of one failing check with what there is to show it."""
        cause = self.cause_of(check, judgement)
        return None if cause is None else Explained(cause)
