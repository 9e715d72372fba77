"""In what two runs are unlike, and what one asked for that the other did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backproof.reporting.model import Finding, Report, RunInfo
from backproof.reporting.wording import count, functions_in

from .model import NONE, Difference

_SHOWN = 6
"""A list of more names is told by those that the other lacks."""

_ALWAYS = "all"
"""The mode of asking the truth about every case."""

_ASKED: tuple[tuple[str, Callable[[RunInfo], Any]], ...] = (
    ("seed", lambda run: str(run.seed)),
    ("cases", lambda run: count(run.cases_requested)),
    ("dtypes", lambda run: run.dtypes),
    ("activations", lambda run: run.activations),
    ("losses", lambda run: run.losses),
    ("oracles", lambda run: run.oracles),
)


def alike(old: Report, new: Report) -> bool:
    """Whether both judged the same cases in the same way.

    The same wishes alone do not show that: another version may draw other cases. But then the cases are not
    spread over the regimes as before.
    """
    asked = all(what(old.run) == what(new.run) for _, what in _ASKED)
    whole = old.status == new.status == "complete"
    modes = _modes(old, new)
    told = old.run.declared == new.run.declared and modes[0] == modes[1]
    return asked and whole and told and _drawn(old) == _drawn(new)


def _drawn(report: Report) -> dict[str, int]:
    """How many cases came from where."""
    return {f"{row.name} {row.dtype}": row.cases for row in report.regimes}


def _modes(old: Report, new: Report) -> tuple[str, str]:
    """When the truth is asked, in either run.

    Where nothing was to be asked, that is not recorded: it was as in the other, unless that asks always.
    """
    modes = [report.truth.mode if report.truth is not None else "" for report in (old, new)]
    known = modes[0] or modes[1]
    unknown = "if need be" if known == _ALWAYS else known
    return modes[0] or unknown, modes[1] or unknown


# ---------------------------------------------------------------- how the runs differ


def differences(old: Report, new: Report) -> tuple[Difference, ...]:
    """All in which the runs are unlike, what is under test first."""
    rows: list[Difference] = []

    def add(about: Any, label: str, before: Any, after: Any) -> None:
        if before != after:
            texts = _lists(before, after) if isinstance(before, tuple) else (_text(before), _text(after))
            rows.append(Difference(label, *texts, about))

    for label in ("implementation", "source", "mistake"):
        add("tested", label, getattr(old.run, label), getattr(new.run, label))
    _versions(add, "tested", old.run.versions, new.run.versions)
    add("tested", "declared", old.run.declared, new.run.declared)
    add("tested", "not offered", old.run.not_offered, new.run.not_offered)
    for label, what in _ASKED:
        add("asked", label, what(old.run), what(new.run))
    add("asked", "truth asked", *_modes(old, new))
    if not rows_about(rows, "asked") and old.status == new.status == "complete":
        drawn = _drawn(old), _drawn(new)
        otherwise = [key for key in sorted({*drawn[0], *drawn[1]}) if drawn[0].get(key) != drawn[1].get(key)]
        add(
            "asked",
            "cases drawn",
            *(tuple(f"{key} {each.get(key, 0)}" for key in otherwise) for each in drawn),
        )
    add("asked", "status", old.status, new.status)
    before, after = old.environment, new.environment
    _versions(add, "where", before.versions, after.versions)
    add("where", "Python", before.python, after.python)
    add("where", "platform", before.platform, after.platform)
    add("where", "BLAS", before.blas, after.blas)
    add("where", "CPU features", before.cpu_features, after.cpu_features)
    for label in ("threads", "flush_subnormals", "matmul_precision", "xla_flags"):
        one, other = getattr(before, label), getattr(after, label)
        add("where", label.replace("_", " ").replace("xla", "XLA"), _mapping(one), _mapping(other))
    add("where", "report version", old.schema_version, new.schema_version)
    return tuple(rows)


def rows_about(rows: Iterable[Difference], about: str) -> list[Difference]:
    """Those about what is tested, asked, or where it ran."""
    return [row for row in rows if row.about == about]


def _versions(add: Callable[..., None], about: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for name in sorted({*old, *new}):
        add(about, name, old.get(name), new.get(name))


def _mapping(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return ", ".join(f"{key} {_text(item)}" for key, item in sorted(value.items()))


def _text(value: Any) -> str:
    return NONE if value is None or value == "" else str(value)


def _lists(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, str]:
    return _against(old, new), _against(new, old)


def _against(names: tuple[str, ...], other: tuple[str, ...]) -> str:
    if len(names) <= _SHOWN:
        return ", ".join(names) or NONE
    only = [name for name in names if name not in other]
    if not only:
        return f"{len(names)}, none of them only here"
    rest = len(only) - _SHOWN
    return f"{len(names)}, only here {', '.join(only[:_SHOWN])}" + (f" and {rest} more" if rest > 0 else "")


# ---------------------------------------------------------------- what only one of them asked for


@dataclass(frozen=True)
class Extra:
    """What one run asked for and the other did not."""

    dtypes: frozenset[str]
    oracles: frozenset[str]
    activations: frozenset[str]
    losses: frozenset[str]

    @classmethod
    def of(cls, report: Report, other: Report) -> Extra:
        """What `report` has over `other`."""
        kinds = ("dtypes", "oracles", "activations", "losses")
        extra = cls(*(frozenset(getattr(report.run, k)) - frozenset(getattr(other.run, k)) for k in kinds))
        mine, theirs = _modes(report, other)
        if mine == _ALWAYS != theirs and "truth" not in other.run.oracles:
            return replace(extra, oracles=extra.oracles | {"truth"})
        return extra

    def __bool__(self) -> bool:
        return bool(self.dtypes or self.oracles or self.activations or self.losses)

    def cell(self, activation: str, loss: str, dtype: str) -> bool:
        """Whether the other run did not ask for these functions in this dtype."""
        return activation in self.activations or loss in self.losses or dtype in self.dtypes

    def pair(self, left: str, right: str, dtype: str) -> bool:
        """Whether the other run did not ask for these sides in this dtype."""
        return left in self.oracles or right in self.oracles or dtype in self.dtypes

    def reason(self, finding: Finding) -> str:
        """What of it the other run did not ask for; empty if it asked for all, or that is not known.

        A step judged on its own inputs depends on the activation of its layer, and in the last one on the
        loss; what is judged end to end on the whole network.
        """
        used = [finding.dtype, finding.left, finding.right]
        found = [name for name in used if name in self.dtypes | self.oracles]
        activations, loss = functions_in(finding.case)
        layer = finding.layer
        functions = {*activations, loss}
        if finding.scope == "local" and layer is not None and layer <= len(activations):
            functions = {activations[layer - 1]} | ({loss} if layer == len(activations) else set())
        found += sorted(functions & (self.activations | self.losses))
        return ", ".join(found)
