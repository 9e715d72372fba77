"""One function at the points of many specs: the pieces that the points are cut into, one spec each.

`PieceByPiece` asks an oracle's `activation` and `loss_terms` once a piece, where there is no faster way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from refimpl import ActivationSpec, LossSpec


class Run(NamedTuple):
    """Neighbouring pieces that differ in the numbers of their arrays only, if at all."""

    spec: Any
    """The first piece's spec."""
    arrays: dict[str, Any]
    """The arrays of the run's loss end to end, (1, points)."""
    at: slice
    """Where on the last axis."""


def checked(specs: Sequence[ActivationSpec | LossSpec], sizes: Sequence[int], points: Any) -> None:
    """Nothing, if all specs are of one function and the sizes add up; else ValueError."""
    if len(specs) != len(sizes) or sum(sizes) != points.shape[-1]:
        raise ValueError(
            f"{len(specs)} specs, {len(sizes)} sizes, {sum(sizes)} in all, for points of shape {points.shape}"
        )
    if len({spec.name for spec in specs}) > 1:
        raise ValueError(f"pieces of different functions: {', '.join(sorted({s.name for s in specs}))}")


def runs(specs: Sequence[ActivationSpec | LossSpec], sizes: Sequence[int], points: Any) -> Iterator[Run]:
    """The runs of equal parameters. ValueError as `checked`."""
    checked(specs, sizes, points)
    start = 0
    for _, members in groupby(zip(specs, sizes, strict=True), key=lambda piece: _key(piece[0])):
        pieces = list(members)
        end = start + sum(size for _, size in pieces)
        yield Run(pieces[0][0], _flat_arrays(pieces), slice(start, end))
        start = end


def _key(spec: Any) -> tuple[Any, ...]:
    # Equal numbers are not always the same number: -0.0 == 0.0.
    numbers = tuple((name, float(value).hex()) for name, value in spec.parameters.items())
    return numbers, tuple(getattr(spec, "arrays", ()))


def _flat_arrays(pieces: Sequence[tuple[Any, int]]) -> dict[str, Any]:
    """The arrays of pieces of one loss; each spec's must broadcast to its piece, or be as large."""
    return {
        name: np.concatenate([_flat(spec.arrays[name], size) for spec, size in pieces], dtype=np.float64)[
            None
        ]
        for name in getattr(pieces[0][0], "arrays", ())
    }


def _flat(array: Any, size: int) -> Any:
    return array.reshape(-1) if array.size == size else np.broadcast_to(array, (1, size))[0]


def argument_rows(specs: Sequence[ActivationSpec | LossSpec], sizes: Sequence[int]) -> list[Any]:
    """For each argument of the function its value at each point, (points,); in the order of its entry."""
    rows = [
        np.repeat([float(spec.parameters[each.name]) for spec in specs], sizes)
        for each in specs[0].entry.parameters
    ]
    for each in getattr(specs[0].entry, "arrays", ()):
        given = [np.asarray(getattr(spec, "arrays", {}).get(each.name, each.default)) for spec in specs]
        flat = [_flat(array, size) for array, size in zip(given, sizes, strict=True)]
        rows.append(np.concatenate(flat, dtype=np.float64))
    return rows


class PieceByPiece:
    """`activation_pieces` and `loss_pieces` of an oracle that answers for one spec at a time."""

    activation: Callable[..., tuple[Any, Any]]
    loss_terms: Callable[..., tuple[Any, Any]]

    def activation_pieces(
        self, specs: Sequence[ActivationSpec], sizes: Sequence[int], points: Any
    ) -> tuple[Any, Any]:
        """See `Oracle.activation_pieces`."""
        points = np.asarray(points, dtype=np.float64)
        values, slopes = np.empty(points.shape), np.empty(points.shape)
        for run in runs(specs, sizes, points):
            at = (..., run.at)
            values[at], slopes[at] = self.activation(run.spec, points[at])
        return values, slopes

    def loss_pieces(
        self, specs: Sequence[LossSpec], sizes: Sequence[int], points: Any, targets: Any
    ) -> tuple[Any, Any]:
        """See `Oracle.loss_pieces`."""
        points, targets = (np.asarray(array, dtype=np.float64) for array in (points, targets))
        values, slopes = np.empty(points.shape), np.empty(points.shape)
        for run in runs(specs, sizes, points):
            at = (..., run.at)
            spec = run.spec
            if run.arrays:
                spec = LossSpec(spec.name, spec.reduction, spec.parameters, run.arrays)
            values[at], slopes[at] = self.loss_terms(spec, points[at], targets[run.at])
        return values, slopes
