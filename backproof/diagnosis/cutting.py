"""Cases cut down: fewer layers, units and samples of the same numbers.

Where a cut leaves targets that the loss does not take, or a one-hot column without its 1, they are mended.
All functions raise InvalidCaseError for what does not fit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.cases.targets import takes_labels
from refimpl import Case, Layer, LossSpec, Network
from refimpl.domains import Interval, OneOf, TargetDomain

Indices = Sequence[int]


def restricted(case: Case, units: Sequence[Indices], samples: Indices) -> Case:
    """The case with these inputs (units[0]), these units of each layer, and these samples."""
    layers = [
        Layer(layer.W[np.ix_(rows, columns)], layer.b[list(rows)], layer.activation)
        for layer, columns, rows in zip(case.network.layers, units[:-1], units[1:], strict=True)
    ]
    X = case.X[np.ix_(units[0], samples)]
    return _with_outputs(case, layers, X, units[-1], samples)


def with_layers(case: Case, kept: Indices, most: int | None = None, *, own_last: bool = False) -> Case:
    """The case with these of its layers, in order, and its last activation; with `own_last` that of the last
    layer kept.

    Where widths do not fit, the first units stay; with `most`, so many in each layer and so many inputs.
    """
    old = case.network.layers
    layers = [old[l] for l in kept]
    ends = [len(case.X), *(layer.inputs for layer in layers[1:]), len(case.Y)]
    starts = [layers[0].inputs, *(layer.outputs for layer in layers)]
    widths = [min(pair) if most is None else min(*pair, most) for pair in zip(starts, ends, strict=True)]
    cut = [
        Layer(layer.W[:rows, :columns], layer.b[:rows], layer.activation)
        for layer, columns, rows in zip(layers, widths[:-1], widths[1:], strict=True)
    ]
    if not own_last:
        cut[-1] = replace(cut[-1], activation=old[-1].activation)
    return _with_outputs(case, cut, case.X[: widths[0]], range(widths[-1]), range(case.samples))


def _with_outputs(case: Case, layers: Sequence[Layer], X: Any, outputs: Indices, samples: Indices) -> Case:
    """The case with these layers, and with the targets and arrays of these outputs and samples."""
    loss = case.network.loss
    per_sample = {array.name: array.per_sample for array in loss.entry.arrays}
    arrays = {
        name: array[np.ix_(outputs, samples if per_sample[name] else [0])]
        for name, array in loss.arrays.items()
    }
    loss = LossSpec(loss.name, loss.reduction, loss.parameters, arrays)
    Y = case.Y[np.ix_(outputs, samples)]
    if takes_labels(loss.entry):
        whole = case.Y[:, list(samples)]
        lost = np.all(Y == 0, axis=0) & np.all((whole == 0) | (whole == 1), axis=0) & (whole.sum(axis=0) == 1)
        Y[-1, lost] = 1
    return Case(Network(tuple(layers), loss), X, Y, case.learning_rate)


def with_loss(case: Case, loss: LossSpec) -> Case:
    """The case with another loss, and the targets that this takes: those nearest to the case's own."""
    Y = nearest_targets(loss.entry.target_domain, case.Y)
    return Case(Network(case.network.layers, loss), case.X, Y, case.learning_rate)


def nearest_targets(domain: TargetDomain, Y: Any) -> Any:
    """Targets in the domain: Y itself where it is in it."""
    if domain.contains(Y):
        return Y
    if isinstance(domain, Interval):
        low = domain.low if domain.low_inside else np.nextafter(domain.low, np.inf)
        high = domain.high if domain.high_inside else np.nextafter(domain.high, -np.inf)
        return np.clip(Y, low, high).astype(Y.dtype)
    if isinstance(domain, OneOf):
        values = np.array(domain.values, dtype=Y.dtype)
        return values[np.abs(Y[..., None] - values).argmin(axis=-1)]
    one_hot = np.zeros_like(Y)
    one_hot[Y.argmax(axis=0), np.arange(Y.shape[1])] = 1
    return one_hot


def with_activations(case: Case, activations: Sequence[Any]) -> Case:
    """The case with these activations, one a layer."""
    layers = (
        replace(layer, activation=spec) for layer, spec in zip(case.network.layers, activations, strict=True)
    )
    return replace(case, network=Network(tuple(layers), case.network.loss))
