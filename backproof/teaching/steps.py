"""A pass as steps, in its order: the equation, its terms, what others have for it, and where a mistake shows.

Every number comes from a run of the reference, of the mistake's class or of an oracle. A mistake is wrong in
a step if the judge says so on the mistake's own numbers before it: so an error is blamed on the step that
makes it and not on those that carry it on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from backproof.diagnosis.mistakes import Mistake
from backproof.errors import UsageError
from oracles import Oracle
from refimpl import Backprop, Case, InvalidCaseError, Trace
from refimpl.equations import equation

from . import equations
from .equations import Form
from .expansion import expanded
from .judged import Place, wrong_places
from .matrices import number
from .model import Answer, Lesson, Part, Step, Wrong, apart
from .plain_math import plain
from .recording import Recording, record, record_mistake, record_oracle

_RIGHT = Backprop()
_READINGS = {
    "holds": "",
    "holds under a condition": "{} as the document writes it holds under a condition. ",
    "does not hold as written": "{} as the document writes it does not hold. ",
}


@dataclass(frozen=True)
class _Planned:
    """One step before anything is known of it but where its numbers are."""

    part: Part
    quantity: str
    layer: int | None
    form: Callable[[Case, Recording], Form]


def lesson(case: Case, oracles: Sequence[Oracle] = (), mistake: Mistake | None = None) -> Lesson:
    """The pass of a case, explained; UsageError if the mistake makes no difference in it."""
    right = record(Backprop(), case)
    wrong = record_mistake(mistake, case) if mistake is not None else None
    others = {oracle.name: record_oracle(oracle, case, right) for oracle in oracles}
    found = _steps(case, right, others, wrong)
    if mistake is not None and not any(step.wrong is not None and step.wrong.first for step in found):
        raise UsageError(_no_difference(mistake, found))
    return Lesson(
        case,
        found,
        tuple(others),
        float(right.trace.loss),
        _loss_after(case, right.trace),
        mistake,
        _loss_after(case, wrong.trace) if wrong is not None else None,
    )


def steps(case: Case, oracles: Sequence[Oracle] = (), mistake: Mistake | None = None) -> tuple[Step, ...]:
    """The steps of `lesson` alone."""
    return lesson(case, oracles, mistake).steps


def _no_difference(mistake: Mistake, found: Sequence[Step]) -> str:
    rounds = any(step.wrong is not None and not step.wrong.apart.equal for step in found)
    if mistake.effect == "unstable":
        return (
            f"{mistake.name} makes no difference here: it shows only where numbers are very large or very "
            "small; give such a case with --case"
        )
    unlike = "it rounds differently and no more" if rounds else "every number is as it should be"
    wants = {
        "activations": mistake.draw.activations or mistake.draw.hidden or mistake.draw.output,
        "losses": mistake.draw.losses,
    }
    said = [f"{kind} such as {', '.join(names[:3])}" for kind, names in wants.items() if names]
    try_ = f"try {' and '.join(said)}" if said else "try other widths, more layers or --samples 3"
    return f"{mistake.name} makes no difference here: {unlike}; {try_}"


def _loss_after(case: Case, trace: Trace) -> float | None:
    """The loss of the same data once the network is updated."""
    layers = [
        (layer, W, b)
        for layer, W, b in zip(
            case.network.layers, trace.W_updated or (), trace.b_updated or (), strict=False
        )
    ]
    try:
        network = replace(case.network, layers=tuple(replace(layer, W=W, b=b) for layer, W, b in layers))
        after = float(_RIGHT.run(replace(case, network=network)).loss)
    except InvalidCaseError:
        return None
    return after if np.isfinite(after) else None


# ---------------------------------------------------------------- the plan of a pass


def _plan(case: Case) -> list[_Planned]:
    depth = case.network.depth
    plan = [_Planned("forward", "A_0", None, equations.input_)]
    for l in range(1, depth + 1):
        plan += [
            _Planned("forward", "Z", l, partial(_of, equations.pre_activation, l)),
            _Planned("forward", "A", l, partial(_of, equations.activation, l)),
        ]
    plan += [
        _Planned("loss", "loss", None, equations.loss),
        _Planned("backward", "dA", depth, equations.loss_gradient),
    ]
    for l in range(depth, 0, -1):
        error = equations.output_error if l == depth else partial(_of, equations.hidden_error, l)
        below: tuple[str, int | None] = ("dA", l - 1) if l > 1 else ("dX", None)
        plan += [
            _Planned("backward", "delta", l, error),
            _Planned("backward", "dW", l, partial(_of, equations.weight_gradient, l)),
            _Planned("backward", "db", l, partial(_of, equations.bias_gradient, l)),
            _Planned("backward", *below, partial(_of, equations.activation_gradient, l - 1)),
        ]
    for l in range(1, depth + 1):
        plan += [
            _Planned("update", "W_updated", l, partial(_updated, l, "W")),
            _Planned("update", "b_updated", l, partial(_updated, l, "b")),
        ]
    return plan


def _of(form: Callable[[Case, Recording, int], Form], l: int, case: Case, right: Recording) -> Form:
    return form(case, right, l)


def _updated(l: int, name: str, case: Case, right: Recording) -> Form:
    return equations.update(case, right, l, name)


# ---------------------------------------------------------------- the steps


def _steps(
    case: Case, right: Recording, others: Mapping[str, Recording], wrong: Recording | None
) -> tuple[Step, ...]:
    found: list[Step] = []
    places = wrong_places(case, wrong) if wrong is not None else frozenset()
    seen = False
    for planned in _plan(case):
        with np.errstate(all="ignore"):
            form = planned.form(case, right)
            worked = _worked(form)
            mistaken = _mistaken(planned, right, wrong, places, seen=seen) if wrong is not None else None
        seen = seen or (mistaken is not None and mistaken.first)
        said = {id for step in found for id in step.ids}  # noqa: A001 - as everywhere
        found.append(
            Step(
                number=len(found) + 1,
                part=planned.part,
                equation=form.id,
                also=form.also,
                title=form.title or equation(form.id).title,
                quantity=planned.quantity,
                layer=planned.layer,
                result=form.result,
                latex=form.latex,
                text=plain(form.latex),
                where=form.where,
                terms=form.terms,
                note=" ".join(_note(id) for id in (*form.also, form.id) if id not in said),  # noqa: A001
                remark=form.remark,
                expansion=worked,
                answers=_answers(planned, right, others),
                wrong=mistaken,
            )
        )
    return tuple(found)


def _note(id: str) -> str:  # noqa: A002 - as everywhere
    """How an equation must be read with care."""
    entry = equation(id)
    return f"{_READINGS[entry.reading].format(id)}{entry.note}"


def _worked(form: Form) -> Any:
    """The expansion with the trace's own entry at its end."""
    found = expanded(form)
    if found is None:
        return None
    entry = np.atleast_2d(np.asarray(form.result.values))[found.entry]
    return replace(found, text=f"{found.text} = {number(entry)}")


def _answers(planned: _Planned, right: Recording, others: Mapping[str, Recording]) -> tuple[Answer, ...]:
    if planned.quantity == "A_0":  # it is given, and nobody computes it
        return ()
    own = right.of(planned.quantity, planned.layer)
    values = {name: other.of(planned.quantity, planned.layer) for name, other in others.items()}
    return tuple(
        Answer(name, value, apart(value, own)) for name, value in values.items() if value is not None
    )


def _mistaken(
    planned: _Planned, right: Recording, wrong: Recording, places: AbstractSet[Place], *, seen: bool
) -> Wrong:
    values = wrong.of(planned.quantity, planned.layer)
    away = apart(values, right.of(planned.quantity, planned.layer))
    if (planned.quantity, planned.layer) in places:
        return Wrong("wrong here", not seen, values, away)
    # What nothing wrong comes before is right, whatever its last bits. Behind something wrong the same code
    # gives the same bits on the same numbers.
    return Wrong("carried on" if seen and not away.equal else "right", False, values, away)
