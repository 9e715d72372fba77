"""The passes of a reduction: each looks for simpler forms of a case that still fail, and says which it found.

A pass takes the case and `first`, which asks candidates in order and gives the first that is simpler and
still fails. Candidates are functions without arguments that make a case, or raise InvalidCaseError where
there is no such case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from backproof.cases import DrawOptions, draw_case
from refimpl import ActivationSpec, Case, InvalidCaseError, LossSpec, Network

from .cutting import nearest_targets, restricted, with_activations, with_layers, with_loss
from .simplicity import (
    ACTIVATION_RANKS,
    LOSS_RANKS,
    REDUCTION_RANKS,
    SHORT_RATES,
    has_defaults,
    rounded_to,
    simpler_numbers,
)

Candidate = Callable[[], Case]
First = Callable[[Iterable[Candidate]], Case | None]
Pass = Callable[[Case, First], Case]

SMALL = 2
"""The most units of a layer and samples of a case that is small."""
_DRAWN = 12
"""How many cases of each small size are drawn anew."""
_SEED = 0
_BITS = (1, 2, 3, 4, 6, 8, 12)


def _one_by_one(case: Case, first: First, groups: Sequence[Callable[[Case], Iterable[Candidate]]]) -> Case:
    """The case after each group of candidates, of the case as it is then, has been asked."""
    for group in groups:
        case = first(group(case)) or case
    return case


# ---------------------------------------------------------------- a jump to something small


def jump(case: Case, first: First) -> Case:
    """From a large case to a small one in one step: cut out of it, or drawn anew with the same functions."""
    return first(_small_forms(case)) or case


def _small_forms(case: Case) -> Iterator[Candidate]:
    depth = case.network.depth
    samples = [range(n) for n in range(1, min(case.samples, SMALL) + 1)]
    hidden = dict.fromkeys(spec.name for spec in _specs(case)[:-1])
    for fewer in range(1, min(depth, SMALL + 1) + 1):
        for most, kept in product((1, SMALL), samples):
            for start in range(depth - fewer, -1, -1):
                window = (*range(start, start + fewer - 1), depth - 1)
                yield partial(_small, case, window, most, kept)
        for name in hidden if fewer == 2 else (None,):  # of one hidden layer, each activation in turn
            yield from _drawn(case, fewer, name)


def _small(case: Case, layers: Sequence[int], most: int, samples: Sequence[int]) -> Case:
    cut = with_layers(case, layers, most)
    return restricted(cut, [range(n) for n in cut.network.widths], samples)


def _drawn(case: Case, depth: int, hidden: str | None) -> Iterator[Candidate]:
    """Small cases of that depth with the functions of this one, drawn as a run draws them.

    All hidden layers have the activation `hidden`, or else any of the case's.
    """
    specs, loss = _specs(case), case.network.loss
    parameters = not all(map(has_defaults, specs)) or not has_defaults(loss)
    options = DrawOptions(
        hidden=(hidden,) if hidden else tuple(dict.fromkeys(spec.name for spec in specs)),
        output=(specs[-1].name,),
        losses=(loss.name,),
        reductions=(loss.reduction,),
        parameters=parameters,
        arrays=bool(loss.arrays),
        min_depth=depth,
        max_depth=depth,
        max_width=SMALL,
        max_batch=SMALL,
    )
    for index in range(_DRAWN // 2 if hidden else _DRAWN):
        yield partial(_draw, index, case.dtype.name, options)


def _draw(index: int, dtype: str, options: DrawOptions) -> Case:
    return draw_case(_SEED, index, dtype, options).case


# ---------------------------------------------------------------- layers, units, samples


def layers(case: Case, first: First) -> Case:
    """Fewer layers: the last ones, then all but some."""
    depth = case.network.depth
    tails = [(*range(depth - n, depth - 1), depth - 1) for n in range(1, depth)]
    without = [tuple(l for l in range(depth) if l != left) for left in range(depth)]
    heads = [tuple(range(n)) for n in range(1, depth)]
    kept = sorted(dict.fromkeys([*tails, *heads, *without]), key=len)
    ends = (False, True)
    forms = (partial(with_layers, case, each, own_last=own) for each in kept if each for own in ends)
    return first(forms) or case


def units(case: Case, first: First) -> Case:
    """Fewer units and inputs: everywhere at once, then in one layer after the other."""
    widest = max(case.network.widths)
    case = first(partial(_narrowed, case, most) for most in _halves(widest)) or case
    places = range(len(case.network.widths))
    return _one_by_one(case, first, [partial(_narrowed_at, place=place) for place in places])


def _narrowed(case: Case, most: int) -> Case:
    kept = [range(min(n, most)) for n in case.network.widths]
    return restricted(case, kept, range(case.samples))


def _narrowed_at(case: Case, place: int) -> Iterator[Candidate]:
    everything = [range(n) for n in case.network.widths]
    for kept in _choices(case.network.widths[place]):
        chosen: list[Sequence[int]] = [*everything]
        chosen[place] = kept
        yield partial(restricted, case, chosen, range(case.samples))


def samples(case: Case, first: First) -> Case:
    """Fewer samples."""
    everything = [range(n) for n in case.network.widths]
    return first(partial(restricted, case, everything, kept) for kept in _choices(case.samples)) or case


def _halves(count: int) -> list[int]:
    """1, 2, 3, 4, then twice as many each time, below count."""
    return [n for n in (1, 2, 3, *(4 << k for k in range(8))) if n < count]


def _choices(count: int) -> list[Sequence[int]]:
    """Which of so many to keep, the fewest first: single ones, neighbours, halves, all but some."""
    found: list[Sequence[int]] = [(k,) for k in range(min(count, 8))]
    found += [(k, k + 1) for k in range(min(count - 1, 4))]
    found += [range(n) for n in _halves(count)]
    found += [range(count // 2, count)]
    parts = [range(count * k // n, count * (k + 1) // n) for n in (4, 8, 16) for k in range(n)]
    found += [[k for k in range(count) if k not in part] for part in parts]
    if count <= 16:
        found += [[k for k in range(count) if k != left] for left in range(count)]
    kept = {tuple(each): None for each in found if 0 < len(each) < count}
    return sorted(kept, key=len)


# ---------------------------------------------------------------- functions


def functions(case: Case, first: First) -> Case:
    """Simpler activations and losses, the customary reduction, defaults, no arrays."""
    depth = case.network.depth
    groups: list[Callable[[Case], Iterable[Candidate]]] = [_pairs, _losses, _without_arrays]
    groups += [partial(_activations, place=place) for place in range(depth)]
    groups += [_reductions, _defaults]
    groups += [partial(_own_defaults, place=place) for place in range(depth)]
    return _one_by_one(case, first, groups)


def _specs(case: Case) -> list[ActivationSpec]:
    return [layer.activation for layer in case.network.layers]


def _below(ranks: Any, name: str) -> list[str]:
    return [each for each, rank in ranks.items() if rank < ranks[name]]


def _pairs(case: Case) -> Iterator[Candidate]:
    """The last activation and the loss at once: one may fit the other only."""
    specs, loss = _specs(case), case.network.loss
    for activation in (*_below(ACTIVATION_RANKS, specs[-1].name)[:2], specs[-1].name):
        for name in _below(LOSS_RANKS, loss.name)[:2]:
            changed = [*specs[:-1], specs[-1] if activation == specs[-1].name else ActivationSpec(activation)]
            yield partial(_with_both, case, changed, LossSpec(name, loss.reduction))


def _with_both(case: Case, specs: Sequence[ActivationSpec], loss: LossSpec) -> Case:
    cut = [replace(layer, activation=spec) for layer, spec in zip(case.network.layers, specs, strict=True)]
    Y = nearest_targets(loss.entry.target_domain, case.Y)
    return Case(Network(tuple(cut), loss), case.X, Y, case.learning_rate)


def _losses(case: Case) -> Iterator[Candidate]:
    loss = case.network.loss
    for name in _below(LOSS_RANKS, loss.name):
        yield partial(with_loss, case, LossSpec(name, loss.reduction))


def _without_arrays(case: Case) -> Iterator[Candidate]:
    loss = case.network.loss
    for dropped in (tuple(loss.arrays), *((name,) for name in loss.arrays)):
        arrays = {name: array for name, array in loss.arrays.items() if name not in dropped}
        yield partial(with_loss, case, LossSpec(loss.name, loss.reduction, loss.parameters, arrays))


def _activations(case: Case, place: int) -> Iterator[Candidate]:
    specs = _specs(case)
    for name in _below(ACTIVATION_RANKS, specs[place].name):
        changed = [*specs[:place], ActivationSpec(name), *specs[place + 1 :]]
        yield partial(with_activations, case, changed)


def _reductions(case: Case) -> Iterator[Candidate]:
    loss = case.network.loss
    for name in _below(REDUCTION_RANKS, loss.reduction):
        yield partial(with_loss, case, LossSpec(loss.name, name, loss.parameters, loss.arrays))


def _defaults(case: Case) -> Iterator[Candidate]:
    specs, loss = _specs(case), case.network.loss
    plain = LossSpec(loss.name, loss.reduction, {}, loss.arrays)
    yield partial(_with_both, case, [ActivationSpec(spec.name) for spec in specs], plain)
    yield partial(with_loss, case, plain)


def _own_defaults(case: Case, place: int) -> Iterator[Candidate]:
    specs = _specs(case)
    changed = [*specs[:place], ActivationSpec(specs[place].name), *specs[place + 1 :]]
    yield partial(with_activations, case, changed)


# ---------------------------------------------------------------- numbers


class Place(NamedTuple):
    """Where a number of a case stands: an array's name, or "parameter" or "rate", and an index."""

    what: str
    layer: int = -1
    """Of W, b and an activation's parameter: counted from 0; -1 elsewhere."""
    index: Any = ()
    """Row and column, or a parameter's name."""


def arrays_of(case: Case) -> dict[Place, Any]:
    """The arrays of a case; a loss's own are called by their names."""
    found: dict[Place, Any] = {Place("X"): case.X, Place("Y"): case.Y}
    for l, layer in enumerate(case.network.layers):
        found |= {Place("W", l): layer.W, Place("b", l): layer.b}
    return found | {Place(name): array for name, array in case.network.loss.arrays.items()}


def with_arrays(case: Case, arrays: dict[Place, Any]) -> Case:
    """The case with other arrays."""
    cut = tuple(
        replace(layer, W=arrays[Place("W", l)], b=arrays[Place("b", l)])
        for l, layer in enumerate(case.network.layers)
    )
    loss = case.network.loss
    own = {name: arrays[Place(name)] for name in loss.arrays}
    loss = LossSpec(loss.name, loss.reduction, loss.parameters, own)
    return Case(Network(cut, loss), arrays[Place("X")], arrays[Place("Y")], case.learning_rate)


def all_numbers(case: Case, first: First) -> Case:
    """Many numbers at once: all of an array equal and short, all numbers of few bits."""
    case = first(partial(_rounded, case, bits) for bits in _BITS) or case
    return _one_by_one(case, first, [partial(_uniform, where=where) for where in arrays_of(case)])


def _rounded(case: Case, bits: int) -> Case:
    domain = case.network.loss.entry.target_domain
    arrays = {where: rounded_to(array, bits) for where, array in arrays_of(case).items()}
    arrays[Place("Y")] = nearest_targets(domain, arrays[Place("Y")])
    return with_arrays(case, arrays)


def _uniform(case: Case, where: Place) -> Iterator[Candidate]:
    arrays = arrays_of(case)
    for number in (0.0, 1.0):
        yield partial(with_arrays, case, arrays | {where: np.full_like(arrays[where], number)})
    for bits in (1, 3):
        yield partial(with_arrays, case, arrays | {where: rounded_to(arrays[where], bits)})


def each_number(case: Case, first: First) -> Case:
    """One number after the other: the shortest that still fails."""
    groups: list[Callable[[Case], Iterable[Candidate]]] = [_rates]
    groups += [
        partial(_entries, where=where, index=tuple(index))
        for where, array in arrays_of(case).items()
        for index in np.ndindex(array.shape)
    ]
    if case.network.loss.entry.classes:
        groups += [partial(_columns, column=column) for column in range(case.samples)]
    groups += [
        partial(_parameters, place=place, name=name)
        for place, names in enumerate([s.parameters for s in _specs(case)] + [case.network.loss.parameters])
        for name in names
    ]
    return _one_by_one(case, first, groups)


def _entries(case: Case, where: Place, index: tuple[int, ...]) -> Iterator[Candidate]:
    arrays = arrays_of(case)
    for number in simpler_numbers(arrays[where][index]):
        yield partial(_with_entry, case, where, index, number)


def _with_entry(case: Case, where: Place, index: tuple[int, ...], number: float) -> Case:
    arrays = arrays_of(case)
    changed = arrays[where].copy()
    changed[index] = number
    return with_arrays(case, arrays | {where: changed})


def _columns(case: Case, column: int) -> Iterator[Candidate]:
    """One class for a sample."""
    for row in range(len(case.Y)):
        Y = case.Y.copy()
        Y[:, column] = 0
        Y[row, column] = 1
        yield partial(replace, case, Y=Y)


def _parameters(case: Case, place: int, name: str) -> Iterator[Candidate]:
    """Another value of a parameter of layer `place`, counted from 0, or else of the loss."""
    specs, loss = _specs(case), case.network.loss
    spec: Any = (*specs, loss)[place]
    default = next(p.default for p in spec.entry.parameters if p.name == name)
    for number in (default, *simpler_numbers(spec.parameters[name])):
        yield partial(_with_parameter, case, place, name, number)


def _with_parameter(case: Case, place: int, name: str, number: float) -> Case:
    specs, loss = _specs(case), case.network.loss
    try:
        if place == len(specs):
            changed = {**loss.parameters, name: number}
            return with_loss(case, LossSpec(loss.name, loss.reduction, changed, loss.arrays))
        specs[place] = ActivationSpec(specs[place].name, {**specs[place].parameters, name: number})
        return with_activations(case, specs)
    except ValueError as error:  # outside the parameter's domain
        raise InvalidCaseError(str(error)) from None


def _rates(case: Case) -> Iterator[Candidate]:
    for number in simpler_numbers(case.learning_rate, SHORT_RATES):
        yield partial(replace, case, learning_rate=number)


PASSES: tuple[Pass, ...] = (jump, layers, units, samples, functions, all_numbers, each_number)
"""In the order of what they make simpler, the gravest first."""
