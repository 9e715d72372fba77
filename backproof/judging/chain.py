"""The judge of the chain rule: the value and the derivative of one composition, under a proven bound.

The bound is the ball that holds every accurate evaluation (`oracles/ball_chain.py`). What is expected comes
from torch and from jax. An oracle outside the ball is a known deviation where the ball that counts its
declared deviations holds it, and otherwise a finding: then the oracle, the bound or the composition needs a
closer look, whatever was observed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from oracles.ball_chain import ChainEnclosures, Enclosure, enclosures
from oracles.jax_chain import JaxChain
from oracles.torch_chain import TorchChain
from refimpl.chain_rule import Composition, Expression, composition_to_json

from .verdicts import SEVERITY, Verdict

Quantity = Literal["value", "derivative"]
QUANTITIES: tuple[Quantity, ...] = ("value", "derivative")
# What is under test: (expression, x) → (y, dy/dx), as `ChainRule().value_and_derivative`.
ChainImplementation = Callable[[Expression, Any], tuple[Any, Any]]


class ChainOracle(Protocol):
    """Values and derivatives that an implementation is held against."""

    name: str

    def value_and_derivative(self, expression: Expression, x: Any) -> tuple[Any, Any]:
        """(y, dy/dx) at x, in its dtype."""
        ...


@dataclass(frozen=True)
class ChainCheck:
    """The verdict on y or on dy/dx."""

    quantity: Quantity
    verdict: Verdict
    reason: str
    observed: float | None
    expected: Mapping[str, float]
    """Oracle → what it gives."""
    bound: float
    """The radius of the ball."""
    excess: float | None
    """The distance of the observed number from the centre of the ball, over the bound: above 1 is outside."""

    def __str__(self) -> str:
        expected = ", ".join(f"{name} {number!r}" for name, number in self.expected.items())
        out = "" if self.excess is None else f", {self.excess:.3g} times the bound {self.bound:.3g} away"
        return f"{self.quantity}: {self.verdict}: {self.reason}: observed {self.observed!r}, {expected}{out}"


@dataclass(frozen=True)
class ChainJudgement:
    """Both checks of one composition, and what was found about the oracles on the way."""

    composition: Composition
    checks: tuple[ChainCheck, ...]
    findings: tuple[str, ...]
    """One line for each oracle and quantity that lies outside the ball, declared deviations aside."""
    known_deviations: tuple[str, ...]
    """Likewise, where a declared deviation explains it."""

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of the checks."""
        return min((check.verdict for check in self.checks), key=SEVERITY.index)

    def __str__(self) -> str:
        lines = (
            *map(str, self.checks),
            *self.findings,
            *self.known_deviations,
            composition_to_json(self.composition),
        )
        return "\n".join(lines)


class ChainJudge:
    """Judges implementations of C1 and C2; torch and jax are started once."""

    def __init__(self, oracles: Sequence[ChainOracle] | None = None) -> None:
        """With `oracles` in place of torch and jax, where given."""
        self.oracles = (TorchChain(), JaxChain()) if oracles is None else tuple(oracles)

    def judge(self, implementation: ChainImplementation, composition: Composition) -> ChainJudgement:
        """The verdicts on what `implementation` gives for `composition`."""
        bounds = enclosures(composition)
        expected = {
            oracle.name: _numbers(oracle.value_and_derivative(composition.expression, composition.x))
            for oracle in self.oracles
        }
        fault = ""
        observed: tuple[float, ...] = ()
        try:
            observed = _numbers(implementation(composition.expression, composition.x))
        except Exception as error:  # noqa: BLE001 - whatever code under test raises is a finding about it
            fault = f"{type(error).__name__}: {error}"
        checks = []
        for i, (quantity, bound) in enumerate(zip(QUANTITIES, bounds, strict=True)):
            answers = {name: numbers[i] for name, numbers in expected.items()}
            number = None if fault else observed[i]
            verdict, reason = _decided(number, bound, fault)
            excess = None if number is None or not np.isfinite(bound.radius) else bound.excess(number)
            checks.append(ChainCheck(quantity, verdict, reason, number, answers, bound.radius, excess))
        findings, known = _outside(composition, expected, bounds)
        return ChainJudgement(composition, tuple(checks), findings, known)


def _numbers(answer: Any) -> tuple[float, ...]:
    value, derivative = answer
    for number in (value, derivative):
        if np.shape(number) != ():
            raise ValueError(f"the answer has shape {np.shape(number)}; y and dy/dx are numbers, as x is")
    return float(value), float(derivative)


def _decided(observed: float | None, bound: Enclosure, fault: str) -> tuple[Verdict, str]:
    if not np.isfinite(bound.radius):
        return "not judged", "ill-posed: an accurate evaluation may leave a domain or overflow"
    if observed is None:
        return "fault", fault
    if bound.contains(observed):
        if not bound.resolved:
            return "not judged", "unresolved: the bound is wider than 1 % of the value"
        return "conforms", "within the bound"
    if not np.isfinite(observed):
        return "unstable", "not finite, where accurate evaluations are"
    return "mismatch", "outside the bound"


def _outside(
    composition: Composition, expected: Mapping[str, tuple[float, ...]], bounds: ChainEnclosures
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The oracles' answers outside the ball: those that nothing explains, and those that a deviation does."""
    findings: list[str] = []
    known: list[str] = []
    for name, numbers in expected.items():
        for i, (quantity, number, bound) in enumerate(zip(QUANTITIES, numbers, bounds, strict=True)):
            if not np.isfinite(bound.radius) or bound.contains(number):
                continue
            deviates = enclosures(composition, name)[i].contains(number)
            line = f"{name}'s {quantity} {number!r} lies {bound.excess(number):.3g} times the bound away"
            (known if deviates else findings).append(line)
    return tuple(findings), tuple(known)
