"""Proposes the declaration of an implementation, from its answers to a few hundred small telling cases.

Hypotheses are declarations, and each is held against exact answers within the bounds that the judge uses;
what no answer decides is said to be unknown. See `proposing` for the stages.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from backproof.cases import draw_case
from refimpl import ACTIVATIONS, Case

from .declaration import Declaration
from .links import Hello, Link, LinkError
from .proposing import assembling, extents, forms
from .proposing.anchor import Search
from .proposing.asking import LAYOUTS, Asker, GivenUpError, Layout
from .proposing.exact import exacts
from .proposing.names import Names
from .proposing.proposal import Proposal
from .proposing.reading import read
from .proposing.scale import measured
from .proposing.state import State
from .proposing.universe import Universe, universe_of
from .proposing.verifying import Findings, chosen

_CHECKED = 16
"""Random cases in each dtype that are drawn as the proposal says."""
_LARGEST = {"max_depth": 4, "max_width": 12, "max_batch": 8}


def propose(link: Link, place: str) -> Proposal:
    """The declaration that explains what the implementation answers, or why there is none.

    `place` says in messages where the declaration stands. The link is started here and closed in any case.
    Raises UsageError if the implementation cannot be used at all.
    """
    try:
        try:
            hello = link.start()
        except LinkError as error:
            if error.kind == "start":
                raise
            return Proposal(place, None, reason=f"it cannot be started: {error}")
        return _proposed(link, hello, place)
    finally:
        link.close()


def _proposed(link: Link, hello: Hello, place: str) -> Proposal:
    stated, unreadable = universe_of(hello.declaration, place)
    asker = Asker(link)
    search = Search(asker, stated)
    state: State | None = None
    try:
        hit = search.run()
        if hit is None and stated.given:
            search = Search(asker, Universe())
            hit = search.run()
        if hit is None:
            reason = _why_none(search)
            return Proposal(hello.name, None, wrong=tuple(unreadable), reason=reason, asked=asker.asked)
        universe = search.universe
        if "labels" in universe.contradicted(hit.layout):
            given = {key: value for key, value in universe.given.items() if key != "labels"}
            universe = Universe(Declaration.read(given, place), given)
        state = State(asker, universe, hit, measured(asker, universe, hit))
        _tell_layout(state, search)
        keys, wrong = _keys(state, stated)
        if not _check(state, keys):
            reason = f"the best that was found, {keys}, does not explain most answers; see above"
            return Proposal(
                hello.name,
                None,
                tuple(state.evidence),
                tuple(unreadable),
                tuple(state.remarks),
                reason=reason,
                asked=asker.asked,
            )
    except (GivenUpError, NothingFitsError) as error:
        found = tuple(state.evidence) if state is not None else ()
        reason = str(error) or _why_none(search)
        return Proposal(hello.name, None, found, tuple(unreadable), reason=reason, asked=asker.asked)
    off = (*state.remarks, *(f"beside its answers it {text}" for text in asker.manners))
    return Proposal(
        hello.name,
        keys,
        tuple(state.evidence),
        (*unreadable, *wrong),
        off,
        tuple(dict.fromkeys(state.unknown)),
        asked=asker.asked,
    )


class NothingFitsError(Exception):
    """The first right answer was a coincidence."""


def _keys(state: State, stated: Universe) -> tuple[dict[str, Any], list[str]]:
    """The declaration, and what of the one there is does not hold."""
    extents.deepened(state)
    supported = Names(state).found()
    if not supported.pairs:
        raise NothingFitsError
    _tell_scale(state)
    findings = Findings(
        state,
        supported,
        forms.labels(state, supported),
        extents.found(state, supported),
        forms.parameters(state, supported),
        forms.arrays(state, supported),
    )
    if "depth" in findings.extents.spans and findings.extents.spans["depth"][1] == 1:
        supported = replace(supported, hidden=())
        findings = replace(findings, supported=supported)
    rest, wrong = chosen(findings, stated)
    functions = assembling.functions(supported, rest)
    order = {key: place for place, key in enumerate(Declaration.__dataclass_fields__)}
    keys = {**rest, **functions}
    return {key: keys[key] for key in sorted(keys, key=order.__getitem__)}, wrong


def _tell_layout(state: State, search: Search) -> None:
    hit, specimen = state.hit, state.base
    tried = [
        answer for each, answer, _ in search.attempts if each == specimen and answer.layout != hit.layout
    ]
    raised = sum(bool(answer.failure) for answer in tried)
    wrong = [f"{raised} raised" if raised else "", f"{len(tried) - raised} answered otherwise"]
    if len(tried) == raised:
        wrong.pop()
    others = f"; of {len(tried)} other layouts {' and '.join(w for w in wrong if w)}" if tried else ""
    state.evidence.append(f"layout: {hit.layout}{others}")
    off = sorted(hit.reading.off)
    if off:
        places = {"last": " of the last layer", "hidden": " of hidden layers", "": ""}
        names = ", ".join(f"{name}{places[where]}" for name, where in off)
        factors = [
            f"{kind[0]} is {value:.6g} times what goes with the others"
            for kind, value in hit.reading.others.items()
        ]
        if not state.scale.penalty:
            state.remarks.append(
                "; ".join(
                    (f"{names}: not as the rest of the same answer; backproof run tells more", *factors)
                )
            )
    state.remarks += hit.answer.faults
    if state.scale.penalty:
        state.remarks.append(state.scale.penalty)


def _tell_scale(state: State) -> None:
    loss, gradients = state.scale.loss, state.scale.gradients
    if str(loss) == str(gradients):
        state.evidence.append(f"scale of loss and gradients: {loss}")
    else:
        state.evidence += [f"scale of the loss: {loss}", f"scale of the gradients: {gradients}"]
    for part, finding in (("loss", loss), ("gradients", gradients)):
        if finding.ignored:
            state.remarks.append(f"{part}: reduction {', '.join(finding.ignored)} is not what is answered")


def _check(state: State, keys: dict[str, Any]) -> bool:
    """Draws as the proposal says, and tells how many of these cases are right; whether most are."""
    declaration = Declaration.read(keys, "the proposal")
    options = declaration.draw_options()
    small = {name: max(getattr(options, "min" + name[3:]), min(getattr(options, name), most))
             for name, most in _LARGEST.items()}  # fmt: skip
    options = replace(options, regimes=("ordinary",), **small)
    layout = Layout(*state.layout[:3], declaration.labels == "indices")
    drawn = [
        declaration.judged_cases(draw_case(1, index, dtype, options).case).loss
        for dtype in declaration.dtypes
        for index in range(_CHECKED)
    ]
    answers = [a for a in state.asker.answers([(case, layout) for case in drawn]) if a is not None]
    verdicts: Counter[bool | None] = Counter()
    first = ""
    for answer in answers:
        case: Case = answer.case
        reading = None if answer.is_empty else read(case, answer.trace, exacts([case])[0])
        verdict = state.verdict(case.network.loss.reduction, answer, reading)
        verdicts[verdict] += 1
        if verdict is False and not first:
            names = "-".join(layer.activation.name for layer in case.network.layers)
            first = (
                answer.failure or "; ".join(answer.faults) or f"wrong for {names}, {case.network.loss.name}"
            )
    told = f"{verdicts[True]} of {verdicts[True] + verdicts[False]} random cases within it are right"
    state.evidence.append(told)
    if verdicts[False]:
        state.remarks.append(f"{verdicts[False]} of {len(answers)} random cases within the proposal: {first}")
    return verdicts[False] <= verdicts[True]


def _why_none(search: Search) -> str:
    """What came back, the commonest first, and what to look at."""
    attempts = search.attempts
    shaped = [answer for _, answer, _ in attempts if not answer.is_empty and not answer.faults]
    if shaped:
        best = Counter(answer.layout for answer in shaped).most_common(1)[0][0]
        return (
            f"answers of the right shapes came with {best}, but neither loss nor gradients are those of any "
            f"of the {len(ACTIVATIONS)} activations with any loss; work out one layer of two units by hand, "
            "and declare what you know, so that the rest can be found"
        )
    malformed = [answer for _, answer, _ in attempts if answer.faults]
    if malformed:
        texts = Counter("; ".join(answer.faults) for answer in malformed)
        return f"no answer has the right form; the commonest: {texts.most_common(1)[0][0]}"
    failures = Counter(answer.signature() for _, answer, _ in attempts)
    if not failures:
        return "nothing could be asked"
    example = {answer.signature(): answer.failure for _, answer, _ in reversed(attempts)}
    (kind, count), *others = failures.most_common(2)
    share = "all" if count == len(attempts) else f"{count}"
    text = f"{share} of {len(attempts)} cases, in all {len(LAYOUTS)} layouts, failed: {example[kind]}"
    if others:
        text += f"; others: {example[others[0][0]]}"
    return f"{text}; look there first, or declare what you know"
