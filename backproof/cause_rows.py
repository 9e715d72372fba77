"""The causes of a run's findings as rows of its report: findings of one cause are one row with a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refimpl import Case, case_to_dict

from .diagnosis.causes import Cause
from .reporting import model
from .reporting.wording import network_in_words


@dataclass(frozen=True)
class Explained:
    """A finding's cause, and the smallest case that shows it, where one was looked for."""

    cause: Cause
    smallest: Case | None = None
    script: str = ""
    """A program that shows it without backproof."""
    values: model.SideBySide | None = None
    """What all sides have in the smallest case for the quantity that is wrong first."""

    @property
    def key(self) -> str:
        """What is the same for all findings that come from one thing, whatever layer it is in."""
        named = self.cause.kind in ("mistake", "pair", "convention")
        return self.cause.name if named else self.cause.title


def cause_rows(
    findings: Sequence[model.Finding],
    explained: Sequence[Explained | None],
    cases: Sequence[int],
    replay_options: str = "",
) -> tuple[model.CauseRow, ...]:
    """One row a cause. `explained` and `cases`, the cases of each finding, may be longer than `findings`."""
    groups: dict[str, list[int]] = {}
    for number, known in enumerate(explained):
        if known is not None:
            groups.setdefault(known.key, []).append(number)
    rows: list[model.CauseRow] = []
    for places in groups.values():
        listed = [findings[place].number for place in places if place < len(findings)]
        if listed:
            whole = [each for each in (explained[place] for place in places) if each is not None]
            seen = max(cases[place] for place in places)
            verdict = findings[places[0]].verdict  # the gravest finding comes first
            rows.append(_row(len(rows) + 1, whole, seen, listed, replay_options, verdict))
    return tuple(rows)


def one_row(explained: Explained) -> model.CauseRow:
    """The row of a cause that is told by itself."""
    return _row(1, [explained], 1, (1,))


def _row(
    number: int,
    known: Sequence[Explained],
    cases: int,
    findings: Sequence[int],
    replay_options: str = "",
    verdict: model.Verdict = "mismatch",
) -> model.CauseRow:
    cause = known[0].cause
    smallest = next((each for each in known if each.smallest is not None), None)
    told: dict[str, Any] = {}
    if smallest is not None and smallest.smallest is not None:
        case = smallest.smallest
        name, as_json = case.content_hash[:16], case_to_dict(case)
        told = {
            "smallest": network_in_words(as_json),
            "smallest_id": name,
            "smallest_case": as_json,
            "replay": f"backproof replay cases/{name}.json {replay_options}".strip(),
            "script": tuple(smallest.script.splitlines()),
            "smallest_values": smallest.values,
        }
    return model.CauseRow(
        number=number,
        equation=cause.equation,
        layers=cause.layers,
        kind=cause.kind,
        verdict=verdict,
        name=cause.name,
        what=cause.said,
        remedy=cause.remedy,
        evidence=str(cause.evidence) if cause.name else "",
        declaration=dict(cause.declaration),
        certain=cause.certain,
        cases=cases,
        findings=tuple(findings),
        **told,
    )
