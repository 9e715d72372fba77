"""Whether a given case, which was not drawn for it, is one that an implementation declares to support."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from backproof.cases.targets import takes_labels
from refimpl import ActivationSpec, Case, LossSpec
from refimpl.domains import OneHot, OneOf

from .declaration import Declaration


def outside(declaration: Declaration, case: Case) -> str:
    """The first thing of the case that is not declared, such as "the activation relu"; empty if all is.

    Sizes that are not declared have no limit: the harness's own are about what it draws.
    """
    return next(_undeclared(declaration, case), "")


def _undeclared(declared: Declaration, case: Case) -> Iterator[str]:
    loss, layers = case.network.loss, case.network.layers
    *hidden, output = (layer.activation.name for layer in layers)
    if case.dtype.name not in declared.dtypes:
        yield case.dtype.name
    for names, allowed, what in (
        ((*hidden, output), declared.activations, "the activation {}"),
        (hidden, declared.hidden, "the hidden activation {}"),
        ((output,), declared.output, "the last activation {}"),
        ((loss.name,), declared.losses, "the loss {}"),
    ):
        yield from (what.format(name) for name in names if allowed is not None and name not in allowed)
    if declared.pairs is not None and (output, loss.name) not in declared.pairs:
        yield f"the pair {output} with {loss.name}"
    # What divides whatever a case says is judged by its own divisor.
    if declared.loss_scale is None and loss.reduction not in declared.reductions:
        yield f"the reduction {loss.reduction}"
    yield from _other_sizes(declared, case)
    if not declared.parameters:
        specs: list[ActivationSpec | LossSpec] = [*(layer.activation for layer in layers), loss]
        for spec in specs:
            if spec.parameters != spec.entry.complete({}, case.dtype):
                yield f"other parameters of {spec.name} than its defaults"
    if loss.arrays and not declared.arrays:
        yield f"arrays of {loss.name}"
    if not _labels_fit(declared.labels, case):
        yield f"other labels than {declared.labels}"


def _other_sizes(declared: Declaration, case: Case) -> Iterator[str]:
    inputs, *inner, outputs = case.network.widths
    sizes: tuple[tuple[str, Iterable[int]], ...] = (
        ("depth", (case.network.depth,)),
        ("batch", (case.samples,)),
        ("inputs", (inputs,)),
        ("outputs", (outputs,)),
        # A width holds for every layer, but where inputs or outputs are declared for themselves.
        ("width", inner),
        ("width", [] if declared.inputs else [inputs]),
        ("width", [] if declared.outputs else [outputs]),
    )
    for name, values in sizes:
        span = getattr(declared, name)
        yield from (f"{name} {value}" for value in values if span and not span[0] <= value <= span[1])


def _labels_fit(labels: str, case: Case) -> bool:
    """Whether the targets have the form that is declared, as `DrawOptions.labels` says."""
    loss, Y = case.network.loss.entry, case.Y
    one_hot = bool(np.isin(Y, (0, 1)).all() and (Y.sum(axis=0) == 1).all())
    if labels == "indices":
        return loss.classes and one_hot
    if labels == "any" or not takes_labels(loss):
        return True
    domain = loss.target_domain
    if loss.classes or isinstance(domain, OneHot):
        return one_hot
    if isinstance(domain, OneOf):
        return True
    if labels == "one-hot" and len(Y) > 1 and domain.contains([0.0, 1.0]):
        return one_hot
    ends = [
        end if inside else (domain.low + domain.high) / 2
        for end, inside in ((domain.low, domain.low_inside), (domain.high, domain.high_inside))
    ]
    return bool(np.isin(Y, ends).all())
