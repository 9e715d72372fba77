"""The choice exactly on each kink, as a triple: ours, torch's, jax's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oracles import Oracle
from refimpl import ACTIVATIONS, ActivationSpec

from .reporting.model import KinkAnswer, KinkRow


def kink_table(oracles: Sequence[Oracle]) -> tuple[KinkRow, ...]:
    """One row for each kink of each activation at its default parameters."""
    rows = []
    for entry in ACTIVATIONS.values():
        if not entry.elementwise:
            continue
        assert entry.derivative is not None
        spec = ActivationSpec(entry.name)
        for kink in entry.kinks(spec.parameters):
            at = np.array([[kink.at]])
            answers = {
                oracle.name: KinkAnswer(value=float(value.item()), derivative=float(slope.item()))
                for oracle in oracles
                for value, slope in [oracle.activation(spec, at)]
            }
            ours = KinkAnswer(
                value=float(entry.value(at, **spec.parameters).item()),
                derivative=float(entry.derivative(at, **spec.parameters).item()),
            )
            rows.append(
                KinkRow(
                    function=entry.name,
                    parameters=dict(spec.parameters),
                    at=kink.at,
                    ours=ours,
                    torch=answers.get("torch"),
                    jax=answers.get("jax"),
                )
            )
    return tuple(rows)
