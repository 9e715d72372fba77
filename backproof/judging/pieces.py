"""The functions of many cases, grouped: one function of a group, whose parameters are arrays.

Elementwise functions are grouped by name: each member has a run of entries of flat data, and its parameters
hold for that run. Functions that mix the units of a sample are grouped by name and number of units, and all
samples of all members are columns of one matrix.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np

from oracles import Oracle
from oracles.layout import Layout
from refimpl import ActivationSpec, LossSpec
from refimpl.functions import Kink

from .loss_facts import LOSS_FACTS

_NOWHERE = Kink(at=np.inf, left=0.0, right=0.0, chosen=0.0)
"""Stands for a kink that only other members have."""


_FORMULA = "p"
"""The parameter by whose value a rule for samples has another formula: an exponent."""


def members_of(keys: Sequence[Hashable]) -> dict[Any, list[int]]:
    """The positions of each key."""
    found: dict[Any, list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return found


def _divided(pieces: Any, chosen: Any) -> tuple[list[Any], Any]:
    """The members of which some entries are chosen, by a mask, and how many."""
    starts = np.cumsum(pieces.sizes) - pieces.sizes
    sizes = np.add.reduceat(chosen, starts, dtype=np.int64)
    return [spec for spec, size in zip(pieces.specs, sizes.tolist(), strict=True) if size], sizes[sizes > 0]


def _where_they_differ(numbers: Sequence[Any], counts: Any) -> Any:
    """The number of all members, or each one's repeated so many times."""
    first = numbers[0]
    return first if all(number == first for number in numbers) else np.repeat(numbers, counts)


class ActivationPieces:
    """Specs of one elementwise activation, each with a run of entries along the last axis."""

    def __init__(self, specs: Sequence[ActivationSpec], sizes: Any) -> None:
        self.specs, self.sizes = tuple(specs), np.asarray(sizes)
        self.name, self.entry = self.specs[0].name, self.specs[0].entry

    @classmethod
    def of(cls, given: ActivationSpec | ActivationPieces) -> ActivationPieces:
        """The same for one spec that holds for all entries."""
        return given if isinstance(given, ActivationPieces) else cls([given], [-1])

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """Name → a number, or one for each entry where the members differ."""
        return {
            name: self._each([s.parameters[name] for s in self.specs]) for name in self.specs[0].parameters
        }

    def kinks(self) -> tuple[Kink, ...]:
        """Each kink as numbers, or arrays of one for each entry; infinitely far where a member has none."""
        found = [spec.entry.kinks(spec.parameters) for spec in self.specs]
        most = max(map(len, found))
        return tuple(
            Kink(
                *(
                    self._each([getattr(k[n] if n < len(k) else _NOWHERE, side) for k in found])
                    for side in ("at", "left", "right", "chosen")
                )
            )
            for n in range(most)
        )

    @property
    def is_divisible(self) -> bool:
        """Whether each member has a run of entries of its own."""
        return bool(self.sizes[0] >= 0)

    def part(self, chosen: Any) -> ActivationPieces:
        """The same for the chosen entries only, by a mask."""
        return ActivationPieces(*_divided(self, chosen)) if self.is_divisible else self

    def values(self, oracle: Oracle, points: Any) -> tuple[Any, Any]:
        """(σ, σ') at the points; the entries are along the last axis."""
        if len(self.specs) == 1:
            return oracle.activation(self.specs[0], points)
        return oracle.activation_pieces(self.specs, self.sizes.tolist(), points)

    def _each(self, numbers: list[Any]) -> Any:
        return _where_they_differ(numbers, self.sizes)


class LossPieces:
    """Specs of one loss whose terms are those of single entries, each with a run of entries."""

    def __init__(self, specs: Sequence[LossSpec], sizes: Any, shapes: Sequence[tuple[int, int]] = ()) -> None:
        """`shapes` are those of the predictions, to which the members' arrays are broadcast, if any."""
        self.specs, self.sizes, self.shapes = tuple(specs), np.asarray(sizes), tuple(shapes)
        self.name, self.entry = self.specs[0].name, self.specs[0].entry

    @classmethod
    def of(cls, given: LossSpec | LossPieces) -> LossPieces:
        """The same for one spec that holds for all entries."""
        return given if isinstance(given, LossPieces) else cls([given], [-1])

    @cached_property
    def arguments(self) -> Mapping[str, Any]:
        """Parameters and arrays: name → a number, or one for each entry where the members differ."""
        if len(self.specs) == 1 and not self.shapes:
            return self.specs[0].arguments
        found: dict[str, Any] = {}
        for name, first in self.specs[0].arguments.items():
            values = [spec.arguments[name] for spec in self.specs]
            if np.ndim(first):
                pairs = zip(values, self.shapes, strict=True)
                parts = [np.broadcast_to(value, shape).reshape(-1) for value, shape in pairs]
                found[name] = np.concatenate(parts, dtype=np.float64)
            else:
                found[name] = _where_they_differ(values, self.sizes)
        return found

    @property
    def is_divisible(self) -> bool:
        """Whether `part` can be asked: members with arrays of their own are not divided."""
        return bool(self.sizes[0] >= 0) and not self.shapes

    def part(self, chosen: Any) -> LossPieces:
        """The same for the chosen entries only, by a mask."""
        return LossPieces(*_divided(self, chosen))

    def values(self, oracle: Oracle, points: Any, targets: Any) -> tuple[Any, Any]:
        """(ℓ, ∂ℓ/∂a) at the points; the entries are along the last axis."""
        if len(self.specs) == 1 and not self.shapes:
            return oracle.loss_terms(self.specs[0], points, targets)
        return oracle.loss_pieces(self._flattened, self.sizes.tolist(), points, targets)

    @cached_property
    def _flattened(self) -> tuple[LossSpec, ...]:
        """The members with their arrays flat."""
        if not self.shapes:
            return self.specs
        return tuple(
            LossSpec(
                spec.name,
                "sum",
                spec.parameters,
                {
                    name: np.broadcast_to(array, shape).reshape(1, -1).astype(np.float64)
                    for name, array in spec.arrays.items()
                },
            )
            for spec, shape in zip(self.specs, self.shapes, strict=True)
        )


class Elementwise(NamedTuple):
    """One group of elementwise activations, and the places of its entries in flat data."""

    pieces: ActivationPieces
    at: Any


class Mixing(NamedTuple):
    """Members of one name and number of units, and the places of their samples' entries: (units, samples)."""

    spec: ActivationSpec
    at: Any


class Activations(Sequence[ActivationSpec]):
    """The activations of the cases of a layout, grouped."""

    def __init__(self, specs: Sequence[ActivationSpec], layout: Layout) -> None:
        self._specs, self.layout = tuple(specs), layout
        units = [rows for rows, _ in layout.shapes]
        keys = [
            (spec.name, 0 if spec.entry.elementwise else n)
            for spec, n in zip(self._specs, units, strict=True)
        ]
        self.elementwise: list[Elementwise] = []
        self.mixing: list[Mixing] = []
        for (_, n), cases in members_of(keys).items():
            if n:
                self.mixing.append(Mixing(self._specs[cases[0]], layout.columns_at(cases)))
                continue
            cases.sort(key=lambda k: tuple(self._specs[k].parameters.values()))
            runs = members_of([tuple(self._specs[k].parameters.values()) for k in cases])
            sizes = layout.sizes[cases]
            pieces = ActivationPieces(
                [self._specs[cases[places[0]]] for places in runs.values()],
                [int(sizes[places].sum()) for places in runs.values()],
            )
            self.elementwise.append(Elementwise(pieces, layout.entries(cases)))

    @classmethod
    def of(cls, specs: Sequence[ActivationSpec], layout: Layout) -> Activations:
        """The same, grouped; what is grouped already is given back."""
        return specs if isinstance(specs, Activations) else cls(specs, layout)

    def __len__(self) -> int:
        return len(self._specs)

    @overload
    def __getitem__(self, place: int) -> ActivationSpec: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[ActivationSpec, ...]: ...
    def __getitem__(self, place: Any) -> Any:
        return self._specs[place]

    def __iter__(self) -> Iterator[ActivationSpec]:
        return iter(self._specs)


class Terms(NamedTuple):
    """One group of losses whose terms are those of single entries."""

    pieces: LossPieces
    cases: list[int]
    at: Any
    layout: Layout
    """Of the group's entries."""


class Samples(NamedTuple):
    """One group of losses whose terms depend on all outputs of a sample."""

    name: str
    arguments: Mapping[str, Any]
    """Parameters, one for each sample where the cases differ, and arrays beside the samples."""
    cases: list[int]
    at: Any
    """The places of the samples' entries: (outputs, samples)."""
    counts: Any
    """How many samples each case has."""

    def sums(self, data: Any) -> Any:
        """The sum of each case's entries: (…, cases)."""
        starts = np.cumsum(self.counts) - self.counts
        return np.add.reduceat(np.sum(data, axis=-2), starts, axis=-1)


class Losses:
    """The losses of cases, grouped, with what they are held against and divided by."""

    def __init__(self, specs: Sequence[LossSpec], targets: Sequence[Any], layout: Layout) -> None:
        self.Y = layout.flat(targets)
        divisors = [
            s.entry.divisor(s.reduction, *shape) for s, shape in zip(specs, layout.shapes, strict=True)
        ]
        self.divisors = np.array(divisors, dtype=np.float64)
        self.each = layout.each(self.divisors)
        """The divisor of each entry."""
        self.terms: list[Terms] = []
        self.samples: list[Samples] = []
        single = [LOSS_FACTS[spec.name].rule is None for spec in specs]
        keys = [
            (s.name, tuple(s.arrays), *(() if alone else (rows, s.parameters.get(_FORMULA))))
            for s, alone, (rows, _) in zip(specs, single, layout.shapes, strict=True)
        ]
        for cases in members_of(keys).values():
            if single[cases[0]]:
                self.terms.append(_terms(specs, cases, layout))
            else:
                self.samples.append(_samples(specs, cases, layout))


def _terms(specs: Sequence[LossSpec], cases: list[int], layout: Layout) -> Terms:
    cases = sorted(cases, key=lambda k: tuple(specs[k].parameters.values()))
    part, own = Layout([layout.shapes[k] for k in cases]), [specs[k] for k in cases]
    if own[0].arrays:
        return Terms(LossPieces(own, part.sizes, part.shapes), cases, layout.entries(cases), part)
    runs = members_of([tuple(spec.parameters.values()) for spec in own]).values()
    sizes = [int(part.sizes[places].sum()) for places in runs]
    return Terms(LossPieces([own[places[0]] for places in runs], sizes), cases, layout.entries(cases), part)


def _samples(specs: Sequence[LossSpec], cases: list[int], layout: Layout) -> Samples:
    own, shapes = [specs[k] for k in cases], [layout.shapes[k] for k in cases]
    arrays = {
        name: np.concatenate(
            [np.broadcast_to(s.arrays[name], shape) for s, shape in zip(own, shapes, strict=True)], axis=-1
        ).astype(np.float64)
        for name in own[0].arrays
    }
    counts = np.array([columns for _, columns in shapes])
    parameters = {
        name: _where_they_differ([s.parameters[name] for s in own], counts) for name in own[0].parameters
    }
    arguments = dict(own[0].arguments) | parameters | arrays
    return Samples(own[0].name, arguments, cases, layout.columns_at(cases), counts)
