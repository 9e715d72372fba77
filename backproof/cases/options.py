"""What a draw may contain: names of activations, losses and regimes, sizes, and kinds of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from backproof.errors import UsageError
from refimpl import ACTIVATIONS, LOSSES, Activation, Loss
from refimpl.backprop import SPECIAL_FORMS
from refimpl.domains import Interval
from refimpl.functions import ALL_REDUCTIONS, REDUCTIONS

from .regimes import REGIMES, AllowedSizes, Regime, Span
from .source import Weighted, weighted

LABELS = ("any", "hard", "one-hot", "indices")
Names = tuple[str, ...]


@dataclass(frozen=True)
class DrawOptions:
    """What to draw from. None means all there are; the order of names does not matter.

    A loss is drawn only with last activations whose range lies in its prediction domain. Raises
    UsageError for unknown names, sizes below 1 or the wrong way round, and a loss for which no such
    activation is among those allowed.
    """

    activations: Names | None = None
    losses: Names | None = None
    regimes: Names | None = None
    max_depth: int = 8
    max_width: int = 64
    max_batch: int = 32
    min_depth: int = 1
    min_width: int = 1
    min_batch: int = 1
    inputs: tuple[int, int] | None = None
    """The least and the most n_0; None means as any width."""
    outputs: tuple[int, int] | None = None
    """The least and the most n_L."""
    hidden: Names | None = None
    """The activations of hidden layers: those of `activations` that are among them."""
    output: Names | None = None
    """The last activations, likewise."""
    pairs: tuple[tuple[str, str], ...] | None = None
    """The last activations and losses that may come together."""
    reductions: Names | None = None
    """Of all reductions there are; None means torch's three."""
    parameters: bool = True
    """Whether activations and losses may have other parameters than their defaults."""
    arrays: bool = True
    """Whether losses may have arrays, such as class weights."""
    labels: str = "any"
    """What losses of classes and of labels get: "hard" ones at the ends, 0 and 1, or -1 and 1, or one-hot
    columns for classes; "one-hot" columns wherever they fit; "indices" likewise, and then only losses of
    classes are drawn. Targets of other losses are free."""

    def __post_init__(self) -> None:
        tables: tuple[tuple[str, Iterable[str]], ...] = (
            ("activations", ACTIVATIONS),
            ("losses", LOSSES),
            ("regimes", REGIMES),
            ("hidden", ACTIVATIONS),
            ("output", ACTIVATIONS),
            ("reductions", ALL_REDUCTIONS),
        )
        for field, known in tables:
            _check_names(field, getattr(self, field), known)
        for kind in ("depth", "width", "batch"):
            _check_span(
                (f"min_{kind}", getattr(self, f"min_{kind}")), (f"max_{kind}", getattr(self, f"max_{kind}"))
            )
        for field in ("inputs", "outputs"):
            span = getattr(self, field)
            if span is not None:
                if not isinstance(span, tuple) or len(span) != 2:
                    raise UsageError(f"{field} must be a pair of integers (least, most), not {span!r}")
                _check_span((f"the least of {field}", span[0]), (f"the most of {field}", span[1]))
        for field in ("parameters", "arrays"):
            if not isinstance(getattr(self, field), bool):
                raise UsageError(f"{field} must be True or False, not {getattr(self, field)!r}")
        if self.labels not in LABELS:
            raise UsageError(f"unknown labels {self.labels!r}; known: {', '.join(LABELS)}")
        _check_pairs(self.pairs)
        _check_places(self)
        _check_losses(self)


def _check_names(field: str, names: Any, known: Iterable[str]) -> None:
    if names is None:
        return
    if not isinstance(names, tuple) or not names:
        raise UsageError(
            f"{field} must be a tuple of at least one name, not {names!r}; leave it out to draw from all"
        )
    known = sorted(known)
    for name in names:
        if name not in known:
            raise UsageError(f"unknown name {name!r} in {field}; known: {', '.join(known)}")


def _check_span(least: tuple[str, Any], most: tuple[str, Any]) -> None:
    for field, value in (least, most):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{field} must be an integer of at least 1, not {value!r}")
    if least[1] > most[1]:
        raise UsageError(
            f"{least[0]} is {least[1]} and {most[0]} is {most[1]}; the least must not be more than the most"
        )


def _check_pairs(pairs: Any) -> None:
    if pairs is None:
        return
    if not isinstance(pairs, tuple) or not pairs:
        raise UsageError(f"pairs must be a tuple of at least one pair, not {pairs!r}; leave it out for all")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise UsageError(f"each of pairs must be (last activation, loss), not {pair!r}")
        _check_names("pairs, first", pair[:1], ACTIVATIONS)
        _check_names("pairs, second", pair[1:], LOSSES)
        loss = LOSSES[pair[1]]
        if not loss.prediction_domain.covers(ACTIVATIONS[pair[0]].range):
            raise UsageError(
                f"pair {pair[0]}, {pair[1]} cannot be: {pair[1]} takes predictions in "
                f"{loss.prediction_domain}, {pair[0]} gives values in {ACTIVATIONS[pair[0]].range}; "
                f"it takes {', '.join(entry.name for entry in output_activations(loss, None))}"
            )


def _check_places(options: DrawOptions) -> None:
    for field in ("hidden", "output"):
        names = getattr(options, field)
        if names is not None and not _narrowed(options.activations, names):
            raise UsageError(
                f"none of the activations {', '.join(options.activations or ())} is among {field}: "
                f"{', '.join(names)}; add one to either"
            )


def _check_losses(options: DrawOptions) -> None:
    names = _narrowed(options.activations, options.output)
    for name in options.losses or ():
        if not output_activations(LOSSES[name], names):
            fitting = ", ".join(entry.name for entry in output_activations(LOSSES[name], None))
            raise UsageError(
                f"loss {name} takes predictions in {LOSSES[name].prediction_domain}, which none of "
                f"the activations {', '.join(names or ())} gives; add one of: {fitting}"
            )
        if not fitting_outputs(options, LOSSES[name]):
            raise UsageError(
                f"loss {name} is in none of the pairs with an activation that is allowed; add such a pair"
            )
        if options.labels == "indices" and not LOSSES[name].classes:
            raise UsageError(f"loss {name} takes no classes, which labels 'indices' means; {_OF_CLASSES}")
    if options.losses is not None:
        return
    if not any(output_activations(loss, names) for loss in LOSSES.values()):
        raise UsageError(f"no loss takes what the activations {', '.join(names or ())} give; add others")
    if next(_losses_left(options), None) is None:  # to look for all of them takes as long as all the rest
        pairs = " in pairs" if options.pairs else ""
        raise UsageError(f"labels 'indices' leave no loss{pairs} to draw; {_OF_CLASSES}")


def _classes() -> str:
    return f"losses of classes are {', '.join(name for name, loss in LOSSES.items() if loss.classes)}"


_OF_CLASSES = _classes()


def _narrowed(names: Names | None, further: Names | None) -> Names | None:
    """The names that are among both, where None has all."""
    if names is None or further is None:
        return names or further
    return tuple(name for name in names if name in further)


def output_activations(loss: Loss, names: Names | None) -> list[Activation]:
    """The activations, of those named, whose values the loss takes as predictions."""
    return [
        entry
        for entry in ACTIVATIONS.values()
        if (names is None or entry.name in names) and _covers(loss.prediction_domain, entry.range)
    ]


@cache
def _covers(domain: Interval, values: Interval) -> bool:
    # All options that are made ask this of every pair of a loss and an activation.
    return domain.covers(values)


def fitting_outputs(options: DrawOptions, loss: Loss) -> tuple[Activation, ...]:
    """The last activations that the options leave for a loss."""
    return tuple(
        entry
        for entry in output_activations(loss, _narrowed(options.activations, options.output))
        if options.pairs is None or (entry.name, loss.name) in options.pairs
    )


def drawn_losses(options: DrawOptions) -> tuple[Loss, ...]:
    """The losses that the options leave, in the order of the table."""
    return tuple(_losses_left(options))


def _losses_left(options: DrawOptions) -> Iterator[Loss]:
    return (
        loss
        for loss in LOSSES.values()
        if (options.losses is None or loss.name in options.losses)
        and (options.labels != "indices" or loss.classes)
        and fitting_outputs(options, loss)
    )


@dataclass(frozen=True)
class Choices:
    """The options worked out: what can be drawn, in the order of the tables, and how often."""

    regimes: Weighted[Regime]
    losses: tuple[Loss, ...]
    outputs: Mapping[str, tuple[Activation, ...]]
    """Loss → the last activations that fit it."""
    customary: Mapping[str, tuple[Activation, ...]]
    """Loss → those of them that people pair it with; all, where no custom is known."""
    hidden: tuple[Activation, ...]
    hidden_weighted: Weighted[Activation]
    """How often each is a hidden layer's: those that mix the units of a sample less than the others."""
    hidden_kinked: Weighted[Activation]
    """The same where kinks are wanted."""
    reductions: tuple[str, ...]
    sizes: AllowedSizes
    parameters: bool


@lru_cache(maxsize=64)
def choices(options: DrawOptions) -> Choices:
    """What `options` leave to draw."""
    outputs = {name: fitting_outputs(options, loss) for name, loss in LOSSES.items()}
    names = _narrowed(options.activations, options.hidden)
    hidden = [e for e in ACTIVATIONS.values() if names is None or e.name in names]
    weights = [4 if entry.elementwise else 1 for entry in hidden]
    regimes = tuple(r for r in REGIMES.values() if options.regimes is None or r.name in options.regimes)
    reductions = REDUCTIONS if options.reductions is None else options.reductions
    width = Span(options.min_width, options.max_width)
    return Choices(
        regimes=weighted(regimes, [regime.weight for regime in regimes]),
        losses=drawn_losses(options),
        outputs=outputs,
        customary={
            name: tuple(entry for entry in fitting if _is_customary(entry, name)) or fitting
            for name, fitting in outputs.items()
        },
        hidden=tuple(hidden),
        hidden_weighted=weighted(hidden, weights),
        hidden_kinked=weighted(
            hidden, [8 * w if _has_kinks(e) else w for e, w in zip(hidden, weights, strict=True)]
        ),
        reductions=tuple(name for name in ALL_REDUCTIONS if name in reductions),
        sizes=AllowedSizes(
            depth=Span(options.min_depth, options.max_depth),
            batch=Span(options.min_batch, options.max_batch),
            hidden=width,
            inputs=Span(*options.inputs) if options.inputs else width,
            outputs=Span(*options.outputs) if options.outputs else width,
        ),
        parameters=options.parameters,
    )


def _is_customary(activation: Activation, loss: str) -> bool:
    """Whether the document pairs the two (F4), or else leaves the last layer without an activation."""
    paired = {form.activation for form in SPECIAL_FORMS if form.loss == loss}
    return activation.name in (paired or {"identity"})


def _has_kinks(activation: Activation) -> bool:
    return bool(activation.kinks(activation.complete({}, np.dtype("float64"))))
