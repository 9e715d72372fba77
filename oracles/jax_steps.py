"""The nonlinear steps of many cases by JAX's programs for single functions (`jax_points.py`).

All layers and sides at once, function by function. Whatever a program is given beside an entry or column has
no say in it, so a case's answers do not depend on the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from refimpl import LossSpec

from . import jax_points as points
from .jax_losses import LOSS_LINES
from .jax_packing import argument_names
from .pieces import argument_rows
from .shapes import Blocks
from .step_batch import StepBatch, StepBatchValues


def steps_together(batch: StepBatch) -> StepBatchValues:
    """Each nonlinear step on the given numbers, in float64; to be called with 64-bit types on."""
    with np.errstate(all="ignore"):  # what overflows does
        loss, dA_last = _losses(batch)
    blocks, specs = batch.in_rows(batch.layers), batch.activations() * batch.rows
    Z = np.concatenate(batch.Z, axis=1).reshape(-1)
    dA = batch.all_dA(dA_last).reshape(-1)
    A, delta = np.empty(Z.size), np.empty(Z.size)
    for name, members in _together(spec.name for spec in specs):
        own = blocks.of(members)
        if specs[members[0]].entry.elementwise:
            at = own.positions
            rows = argument_rows([specs[k] for k in members], own.rows * own.columns)
            A[at], delta[at] = points.at_points(points.activation_program(name), Z[at], rows, dA[at])
            continue
        for units, some in _together(points.padded_units(own.rows).tolist()):
            at, mask = own.of(some).columns_of(units)
            value, pulled_back = points.by_columns(points.mixing_program(name), mask, [Z[at], dA[at]])
            A[at[mask]], delta[at[mask]] = value[mask], pulled_back[mask]
    return StepBatchValues(batch.by_layer(A), loss, dA_last, batch.by_layer(delta))


def _together(keys: Iterable[Any]) -> list[tuple[Any, list[int]]]:
    """The positions of each key."""
    found: dict[Any, list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return list(found.items())


def _losses(batch: StepBatch) -> tuple[Any, Any]:
    """The reduced losses (rows, cases), and their gradients by the predictions (rows, total)."""
    blocks, outputs = batch.in_rows(batch.outputs), batch.outputs
    A, Y = (
        batch.A_last.reshape(-1),
        np.concatenate([case.Y for case in batch.cases], axis=None, dtype="float64"),
    )
    targets = Blocks(*(np.tile(each, batch.rows) for each in outputs))
    specs = [case.network.loss for case in batch.cases] * batch.rows
    divisors = np.array(
        [
            LOSS_LINES[spec.name].divisor(spec.reduction, *case.Y.shape)
            for spec, case in zip(specs, batch.cases, strict=False)
        ]
        * batch.rows,
        dtype="float64",
    )
    loss, gradient = np.empty(len(specs)), np.empty(A.size)
    for name, members in _together(spec.name for spec in specs):
        own, those = blocks.of(members), targets.of(members)
        if LOSS_LINES[name].separable:
            found = _entries(name, [specs[k] for k in members], own, those, divisors[members], A, Y)
            at, gradients, terms, counts = *found, own.rows * own.columns
            gradient[at] = gradients
            loss[members] = np.add.reduceat(terms, np.cumsum(counts) - counts)
            continue
        for units, some in _together(points.padded_units(own.rows).tolist()):
            chosen = [members[k] for k in some]
            at, mask = own.of(some).columns_of(units)
            y_at, _ = those.of(some).columns_of(units)
            columns = own.columns[some]
            arguments = _column_arguments([specs[k] for k in chosen], own.of(some), units)
            cotangents = np.repeat(1 / divisors[chosen], columns)
            given = [A[at], cotangents, Y[y_at], *arguments]
            terms, gradients = points.by_columns(points.mixing_loss_program(name), mask, given)
            gradient[at[mask]] = gradients[mask]
            loss[chosen] = np.add.reduceat(terms, np.cumsum(columns) - columns)
    shape = batch.rows, -1
    return (loss / divisors).reshape(shape), gradient.reshape(shape)


def _entries(
    name: str, specs: Sequence[LossSpec], own: Blocks, those: Blocks, divisors: Any, A: Any, Y: Any
) -> tuple[Any, Any, Any]:
    """The places of the blocks' entries, the gradients there, and the terms, block after block."""
    at, sizes = own.positions, own.rows * own.columns
    rows = [Y[those.positions], *argument_rows(_entrywise(specs, own), sizes)]
    cotangents = np.repeat(1 / divisors, sizes)
    terms, gradients = points.at_points(points.loss_program(name), A[at], rows, cotangents)
    return at, gradients, terms


def _entrywise(specs: Sequence[LossSpec], blocks: Blocks) -> Sequence[Any]:
    """The specs with a number for each entry in their arrays."""
    if not any(spec.arrays for spec in specs):
        return specs
    shapes = zip(blocks.rows.tolist(), blocks.columns.tolist(), strict=True)
    return [
        LossSpec(
            spec.name,
            spec.reduction,
            spec.parameters,
            {name: np.broadcast_to(array, shape) for name, array in spec.arrays.items()},
        )
        if spec.arrays
        else spec
        for spec, shape in zip(specs, shapes, strict=True)
    ]


def _column_arguments(specs: Sequence[LossSpec], blocks: Blocks, units: int) -> list[Any]:
    """For each argument its value in each column: parameters (columns,), arrays (units, columns)."""
    arrays = {array.name for array in specs[0].entry.arrays}
    found = []
    for name in argument_names(specs[0].entry):
        if name not in arrays:
            found.append(np.repeat([float(spec.parameters[name]) for spec in specs], blocks.columns))
            continue
        parts = []
        for spec, rows, columns in zip(specs, blocks.rows.tolist(), blocks.columns.tolist(), strict=True):
            part = np.ones((units, columns))
            part[:rows] = spec.arguments[name]
            parts.append(part)
        found.append(np.concatenate(parts, axis=1))
    return found
