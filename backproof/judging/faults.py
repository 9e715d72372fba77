"""Faults that show before anything is compared: wrong number, shape or dtype of what a trace offers."""

from __future__ import annotations

from typing import Any

import numpy as np

from refimpl import QUANTITIES, Case, Trace, quantity_shape

from .verdicts import Check, equation_of


def without_faults(case: Case, name: str, trace: Trace) -> tuple[Trace, list[Check]]:
    """The trace without the quantities whose number, shape or dtype is wrong, and a fault for each."""
    kept: dict[str, Any] = {}
    faults = []
    for quantity, per_layer in QUANTITIES.items():
        given = getattr(trace, quantity)
        if given is None:
            continue
        fault = _fault(case, quantity, given, per_layer=per_layer)
        if fault is None:
            kept[quantity] = tuple(given) if per_layer else given
            continue
        layer, reason = fault
        equation = equation_of(quantity, layer, case.network.depth)
        faults.append(Check(quantity, layer, "local", name, "its shape", equation, "fault", reason))
    return Trace(**kept), faults


def _fault(case: Case, quantity: str, given: Any, *, per_layer: bool) -> tuple[int | None, str] | None:
    depth = case.network.depth
    if per_layer:
        if not isinstance(given, (tuple, list)) or len(given) != depth:
            return None, f"{quantity} must be one array for each of the {depth} layers"
        parts = list(enumerate(given, start=1))
    else:
        parts = [(0, given)]
    for number, part in parts:
        layer = number or None
        shape = quantity_shape(case, quantity, layer)
        if not isinstance(part, (np.ndarray, np.generic)):
            return layer, f"{quantity} is {type(part).__name__}, not a NumPy array"
        if part.dtype != case.dtype:
            return layer, f"{quantity} has dtype {part.dtype}, the case {case.dtype}"
        if part.shape != shape:
            return layer, f"{quantity} has shape {part.shape}, expected {shape}"
    return None
