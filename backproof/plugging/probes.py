"""Questions beyond one answer to one case: asked again, after others, of a related case.

None of them needs an oracle's answer: what an implementation says must not depend on what it was asked
before, and answers to related cases are related (M2, M3 in docs/bounds-of-several-answers.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backproof.judging.batch import offered
from backproof.judging.panel import Run
from backproof.judging.relations import (
    Relation,
    differs,
    duplicated,
    is_multiple,
    judge_relation,
    relations,
    split,
)
from backproof.judging.verdicts import FAILING, Check, Judgement
from oracles import Oracle
from refimpl import Case, Layer, Network, Trace

from .declaration import Declaration
from .links import Request
from .sampling import ARRANGED, arrangement, is_sampled

ONE_IN = 16
"""One case in so many is asked again; of those, every second one in related forms."""
FIRST = 2
"""So many of the first cases of a run are asked again in any case."""

Exam = tuple[int, Case, Run]


@dataclass(frozen=True)
class _Question:
    """One more request about case `place`; `what` says after what, or is a relation and which case of it."""

    place: int
    what: Any
    case: Case
    request: Request


_AFTER = {
    "nothing": "when called again",
    "itself": "when called twice in a row",
    "another batch": "after a case with another batch size and other parameters",
    "a prediction": "after a prediction for another batch size",
    "plain arrays": "given plain arrays",
}


class Prober:
    """Asks an implementation more, and tells what is wrong with the answers taken together."""

    def __init__(self, plugged: Any, oracles: Sequence[Oracle]) -> None:
        """`plugged` is a `plugged.Plugged`."""
        self.plugged, self.oracles = plugged, oracles
        self.first_left: float = FIRST
        """How many more of the first cases are asked again in any case."""

    def ask_first(self, count: float) -> None:
        """Asks again about so many of the next cases, beside those that are sampled."""
        self.first_left = count

    def probed(self, exams: Sequence[Exam], judgements: Sequence[Judgement]) -> list[Judgement]:
        """The judgements with what further questions show."""
        first: dict[int, tuple[Case, Run]] = {}
        for place, case, run in exams:
            first.setdefault(place, (case, run))
        questions: list[_Question] = []
        for place, (case, (trace, _)) in first.items():
            if offered(trace):
                questions += self._questions(place, case, judgements[place])
        runs = self.plugged.runs([q.case for q in questions], [q.request for q in questions])
        answered: dict[int, list[tuple[_Question, Run]]] = {}
        for question, run in zip(questions, runs, strict=True):
            answered.setdefault(question.place, []).append((question, run))
        found = list(judgements)
        for place, answers in answered.items():
            case, (trace, faults) = first[place]
            known = {check.reason for check in faults}
            new = [(q, (again, tuple(f for f in fs if f.reason not in known))) for q, (again, fs) in answers]
            accurate = judgements[place].verdict not in FAILING
            more = tuple(self._checks(case, trace, new, accurate=accurate))
            found[place] = replace(found[place], checks=(*found[place].checks, *more))
        return found

    # ------------------------------------------------------------ asking

    def _questions(self, place: int, case: Case, judgement: Judgement) -> Iterator[_Question]:
        def question(what: Any, about: Case, **more: Any) -> _Question:
            return _Question(place, what, about, self.plugged.request(about, **more))

        arrays = arrangement(case)
        odd = arrays != "plain" and judgement.verdict in FAILING
        early = self.first_left > 0
        asked = early or is_sampled(case, ONE_IN)
        if odd or asked:
            yield question("nothing", case, arrays=arrays)
        if odd:
            yield question("plain arrays", case)
        if not asked:
            return
        self.first_left -= early
        yield question("itself", case, before=(case,), arrays=arrays)
        for other in _other_batches(case, self.plugged.declaration):
            yield question("another batch", case, before=(other,), arrays=arrays)
            if self.plugged.stateful:
                yield question("a prediction", case, predict=(other,), arrays=arrays)
        if early or is_sampled(case, 2 * ONE_IN):
            for relation in relations(case, _other_reductions(case, self.plugged.declaration)):
                if all(_is_supported(each, self.plugged.declaration) for each in relation.cases):
                    for number, each in enumerate(relation.cases):
                        yield question((relation, number), each)

    # ------------------------------------------------------------ judging

    def _checks(
        self, case: Case, trace: Trace, answers: Sequence[tuple[_Question, Run]], *, accurate: bool
    ) -> Iterator[Check]:
        related: dict[str, tuple[Relation, list[Trace]]] = {}
        differs_anyway = False
        for question, (again, faults) in answers:
            if isinstance(question.what, str):
                if not differs_anyway:  # one reason is enough
                    found = list(self._after(case, trace, question.what, again, faults, accurate=accurate))
                    differs_anyway = bool(found) and question.what == "nothing"
                    yield from found
            else:
                relation, _ = question.what
                related.setdefault(relation.name, (relation, []))[1].append(again)
                for check in faults:
                    yield check._replace(reason=f"{check.reason}, asked a related case ({relation.name})")
        for relation, traces in related.values():
            yield from judge_relation(relation, trace, traces, self.oracles[0], self.plugged.name)

    def _after(
        self,
        case: Case,
        trace: Trace,
        what: str,
        again: Trace,
        faults: Sequence[Check],
        *,
        accurate: bool,
    ) -> Iterator[Check]:
        for check in faults:
            yield check._replace(reason=f"{check.reason}, {_AFTER[what]}")
        if not offered(again):
            return
        difference = differs(case, trace, again, self.oracles[0], self.plugged.name, accurate=accurate)
        if difference is None or difference.verdict not in FAILING:
            return
        times = is_multiple(trace, again)
        if what == "plain arrays":
            reason = f"gives another answer for {ARRANGED[arrangement(case)]} than for plain ones"
        else:
            reason = f"gives another answer {_AFTER[what]}: "
            if times is not None and times > 1:
                reason += f"gradients accumulate, they are {times:g} times as large"
            else:
                reason += "random, or it remembers former calls" if what == "nothing" else "it remembers that"
        yield difference._replace(verdict="fault", reason=reason)


def _other_batches(case: Case, declaration: Declaration) -> list[Case]:
    """At most one case with half the parameters and another number of samples, that is supported."""
    halves = split(case)
    others = [*(halves.cases[:1] if halves is not None else ()), *duplicated(case).cases]
    layers = tuple(Layer(layer.W / 2, layer.b / 2, layer.activation) for layer in case.network.layers)
    network = replace(case.network, layers=layers)
    return [
        replace(other, network=_with(other, network)) for other in others if _is_supported(other, declaration)
    ][:1]


def _with(case: Case, network: Network) -> Network:
    """A network with the loss of this case, whose arrays go with its samples."""
    return replace(network, loss=case.network.loss)


def _other_reductions(case: Case, declaration: Declaration) -> tuple[str, ...]:
    if declaration.loss_scale is not None or declaration.gradient_scale is not None:
        return ()
    return tuple(r for r in declaration.reductions if r != case.network.loss.reduction)


def _is_supported(case: Case, declaration: Declaration) -> bool:
    """Whether a related case is within what is declared: only its number of samples may not be."""
    if declaration.batch is None:
        return True
    least, most = declaration.batch
    return least <= case.samples <= most
