"""What a catalogued mistake is, and the helpers that make one of a wrong formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from backproof.cases import DrawOptions
from refimpl import ActivationSpec, Backprop, LossSpec

Effect = Literal["mismatch", "unstable", "rounding", "state"]


@dataclass(frozen=True)
class Mistake:
    """A catalogued wrong equation.

    Its class overrides methods of Backprop: those that are one equation never call another through self;
    `forward`, `backward` and `run` call the equations through self as often and in the same order as
    Backprop's do, and change what goes in or comes out. Every method works in any float dtype, extended
    precision included, and an instance remembers nothing, unless that is the mistake (effect "state").
    """

    name: str
    equation: str
    """The id of the equation that is wrong, by which the judge calls it where it sees a full trace."""
    what: str
    """One sentence: what is done instead of the right thing."""
    remedy: str
    """One sentence: how to mend it."""
    implementation: type[Backprop]
    source: str = ""
    """Where it was met: the address of an issue or a pull request; empty for what everybody knows."""
    effect: Effect = "mismatch"
    """How it shows: "mismatch" another value in exact arithmetic; "unstable" the right value but for
    overflow or cancellation; "rounding" the right value less exactly; "state" from the second call on."""
    also: tuple[str, ...] = ()
    """Other equations that it is wrong in, such as B4 for a derivative used in hidden and last layers."""
    draw: DrawOptions = field(default_factory=DrawOptions)
    """What to draw for it to show in few random cases; what it does not concern, it leaves right."""
    latex: str = ""
    """The equation as it then is, to be read beside the catalogue's: what `implementation` computes.

    In the notation of `refimpl.equations`; z, a and g are entries of Z, A and ∂L/∂A, s counts samples, d is
    what the loss is divided by, ' of a loss its derivative by ŷ and fl₃₂ what is computed in float32.
    """

    @property
    def equations(self) -> tuple[str, ...]:
        """All equations that a judge may call wrong because of it, its own first."""
        return (self.equation, *self.also)

    @property
    def shows_anywhere(self) -> bool:
        """Whether nearly every network will do to see it, whatever its functions and sizes."""
        return self.effect == "mismatch" and self.draw == _ANYTHING


# Made once: options are checked against all activations and losses when they are made.
_ANYTHING = DrawOptions()

Formula = Callable[..., Any]


def derivative_of(name: str, derivative: Formula) -> type[Backprop]:
    """σ' of one activation is `derivative(Z, A, **parameters)`, in every layer; all others are right."""
    return vjp_of(name, lambda Z, A, G, **parameters: derivative(Z, A, **parameters) * G)


def vjp_of(name: str, vjp: Formula) -> type[Backprop]:
    """(∂A/∂Z)^T G of one activation is `vjp(Z, A, G, **parameters)`, in every layer."""

    class Wrong(Backprop):
        def _error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
            if spec.name != name:
                return spec.entry.vjp(Z, A, dA, **spec.parameters)
            return np.asarray(vjp(Z, A, dA, **spec.parameters)).astype(Z.dtype)

        output_error = _error
        hidden_error = _error

    return Wrong


def value_of(name: str, value: Formula) -> type[Backprop]:
    """σ of one activation is `value(Z, **parameters)`, in every layer."""

    class Wrong(Backprop):
        def activation(self, Z: Any, spec: ActivationSpec) -> Any:
            if spec.name != name:
                return super().activation(Z, spec)
            return np.asarray(value(Z, **spec.parameters)).astype(Z.dtype)

    return Wrong


def gradient_of(losses: tuple[str, ...], gradient: Formula) -> type[Backprop]:
    """The gradient of these losses by A is `gradient(A, Y, **arguments)`, divided as the reduction says."""

    class Wrong(Backprop):
        def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            if spec.name not in losses:
                return super().loss_gradient(A, Y, spec)
            divisor = spec.entry.divisor(spec.reduction, *A.shape)
            return np.asarray(gradient(A, Y, **spec.arguments)).astype(A.dtype) / A.dtype.type(divisor)

    return Wrong


def terms_of(losses: tuple[str, ...], terms: Formula) -> type[Backprop]:
    """The terms of these losses are `terms(A, Y, **arguments)`, summed and divided as the reduction says."""

    class Wrong(Backprop):
        def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            if spec.name not in losses:
                return super().loss(A, Y, spec)
            divisor = spec.entry.divisor(spec.reduction, *A.shape)
            return A.dtype.type(np.sum(terms(A, Y, **spec.arguments)) / A.dtype.type(divisor))

    return Wrong
