"""Whether a given case is one that options allow: what reduction asks before it asks an implementation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from refimpl import ActivationSpec, Case, LossSpec
from refimpl.domains import OneHot
from refimpl.functions import REDUCTIONS

from .options import DrawOptions
from .targets import ends, takes_labels

_ONE_HOT = OneHot()


def is_within(case: Case, options: DrawOptions) -> bool:
    """Whether `options` allow this case: names, sizes, parameters, arrays and labels.

    True of every case that is drawn with them. Regimes say how numbers are drawn, which no number shows: they
    are not looked at.
    """
    layers, loss = case.network.layers, case.network.loss
    output, hidden = layers[-1].activation, [layer.activation for layer in layers[:-1]]
    return (
        _sizes_are_within(case, options)
        and _among(options.activations, (spec.name for spec in (*hidden, output)))
        and _among(options.hidden, (spec.name for spec in hidden))
        and _among(options.output, (output.name,))
        and _among(options.losses, (loss.name,))
        and _among(options.pairs, ((output.name, loss.name),))
        and _among(options.reductions or REDUCTIONS, (loss.reduction,))
        and (options.parameters or all_defaults([*hidden, output, loss]))
        and (options.arrays or not loss.arrays)
        and _labels_are_within(case, options)
    )


def has_defaults(spec: ActivationSpec | LossSpec) -> bool:
    """Whether every parameter is the default of its entry, as a number of float32 or of float64."""
    return all(
        spec.parameters[parameter.name] in (parameter.default, float(np.float32(parameter.default)))
        for parameter in spec.entry.parameters
    )


def all_defaults(specs: Iterable[ActivationSpec | LossSpec]) -> bool:
    """Whether none of them has a parameter other than its default."""
    return all(has_defaults(spec) for spec in specs)


def _among(allowed: Iterable[Any] | None, used: Iterable[Any]) -> bool:
    return allowed is None or set(used) <= set(allowed)


def _sizes_are_within(case: Case, options: DrawOptions) -> bool:
    inputs, *hidden, outputs = case.network.widths
    width = (options.min_width, options.max_width)
    spans = [
        (case.network.depth, (options.min_depth, options.max_depth)),
        (case.samples, (options.min_batch, options.max_batch)),
        (inputs, options.inputs or width),
        (outputs, options.outputs or width),
        *((units, width) for units in hidden),
    ]
    return all(least <= size <= most for size, (least, most) in spans)


def _labels_are_within(case: Case, options: DrawOptions) -> bool:
    """As `draw_hard_labels` gives them, where labels are restricted and the loss takes some."""
    loss, labels = case.network.loss.entry, options.labels
    if labels == "any":
        return True
    if labels == "indices" and not loss.classes:
        return False
    if not takes_labels(loss):
        return True
    domain = loss.target_domain
    if loss.classes or isinstance(domain, OneHot):
        return _ONE_HOT.contains(case.Y)
    if labels != "hard" and len(case.Y) > 1 and domain.contains([0.0, 1.0]):
        return _ONE_HOT.contains(case.Y)
    return bool(np.isin(case.Y, ends(domain)).all())
