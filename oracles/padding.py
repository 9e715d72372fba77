"""Matrices of many cases padded to a few sizes, so that one product serves all cases of a size.

Padding makes no difference to what is read out of it: a product of padded matrices has each case's own
product in its upper left corner, as long as the padding of both factors is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .shapes import Blocks, Shapes

# Sizes as random cases have them; beyond these, powers of two.
_WIDTHS, _SAMPLES = (8, 32, 64), (8, 16, 32)


class Stack(NamedTuple):
    """Neighbours in a padded layer: so many cases, whose matrices are (width, width) and (width, samples)."""

    cases: int
    width: int
    samples: int


class Padding:
    """Cases parted by size, those of one size sorted by depth, the deepest first.

    Layer l = 0 … depth of every quantity is one flat array: the stacks of the cases that have it, end to end.
    The layers follow each other.
    """

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._widths = _rounded(shapes.widths.max(axis=1, initial=1), _WIDTHS)
        self._samples = _rounded(shapes.samples, _SAMPLES)
        sizes, self._stack = np.unique(
            np.stack([self._widths, self._samples], axis=1), axis=0, return_inverse=True
        )
        self._stack = self._stack.reshape(-1)
        order = np.lexsort((-shapes.depths, self._stack))
        self._rank = np.empty(len(order), dtype=np.int64)
        stack_of = self._stack[order]
        self._rank[order] = np.arange(len(order)) - np.searchsorted(stack_of, stack_of)
        counts = np.array(
            [
                np.bincount(self._stack[shapes.depths >= l], minlength=len(sizes))
                for l in range(shapes.depth + 1)
            ]
        )
        self.stacks = tuple(
            tuple(Stack(int(n), int(size[0]), int(size[1])) for n, size in zip(row, sizes, strict=True))
            for row in counts
        )
        """For each layer 0 … depth, how many cases of each size have it."""
        width, samples = sizes[:, 0], sizes[:, 1]
        present = np.minimum(np.arange(shapes.depth + 1), 1)[:, None]  # layer 0 has no W and b
        self._lengths = {
            "W": counts * width**2 * present,
            "b": counts * width * present,
            "Z": counts * width * samples,
        }
        ends = {kind: np.cumsum(each.reshape(-1)).reshape(each.shape) for kind, each in self._lengths.items()}
        self._starts = {kind: ends[kind] - each for kind, each in self._lengths.items()}

    def lengths(self, kind: str) -> list[list[int]]:
        """How long each stack of each layer is, for "W", "b" or "Z" (and A, δ, X)."""
        found: list[list[int]] = self._lengths[kind].tolist()
        return found

    def begin(self, kind: str, l: int) -> int:
        """Where layer l begins."""
        return int(self._starts[kind][l, 0])

    def blocks(self, quantity: str, l: Any, cases: Any) -> Blocks:
        """Where the matrices of a quantity of layer l are, of cases that have it; l may be one a case."""
        kind = {"dW": "W", "db": "b"}.get(quantity, "Z")
        width, samples = self._widths[cases], self._samples[cases]
        size, stride = {
            "W": (width * width, width),
            "b": (width, np.ones_like(width)),
            "Z": (width * samples, samples),
        }[kind]
        start = self._starts[kind][l, self._stack[cases]] + self._rank[cases] * size
        return Blocks(start, *self.shapes.matrix(quantity, l, cases), stride)


def _rounded(sizes: Any, steps: tuple[int, ...]) -> Any:
    """The next of the steps, or power of two."""
    powers = 2 ** np.ceil(np.log2(np.maximum(sizes, 1))).astype(np.int64)
    ladder = np.array(steps)
    return np.where(
        sizes <= steps[-1], ladder[np.minimum(np.searchsorted(ladder, sizes), len(steps) - 1)], powers
    )
