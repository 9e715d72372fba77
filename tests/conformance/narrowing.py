"""What to draw for the suite when somebody's implementation is judged: only what it declares."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from backproof.cases import DrawOptions
from backproof.cases.options import drawn_losses
from backproof.errors import UsageError
from refimpl import ACTIVATIONS

Names = tuple[str, ...]


class NotDeclaredError(Exception):
    """The implementation does not declare what a test is about; the message says what."""


def resized(own: DrawOptions, sizes: Any) -> DrawOptions:
    """What is declared, with sizes no larger than these, as far as it has such."""
    least = {name: getattr(own, name.replace("max", "min")) for name in sizes}
    smaller = {name: max(least[name], min(size, getattr(own, name))) for name, size in sizes.items()}
    for span in (own.inputs, own.outputs):
        if span is not None and "max_width" in smaller:
            smaller["max_width"] = max(smaller["max_width"], min(span[0], own.max_width))
    return replace(own, **smaller)


def with_loss(own: DrawOptions, name: str) -> DrawOptions:
    """What is declared, with that loss alone. Raises NotDeclaredError."""
    if name not in {loss.name for loss in drawn_losses(own)}:
        raise NotDeclaredError(f"the implementation does not declare the loss {name}")
    return replace(own, losses=(name,))


def with_activation(own: DrawOptions, name: str, others: Iterable[str]) -> DrawOptions:
    """What is declared, with that activation and few others. Raises NotDeclaredError."""
    for options in _with_activation(own, name, {name, *others}):
        return options
    raise NotDeclaredError(f"the implementation does not declare the activation {name}")


def _with_activation(own: DrawOptions, name: str, wanted: set[str]) -> Iterator[DrawOptions]:
    """From what says most about it to what says something."""
    hidden, output = _allowed(own, own.hidden), _allowed(own, own.output)
    few_hidden = tuple(each for each in hidden if each in wanted)
    few_output = tuple(each for each in output if each in wanted)
    deep = own.max_depth > 1
    choices: list[tuple[Names, Names]] = [(few_hidden, few_output)] if few_hidden and few_output else []
    if deep and name in hidden:
        choices += [(few_hidden, output)]
    if name in output:
        choices += [(few_hidden or hidden, (name,)), (hidden, (name,))]
    for inner, last in choices:
        if name not in last and not (deep and name in inner):
            continue
        pairs = tuple(pair for pair in own.pairs if pair[0] in last) if own.pairs is not None else None
        try:
            bare = replace(own, activations=None, hidden=inner, output=last, losses=None, pairs=pairs or None)
            fitting = {loss.name for loss in drawn_losses(bare)}
            losses = None if own.losses is None else tuple(loss for loss in own.losses if loss in fitting)
            if pairs == () or losses == ():
                continue
            yield replace(bare, losses=losses)
        except UsageError:
            continue


def _allowed(own: DrawOptions, narrower: Names | None) -> Names:
    names = tuple(ACTIVATIONS) if own.activations is None else own.activations
    return names if narrower is None else tuple(name for name in names if name in narrower)
