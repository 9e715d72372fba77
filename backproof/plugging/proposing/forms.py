"""Which labels, parameters and arrays are taken, by asking for others than the plainest."""

from __future__ import annotations

from collections.abc import Sequence

from refimpl import ACTIVATIONS, LOSSES

from .names import Supported
from .specimens import Specimen, takes_labels
from .state import State


def labels(state: State, supported: Supported) -> str | None:
    """What can be declared of labels; None if no supported loss takes any."""
    if state.layout.indices:
        state.evidence.append("labels: the number of each sample's class; as a matrix they are not taken")
        return "indices"
    specimens = [each for each in _one_a_loss(state, supported) if takes_labels(each.loss)]
    if not specimens:
        return None
    wrong = {
        form: _wrong(state, [each.but(labels=form) for each in specimens])
        for form in ("hard", "soft", "weights")
    }
    if not any(wrong.values()):
        state.evidence.append("labels: any, soft ones and weights too")
        return "any"
    softer = [*wrong["soft"], *wrong["weights"]]
    if not wrong["hard"]:
        losses = ", ".join(dict.fromkeys(each.loss for each in softer))
        sums = "" if wrong["soft"] else " that do not sum to 1"
        if all(LOSSES[each.loss].classes for each in specimens):  # hard labels of classes are one-hot columns
            state.evidence.append(f"labels: one-hot columns only; soft ones{sums} are wrong for {losses}")
            return "one-hot"
        state.evidence.append(f"labels: hard ones only; soft ones{sums} are wrong for {losses}")
        return "hard"
    losses = ", ".join(dict.fromkeys(each.loss for each in wrong["hard"]))
    state.evidence.append(f"labels: one-hot columns only; other 0 and 1 are wrong for {losses}")
    return "one-hot"


def parameters(state: State, supported: Supported) -> bool | None:
    """Whether other parameters than the defaults are honoured; None if nothing supported has any."""
    with_parameters = [name for name in supported.hidden if ACTIVATIONS[name].parameters]
    specimens = [state.base.but(hidden=(name,)) for name in with_parameters]
    specimens += [each for each in _one_a_loss(state, supported) if LOSSES[each.loss].parameters]
    if not supported.hidden:
        outputs = dict(reversed(supported.pairs))
        specimens += [
            state.base.but(output=output, loss=loss)
            for output, loss in outputs.items()
            if ACTIVATIONS[output].parameters
        ]
    names = {
        each: each.loss if LOSSES[each.loss].parameters else next(iter(each.hidden), each.output)
        for each in specimens
    }
    asked = [each.but(parameters=True) for each in specimens]
    return _told(state, "parameters", asked, [names[each] for each in specimens])


def arrays(state: State, supported: Supported) -> bool | None:
    """Whether arrays of losses, such as class weights, are honoured."""
    asked = [
        each.but(array=array.name)
        for each in _one_a_loss(state, supported)
        for array in LOSSES[each.loss].arrays
    ]
    return _told(state, "arrays", asked, [f"{each.array} of {each.loss}" for each in asked])


def _told(state: State, what: str, asked: Sequence[Specimen], names: Sequence[str]) -> bool | None:
    if not asked:
        return None
    right = state.right(asked)
    honoured = list(dict.fromkeys(name for name, is_right in zip(names, right, strict=True) if is_right))
    others = list(dict.fromkeys(name for name in names if name not in honoured))
    if all(right):
        state.evidence.append(f"{what}: others than the defaults are honoured")
        return True
    state.evidence.append(f"{what}: the defaults only")
    if honoured:
        state.remarks.append(
            f"{what} are honoured by {', '.join(honoured)} and not by {', '.join(others)}; "
            f"to have them tried, declare {what} and leave the others out"
        )
    return False


def _one_a_loss(state: State, supported: Supported) -> list[Specimen]:
    """A specimen for each loss: with the anchor's last activation where they fit."""
    outputs: dict[str, str] = {}
    for output, loss in supported.pairs:
        if output == state.base.output or loss not in outputs:
            outputs[loss] = output
    return [state.base.but(output=output, loss=loss) for loss, output in outputs.items()]


def _wrong(state: State, specimens: Sequence[Specimen]) -> list[Specimen]:
    return [each for each, is_right in zip(specimens, state.right(specimens), strict=True) if not is_right]
