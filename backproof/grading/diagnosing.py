"""What is wrong, by name where that is known: findings for the marks, each once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backproof.cause_rows import Explained
from backproof.diagnosis.causes import Cause
from backproof.diagnosis.mistakes import MISTAKES
from backproof.explaining import Explainer
from backproof.judging.verdicts import FAILING, Check, Judgement
from backproof.reporting.wording import network_in_words
from refimpl import case_to_dict

from .evidence import Evidence
from .model import Finding
from .rubric import LATEX

_NO_LIMIT = 1e6
MOST_CASES = 3
"""So many wrong cases of an equation are diagnosed: a second mistake may show in other networks only."""


class Diagnosing:
    """The findings of one submission, in the order in which they were asked for."""

    def __init__(self, evidence: Evidence) -> None:
        examination = evidence.examination
        self.evidence, self.panel = evidence, examination.panel
        # What ends a reduction must not be the clock: a result does not depend on the machine.
        self.explainer = Explainer(
            examination.subject, examination.panel, examination.exercise.rubric.draw(), seconds=_NO_LIMIT
        )
        self.findings: list[Finding] = []
        self._causes: dict[int, Cause | None] = {}
        self._known: dict[Any, int] = {}
        self._asked: dict[Any, tuple[int, ...]] = {}

    def of_equation(self, equation: str, wrong: Mapping[int, Check]) -> tuple[int, ...]:
        """The numbers of what is found about one equation, from the cases in which it is wrong."""
        key = (equation, frozenset(wrong))
        if key not in self._asked:
            numbers = sorted(wrong, key=lambda number: (wrong[number].verdict not in FAILING, number))
            # Small networks first: their smallest cases are found sooner.
            chosen = sorted(numbers, key=self._size)[:MOST_CASES]
            found = [self._finding(equation, wrong[number], number, len(wrong)) for number in chosen]
            self._asked[key] = tuple(dict.fromkeys(found))
        return self._asked[key]

    def of_whole(self, wrong: Mapping[int, Check]) -> tuple[int, ...]:
        """The same from end-to-end checks: an equation for each cause."""
        key = ("", frozenset(wrong))
        if key not in self._asked:
            found: list[int] = []
            for number in sorted(wrong, key=self._size)[:MOST_CASES]:
                judgement = _without_updates(self._judgement(number))
                causes = self.explainer.diagnosis(judgement).causes
                check = wrong[number]
                explained = self.explainer.explained(check, judgement)
                for cause in causes:
                    same = explained is not None and explained.cause == cause
                    known = explained if same and explained is not None else Explained(cause)
                    found.append(self._told(cause.equation, check, known, len(wrong), whole=True))
                if not causes:
                    found.append(self._told(check.equation, check, None, len(wrong), whole=True))
            self._asked[key] = tuple(dict.fromkeys(found))
        return self._asked[key]

    def blamed(self, findings: tuple[int, ...]) -> set[str] | None:
        """The equations that these findings name, with strong or fair evidence; None if one names nothing."""
        found: set[str] = set()
        for number in findings:
            cause = self._causes[number]
            if cause is None or cause.kind not in ("mistake", "pair", "convention"):
                return None
            if cause.evidence.strength == "weak":
                return None
            found.add(cause.equation)
            for name in (cause.name, *cause.evidence.rivals):
                for part in name.split(" and "):  # a pair's name has both
                    found |= set(MISTAKES[part].equations if part in MISTAKES else ())
        return found

    # ------------------------------------------------------------ one finding

    def _judgement(self, number: int) -> Judgement:
        return self.evidence.examination.judgements[number]

    def _size(self, number: int) -> tuple[int, int, int]:
        case = self._judgement(number).case
        return (case.network.depth, sum(case.network.widths) * case.samples, number)

    def _finding(self, equation: str, check: Check, number: int, cases: int) -> int:
        judgement = self._judgement(number)
        explained = None
        if check.quantity != "trace" and not check.right.startswith("itself"):
            explained = self.explainer.explained(check, judgement)
        return self._told(equation, check, explained, cases)

    def _told(
        self, equation: str, check: Check, explained: Explained | None, cases: int, *, whole: bool = False
    ) -> int:
        """The number of the finding; a new one, if it is another than those that are known."""
        cause = None if explained is None else explained.cause
        of_fault = check.verdict == "fault"
        key = (equation, check.verdict, explained.key if explained else check.reason if of_fault else "")
        if key in self._known:
            return self._known[key]
        number = len(self.findings) + 1
        self._known[key], self._causes[number] = number, cause
        told: dict[str, Any] = {}
        if explained is not None and explained.smallest is not None:
            case = explained.smallest
            as_json = case_to_dict(case)
            told = {
                "smallest": network_in_words(as_json),
                "smallest_id": case.content_hash[:16],
                "smallest_case": as_json,
                "values": explained.values,
            }
        layers = (check.layer,) if check.layer else ()
        kind = "fault" if of_fault else "unknown" if cause is None else cause.kind
        unknown = "What is wrong is not known." if not of_fault else check.reason
        self.findings.append(
            Finding(
                number=number,
                equation=equation,
                layers=cause.layers if cause is not None else layers,
                verdict="unstable" if check.verdict == "unstable" else "fault" if of_fault else "mismatch",
                reason=check.reason,
                kind=kind,  # type: ignore[arg-type]
                name="" if cause is None else cause.name,
                what=unknown if cause is None or not cause.what else cause.what,
                remedy="" if cause is None else cause.remedy,
                documented=LATEX.get(equation, ""),
                implemented="" if cause is None else cause.implemented,
                evidence=str(cause.evidence) if cause is not None and cause.name else "",
                strength=cause.evidence.strength if cause is not None and cause.name else "",  # type: ignore[arg-type]
                certain=True if cause is None or not whole else bool(cause.certain),
                cases=cases,
                fingerprint=self.evidence.fingerprint(equation),
                **told,
            )
        )
        return number


def _without_updates(judgement: Judgement) -> Judgement:
    """Without end-to-end checks of updates whose gradients are given: that step is judged by itself.

    To the diagnosis an updated W that is wrong end to end, and right after a wrong dW, is one more wrong
    number, which no candidate explains.
    """
    trace = judgement.trace
    given = {
        updated
        for updated, gradient in (("W_updated", "dW"), ("b_updated", "db"))
        if trace is not None and getattr(trace, gradient) is not None
    }
    kept = tuple(c for c in judgement.checks if c.scope == "local" or c.quantity not in given)
    return replace(judgement, checks=kept)
