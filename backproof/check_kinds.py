"""Which checks one can name before anything is judged, and what of a judgement belongs to which of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from refimpl import Case
from refimpl.equations import EQUATIONS

from .judging.verdicts import FAILING, Check, Judgement

SOUND = "answers are sound"
ASKED_AGAIN = "itself, asked again"
ENOUGH = "enough was judged"
END_TO_END = {
    "loss": "loss",
    "dW": "weight gradients",
    "db": "bias gradients",
    "dX": "input gradient",
    "W_updated": "updates",
    "b_updated": "updates",
    "Z": "pre-activations",
    "A": "activations",
    "delta": "errors of layers",
}
"""Quantity → the kind of check that compares it with whole networks of the oracles."""
LOCAL = {
    "F2": "F2 pre-activation",
    "F3": "F3 activation",
    "F4": "F4 output activation",
    "F5": "F5 loss",
    "B1": "B1 weight gradient",
    "B1a": "B1a input gradient",
    "B3": "B3 bias gradient",
    "B4": "B4 output error",
    "B5": "B5 hidden error",
    "U1": "U1 weight update",
    "U2": "U2 bias update",
}
"""Equation → the kind of check that judges it on its own inputs."""
RELATED = (
    "itself, units permuted",
    "itself, the batch in two parts",
    "itself, samples duplicated",
    "itself, another reduction",
)
KINDS = (SOUND, *dict.fromkeys(END_TO_END.values()), *LOCAL.values(), ASKED_AGAIN, *RELATED, ENOUGH)
"""All of them, in the order in which they run."""

assert set(LOCAL) <= {equation.id for equation in EQUATIONS}


def kind_of(check: Check) -> str:
    """The kind that a check of an implementation belongs to; what has none of its own is about soundness."""
    if check.quantity == "trace" or check.right == "its shape":
        return SOUND
    if check.right.startswith("itself, reduction"):
        return RELATED[-1]
    if check.right in (ASKED_AGAIN, *RELATED):
        return check.right
    if check.right.startswith("itself"):
        return SOUND
    if check.scope == "local":
        return LOCAL.get(check.equation, SOUND)
    return END_TO_END.get(check.quantity, SOUND)


@dataclass
class Found:
    """What was found of one kind."""

    cases: int = 0
    """In how many there was a check of the kind."""
    judged: int = 0
    """Checks that were judged."""
    failing: list[tuple[Case, Check]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why checks were not judged, or what was unsound."""


class Findings:
    """What was found in all cases of one dtype, by kind."""

    def __init__(self, judgements: Iterable[Judgement], name: str) -> None:
        """`name` is the implementation's."""
        self.kinds = {kind: Found() for kind in KINDS}
        self.cases = self.answered = self.judged = 0
        self.disagreeing: list[tuple[Case, Check]] = []
        """Checks of oracles that fail: they say nothing about the implementation, but weaken what does."""
        for judgement in judgements:
            self._add(judgement, name)

    def _add(self, judgement: Judgement, name: str) -> None:
        self.cases += 1
        seen: set[str] = set()
        judged = False
        for check in judgement.checks:
            if check.left != name:
                if check.verdict in FAILING:
                    self.disagreeing.append((judgement.case, check))
                continue
            kind = kind_of(check)
            found = self.kinds[kind]
            seen.add(kind)
            if check.verdict in FAILING:
                found.failing.append((judgement.case, check))
            if check.verdict == "not judged" or kind == SOUND:
                found.reasons[check.reason] += 1
            if check.verdict != "not judged":
                found.judged += 1
                judged = judged or kind != SOUND
        for kind in seen:
            self.kinds[kind].cases += 1
        self.answered += bool(seen - {SOUND})
        self.judged += judged

    def why_skipped(self, kind: str) -> str:
        """Why a check of this kind says nothing; empty if it says something."""
        found = self.kinds[kind]
        if kind in (SOUND, ASKED_AGAIN):
            return "" if self.answered or found.failing else "not offered: no case was answered"
        if not found.cases:
            if self.kinds[SOUND].failing:
                return f"not offered, or not sound: see {SOUND!r}"
            return "not asked: no case has such a related one" if kind in RELATED else "not offered"
        if not found.judged:
            return f"not judged: {_commonest(found.reasons)}"
        return ""

    def too_little(self, floor: int) -> list[str]:
        """What shows that too little was judged, a line each; none if `floor` cases were, and all of each."""
        lines = []
        if self.judged < floor:
            why = _commonest(self.kinds[SOUND].reasons)
            lines.append(
                f"judged {self.judged} of {self.cases} cases, expected at least {floor}"
                + (f"; most often: {why}" if why else "")
            )
        for kind in dict.fromkeys(END_TO_END.values()):
            found = self.kinds[kind]
            if 0 < found.cases < floor * self.answered / self.cases:
                lines.append(f"{kind}: offered in {found.cases} of {self.answered} answers only")
        for kind in (*dict.fromkeys(END_TO_END.values()), *LOCAL.values()):
            found = self.kinds[kind]
            if found.cases and not found.judged:
                lines.append(f"{kind}: offered, but not judged: {_commonest(found.reasons)}")
        if self.disagreeing:
            check = self.disagreeing[0][1]
            lines.append(
                f"{check.left} and {check.right} disagree on {check.quantity} in "
                f"{len(self.disagreeing)} checks: {check.reason}; leave one of them out of oracles"
            )
        return lines


def _commonest(reasons: Counter[str]) -> str:
    return reasons.most_common(1)[0][0] if reasons else ""
