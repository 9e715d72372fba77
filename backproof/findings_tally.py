"""What is wrong or decided differently: one finding a cause, with the first case that shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refimpl import QUANTITIES, Case, case_to_dict

from .cause_rows import Explained, cause_rows
from .judging.verdicts import SEVERITY, Check, Judgement, Settled
from .reporting import model
from .truth_tally import truth_fields

Cause = tuple[Any, ...]
"""What findings are told apart by: they sort from the gravest to the mildest."""
FINDINGS_SHOWN = 50
_ADDED_LATER = {"number", "cause", "side_by_side", "case"}
_DIGITS = re.compile(r"\d+")  # what differs in numbers only is one cause


@dataclass(frozen=True)
class Origin:
    """Where a case comes from: a seed and an index, a corpus, or a file."""

    regime: str | None = None
    seed: int | None = None
    index: int | None = None


class FindingsTally:
    """Counts findings of one implementation, by their cause as far as a check tells it."""

    def __init__(self, implementation: str, replay_options: str = "") -> None:
        self.implementation, self.replay_options = implementation, replay_options
        self._findings: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._cases_of: dict[tuple[Any, ...], list[Any]] = {}
        self._to_explain: dict[tuple[Any, ...], tuple[Check, Judgement]] = {}
        self._explained: dict[tuple[Any, ...], Explained] = {}
        self._values: dict[tuple[Any, ...], model.SideBySide | None] = {}

    def add(self, check: Check, judgement: Judgement, origin: Origin, settled: Settled | None) -> None:
        """Count one check that is wrong or decided differently; those of a case come one after the other."""
        case = judgement.case
        key = (
            SEVERITY.index(check.verdict), check.scope != "local", check.left,
            check.right.startswith("its"), check.right,  # oracles before what it says itself
            _PASS.index(check.quantity), check.equation, _DIGITS.sub("0", check.reason), case.dtype.name,
        )  # fmt: skip
        counted = self._cases_of.setdefault(key, [0, None])
        if counted[1] is not case:
            counted[:] = counted[0] + 1, case
        known = self._findings.get(key)
        if known is not None:
            known["occurrences"] += 1
            return
        if check.left == self.implementation and judgement.trace is not None:
            self._to_explain[key] = check, judgement
        replay = f"backproof replay cases/{case.content_hash[:16]}.json {self.replay_options}".strip()
        self._findings[key] = {
            "verdict": check.verdict,
            "reason": check.reason,
            "scope": check.scope,
            "left": check.left,
            "right": check.right,
            "quantity": check.quantity,
            "layer": check.layer,
            "equation": check.equation or None,
            "entry": check.entry,
            "observed": check.observed,
            "expected": check.expected,
            "bound": check.bound,
            "excess": excess(check),
            **(truth_fields(settled) if settled else {}),
            "message": message(check),
            "case_id": case.content_hash[:16],
            "seed": origin.seed,
            "index": origin.index,
            "dtype": case.dtype.name,
            "regime": origin.regime,
            "occurrences": 1,
            "replay": replay,
            "case": case_to_dict(case),
        }

    def merge(self, other: FindingsTally) -> None:
        """Count what `other` has counted, of other cases, which come after those counted here."""
        for cause, finding in other._findings.items():
            count, _ = self._cases_of.get(cause, (0, None))
            self._cases_of[cause] = [count + other._cases_of[cause][0], None]
            if cause in self._findings:
                self._findings[cause]["occurrences"] += finding["occurrences"]
                continue
            self._findings[cause] = dict(finding)
            if cause in other._to_explain:
                self._to_explain[cause] = other._to_explain[cause]

    def as_json(self) -> list[Any]:
        """For a file: rows, each of [cause, cases, finding without its case]; `add_json` reads them."""
        return [
            [
                cause,
                self._cases_of[cause][0],
                model.Finding(number=1, **(finding | {"case": None})).model_dump(
                    mode="json", exclude=_ADDED_LATER, exclude_defaults=True
                ),
            ]
            for cause, finding in self._findings.items()
        ]

    def add_json(self, told: Sequence[Any]) -> list[Cause]:
        """Count what `as_json` has told of another, validated; gives the causes that are new here.

        Their cases and answers are missing: see `put_cases` and `take_answers`.
        """
        other = FindingsTally(self.implementation, self.replay_options)
        fields = [name for name in model.Finding.model_fields if name not in _ADDED_LATER]
        for cause, cases, values in told:
            finding = model.Finding.model_validate({"number": 1, **values})
            other._findings[cause] = {name: getattr(finding, name) for name in fields} | {"case": None}
            other._cases_of[cause] = [cases, None]
        new = [cause for cause in other._findings if cause not in self._findings]
        self.merge(other)
        return new

    @property
    def causes_shown(self) -> list[Cause]:
        """Those of the findings that a report shows, the gravest first."""
        return sorted(self._findings)[:FINDINGS_SHOWN]

    def put_cases(self, draw: Callable[[int, int, str], Case]) -> None:
        """Gives the findings that are shown the cases that `draw` draws of seed, index and dtype."""
        for cause in self.causes_shown:
            finding = self._findings[cause]
            finding["case"] = case_to_dict(draw(finding["seed"], finding["index"], finding["dtype"]))

    def take_answers(self, other: FindingsTally, causes: Collection[Cause]) -> None:
        """Takes what is to be explained of these causes from `other`, which has judged their cases."""
        self._to_explain.update(
            (cause, other._to_explain[cause]) for cause in causes if cause in other._to_explain
        )

    def __getstate__(self) -> dict[str, Any]:
        # Which case came last is for who adds checks one by one.
        counted = {cause: [count, None] for cause, (count, _) in self._cases_of.items()}
        return vars(self) | {"_cases_of": counted}

    @property
    def is_to_be_explained(self) -> bool:
        """Whether there are findings about the implementation, with an answer that can be looked at."""
        return bool(self._to_explain)

    def explain(self, explain: Callable[[Check, Judgement], Explained | None]) -> None:
        """Has the findings about the implementation explained, the gravest first."""
        for key in sorted(self._to_explain):
            found = explain(*self._to_explain[key])
            if found is not None:
                self._explained[key] = found

    def put_side_by_side(self, values: Callable[[Check, Judgement], model.SideBySide | None]) -> None:
        """Has the values of all sides found for those findings that are shown."""
        for key in sorted(self._findings)[:FINDINGS_SHOWN]:
            if key in self._to_explain:
                self._values[key] = values(*self._to_explain[key])

    def rows(self) -> dict[str, Any]:
        """The parts of a Report that are about findings."""
        keys = sorted(self._findings)
        ordered = [self._findings[key] for key in keys]
        explained = [self._explained.get(key) for key in keys]
        shown = [
            model.Finding(
                number=number,
                cause=known.cause.title if known else None,
                side_by_side=self._values.get(key),
                **self._findings[key],
            )
            for number, (key, known) in enumerate(
                zip(keys[:FINDINGS_SHOWN], explained, strict=False), start=1
            )
        ]
        counted = [self._cases_of[key][0] for key in keys]
        return {
            "causes": cause_rows(shown, explained, counted, self.replay_options),
            "findings": tuple(shown),
            "findings_total": sum(finding["occurrences"] for finding in ordered),
        }


# In the order of a forward, backward, update pass: a cause comes before its effects.
_PASS = ("trace", *QUANTITIES)


def excess(check: Check) -> float | None:
    """|observed - expected| / bound of the entry that decided; None where there is none."""
    if check.observed is None or check.expected is None or not check.bound:
        return None
    return abs(check.observed - check.expected) / check.bound


def message(check: Check) -> str:
    """One line: what was observed, what was expected, under which bound, by what factor it is out, where."""
    place = check.quantity + (f"[{check.layer}]" if check.layer else "")
    if check.entry:
        place += f", entry {list(check.entry)}"
    held = "on its own inputs" if check.scope == "local" else "end to end"
    if check.observed is None:
        return f"{check.verdict}: {check.left}'s {place}: {check.reason}"
    factor = excess(check)
    out = (
        ""
        if factor is None or not np.isfinite(factor)
        else f", {factor:.3g} times the bound {check.bound:.3g}"
    )
    return (
        f"{check.verdict} in {check.equation}: {check.left}'s {place} is {check.observed:.9g}, "
        f"{check.right} has {check.expected:.9g} {held}{out} ({check.reason})"
    )
