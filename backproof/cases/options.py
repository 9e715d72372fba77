"""What a draw may contain: names of activations, losses and regimes, and the largest sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from backproof.errors import UsageError
from refimpl import ACTIVATIONS, LOSSES, Activation, Loss
from refimpl.backprop import SPECIAL_FORMS

from .regimes import REGIMES, Regime


@dataclass(frozen=True)
class DrawOptions:
    """What to draw from. None means all there are; the order of names does not matter.

    A loss is drawn only with last activations whose range lies in its prediction domain. Raises
    UsageError for unknown names, sizes below 1, and a loss for which no such activation is
    among those allowed.
    """

    activations: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    regimes: tuple[str, ...] | None = None
    max_depth: int = 8
    max_width: int = 64
    max_batch: int = 32

    def __post_init__(self) -> None:
        tables: tuple[tuple[str, Iterable[str]], ...] = (
            ("activations", ACTIVATIONS),
            ("losses", LOSSES),
            ("regimes", REGIMES),
        )
        for field, known in tables:
            _check_names(field, getattr(self, field), known)
        for field in ("max_depth", "max_width", "max_batch"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{field} must be an integer of at least 1, not {value!r}")
        for name in self.losses or ():
            if not output_activations(LOSSES[name], self.activations):
                fitting = ", ".join(entry.name for entry in output_activations(LOSSES[name], None))
                raise UsageError(
                    f"loss {name} takes predictions in {LOSSES[name].prediction_domain}, which none of "
                    f"the activations {', '.join(self.activations or ())} gives; add one of: {fitting}"
                )
        if self.losses is None and not any(output_activations(l, self.activations) for l in LOSSES.values()):
            raise UsageError(
                f"no loss takes what the activations {', '.join(self.activations or ())} give; add others"
            )


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


def output_activations(loss: Loss, names: tuple[str, ...] | None) -> list[Activation]:
    """The activations, of those named, whose values the loss takes as predictions."""
    return [
        entry
        for entry in ACTIVATIONS.values()
        if (names is None or entry.name in names) and loss.prediction_domain.covers(entry.range)
    ]


@dataclass(frozen=True)
class Choices:
    """The options worked out: what can be drawn, in the order of the tables, and how often."""

    regimes: tuple[Regime, ...]
    regime_weights: tuple[int, ...]
    losses: tuple[Loss, ...]
    outputs: Mapping[str, tuple[Activation, ...]]
    """Loss → the last activations that fit it."""
    customary: Mapping[str, tuple[Activation, ...]]
    """Loss → those of them that people pair it with; all, where no custom is known."""
    hidden: tuple[Activation, ...]
    weights: tuple[int, ...]
    """How often each is a hidden layer's: those that mix the units of a sample less than the others."""
    kink_weights: tuple[int, ...]
    """The same where kinks are wanted."""


@lru_cache(maxsize=64)
def choices(options: DrawOptions) -> Choices:
    """What `options` leave to draw."""
    outputs = {name: tuple(output_activations(loss, options.activations)) for name, loss in LOSSES.items()}
    hidden = [e for e in ACTIVATIONS.values() if options.activations is None or e.name in options.activations]
    weights = [4 if entry.elementwise else 1 for entry in hidden]
    regimes = tuple(r for r in REGIMES.values() if options.regimes is None or r.name in options.regimes)
    return Choices(
        regimes=regimes,
        regime_weights=tuple(regime.weight for regime in regimes),
        losses=tuple(
            loss
            for loss in LOSSES.values()
            if outputs[loss.name] and (options.losses is None or loss.name in options.losses)
        ),
        outputs=outputs,
        customary={
            name: tuple(entry for entry in fitting if _is_customary(entry, name)) or fitting
            for name, fitting in outputs.items()
        },
        hidden=tuple(hidden),
        weights=tuple(weights),
        kink_weights=tuple(8 * w if _has_kinks(e) else w for e, w in zip(hidden, weights, strict=True)),
    )


def _is_customary(activation: Activation, loss: str) -> bool:
    """Whether the document pairs the two (F4), or else leaves the last layer without an activation."""
    paired = {form.activation for form in SPECIAL_FORMS if form.loss == loss}
    return activation.name in (paired or {"identity"})


def _has_kinks(activation: Activation) -> bool:
    return bool(activation.kinks(activation.complete({}, np.dtype("float64"))))
