"""How cases get into JAX's compiled programs, and answers out: stacks of arrays padded to a bucket.

NumPy only. Whatever stands in the padding makes no difference to the programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from refimpl import (
    ACTIVATIONS,
    LOSSES,
    QUANTITIES,
    Case,
)

from .shapes import Blocks, Shapes, segments
from .trace_batch import TraceBatch, padded_traces

Arrays = dict[str, Any]

ACTIVATION_INDEX = {name: index for index, name in enumerate(ACTIVATIONS)}
LOSS_INDEX = {name: index for index, name in enumerate(LOSSES)}
# One vector holds the parameters of any function, one stack of arrays those of any loss, in their order.
_PARAMETERS = max(len(entry.parameters) for table in (ACTIVATIONS, LOSSES) for entry in table.values())
_ARRAYS = max(len(entry.arrays) for entry in LOSSES.values())


class Bucket(NamedTuple):
    """A size that cases are padded to, and how many of them one call of a program takes."""

    depth: int
    width: int
    batch: int
    stack: int

    def holds(self, depth: int, width: int, batch: int) -> bool:
        """Whether a case of that size fits in."""
        return depth <= self.depth and width <= self.width and batch <= self.batch


# Sizes as random cases have them. A stack is as large as makes a case no cheaper in a larger one: measured.
BUCKETS = (
    Bucket(depth=4, width=16, batch=8, stack=32),
    Bucket(depth=8, width=32, batch=16, stack=32),
    Bucket(depth=8, width=64, batch=32, stack=8),
)


def bucket_of(depth: int, width: int, batch: int) -> Bucket:
    """The first bucket that holds a case of that size; for larger ones, powers of two, one case a call."""
    for bucket in BUCKETS:
        if bucket.holds(depth, width, batch):
            return bucket
    D, N, M = (1 << (size - 1).bit_length() for size in (depth, width, batch))
    return Bucket(D, N, M, stack=1)


Stacks = list[tuple[Bucket, list[int]]]


def stacks(
    cases: Sequence[Case], shapes: Shapes, dtype: str | None
) -> Iterator[tuple[np.dtype[Any], Stacks]]:
    """All positions in `cases`, for each dtype parted into stacks of one bucket each."""
    groups: dict[np.dtype[Any], dict[Bucket, list[int]]] = {}
    buckets: dict[tuple[int, ...], Bucket] = {}
    sizes = np.stack([shapes.depths, shapes.widths.max(axis=1, initial=1), shapes.samples], axis=1)
    for position, (case, size) in enumerate(zip(cases, map(tuple, sizes.tolist()), strict=True)):
        if size not in buckets:
            buckets[size] = bucket_of(*size)
        group = groups.setdefault(np.dtype(dtype or case.dtype), {})
        group.setdefault(buckets[size], []).append(position)
    for computed_in, group in groups.items():
        yield (
            computed_in,
            [
                (bucket, positions[start : start + bucket.stack])
                for bucket, positions in group.items()
                for start in range(0, len(positions), bucket.stack)
            ],
        )


def argument_names(entry: Any) -> tuple[str, ...]:
    """The names of an entry's parameters, then of a loss's arrays."""
    return tuple(each.name for each in (*entry.parameters, *getattr(entry, "arrays", ())))


def parameter_vector(spec: Any) -> Any:
    """The parameters of an activation or loss, padded."""
    vector = np.zeros(_PARAMETERS)
    vector[: len(spec.parameters)] = [spec.parameters[p.name] for p in spec.entry.parameters]
    return vector


def blocks(
    bucket: Any, shapes: Shapes, quantity: str, l: Any, cases: Any, places: Any, start: Any = 0
) -> Blocks:
    """Where the matrices of layer l of these cases are, which stand at these places of stacks of the bucket.

    `bucket` has numbers or arrays of one number a case, `start` is where each one's stack begins.
    """
    D, N, M, _ = bucket
    layer = places if quantity in WITHOUT_LAYERS else places * D + l - 1
    rows, columns = shapes.matrix(quantity, l, cases)
    if quantity in ("dW", "W_updated"):
        size, stride = N * N, N
    elif quantity in ("db", "b_updated"):
        size, stride = N, 1
    else:
        size, stride = N * M, M
    return Blocks(start + layer * size, rows, columns, np.broadcast_to(stride, rows.shape))


WITHOUT_LAYERS = ("dX", "Y")


class _Packing:
    """Arrays of one stack, filled from the cases' own."""

    def __init__(self, shapes: Shapes, bucket: Bucket) -> None:
        self._shapes, self._bucket = shapes, bucket
        self._places = np.arange(len(shapes.depths))
        self.owners, self.layers = shapes.layers()

    def put(self, padded: Any, quantity: str, matrices: Iterable[Any]) -> None:
        """The matrices, one a case, or one a layer case by case, into their places."""
        cases, l = (self._places, 0) if quantity in WITHOUT_LAYERS else (self.owners, self.layers)
        if quantity == "Y":
            l = self._shapes.depths
        at = blocks(self._bucket, self._shapes, quantity, l, cases, cases)
        padded.reshape(-1)[at.positions] = np.concatenate(list(matrices), axis=None)


def pack_cases(
    cases: Sequence[Case],
    shapes: Shapes,
    bucket: Bucket,
    dtype: np.dtype[Any],
    divisor: Callable[[Case], int],
) -> Arrays:
    """The cases as one stack, in `dtype`; places that are left over have depth 0."""
    D, N, M, S = bucket
    packed = _pack_common(cases, shapes, bucket, dtype, divisor)
    packed |= {
        "W": np.zeros((S, D, N, N), dtype),
        "b": np.zeros((S, D, N, 1), dtype),
        "X": np.zeros((S, N, M), dtype),
        "rate": np.zeros(S, dtype),
    }
    layers = [layer for case in cases for layer in case.network.layers]
    into = _Packing(shapes, bucket)
    into.put(packed["W"], "dW", (layer.W for layer in layers))
    into.put(packed["b"], "db", (layer.b for layer in layers))
    into.put(packed["X"], "dX", (case.X for case in cases))
    packed["rate"][: len(cases)] = [case.learning_rate for case in cases]
    return packed


def _pack_common(
    cases: Sequence[Case],
    shapes: Shapes,
    bucket: Bucket,
    dtype: np.dtype[Any],
    divisor: Callable[[Case], int],
) -> Arrays:
    """Sizes, functions and targets."""
    D, N, M, S = bucket
    packed = {
        "depth": np.zeros(S, "int32"),
        "samples": np.zeros(S, "int32"),
        "widths": np.zeros((S, D + 1), "int32"),
        "activations": np.zeros((S, D), "int32"),
        "parameters": np.zeros((S, D, _PARAMETERS), dtype),
        "loss": np.zeros(S, "int32"),
        "loss_parameters": np.zeros((S, _PARAMETERS), dtype),
        "loss_arrays": np.zeros((S, _ARRAYS, N, M), dtype),
        "divisor": np.ones(S, dtype),
        "Y": np.zeros((S, N, M), dtype),
    }
    count, into = len(cases), _Packing(shapes, bucket)
    packed["depth"][:count], packed["samples"][:count] = shapes.depths, shapes.samples
    packed["widths"][:count, : shapes.depth + 1] = shapes.widths
    packed["divisor"][:count] = [divisor(case) for case in cases]
    into.put(packed["Y"], "Y", (case.Y for case in cases))
    activations = [layer.activation for case in cases for layer in case.network.layers]
    k, l = into.owners, into.layers - 1
    packed["activations"][k, l] = [ACTIVATION_INDEX[spec.name] for spec in activations]
    for place, spec in enumerate(activations):
        if spec.parameters:
            packed["parameters"][k[place], l[place]] = parameter_vector(spec)
    losses = [case.network.loss for case in cases]
    packed["loss"][:count] = [LOSS_INDEX[loss.name] for loss in losses]
    for place, loss in enumerate(losses):
        if loss.parameters:
            packed["loss_parameters"][place] = parameter_vector(loss)
        for padded, array in zip(packed["loss_arrays"][place], loss.entry.arrays, strict=False):
            padded[: cases[place].Y.shape[0], : cases[place].Y.shape[1]] = loss.arguments[array.name]
    return packed


def unpacked(cases: Sequence[Case], shapes: Shapes, found: Stacks, results: Sequence[Arrays]) -> TraceBatch:
    """The traces of the cases, which stand in these stacks one after the other."""
    counts = [len(positions) for _, positions in found]
    stack_of = np.repeat(np.arange(len(found)), counts)
    places = segments(np.zeros(len(found), dtype=np.int64), np.array(counts))
    buckets = np.array([bucket for bucket, _ in found]).T[:, stack_of]
    padded = {
        quantity: np.concatenate([result[quantity] for result in results], axis=None)
        for quantity in QUANTITIES
    }
    padded["loss"] = np.concatenate(
        [result["loss"][:count] for result, count in zip(results, counts, strict=True)]
    )
    starts = {}
    for quantity in QUANTITIES:
        ends = np.cumsum([result[quantity].size for result in results])
        starts[quantity] = np.concatenate([[0], ends[:-1]])[stack_of]

    def where(quantity: str, l: int, members: Any) -> Blocks:
        own = buckets[:, members], shapes, quantity, l, members, places[members]
        return blocks(*own, starts[quantity][members])

    return padded_traces(cases, shapes, padded, where)
