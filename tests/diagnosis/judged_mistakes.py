"""Mistakes in random cases: drawn where they show, judged, and told whether they matter there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any

import jaxtyping

from backproof.cases import DrawOptions, draw_case
from backproof.diagnosis.mattering import Ground, grounds, is_without_effect
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.judging.panel import Answered, Panel
from backproof.judging.verdicts import FAILING, Check, Judgement
from backproof.subject import Subject
from oracles.torch_oracle import TorchOracle
from refimpl import Case

SEED = 6
REFERENCE = "reference"
FOUND = {*FAILING, "unstable"}
_SMALL = {"max_depth": 5, "max_width": 12, "max_batch": 8}


@cache
def torch() -> TorchOracle:
    return TorchOracle()


def small(options: DrawOptions) -> DrawOptions:
    """As the options, in networks that are judged quickly."""
    return replace(options, **{name: min(getattr(options, name), most) for name, most in _SMALL.items()})


@cache
def drawn(index: int, dtype: str, options: DrawOptions) -> Case:
    return draw_case(SEED, index, dtype, options).case


@dataclass(frozen=True)
class Shown:
    """A mistake in one case."""

    mistake: Mistake
    case: Case
    matters: bool
    """As `mattering` says."""


@contextmanager
def unchecked() -> Iterator[None]:
    """Without the checks of shapes in refimpl, which would take most of the time."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def shown(pairs: Iterable[tuple[Mistake, Case]]) -> list[Shown]:
    """Each mistake in its case."""
    given = list(pairs)
    cases = list(dict.fromkeys(case for _, case in given))
    known: dict[Case, Ground] = dict(zip(cases, grounds(cases, torch()), strict=True))
    return [Shown(mistake, case, known[case].matters(mistake)) for mistake, case in given]


def differing(mistake: Mistake, cases: Iterable[Case]) -> Iterator[tuple[Mistake, Case]]:
    """The mistake with those of the cases in which its answer is another than the reference's."""
    return ((mistake, case) for case in cases if not is_without_effect(mistake, case))


def few(dtype: str, wanted: int = 2, most: int = 240, known: Collection[tuple[str, str]] = ()) -> list[Shown]:
    """Of each mistake the first cases in which it differs, and one in which it does not.

    Of a mistake that matters in none of these, some in which it does: unless it is `known` never to.
    """
    first: list[tuple[Mistake, Case]] = []
    for mistake in MISTAKES.values():
        cases = [drawn(index, dtype, small(mistake.draw)) for index in range(40)]
        found = list(islice(differing(mistake, cases), wanted))
        passed = cases[: cases.index(found[-1][1]) if found else 1]
        idle = [(mistake, case) for case in passed if case not in [case for _, case in found]][:1]
        first += found + idle
    examples = shown(first)
    matter = {example.mistake.name for example in examples if example.matters}
    for name, mistake in MISTAKES.items():
        if name not in matter and (name, dtype) not in known:
            cases = [drawn(index, dtype, small(mistake.draw)) for index in range(most)]
            others = shown(islice(differing(mistake, cases), 60))
            examples += [example for example in others if example.matters][:wanted]
    return examples


def judged(examples: Sequence[Shown]) -> list[Judgement]:
    """All in one chunk, as the panel would judge what the reference answers."""
    plain = [each for each in examples if each.mistake.effect != "state"]
    runs = [(each.mistake.implementation().run(each.case), ()) for each in plain]
    found = iter(Panel(Answered(), [torch()]).judge_runs([each.case for each in plain], runs))
    again: dict[str, Any] = {}
    for name, mistake in MISTAKES.items():
        cases = [each.case for each in examples if each.mistake is mistake]
        if mistake.effect == "state" and cases:
            # A panel asks the first two cases of a run again, and others now and then: here each is a first.
            again[name] = iter([Subject(name).panel([torch()], None).judge([case])[0] for case in cases])
    return [next(again.get(each.mistake.name, found)) for each in examples]


def wrong(judgement: Judgement) -> list[Check]:
    """What is wrong with the subject in any way."""
    return [check for check in judgement.checks if check.left == REFERENCE and check.verdict in FOUND]


def blamed(mistake: Mistake, judgement: Judgement) -> set[str]:
    """The equations blamed on their own inputs; of what remembers, when asked again."""
    checks = wrong(judgement)
    if mistake.effect == "state":
        return {check.equation for check in checks if check.verdict == "fault"}
    return {check.equation for check in checks if check.scope == "local"}


def mattering_ones(mistake: Mistake, dtype: str, wanted: int, most: int) -> tuple[list[Shown], int]:
    """The first cases in which it matters, so many if there are, and how many were drawn for that."""
    found: list[Shown] = []
    for start in range(0, most, 50):
        cases = [drawn(index, dtype, mistake.draw) for index in range(start, start + 50)]
        found += [example for example in shown(differing(mistake, cases)) if example.matters]
        if len(found) >= wanted:
            return found[:wanted], start + 50
    return found, most
