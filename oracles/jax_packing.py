"""How cases get into JAX's compiled programs, and answers out: stacks of arrays padded to a bucket.

NumPy only. Whatever stands in the padding makes no difference to the programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from refimpl import (
    ACTIVATIONS,
    LOSSES,
    QUANTITIES,
    Case,
    Trace,
    quantity_shape,
)

from .oracle import StepInputs, StepValues

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

    def holds(self, case: Case) -> bool:
        """Whether the case fits in."""
        network = case.network
        return (
            network.depth <= self.depth and max(network.widths) <= self.width and case.samples <= self.batch
        )


# Sizes as random cases have them. A stack is as large as makes a case no cheaper in a larger one: measured.
BUCKETS = (
    Bucket(depth=4, width=16, batch=8, stack=32),
    Bucket(depth=8, width=32, batch=16, stack=32),
    Bucket(depth=8, width=64, batch=32, stack=8),
)


def bucket_of(case: Case) -> Bucket:
    """The first bucket that holds the case; for larger ones, powers of two, one case a call."""
    for bucket in BUCKETS:
        if bucket.holds(case):
            return bucket
    sizes = (case.network.depth, max(case.network.widths), case.samples)
    depth, width, batch = (1 << (size - 1).bit_length() for size in sizes)
    return Bucket(depth, width, batch, stack=1)


def stacks(cases: Sequence[Case], dtype: str | None) -> Iterator[tuple[Bucket, np.dtype[Any], list[int]]]:
    """All positions in `cases`, parted into stacks of one bucket and dtype."""
    groups: dict[tuple[Bucket, np.dtype[Any]], list[int]] = {}
    for position, case in enumerate(cases):
        groups.setdefault((bucket_of(case), np.dtype(dtype or case.dtype)), []).append(position)
    for (bucket, computed_in), positions in groups.items():
        for start in range(0, len(positions), bucket.stack):
            yield bucket, computed_in, positions[start : start + bucket.stack]


def argument_names(entry: Any) -> tuple[str, ...]:
    """The names of an entry's parameters, then of a loss's arrays."""
    return tuple(each.name for each in (*entry.parameters, *getattr(entry, "arrays", ())))


def parameter_vector(spec: Any) -> Any:
    """The parameters of an activation or loss, padded."""
    vector = np.zeros(_PARAMETERS)
    vector[: len(spec.parameters)] = [spec.parameters[p.name] for p in spec.entry.parameters]
    return vector


def pack_steps(steps: Sequence[StepInputs], bucket: Bucket, divisor: Callable[[Case], int]) -> Arrays:
    """The inputs of single steps as one stack, in float64."""
    D, N, M, S = bucket
    packed = _pack_common([step.case for step in steps], bucket, np.dtype("float64"), divisor)
    packed |= {"Z": np.zeros((S, D, N, M)), "dA": np.zeros((S, D, N, M)), "A_last": np.zeros((S, N, M))}
    for k, step in enumerate(steps):
        _put(packed["A_last"][k], step.A_last)
        for l, Z in enumerate(step.Z):
            _put(packed["Z"][k, l], Z)
        for l, dA in enumerate(step.dA):
            _put(packed["dA"][k, l], dA)
    return packed


def pack_cases(
    cases: Sequence[Case], bucket: Bucket, dtype: np.dtype[Any], divisor: Callable[[Case], int]
) -> Arrays:
    """The cases as one stack, in `dtype`; places that are left over have depth 0."""
    D, N, M, S = bucket
    packed = _pack_common(cases, bucket, dtype, divisor)
    packed |= {
        "W": np.zeros((S, D, N, N), dtype),
        "b": np.zeros((S, D, N, 1), dtype),
        "X": np.zeros((S, N, M), dtype),
        "rate": np.zeros(S, dtype),
    }
    for k, case in enumerate(cases):
        packed["rate"][k] = case.learning_rate
        _put(packed["X"][k], case.X)
        for l, layer in enumerate(case.network.layers):
            _put(packed["W"][k, l], layer.W)
            _put(packed["b"][k, l], layer.b)
    return packed


def _pack_common(
    cases: Sequence[Case], bucket: Bucket, dtype: np.dtype[Any], divisor: Callable[[Case], int]
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
    for k, case in enumerate(cases):
        network = case.network
        packed["depth"][k] = network.depth
        packed["samples"][k] = case.samples
        packed["widths"][k, : network.depth + 1] = network.widths
        packed["loss"][k] = LOSS_INDEX[network.loss.name]
        packed["loss_parameters"][k] = parameter_vector(network.loss)
        packed["divisor"][k] = divisor(case)
        for padded, array in zip(packed["loss_arrays"][k], network.loss.entry.arrays, strict=False):
            value = network.loss.arguments[array.name]
            _put(padded, np.broadcast_to(value, (network.widths[-1], case.samples)))
        _put(packed["Y"][k], case.Y)
        for l, layer in enumerate(network.layers):
            packed["activations"][k, l] = ACTIVATION_INDEX[layer.activation.name]
            if layer.activation.parameters:
                packed["parameters"][k, l] = parameter_vector(layer.activation)
    return packed


def _put(padded: Any, array: Any) -> None:
    padded[: array.shape[0], : array.shape[1]] = array


def _cut(padded: Any, rows: int, columns: int) -> Any:
    # A copy: a view would keep the whole stack alive.
    return padded[:rows, :columns].copy()


def unpack_trace(results: Arrays, place: int, case: Case) -> Trace:
    """The trace of the case at one place of a stack."""
    values: Arrays = {}
    for quantity, per_layer in QUANTITIES.items():
        padded = results[quantity][place]
        if per_layer:
            values[quantity] = tuple(
                _cut(padded[l - 1], *quantity_shape(case, quantity, l))
                for l in range(1, case.network.depth + 1)
            )
        elif padded.ndim:
            values[quantity] = _cut(padded, *quantity_shape(case, quantity, None))
        else:
            values[quantity] = padded
    return Trace(**values)


def unpack_step(results: Arrays, place: int, case: Case) -> StepValues:
    """The values of the steps at one place of a stack."""

    def per_layer(quantity: str) -> tuple[Any, ...]:
        return tuple(
            _cut(padded, outputs, case.samples)
            for padded, outputs in zip(results[quantity][place], case.network.widths[1:], strict=False)
        )

    return StepValues(
        A=per_layer("A"),
        loss=float(results["loss"][place]),
        dA_last=_cut(results["dA_last"][place], case.network.widths[-1], case.samples),
        delta=per_layer("delta"),
    )
