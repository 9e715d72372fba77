"""Which equation, in which layers: told from what is wrong, whatever the cause.

With a full trace each equation has been evaluated on the implementation's own inputs, and what is off is the
culprit. With gradients only, an error in δ[l] spoils ∂L/∂W and ∂L/∂b of layer l and of all layers below, and
none above; one in ∂L/∂W[l] alone spoils nothing else. What spoils the loss, too, is in the forward pass, or
in the loss itself if no gradient is touched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from backproof.judging.verdicts import equation_of

from .agreement import Observation, Place

FORWARD = "F2"


@dataclass(frozen=True)
class Suspect:
    """An equation with the wrong places that it accounts for."""

    equation: str
    layers: tuple[int, ...]
    places: frozenset[Place]
    certain: bool = True
    """Whether the equation is known, or only the likeliest."""


def suspects(observation: Observation) -> list[Suspect]:
    """The equations that are wrong in one observation, in the order of a pass."""
    wrong = observation.failing
    if observation.is_full:
        return _by_equation(observation, wrong)
    forward = {place for place in wrong if place[0] in ("Z", "A")}
    if forward:  # local, if both are offered; else the first that is wrong
        if observation.trace.Z is None or observation.trace.A is None:
            first = min(l for _, l in forward)
            forward = {place for place in forward if place[1] == first}
        return _by_equation(observation, forward)
    return _from_gradients(observation, wrong)


def _by_equation(observation: Observation, places: Iterable[Place]) -> list[Suspect]:
    depth, found = observation.case.network.depth, dict[str, set[Place]]()
    for place in places:
        quantity, layer = place
        found.setdefault(equation_of(quantity, layer or None, depth), set()).add(place)
    order = ("F2", "F3", "F4", "F5", "B4", "B5", "B1a", "B1", "B3", "U1", "U2")
    return [
        Suspect(equation, tuple(sorted({l for _, l in found[equation] if l})), frozenset(found[equation]))
        for equation in order
        if equation in found
    ]


def _from_gradients(observation: Observation, wrong: Collection[Place]) -> list[Suspect]:
    depth = observation.case.network.depth
    gradients = {place for place in wrong if place[0] in ("dW", "db", "dX", "delta")}
    updates = {place for place in wrong if place[0] in ("W_updated", "b_updated")}
    if ("loss", 0) in wrong and not gradients and not updates:
        return [Suspect("F5", (), frozenset({("loss", 0)}))]
    if ("loss", 0) in wrong:
        # The first thing that can spoil both; a candidate may know better.
        return [Suspect(FORWARD, (), frozenset(wrong), certain=False)]
    names = {"dW": "dW", "db": "db"}
    if not gradients:
        offered = {quantity for quantity, _ in observation.answers}
        if {"dW", "db"} <= offered:
            return _by_equation(observation, updates)
        gradients = {({"W_updated": "dW", "b_updated": "db"}[q], l) for q, l in updates}
        names = {"dW": "W_updated", "db": "b_updated"}
    layers = {name: {l for quantity, l in gradients if quantity == name} for name in names}
    errors = {l for quantity, l in gradients if quantity == "delta"} | (layers["dW"] & layers["db"])
    # A gradient that is 0, after inputs that are, would not show a wrong error.
    silent = {place for place, value in observation.answers.items() if not value.any()}
    errors |= {l for l in layers["dW"] if (names["db"], l) in silent}
    errors |= {l for l in layers["db"] if (names["dW"], l) in silent}
    found = []
    if errors:
        top = max(errors)
        equation = "B4" if top == depth else "B5"
        below = {place for place in wrong if 0 < place[1] <= top or place[0] == "dX"}
        found.append(Suspect(equation, (top,), frozenset(below), certain=False))
        gradients = {place for place in gradients if place[1] > top}
        layers = {name: {l for l in layers[name] if l > top} for name in names}
    for name, equation in (("dW", "B1"), ("db", "B3")):
        if layers[name]:
            places = frozenset(place for place in wrong if place[0] in (name, f"{name[1]}_updated")
                               and place[1] in layers[name])  # fmt: skip
            found.append(Suspect(equation, tuple(sorted(layers[name])), places, certain=False))
    if ("dX", 0) in wrong and not errors:
        found.append(Suspect("B1a", (), frozenset({("dX", 0)}), certain=False))
    return found
