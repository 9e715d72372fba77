"""Candidates for a cause: catalogued mistakes, alone, in some layers only and in pairs, and conventions.

Each is an implementation of the equations, so that one engine tries them all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

from refimpl import Backprop, LossSpec

from .following import PASSES, Implementations, in_layers, overrides
from .mistakes import Mistake

Kind = Literal["mistake", "convention", "pair", "relation"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One explanation of wrong numbers."""

    name: str
    kind: Kind
    equation: str
    """The id of the equation that is wrong; of a pair, the one that comes first in a pass."""
    what: str
    remedy: str
    implementation: Implementations
    methods: frozenset[str] = frozenset()
    """What it overrides."""
    layers: frozenset[int] | None = None
    """The layers that it is confined to; None for all."""
    implemented: str = ""
    """The equation as it then is, as LaTeX."""
    declaration: Mapping[str, str] = field(default_factory=dict)
    """What to declare for it to be no error any more."""
    parts: tuple[Candidate, ...] = ()
    """Of a pair, both."""
    also: tuple[str, ...] = ()
    """Other equations in which it shows, such as B4 for a derivative used in hidden and last layers."""

    @property
    def equations(self) -> tuple[str, ...]:
        """All equations in which it shows, its own first."""
        return (self.equation, *self.also)

    @property
    def has_layers(self) -> bool:
        """Whether it could be made in one layer and not in another."""
        return not self.methods & {*PASSES, "loss", "loss_gradient", "output_error"}


def of_mistakes(mistakes: Iterable[Mistake]) -> list[Candidate]:
    """The mistakes alone, each in all layers."""
    return [
        Candidate(
            mistake.name,
            "mistake",
            mistake.equation,
            mistake.what,
            mistake.remedy,
            mistake.implementation,
            overrides(mistake.implementation),
            implemented=mistake.latex,
            also=mistake.also,
        )
        for mistake in mistakes
    ]


def confined(candidate: Candidate, layers: Collection[int]) -> Candidate | None:
    """The candidate in these layers only; None if it belongs to no layer."""
    if not candidate.has_layers or not isinstance(candidate.implementation, type):
        return None
    chosen = frozenset(layers)
    return Candidate(
        candidate.name,
        candidate.kind,
        candidate.equation,
        candidate.what,
        candidate.remedy,
        in_layers(candidate.implementation, chosen),
        candidate.methods,
        chosen,
        implemented=candidate.implemented,
        also=candidate.also,
    )


def pairs(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Two mistakes at once, where they change different equations."""
    for one, other in combinations(candidates, 2):
        if one.methods & other.methods or not (one.methods and other.methods):
            continue
        if one.methods & set(PASSES) and other.methods & set(PASSES):
            continue
        yield pair(one, other)


def pair(one: Candidate, other: Candidate) -> Candidate:
    """Both at once; what each overrides must be disjoint."""
    first, second = sorted((one, other), key=lambda c: PASS_ORDER.index(c.equation))
    both = type("Both", (_class(first), _class(second)), {})
    return Candidate(
        f"{first.name} and {second.name}",
        "pair",
        first.equation,
        f"{first.what} And in equation {second.equation}: {second.what}",
        f"{first.remedy} {second.remedy}",
        both,
        first.methods | second.methods,
        implemented=r",\quad ".join(filter(None, (first.implemented, second.implemented))),
        parts=(first, second),
    )


def _class(candidate: Candidate) -> type[Backprop]:
    assert isinstance(candidate.implementation, type)
    return candidate.implementation


PASS_ORDER = ("F1", "F2", "F3", "F4", "F5", "C1", "C2", "B4", "B1a", "B5", "B1", "B2", "B3", "U1", "U2")
"""The equations as they come in a forward, backward and update pass."""

# ---------------------------------------------------------------- conventions

_DIVISORS = {"sum": "sum", "/m": "batchmean", "/(m n_out)": "entrymean"}
_DENOMINATORS = {"sum": "", "/m": "m", "/(m n_out)": "m n_L"}
_IN_WORDS = {
    "sum": "the sum over samples and outputs",
    "/m": "that sum divided by m, the samples",
    "/(m n_out)": "that sum divided by m n_out, samples and outputs",
}


def _scaled(loss: str | None, gradient: str | None) -> type[Backprop]:
    """The reference with these scales, as declarations name them, whatever a case says."""

    def rescaled(text: str, spec: LossSpec) -> tuple[LossSpec, float]:
        reduction = _DIVISORS[text.removeprefix("1/2 ")]
        return LossSpec(spec.name, reduction, spec.parameters, spec.arrays), 0.5 if "1/2" in text else 1.0

    class Scaled(Backprop):
        def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            if loss is None:
                return super().loss(A, Y, spec)
            other, factor = rescaled(loss, spec)
            return A.dtype.type(factor) * super().loss(A, Y, other)

        def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            if gradient is None:
                return super().loss_gradient(A, Y, spec)
            other, factor = rescaled(gradient, spec)
            return A.dtype.type(factor) * super().loss_gradient(A, Y, other)

    return Scaled


def conventions() -> list[Candidate]:
    """What is no error once it is declared: loss and gradients that are divided otherwise."""
    scales = [half + divisor for half in ("", "1/2 ") for divisor in _DIVISORS]
    found = []
    for loss in (*scales, None):
        for gradient in (*scales, None):
            if loss is None and gradient is None:
                continue
            found.append(_convention(loss, gradient))
    # The fewer things one has to declare, the likelier.
    return sorted(found, key=lambda c: len(c.declaration))


def _convention(loss: str | None, gradient: str | None) -> Candidate:
    declaration: dict[str, str] = {}
    if loss is not None and gradient is not None:
        declaration["loss_scale"] = loss
    if gradient is not None and gradient != loss:
        declaration["gradient_scale"] = gradient
    if loss is not None and loss == gradient:
        what = f"Loss and gradients are those of {_scale_in_words(loss)}, whatever reduction is asked."
    elif gradient is None:
        what = f"The loss is {_scale_in_words(loss or '')}, whatever reduction is asked."
    elif loss is None:
        what = f"The gradients are those of {_scale_in_words(gradient)}, whatever reduction is asked."
    else:
        what = (
            f"The loss is {_scale_in_words(loss)}, the gradients are those of {_scale_in_words(gradient)}, "
            "whatever reduction is asked."
        )
    said = ", ".join(f'"{key}": "{value}"' for key, value in declaration.items())
    remedy = f"If that is meant, declare {{{said}}}."
    if gradient is None:
        remedy = "Divide the loss as its gradients are, by what the case's reduction says."
    return Candidate(
        f"loss {loss or 'as asked'}, gradients {gradient or 'as asked'}",
        "convention",
        "F5" if loss is not None else "B4",
        what,
        remedy,
        _scaled(loss, gradient),
        frozenset({"loss", "loss_gradient"}),
        implemented=_convention_in_latex(loss, gradient),
        declaration=declaration,
    )


def _convention_in_latex(loss: str | None, gradient: str | None) -> str:
    """The loss or its gradient or both, as far as they are known."""
    found = []
    if loss is not None:
        found.append(rf"L(\hat Y, Y) = {_scale_in_latex(loss)}\sum_{{i, s}} \ell(\hat y_{{is}}, y_{{is}})")
    if gradient is not None:
        scale = _scale_in_latex(gradient)
        found.append(rf"\frac{{\partial L}}{{\partial A^{{[L]}}}} = {scale}\ell'(\hat Y, Y)")
    return r",\quad ".join(found)


def _scale_in_latex(text: str) -> str:
    divisor = ("2 " if "1/2" in text else "") + _DENOMINATORS[text.removeprefix("1/2 ")]
    return rf"\frac{{1}}{{{divisor.strip()}}} " if divisor else ""


def _scale_in_words(text: str) -> str:
    return ("half " if "1/2" in text else "") + _IN_WORDS[text.removeprefix("1/2 ")]
